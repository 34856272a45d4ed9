"""What is taken along: the report as one file, the table of cases, the figures as data."""

from __future__ import annotations

import streamlit as st

from core.assessment.files import inspect_request, outcome_files
from core.assessment.outcome import Assessment
from core.assessment.store import Store
from core.ui.evaluate.state import Bench, Table

FILES = {
    "report.html": (
        "Report",
        "text/html",
        "One file with all charts inside; it opens offline.",
    ),
    "report.pdf": ("Report as PDF", "application/pdf", "The same on paper, with charts that are drawn for it."),
    "predictions.csv": ("Table of cases", "text/csv", "Truth, score and call of every image, with the files' names."),
    "report.json": ("Figures as data", "application/json", "As the command writes them."),
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
    files = bench.files.get(key)
    if files is None:
        place = st.empty()
        if not place.button("Make the files", type="primary", icon=":material/description:", key="make_files"):
            return
        place.empty()
        with st.spinner("Writing the report: charts, subgroups, pictures of mistakes"):
            inspection = inspect_request(store, assessment.job.request)
            files = bench.files.put(key, outcome_files(assessment, inspection))
    for name, (title, kind, what) in FILES.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.download_button(
                title,
                files[name],
                file_name=name,
                mime=kind,
                key=f"download_{name}",
                on_click="ignore",
                icon=":material/download:",
                width=200,
            )
            st.caption(what)
