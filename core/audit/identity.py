"""What always stands for the same person, and does not say who they are."""

from __future__ import annotations

import hashlib
from typing import Literal


def user_id(mode: Literal["oidc", "proxy"], *identity: str) -> str:
    """Return the identity of a user whom a provider (by issuer and subject) or a proxy (by its header) knows.

    The names of different sources cannot meet: each part goes into the digest with its length.
    """
    parts = [mode, *identity]
    digest = hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
    return f"{mode}-{digest[:24]}"
