from __future__ import annotations

import gc

import pytest
from starlette.requests import Request
from starlette.responses import Response

from core.domain import Series, Study
from core.errors import ReportError
from core.ui.access import User
from core.ui.access.gate import USER_KEY
from core.ui.access.user import LOCAL
from core.ui.export import form_html
from core.ui.offers import Offer, serve_file
from core.ui.session import Desk


def request(token: str, query: str = "format=json", user: User | None = LOCAL) -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": f"/take-along/{token}",
            "path_params": {"token": token},
            "query_string": query.encode(),
            "headers": [],
            USER_KEY: user,
        }
    )


def echo(key: str, with_identity: bool) -> bytes:
    return f"{key} {with_identity}".encode()


@pytest.mark.parametrize(
    ("query", "content", "kind", "ending"),
    [
        ("format=json", b"json False", "application/json", "json"),
        ("format=png&identity=yes", b"png True", "image/png", "png"),
        ("identity=yes&format=report", b"report True", "text/html", "html"),
    ],
)
def test_the_form_says_what_is_made(query: str, content: bytes, kind: str, ending: str) -> None:
    offer = Offer(make=echo, name="lightbox-1234")
    answer = serve_file(request(offer.token, query))
    assert (answer.status_code, answer.body) == (200, content)
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["content-disposition"] == f'attachment; filename="lightbox-1234.{ending}"'
    assert answer.headers["cache-control"] == "no-store"


def refused(answer: Response) -> str:
    # Anything but a file that is taken would have the browser leave the page.
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="lightbox-no-file.txt"'
    return bytes(answer.body).decode()


@pytest.mark.parametrize("query", ["", "format=exe"])
def test_what_is_not_on_the_form_is_not_made(query: str) -> None:
    offer = Offer(make=echo)
    assert "no longer open" in refused(serve_file(request(offer.token, query)))


def test_nothing_is_made_where_nothing_is_offered() -> None:
    assert "no longer open" in refused(serve_file(request(Offer().token)))
    assert "no longer open" in refused(serve_file(request("guessed")))


def test_an_offer_goes_with_the_study_that_holds_it() -> None:
    offer = Offer(make=echo)
    token = offer.token
    assert serve_file(request(token)).body == b"json False"
    del offer
    gc.collect()
    assert "no longer open" in refused(serve_file(request(token)))


def test_closing_a_study_withdraws_what_it_offered() -> None:
    desk = Desk()
    desk.open(Study("0", (Series("s", "DX", ()),)))
    assert desk.opened is not None
    offer = desk.opened.offer
    offer.make = echo
    desk.close()
    assert "no longer open" in refused(serve_file(request(offer.token)))


def test_tokens_cannot_be_guessed() -> None:
    tokens = {Offer().token for _ in range(100)}
    assert len(tokens) == 100
    assert min(len(token) for token in tokens) >= 32


@pytest.mark.parametrize("user", [None, User("proxy-bob", "Bob")])
def test_whom_it_does_not_belong_to_gets_nothing(user: User | None) -> None:
    offer = Offer(make=echo)
    assert "no longer open" in refused(serve_file(request(offer.token, user=user)))
    assert serve_file(request(offer.token)).body == b"json False"


def test_a_failure_with_a_name_is_told_and_another_one_is_not_quoted() -> None:
    def fail(key: str, with_identity: bool) -> bytes:
        if key == "json":
            raise ReportError("The time has no zone.", hint="Set it.", code="x")
        raise ValueError("Zebedee Quill")

    offer = Offer(make=fail)
    assert refused(serve_file(request(offer.token))) == "The time has no zone. Set it."
    said = refused(serve_file(request(offer.token, "format=png")))
    assert "did not foresee" in said
    assert "Zebedee" not in said


def test_the_form_is_the_same_for_as_long_as_the_study_is_open() -> None:
    offer = Offer()
    before = form_html(offer.token)
    offer.make = echo
    assert form_html(offer.token) == before
    assert f'action="take-along/{offer.token}"' in before
    assert "checked" not in before
