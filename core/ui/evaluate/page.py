"""Which part of the page is shown: the job that the address names, the set that was chosen, or the choice of one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.assessment import jobs
from core.errors import CoreError
from core.ui.evaluate.choosing import choose_set
from core.ui.evaluate.findings import show_findings
from core.ui.evaluate.outcome import show_outcome
from core.ui.evaluate.running import show_ended, show_running
from core.ui.evaluate.state import PARAMETER, open_bench, open_store, owner
from core.ui.failure import show_error

STYLE = Path(__file__).with_name("evaluate.css")


def evaluate_page() -> None:
    """Show the page."""
    st.html(STYLE)
    bench, job_id = open_bench(), st.query_params.get(PARAMETER)
    try:
        store = open_store()
        if job_id is None:
            show_findings(bench.draft, store) if bench.draft.path is not None else choose_set(bench.draft, store)
            return
        st.button("All evaluations", icon=":material/arrow_back:", key="all_evaluations", on_click=_leave)
        job = jobs.find_job(store, job_id, owner=owner())
        if not job.has_ended:
            show_running(store, job)
        elif job.state is jobs.State.DONE or st.session_state.get(f"partial_{job.id}"):
            show_outcome(bench, store, job)
        else:
            show_ended(store, job)
    except CoreError as error:
        show_error(error)


def _leave() -> None:
    st.query_params.pop(PARAMETER, None)
