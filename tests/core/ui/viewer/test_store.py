"""Tokens: for one session of one browser, and not for ever."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from core.ui.viewer.source import PixelSource
from core.ui.viewer.store import IDLE_S, LIFETIME_S, Holder, PixelStore
from tests.core.ui.viewer.made_images import image_of, series_of

HERE, THERE = Holder("session-1", b"browser-1", "ann"), Holder("session-2", b"browser-2", "bob")


class Desk:
    """A store whose clock and sessions are in the test's hands."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sessions = {"session-1", "session-2"}
        self.store = PixelStore(clock=lambda: self.now, is_active=lambda session: session in self.sessions)
        self.source = PixelSource(series_of([image_of(np.zeros((2, 2), np.uint8))]))

    def finds(self, token: str, browser: bytes | None = b"browser-1", user: str = "ann") -> bool:
        return self.store.find(token, browser=browser, user=user) is self.source


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_token_is_its_users_alone(desk: Desk) -> None:
    token = desk.store.grant(desk.source, HERE)
    assert not desk.finds(token, user="bob")
    assert desk.finds(token)


def test_a_token_finds_its_series_and_cannot_be_guessed(desk: Desk) -> None:
    token = desk.store.grant(desk.source, HERE)
    assert desk.finds(token)
    assert len(token) >= 43  # 256 bits in base64
    assert not desk.finds(token[:-1])
    assert not desk.finds("")


def test_a_rerun_gets_the_same_token(desk: Desk) -> None:
    assert desk.store.grant(desk.source, HERE) == desk.store.grant(desk.source, HERE)


def test_sessions_do_not_share_tokens(desk: Desk) -> None:
    assert desk.store.grant(desk.source, HERE) != desk.store.grant(desk.source, THERE)


@pytest.mark.parametrize("browser", [b"browser-2", None])
def test_another_browser_is_refused(desk: Desk, browser: bytes | None) -> None:
    assert not desk.finds(desk.store.grant(desk.source, HERE), browser)


def test_a_token_ends_when_nobody_uses_it(desk: Desk) -> None:
    token = desk.store.grant(desk.source, HERE)
    desk.now += IDLE_S - 1
    assert desk.finds(token)
    desk.now += IDLE_S - 1
    assert desk.finds(token), "use prolongs it"
    desk.now += IDLE_S + 1
    assert not desk.finds(token)
    assert len(desk.store) == 0


def test_a_token_ends_after_half_a_day_however_often_it_is_used(desk: Desk) -> None:
    token = desk.store.grant(desk.source, HERE)
    for _ in range(int(LIFETIME_S / IDLE_S) + 1):
        desk.now += IDLE_S - 1
        desk.store.find(token, browser=b"browser-1", user="ann")
    desk.now += IDLE_S - 1
    assert not desk.finds(token)


def test_a_new_token_comes_well_before_the_old_one_ends(desk: Desk) -> None:
    token = desk.store.grant(desk.source, HERE)
    while desk.now < 1000 + LIFETIME_S / 2:
        desk.now += IDLE_S / 2
        renewed = desk.store.grant(desk.source, HERE)
    assert renewed != token
    assert desk.finds(token)
    assert desk.finds(renewed)


def test_a_token_ends_with_its_session(desk: Desk) -> None:
    token = desk.store.grant(desk.source, HERE)
    desk.sessions.remove("session-1")
    assert not desk.finds(token)


def test_a_token_ends_when_the_study_is_closed(desk: Desk) -> None:
    token = desk.store.grant(desk.source, HERE)
    desk.source = None
    gc.collect()
    assert desk.store.find(token, browser=b"browser-1", user="ann") is None
    desk.store.grant(PixelSource(series_of([])), THERE)
    assert len(desk.store) == 1, "what has ended is forgotten"


def test_revoking_ends_all_tokens_of_a_series_and_no_other(desk: Desk) -> None:
    other = PixelSource(series_of([]))
    tokens = [desk.store.grant(desk.source, holder) for holder in (HERE, THERE)]
    kept = desk.store.grant(other, HERE)
    desk.store.revoke(desk.source)
    assert not desk.finds(tokens[0])
    assert not desk.finds(tokens[1], b"browser-2")
    assert desk.store.find(kept, browser=b"browser-1", user="ann") is other
