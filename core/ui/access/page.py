"""The guard of the pages, and who a page is shown to."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.errors import AccessError
from core.ui.access.holders import HOLDERS
from core.ui.access.local import refusal
from core.ui.access.start import settings
from core.ui.access.user import LOCAL, STAMP_HEADER, User, read_stamp

NOT_KNOWN = "Lightbox does not know who you are, or your sign-in has ended. Load the page again."


def require_access() -> User:
    """Let the page go on and return who it is shown to, or show why it may not and stop it."""
    try:
        return _admitted()
    except AccessError as error:
        st.error(str(error), icon=":material/lock:")
        st.stop()


def current_user() -> User:
    """Return who this page is shown to.

    Raises
    ------
    AccessError
        Nobody knows; `require_access` stops a page then.
    """
    if settings().mode == "local":
        return LOCAL
    user = read_stamp(st.context.headers.get(STAMP_HEADER))
    if user is None:
        raise AccessError(NOT_KNOWN, code="access-unknown")
    return user


def is_local() -> bool:
    """Whether whoever looks sits in front of the machine that answers."""
    return settings().mode == "local"


def can_sign_out() -> bool:
    """Whether the person signed in here, rather than at a proxy."""
    return settings().mode == "oidc"


def _admitted() -> User:
    user = current_user()
    if settings().mode == "local":
        reason = refusal(address=st.get_option("server.address"), visitor=st.context.ip_address)
        if reason:
            raise AccessError(reason, code="access-refused")
    context = get_script_run_ctx()
    if context is not None and not HOLDERS.claim(context.session_id, user.id):
        raise AccessError(NOT_KNOWN, code="access-refused")
    return user
