"""The reading room with the viewer: it shows the images, the page around it asks the model and says what it says.

What the reader does with window, place and slice stays in the browser; the page hears of it when the hand is lifted,
asks the model about the slice that is looked at then, and puts what it has learned into the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.deid import masked
from core.domain import Image, ModelSpec, Series, Voi
from core.errors import CoreError
from core.models.suitability import is_call_withheld
from core.ui.along import compare_control, scan_controls
from core.ui.answer import choosing_html, error_html, nobody_asked_html, reading_html, waiting_html
from core.ui.asking import Waiting, answer, is_overtaken, scan_of, source_of
from core.ui.heat import Heat
from core.ui.picture import colour_limits
from core.ui.session import OpenStudy, View
from core.ui.side import Asked
from core.ui.subject import PANEL, PICTURES, choose_subject, offer_along, subject_controls, titles_of
from core.ui.viewer import MANUAL, Pane, ScoreLine, ViewerState, standing, viewer
from core.ui.viewer import Heat as LaidHeat
from core.ui.windows import window_choices
from core.windowing import automatic_window
from core.workflow import Reading

KEY = "viewer"
IDENTITY = ("PatientName", "PatientID", "PatientBirthDate")
"""Of the facts that identify, those that go into the corner of the image where the identity is asked for."""


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the viewer goes, the controls under it, and the answer."""

    stage: DeltaGenerator
    row: DeltaGenerator
    panel: DeltaGenerator


def canvas_room(opened: OpenStudy, asked: Asked) -> bool | None:
    """Show the open series in the viewer, and the answer beside it.

    Returns
    -------
    bool or None
        False where the answer arrived while the page was waiting for it, so that it has to be drawn again; None where
        the viewer's program did not reach the browser.
    """
    _remember(opened)
    places = _lay_out()
    if asked.spec is not None:
        return _ask_and_show(opened, asked.spec, places)
    opened.offer.withdraw()
    if asked.is_awaited:
        places.panel.html(choosing_html())
        return _show(opened, places, words="Choosing a model")
    places.panel.html(nobody_asked_html(opened.series, asked.proposal.result(), asked.models))
    return _show(opened, places)


def _lay_out() -> _Places:
    desk, panel = st.columns([PICTURES, PANEL], gap="xsmall")
    with desk.container(gap="xxsmall", key="canvas"):
        stage = st.container()
        row = st.container(horizontal=True, vertical_alignment="bottom", key="row_subject")
    return _Places(stage, row, panel.container(key="panel", gap="small"))


def _ask_and_show(opened: OpenStudy, spec: ModelSpec, places: _Places) -> bool | None:
    view, index = opened.view, opened.view.frame - 1
    # What is seen for the first time is shown before anything else.
    outcome = answer(opened, index, spec, patience_s=None if view.is_known else 0.0)
    view.is_known = True
    if isinstance(outcome, Waiting):
        return _wait(opened, index, spec, places)
    if isinstance(outcome, CoreError):
        opened.offer.withdraw()
        places.panel.html(error_html(outcome))
        return _show(opened, places, words="No heatmap: the model gave no answer.")
    with_scores = view.score_anyway or not is_call_withheld(outcome.prediction)
    with places.row:
        heat = choose_subject(opened, outcome)
        if with_scores:
            scan_controls(opened, spec)
    with places.panel:
        st.html(reading_html(outcome, opened.series, with_scores=with_scores))
        if not offer_along(opened, outcome, window_of(_start(view), outcome.image, opened.series), heat):
            opened.offer.withdraw()
    scores = _scores(opened, spec) if with_scores else None
    return _show(opened, places, words=heat.words, heats=_laid(heat, outcome), scores=scores)


def _wait(opened: OpenStudy, index: int, spec: ModelSpec, places: _Places) -> bool | None:
    """Show the image while the model is at work, until it has answered or the reader does something else."""
    opened.offer.withdraw()
    with places.row:
        subject_controls(opened, spec)
    if _show(opened, places, words="Waiting for the answer", scores=_scores(opened, spec)) is None:
        return None
    place, told = places.panel.empty(), None
    while isinstance(now := answer(opened, index, spec, patience_s=0.0 if told is None else None), Waiting):
        # Every word makes the browser draw the page anew, while somebody may be dragging a window.
        if told != now.before:
            place.html(waiting_html(spec, before=now.before))
            told = now.before
        if is_overtaken():
            break
    return False


def _show(
    opened: OpenStudy,
    places: _Places,
    *,
    words: str | None = None,
    heats: tuple[LaidHeat, ...] = (),
    scores: ScoreLine | None = None,
) -> bool | None:
    """Put the viewer on the page: the image, and beside it the image with heatmap unless nobody is asked.

    A series that is compared takes the place of the second image; the heatmap then lies over the first.
    """
    with places.row:
        other = compare_control(opened)
    if other is not None:
        panes = [_pane(opened, opened.series, words=words, heats=heats), _pane(opened, other)]
    elif words is None:
        panes = [_pane(opened, opened.series)]
    else:
        panes = [_pane(opened, opened.series), _pane(opened, opened.series, words=words, heats=heats)]
    with places.stage:
        shown = viewer(panes, key=KEY, start=_start(opened.view), scores=scores)
    return None if shown is None else True


def _scores(opened: OpenStudy, spec: ModelSpec) -> ScoreLine | None:
    scan = scan_of(opened, spec)
    label = next((each for each in spec.labels if each.name == opened.view.label), None)
    if scan is None or label is None:
        return None
    point = label.operating_point
    threshold = None if point is None else point.threshold
    return ScoreLine(titles_of(spec)[label.name], scan.values(label.name), threshold, scan.reasons(label.name))


def _pane(opened: OpenStudy, series: Series, *, words: str | None = None, heats: tuple[LaidHeat, ...] = ()) -> Pane:
    identity = masked(series.facts, reveal=True) if opened.reveal_identity else ()
    return Pane(
        source_of(opened, series),
        series.title,
        heats=heats,
        words=words or "",
        identity=tuple(fact.value for fact in identity if fact.keyword in IDENTITY),
        is_synthetic=opened.study.is_synthetic,
        is_for_evidence=words is not None,
    )


def _laid(heat: Heat, reading: Reading) -> tuple[LaidHeat, ...]:
    made = heat.explanation
    if made is None:
        return ()
    return (LaidHeat(made, colour_limits(made), reading.image.uid, titles_of(reading.model)[made.label_name]),)


def _remember(opened: OpenStudy) -> None:
    """Take over how the reader looks at the open series by now."""
    view = opened.view
    view.frame = min(max(view.frame, 1), len(opened.series.frames))
    view.seen = standing(KEY, source_of(opened), _start(view))
    view.frame, view.invert = view.seen.frame + 1, view.seen.invert
    view.opacity, view.threshold = round(100 * view.seen.opacity), view.seen.threshold
    view.contour, view.contour_level = view.seen.contour is not None, view.seen.contour


def _start(view: View) -> ViewerState:
    return view.seen or ViewerState(frame=view.frame - 1)


def window_of(seen: ViewerState, image: Image, series: Series) -> Voi:
    """Return the window that an image is seen through."""
    if image.is_colour:
        return automatic_window(image)
    if seen.preset == MANUAL and seen.window is not None:
        return seen.window
    choices = window_choices(image, series.acquisition)
    return choices.get(seen.preset, next(iter(choices.values())))()
