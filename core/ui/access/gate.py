"""The gate: one place in front of every page, route, upload, media file and WebSocket.

What comes in must be addressed to a name of this server, must not be sent by another web site, and must come from
somebody who may use it. All else gets a reason and nothing more. Only the health check answers everybody.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.web.server.server_util import is_allowed_origin
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from core.errors import AccessError
from core.ui.access.admission import Admission, admit
from core.ui.access.holders import HOLDERS, Holders
from core.ui.access.sign_in import sign_in_path
from core.ui.access.sign_in_page import sign_in_page
from core.ui.access.start import settings
from core.ui.access.user import STAMP_HEADER, User, stamp

HEALTH = "/_stcore/health"
UPLOADS = "/_stcore/upload_file/"
SIGN_IN = "/sign-in"
SIGNING_IN = frozenset({"/auth/login", "/auth/logout", "/oauth2callback"})
USER_KEY = "lightbox.user"
_SUBPROTOCOL = "sec-websocket-protocol"
Refusal = tuple[int, str]


def user_of(scope: Scope) -> User | None:
    """Return who sent a request; None where the gate did not let it in."""
    user: User | None = scope.get(USER_KEY)
    return user


class Gate:
    """ASGI middleware that answers for who may use the server; the outermost one but for the headers of answers."""

    def __init__(self, app: ASGIApp, holders: Holders = HOLDERS) -> None:
        self.app = app
        self._holders = holders

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass with its user's stamp, or refuse it."""
        if scope["type"] not in ("http", "websocket") or scope["path"] == HEALTH:
            await self.app(scope, receive, send)
            return
        answer = self._answer(scope, receive)
        if not isinstance(answer, Response):
            await self.app(answer, receive, send)
        elif scope["type"] == "http":
            await answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    def _answer(self, scope: Scope, receive: Receive) -> Scope | Response:
        """Return the request as it may pass, or the answer that refuses it."""
        headers = Headers(scope=scope)
        reason = _misdirected(headers) or _sent_from_elsewhere(scope, headers)
        if reason:
            return _refused(*reason)
        if settings().mode == "oidc" and scope["type"] == "http" and scope["path"] in SIGNING_IN:
            return _unstamped(scope)
        try:
            admission = admit(scope, receive, settings())
        except AccessError as error:
            return _not_admitted(scope, headers, error)
        if scope["type"] == "http" and scope["path"].startswith(UPLOADS):
            session = scope["path"].removeprefix(UPLOADS).partition("/")[0]
            if not self._holders.holds(session, admission.user.id):
                return _refused(403, "This is nobody's session, or somebody else's.")
        return self._stamped(scope, admission)

    def _stamped(self, scope: Scope, admission: Admission) -> Scope:
        passed = _unstamped(scope)
        mark = stamp(admission.user, until=admission.until).encode()
        passed["headers"] = [*passed["headers"], (STAMP_HEADER.encode(), mark)]
        passed[USER_KEY] = admission.user
        if scope["type"] == "websocket":
            passed["headers"] = [self._own_session(each, admission.user) for each in passed["headers"]]
        return passed

    def _own_session(self, header: tuple[bytes, bytes], user: User) -> tuple[bytes, bytes]:
        """Take an identifier of a session that is not this user's out of the handshake; a new one begins then.

        Streamlit's program sends it as the third of the subprotocols.
        """
        name, value = header
        if name.decode("latin-1") != _SUBPROTOCOL:
            return header
        parts = [part.strip() for part in value.decode("latin-1").split(",")]
        if len(parts) > 2 and not self._holders.holds(parts[2], user.id):
            parts = parts[:2]
        return name, ", ".join(parts).encode("latin-1")


def _misdirected(headers: Headers) -> Refusal | None:
    """Say why a request is not meant for this server: a page elsewhere whose name resolves to it (DNS rebinding)."""
    if len(headers.getlist("host")) == 1 and is_host_allowed(headers["host"]):
        return None
    return 421, "This server does not answer to that name. Its names are set with --server.allowedHosts."


def _sent_from_elsewhere(scope: Scope, headers: Headers) -> Refusal | None:
    """Say why a request was not sent by a page of this server.

    Opening a page by a link from elsewhere is fine; the answer to anything else could be used against its reader.
    """
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers["host"] and not is_allowed_origin(origin):
        return 403, "Another web site sent this request."
    is_foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
    is_opening = scope["type"] == "http" and scope["method"] == "GET" and headers.get("sec-fetch-dest") == "document"
    if is_foreign and not is_opening:
        return 403, "Another web site sent this request."
    return None


def _not_admitted(scope: Scope, headers: Headers, error: AccessError) -> Response:
    if settings().mode != "oidc" or scope["type"] == "websocket" or scope["method"] != "GET":
        return _refused(403, str(error))
    if scope["path"] == SIGN_IN:
        return Response(status_code=303, headers={"Location": sign_in_path(), "Cache-Control": "no-store"})
    if "text/html" in headers.get("accept", ""):
        return sign_in_page(error)
    return _refused(401 if error.code == "access-sign-in" else 403, str(error))


def _refused(status: int, reason: str) -> Response:
    return PlainTextResponse(reason, status_code=status, headers={"Cache-Control": "no-store"})


def _unstamped(scope: Scope) -> dict[str, Any]:
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != STAMP_HEADER.encode()]
    return {**scope, "headers": headers}
