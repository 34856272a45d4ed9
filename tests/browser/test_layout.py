"""The face: everything that matters on one screen, reachable without a mouse, and still while it is worked on."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import made
from tests.browser.desk import Desk

SCREENS = [(1280, 720), (1920, 1080)]
HAND = made.radiograph(1000, BodyPartExamined="HAND")
Picture = Callable[[str], None]


def lies_on_screen(place: Locator, page: Page) -> bool:
    box, screen = place.bounding_box(), page.viewport_size
    assert box is not None
    assert screen is not None
    return (
        min(box["x"], box["y"]) >= 0
        and box["x"] + box["width"] <= screen["width"]
        and box["y"] + box["height"] <= screen["height"]
    )


def has_horizontal_scrollbar(page: Page) -> bool:
    """Whether anything on the page is scrolled sideways, the page itself included."""
    return page.evaluate("""() => [...document.querySelectorAll("html, body, section, main, [data-testid]")]
        .some((part) => part.scrollWidth > part.clientWidth + 1
                        && ["auto", "scroll"].includes(getComputedStyle(part).overflowX))""")


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: f"{screen[0]}x{screen[1]}")
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_images_and_call_are_seen_without_scrolling(
    desk: Desk, picture: Picture, screen: tuple[int, int], theme: str
) -> None:
    page = desk.page
    page.set_viewport_size({"width": screen[0], "height": screen[1]})
    if theme == "light":
        choose_light(desk)
    desk.upload({"hand": HAND})
    call = desk.answer().get_by_role("heading", name="Fracture: positive")
    image, heated = desk.image("Hand"), desk.heated("Fracture")
    picture("reading")
    for place in (call, image, heated):
        expect(place).to_be_visible()
        assert lies_on_screen(place, page)
    assert not has_horizontal_scrollbar(page)
    assert_images_lead(page, image, heated)


def choose_light(desk: Desk) -> None:
    desk.press("Main menu")
    desk.page.get_by_role("menuitemradio", name="Light").click()
    desk.page.keyboard.press("Escape")


def assert_images_lead(page: Page, image: Locator, heated: Locator) -> None:
    left, right = image.bounding_box(), heated.bounding_box()
    assert left is not None
    assert right is not None
    assert page.viewport_size is not None
    assert (left["width"], left["height"]) == pytest.approx((right["width"], right["height"]), abs=0.5)
    assert left["width"] + right["width"] >= 0.6 * page.viewport_size["width"]


def test_on_a_portrait_screen_the_images_stand_one_below_the_other(desk: Desk, picture: Picture) -> None:
    page = desk.page
    page.set_viewport_size({"width": 1080, "height": 1920})
    desk.upload({"hand": HAND})
    call = desk.answer().get_by_role("heading", name="Fracture: positive")
    image, heated = desk.image("Hand"), desk.heated("Fracture")
    picture("reading")
    for place in (call, image, heated):
        assert lies_on_screen(place, page)
    above, below = image.bounding_box(), heated.bounding_box()
    assert above is not None
    assert below is not None
    assert below["x"] == above["x"]
    assert below["y"] >= above["y"] + above["height"]
    assert not has_horizontal_scrollbar(page)
    tools = page.get_by_role("toolbar", name="Viewer").get_by_role("button")
    assert len({box["y"] for each in tools.all() if (box := each.bounding_box())}) == 1


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: f"{screen[0]}x{screen[1]}")
def test_a_series_without_a_model_fits_too(desk: Desk, picture: Picture, screen: tuple[int, int]) -> None:
    desk.page.set_viewport_size({"width": screen[0], "height": screen[1]})
    desk.upload({str(number): content for number, content in enumerate(made.ct_series(5, 256))})
    image = desk.image("CT head")
    desk.answer("No model asked")
    picture("series")
    assert lies_on_screen(image, desk.page)
    assert not has_horizontal_scrollbar(desk.page)


def test_many_series_stand_one_below_the_other(desk: Desk, picture: Picture) -> None:
    bodies = ["CHEST", "HAND", "FOOT", "KNEE", "HIP", "SKULL", "ELBOW"]
    films = {
        body: made.radiograph(64, BodyPartExamined=body, SeriesInstanceUID=f"{made.SERIES_UID}.5.{number}")
        for number, body in enumerate(bodies)
    }
    desk.upload(films)
    desk.image()
    desk.wait()
    picture("list")
    series = desk.page.get_by_role("radiogroup", name="Series").get_by_role("radio")
    expect(series).to_have_count(len(bodies))
    boxes = [box for each in series.all() if (box := each.bounding_box())]
    assert len({box["x"] for box in boxes}) == 1
    assert [box["y"] for box in boxes] == sorted(box["y"] for box in boxes)


@pytest.mark.parametrize("screen", [*SCREENS, (1080, 1920)], ids=lambda screen: f"{screen[0]}x{screen[1]}")
def test_the_empty_desk_has_no_horizontal_scrollbar(desk: Desk, picture: Picture, screen: tuple[int, int]) -> None:
    desk.page.set_viewport_size({"width": screen[0], "height": screen[1]})
    desk.sees("Drop a study here, or try a sample")
    picture("empty")
    assert not has_horizontal_scrollbar(desk.page)


def test_every_control_is_reached_with_the_tabulator(desk: Desk) -> None:
    desk.upload({"hand": HAND})
    desk.heated("Fracture")
    reached = names_on_the_way(desk.page, steps=70)
    for name in ("Upload", "Try a sample", "Close the study", "Series|Hand", "Model", "Study facts", "Images",
                 "Pan", "Length", "Window", "Invert", "Reset", "Heatmap for", "Method", "Opacity", "Contour",
                 "Include the patient", "PNG", "JSON", "Report"):  # fmt: skip
        assert any(re.search(name, each) for each in reached), f"{name} is not among {reached}"


def names_on_the_way(page: Page, *, steps: int) -> list[str]:
    """Press the tabulator and note the name of whatever has the focus."""
    names = []
    page.mouse.click(640, 30)
    for _ in range(steps):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate("""() => {
                let here = document.activeElement;
                while (here.shadowRoot?.activeElement) here = here.shadowRoot.activeElement;
                const labels = here.labels ? [...here.labels].map((label) => label.innerText) : [];
                return [here.getAttribute("aria-label"), ...labels, here.innerText, here.placeholder]
                    .filter(Boolean).join(" ").slice(0, 80);
            }""")
        )
    return names


def test_focus_can_be_seen(desk: Desk) -> None:
    button = desk.page.get_by_role("button", name="Try a sample")
    before = button.evaluate("each => getComputedStyle(each).boxShadow + getComputedStyle(each).outline")
    for _ in range(20):
        desk.page.keyboard.press("Tab")
        if button.evaluate("each => each === document.activeElement"):
            break
    expect(button).to_be_focused()
    after = button.evaluate("each => getComputedStyle(each).boxShadow + getComputedStyle(each).outline")
    assert after != before


def test_images_stay_where_they_are_while_the_window_moves(desk: Desk) -> None:
    desk.upload({"hand": HAND})
    image = desk.image("Hand")
    desk.heated("Fracture")
    desk.wait()
    before = image.bounding_box()
    with desk.changing():
        desk.key("i")
    desk.wait()
    assert image.bounding_box() == before


def test_every_image_says_what_it_shows(desk: Desk) -> None:
    desk.upload({"hand": HAND})
    desk.heated("Fracture")
    nameless = desk.page.locator("main :is(img:not([alt], [role]), img[alt=''], canvas:not([aria-label]))")
    expect(nameless).to_have_count(0)
