"""The viewer on a page: a Components v2 canvas, fed by `core.ui.viewer.route`.

The page tells it what to show; it tells the page where it stands once the hand is lifted. In between nothing travels
but pixels that are not in the browser yet.
"""

from __future__ import annotations

import hashlib
import json
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

from core.reports.wording import NOT_FOR_DIAGNOSIS
from core.ui.access import current_user
from core.ui.viewer.panes import Pane, ScoreLine, colours_as_json, pane_as_json
from core.ui.viewer.route import browser_mark, program_version
from core.ui.viewer.source import PixelSource
from core.ui.viewer.state import ViewerState
from core.ui.viewer.store import STORE, Holder

FOLDER = Path(__file__).parent

_mount = st.components.v2.component(
    "lightbox_viewer",
    css=(FOLDER / "viewer.css").read_text("utf-8"),
    js=(FOLDER / "boot.js").read_text("utf-8"),
)


@dataclass(frozen=True, slots=True)
class Jump:
    """An order to show a frame of the first pane. It is obeyed once for each `serial`."""

    frame: int
    serial: int


def viewer(
    panes: Sequence[Pane],
    *,
    key: str,
    start: ViewerState | None = None,
    scores: ScoreLine | None = None,
    jump: Jump | None = None,
    on_change: Callable[[], None] | None = None,
) -> ViewerState | None:
    """Show pictures next to each other and return how the reader looks at them.

    Parameters
    ----------
    panes : sequence of Pane
        One or more. While the key and the sources stay the same, a rerun of the page reloads nothing.
    key : str
    start : ViewerState, optional
        Where to begin with a series that this viewer has not shown just before.
    scores : ScoreLine, optional
        Drawn under the pictures.
    jump : Jump, optional
        Go to a frame.
    on_change : callable, optional
        Called before the page runs again because the reader has looked at something else.

    Returns
    -------
    ViewerState or None
        None where the viewer's program did not reach the browser, so that the page can show pictures made by the
        server instead.
    """
    start = start or ViewerState()
    result = _mount(
        key=key,
        data=_stamped(
            key,
            {
                "program": f"/viewer/program/{program_version()}/main.mjs",
                "pixels": "/viewer/pixels/",
                "notice": NOT_FOR_DIAGNOSIS,
                "panes": [pane_as_json(pane, grant(pane.source)) for pane in panes],
                "colours": colours_as_json(panes),
                "start": start.as_json(),
                "scores": scores and scores.as_json(),
                "jump": jump and {"frame": jump.frame, "serial": jump.serial},
            },
        ),
        on_view_change=on_change or _nothing,
        on_failed_change=_nothing,
        on_renew_change=partial(_renew, tuple(weakref.ref(pane.source) for pane in panes)),
    )
    if result.get("failed"):
        return None
    return _state_of(result.get("view"), panes[0].source, start)


def _stamped(key: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return data with the time, in µs, at which this session first told them.

    On a busy machine the browser is handed them in another order; see `boot.js`.
    """
    digest = hashlib.sha256(json.dumps(data).encode()).hexdigest()
    before, told = st.session_state.get(f"{key}_told", ("", 0))
    if digest != before:
        told = max(time.time_ns() // 1000, told + 1)
        st.session_state[f"{key}_told"] = (digest, told)
    return {**data, "told": told}


def grant(source: PixelSource) -> str:
    """Return a token for the pictures of a series, for the session and the browser that this page is shown in."""
    context = get_script_run_ctx()
    mark = browser_mark(st.context.cookies.get(XSRF_COOKIE_NAME))
    return STORE.grant(source, Holder(context.session_id if context else "", mark, current_user().id))


def standing(key: str, source: PixelSource, start: ViewerState) -> ViewerState:
    """Return where the reader stands, before the viewer is put on the page again.

    Parameters
    ----------
    key : str
        Of the viewer.
    source : PixelSource
        Of its first pane.
    start : ViewerState
        Returned where the browser has told nothing of that series.
    """
    return _state_of((st.session_state.get(key) or {}).get("view"), source, start)


def _renew(sources: tuple[weakref.ref[PixelSource], ...]) -> None:
    """End the tokens that the browser was refused with, so that this run grants others.

    Streamlit keeps a callback for longer than a study is open, so it must not hold one.
    """
    for reference in sources:
        source = reference()
        if source is not None:
            STORE.revoke(source)


def _state_of(told: Any, source: PixelSource, start: ViewerState) -> ViewerState:
    """Return what the browser told of this series; what it told of another one is not meant for it."""
    if not isinstance(told, dict) or told.get("source") != source.series.uid:
        return start
    return ViewerState.from_json(told, frames=len(source))


def _nothing() -> None:
    """Stand in for a callback: Streamlit keeps a component's state only where there is one."""
