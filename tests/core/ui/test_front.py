from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from core.ui.front import HEAD, DarkFirst

DOCUMENT = "<!DOCTYPE html><html><head><title>x</title></head><body></body></html>"
BROWSER = {"accept": "text/html,*/*;q=0.8", "accept-encoding": "gzip", "range": "bytes=0-3"}


@dataclass(frozen=True)
class Answer:
    headers: Headers
    body: bytes


def page(request):
    validators = {"etag": '"old"', "last-modified": "Sat, 21 Nov 2026 04:22:39 GMT"}
    return HTMLResponse(DOCUMENT, headers=validators | {"x-asked": request.headers.get("accept-encoding", "none")})


def parts(request):
    return StreamingResponse(iter([DOCUMENT[:30], DOCUMENT[30:]]), media_type="text/html")


def text(request):
    return PlainTextResponse(DOCUMENT)


def missing(request):
    return HTMLResponse(DOCUMENT, status_code=404)


def get(path: str, headers: dict[str, str]) -> Answer:
    handlers = (page, parts, text, missing)
    app = DarkFirst(Starlette(routes=[Route(f"/{handler.__name__}", handler) for handler in handlers]))
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "asgi": {"spec_version": "2.4"},
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": raw,
    }
    sent: list[dict] = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return Answer(Headers(raw=sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.mark.parametrize("path", ["/page", "/parts"])
def test_documents_start_dark(path: str) -> None:
    assert get(path, BROWSER).body.decode() == DOCUMENT.replace("<head>", "<head>" + HEAD.decode())


def test_length_and_validators_belong_to_what_is_sent() -> None:
    answer = get("/page", BROWSER)
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert "etag" not in answer.headers
    assert "last-modified" not in answer.headers
    assert answer.headers["x-asked"] == "none"


@pytest.mark.parametrize("path", ["/text", "/missing"])
def test_other_answers_are_left_alone(path: str) -> None:
    assert get(path, BROWSER).body.decode() == DOCUMENT


def test_programs_get_the_document_as_it_is() -> None:
    assert get("/page", {"accept": "application/json"}).body.decode() == DOCUMENT
