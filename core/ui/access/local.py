"""Mode `local`: the server listens on this machine's loopback address, and its user is whoever sits in front of it."""

from __future__ import annotations

from ipaddress import ip_address

PUBLIC = (
    "Lightbox listens on {}, where others can reach it, but no way to tell who they are is configured. Start it with "
    "--server.address localhost, or choose LIGHTBOX_ACCESS=oidc or proxy (README, Access)."
)
FROM_ELSEWHERE = "Lightbox is set up for the person at its own machine. Open it in a browser there."


def refusal(*, address: str | None, visitor: str | None) -> str:
    """Say why a visitor may not use this server in local mode; empty where nothing speaks against it.

    Parameters
    ----------
    address : str or None
        What the server listens on; None is every address of the machine.
    visitor : str or None
        Where the visitor comes from; None is this machine, as Streamlit reports it.
    """
    if not is_loopback(address):
        return PUBLIC.format(address or "every address of this machine")
    if visitor is not None and not is_loopback(visitor):
        return FROM_ELSEWHERE
    return ""


def is_loopback(address: str | None) -> bool:
    """Whether an address can be reached from its own machine only."""
    if not address:
        return False
    if address == "localhost" or address.startswith("unix://"):
        return True
    try:
        return ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
