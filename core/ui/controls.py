"""The controls under the pictures. Each is tied to a field of the series' `View`, which outlives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from core.domain import Image, Series, Voi, VoiFunction, WindowLevel
from core.ui.session import OpenStudy, View
from core.ui.windows import MANUAL, slider_bounds, slider_step, window_choices
from core.windowing import automatic_window, is_usable

ZOOMS = (1.0, 1.5, 2.0, 3.0, 4.0)


def place_controls(view: View, series: Series) -> int:
    """Show what both pictures share: the scroll through slices or frames, magnification and pan.

    Returns
    -------
    int
        The index of the frame to show, from 0.
    """
    count = len(series.frames)
    view.frame = min(max(view.frame, 1), count)
    with st.container(horizontal=True, vertical_alignment="bottom", key="row_place"):
        if count > 1:
            _scroll(view, count, frame_word(series).capitalize())
        st.segmented_control("Zoom", ZOOMS, format_func=_zoom_word, required=True, **tied(view, "zoom"))
        fits = view.zoom == 1.0
        st.slider("Across, %", 0, 100, disabled=fits, **tied(view, "across"))
        st.slider("Down, %", 0, 100, disabled=fits, **tied(view, "down"))
    return view.frame - 1


def frame_word(series: Series) -> str:
    """Return what one picture of a series is called: slice of a volume, frame of a clip, else image."""
    first = series.frames[0]
    if first.position is not None:
        return "slice"
    return "image" if first.frame_time_ms is None else "frame"


def _scroll(view: View, count: int, word: str) -> None:
    st.slider(f"{word}, of {count}", 1, count, **tied(view, "frame"))
    _step_button(view, -1, word, at_end=view.frame == 1)
    _step_button(view, +1, word, at_end=view.frame == count)


def _step_button(view: View, step: int, word: str, *, at_end: bool) -> None:
    name, arrow = ("Previous", "Up") if step < 0 else ("Next", "Down")
    st.button(
        f"{name} {word.lower()}",
        key=f"frame_{name.lower()}",
        on_click=_step_frame,
        args=(view, step),
        disabled=at_end,
        shortcut=arrow,
    )


def _step_frame(view: View, step: int) -> None:
    view.frame += step


def window_controls(view: View, image: Image, series: Series) -> Voi:
    """Show preset, centre, width, invert and reset; return the window to show the image with."""
    if image.is_colour:
        with st.container(horizontal=True, vertical_alignment="bottom", key="row_window"):
            st.caption("True colour: no window applies.")
            _invert_and_reset(view, image)
        return automatic_window(image)
    voi = _chosen_window(view, image, series)
    _follow(view, image, voi)
    with st.container(horizontal=True, vertical_alignment="bottom", key="row_window"):
        st.selectbox("Window", _preset_names(view, image, series), **tied(view, "preset"))
        _invert_and_reset(view, image)
    assert view.bounds is not None
    low, high = view.bounds
    step = slider_step(view.bounds)
    shape: dict[str, Any] = {"step": step, "format": "%.0f" if step == 1.0 else "%.4g"}
    with st.container(horizontal=True, key="row_sliders"):
        st.slider("Centre", low, high, **shape, **tied(view, "center", then=_set_manual))
        st.slider("Width", step, max(high - low, view.width), **shape, **tied(view, "width", then=_set_manual))
    return voi


def _invert_and_reset(view: View, image: Image) -> None:
    st.toggle("Invert", **tied(view, "invert"))
    if image.graphics is not None:
        st.toggle(
            "Graphics",
            **tied(view, "graphics"),
            help="The file's own graphics over the image; they may name the patient",
        )
    st.button("Reset", key="reset", on_click=view.reset, help="Window, inversion and zoom as they were at first")


def _chosen_window(view: View, image: Image, series: Series) -> Voi:
    choices = window_choices(image, series.acquisition)
    if view.preset == MANUAL:
        window = WindowLevel(view.center, view.width, view.function)
        return window if is_usable(window) else replace(window, function=VoiFunction.LINEAR_EXACT)
    if view.preset not in choices:
        view.preset = next(iter(choices))
    return choices[view.preset]()


def _preset_names(view: View, image: Image, series: Series) -> list[str]:
    names = list(window_choices(image, series.acquisition))
    return [*names, MANUAL] if view.preset == MANUAL else names


def _follow(view: View, image: Image, voi: Voi) -> None:
    """Put the sliders where the window is; a table has no centre, so they start from the automatic window."""
    window = voi if isinstance(voi, WindowLevel) else automatic_window(image)
    view.center, view.width, view.function = float(window.center), float(window.width), window.function
    view.bounds = slider_bounds(image, window, view.bounds)


def _set_manual(view: View) -> None:
    view.preset = MANUAL


def _zoom_word(zoom: float) -> str:
    return "Fit" if zoom == 1.0 else f"{zoom:g}×"


def label_controls(view: View, labels: Mapping[str, str], methods: Sequence[str]) -> None:
    """Show which label the heatmap explains, and by which method; the first of each is taken by itself.

    Parameters
    ----------
    view : View
    labels : mapping of str to str
        What each label is shown as, by its name.
    methods : sequence of str
    """
    if view.label not in labels:
        view.label = next(iter(labels))
    if view.method not in methods:
        view.method = methods[0]
    st.selectbox("Heatmap for", list(labels), format_func=lambda name: labels.get(name, name), **tied(view, "label"))
    st.selectbox("Method", methods, **tied(view, "method"))


def heat_look_controls(view: View, *, is_shown: bool) -> None:
    """Show how strongly the heatmap covers the image."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="row_look"):
        st.slider("Opacity, %", 0, 100, step=5, disabled=not is_shown, **tied(view, "opacity"))
        st.toggle("Contour", disabled=not is_shown, **tied(view, "contour"))


def evidence_control(view: View) -> None:
    """Show the switch that brings up a heatmap that is left out."""
    st.toggle("Show evidence anyway", **tied(view, "evidence_anyway"))


def score_control(view: View) -> None:
    """Show the switch that brings up the scores of a model that is not meant for this image."""
    st.toggle("Show the score anyway", **tied(view, "score_anyway"))


def tied(owner: View | OpenStudy, field: str, *, then: Callable[[View], None] | None = None) -> dict[str, Any]:
    """Return the arguments that tie a widget to a field, which decides what the widget shows and takes its changes.

    Parameters
    ----------
    owner : View or OpenStudy
        Whose field it is: another one brings its own value to the widget.
    field : str
        Its name, which is the widget's key as well.
    then : callable, optional
        Called with the view after the field has changed.
    """
    # Every time: of two runs close together the browser draws the second alone, and a slider that was told its value
    # in the first would stand at its lower end, and send that.
    st.session_state[field] = getattr(owner, field)
    return {"key": field, "on_change": _store, "args": (owner, field, then)}


def _store(owner: View | OpenStudy, field: str, then: Callable[[View], None] | None) -> None:
    if st.session_state.get(field) is None:
        return
    setattr(owner, field, st.session_state[field])
    if then is not None and isinstance(owner, View):
        then(owner)
