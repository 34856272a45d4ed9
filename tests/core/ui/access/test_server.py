"""The access table, on servers that have just started: what each address answers, to whom."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from tests.core.ui.access.asking import Answer, ask, open_stream, run_page, stream_status
from tests.core.ui.access.provider import CLIENT_ID, CLIENT_SECRET
from tests.serving import CHECKOUT, Server, clean_environment, free_port, serve

APPLICATION = CHECKOUT / "streamlit_app.py"
SECRET = "a secret of the tests, long enough"
PAGES = ("/", "/read", "/evaluate", "/models", "/about")
ADDRESSES = {
    **dict.fromkeys(PAGES, "GET"),
    "/viewer/pixels/0": "GET",
    "/viewer/program/x/main.mjs": "GET",
    "/take-along/made-up?format=json": "GET",
    "/media/made-up.png": "GET",
    "/component/made-up/x": "GET",
    "/static/js/made-up.js": "GET",
    "/_stcore/host-config": "GET",
    "/_stcore/metrics": "GET",
    "/_stcore/bidi-components/made-up": "GET",
    "/_stcore/agent/openapi.json": "GET",
    "/_stcore/agent/interact": "POST",
    "/_stcore/upload_file/made-up/1": "PUT",
    "/_stcore/upload_file/made-up/2": "DELETE",
    "/made-up": "GET",
}
TOKEN = {"Lightbox-Token": "made-up"}
ANN = {"X-Forwarded-User": "ann@clinic.example"}
BOB = {"X-Forwarded-User": "bob@clinic.example"}


def table(server: Server, headers: dict[str, str], *, source: str = "127.0.0.1") -> dict[str, int]:
    """Return what every address answers; the WebSocket last."""
    answers = {
        path: ask(server, path, headers | TOKEN, method=method, source=source).status
        for path, method in ADDRESSES.items()
    }
    return answers | {"WebSocket": stream_status(server, headers, source=source)}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server behind a proxy at 127.0.0.1: the tests are the proxy."""
    environment = {"LIGHTBOX_ACCESS": "proxy", "LIGHTBOX_PROXIES": "127.0.0.1"}
    with serve(APPLICATION, folder=tmp_path_factory.mktemp("proxied"), environment=environment) as server:
        yield server


def test_the_first_request_to_any_address_is_refused(proxied: Server) -> None:
    assert set(table(proxied, {}).values()) == {403}
    assert proxied.is_healthy()


def test_the_proxys_word_counts_from_its_own_address_alone(proxied: Server) -> None:
    try:
        answers = table(proxied, ANN, source="127.0.0.2")
    except OSError:
        pytest.skip("this system has no second loopback address to come from")
    assert set(answers.values()) == {403}
    forged = ANN | {"X-Forwarded-For": "127.0.0.1"}
    assert ask(proxied, "/models", forged, source="127.0.0.2").status == 403


def test_what_the_proxy_passes_on_is_answered(proxied: Server) -> None:
    for headers in (ANN, ANN | {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}):
        answers = table(proxied, headers)
        assert {answers[page] for page in PAGES} == {200}
        assert answers["WebSocket"] == 101
        assert answers["/_stcore/upload_file/made-up/1"] == answers["/viewer/pixels/0"] == 403
        assert answers["/media/made-up.png"] == answers["/viewer/program/x/main.mjs"] == 404
    assert "no longer open" in ask(proxied, "/take-along/made-up?format=json", ANN).text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}, 403),
    ],
)
def test_other_names_and_other_web_sites_are_refused(proxied: Server, headers: dict[str, str], status: int) -> None:
    answers = table(proxied, ANN | headers)
    # Before the handshake is over there is no status but this one; of two names Uvicorn itself makes a bad request.
    assert answers.pop("WebSocket") in (400, 403)
    assert set(answers.values()) == {status}


def test_answers_tell_the_browser_what_a_page_may_do(proxied: Server) -> None:
    for path, headers in (("/", ANN | {"Accept": "text/html"}), ("/", {}), ("/viewer/pixels/0", ANN)):
        answer = ask(proxied, path, headers)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    behind_tls = ask(proxied, "/_stcore/health", ANN | {"X-Forwarded-Proto": "https"})
    assert "Secure" in behind_tls.headers["set-cookie"]


