"""A study whose every text attribute holds a marker: unasked, the marker is nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Response, WebSocket

from tests import made
from tests.browser.desk import Desk
from tests.core.test_no_identity import MARKER, marked
from tests.serving import Server

# By these a model is asked; the words are the standard's own.
KNOWN = frozenset({"Modality", "BodyPartExamined", "ViewPosition"})


class Overheard:
    """What the server sends to a browser, by HTTP and by WebSocket."""

    def __init__(self, page: Page) -> None:
        self._parts: list[Callable[[], bytes]] = []
        page.on("websocket", self._listen)
        page.on("response", self._note)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: self._parts.append(lambda: _bytes(data)))

    def _note(self, response: Response) -> None:
        headers = repr(response.headers).encode() + response.url.encode()
        self._parts.append(lambda: headers)

    def holds(self, marker: str) -> bool:
        return any(marker.encode() in part().upper() for part in self._parts)

    def __len__(self) -> int:
        return len(self._parts)


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


@pytest.fixture
def overheard(desk: Desk) -> Overheard:
    overheard = Overheard(desk.page)
    desk.open()
    return overheard


def written(server: Server) -> list[str]:
    """Return the files of the server that hold the marker, or are named by it: its log, home and temporary folder."""
    files = [path for path in server.log.parent.rglob("*") if path.is_file()]
    assert server.log in files
    return [str(path) for path in files if MARKER.encode() in path.read_bytes().upper() or MARKER in path.name.upper()]


def test_identity_is_in_no_answer_log_or_file(desk: Desk, overheard: Overheard, server: Server) -> None:
    desk.upload({f"{MARKER}.dcm": marked(but=KNOWN)})
    for kind in ("PNG", "JSON", "Report"):
        assert MARKER.encode() not in desk.download(kind).upper()
    desk.sees("Study facts").click()
    desk.wait()
    damaged = marked()[:-3000]
    archive = made.zipped({f"{MARKER}/{MARKER}.dcm": damaged, f"{MARKER}.txt": b"Dear " + MARKER.encode()})
    desk.press(re.compile("Close"))
    desk.upload({f"{MARKER}.zip": archive})
    desk.sees(re.compile("left out"))
    desk.wait()
    assert len(overheard) > 20
    assert not overheard.holds(MARKER)
    assert written(server) == []
    desk.switch("Show file names")
    desk.sees(re.compile(MARKER))
    assert overheard.holds(MARKER)
