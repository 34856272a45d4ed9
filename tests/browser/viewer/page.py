"""The page of that application: it opens a study of the folder LIGHTBOX_STUDIES, or one that is uploaded.

Its address says what to show: `study`, `series` (from 0), `heat` (1: next to it with a heatmap), `compare` (a study),
`scores` (1: a score for each of nine slices).
"""

import json
import os
from pathlib import Path

import streamlit as st

from core.io import Source, load_path, load_study
from core.ui import intake
from core.ui.access import require_access
from core.ui.memory import give_back_soon
from core.ui.viewer import Heat, Jump, Pane, PixelSource, ScoreLine, ViewerState, viewer
from core.ui.viewer.store import STORE
from tests.browser.viewer.page_heat import heat_over

SCORES = (0.1, 0.4, 0.9, 0.7, None, 0.2, 0.1, 0.0, 0.3)


def opened(name: str, series: int = 0) -> PixelSource:
    """Return a study of the folder, which stays open."""
    sources = st.session_state.setdefault("sources", {})
    if (name, series) not in sources:
        study = load_path(Path(os.environ["LIGHTBOX_STUDIES"]) / name)
        sources[name, series] = PixelSource(study.series[series])
    return sources[name, series]


def uploaded() -> PixelSource | None:
    """Return the study that was uploaded last."""
    files = st.file_uploader("Study", accept_multiple_files=True, key=f"files {st.session_state.get('closed', 0)}")
    if files and "upload" not in st.session_state:
        study = load_study([Source(file.name, file.getvalue()) for file in files])
        st.session_state.upload = PixelSource(study.series[0])
        intake.forget_uploads(files)
    return st.session_state.get("upload")


def heats_of(source: PixelSource, index: int) -> tuple[Heat, ...]:
    """Return a blob of heat over the middle of a frame, and one upside down."""
    frame = source.series.frames[index]
    explanations = (heat_over(frame.shape), heat_over(frame.shape, label="Effusion", upside_down=True))
    return tuple(Heat(each, (0.0, 3.0), frame.uid) for each in explanations)


def close() -> None:
    """Forget every study."""
    for source in [*st.session_state.get("sources", {}).values(), st.session_state.pop("upload", None)]:
        if source is not None:
            source.close()
    give_back_soon()
    st.session_state.sources = {}
    st.session_state.closed = st.session_state.get("closed", 0) + 1


def expire() -> None:
    """End the tokens of every study, which stays open."""
    for source in st.session_state.get("sources", {}).values():
        STORE.revoke(source)


st.set_page_config(layout="wide")
# Says whose the session is: it may then upload.
require_access()
wanted = st.query_params
st.session_state.runs = st.session_state.get("runs", 0) + 1
source = None
if "study" not in wanted:
    source = uploaded()
elif "closed" not in st.session_state:
    source = opened(wanted["study"], int(wanted.get("series", 0)))
if source is not None:
    middle = len(source) // 2
    panes = [Pane(source, source.series.title)]
    if wanted.get("heat") == "1":
        frame = st.session_state.get("explained", middle)
        panes.append(Pane(source, source.series.title, heats_of(source, frame), "No heatmap for this image"))
    if "compare" in wanted:
        other = opened(wanted["compare"])
        panes.append(Pane(other, other.series.title))
    jump = Jump(0, st.session_state.jumps) if "jumps" in st.session_state else None
    line = ScoreLine("Opacity", SCORES, 0.6) if "scores" in wanted else None
    state = viewer(panes, key="viewer", start=ViewerState(frame=middle), scores=line, jump=jump)
    st.text(f"runs {st.session_state.runs}")
    st.text(f"state {json.dumps(state and state.as_json())}")
with st.container(horizontal=True):
    st.button("Run again")
    st.button("First slice", on_click=lambda: st.session_state.update(jumps=st.session_state.get("jumps", 0) + 1))
    st.button("Expire", on_click=expire)
    st.button("Close", on_click=close)
