"""Who somebody is: an identity that stays the same and says nothing, and a name to show them.

The gate learns who sends a request and puts a stamp on it, in a header that it takes off everything that comes in.
Pages and routes read the stamp; nothing outside of this process can make one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, Literal

from core.audit import user_id

STAMP_HEADER: Final = "lightbox-user"
NAME_LENGTH: Final = 120
_KEY: Final = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may use this server.

    Attributes
    ----------
    id : str
        Always the same for the same person; it does not say who they are.
    name : str
        What they are called on their own screen. It is written nowhere.
    """

    id: str
    name: str


LOCAL: Final = User("local", "You")


def known_user(mode: Literal["oidc", "proxy"], *identity: str, name: str) -> User:
    """Return the user whom a provider or proxy knows by `identity`; see `core.audit.user_id`."""
    return User(user_id(mode, *identity), name[:NAME_LENGTH])


def stamp(user: User, *, until: float) -> str:
    """Return what tells the rest of this process who a request is from.

    Parameters
    ----------
    user : User
    until : float
        When their sign-in ends, as `time.time` counts.
    """
    content = urlsafe_b64encode(json.dumps(asdict(user) | {"until": until}).encode()).decode()
    return f"{content}.{_sign(content)}"


def read_stamp(value: str | None, *, clock: Callable[[], float] = time.time) -> User | None:
    """Return who a stamp is for; None where it is missing, forged, or its time is over."""
    content, _, signature = (value or "").partition(".")
    if not hmac.compare_digest(signature.encode(), _sign(content).encode()):
        return None
    told = json.loads(urlsafe_b64decode(content))
    return User(told["id"], told["name"]) if told["until"] > clock() else None


def _sign(content: str) -> str:
    return hmac.new(_KEY, content.encode(), hashlib.sha256).hexdigest()