def test_a_session_and_its_uploads_are_ones_own(proxied: Server) -> None:
    marks = ask(proxied, "/_stcore/health", ANN).cookies["_streamlit_xsrf"]
    form = (
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.dcm"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\nabc\r\n--x--\r\n"
    )
    upload = {
        "X-Xsrftoken": marks,
        "Cookie": f"_streamlit_xsrf={marks}",
        "Content-Type": "multipart/form-data; boundary=x",
    }
    with open_stream(proxied, ANN) as stream:
        session, sent = run_page(stream, "about")
        assert "lightbox" in sent.lower()
        path = f"/_stcore/upload_file/{session}/1"
        assert ask(proxied, path, ANN | upload, method="PUT", body=form).status == 204
        assert ask(proxied, path, ANN | upload | {"X-Xsrftoken": "forged"}, method="PUT", body=form).status == 403
        assert ask(proxied, path, BOB | upload, method="PUT", body=form).status == 403
        assert ask(proxied, path, BOB | upload, method="DELETE").status == 403
    with open_stream(proxied, BOB, session=session) as stream:
        assert run_page(stream, "about")[0] != session
    with open_stream(proxied, ANN, session=session) as stream:
        assert run_page(stream, "about")[0] == session


def test_a_page_that_is_served_without_the_gate_shows_nothing(tmp_path: Path) -> None:
    environment = {"LIGHTBOX_ACCESS": "proxy", "LIGHTBOX_PROXIES": "127.0.0.1"}
    page = tmp_path / "app.py"
    page.write_text(
        f"import sys; sys.path.insert(0, {str(CHECKOUT)!r})\nimport runpy\n"
        f"runpy.run_path({str(CHECKOUT / 'pages' / 'about.py')!r})\n",
        "utf-8",
    )
    with serve(page, folder=tmp_path / "bare", environment=environment) as server, open_stream(server, ANN) as stream:
        sent = run_page(stream, "")[1]
    assert "does not know who you are" in sent
    assert "radiolog" not in sent


# ── Signing in ────────────────────────────────────────────────────────────────────────────────────────────────────


class SignIn:
    """A server where people sign in at a provider of the tests, and that provider."""

    def __init__(self, server: Server, issuer: str, person: Path) -> None:
        self.server = server
        self._issuer = issuer
        self._person = person

    def ask(self, path: str, cookies: Mapping[str, str] = {}, accept: str = "*/*") -> Answer:
        return ask(self.server, path, {"Accept": accept, "Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())})

    def sign_in(self, **claims: object) -> dict[str, str]:
        """Go the way that a browser goes, as this person; return the cookies that it has then."""
        self._person.write_text(json.dumps(claims), "utf-8")
        first = self.ask("/sign-in")
        login = self.ask(first.headers["location"])
        back = ask_elsewhere(login.headers["location"])
        assert urljoin(back, "/") == f"{self.server.url}/"
        ended = self.ask(back.removeprefix(self.server.url), login.cookies)
        assert ended.status == 302, self.server.log_text()
        return ended.cookies


def ask_elsewhere(address: str) -> str:
    """Ask the provider; return where it sends the browser."""
    parts = urlsplit(address)
    stand_in = Server(parts.port or 80, None, Path(), 0.0)  # type: ignore[arg-type]
    return ask(stand_in, f"{parts.path}?{parts.query}").headers["location"]


@pytest.fixture(scope="module")
def signed_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignIn]:
    folder = tmp_path_factory.mktemp("oidc")
    port, person = free_port(), folder / "person.json"
    issuer = f"http://127.0.0.1:{port}"
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "secrets.toml").write_text(
        "[auth]\n"
        'redirect_uri = "http://127.0.0.1:{port}/oauth2callback"\n'
        f'cookie_secret = "{SECRET}"\nclient_id = "{CLIENT_ID}"\nclient_secret = "{CLIENT_SECRET}"\n'
        f'server_metadata_url = "{issuer}/.well-known/openid-configuration"\n',
        "utf-8",
    )
    provider = subprocess.Popen(
        [sys.executable, "-m", "tests.core.ui.access.provider", str(port)],
        cwd=CHECKOUT,
        env=clean_environment(folder) | {"PROVIDER_PERSON": str(person)},
    )
    environment = {"LIGHTBOX_ACCESS": "oidc", "LIGHTBOX_USERS": "@clinic.example", "NO_PROXY": "127.0.0.1"}
    try:
        with serve(APPLICATION, folder=folder, environment=environment) as server:
            yield SignIn(server, issuer, person)
    finally:
        provider.terminate()
        provider.wait()


