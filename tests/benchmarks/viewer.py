"""Viewer: what a hand on the mouse waits for, measured in headless Chromium without a graphics card.

A redraw is the program's whole work for one picture of the screen, up to the finished pixels: reading one of them back
makes the browser draw what it would else put off. Each is done with another window, so nothing is remembered.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Request, WebSocket, sync_playwright

from tests import made
from tests.benchmarks.measure import Figure, say
from tests.browser.chromium import find_chromium
from tests.browser.viewer.bench import Bench
from tests.serving import CHECKOUT, Server, serve

APP = CHECKOUT / "tests" / "browser" / "viewer" / "app.py"
SCREEN = {"width": 1920, "height": 1080}
SLICES = 300
UPLOAD_TIMEOUT_MS = 180_000

REDRAWS = """
async (viewer, { count, heat }) => {
  const look = viewer.active().look
  const flush = () => viewer.panes.forEach(({ pane }) => pane.context.getImageData(0, 0, 1, 1))
  const times = []
  for (let i = 0; i < count + 5; i++) {
    look.preset = "Manual"
    look.window = { center: 1500 + 10 * i, width: 2000 + 5 * i, function: "LINEAR" }
    if (heat) viewer.panes.forEach(({ pane }) => (pane.overlayKey = ""))
    const began = performance.now()
    viewer.draw()
    flush()
    times.push(performance.now() - began)
    await new Promise(requestAnimationFrame)
  }
  return times.slice(5)
}
"""
SLICE_CHANGES = """
async (viewer, count) => {
  const { pane } = viewer.panes[0]
  const times = []
  for (let i = 0; i < count; i++) {
    const began = performance.now()
    viewer.goTo(i % viewer.active().told.frames)
    viewer.draw()
    pane.context.getImageData(0, 0, 1, 1)
    times.push(performance.now() - began)
    await new Promise(requestAnimationFrame)
  }
  return times
}
"""
NOTE_EVENTS = """
(viewer) => {
  viewer.waits = []
  const note = (event) =>
    requestAnimationFrame(() => requestAnimationFrame(() => viewer.waits.push(performance.now() - event.timeStamp)))
  viewer.panes[0].pane.stage.addEventListener("pointermove", note, { capture: true })
}
"""


def figures() -> list[Figure]:
    """Measure everything; some minutes on two cores."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        studies = Path(folder) / "studies"
        write_studies(studies)
        with serve(APP, folder=Path(folder) / "server", environment={"LIGHTBOX_STUDIES": str(studies)}) as server:
            hand = [*redraws(browser, server), *dragging(browser, server), *slices(browser, server)]
        say(f"  a CT of {SLICES} slices")
        with serve(APP, folder=Path(folder) / "fresh", environment={"LIGHTBOX_STUDIES": str(studies)}) as server:
            return [*hand, *large_series(browser, server, studies / "ct300.zip")]


