"""Lightbox in a browser: `streamlit run streamlit_app.py`, or any ASGI server with `streamlit_app:app`.

The script that is run for every visitor is `core/ui/shell.py`. It lies elsewhere on purpose: Streamlit serves the
first request to a page beside its main script without running that script, and so without its guard.
"""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from core.ui import offers
from core.ui.access import Gate
from core.ui.access.start import stop_without_access
from core.ui.failure import answer_calmly
from core.ui.front import DarkFirst
from core.ui.headers import Protected
from core.ui.intake import keep_uploads_off_the_disk
from core.ui.viewer.route import PIXEL_ROUTES
from core.ui.waiting import going_on_with_evaluations

stop_without_access()
keep_uploads_off_the_disk()
app = st.App(
    Path(__file__).parent / "core" / "ui" / "shell.py",
    routes=[offers.ROUTE, *PIXEL_ROUTES],
    middleware=[Middleware(Protected), Middleware(Gate), Middleware(DarkFirst)],
    on_script_error=answer_calmly,
    lifespan=going_on_with_evaluations,
)
