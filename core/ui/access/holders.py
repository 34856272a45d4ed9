"""Whose a session is. An identifier of somebody else's session opens nothing: neither its page nor its uploads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

SESSIONS: Final = 10_000


class Holders:
    """Remembers who each session belongs to; of more than `limit` those that were seen longest ago are forgotten.

    A session that is not known belongs to nobody.
    """

    def __init__(self, limit: int = SESSIONS) -> None:
        self._limit = limit
        self._users: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def claim(self, session: str, user: str) -> bool:
        """Note whose a session is; whether it is theirs (the first claim stays)."""
        with self._lock:
            holder = self._users.setdefault(session, user)
            self._users.move_to_end(session)
            while len(self._users) > self._limit:
                self._users.popitem(last=False)
            return holder == user

    def holds(self, session: str, user: str) -> bool:
        """Whether a session is this user's."""
        with self._lock:
            return self._users.get(session) == user


HOLDERS = Holders()
"""Those of this process: pages claim, the gate asks."""
