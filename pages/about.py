"""About: what Lightbox is, what it is not, and what happens to a study."""

import streamlit as st

from core.ui.about import about_text
from core.ui.access import require_access

require_access()
with st.container(key="about"):
    st.markdown(about_text())
