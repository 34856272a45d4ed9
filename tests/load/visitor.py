"""A visitor without a screen: says to the server what a browser says, and keeps what the page would show.

It opens the page's WebSocket, sends the states of its widgets, uploads with the page's own requests and downloads with
its links. What it leaves out is painting.
"""

from __future__ import annotations

import json
import re
import time
import urllib.request
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from http.cookiejar import CookieJar
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileUploaderState, FileURLs, UploadedFileInfo
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

TIMEOUT_S = 300
UPLOADER = "Drop files, a folder or a zip"
"""Where a study is brought; a prior has an uploader of its own."""
ANSWERED = re.compile(r'action="(?P<address>[^"]+)"')
"""The form with which a reading is taken along; it is on the page with an answer, and only then."""


class VisitorError(AssertionError):
    """The page showed a failure, or did not answer in time."""


class Visitor:
    """One browser tab.

    Attributes
    ----------
    seen : list of str
        Every piece of HTML that the page was given, in the order in which it came.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._jar = CookieJar()
        self._http = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        self._cached: dict[str, ForwardMsg] = {}
        self._uploader = self._close_button = ""
        self._titles: set[str] = set()
        self._page = self._session = ""
        self.seen: list[str] = []
        self._get("/_stcore/health")
        self._get("/_stcore/host-config")
        self._line = ExitStack()
        self._socket = self._connect()

    def close(self) -> None:
        """Leave the page."""
        self._line.close()

    def open(self) -> None:
        """Look at the page for the first time."""
        self._rerun()
        self._until(lambda: bool(self._uploader))

    def read(self, content: bytes) -> dict[str, Any]:
        """Bring a study, wait for the answer, and return it as data, with its heatmap.

        Raises
        ------
        VisitorError
            There was no answer.
        """
        uploader, began = self._uploader, len(self.seen)
        self._bring(uploader, content)
        # The study that was open before has a form as well, until the uploader is a new one.
        self._until(lambda: self._uploader != uploader and self._form(began) is not None)
        address = self._form(began)
        assert address is not None
        return self._taken_along(address)

    def leave_study(self) -> None:
        """Close the study."""
        began = len(self.seen)
        self._titles.clear()
        self._rerun(WidgetState(id=self._close_button, trigger_value=True))
        self._until(lambda: "Drop a study here, or try a sample" in self._titles)
        del self.seen[began:]

    def saw(self, words: str) -> bool:
        """Whether the page ever showed these words."""
        return any(words in html for html in self.seen)

    # ── What goes over the line ───────────────────────────────────────────────────────────────────────────────────

    def _connect(self) -> ClientConnection:
        token = next((cookie.value or "" for cookie in self._jar if cookie.name == "_streamlit_xsrf"), "")
        self._token = token
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._jar)
        connection = connect(
            self._url.replace("http", "ws", 1) + "/_stcore/stream",
            subprotocols=["streamlit", *([token] if token else [])],  # type: ignore[list-item]
            additional_headers={"Cookie": cookies, "Origin": self._url},
            max_size=None,
            ping_timeout=None,
        )
        return self._line.enter_context(connection)

    def _get(self, path: str) -> bytes:
        with self._http.open(self._url + path, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read()
        return content

    def _send(self, message: BackMsg) -> None:
        self._socket.send(message.SerializeToString())

    def _rerun(self, *states: WidgetState) -> None:
        message = BackMsg()
        message.rerun_script.query_string = ""
        message.rerun_script.page_script_hash = self._page
        message.rerun_script.widget_states.widgets.extend(states)
        message.rerun_script.cached_message_hashes.extend(self._cached)
        self._send(message)

    def _bring(self, uploader: str, content: bytes) -> None:
        place = self._place_for_upload()
        self._upload(place, content)
        state = FileUploaderState(
            uploaded_file_info=[
                UploadedFileInfo(file_id=place.file_id, name="study", size=len(content), file_urls=place)
            ]
        )
        self._rerun(WidgetState(id=uploader, file_uploader_state_value=state))

    def _place_for_upload(self) -> FileURLs:
        message = BackMsg()
        message.file_urls_request.request_id = uuid.uuid4().hex
        message.file_urls_request.file_names.append("study")
        message.file_urls_request.session_id = self._session
        self._send(message)
        places: list[FileURLs] = []

        def arrived(got: ForwardMsg) -> None:
            if got.WhichOneof("type") == "file_urls_response":
                places.extend(got.file_urls_response.file_urls)

        self._until(lambda: bool(places), also=arrived)
        return places[0]

    def _upload(self, place: FileURLs, content: bytes) -> None:
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="study"; filename="study"\r\n'
        body = (
            f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + content + f"\r\n--{mark}--\r\n".encode()
        )
        request = urllib.request.Request(
            self._url + place.upload_url,
            body,
            {"Content-Type": f"multipart/form-data; boundary={mark}", "X-Xsrftoken": self._token},
            method="PUT",
        )
        with self._http.open(request, timeout=TIMEOUT_S):
            pass

    def _taken_along(self, address: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._get(f"/{address.lstrip('/')}?format=json"))
        return answer

    # ── What the page shows ───────────────────────────────────────────────────────────────────────────────────────

    def _until(self, done: Callable[[], bool], *, also: Callable[[ForwardMsg], None] = lambda _: None) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not done():
            try:
                got = self._resolved(self._socket.recv(timeout=max(deadline - time.monotonic(), 0.01)))
            except TimeoutError:
                raise VisitorError("the page did not answer in time") from None
            self._take(got)
            also(got)

    def _resolved(self, content: bytes | str) -> ForwardMsg:
        assert isinstance(content, bytes)
        got = ForwardMsg.FromString(content)
        if got.WhichOneof("type") == "ref_hash":
            known = ForwardMsg()
            known.CopyFrom(self._cached[got.ref_hash])
            known.metadata.CopyFrom(got.metadata)
            return known
        if got.metadata.cacheable:
            self._cached[got.hash] = got
        return got

    def _take(self, got: ForwardMsg) -> None:
        kind = got.WhichOneof("type")
        if kind == "new_session":
            self._page = got.new_session.page_script_hash
            self._session = got.new_session.initialize.session_id or self._session
        elif kind == "delta":
            self._draw(got)

    def _draw(self, got: ForwardMsg) -> None:
        element = got.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "html":
            self.seen.append(element.html.body)
        elif kind == "file_uploader" and element.file_uploader.label == UPLOADER:
            self._uploader = element.file_uploader.id
        elif kind == "button" and element.button.label == "Close the study":
            self._close_button = element.button.id
        elif kind == "heading":
            self._titles.add(element.heading.body)
        elif kind == "exception" or (kind == "alert" and element.alert.format == element.alert.ERROR):
            raise VisitorError(f"the page shows a failure: {element.alert.body or element.exception.message}")
        if ">No answer<" in element.html.body:
            raise VisitorError(f"no answer: {element.html.body}")

    def _form(self, began: int) -> str | None:
        """Return the address of the form of an answer that came after so many pieces of the page."""
        found = (ANSWERED.search(html) for html in reversed(self.seen[began:]) if "lb-take-along" in html)
        return next((match["address"] for match in found if match), None)
