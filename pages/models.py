"""Models: what is installed, what each is for, and how far it can be trusted."""

import streamlit as st

from core.ui.access import require_access
from core.ui.models import models_page

require_access()
with st.container(key="models_page"):
    models_page()
