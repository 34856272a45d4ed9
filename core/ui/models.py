"""The page Models: a list of what is installed; one of them chosen, its card. The address names it (`?model=ID`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.domain import ModelSpec
from core.models.registry import DamagedModel, list_models
from core.ui.models_view import show_model
from core.ui.models_words import (
    CHECKING,
    damaged_html,
    headline_html,
    weights_state_html,
)

PARAMETER = "model"
COLUMNS = 2
HOW_TO_GET_ONE = """\
A model is a folder below `weights/`. Make one from labelled images, or take over a checkpoint:

```sh
python -m core train FOLDER --out weights/ID
python -m core import-model CHECKPOINT --arch resnet50 --labels effusion,nodule --out weights/ID
```

It is listed here as soon as the folder is complete. Images can be looked at without any model.
"""


def models_page() -> None:
    """Show the model that the address names, else the list."""
    entries = list_models()
    chosen = st.query_params.get(PARAMETER)
    if chosen is None:
        _list(entries)
        return
    st.button("All models", icon=":material/arrow_back:", key="all_models", on_click=_leave)
    entry = next((entry for entry in entries if entry.id == chosen), None)
    if entry is None:
        st.error("**There is no model of that name here.** The list of all models shows what there is.")
    elif isinstance(entry, DamagedModel):
        st.title(entry.id)
        st.html(damaged_html(entry))
    else:
        show_model(entry)


def _open(model_id: str) -> None:
    st.query_params[PARAMETER] = model_id


def _leave() -> None:
    st.query_params.pop(PARAMETER, None)


def _list(entries: Sequence[ModelSpec | DamagedModel]) -> None:
    st.title("Models")
    if not entries:
        st.subheader("No model on this desk")
        st.markdown(HOW_TO_GET_ONE)
        return
    st.caption("Open one to see what it is for and not for, how it was measured, and where it fails.")
    entries = sorted(entries, key=lambda entry: isinstance(entry, DamagedModel))
    places = [_entry(entry, column) for entry, column in zip(entries, _columns(len(entries)), strict=True)]
    # Last, so that nothing on the page waits while weights are read.
    for entry, place in zip(entries, places, strict=True):
        if isinstance(entry, ModelSpec):
            place.html(weights_state_html(entry))


def _columns(count: int) -> list[DeltaGenerator]:
    """Return a place for each entry, in rows of equal height."""
    places: list[DeltaGenerator] = []
    while len(places) < count:
        places.extend(st.columns(COLUMNS))
    # A frame for each entry, and none where the last row has no more of them.
    return [place.container(border=True, height="stretch") for place in places[:count]]


def _entry(entry: ModelSpec | DamagedModel, column: DeltaGenerator) -> DeltaGenerator:
    """Show one model of the list; return the place for the state of its weights."""
    with column:
        if isinstance(entry, DamagedModel):
            st.html(damaged_html(entry, with_title=True))
            return st.empty()
        st.html(headline_html(entry))
        place = st.empty()
        place.html(CHECKING)
        st.button("Open", key=f"open_{entry.id}", on_click=partial(_open, entry.id))
    return place
