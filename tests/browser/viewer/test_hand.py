"""Mouse, wheel, keys and page: what a reader does, and what travels while they do it."""

from __future__ import annotations

import re
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import Browser, Request, WebSocket, expect

from tests.browser.viewer.bench import Bench

COUNT_CLEARING = """
const { pane } = v.panes[0]
const clear = pane.clear
pane.clear = function () { v.element.cleared++; clear.call(this) }
"""
PLACE = "v => [v.place.zoom, v.place.down, v.place.across]"


class Traffic:
    """Bytes on the page's WebSocket, and requests for pixels."""

    def __init__(self, bench: Bench) -> None:
        self.frames: list[int] = []
        self.pixels: list[Request] = []
        bench.page.on("websocket", self._listen)
        bench.page.on(
            "request", lambda request: self.pixels.append(request) if "/viewer/pixels/" in request.url else None
        )

    def _listen(self, socket: WebSocket) -> None:
        for event in ("framesent", "framereceived"):
            socket.on(event, lambda payload: self.frames.append(len(payload)))


def test_nothing_travels_while_the_hand_moves_and_the_state_when_it_is_lifted(bench: Bench) -> None:
    traffic = Traffic(bench)
    bench.open(study="ct")
    bench.until("v => v.active().frames.known.size === 9")
    bench.page.wait_for_timeout(500)
    during: list[int] = []
    traffic.frames.clear()
    bench.drag(80, 20, before_lift=lambda: during.extend(traffic.frames))
    assert during == []
    expect(bench.page.get_by_text("state ")).to_contain_text("Manual")
    told = bench.told()
    shown = bench.ask("v => v.active().look.window")
    assert told["window"] == shown
    assert traffic.frames


def test_a_rerun_reloads_nothing_and_does_not_flicker(bench: Bench) -> None:
    traffic = Traffic(bench)
    bench.open(study="ct")
    bench.until("v => v.active().frames.known.size === 9")
    bench.drag(30, 0)
    expect(bench.page.get_by_text("state ")).to_contain_text("Manual")
    before, asked, runs = bench.see().pixels, len(traffic.pixels), bench.runs()
    bench.viewer.evaluate("element => { element.kept = true; element.cleared = 0 }")
    bench.ask("(v, script) => new Function('v', script)(v)", COUNT_CLEARING)
    bench.page.get_by_role("button", name="Run again").click()
    expect(bench.page.get_by_text(f"runs {runs + 1}", exact=True)).to_be_visible()
    bench.settle()
    assert bench.viewer.evaluate("element => element.kept")
    assert bench.viewer.evaluate("element => element.cleared") == 0
    assert len(traffic.pixels) == asked == 9
    assert (bench.see().pixels == before).all()


def test_the_wheel_scrolls_and_the_page_is_told(bench: Bench) -> None:
    bench.open(study="ct")
    assert bench.corner("top right").startswith("Slice 5 / 9")
    bench.wheel(100)
    bench.wheel(100)
    bench.until("v => v.panes[0].shown === 6")
    assert bench.corner("top right").startswith("Slice 7 / 9")
    expect(bench.page.get_by_text("state ")).to_contain_text('"frame": 6')
    bench.press("PageUp")
    bench.until("v => v.panes[0].shown === 0")
    bench.press("End")
    bench.until("v => v.panes[0].shown === 8")


def test_zoom_pan_and_fit(bench: Bench) -> None:
    bench.open(study="ct", heat=1)
    x, y = bench.middle()
    bench.page.mouse.move(x + 50, y - 30)
    bench.page.keyboard.down("Control")
    bench.page.mouse.wheel(0, -240)
    bench.page.keyboard.up("Control")
    bench.until("v => Math.abs(v.place.zoom - 2) < 1e-9")
    before = bench.ask(PLACE)
    bench.drag(40, 25, button="middle")
    zoom, down, across = bench.ask(PLACE)
    assert zoom == before[0]
    assert down < before[1]
    assert across < before[2]
    linked = bench.ask("v => v.panes.map(({ pane }) => [pane.view.left, pane.view.top])")
    assert linked[0] == linked[1]
    bench.page.keyboard.down("Shift")
    bench.drag(-40, -25)
    bench.page.keyboard.up("Shift")
    assert bench.ask(PLACE) == pytest.approx(before)
    bench.stage().dblclick()
    bench.until("v => v.place.zoom === 1 && v.place.down === 0.5")


def test_one_picture_is_zoomed_by_the_wheel(bench: Bench) -> None:
    bench.open(study="dx.dcm")
    bench.wheel(-240)
    bench.until("v => Math.abs(v.place.zoom - 2) < 1e-9")


def test_a_length_is_in_mm_where_the_spacing_is_known(bench: Bench) -> None:
    bench.open(study="ct")
    bench.press("0", "l")
    bench.drag(60, 80)
    # 100 pixels of 0.9 mm
    assert bench.measured() == "90.0 mm"
    bench.press("Delete")
    assert bench.page.locator(".measure").count() == 0


