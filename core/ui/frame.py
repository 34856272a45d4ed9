"""What surrounds every page: title, menu, style."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.reports.wording import NOT_FOR_DIAGNOSIS

STYLE = Path(__file__).with_name("style.css")
LOGO = Path(__file__).with_name("logo.svg")
ICON = Path(__file__).with_name("favicon.png")
SIDEBAR_PX = 224


def open_frame(version: str) -> None:
    """Set up the browser tab, the menu (which holds the choice of theme) and the style sheet."""
    st.set_page_config(
        page_title="Lightbox",
        page_icon=str(ICON),
        layout="wide",
        initial_sidebar_state=SIDEBAR_PX,
        menu_items={"About": f"Lightbox {version}: an AI reading desk. Not for diagnostic use."},
    )
    st.logo(LOGO, size="medium")
    st.html(STYLE)
    st.html(f'<div class="lb-chip" role="note">{NOT_FOR_DIAGNOSIS}</div>')
