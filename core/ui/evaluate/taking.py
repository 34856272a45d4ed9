"""What is taken along: the report as one file, the table of cases, the figures as data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from html import escape

import streamlit as st

from core.assessment import jobs
from core.assessment.files import inspect_request, outcome_files
from core.assessment.jobs import Job
from core.assessment.outcome import Assessment
from core.assessment.store import Store
from core.ui.evaluate.state import Bench, Table
from core.ui.offers import PATH, Format, Offer

FORMATS = {
    "report.html": Format(
        "Report",
        "html",
        "text/html; charset=utf-8",
        "One file with all charts inside; it opens offline.",
        "report",
    ),
    "report.pdf": Format(
        "Report as PDF",
        "pdf",
        "application/pdf",
        "The same on paper, with charts that are drawn for it.",
        "report",
    ),
    "predictions.csv": Format(
        "Table of cases",
        "csv",
        "text/csv; charset=utf-8",
        "Truth, score and call of every image, with the files' names.",
        "predictions",
    ),
    "report.json": Format("Figures as data", "json", "application/json", "As the command writes them.", "report"),
}


def show_files(bench: Bench, store: Store, _table: Table, assessment: Assessment) -> None:
    """Offer the files; they are made when they are asked for, at the operating points that are chosen."""
    st.subheader("Take it along")
    st.caption(
        "The report follows CLAIM and STARD-AI: data and exclusions, reference, model, figures, operating points and "
        "their origin, subgroups, most confident mistakes, limits. It names no file and no patient; the table of cases "
        "does name files."
    )
    key = f"{assessment.job.id}/{hash(assessment.labels)}"
    offer = bench.offers.get(key)
    if offer is None:
        place = st.empty()
        if not place.button("Make the files", type="primary", icon=":material/description:", key="make_files"):
            return
        place.empty()
        with st.spinner("Writing the report: charts, subgroups, pictures of mistakes"):
            inspection = inspect_request(store, assessment.job.request)
            offer = bench.offers.put(key, _offer(store, assessment.job, outcome_files(assessment, inspection)))
    st.html(form_html(offer.token))


def _offer(store: Store, job: Job, files: Mapping[str, bytes]) -> Offer:
    return Offer(make=partial(_content, store, job, files), formats=FORMATS)


def _content(store: Store, job: Job, files: Mapping[str, bytes], key: str, _with_identity: bool) -> bytes:  # noqa: FBT001
    # Who deletes an evaluation in one window has deleted it in all others.
    jobs.find_job(store, job.id, owner=job.owner)
    return files[key]


def form_html(token: str) -> str:
    """Return the form that asks for a file."""
    rows = "".join(
        f'<button name="format" value="{key}">{escape(each.label)}</button><span>{escape(each.what)}</span>'
        for key, each in FORMATS.items()
    )
    return f'<form class="lb-files" action="{PATH}/{token}" method="get">{rows}</form>'
