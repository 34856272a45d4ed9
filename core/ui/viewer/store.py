"""Who may fetch which pixels: tokens that cannot be guessed, belong to one session of one browser, and end.

A token ends when the study is closed (nothing holds its `PixelSource` any more, or it was revoked), when the session
has ended, when nobody used it for half an hour, and after half a day in any case. It travels in a header, so it is in
no URL, history or log. The store holds no pixels itself.
"""

from __future__ import annotations

import secrets
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from streamlit import runtime

from core.ui.viewer.source import PixelSource

IDLE_S: Final = 30 * 60
LIFETIME_S: Final = 12 * 60 * 60


def _is_active(session: str) -> bool:
    return runtime.exists() and runtime.get_instance().is_active_session(session)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a token is for: a session, the browser that it runs in (None where it carries no mark), and its user."""

    session: str
    browser: bytes | None
    user: str


@dataclass(slots=True)
class _Grant:
    source: weakref.ref[PixelSource]
    holder: Holder
    made: float
    used: float


class PixelStore:
    """Grants tokens for the pictures of series, and finds the series by a token.

    Parameters
    ----------
    clock : callable
        Seconds that only increase.
    is_active : callable
        Whether a session still runs.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, is_active: Callable[[str], bool] = _is_active
    ) -> None:
        self._clock = clock
        self._is_active = is_active
        self._grants: dict[str, _Grant] = {}
        self._lock = threading.Lock()

    def grant(self, source: PixelSource, holder: Holder) -> str:
        """Return a token for a series: the one that this holder has already, unless half of its life is over."""
        with self._lock:
            self._forget_ended()
            now = self._clock()
            for token, grant in self._grants.items():
                if grant.source() is source and grant.holder == holder and now - grant.made < LIFETIME_S / 2:
                    grant.used = now
                    return token
            token = secrets.token_urlsafe(32)
            self._grants[token] = _Grant(weakref.ref(source), holder, now, now)
            return token

    def find(self, token: str, *, browser: bytes | None, user: str) -> PixelSource | None:
        """Return the series that a token of this browser and user is for; None where it is none, or has ended."""
        with self._lock:
            grant = self._grants.get(token)
            if grant is None or grant.holder.browser != browser or grant.holder.user != user:
                return None
            if self._has_ended(grant):
                del self._grants[token]
                return None
            grant.used = self._clock()
            return grant.source()

    def revoke(self, source: PixelSource) -> None:
        """End all tokens of a series at once."""
        with self._lock:
            self._grants = {token: grant for token, grant in self._grants.items() if grant.source() is not source}

    def __len__(self) -> int:
        return len(self._grants)

    def _forget_ended(self) -> None:
        self._grants = {token: grant for token, grant in self._grants.items() if not self._has_ended(grant)}

    def _has_ended(self, grant: _Grant) -> bool:
        now = self._clock()
        is_old = now - grant.used > IDLE_S or now - grant.made > LIFETIME_S
        source = grant.source()
        return is_old or source is None or source.is_closed or not self._is_active(grant.holder.session)


STORE = PixelStore()
"""That of this process: pages grant, the route finds."""