def person(name: str, domain: str = "clinic.example") -> dict[str, object]:
    return {"sub": f"id-of-{name}", "name": name, "email": f"{name}@{domain}", "email_verified": True}


def test_whoever_is_not_signed_in_gets_the_way_to_sign_in_and_nothing_else(signed_in: SignIn) -> None:
    answers = table(signed_in.server, {})
    assert answers.pop("WebSocket") == 403
    assert {answers.pop(path) for path, method in ADDRESSES.items() if method != "GET"} == {403}
    assert set(answers.values()) == {401}
    for page in PAGES:
        answer = signed_in.ask(page, accept="text/html")
        assert (answer.status, "/sign-in" in answer.text, "<script" in answer.text) == (401, True, False)
    assert signed_in.server.is_healthy()


def test_made_up_and_foreign_cookies_are_nobodys(signed_in: SignIn) -> None:
    claims = person("eve") | {"origin": signed_in.server.url, "is_logged_in": True}
    for value in (
        "made-up",
        create_signed_value("another secret, just as long....", "_streamlit_user", json.dumps(claims)).decode(),
    ):
        assert signed_in.ask("/models", {"_streamlit_user": value}).status == 401
        assert stream_status(signed_in.server, {"Cookie": f"_streamlit_user={value}"}) == 403


def test_people_sign_in_at_the_provider(signed_in: SignIn) -> None:
    cookies = signed_in.sign_in(**person("ann"))
    assert signed_in.ask("/models", cookies, accept="text/html").status == 200
    header = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    with open_stream(signed_in.server, header) as stream:
        session, sent = run_page(stream, "about")
        assert "Sign out" in sent
    bob = signed_in.sign_in(**person("bob"))
    other = {"Cookie": "; ".join(f"{name}={value}" for name, value in bob.items())}
    with open_stream(signed_in.server, other, session=session) as stream:
        assert run_page(stream, "about")[0] != session
    ended = signed_in.ask("/auth/logout", cookies)
    assert (ended.status, ended.cookies["_streamlit_user"]) == (302, "")


def test_who_is_not_on_the_list_is_told_so(signed_in: SignIn) -> None:
    cookies = signed_in.sign_in(**person("eve", "elsewhere.example"))
    answer = signed_in.ask("/", cookies, accept="text/html")
    assert (answer.status, "not on the list" in answer.text) == (403, True)
    assert stream_status(signed_in.server, {"Cookie": f"_streamlit_user={cookies['_streamlit_user']}"}) == 403


# ── Starting ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"LIGHTBOX_ACCESS": "proxy"}, "names no address"),
        ({"LIGHTBOX_ACCESS": "oidc", "LIGHTBOX_USERS": "*"}, "lacks redirect_uri, cookie_secret"),
    ],
)
def test_a_server_that_cannot_tell_who_may_use_it_does_not_start(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    said = failed_start(["-c", "import streamlit_app"], tmp_path, environment)
    assert words in said


def test_a_public_server_without_an_access_mode_does_not_start(tmp_path: Path) -> None:
    options = ["--server.address=0.0.0.0", f"--server.port={free_port()}", "--browser.serverAddress=localhost"]
    said = failed_start(["-m", "streamlit", "run", str(APPLICATION), *options], tmp_path, {})
    assert "others can reach it" in said


def failed_start(arguments: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Run Python, which must end with the reason as its last word, and return that."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env=clean_environment(folder) | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("Lightbox does not start.")
    return last
