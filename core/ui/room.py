"""The reading room: image, image with heatmap, answer. One fragment, so that its controls rerun nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.domain import Image, ModelSpec, Score, Voi
from core.errors import CoreError
from core.reports.wording import leading_scores, window_in_words
from core.ui import controls
from core.ui.answer import decoding_html, error_html, nobody_asked_html, reading_html, waiting_html
from core.ui.asking import ask, decode
from core.ui.export import take_along
from core.ui.failure import calmly
from core.ui.figures import Corners, figure_html, heat_caption_html, note_box_html, plain_caption_html
from core.ui.heat import Heat, choose_heat, methods_for
from core.ui.picture import Shown, jpeg_url, lay_heat, png_url, show
from core.ui.session import OpenStudy
from core.workflow import Reading, is_call_withheld

PICTURES, PANEL = 76, 24
"""Parts of the width."""


@dataclass(slots=True)
class _Stage:
    """What belongs together: image, image with heatmap (unless nobody is asked), answer."""

    plain: DeltaGenerator
    heated: DeltaGenerator | None
    panel: DeltaGenerator

    def put(self, plain: str, heated: str, panel: str) -> None:
        """Show all three at once, so that no answer stands beside another image than its own.

        What was put before is replaced.
        """
        self.plain = self.plain.html(plain)
        if self.heated is not None:
            self.heated = self.heated.html(heated)
        self.panel = self.panel.html(panel)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where controls go. They are filled out of order: what one says must be known before a picture is made."""

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
        stage, places = _lay_out(with_heat=spec is not None)
        _fill(opened, spec, stage, places)


def _lay_out(*, with_heat: bool) -> tuple[_Stage, _Places]:
    desk, panel = st.columns([PICTURES, PANEL], gap="small")
    panel = panel.container(key="panel", gap="small")
    with desk.container(gap="xxsmall"):
        left, right = st.columns(2, gap="small") if with_heat else (st.container(), None)
        stage = _Stage(left, right, panel)
        shared = st.container()
        window, heat = (column.container(gap="xxsmall") for column in st.columns(2, gap="small"))
    return stage, _Places(shared, window, heat, panel)


def _fill(opened: OpenStudy, spec: ModelSpec | None, stage: _Stage, places: _Places) -> None:
    with places.shared:
        index = controls.place_controls(opened.view, opened.series)
    try:
        sight = _look(opened, index, stage, places)
    except CoreError as error:
        stage.put(note_box_html("This image cannot be shown."), note_box_html(""), error_html(error))
        return
    if spec is None:
        stage.put(sight.figure(plain_caption_html(sight.image)), "", nobody_asked_html(opened.series))
        return
    _answer(opened, index, sight, spec, stage=stage, places=places)


def _look(opened: OpenStudy, index: int, stage: _Stage, places: _Places) -> _Sight:
    """Decode and window the image as its controls say."""
    view, series = opened.view, opened.series
    if not view.is_known:
        # The boxes come first, so that nothing below them moves when the pictures do.
        _say_decoding(stage)
        view.is_known = True
    image = decode(opened, index, while_waiting=partial(_say_decoding, stage))
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


def _say_decoding(stage: _Stage) -> None:
    stage.put(note_box_html("Decoding the image"), note_box_html(""), decoding_html())


def _answer(opened: OpenStudy, index: int, sight: _Sight, spec: ModelSpec, *, stage: _Stage, places: _Places) -> None:
    """Ask the model; show the heatmap, the answer, and what can be taken along."""
    plain = sight.figure(plain_caption_html(sight.image))
    outcome = ask(
        opened,
        index,
        sight.image,
        spec,
        while_waiting=lambda: stage.put(plain, note_box_html("Waiting for the answer"), waiting_html(spec)),
    )
    if isinstance(outcome, CoreError):
        stage.put(plain, note_box_html("No heatmap: the model gave no answer."), error_html(outcome))
        return
    heat = _heat(opened, outcome, places)
    with_scores = opened.view.score_anyway or not is_call_withheld(outcome.prediction)
    answer = reading_html(outcome, opened.series, with_scores=with_scores)
    stage.put(plain, _heated_figure(sight, heat, opened), answer)
    with places.panel:
        if is_call_withheld(outcome.prediction):
            controls.score_control(opened.view)
        if with_scores:
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


def _loudest(scores: Sequence[Score]) -> Score:
    """Return the score that the heatmap explains at first: the one the answer begins with, else the highest."""
    return next(iter(leading_scores(scores)), max(scores, key=lambda score: np.nan_to_num(score.value, nan=-1.0)))
