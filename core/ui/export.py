"""Take it along: the picture, the data, the page. Made when the button is pressed, and without identity by default."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

import streamlit as st

from core import reports
from core.domain import Explanation, Prediction, Score, Voi
from core.reports import ReportInput
from core.ui.controls import tied
from core.ui.picture import colour_limits, contour_level
from core.ui.session import OpenStudy
from core.workflow import Reading, is_call_withheld


def take_along(opened: OpenStudy, reading: Reading, *, voi: Voi, explanation: Explanation | None) -> None:
    """Show the downloads of a reading.

    Parameters
    ----------
    opened : OpenStudy
    reading : Reading
    voi : Voi
        The window on the screen.
    explanation : Explanation or None
        The heatmap on the screen.
    """
    st.html('<h3 class="lb-heading">Take it along</h3>')
    with_identity = st.checkbox("Include the patient's identity", **tied(opened, "export_identity"))
    make_report = partial(_report, opened, reading, voi=voi, explanation=explanation, include_identity=with_identity)
    name = f"lightbox-{reading.image.uid[:8]}"
    with st.container(horizontal=True, key="downloads", gap="xsmall"):
        _download("PNG", partial(_png, make_report), f"{name}.png", "image/png", "Image and heatmap side by side")
        _download("JSON", partial(_json, make_report), f"{name}.json", "application/json", "The result as data")
        _download("Report", partial(_page, make_report), f"{name}.html", "text/html", "One page, to print or keep")


def _download(label: str, make: Callable[[], bytes], file_name: str, kind: str, what: str) -> None:
    st.download_button(
        label,
        make,
        file_name=file_name,
        mime=kind,
        help=what,
        on_click="ignore",
        key=f"download_{label}",
        width="stretch",
    )


def _png(make_report: Callable[[], ReportInput]) -> bytes:
    return reports.reading_png(make_report())


def _json(make_report: Callable[[], ReportInput]) -> bytes:
    return json.dumps(reports.reading_json(make_report()), indent=2, ensure_ascii=False, allow_nan=False).encode()


def _page(make_report: Callable[[], ReportInput]) -> bytes:
    return reports.reading_html(make_report()).encode()


def _report(
    opened: OpenStudy, reading: Reading, *, voi: Voi, explanation: Explanation | None, include_identity: bool
) -> ReportInput:
    view = opened.view
    return ReportInput(
        image=reading.image,
        model=reading.model,
        prediction=_as_told(reading.prediction),
        created=datetime.now().astimezone(),
        explanation=explanation,
        facts=reading.series.facts,
        series_title=reading.series.title,
        frame_number=reading.frame_index + 1,
        frame_count=len(reading.series.frames),
        voi=voi,
        invert=view.invert,
        limits=colour_limits(explanation) if explanation is not None else None,
        opacity=view.opacity / 100,
        contour_level=contour_level(explanation) if explanation is not None and view.contour else None,
        is_synthetic=opened.study.is_synthetic,
        include_identity=include_identity,
    )


def _as_told(prediction: Prediction) -> Prediction:
    """Return the answer as the page tells it: outside the intended use there are scores, but no calls."""
    if not is_call_withheld(prediction):
        return prediction
    return replace(prediction, scores=tuple(_without_call(score) for score in prediction.scores))


def _without_call(score: Score) -> Score:
    return replace(score, label=replace(score.label, default_operating_point=""))
