"""The access mode, from environment variables; a server that is set up in part does not start.

LIGHTBOX_ACCESS          local (default), oidc or proxy
LIGHTBOX_PROXIES         proxy: addresses or networks whose word on the user is taken, with commas between
LIGHTBOX_USER_HEADER     proxy: the header that names the user; X-Forwarded-User where nothing is set
LIGHTBOX_USERS           oidc: who may enter: e-mail addresses, @domains, sub:IDENTIFIER, or * for all that can sign in
LIGHTBOX_SIGN_IN_HOURS   oidc: how long a sign-in is good for; 12
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, Literal

from core.errors import AccessError

Mode = Literal["local", "oidc", "proxy"]
MODES: Final[tuple[Mode, ...]] = ("local", "oidc", "proxy")
DEFAULT_HEADER: Final = "X-Forwarded-User"
DEFAULT_HOURS: Final = 12.0
VARIABLES: Final = (
    "LIGHTBOX_ACCESS",
    "LIGHTBOX_PROXIES",
    "LIGHTBOX_USER_HEADER",
    "LIGHTBOX_USERS",
    "LIGHTBOX_SIGN_IN_HOURS",
)
# RFC 9110, section 5.6.2, less the underscore: some proxies take it for a hyphen, and so let a forged header through.
_HEADER_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """How the server finds out who is in front of it.

    Attributes
    ----------
    mode : {"local", "oidc", "proxy"}
    proxies : tuple of networks
        Where a request must come from for its user header to count.
    user_header : str
        In lower case.
    users : tuple of str
        Who may enter once the provider has said who they are, in lower case; see `LIGHTBOX_USERS`.
    sign_in_hours : float
    """

    mode: Mode = "local"
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    user_header: str = DEFAULT_HEADER.lower()
    users: tuple[str, ...] = ()
    sign_in_hours: float = DEFAULT_HOURS

    def is_proxy(self, address: str | None) -> bool:
        """Whether an address is one whose word on the user is taken."""
        try:
            known = ip_address(address or "")
        except ValueError:
            return False
        known = getattr(known, "ipv4_mapped", None) or known
        return any(known in network for network in self.proxies)

    def admits(self, claims: Mapping[str, object]) -> bool:
        """Whether the person whom a provider describes may enter.

        An address counts only where the provider says that it belongs to them (OpenID Connect Core 1.0, section 5.7).
        """
        mail = str(claims.get("email", "")).lower() if claims.get("email_verified") is True else ""
        _, at, domain = mail.rpartition("@")
        names = {"*", f"sub:{claims.get('sub', '')}".lower(), mail, at + domain} - {"", "sub:", "@"}
        return not names.isdisjoint(self.users)


def read_settings(environment: Mapping[str, str]) -> AccessSettings:
    """Read the access mode and what belongs to it.

    Raises
    ------
    AccessError
        A value is not understood, or something that the mode needs is missing.
    """
    mode = environment.get("LIGHTBOX_ACCESS", "").strip().lower() or "local"
    if mode not in MODES:
        raise _error(f"LIGHTBOX_ACCESS is “{mode}”, which is no access mode.", "It may be local, oidc or proxy.")
    settings = AccessSettings(
        mode=MODES[MODES.index(mode)],
        proxies=tuple(_network(each) for each in _listed(environment, "LIGHTBOX_PROXIES")),
        user_header=_header(environment.get("LIGHTBOX_USER_HEADER", "").strip() or DEFAULT_HEADER),
        users=tuple(each.lower() for each in _listed(environment, "LIGHTBOX_USERS")),
        sign_in_hours=_hours(environment.get("LIGHTBOX_SIGN_IN_HOURS", "").strip()),
    )
    if settings.mode == "proxy" and not settings.proxies:
        raise _error(
            "LIGHTBOX_ACCESS is proxy, but LIGHTBOX_PROXIES names no address whose word on the user may be taken.",
            "Set it to the proxy's address as this machine sees it, for example 127.0.0.1.",
        )
    if settings.mode == "oidc" and not settings.users:
        raise _error(
            "LIGHTBOX_ACCESS is oidc, but LIGHTBOX_USERS does not say who may enter.",
            "Set it to e-mail addresses or @domains, or to * where everybody who can sign in at the provider may.",
        )
    return settings


def _listed(environment: Mapping[str, str], variable: str) -> list[str]:
    return [each.strip() for each in environment.get(variable, "").split(",") if each.strip()]


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text)
    except ValueError:
        raise _error(
            f"LIGHTBOX_PROXIES holds “{text}”, which is neither an address nor a network.",
            "Write 127.0.0.1, ::1 or 10.1.2.0/28, with commas between.",
        ) from None
    if network.prefixlen == 0:
        raise _error(
            f"LIGHTBOX_PROXIES holds “{text}”, which is every address: then anybody could say who they are.",
            "Name the proxy's own address.",
        )
    return network


def _header(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise _error(
            "LIGHTBOX_USER_HEADER is no name of a header.", "Use letters, digits and hyphens: X-Forwarded-User."
        )
    return name.lower()


def _hours(text: str) -> float:
    try:
        hours = float(text or DEFAULT_HOURS)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= 24 * 30:
        raise _error("LIGHTBOX_SIGN_IN_HOURS is not a number of hours between 0 and 720.", "12 is a working day.")
    return hours


def _error(message: str, hint: str) -> AccessError:
    return AccessError(message, hint=hint, code="access-settings")
