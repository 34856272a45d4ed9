"""The viewer as a reader meets it: mouse, wheel, keys, and the pixels on its canvas."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from core.domain import VoiFunction, WindowLevel
from tests.serving import Server

TIMEOUT_MS = 60_000
expect.set_options(timeout=TIMEOUT_MS)

READ_CANVAS = """
(element, pane) => {
  const { canvas, context, view } = element.lightbox.panes[pane].pane
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height)
  let text = ""
  for (let i = 0; i < data.length; i += 32768) text += String.fromCharCode(...data.subarray(i, i + 32768))
  const place = { left: view.left, top: view.top, perRow: view.perRow, perColumn: view.perColumn }
  return { rows: canvas.height, columns: canvas.width, place, pixels: btoa(text) }
}
"""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is on a canvas: (rows, columns, 3) of uint8, and where the picture's corner lies on it."""

    pixels: NDArray[np.uint8]
    left: int
    top: int
    scale: float

    def beside(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the part of the canvas that shows the picture at its own size, and that part of the picture."""
        assert self.scale == 1.0, "compared at the picture's own size only"
        rows, columns = self.pixels.shape[:2]
        height, width = picture.shape[:2]
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = min(self.top + height, rows), min(self.left + width, columns)
        assert (bottom - top) * (right - left) > 1000
        part = picture[top - self.top : bottom - self.top, left - self.left : right - self.left]
        part = part if part.ndim == 3 else np.repeat(part[..., None], 3, axis=2)
        return self.pixels[top:bottom, left:right], part


class Bench:
    """A page with the viewer."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.server = server

    def open(self, **address: object) -> None:
        """Open a study and wait for its picture."""
        query = "&".join(f"{name}={value}" for name, value in address.items())
        self.page.goto(f"{self.server.url}/?{query}")
        self.wait_for_picture()

    @property
    def viewer(self) -> Locator:
        return self.page.locator(".viewer")

    def stage(self, pane: int = 0) -> Locator:
        return self.page.locator(".stage").nth(pane)

    def corner(self, place: str, pane: int = 0) -> str:
        """Return what is written in a corner: "top left"."""
        classes = ".".join(place.split())
        return self.stage(pane).locator(f".corner.{classes}").inner_text()

    def ask(self, script: str, argument: Any = None) -> Any:
        """Return what a function says of the program's viewer."""
        return self.viewer.evaluate(f"(element, argument) => ({script})(element.lightbox, argument)", argument)

    def until(self, script: str, argument: Any = None) -> None:
        """Wait until a function of the program's viewer holds."""
        deadline = time.monotonic() + TIMEOUT_MS / 1000
        while not self.ask(script, argument):
            assert time.monotonic() < deadline, script
            self.page.wait_for_timeout(30)

    def wait_for_picture(self) -> None:
        expect(self.viewer).to_be_visible(timeout=TIMEOUT_MS)
        self.until("v => v.panes.length > 0 && v.panes.every(s => s.pane.view && s.shown === v.seriesOf(s).index)")
        self.settle()

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def press(self, *keys: str) -> None:
        self.viewer.focus()
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def middle(self, pane: int = 0) -> tuple[float, float]:
        box = self.stage(pane).bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(
        self,
        dx: float,
        dy: float,
        *,
        button: str = "left",
        pane: int = 0,
        before_lift: Callable[[], None] | None = None,
    ) -> None:
        """Drag from the middle of a pane."""
        x, y = self.middle(pane)
        self.page.mouse.move(x, y)
        self.page.mouse.down(button=button)  # type: ignore[arg-type]
        self.page.mouse.move(x + dx / 2, y + dy / 2)
        self.page.mouse.move(x + dx, y + dy)
        self.settle()
        if before_lift:
            before_lift()
        self.page.mouse.up(button=button)  # type: ignore[arg-type]
        self.settle()

    def wheel(self, turned: float, *, pane: int = 0) -> None:
        x, y = self.middle(pane)
        self.page.mouse.move(x, y)
        self.page.mouse.wheel(0, turned)
        self.page.wait_for_timeout(50)
        self.settle()

    def see(self, pane: int = 0) -> Seen:
        """Return what is on a canvas."""
        self.settle()
        told = self.viewer.evaluate(READ_CANVAS, pane)
        pixels = np.frombuffer(base64.b64decode(told["pixels"]), np.uint8).reshape(told["rows"], told["columns"], 4)
        place = told["place"]
        assert place["perRow"] == place["perColumn"]
        return Seen(pixels[..., :3], place["left"], place["top"], place["perRow"])

    def window(self) -> WindowLevel:
        """Return the window that the first pane's image is shown with."""
        told: dict[str, Any] = self.ask("v => v.active().look.on(v.frame()).voi")
        return WindowLevel(told["center"], told["width"], VoiFunction(told["function"]))

    def shows(self, picture: NDArray[np.uint8], pane: int = 0) -> None:
        """Assert that a canvas shows a picture at its own size, pixel by pixel."""
        canvas, expected = self.see(pane).beside(picture)
        assert np.array_equal(canvas, expected), int(np.abs(canvas.astype(int) - expected).max())

    def told(self) -> dict[str, Any] | None:
        """Return the state that the page was told."""
        text = self.page.get_by_text("state ").inner_text()
        state: dict[str, Any] | None = json.loads(text.removeprefix("state "))
        return state

    def measured(self) -> str:
        """Return what the measure on the picture says."""
        return " ".join(self.page.locator(".measure text tspan").all_text_contents())

    def runs(self) -> int:
        """Return how often the page's script has run."""
        return int(self.page.get_by_text("runs ").inner_text().split()[1])
