from __future__ import annotations

import asyncio
import base64
import hashlib

import pytest

from core.ui import headers as module
from core.ui.access.settings import AccessSettings
from core.ui.headers import Protected, policy


def answered(sent: list[tuple[bytes, bytes]], *, scheme: str = "http") -> list[tuple[str, str]]:
    messages = []

    async def application(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": sent})

    async def note(message) -> None:
        messages.append(message)

    asyncio.run(Protected(application)({"type": "http", "scheme": scheme}, None, note))  # type: ignore[arg-type]
    return [(name.decode(), value.decode()) for name, value in messages[0]["headers"]]


def test_every_answer_says_what_a_page_may_do() -> None:
    headers = dict(answered([(b"referrer-policy", b"unsafe-url")]))
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_no_script_of_anybody_else_may_run() -> None:
    rules = dict(rule.split(" ", 1) for rule in policy().split("; "))
    assert rules["script-src"] == "'self' blob:"
    assert not [rule for rule in rules.values() if "*" in rule or "http" in rule or "unsafe-eval" in rule]


def test_a_document_runs_the_scripts_that_were_written_in_it() -> None:
    digest = base64.b64encode(hashlib.sha256(b"\n one()\n").digest()).decode()
    rule = policy(b"<head><script>\n one()\n</script><script src='x'></script></head>").split("; ")[1]
    assert rule == f"script-src 'self' blob: 'sha256-{digest}'"


@pytest.mark.parametrize(
    ("scheme", "mode", "is_kept"), [("https", "local", True), ("http", "oidc", True), ("http", "proxy", False)]
)
def test_cookies_travel_by_https_where_that_is_how_people_come(
    monkeypatch: pytest.MonkeyPatch, scheme: str, mode: str, is_kept: bool
) -> None:
    monkeypatch.setattr(module, "settings", lambda: AccessSettings(mode=mode))  # type: ignore[arg-type]
    monkeypatch.setattr(module, "is_secure", lambda: True)
    cookies = [(b"set-cookie", b"a=secure; Path=/"), (b"set-cookie", b"b=1; Secure")]
    kept = [value for name, value in answered(cookies, scheme=scheme) if name == "set-cookie"]
    assert kept == [f"a=secure; Path=/{'; Secure' if is_kept else ''}", "b=1; Secure"]