def test_a_length_is_in_pixels_where_it_is_not(bench: Bench) -> None:
    bench.open(study="us.dcm")
    bench.press("0", "l")
    bench.drag(30, 40)
    assert bench.measured() == "50.0 px"


def test_a_region_tells_its_statistics(bench: Bench) -> None:
    bench.open(study="ct")
    bench.press("0", "b")
    bench.drag(20, 20)
    found = bench.measured()
    assert re.search(r"mean .* ± .* HU", found)
    assert "400 pixels" in found


def test_an_angle_takes_three_points(bench: Bench) -> None:
    bench.open(study="ct")
    bench.press("0", "a")
    x, y = bench.middle()
    mouse = bench.page.mouse
    mouse.move(x + 60, y)
    mouse.down()
    mouse.move(x, y)
    mouse.up()
    mouse.move(x + 40, y - 40)
    mouse.down()
    mouse.move(x, y - 50)
    mouse.up()
    bench.settle()
    assert bench.measured() == "90.0°"


def test_the_probe_tells_place_and_value(bench: Bench) -> None:
    bench.open(study="ct")
    bench.press("0", "Home")
    bench.until("v => v.panes[0].shown === 0")
    box = bench.stage().bounding_box()
    place = bench.see()
    bench.page.mouse.move(box["x"] + place.left + 3.5, box["y"] + place.top + 2.5)
    expect(bench.stage().locator(".probe")).to_have_text(re.compile(r"x 3\s+y 2\s*−1000 HU"))


def test_letters_scale_bar_and_warning_are_on_the_picture(bench: Bench) -> None:
    bench.open(study="ct")
    assert [bench.stage().locator(f".edge.{side}").inner_text() for side in ("left", "right", "top", "bottom")] == list(
        "RLAP"
    )
    assert bench.stage().locator(".bar").inner_text().strip().endswith("cm")
    assert "Not for diagnostic use" in bench.corner("bottom right")


def test_heat_is_shown_over_its_own_slice_only(bench: Bench) -> None:
    bench.open(study="ct", heat=1)
    caption = bench.page.locator("figcaption").nth(1)
    expect(caption).to_contain_text("logit")
    bench.press("ArrowDown")
    bench.until("v => v.panes[1].shown === 5")
    expect(caption).to_contain_text("The heatmap is that of image 5")
    assert bench.ask("v => v.heatOn(v.panes[1])") is None


def test_the_contour_and_the_other_label(bench: Bench) -> None:
    bench.open(study="ct", heat=1)
    plain = bench.see(pane=1).pixels
    bench.press("c")
    line = (bench.see(pane=1).pixels == (0, 229, 255)).all(axis=2)
    assert line.sum() > 100
    assert not (plain == (0, 229, 255)).all(axis=2).any()
    bench.page.get_by_label("Heatmap for").select_option("Effusion")
    bench.settle()
    moved = (bench.see(pane=1).pixels == (0, 229, 255)).all(axis=2)
    assert moved.nonzero()[0].mean() > line.nonzero()[0].mean(), "the blob upside down lies lower"


def test_cine_plays_and_stops(bench: Bench) -> None:
    bench.open(study="us.dcm")
    start = bench.ask("v => v.active().index")
    bench.press(" ")
    bench.until("(v, start) => v.active().index !== start", start)
    bench.press("Escape")
    assert not bench.ask("v => v.cine.isPlaying")


def test_the_sheet_of_keys_comes_and_goes(bench: Bench) -> None:
    bench.open(study="ct")
    bench.press("?")
    expect(bench.page.get_by_role("dialog", name="Mouse and keys")).to_be_visible()
    bench.press("Escape")
    expect(bench.page.get_by_role("dialog", name="Mouse and keys")).to_have_count(0)


def test_two_studies_scroll_together_by_mm(bench: Bench) -> None:
    bench.open(study="ct", compare="volume.nii.gz")
    place = "v => [...v.series.values()].map(({ index, told }) => told.along.mm[index])"
    before = bench.ask(place)
    bench.press("ArrowDown", "ArrowDown")
    bench.until("v => v.panes[0].shown === 6")
    moved = [abs(now - then) for now, then in zip(bench.ask(place), before, strict=True)]
    # The volume's slices lie closer together than those of the series.
    assert moved[0] > 0
    assert moved[1] == pytest.approx(moved[0], abs=0.6)


def test_scores_are_drawn_and_lead_to_the_highest(bench: Bench) -> None:
    bench.open(study="ct", scores=1)
    assert (
        "Opacity: highest 0.90 at slice 3, 2 at or over 0.60, 8 of 9 scored"
        in bench.page.locator(".scores").inner_text()
    )
    bench.press("m")
    bench.until("v => v.panes[0].shown === 2")
    box = bench.page.locator(".plot").bounding_box()
    bench.page.mouse.click(box["x"] + box["width"] - 7, box["y"] + 20)
    bench.until("v => v.panes[0].shown === 8")
    expect(bench.page.get_by_text("state ")).to_contain_text('"frame": 8')


