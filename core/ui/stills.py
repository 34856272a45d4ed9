"""The reading room without the viewer: pictures made by the server, for a browser that its program does not reach."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.domain import Image, ModelSpec, Voi
from core.errors import CoreError
from core.models.suitability import is_call_withheld
from core.reports.wording import label_words, window_in_words
from core.ui import controls
from core.ui.answer import (
    choosing_html,
    decoding_html,
    error_html,
    nobody_asked_html,
    reading_html,
    waiting_html,
)
from core.ui.asking import ask, decode
from core.ui.figures import Corners, figure_html, heat_caption_html, note_box_html, plain_caption_html
from core.ui.heat import Heat, contour_of
from core.ui.picture import Shown, jpeg_url, lay_heat, png_url, show
from core.ui.session import OpenStudy, View
from core.ui.side import Asked
from core.ui.subject import PANEL, PICTURES, choose_subject, offer_along
from core.workflow import Reading


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


def stills_room(opened: OpenStudy, asked: Asked) -> None:
    """Show image, heatmap and answer, with controls for the window, the place and the look of the heatmap."""
    stage, places = _lay_out(with_heat=asked.spec is not None or asked.is_awaited)
    if not _fill(opened, asked, stage, places):
        opened.offer.withdraw()


def _lay_out(*, with_heat: bool) -> tuple[_Stage, _Places]:
    desk, panel = st.columns([PICTURES, PANEL], gap="xsmall")
    panel = panel.container(key="panel", gap="small")
    with desk.container(gap="xxsmall"):
        left, right = st.columns(2, gap="xsmall") if with_heat else (st.container(), None)
        stage = _Stage(left, right, panel)
        shared = st.container()
        window, heat = (column.container(gap="xxsmall") for column in st.columns(2, gap="small"))
    return stage, _Places(shared, window, heat, panel)


def _fill(opened: OpenStudy, asked: Asked, stage: _Stage, places: _Places) -> bool:
    """Show everything; return whether there is something to take along."""
    with places.shared:
        index = controls.place_controls(opened.view, opened.series)
    try:
        sight = _look(opened, index, stage, places)
    except CoreError as error:
        stage.put(note_box_html("This image cannot be shown."), note_box_html(""), error_html(error))
        return False
    if asked.spec is not None:
        return _answer(opened, index, sight, asked.spec, stage=stage, places=places)
    plain = sight.figure(plain_caption_html(sight.image))
    if asked.is_awaited:
        stage.put(plain, note_box_html("Choosing a model"), choosing_html())
    else:
        stage.put(plain, "", nobody_asked_html(opened.series, asked.proposal.result(), asked.models))
    return False


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
    place = (view.down / 100, view.across / 100)
    shown = show(image, voi, invert=view.invert, zoom=view.zoom, centre=place, with_graphics=view.graphics)
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


def _answer(opened: OpenStudy, index: int, sight: _Sight, spec: ModelSpec, *, stage: _Stage, places: _Places) -> bool:
    """Ask the model; show the heatmap, the answer, and what can be taken along (False: nothing)."""
    plain = sight.figure(plain_caption_html(sight.image))
    outcome = ask(
        opened,
        index,
        spec,
        while_waiting=lambda before: stage.put(
            plain, note_box_html("Waiting for the answer"), waiting_html(spec, before=before)
        ),
    )
    if isinstance(outcome, CoreError):
        stage.put(plain, note_box_html("No heatmap: the model gave no answer."), error_html(outcome))
        return False
    heat = _heat(opened, outcome, places)
    with_scores = opened.view.score_anyway or not is_call_withheld(outcome.prediction)
    answer = reading_html(outcome, opened.series, with_scores=with_scores)
    stage.put(plain, _heated_figure(sight, heat, outcome, opened.view), answer)
    with places.panel:
        return offer_along(opened, outcome, sight.voi, heat)


def _heat(opened: OpenStudy, reading: Reading, places: _Places) -> Heat:
    with places.heat:
        with st.container(horizontal=True, vertical_alignment="bottom", key="row_subject"):
            heat = choose_subject(opened, reading)
        controls.heat_look_controls(opened.view, is_shown=heat.explanation is not None)
    return heat


def _heated_figure(sight: _Sight, heat: Heat, reading: Reading, view: View) -> str:
    if heat.explanation is None:
        return sight.figure(heat_caption_html(heat), what="Image without heatmap")
    level = contour_of(heat.explanation, view)
    laid = lay_heat(sight.shown, heat.explanation, opacity=view.opacity / 100, contour_level=level)
    label = reading.prediction.score(view.label).label
    what = f"Image with the evidence for {label_words(label)} by {view.method}"
    return sight.figure(heat_caption_html(heat), url=jpeg_url(laid), what=what)
