"""Who may use this server. Every page begins with `require_access`.

There is one mode so far, `local`: the server listens on this machine's loopback address, and its user is whoever sits
in front of it. A server that others can reach needs a mode that knows who they are; until one is configured, a page
on such a server shows the reason and nothing else.
"""

from __future__ import annotations

from ipaddress import ip_address

import streamlit as st


def require_access() -> None:
    """Let the page go on, or show why it may not and stop it."""
    reason = refusal(address=st.get_option("server.address"), visitor=st.context.ip_address)
    if reason:
        st.error(reason, icon=":material/lock:")
        st.stop()


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
        return (
            f"Lightbox listens on {address or 'every address of this machine'}, where others can reach it, but no way "
            "to tell who they are is configured. Start it with --server.address localhost."
        )
    if visitor is not None and not is_loopback(visitor):
        return "Lightbox is set up for the person at its own machine. Open it in a browser there."
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
