"""The reading room: image, image with heatmap, answer. One fragment, so that its controls rerun nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.domain import Image, ModelSpec, Score, Voi
from core.errors import CoreError
from core.reports.wording import leading_scores, window_in_words
from core.ui import controls
from core.ui.answer import error_html, nobody_asked_html, reading_html, waiting_html
from core.ui.asking import ask
from core.ui.export import take_along
from core.ui.failure import calmly
from core.ui.figures import Corners, figure_html, heat_caption_html, note_box_html, plain_caption_html
from core.ui.heat import Heat, choose_heat, methods_for
from core.ui.picture import Shown, jpeg_url, lay_heat, png_url, show
from core.ui.session import OpenStudy
from core.workflow import Reading, is_call_withheld

PICTURES, PANEL = 76, 24
"""Parts of the width."""


@dataclass(frozen=True, slots=True)
class _Places:
    """Where things go. They are filled out of order: what a control says must be known before a picture is made."""

    plain: DeltaGenerator
    heated: DeltaGenerator
    shared: DeltaGenerator
    window: DeltaGenerator
    heat: DeltaGenerator
    panel: DeltaGenerator


@dataclass(frozen=True, slots=True, eq=False)
class _Sight:
    """The image that is looked at, as it is shown."""

    image: Image
    voi: Voi
    shown: Shown
    url: str
    corners: Corners

    def figure(self, caption: str, *, url: str = "", what: str = "Image") -> str:
        """Return the figure of this image, or of another picture of it."""
        alt = ", ".join(filter(None, (what, self.corners.series, self.corners.place, self.corners.window)))
        return figure_html(url or self.url, self.corners, alt=alt, caption=caption)


@st.fragment
def reading_room(opened: OpenStudy, spec: ModelSpec | None) -> None:
    """Show the open series, and what the model says of the image that is looked at.

    Parameters
    ----------
    opened : OpenStudy
    spec : ModelSpec or None
        The model to ask; None shows the image alone, and larger.
    """
    with calmly():
        _fill(opened, spec, _lay_out(with_heat=spec is not None))


def _fill(opened: OpenStudy, spec: ModelSpec | None, places: _Places) -> None:
    with places.shared:
        index = controls.place_controls(opened.view, opened.series)
    try:
        sight = _look(opened, index, places)
    except CoreError as error:
        places.plain.html(note_box_html("This image cannot be shown."))
        places.panel.html(error_html(error))
        return
    if spec is None:
        places.plain.html(sight.figure(plain_caption_html(sight.image)))
        places.panel.html(nobody_asked_html(opened.series))
        return
    _answer(opened, index, sight, spec, places)


def _lay_out(*, with_heat: bool) -> _Places:
    desk, panel = st.columns([PICTURES, PANEL], gap="small")
    with desk.container(gap="xxsmall"):
        plain, heated = st.columns(2, gap="small") if with_heat else [st.container()] * 2
        shared = st.container()
        window, heat = st.columns(2, gap="small")
    return _Places(
        plain=plain,
        heated=heated,
        shared=shared,
        window=window.container(gap="xxsmall"),
        heat=heat.container(gap="xxsmall"),
        panel=panel.container(key="panel", gap="small"),
    )


def _look(opened: OpenStudy, index: int, places: _Places) -> _Sight:
    """Decode and window the image as its controls say."""
    view, series = opened.view, opened.series
    image = opened.image(index)
    with places.window:
        voi = controls.window_controls(view, image, series)
    shown = show(image, voi, invert=view.invert, zoom=view.zoom, centre=(view.down / 100, view.across / 100))
    count = len(series.frames)
    corners = Corners(
        series=series.title,
        place=f"{index + 1} / {count}" if count > 1 else "",
        window=window_in_words(None if image.is_colour else voi, invert=view.invert),
        is_synthetic=opened.study.is_synthetic,
    )
    return _Sight(image, voi, shown, png_url(shown.picture), corners)


def _answer(opened: OpenStudy, index: int, sight: _Sight, spec: ModelSpec, places: _Places) -> None:
    """Ask the model; show the heatmap, the answer, and what can be taken along."""
    slots = [places.plain, places.heated, places.panel]
    plain = sight.figure(plain_caption_html(sight.image))

    def put(*contents: str) -> None:
        # Together, so that no answer stands beside another image than its own; what was there is replaced.
        slots[:] = [slot.html(content) for slot, content in zip(slots, contents, strict=True)]

    outcome = ask(
        opened,
        index,
        sight.image,
        spec,
        while_waiting=lambda: put(plain, note_box_html("Waiting for the answer"), waiting_html(spec)),
    )
    if isinstance(outcome, CoreError):
        put(plain, note_box_html("No heatmap: the model gave no answer."), error_html(outcome))
        return
    heat = _heat(opened, outcome, places)
    answer = reading_html(outcome, opened.series, with_scores=_shows_scores(opened, outcome))
    put(plain, _heated_figure(sight, heat, opened), answer)
    with places.panel:
        if is_call_withheld(outcome.prediction):
            controls.score_control(opened.view)
        take_along(opened, outcome, voi=sight.voi, explanation=heat.explanation)


def _heat(opened: OpenStudy, reading: Reading, places: _Places) -> Heat:
    names = [score.label.name for score in reading.prediction.scores]
    if opened.view.label not in names:
        opened.view.label = _loudest(reading.prediction.scores).label.name
    with places.heat:
        controls.label_controls(opened.view, names, methods_for(reading))
        heat = choose_heat(opened, reading, opened.view)
        controls.heat_look_controls(opened.view, is_shown=heat.explanation is not None, can_insist=heat.can_insist)
    return heat


def _heated_figure(sight: _Sight, heat: Heat, opened: OpenStudy) -> str:
    view = opened.view
    if heat.explanation is None:
        return sight.figure(heat_caption_html(heat), what="Image without heatmap")
    laid = lay_heat(sight.shown, heat.explanation, opacity=view.opacity / 100, contour=view.contour)
    what = f"Image with the evidence for {view.label} by {view.method}"
    return sight.figure(heat_caption_html(heat), url=jpeg_url(laid), what=what)


def _shows_scores(opened: OpenStudy, reading: Reading) -> bool:
    return opened.view.score_anyway or not is_call_withheld(reading.prediction)


def _loudest(scores: Sequence[Score]) -> Score:
    """Return the score that the heatmap explains at first: the one the answer begins with, else the highest."""
    return next(iter(leading_scores(scores)), max(scores, key=lambda score: np.nan_to_num(score.value, nan=-1.0)))
