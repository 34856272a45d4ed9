"""Asking a running server, as programs and other machines do: plain HTTP, and the WebSocket of a page."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.serving import Server

STREAM = "/_stcore/stream"


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: http.client.HTTPMessage

    @property
    def cookies(self) -> dict[str, str]:
        cookies = SimpleCookie()
        for value in self.headers.get_all("set-cookie") or []:
            cookies.load(value)
        return {name: morsel.value for name, morsel in cookies.items()}


def ask(
    server: Server,
    path: str,
    headers: Mapping[str, str] = {},
    *,
    method: str = "GET",
    source: str = "127.0.0.1",
    body: bytes | None = None,
) -> Answer:
    """Send one request from an address of this machine; nothing is followed."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60, source_address=(source, 0))
    try:
        connection.request(method, path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode("utf-8", errors="replace"), answer.headers)
    finally:
        connection.close()


def open_stream(
    server: Server, headers: Mapping[str, str] = {}, *, source: str = "127.0.0.1", session: str = ""
) -> ClientConnection:
    """Open the WebSocket of a page, going on with a session where one is named.

    Raises
    ------
    InvalidStatus
        The server refused it.
    """
    return connect(
        f"ws://127.0.0.1:{server.port}{STREAM}",
        additional_headers=dict(headers),
        subprotocols=["streamlit", "unused", *([session] if session else [])],  # type: ignore[list-item]
        source_address=(source, 0),
        max_size=None,
        open_timeout=60,
    )


def stream_status(server: Server, headers: Mapping[str, str] = {}, *, source: str = "127.0.0.1") -> int:
    """Return how the server answers to a WebSocket; 101 where it opens."""
    try:
        with open_stream(server, headers, source=source):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


def run_page(stream: ClientConnection, page: str) -> tuple[str, str]:
    """Run a page to its end; return its session and everything that was sent, as text."""
    order = BackMsg()
    order.rerun_script.page_name = page
    stream.send(order.SerializeToString())
    session, sent = "", []
    while True:
        message = ForwardMsg.FromString(stream.recv(timeout=120))  # type: ignore[arg-type]
        if message.WhichOneof("type") == "new_session":
            session = message.new_session.initialize.session_id
        sent.append(str(message))
        if message.WhichOneof("type") == "script_finished":
            return session, "".join(sent)
