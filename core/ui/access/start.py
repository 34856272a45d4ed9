"""What must be true before the server may answer anybody."""

from __future__ import annotations

import os
import sys
from functools import lru_cache

import streamlit as st

from core.errors import AccessError
from core.ui.access.local import PUBLIC, is_loopback
from core.ui.access.settings import AccessSettings, read_settings
from core.ui.access.sign_in import check_provider


@lru_cache(maxsize=1)
def settings() -> AccessSettings:
    """Return the access mode of this process.

    Raises
    ------
    AccessError
        It is set up in part or wrongly.
    """
    return read_settings(os.environ)


def check_access() -> None:
    """Make sure that the server can tell who may use it.

    Raises
    ------
    AccessError
        It cannot: what was found, and what to do.
    """
    mode = settings().mode
    address = st.get_option("server.address")
    if mode == "local" and not is_loopback(address):
        raise AccessError(PUBLIC.format(address or "every address of this machine"), code="access-settings")
    if mode == "oidc":
        check_provider()
    if not (st.get_option("server.enableXsrfProtection") and st.get_option("server.enableCORS")):
        raise AccessError(
            "The protection against requests forged by other web sites is switched off.",
            hint="Remove server.enableXsrfProtection and server.enableCORS from the settings.",
            code="access-settings",
        )


def stop_without_access() -> None:
    """End the process with the reason where the server could not tell who may use it."""
    try:
        check_access()
    except AccessError as error:
        sys.exit(f"Lightbox does not start. {error}")
