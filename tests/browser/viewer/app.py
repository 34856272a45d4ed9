"""An application that holds the viewer and nothing else, for its tests and benchmarks."""

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(CHECKOUT))

import streamlit as st  # noqa: E402  the checkout must be importable first
from starlette.middleware import Middleware  # noqa: E402

from core.ui.access import Gate  # noqa: E402
from core.ui.front import DarkFirst  # noqa: E402
from core.ui.headers import Protected  # noqa: E402
from core.ui.viewer.route import PIXEL_ROUTES  # noqa: E402

MIDDLEWARE = [Middleware(Protected), Middleware(Gate), Middleware(DarkFirst)]
app = st.App(Path(__file__).with_name("page.py"), routes=list(PIXEL_ROUTES), middleware=MIDDLEWARE)
