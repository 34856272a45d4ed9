"""Take it along: the picture, the data, the page. Made when the button is pressed, and without identity by default."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from functools import partial
from html import escape

import streamlit as st

from core import reports
from core.domain import Explanation, Voi
from core.reports import ReportInput
from core.ui.heat import contour_of
from core.ui.offers import FORMATS, PATH
from core.ui.picture import colour_limits
from core.ui.session import OpenStudy
from core.workflow import Reading


def take_along(opened: OpenStudy, reading: Reading, *, voi: Voi, explanation: Explanation | None) -> None:
    """Offer what is on the screen as files.

    Parameters
    ----------
    opened : OpenStudy
    reading : Reading
    voi : Voi
        The window on the screen.
    explanation : Explanation or None
        The heatmap on the screen.
    """
    report = _report(opened, reading, voi=voi, explanation=explanation)
    opened.offer.name = f"lightbox-{reading.image.uid[:8]}"
    opened.offer.make = partial(_content, report)
    st.html(form_html(opened.offer.token))


def form_html(token: str) -> str:
    """Return the form that asks for a file; the same for as long as a study is open, so that a tick stays."""
    buttons = "".join(
        f'<button name="format" value="{key}" title="{escape(each.what)}">{escape(each.label)}</button>'
        for key, each in FORMATS.items()
    )
    return (
        f'<form class="lb-take-along" action="{PATH}/{token}" method="get" autocomplete="off">'
        '<h3 class="lb-heading">Take it along</h3>'
        '<label><input type="checkbox" name="identity" value="yes"> Include the patient\'s identity</label>'
        f'<div class="lb-buttons">{buttons}</div>'
        "<small>Window and heatmap as on the screen; always the whole image, without your zoom and measures.</small>"
        "</form>"
    )


def _content(report: ReportInput, key: str, with_identity: bool) -> bytes:  # noqa: FBT001
    report = replace(report, include_identity=with_identity, created=datetime.now().astimezone())
    if key == "png":
        return reports.reading_png(report)
    if key == "json":
        return json.dumps(reports.reading_json(report), indent=2, ensure_ascii=False, allow_nan=False).encode()
    return reports.reading_html(report).encode()


def _report(opened: OpenStudy, reading: Reading, *, voi: Voi, explanation: Explanation | None) -> ReportInput:
    """Collect what is on the screen now; what is looked at later is another report."""
    view = opened.view
    return ReportInput(
        image=reading.image,
        model=reading.model,
        prediction=reading.prediction,
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
        threshold=view.threshold,
        contour_level=contour_of(explanation, view) if explanation is not None else None,
        is_synthetic=opened.study.is_synthetic,
    )
