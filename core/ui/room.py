"""The reading room: image, image with heatmap, answer. One fragment, so that its controls rerun nothing else.

The viewer shows the images; where its program does not reach the browser, pictures made by the server do.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.ui.asking import scan_of
from core.ui.canvas import canvas_room
from core.ui.failure import calmly
from core.ui.session import OpenStudy
from core.ui.side import Asked
from core.ui.stills import stills_room

WITHOUT_CANVAS = "without_canvas"
"""In the session's state: the viewer's program did not reach this browser."""


PACE_S = 1.5
"""How often the page looks how far the scores along a series are."""


def reading_room(opened: OpenStudy, asked: Asked) -> None:
    """Show the open series, and what the model says of the image that is looked at.

    Parameters
    ----------
    opened : OpenStudy
    asked : Asked
        The model to ask; none shows the image alone, and larger.
    """
    is_scanning = _is_scanning(opened, asked)
    st.fragment(_room, run_every=PACE_S if is_scanning else None)(opened, asked, is_scanning=is_scanning)


def _is_scanning(opened: OpenStudy, asked: Asked) -> bool:
    scan = scan_of(opened, asked.spec)
    return scan is not None and scan.is_running


def _room(opened: OpenStudy, asked: Asked, *, is_scanning: bool) -> None:
    now_scanning = False
    is_whole = True
    with calmly():
        now_scanning = _is_scanning(opened, asked)
        if WITHOUT_CANVAS in st.session_state:
            stills_room(opened, asked)
        else:
            is_whole = _draw_canvas(opened, asked)
    if asked.is_awaited:
        # The whole page begins anew with the model that was found.
        asked.proposal.exception()
        st.rerun()
    if now_scanning != is_scanning:
        # How often this part of the page runs is decided by a run of the whole.
        st.rerun()
    if not is_whole:
        _begin_anew()


def _draw_canvas(opened: OpenStudy, asked: Asked) -> bool:
    """Show the viewer; False where the room has to be drawn again."""
    is_whole = canvas_room(opened, asked)
    if is_whole is None:
        st.session_state[WITHOUT_CANVAS] = True
    return bool(is_whole)


def _begin_anew() -> None:
    context = get_script_run_ctx()
    is_alone = context is not None and bool(context.fragment_ids_this_run)
    st.rerun(scope="fragment" if is_alone else "app")
