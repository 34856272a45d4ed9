"""What a reader does at the desk, in words: open, upload, choose, look. Tests say what must be seen."""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Download, Locator, Page, expect

from tests.serving import Server

ANSWER_TIMEOUT_MS = 120_000
"""An answer may wait for a model that is being loaded on a busy machine."""
SETTLED_MS = 300
"""A little longer than the viewer waits before it tells the page what keys have done."""
READ_PICTURE = """canvas => {
  const { view, context } = canvas.getRootNode().querySelector(".viewer").lightbox.panes.find(
    ({ pane }) => pane.canvas === canvas).pane
  const { rows, columns } = view.frame
  const [left, top] = [Math.max(0, view.left), Math.max(0, view.top)]
  const width = Math.min(canvas.width, Math.round(view.left + columns * view.perColumn)) - left
  const height = Math.min(canvas.height, Math.round(view.top + rows * view.perRow)) - top
  const { data } = context.getImageData(left, top, width, height)
  let text = ""
  for (let i = 0; i < data.length; i += 32768) text += String.fromCharCode(...data.subarray(i, i + 32768))
  return [height, width, btoa(text)]
}"""
"""What a pane of the viewer shows of its picture."""
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"][data-test-connection-state="CONNECTED"]'


class Desk:
    """One user's browser window on the running application."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.server = server

    def open(self, path: str = "/") -> None:
        """Open a page and wait until it is drawn."""
        self.page.goto(self.server.url + path)
        self.wait()

    def wait(self) -> None:
        """Wait until the script has run and nothing is being computed."""
        idle = self.page.locator(IDLE)
        while True:
            idle.wait_for(timeout=ANSWER_TIMEOUT_MS)
            # What was done a moment ago may be on its way to the server still.
            self.page.wait_for_timeout(SETTLED_MS)
            if idle.count():
                return

    def upload(self, files: Mapping[str, bytes] | Sequence[Path]) -> None:
        """Give files to the uploader, as a file dialogue would."""
        payload: list[dict[str, object]] | list[Path]
        if isinstance(files, Mapping):
            payload = [
                {"name": name, "mimeType": "application/octet-stream", "buffer": content}
                for name, content in files.items()
            ]
        else:
            payload = list(files)
        # The uploader of the last upload is taken away in the same run that shows what came of it.
        self.wait()
        self.page.locator('input[type="file"]').first.set_input_files(payload)  # type: ignore[arg-type]

    def sees(self, words: str | re.Pattern[str], *, timeout_ms: float = ANSWER_TIMEOUT_MS) -> Locator:
        """Assert that these words are on the page, and return where."""
        place = self.page.get_by_text(words).first
        expect(place).to_be_visible(timeout=timeout_ms)
        return place

    def does_not_see(self, words: str | re.Pattern[str]) -> None:
        """Assert that these words are nowhere on the page, visible or not."""
        expect(self.page.get_by_text(words)).to_have_count(0)

    def text(self) -> str:
        """Return all words on the page."""
        return self.page.locator("body").inner_text()

    def image(self, *words: str) -> Locator:
        """Wait for the plain image whose description has all these words (series, place, window), and return it."""
        return self._picture("Image, ", words)

    def heated(self, *words: str) -> Locator:
        """Wait for the second image, with or without a heatmap."""
        return self._picture("Image with", words)

    def _picture(self, start: str, words: Sequence[str]) -> Locator:
        canvas = "".join(f'[aria-label*="{word}"]' for word in words)
        still = "".join(f'[alt*="{word}"]' for word in words)
        picture = self.page.locator(f'canvas[aria-label^="{start}"]{canvas}, img[alt^="{start}"]{still}')
        expect(picture).to_be_visible(timeout=ANSWER_TIMEOUT_MS)
        return picture

    def answer(self, words: str | re.Pattern[str] = "") -> Locator:
        """Wait for the answer that has these words, and return it."""
        answer = self.page.get_by_role("region", name="Answer").filter(has_text=words)
        expect(answer).to_be_visible(timeout=ANSWER_TIMEOUT_MS)
        return answer

    def choose(self, control: str, option: str | re.Pattern[str]) -> None:
        """Choose an option of a select box, Streamlit's or the viewer's."""
        box = self.page.get_by_role("combobox", name=re.compile(re.escape(control))).first
        if box.evaluate("each => each.tagName") == "SELECT":
            names = [name for name in box.locator("option").all_inner_texts() if re.search(option, name)]
            box.select_option(label=names[0])
            return
        box.click()
        self.page.get_by_role("option", name=option).first.click()

    def switch(self, name: str) -> None:
        """Press a toggle or a checkbox by its label."""
        self.page.get_by_text(name, exact=True).first.click()

    def press(self, name: str | re.Pattern[str]) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name).first.click()

    def download(self, button: str | re.Pattern[str]) -> bytes:
        """Press a download button and return the file."""
        with self.page.expect_download() as waiting:
            self.press(button)
        download: Download = waiting.value
        return Path(download.path()).read_bytes()

    def key(self, *keys: str) -> None:
        """Press keys on the viewer."""
        self.page.locator(".viewer").focus()
        for key in keys:
            self.page.keyboard.press(key)
        # Two pictures of the screen later it is drawn.
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    @contextmanager
    def changing(self, start: str = "Image, ") -> Iterator[Locator]:
        """Do something that must change what a picture shows, and wait until it has."""
        picture = self.page.locator(f'canvas[aria-label^="{start}"], img[alt^="{start}"]')
        before = pixels_of(picture)
        yield picture
        deadline = time.monotonic() + ANSWER_TIMEOUT_MS / 1000
        while np.array_equal(pixels_of(picture), before):
            assert time.monotonic() < deadline, "the picture has not changed"
            self.page.wait_for_timeout(50)


def pixels_of(picture: Locator) -> NDArray[np.uint8]:
    """Return the pixels of an image on the page, (rows, columns, 3): as it was sent, or as the viewer shows it."""
    if picture.evaluate("each => each.tagName") == "CANVAS":
        rows, columns, text = picture.evaluate(READ_PICTURE)
        return np.frombuffer(base64.b64decode(text), np.uint8).reshape(rows, columns, 4)[..., :3]
    _, _, encoded = (picture.get_attribute("src") or "").partition("base64,")
    return decoded(base64.b64decode(encoded))


def decoded(content: bytes) -> NDArray[np.uint8]:
    """Return the pixels of an encoded picture, (rows, columns, 3)."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def colourfulness(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return how far each pixel is from gray, (rows, columns), 0 to 255."""
    return np.ptp(pixels.astype(np.int16), axis=2)
