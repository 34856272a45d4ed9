"""What a reader does at the desk, in words: open, upload, choose, look. Tests say what must be seen."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Download, Locator, Page, expect

from tests.serving import Server

ANSWER_TIMEOUT_MS = 60_000
"""An answer may wait for a model that is being loaded on a busy machine."""
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
        self.page.locator(IDLE).wait_for(timeout=ANSWER_TIMEOUT_MS)

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

    def download(self, button: str | re.Pattern[str]) -> bytes:
        """Press a download button and return the file."""
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=button).first.click()
        download: Download = waiting.value
        return Path(download.path()).read_bytes()


def decoded(content: bytes) -> NDArray[np.uint8]:
    """Return the pixels of an encoded picture, (rows, columns, 3)."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
