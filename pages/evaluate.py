"""Evaluate: how far a model can be trusted on one's own cases."""

import streamlit as st

from core.ui.access import require_access
from core.ui.evaluate import evaluate_page

require_access()
with st.container(key="evaluate_page"):
    evaluate_page()
