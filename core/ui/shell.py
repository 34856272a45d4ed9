"""The script that Streamlit runs for every visitor and every page: frame, guard, navigation, page."""

from pathlib import Path

import streamlit as st

from core import __version__
from core.ui.access import can_sign_out, require_access
from core.ui.failure import calmly
from core.ui.frame import open_frame

CHECKOUT = Path(__file__).resolve().parents[2]

open_frame(__version__)
require_access()
ways_out = [st.Page(st.logout, title="Sign out", icon=":material/logout:")] if can_sign_out() else []
page = st.navigation(
    [
        st.Page(CHECKOUT / "pages" / "read.py", title="Read", icon=":material/radiology:", default=True),
        st.Page(CHECKOUT / "pages" / "evaluate.py", title="Evaluate", icon=":material/analytics:"),
        st.Page(CHECKOUT / "pages" / "models.py", title="Models", icon=":material/network_intelligence:"),
        st.Page(CHECKOUT / "pages" / "about.py", title="About", icon=":material/info:"),
        *ways_out,
    ],
    position="top",
)
with calmly():
    page.run()