def test_the_page_can_jump_to_a_slice_once(bench: Bench) -> None:
    bench.open(study="ct")
    bench.page.get_by_role("button", name="First slice").click()
    bench.until("v => v.panes[0].shown === 0")
    bench.press("ArrowDown")
    runs = bench.runs()
    bench.page.get_by_role("button", name="Run again").click()
    expect(bench.page.get_by_text(f"runs {runs}", exact=True)).to_have_count(0)
    assert bench.ask("v => v.active().index") == 1


def test_touch_windows_with_one_finger_and_zooms_with_two(browser: Browser, bench: Bench) -> None:
    bench.open(study="ct")
    session = bench.page.context.new_cdp_session(bench.page)
    x, y = bench.middle()

    def touch(kind: str, *points: tuple[float, float]) -> None:
        told = [{"x": px, "y": py, "id": i} for i, (px, py) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": told})

    touch("touchStart", (x, y))
    touch("touchMove", (x + 60, y))
    touch("touchEnd")
    bench.until("v => v.active().look.preset === 'Manual'")
    width = bench.ask("v => v.active().look.window.width")
    touch("touchStart", (x - 40, y))
    touch("touchStart", (x - 40, y), (x + 40, y))
    touch("touchMove", (x - 80, y), (x + 80, y))
    touch("touchEnd")
    bench.until("v => v.place.zoom > 1.5")
    assert bench.ask("v => v.active().look.window.width") == width


@pytest.mark.parametrize("ratio", [1, 2])
def test_the_canvas_is_as_fine_as_the_screen(browser: Browser, bench: Bench, ratio: int) -> None:
    context = browser.new_context(device_scale_factor=ratio, viewport={"width": 1000, "height": 700})
    sharp = Bench(context.new_page(), bench.server)
    sharp.open(study="ct")
    box = sharp.stage().bounding_box()
    assert abs(sharp.see().pixels.shape[1] - ratio * box["width"]) <= 2 * ratio
    context.close()


# ── Who gets pixels ───────────────────────────────────────────────────────────────────────────────────────────────


def test_pixels_are_for_this_session_and_this_browser_only(bench: Bench, complaints: list[str]) -> None:
    traffic = Traffic(bench)
    bench.open(study="ct")
    bench.until("v => v.active().frames.known.size === 9")
    request = traffic.pixels[0]
    token = request.headers["lightbox-token"]
    assert token not in request.url
    assert re.fullmatch(r".*/viewer/pixels/\d", request.url)
    assert request.response().headers["cache-control"] == "no-store"
    stolen = urllib.request.Request(request.url, headers={"Lightbox-Token": token})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(stolen)
    fetched = "([url, token]) => fetch(url, { headers: { 'Lightbox-Token': token } }).then((answer) => answer.status)"
    assert bench.page.evaluate(fetched, [request.url, token]) == 200
    assert bench.page.evaluate(fetched, [request.url, "x" * 43]) == 403
    complaints.clear()  # the browser complains of the 403 that was wanted


def test_a_closed_study_is_revoked(bench: Bench, complaints: list[str]) -> None:
    traffic = Traffic(bench)
    bench.open(study="ct")
    request = traffic.pixels[0]
    token = request.headers["lightbox-token"]
    bench.page.get_by_role("button", name="Close").click()
    expect(bench.viewer).to_have_count(0)
    fetched = "([url, token]) => fetch(url, { headers: { 'Lightbox-Token': token } }).then((answer) => answer.status)"
    assert bench.page.evaluate(fetched, [request.url, token]) == 403
    assert token not in bench.server.log_text()
    complaints.clear()  # the browser complains of the 403 that was wanted


def test_an_expired_token_is_renewed(bench: Bench, complaints: list[str]) -> None:
    bench.open(study="ct")
    bench.until("v => v.active().frames.known.size === 9")
    token = bench.ask("v => { const { frames } = v.active(); frames.forget(0); return frames.token }")
    # The run that ends the tokens also hands out a new one; the browser still has the old one for a moment.
    bench.page.get_by_role("button", name="Expire").click()
    bench.until("(v, token) => v.active().frames.token !== token", token)
    bench.ask("(v, token) => { v.active().frames.token = token }", token)
    bench.press("Home")
    bench.until("v => v.panes[0].shown === 0")
    complaints.clear()  # of the 403 that showed that the old token had ended


def test_without_the_program_the_page_knows(bench: Bench, complaints: list[str]) -> None:
    bench.page.route("**/viewer/program/**", lambda route: route.abort())
    bench.page.goto(f"{bench.server.url}/?study=ct")
    expect(bench.page.get_by_text("state null")).to_be_visible()
    complaints.clear()
