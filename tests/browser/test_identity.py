"""A study whose every text attribute holds a marker: unasked, the marker is nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Response, WebSocket, expect

from core.assessment.uploads import FOLDER
from tests import made
from tests.browser.desk import Desk
from tests.core.test_no_identity import MARKER, marked
from tests.serving import Server

PATIENCE_MS = 600_000
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
    # A picture made of a formula looks like no patient to the model's gate.
    desk.switch("Show the score anyway")
    for kind in ("PNG", "JSON", "Report"):
        assert MARKER.encode() not in desk.download(kind).upper()
    desk.sees("Study facts").click()
    desk.wait()
    damaged = marked()[:-3000]
    archive = made.zipped({f"{MARKER}/{MARKER}.dcm": damaged, f"{MARKER}.txt": b"Dear " + MARKER.encode()})
    desk.press("Close the study")
    desk.sees("Drop a study here")
    desk.upload({f"{MARKER}.zip": archive})
    desk.sees(re.compile("left out"))
    assert len(overheard) > 20
    assert not overheard.holds(MARKER)
    assert written(server) == []
    desk.switch("Show file names")
    desk.sees(re.compile(MARKER))
    assert overheard.holds(MARKER)


def test_identity_is_in_nothing_of_an_evaluation_but_its_set(
    desk: Desk, overheard: Overheard, server: Server, tmp_path: Path
) -> None:
    names = (f"{label}/{number}.dcm" for label in ("Fracture", "Normal") for number in range(3))
    films = {name: marked(but=KNOWN, number=number) for number, name in enumerate(names)}
    archive = tmp_path / "set.zip"
    archive.write_bytes(made.zipped(films))
    desk.open("/evaluate")
    desk.choose("Model", re.compile("Made-up hand model"))
    desk.upload([archive])
    desk.sees("What its labels mean to the model", timeout_ms=PATIENCE_MS)
    desk.press("Run the evaluation")
    desk.sees("All figures, with 95 % intervals", timeout_ms=PATIENCE_MS)
    for part in ("Cases", "Subgroups", "Compare", "Report"):
        desk.page.get_by_text(part, exact=True).first.click()
        desk.wait()
    desk.press("Make the files")
    expect(desk.page.get_by_role("button", name="Figures as data")).to_be_visible(timeout=PATIENCE_MS)
    assert MARKER.encode() not in desk.download(re.compile(r"^\S*\s*Report$")).upper()
    assert all(f"/{FOLDER}/" in path for path in written(server)), "only in the set itself, until that is deleted"
    desk.press("All evaluations")
    desk.press("Delete")
    desk.press("Delete it")
    desk.sees("None yet")
    assert written(server) == []
    assert len(overheard) > 20
    assert not overheard.holds(MARKER)
