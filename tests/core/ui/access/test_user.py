from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from core.ui.access.holders import Holders
from core.ui.access.user import LOCAL, known_user, read_stamp, stamp

ANN = known_user("proxy", "ann", name="Ann")


def test_an_identity_is_always_the_same_and_does_not_say_who_it_is() -> None:
    assert known_user("proxy", "ann", name="Dr Ann").id == ANN.id
    assert "ann" not in ANN.id.removeprefix("proxy-")


def test_no_two_people_have_one_identity() -> None:
    people = [("proxy", "ann"), ("oidc", "ann"), ("oidc", "a", "nn"), ("oidc", "an", "n"), ("oidc", "ann", "")]
    assert len({known_user(mode, *identity, name="").id for mode, *identity in people} | {LOCAL.id}) == 6


def test_a_stamp_says_who_it_is_for_until_its_time_is_over() -> None:
    value = stamp(ANN, until=1000)
    assert read_stamp(value, clock=lambda: 999) == ANN
    assert read_stamp(value, clock=lambda: 1000) is None


@pytest.mark.parametrize("value", [None, "", ".", "a.b", "é.é"])
def test_what_is_no_stamp_says_nothing(value: str | None) -> None:
    assert read_stamp(value) is None


def test_a_changed_stamp_says_nothing() -> None:
    content, _, signature = stamp(ANN, until=1000).partition(".")
    other = urlsafe_b64encode(b'{"id": "local", "name": "You", "until": 2000}').decode()
    assert read_stamp(f"{other}.{signature}", clock=lambda: 1) is None
    assert read_stamp(f"{content}.{signature[:-1]}", clock=lambda: 1) is None


def test_a_session_is_whose_it_was_first() -> None:
    holders = Holders()
    assert holders.claim("s", "ann")
    assert not holders.claim("s", "bob")
    assert holders.holds("s", "ann")
    assert not holders.holds("s", "bob")
    assert not holders.holds("unknown", "ann")


def test_sessions_that_were_not_seen_for_long_are_forgotten() -> None:
    holders = Holders(limit=2)
    for session in ("a", "b", "a", "c"):
        holders.claim(session, "ann")
    assert [holders.holds(session, "ann") for session in "abc"] == [True, False, True]
