"""A job that waits or runs, and one that ended without an outcome."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.assessment import jobs
from core.assessment.jobs import Job, State
from core.assessment.store import Store
from core.ui.evaluate.state import owner, wake_worker
from core.ui.evaluate.words import model_title, progress_in_words, why_ended
from core.ui.failure import calmly

POLL_S = 1.0
STOPPING = "stopping"
"""Where the session keeps which job was cancelled last."""


def show_running(store: Store, job: Job) -> None:
    """Show how far a job is, until it has ended."""
    st.title(f"Evaluating: {model_title(job)}")
    _progress(store, job.id)
    is_stopping = st.session_state.get(STOPPING) == job.id
    cancel = partial(_cancel, store, job.id)
    st.button("Cancel", icon=":material/stop:", key="cancel", on_click=cancel, disabled=is_stopping)
    if is_stopping:
        st.caption("Stopping: what is at work is finished first, which may take some seconds.")
    st.caption(
        "This goes on when you close the page or the server is restarted: come back by this address, or by the list "
        "of your evaluations. What is computed is never computed again."
    )


@st.fragment(run_every=POLL_S)
def _progress(store: Store, job_id: str) -> None:
    with calmly():
        job = jobs.find_job(store, job_id, owner=owner())
        if job.has_ended:
            st.rerun()
        before = jobs.jobs_before(store, job) if job.state is State.QUEUED else 0
        st.progress(min(job.done / job.total, 1.0) if job.total else 0.0, text=progress_in_words(job, before=before))


def show_ended(store: Store, job: Job) -> None:
    """Show why a job ended before its end, and what can be done."""
    st.title(f"Not finished: {model_title(job)}")
    st.warning(why_ended(job), icon=":material/warning:")
    with st.container(horizontal=True):
        st.button(
            "Go on with it",
            type="primary",
            icon=":material/play_arrow:",
            key="resume",
            on_click=partial(_resume, store, job.id),
        )
        if job.done:
            st.button(
                f"Show the figures of the {job.done:,} files that are done",
                key="partial",
                on_click=partial(st.session_state.__setitem__, f"partial_{job.id}", True),  # noqa: FBT003
            )


def _cancel(store: Store, job_id: str) -> None:
    jobs.cancel(store, job_id, owner=owner())
    st.session_state[STOPPING] = job_id


def _resume(store: Store, job_id: str) -> None:
    st.session_state.pop(STOPPING, None)
    jobs.resume(store, job_id, owner=owner())
    wake_worker(store)
