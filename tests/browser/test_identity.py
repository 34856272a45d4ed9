"""A study whose every text attribute holds a marker: unasked, the marker is nowhere."""

from __future__ import annotations

import io
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error, Page, Request, Response, WebSocket, expect
from pypdf import PdfReader

from core.assessment.uploads import FOLDER
from tests import made
from tests.browser.desk import Desk
from tests.core.test_no_identity import MARKER, marked
from tests.serving import Server

PATIENCE_MS = 600_000
# By these a model is asked; the words are the standard's own.
KNOWN = frozenset({"Modality", "BodyPartExamined", "ViewPosition"})
PROGRAM = "/static/"
"""Below it are the files of Streamlit's own program."""
FILES = {
    "Report": "Made-up hand",
    "Report as PDF": "Made-up hand",
    "Table of cases": "Fracture/",
    "Figures as data": '"n":',
}
"""The files of an evaluation, and what each of them does hold."""


class Overheard:
    """What the server sends to a browser: all of every WebSocket message and of every answer by HTTP.

    Left out are the files of Streamlit's own program; and files that are saved, whose content the browser does not
    hand over: tests search those themselves.

    Attributes
    ----------
    unread : list of str
        The addresses of answers that were sent in full and could not be read: what is in them is not known.
    """

    def __init__(self, page: Page) -> None:
        self.by_http: list[bytes] = []
        self.by_socket: list[bytes] = []
        self.unread: list[str] = []
        page.on("websocket", self._listen)
        page.on("response", self._note)
        page.on("requestfinished", self._read)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: self.by_socket.append(_bytes(data).upper()))

    def _note(self, response: Response) -> None:
        self.by_http.append(f"{response.headers!r} {response.url}".encode().upper())

    def _read(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme != "http" or address.path.startswith(PROGRAM):
            return
        response = request.response()
        is_saved = request.is_navigation_request() and response is not None and _is_attached(response)
        if response is None or is_saved or 300 <= response.status < 400:
            return
        try:
            self.by_http.append(response.body().upper())
        except Error:
            self.unread.append(request.url)

    def holds(self, marker: str) -> bool:
        return any(marker.encode() in part for part in (*self.by_http, *self.by_socket))

    def check(self, marker: str) -> None:
        """Assert that much was heard, all of it could be read, and the marker is nowhere."""
        assert self.unread == []
        assert min(len(self.by_http), len(self.by_socket)) > 10
        assert not self.holds(marker)


def _is_attached(response: Response) -> bool:
    return response.headers.get("content-disposition", "").startswith("attachment")


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


def words_of(file: bytes) -> bytes:
    """Return a file's content in capitals; of a PDF its words and what it says of itself."""
    if not file.startswith(b"%PDF"):
        return file.upper()
    document = PdfReader(io.BytesIO(file))
    words = [repr(document.metadata), *(page.extract_text() for page in document.pages)]
    return file.upper() + "\n".join(words).upper().encode()


def test_identity_is_in_no_answer_log_or_file(desk: Desk, overheard: Overheard, server: Server) -> None:
    desk.upload({f"{MARKER}.dcm": marked(but=KNOWN)})
    desk.answer("Pneumonia: ")
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
    overheard.check(MARKER)
    assert written(server) == []
    desk.switch("Show file names")
    desk.sees(re.compile(MARKER))
    assert any(MARKER.encode() in message for message in overheard.by_socket)


def several() -> dict[str, bytes]:
    """Return a series of three films in a zip."""
    films = {f"{MARKER}{number}.dcm": marked(but=KNOWN, number=number) for number in (1, 2, 3)}
    return {f"{MARKER}.zip": made.zipped(films)}


def test_identity_is_in_nothing_of_a_series_and_its_prior(desk: Desk, overheard: Overheard, server: Server) -> None:
    desk.upload(several())
    desk.answer("Pneumonia: ")
    desk.image("1 / 3")
    desk.press("Score every image")
    expect(desk.page.locator(".scores")).to_contain_text("at image 1, 3 at or over")
    desk.sees("Compare with a prior").click()
    earlier = {"name": f"{MARKER}.dcm", "mimeType": "", "buffer": marked(but=KNOWN, SeriesInstanceUID="1.2.3")}
    desk.page.locator('input[type="file"]').last.set_input_files(earlier)  # type: ignore[arg-type]
    expect(desk.page.locator("canvas")).to_have_count(2)
    desk.sees("It is listed under the images")
    desk.key("End", "m", "i", "2", "h", "g", "?", "Escape")
    desk.wait()
    desk.choose("Compare with", "Nothing")
    desk.heated("1 / 3")
    overheard.check(MARKER)
    assert written(server) == []


def test_identity_is_in_nothing_where_the_viewers_program_is_missing(
    desk: Desk, overheard: Overheard, server: Server, complaints: list[str]
) -> None:
    desk.page.route("**/viewer/program/**", lambda route: route.abort())
    desk.upload(several())
    desk.answer("Pneumonia: ")
    desk.image("1 / 3")
    desk.press(re.compile("^Next "))
    desk.image("2 / 3")
    desk.switch("Invert")
    desk.heated("inverted")
    overheard.check(MARKER)
    assert written(server) == []
    complaints.clear()


def test_identity_that_is_asked_for_is_overheard(desk: Desk, overheard: Overheard) -> None:
    desk.upload({f"{MARKER}.dcm": marked(but=KNOWN)})
    desk.answer("Pneumonia: ")
    action = desk.page.locator("form.lb-take-along").get_attribute("action")
    fetch = "address => fetch(address).then(answer => answer.text())"
    assert MARKER not in desk.page.evaluate(fetch, f"{action}?format=json").upper()
    desk.wait()
    overheard.check(MARKER)
    assert MARKER in desk.page.evaluate(fetch, f"{action}?format=json&identity=yes").upper()
    desk.wait()
    assert any(MARKER.encode() in answer for answer in overheard.by_http)


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
    for file, known in FILES.items():
        said = words_of(desk.download(re.compile(rf"^{file}$")))
        assert known.encode().upper() in said, "it can be searched"
        assert MARKER.encode() not in said, file
    assert all(f"/{FOLDER}/" in path for path in written(server)), "only in the set itself, until that is deleted"
    desk.press("All evaluations")
    desk.press("Delete")
    desk.press("Delete it")
    desk.sees("None yet")
    assert written(server) == []
    overheard.check(MARKER)
