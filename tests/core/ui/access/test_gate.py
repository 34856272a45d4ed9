"""The gate by itself: what it lets through, whom it says that is from, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from core.ui.access import Gate, sign_in, start, user_of
from core.ui.access.holders import Holders
from core.ui.access.user import LOCAL, STAMP_HEADER, known_user, read_stamp
from core.ui.evaluate.taking import FORMATS
from core.ui.offers import PATH, ROUTE, Offer

LISTED, UNLISTED = "10.0.0.5", "10.0.0.6"
PROXY = {"LIGHTBOX_ACCESS": "proxy", "LIGHTBOX_PROXIES": LISTED}
OIDC = {"LIGHTBOX_ACCESS": "oidc", "LIGHTBOX_USERS": "@clinic.example"}
ORIGIN = "https://lightbox.example"
SECRET = "0123456789abcdef0123456789abcdef"
ANN = known_user("proxy", "ann", name="ann")
Headers = Sequence[tuple[str, str]]


@dataclass
class Transport:
    """The connection that a server of Uvicorn's make holds."""

    peer: str

    def get_extra_info(self, name: str) -> tuple[str, int]:
        assert name == "peername"
        return self.peer, 5000


@dataclass
class Cycle:
    transport: Transport | None

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}


@dataclass
class Desk:
    """A gate before an application that notes what reaches it."""

    passed: list[dict[str, Any]] = field(default_factory=list)
    holders: Holders = field(default_factory=Holders)

    async def application(self, scope, receive, send) -> None:
        self.passed.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the application"})

    def ask(
        self,
        path: str = "/",
        headers: Headers = (),
        *,
        kind: str = "http",
        peer: str = "127.0.0.1",
        client: str = "",
        host: str = "localhost:8501",
        server: str = "127.0.0.1",
        method: str = "GET",
        is_hidden: bool = False,
    ) -> tuple[int, str, dict[str, str]]:
        path, _, query = path.partition("?")
        raw = [(name.encode(), value.encode()) for name, value in (("host", host), *headers)]
        scope = {
            "type": kind,
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": raw,
            "client": (client or peer, 5000),
            "server": (server, 8501),
        }
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        cycle = Cycle(None if is_hidden else Transport(peer))
        asyncio.run(Gate(self.application, self.holders)(scope, cycle.receive, send))
        if sent[0]["type"] == "websocket.close":
            return 403, "", {}
        answer = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], sent[1]["body"].decode(), answer

    def status(self, *args: Any, **options: Any) -> int:
        before = len(self.passed)
        status = self.ask(*args, **options)[0]
        assert (len(self.passed) > before) == (status == 200)
        return status


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that sets the access mode; the options of Streamlit are those of the project."""

    def configure(environment: Mapping[str, str] = {}, *, address: str = "localhost") -> Desk:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        start.settings.cache_clear()
        monkeypatch.setattr("streamlit.get_option", {"server.address": address}.get)
        return Desk()

    monkeypatch.setattr(sign_in, "get_cookie_secret", lambda: SECRET)
    monkeypatch.setattr(sign_in, "get_origin_from_redirect_uri", lambda: ORIGIN)
    yield configure
    monkeypatch.undo()
    start.settings.cache_clear()


def test_the_person_at_the_machine_is_let_in_and_known(configured) -> None:
    desk = configured()
    assert desk.status() == 200
    assert user_of(desk.passed[0]) == LOCAL
    assert read_stamp(dict(desk.passed[0]["headers"])[STAMP_HEADER.encode()].decode()) == LOCAL


@pytest.mark.parametrize("options", [{"peer": "192.0.2.7"}, {"client": "192.0.2.7"}, {"server": "192.0.2.1"}])
def test_nobody_from_elsewhere_is_let_in_locally(configured, options: dict[str, str]) -> None:
    desk = configured()
    assert desk.status(**options) == 403
    assert desk.status("/_stcore/stream", kind="websocket", **options) == 403


def test_a_public_server_answers_nobody_but_the_health_check(configured) -> None:
    desk = configured(address="0.0.0.0")
    assert desk.status("/_stcore/health", peer="192.0.2.7", host="any.example") == 200
    status, reason, _ = desk.ask("/models")
    assert (status, "others can reach it" in reason) == (403, True)


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost@evil.example", ""])
def test_other_names_are_not_answered(configured, host: str) -> None:
    assert configured().status(host=host) == 421


def test_two_names_are_not_answered(configured) -> None:
    assert configured().status(headers=[("host", "localhost")]) == 421


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("origin", "http://localhost:8501")], 200),
        ([("origin", "http://localhost:9999")], 403),
        ([("origin", "https://evil.example")], 403),
        ([("origin", "null")], 403),
        ([("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "empty")], 200),
        ([("sec-fetch-site", "none"), ("sec-fetch-dest", "document")], 200),
        ([("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "document")], 200),
        ([("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "image")], 403),
        ([("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "iframe")], 403),
        ([("sec-fetch-site", "same-site"), ("sec-fetch-dest", "empty")], 403),
    ],
)
def test_what_another_web_site_sends_is_refused(configured, headers: Headers, status: int) -> None:
    desk = configured()
    assert desk.status(headers=headers) == status
    is_opening = ("sec-fetch-site", "cross-site") in headers and status == 200
    assert desk.status("/_stcore/stream", headers, kind="websocket") == (403 if is_opening else status)


def test_a_stamp_from_outside_counts_for_nothing(configured) -> None:
    desk = configured()
    forged = ("Lightbox-User", "forged")
    assert desk.status(headers=[forged]) == 200
    assert [value for name, value in desk.passed[0]["headers"] if name.lower() == b"lightbox-user"] != [b"forged"]
    assert len([name for name, _ in desk.passed[0]["headers"] if name.lower() == b"lightbox-user"]) == 1


def by_proxy(name: str = "ann") -> Headers:
    return [("x-forwarded-user", name)]


def test_the_proxy_says_who_somebody_is(configured) -> None:
    desk = configured(PROXY, address="0.0.0.0")
    assert desk.status(headers=by_proxy(), peer=LISTED) == 200
    assert user_of(desk.passed[0]) == ANN


@pytest.mark.parametrize(
    ("headers", "options"),
    [
        (by_proxy(), {"peer": UNLISTED}),
        (by_proxy(), {"peer": "127.0.0.1"}),
        # What Uvicorn makes of X-Forwarded-For must not count as the other end of the connection.
        ([*by_proxy(), ("x-forwarded-for", LISTED)], {"peer": "127.0.0.1", "client": LISTED}),
        ([], {"peer": LISTED}),
        (by_proxy(" "), {"peer": LISTED}),
        ([*by_proxy(), *by_proxy("bob")], {"peer": LISTED}),
        ([("x-forwarded_user", "ann")], {"peer": LISTED}),
    ],
)
def test_a_name_that_the_proxy_did_not_say_counts_for_nothing(configured, headers: Headers, options: Any) -> None:
    desk = configured(PROXY)
    assert desk.status(headers=headers, **options) == 403
    assert desk.status("/_stcore/stream", headers, kind="websocket", **options) == 403


def test_a_server_that_hides_the_connection_is_not_believed(configured) -> None:
    desk = configured(PROXY)
    assert desk.status(headers=by_proxy(), peer=LISTED, is_hidden=True) == 200
    assert desk.status(headers=[*by_proxy(), ("x-forwarded-for", LISTED)], peer=LISTED, is_hidden=True) == 403


def cookie(*, secret: str = SECRET, **changed: Any) -> Headers:
    claims = {
        "sub": "ann-1",
        "iss": "https://id.example",
        "name": "Dr Ann",
        "email": "ann@clinic.example",
        "email_verified": True,
        "origin": ORIGIN,
        "is_logged_in": True,
        "iat": int(time.time()),
    } | changed
    value = create_signed_value(secret, "_streamlit_user", json.dumps(claims)).decode()
    return [("cookie", f"_streamlit_user={value}")]


def test_who_signed_in_is_let_in_and_known(configured) -> None:
    desk = configured(OIDC, address="0.0.0.0")
    assert desk.status(headers=cookie()) == 200
    user = user_of(desk.passed[0])
    assert user is not None
    assert (user.name, user.id) == ("Dr Ann", known_user("oidc", "https://id.example", "ann-1", name="").id)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 401),
        ([("cookie", "_streamlit_user=made.up.value")], 401),
        (cookie(secret="another secret of 32 characters.."), 401),
        (cookie(origin="https://other.example"), 401),
        (cookie(is_logged_in=False), 401),
        (cookie(sub=""), 401),
        (cookie(email="eve@elsewhere.example"), 403),
        (cookie(email_verified=False), 403),
    ],
)
def test_who_did_not_sign_in_or_is_not_listed_gets_nothing(configured, headers: Headers, status: int) -> None:
    desk = configured(OIDC)
    assert desk.status("/viewer/pixels/0", headers) == status
    assert desk.status("/_stcore/stream", headers, kind="websocket") == 403
    answer = desk.ask("/models", [*headers, ("accept", "text/html")])
    assert (answer[0], "<script" in answer[1]) == (status, False)
    assert ("Sign in" if status == 401 else "not on the list") in answer[1]


def test_a_sign_in_ends(configured, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = configured(OIDC | {"LIGHTBOX_SIGN_IN_HOURS": "2"})
    headers, now = cookie(), time.time()
    monkeypatch.setattr(time, "time", lambda: now + 2 * 3600 - 5)
    assert desk.status(headers=headers) == 200
    value = dict(desk.passed[0]["headers"])[STAMP_HEADER.encode()].decode()
    assert read_stamp(value, clock=lambda: now + 2 * 3600 - 5) is not None
    assert read_stamp(value, clock=lambda: now + 2 * 3600 + 1) is None
    monkeypatch.setattr(time, "time", lambda: now + 2 * 3600 + 5)
    assert desk.status(headers=headers) == 401


def test_signing_in_needs_no_sign_in(configured, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = configured(OIDC)
    monkeypatch.setattr("core.ui.access.gate.sign_in_path", lambda: "/auth/login?provider=token")
    for path in ("/auth/login", "/auth/logout", "/oauth2callback"):
        assert desk.status(path) == 200
    status, _, headers = desk.ask("/sign-in")
    assert (status, headers["location"]) == (303, "/auth/login?provider=token")
    assert "/auth/login" in [each["path"] for each in desk.passed]
    assert configured(PROXY).status("/auth/login") == 403


def test_files_are_uploaded_into_ones_own_session_alone(configured) -> None:
    desk = configured(PROXY)
    desk.holders.claim("session-of-ann", ANN.id)
    path = "/_stcore/upload_file/session-of-ann/1"
    assert desk.status(path, by_proxy(), peer=LISTED, method="PUT") == 200
    assert desk.status(path, by_proxy("bob"), peer=LISTED, method="PUT") == 403
    assert desk.status("/_stcore/upload_file/unknown/1", by_proxy(), peer=LISTED, method="PUT") == 403


@pytest.mark.parametrize(("name", "kept"), [("ann", "streamlit, xsrf, session-of-ann"), ("bob", "streamlit, xsrf")])
def test_a_session_goes_on_for_its_own_user_alone(configured, name: str, kept: str) -> None:
    desk = configured(PROXY)
    desk.holders.claim("session-of-ann", ANN.id)
    protocols = ("sec-websocket-protocol", "streamlit, xsrf, session-of-ann")
    desk.ask("/_stcore/stream", [*by_proxy(name), protocols], kind="websocket", peer=LISTED)
    assert dict(desk.passed[0]["headers"])[b"sec-websocket-protocol"].decode() == kept


def test_the_files_of_an_evaluation_are_its_owners_alone(configured, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = configured(PROXY)
    monkeypatch.setattr(desk, "application", Starlette(routes=[ROUTE]))
    offer = Offer(make=lambda key, _: key.encode(), formats=FORMATS, owner=ANN.id)
    for name in FORMATS:
        address, made_up = (f"/{PATH}/{token}?format={name}" for token in (offer.token, "made-up"))
        status, content, headers = desk.ask(address, by_proxy(), peer=LISTED)
        assert (status, content) == (200, name)
        assert headers["content-disposition"] == f'attachment; filename="{name}"'
        unknown = desk.ask(made_up, by_proxy("bob"), peer=LISTED)
        assert "no longer open" in unknown[1]
        assert desk.ask(address, by_proxy("bob"), peer=LISTED) == unknown
        assert desk.ask(address, peer=LISTED)[0] == 403
