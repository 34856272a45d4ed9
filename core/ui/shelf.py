"""Which studies are open in this process: how much memory they may take, and when one is closed that nobody uses.

A thread looks every so often, so a study goes although its page stays open in a browser: `keep_watch` tells that page.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol
from weakref import WeakSet

import streamlit as st
from streamlit import runtime

from core.errors import CoreError, StudyError
from core.io.limits import DEFAULT_KEEPING, GIB, Keeping
from core.ui.memory import give_back_soon

AWAY_S: Final = 180.0
"""How long a study waits for a browser that is gone: one whose network failed comes back before that."""
SPARED_S: Final = 300.0
"""A study that was used so lately is not closed to make room for somebody else's."""
LONGEST_LOOK_S: Final = 30.0
"""How often, or four times within the time that an unused study has."""


class Kept(Protocol):
    """An open study, as the shelf sees it.

    Attributes
    ----------
    owner, session : str
        Whose it is, and in which session; empty where there is none.
    used : float
        When it was last looked at, on the clock of the shelf.
    away_since : float or None
        When its session was first seen without a browser.
    size : int
        Bytes.
    """

    owner: str
    session: str
    used: float
    away_since: float | None

    @property
    def size(self) -> int: ...  # noqa: D102

    @property
    def is_forgotten(self) -> bool: ...  # noqa: D102

    def forget(self, because: CoreError | None = None) -> None: ...  # noqa: D102


def _has_browser(session: str) -> bool:
    return not session or not runtime.exists() or runtime.get_instance().is_active_session(session)


class Shelf:
    """Knows every open study of this process, and closes those that are in nobody's use.

    Parameters
    ----------
    keeping : Keeping
    clock : callable
        Seconds that only increase.
    has_browser : callable
        Whether the session of this id has a browser just now.
    """

    def __init__(
        self,
        keeping: Keeping = DEFAULT_KEEPING,
        *,
        clock: Callable[[], float] = time.monotonic,
        has_browser: Callable[[str], bool] = _has_browser,
    ) -> None:
        self._keeping = keeping
        self._has_browser = has_browser
        self._studies: WeakSet[Kept] = WeakSet()
        self._lock = threading.Lock()
        self._reaper: threading.Thread | None = None
        self.clock = clock

    def add(self, study: Kept) -> None:
        """Take in a study that is being opened; others are closed where there is no room for it.

        Those of its owner go first, down to what one user may have, then whatever was not used for `SPARED_S`, in the
        order in which it was last used.

        Raises
        ------
        StudyError
            It is too large, or all other studies are in use.
        """
        with self._lock:
            if study.size > self._keeping.max_study_bytes_per_user:
                raise self._too_large(study.size)
            self._make_room([each for each in self._open() if each.owner == study.owner], self._user_limit(study))
            now = self.clock()
            spared = [each for each in self._open() if each.owner != study.owner and now - each.used < SPARED_S]
            if study.size + _total(spared) > self._keeping.max_study_bytes:
                raise self._no_room()
            others = [each for each in self._open() if each not in spared]
            self._make_room(others, self._keeping.max_study_bytes - study.size - _total(spared))
            study.used = now
            self._studies.add(study)
        self._start_reaper()

    def close_unused(self) -> int:
        """Close what nobody has used for too long, or whose browser is gone; return how many that were."""
        with self._lock:
            now = self.clock()
            unused = [each for each in self._open() if self._is_unused(each, now)]
            for each in unused:
                each.forget(self._idle())
        if unused:
            give_back_soon()
        return len(unused)

    @property
    def total(self) -> int:
        """Bytes of all open studies."""
        return _total(self._open())

    def __len__(self) -> int:
        return len(self._open())

    def _open(self) -> list[Kept]:
        """Return the studies that are open, the one that was used longest ago first."""
        return sorted((each for each in self._studies if not each.is_forgotten), key=lambda each: each.used)

    def _is_unused(self, study: Kept, now: float) -> bool:
        if now - study.used > self._keeping.max_idle_minutes * 60:
            return True
        if self._has_browser(study.session):
            study.away_since = None
            return False
        if study.away_since is None:
            study.away_since = now
        return now - study.away_since > AWAY_S

    def _user_limit(self, study: Kept) -> int:
        return self._keeping.max_study_bytes_per_user - study.size

    def _make_room(self, studies: list[Kept], limit: int) -> None:
        """Close studies, those first that were used longest ago, until the rest takes no more than `limit`."""
        left = list(studies)
        while left and _total(left) > limit:
            left.pop(0).forget(self._crowded_out())
            give_back_soon()

    def _start_reaper(self) -> None:
        with self._lock:
            if self._reaper is None:
                self._reaper = threading.Thread(target=self._reap, name="shelf", daemon=True)
                self._reaper.start()

    def _reap(self) -> None:
        while True:
            time.sleep(look_s(self._keeping))
            self.close_unused()

    def _idle(self) -> StudyError:
        minutes = f"{self._keeping.max_idle_minutes:g}"
        return StudyError(
            f"The study was closed: it was not used for {minutes} minutes, and none stays in memory longer than that.",
            hint="Bring it again to go on.",
            code="closed-when-idle",
        )

    def _crowded_out(self) -> StudyError:
        return StudyError(
            f"The study was closed to make room for another one. This server keeps {self._in_words()}.",
            hint="Bring it again to go on.",
            code="closed-for-room",
        )

    def _too_large(self, size: int) -> StudyError:
        return StudyError(
            f"The study takes {size / GIB:.2g} GiB of memory; this server keeps {self._in_words()}.",
            hint="Bring a part of it.",
            code="study-too-large",
        )

    def _no_room(self) -> StudyError:
        return StudyError(
            "The server's memory is full of studies that other readers have open.",
            hint="Try again in some minutes: what is no longer used is closed.",
            code="no-room",
        )

    def _in_words(self) -> str:
        limits = self._keeping
        own, all_ = limits.max_study_bytes_per_user / GIB, limits.max_study_bytes / GIB
        return f"up to {own:.2g} GiB of open studies for each user and {all_:.2g} GiB in all"


def look_s(keeping: Keeping) -> float:
    """Return how many seconds lie between two looks for what is unused."""
    return min(LONGEST_LOOK_S, keeping.max_idle_minutes * 60 / 4)


def _total(studies: list[Kept]) -> int:
    return sum(each.size for each in studies)


SHELF = Shelf()
"""That of this process."""


@st.fragment(run_every=look_s(DEFAULT_KEEPING))
def keep_watch(study: Kept) -> None:
    """Begin the page anew, with the reason, when its study was closed meanwhile."""
    if study.is_forgotten:
        st.rerun()
