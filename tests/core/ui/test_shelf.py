"""Open studies: how many fit, which one goes first, and that an unused one goes by itself."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from core.domain import Frame, Image, Intensity, Series, Study
from core.errors import StudyError
from core.io.limits import GIB, Keeping
from core.ui import session
from core.ui.session import Desk, OpenStudy
from core.ui.shelf import AWAY_S, SPARED_S, Shelf, look_s

KEEPING = Keeping(max_study_bytes_per_user=100, max_study_bytes=250, max_idle_minutes=30)
HALF_AN_HOUR_S = 30 * 60


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def away() -> set[str]:
    """Return the sessions whose browser is gone."""
    return set()


@pytest.fixture
def shelf(clock: Clock, away: set[str]) -> Shelf:
    return Shelf(KEEPING, clock=clock, has_browser=lambda session: session not in away)


def study(owner: str = "a", size: int = 60, *, session: str = "s") -> OpenStudy:
    image = Image(np.zeros((4, 4), np.uint8), Intensity.GRAY, "MONOCHROME2", "i:1")
    series = Series("i", "A series", (Frame("i:1", lambda: image, (4, 4)),))
    return OpenStudy(Study("0", (series,), size_bytes=size), "i", owner, session)


def code(closed: OpenStudy) -> str:
    assert closed.is_forgotten
    return closed.closed_because.code if closed.closed_because else ""


def test_a_user_has_so_much_and_the_study_used_longest_ago_goes_first(shelf: Shelf, clock: Clock) -> None:
    first, second, third, other = study(size=40), study(size=40), study(size=50), study("b", 100)
    for clock.now, each in enumerate([first, second, other]):
        shelf.add(each)
    clock.now = 10
    first.used = 9
    shelf.add(third)
    assert code(second) == "closed-for-room"
    assert [each.is_forgotten for each in (first, third, other)] == [False] * 3
    assert (len(shelf), shelf.total) == (3, 190)


def test_others_are_closed_only_when_they_were_not_used_of_late(shelf: Shelf, clock: Clock) -> None:
    early, late = study("a", 100), study("b", 100)
    shelf.add(early)
    clock.now = 100
    shelf.add(late)
    with pytest.raises(StudyError, match="other readers have open"):
        shelf.add(study("c", 60))
    assert not early.is_forgotten
    clock.now = SPARED_S + 1
    shelf.add(study("c", 60))
    assert code(early) == "closed-for-room"
    assert not late.is_forgotten


def test_a_study_that_cannot_be_kept_closes_none_of_the_others(shelf: Shelf) -> None:
    own = study(size=60)
    shelf.add(own)
    with pytest.raises(StudyError, match="this server keeps") as caught:
        shelf.add(study(size=101))
    assert caught.value.code == "study-too-large"
    assert not own.is_forgotten


def test_what_was_decoded_counts(shelf: Shelf) -> None:
    one = study(size=60)
    shelf.add(one)
    one.images.put("i:1", Image(np.zeros((5, 5), np.uint8), Intensity.GRAY, "MONOCHROME2", "i:1"))
    assert shelf.total == 85
    one.forget()
    assert (shelf.total, len(shelf)) == (0, 0)


def test_an_unused_study_is_closed_and_looking_at_it_is_use(shelf: Shelf, clock: Clock) -> None:
    one, other = study(), study("b")
    shelf.add(one)
    shelf.add(other)
    clock.now = HALF_AN_HOUR_S
    assert shelf.close_unused() == 0
    other.used = clock.now
    clock.now += 1
    assert shelf.close_unused() == 1
    assert code(one) == "closed-when-idle"
    assert "not used for 30 minutes" in str(one.closed_because)
    assert not other.is_forgotten


def test_a_study_is_used_when_its_series_is_looked_at(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    shelf = Shelf(KEEPING, clock=clock)
    monkeypatch.setattr(session, "SHELF", shelf)
    one = study()
    shelf.add(one)
    clock.now = 77
    assert one.series.title == "A series"
    assert one.used == 77


def test_a_study_waits_a_while_for_its_browser(shelf: Shelf, clock: Clock, away: set[str]) -> None:
    one = study(session="lost")
    shelf.add(one)
    away.add("lost")
    for clock.now in (10, 10 + AWAY_S):
        assert shelf.close_unused() == 0
    away.clear()
    assert shelf.close_unused() == 0
    away.add("lost")
    clock.now += AWAY_S
    assert shelf.close_unused() == 0
    clock.now += AWAY_S + 1
    assert shelf.close_unused() == 1


def test_the_thread_closes_without_anybody_asking(clock: Clock) -> None:
    shelf = Shelf(Keeping(max_idle_minutes=0.01), clock=clock)
    one = study()
    held = weakref.ref(one.study.series[0].frames[0].load)
    shelf.add(one)
    clock.now = 1
    for _ in range(10_000):
        if one.is_forgotten:
            break
        shelf._reaper.join(0.001)  # type: ignore[union-attr]
    gc.collect()
    assert code(one) == "closed-when-idle"
    assert held() is None
    assert look_s(Keeping()) == 30


def test_a_desk_says_why_its_study_is_gone(monkeypatch: pytest.MonkeyPatch, shelf: Shelf, clock: Clock) -> None:
    monkeypatch.setattr(session, "SHELF", shelf)
    desk = Desk(owner="a")
    desk.open(study().study)
    clock.now = HALF_AN_HOUR_S + 1
    shelf.close_unused()
    desk.clear_away()
    assert desk.opened is None
    assert desk.failure is not None
    assert desk.failure.code == "closed-when-idle"
    with pytest.raises(StudyError):
        desk.open(study(size=GIB).study)
    assert desk.opened is None