def write_studies(folder: Path) -> None:
    """Make a radiograph of 2048², a short CT series and a long one in a zip."""
    folder.mkdir()
    (folder / "dx.dcm").write_bytes(made.radiograph(2048, WindowCenter=1800, WindowWidth=3000))
    slices = made.ct_series(12, 512)
    (folder / "ct").mkdir()
    for number, content in enumerate(slices):
        (folder / "ct" / f"{number}.dcm").write_bytes(content)
    files = {f"{number}.dcm": content for number, content in enumerate(made.ct_series(SLICES, 512))}
    (folder / "ct300.zip").write_bytes(made.zipped(files))


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser of the browser tests."""
    is_root = sys.platform != "win32" and os.geteuid() == 0
    flags = ["--disable-gpu", *(["--no-sandbox"] if is_root else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        yield browser
        browser.close()


@contextmanager
def bench_of(browser: Browser, server: Server, *, ratio: float = 1, **address: object) -> Iterator[Bench]:
    """Open a page with the viewer."""
    context = browser.new_context(viewport=SCREEN, device_scale_factor=ratio)
    bench = Bench(context.new_page(), server)
    if address:
        bench.open(**address)
        bench.page.wait_for_timeout(500)
    yield bench
    context.close()


# ── The hand ──────────────────────────────────────────────────────────────────────────────────────────────────────


def redraws(browser: Browser, server: Server) -> list[Figure]:
    """Measure redraws of a radiograph of 2048² under a moving window."""
    say("  redraws")
    with bench_of(browser, server, study="dx.dcm") as bench:
        plain = median_of(bench, REDRAWS, {"count": 40, "heat": False})
        bench.press("0")
        own_size = median_of(bench, REDRAWS, {"count": 40, "heat": False})
    with bench_of(browser, server, study="dx.dcm", heat=1) as bench:
        heat = median_of(bench, REDRAWS, {"count": 40, "heat": True})
    with bench_of(browser, server, ratio=2, study="dx.dcm") as bench:
        fine = median_of(bench, REDRAWS, {"count": 40, "heat": False})
    return [
        Figure(
            "redraw_2048_ms", plain, "radiograph of 2048² fitted to a screen of 1920 × 1080: a step of the window", 8
        ),
        Figure("redraw_2048_own_size_ms", own_size, "the same, one pixel of the image on one of the screen"),
        Figure("redraw_2048_fine_screen_ms", fine, "the same on a screen of twice the density: all pixels are painted"),
        Figure("redraw_heatmap_2048_ms", heat, "image and, beside it, image with heatmap, both drawn anew", 20),
    ]


def dragging(browser: Browser, server: Server) -> list[Figure]:
    """Measure a drag by real mouse events: how long until the second frame, and what goes over the WebSocket."""
    say("  dragging")
    with bench_of(browser, server) as bench:
        sizes: list[int] = []
        bench.page.on("websocket", lambda socket: count_bytes(socket, sizes))
        bench.open(study="dx.dcm")
        bench.page.wait_for_timeout(1500)
        bench.ask(NOTE_EVENTS)
        x, y = bench.middle()
        bench.page.mouse.move(x, y)
        bench.page.mouse.down()
        sizes.clear()
        for step in range(60):
            bench.page.mouse.move(x + 2 * step, y - step)
            bench.page.wait_for_timeout(10)
        bench.settle()
        socket_bytes = sum(sizes)
        bench.page.mouse.up()
        waits = bench.ask("viewer => viewer.waits")
    return [
        Figure(
            "event_to_frame_ms", statistics.median(waits), "mouse event → second frame after it, median of a drag", 50
        ),
        Figure("drag_socket_bytes", socket_bytes, "bytes on the WebSocket during that drag", 0),
    ]


def count_bytes(socket: WebSocket, sizes: list[int]) -> None:
    """Note the size of everything that goes over a socket."""
    for event in ("framesent", "framereceived"):
        socket.on(event, lambda payload: sizes.append(len(payload)))


def slices(browser: Browser, server: Server) -> list[Figure]:
    """Measure the change from slice to slice of a CT that is in the browser."""
    say("  slices")
    with bench_of(browser, server, study="ct") as bench:
        bench.until("v => v.active().frames.known.size === 12")
        change = median_of(bench, SLICE_CHANGES, 60)
    return [Figure("slice_ms", change, "another slice of a CT of 512², fetched before", 8)]


def median_of(bench: Bench, script: str, argument: Any) -> float:
    """Return the median of the times that a function of the program's viewer measures."""
    return statistics.median(bench.ask(script, argument))


# ── A large series ────────────────────────────────────────────────────────────────────────────────────────────────


def large_series(browser: Browser, server: Server, path: Path) -> list[Figure]:
    """Measure an upload until its first slice is on the screen, and the server's memory when it is closed again."""
    with bench_of(browser, server) as bench:
        page = bench.page
        page.set_default_timeout(UPLOAD_TIMEOUT_MS)
        page.goto(server.url)
        # Opened and closed once before, so that libraries which are loaded for the first study do not count.
        open_and_close(bench, path.with_name("ct") / "0.dcm")
        before = resident_mb(server)
        arrived: list[float] = []
        page.on("requestfinished", lambda request: note_upload(request, arrived))
        began = time.perf_counter()
        page.locator('input[type="file"]').set_input_files(path)
        bench.wait_for_picture()
        shown = time.perf_counter()
        bench.until(f"v => v.active().frames.known.size === {SLICES}")
        loaded = time.perf_counter()
        peak = resident_mb(server)
        close(bench)
        after = resident_mb(server)
    size = path.stat().st_size / 2**20
    return [
        Figure(
            "ct300_first_slice_s", shown - arrived[0], f"zip of {size:.0f} MB has arrived → first slice is shown", 1
        ),
        Figure("ct300_transfer_s", arrived[0] - began, "the transfer before that, in the same machine"),
        Figure("ct300_all_slices_s", loaded - shown, f"first slice → all {SLICES} are in the browser"),
        Figure(
            "memory_before_mb",
            before,
            "memory of the server before, a small study having been open",
        ),
        Figure("memory_open_mb", peak, "memory of the server with the study open"),
        Figure("memory_after_over_before", after / before, "after the study is closed by before the upload", 1.2),
    ]


def open_and_close(bench: Bench, path: Path) -> None:
    """Upload a file, wait for its picture and close the study."""
    bench.page.locator('input[type="file"]').set_input_files(path)
    bench.wait_for_picture()
    close(bench)


def close(bench: Bench) -> None:
    """Close the study and wait until the server has given its memory back."""
    bench.page.get_by_role("button", name="Close").click()
    bench.page.locator(".viewer").wait_for(state="detached")
    bench.page.wait_for_timeout(3000)


def note_upload(request: Request, arrived: list[float]) -> None:
    """Note when the upload has arrived."""
    if request.method == "PUT" and "upload_file" in request.url:
        arrived.append(time.perf_counter())


def resident_mb(server: Server) -> float:
    """Return the resident memory of the server; NaN where the system does not tell."""
    try:
        status = Path(f"/proc/{server.process.pid}/status").read_text("ascii")
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))
