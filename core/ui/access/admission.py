"""Who sends a request, by the access mode of the server."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope

from core.errors import AccessError
from core.ui.access.local import FROM_ELSEWHERE, is_loopback, refusal
from core.ui.access.settings import AccessSettings
from core.ui.access.sign_in import read_claims, user_from
from core.ui.access.user import LOCAL, User, known_user

SIGN_IN_FIRST = "Sign in first."
HOUR_S = 3600
FORWARDED = ("x-forwarded-for", "forwarded")


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody who may use the server, and until when, as `time.time` counts."""

    user: User
    until: float


def admit(scope: Scope, receive: Receive, settings: AccessSettings) -> Admission:
    """Return who sends a request.

    Parameters
    ----------
    scope : Scope
        Of a request or WebSocket.
    receive : Receive
        As the server made it: in mode `proxy` it leads to the connection.
    settings : AccessSettings

    Raises
    ------
    AccessError
        They may not use the server, or nobody can tell.
    """
    if settings.mode == "oidc":
        return _signed_in(scope, settings)
    user = _at_this_machine(scope) if settings.mode == "local" else _named_by_proxy(scope, receive, settings)
    return Admission(user, time.time() + settings.sign_in_hours * HOUR_S)


def _at_this_machine(scope: Scope) -> User:
    visitor = scope.get("client")
    reached = scope.get("server")
    reason = refusal(address=st.get_option("server.address"), visitor=visitor[0] if visitor else "unknown")
    if not reason and reached and not is_loopback(reached[0]):
        reason = FROM_ELSEWHERE
    if reason:
        raise AccessError(reason, code="access-refused")
    return LOCAL


def _named_by_proxy(scope: Scope, receive: Receive, settings: AccessSettings) -> User:
    if not settings.is_proxy(peer_of(scope, receive)):
        raise AccessError("Lightbox is reached through a proxy, and not directly.", code="access-refused")
    values = Headers(scope=scope).getlist(settings.user_header)
    name = values[0].strip() if len(values) == 1 else ""
    if not name:
        raise AccessError("The proxy did not say who you are.", code="access-refused")
    name = name.encode("latin-1").decode("utf-8", errors="replace")
    return known_user("proxy", name, name=name)


def _signed_in(scope: Scope, settings: AccessSettings) -> Admission:
    claims = read_claims(HTTPConnection(scope).cookies, hours=settings.sign_in_hours)
    if claims is None:
        raise AccessError(SIGN_IN_FIRST, code="access-sign-in")
    if not settings.admits(claims):
        raise AccessError("You are signed in, but not on the list of those who may enter.", code="access-not-listed")
    began = min(float(claims.get("iat") or time.time()), time.time())
    return Admission(user_from(claims), began + settings.sign_in_hours * HOUR_S)


def peer_of(scope: Scope, receive: Receive) -> str | None:
    """Return the address at the other end of the connection; None where it cannot be told.

    Uvicorn replaces the client in the scope by what the header X-Forwarded-For says, where the connection comes from
    this machine: anybody on it could then speak as the proxy. So the connection itself is asked, and where another
    server hides it, a request that carries such a header has no address.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        known = transport.get_extra_info("peername")
        return str(known[0]) if known else None
    headers = Headers(scope=scope)
    if any(name in headers for name in FORWARDED):
        return None
    client = scope.get("client")
    return str(client[0]) if client else None
