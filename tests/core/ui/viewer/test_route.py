"""The route: pixels for who holds a token, reasons for everybody else, and headers that keep them off every disk."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
import pytest
from starlette.requests import Request
from starlette.responses import Response
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

from core.domain import Series
from core.errors import StudyError
from core.ui.access import User
from core.ui.access.gate import USER_KEY
from core.ui.viewer import route
from core.ui.viewer.source import PixelSource
from core.ui.viewer.store import Holder, PixelStore
from tests.core.ui.viewer.made_images import frame_of, image_of, series_of, unpacked

MARK = b"0123456789abcdef"
ANN = User("ann", "Ann")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> PixelStore:
    store = PixelStore(is_active=lambda _: True)
    monkeypatch.setattr(route, "STORE", store)
    return store


def asked(token: str = "", index: int = 0, mark: bytes | None = MARK, user: User | None = ANN) -> Response:
    headers = [(b"lightbox-token", token.encode())]
    if mark:
        headers.append((b"cookie", f"_streamlit_xsrf={generate_xsrf_token_string(mark)}".encode()))
    scope: dict[str, Any] = {"type": "http", "headers": headers, "path_params": {"index": index}, USER_KEY: user}
    return route.send_pixels(Request(scope))


def two_slices() -> PixelSource:
    return PixelSource(series_of([image_of(np.full((2, 3), 7 + i, np.int16), uid=f"{i}") for i in range(2)]))


def test_a_token_is_answered_with_the_slice_that_was_asked_for(store: PixelStore) -> None:
    source = two_slices()
    answer = asked(store.grant(source, Holder("s", MARK, "ann")), index=1)
    assert answer.status_code == 200
    assert unpacked(answer.body)[1].tolist() == [[8, 8, 8], [8, 8, 8]]


def test_pixels_are_stored_nowhere_not_compressed_and_not_sniffed(store: PixelStore) -> None:
    source = two_slices()
    for answer in (asked(store.grant(source, Holder("s", MARK, "ann"))), asked("wrong")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-encoding"] == "identity"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("mark", [None, b"another browser!"])
def test_another_browser_is_refused(store: PixelStore, mark: bytes | None) -> None:
    source = two_slices()
    answer = asked(store.grant(source, Holder("s", MARK, "ann")), mark=mark)
    assert (answer.status_code, json.loads(answer.body)["code"]) == (403, "token-ended")


def test_without_a_token_nothing_is_said(store: PixelStore) -> None:
    assert asked().status_code == 403
    assert asked("x" * 43).status_code == 403


def test_a_slice_beyond_the_end_is_not_there(store: PixelStore) -> None:
    source = two_slices()
    assert asked(store.grant(source, Holder("s", MARK, "ann")), index=2).status_code == 404


@pytest.mark.parametrize(("user", "code"), [(None, "no-access"), (User("bob", "Bob"), "token-ended")])
def test_whom_a_token_is_not_for_gets_no_pixels(store: PixelStore, user: User | None, code: str) -> None:
    source = two_slices()
    answer = asked(store.grant(source, Holder("s", MARK, "ann")), user=user)
    assert (answer.status_code, json.loads(answer.body)["code"]) == (403, code)


def failing(error: Exception) -> PixelSource:
    def load():
        raise error

    image = image_of(np.zeros((2, 2), np.uint8))
    return PixelSource(Series("s", "s", (frame_of(image, load=load),)))


def test_a_picture_that_cannot_be_decoded_says_why(store: PixelStore) -> None:
    source = failing(StudyError("The pixel data are cut off.", hint="Send it again.", code="truncated-pixel-data"))
    answer = asked(store.grant(source, Holder("s", MARK, "ann")))
    assert answer.status_code == 422
    assert json.loads(answer.body) == {
        "code": "truncated-pixel-data",
        "message": "The pixel data are cut off. Send it again.",
    }


def test_an_unforeseen_failure_is_logged_without_its_text(store: PixelStore, caplog: pytest.LogCaptureFixture) -> None:
    source = failing(RuntimeError("Quill^Zebedee"))
    with caplog.at_level(logging.ERROR):
        answer = asked(store.grant(source, Holder("s", MARK, "ann")))
    assert answer.status_code == 500
    assert "RuntimeError" in caplog.text
    assert "Quill" not in caplog.text + answer.body.decode()


def program(name: str, version: str | None = None) -> Response:
    params = {"name": name, "version": version or route.program_version()}
    return route.send_program(Request({"type": "http", "headers": [], "path_params": params}))


def test_the_program_is_served_as_modules_that_may_be_kept() -> None:
    answer = program("main.mjs")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("name", ["nothing.mjs", "../route.py", "..", ""])
def test_nothing_else_is_served(name: str) -> None:
    assert program(name).status_code == 404


def test_another_version_is_not_there() -> None:
    assert program("main.mjs", "0" * 16).status_code == 404
