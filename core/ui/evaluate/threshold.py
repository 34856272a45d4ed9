"""Moving the threshold: by hand, or for an aim. Everything follows; no image is looked at again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.assessment.outcome import Assessment
from core.domain import Estimate, OperatingPoint
from core.errors import CoreError
from core.evaluation import (
    count_calls,
    lowest_cost_threshold,
    threshold_for_sensitivity,
    threshold_for_specificity,
    youden_threshold,
)
from core.models.saved_points import forget_point, save_point, saved_points
from core.reports.wording import sentence_case
from core.ui.evaluate.state import Table
from core.ui.failure import show_error

NAME = "chosen-here"
"""Of a point that has not been saved."""
POINTS_CHANGED, NOT_SAVED = "points_changed", "point_not_saved"
"""Where the session keeps what became of saving a point, until the page is drawn."""
_AS_SET, _BY_HAND = "As set", "By hand"


@dataclass(frozen=True, slots=True)
class Scored:
    """The cases of one label whose truth is known."""

    truth: NDArray[np.bool_]
    scores: NDArray[np.float64]


def scored(assessment: Assessment, label: str) -> Scored:
    """Return the cases that a threshold of a label is set on."""
    index = [own.name for own in assessment.labels].index(label)
    truth, scores, _ = assessment.result.cases.of_label(index)
    return Scored(truth, scores)


def point_at(threshold: float, criterion: str, cases: Scored, *, name: str = NAME) -> OperatingPoint:
    """Return an operating point that was set on these cases, with what it gives there."""
    calls = count_calls(cases.truth, cases.scores, threshold=threshold)
    n = len(cases.truth)
    origin = f"{n} images of an evaluated set, {date.today():%Y-%m-%d}"
    return OperatingPoint(
        name, threshold, criterion, origin, n, *map(_if_defined, (calls.sensitivity, calls.specificity))
    )


def _if_defined(estimate: Estimate) -> Estimate | None:
    return None if math.isnan(estimate.value) else estimate


def show_threshold(table: Table, measured: Assessment) -> None:
    """Show where the label is called, and the ways to call it elsewhere."""
    if st.session_state.pop(POINTS_CHANGED, False):
        st.rerun()
    label, cases = table.label, scored(measured, table.label)
    own = next(one for one in measured.labels if one.name == label)
    ways = {_as_set(point): point for point in own.operating_points}
    with st.container(border=True, horizontal=True, vertical_alignment="bottom", key="row_threshold"):
        way = st.selectbox(
            "Call it positive",
            [*ways, *_AIMS],
            index=_index_of_default(list(ways.values()), own.operating_point),
            key=_key_of_way(measured, label),
            width=360,
        )
        point = ways[way] if way in ways else _AIMS[way](measured, label, cases)
        if point is None or math.isnan(point.threshold):
            st.markdown("No threshold meets this aim on these images: it needs images with and without the finding.")
            table.points.pop(label, None)
            return
        table.points[label] = point
        st.markdown(f"Positive from a score of **{point.threshold:.3f}**")
        failure = st.session_state.pop(NOT_SAVED, None)
        if failure is not None:
            show_error(failure)
        if point.name == NAME:
            with st.popover("Save it", icon=":material/bookmark_add:", key=f"save_{label}"):
                _save(measured, label, point)
        elif point.name in saved_points(measured.model, label):
            with st.popover("Saved here", icon=":material/bookmark:", key=f"saved_{label}"):
                _saved(measured, label, point)


def _save(measured: Assessment, label: str, point: OperatingPoint) -> None:
    """Offer to keep a point: it is then known by its name on every page and to the commands."""
    st.markdown(
        f"Set for {point.criterion} on {point.origin}. It holds for this version of the model alone, and is known by "
        "its name on every page and to the commands."
    )
    name = st.text_input("Name", placeholder="screening-2026", key=f"point_name_{label}")
    is_default = st.checkbox("Call by it from now on, on the page Read as well", key=f"point_default_{label}")
    named = replace(point, name=name)
    keep = partial(_keep, measured, label, named, is_default=is_default)
    st.button("Save", type="primary", key=f"save_point_{label}", disabled=not name, on_click=keep)


def _keep(measured: Assessment, label: str, point: OperatingPoint, *, is_default: bool) -> None:
    """Save a point and choose it; called before the page is drawn."""
    try:
        save_point(measured.model, label, point, is_default=is_default)
    except CoreError as error:
        st.session_state[NOT_SAVED] = error
        return
    st.session_state[_key_of_way(measured, label)] = _as_set(point)
    st.session_state[POINTS_CHANGED] = True


def _forget(measured: Assessment, label: str, point: OperatingPoint) -> None:
    forget_point(measured.model, label, point.name)
    st.session_state.pop(_key_of_way(measured, label), None)
    st.session_state[POINTS_CHANGED] = True


def _key_of_way(measured: Assessment, label: str) -> str:
    return f"way_{measured.job.id}_{label}"


def _saved(measured: Assessment, label: str, point: OperatingPoint) -> None:
    own = next(one for one in measured.labels if one.name == label)
    st.markdown(
        f"“{point.name}”: set for {point.criterion} on {point.origin}."
        + (" The label is called by it everywhere." if own.default_operating_point == point.name else "")
    )
    st.caption(f"The command takes it with --operating-point {point.name}.")
    if own.default_operating_point != point.name:
        make = partial(_keep, measured, label, point, is_default=True)
        st.button("Call by it from now on", key=f"make_default_{label}", on_click=make)
    st.button("Delete it", key=f"forget_point_{label}", on_click=partial(_forget, measured, label, point))


def _as_set(point: OperatingPoint) -> str:
    return f"{_AS_SET} ({point.name}): {sentence_case(point.criterion)}"


def _index_of_default(points: list[OperatingPoint], default: OperatingPoint | None) -> int:
    return points.index(default) if default in points else len(points)


def _by_hand(measured: Assessment, label: str, cases: Scored) -> OperatingPoint:
    start = measured.result.label(label).threshold
    value = st.slider(
        "Score from which it is positive",
        0.0,
        1.0,
        0.5 if math.isnan(start) else round(start, 3),
        0.001,
        format="%.3f",
        key=f"by_hand_{measured.job.id}_{label}",
        width=420,
    )
    return point_at(value, f"a score of {value:.3f}, chosen by hand", cases)


def _for_sensitivity(measured: Assessment, label: str, cases: Scored) -> OperatingPoint:
    target = _target("Sensitivity of at least, in %", f"sensitivity_{measured.job.id}_{label}")
    threshold = threshold_for_sensitivity(cases.truth, cases.scores, target=target / 100)
    return point_at(threshold, f"{target:g} % sensitivity", cases)


def _for_specificity(measured: Assessment, label: str, cases: Scored) -> OperatingPoint:
    target = _target("Specificity of at least, in %", f"specificity_{measured.job.id}_{label}")
    threshold = threshold_for_specificity(cases.truth, cases.scores, target=target / 100)
    return point_at(threshold, f"{target:g} % specificity", cases)


def _target(words: str, key: str) -> float:
    return float(st.number_input(words, 1.0, 100.0, 95.0, 1.0, format="%g", key=key, width=220))


def _best_sum(_measured: Assessment, _label: str, cases: Scored) -> OperatingPoint:
    threshold = youden_threshold(cases.truth, cases.scores)
    return point_at(threshold, "the best sum of sensitivity and specificity", cases)


def _lowest_cost(measured: Assessment, label: str, cases: Scored) -> OperatingPoint:
    key = f"{measured.job.id}_{label}"
    miss = st.number_input("A miss costs", 0.0, None, 5.0, 1.0, format="%g", key=f"miss_{key}", width=120)
    alarm = st.number_input("A false alarm costs", 0.0, None, 1.0, 1.0, format="%g", key=f"alarm_{key}", width=150)
    threshold = lowest_cost_threshold(cases.truth, cases.scores, miss=miss, false_alarm=alarm)
    return point_at(threshold, f"the lowest cost where a miss costs {miss:g} and a false alarm {alarm:g}", cases)


Aim = Callable[[Assessment, str, Scored], OperatingPoint]
_AIMS: dict[str, Aim] = {
    _BY_HAND: _by_hand,
    "For a sensitivity": _for_sensitivity,
    "For a specificity": _for_specificity,
    "For the best sum of both (Youden)": _best_sum,
    "For the lowest cost": _lowest_cost,
}
