"""The outcome of a job: what was found, in words; then figures, cases, subgroups, comparison and report."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.assessment.charts import at_operating_points
from core.assessment.jobs import Job, State
from core.assessment.outcome import Assessment
from core.assessment.store import Store
from core.domain import Notice
from core.reports.wording import label_title
from core.ui.answer import notices_html
from core.ui.evaluate.cases import show_cases
from core.ui.evaluate.comparing import show_comparison
from core.ui.evaluate.figures import show_figures
from core.ui.evaluate.groups import show_groups
from core.ui.evaluate.state import Bench, Table, assessment_of
from core.ui.evaluate.taking import show_files
from core.ui.evaluate.threshold import show_threshold
from core.ui.evaluate.words import left_out_in_words, mistakes_in_words, summary
from core.ui.failure import calmly
from core.ui.models_words import table_html


def show_outcome(bench: Bench, store: Store, job: Job) -> None:
    """Show everything that came of a job."""
    with st.spinner("Working out the figures"):
        assessment = assessment_of(bench, store, job)
    _show(bench, store, assessment)


@st.fragment
def _show(bench: Bench, store: Store, measured: Assessment) -> None:
    with calmly():
        table = bench.table(measured.job.id)
        st.title(measured.model.title)
        head = st.container(key="outcome_head")
        with st.container(horizontal=True, vertical_alignment="bottom", key="row_outcome"):
            st.session_state.setdefault("part", "Figures")
            part = st.segmented_control(
                "What to look at",
                list(PARTS),
                required=True,
                key="part",
                label_visibility="collapsed",
            )
            _choose_label(table, measured)
        show_threshold(table, measured)
        assessment = at_operating_points(measured, table.points)
        with head:
            _say(assessment, table, in_full=part == "Figures")
        PARTS[part or "Figures"](bench, store, table, assessment)


def _choose_label(table: Table, assessment: Assessment) -> None:
    titles = {label.name: label_title(label) for label in assessment.labels}
    if table.label not in titles:
        # What the set can say most about comes first.
        known = [own.name for own in assessment.result.labels if own.positives and own.negatives]
        table.label = (known or list(titles))[0]
    if len(titles) > 1:
        table.label = st.selectbox(
            "Label",
            list(titles),
            index=list(titles).index(table.label),
            format_func=titles.__getitem__,
            key=f"label_{assessment.job.id}",
            width=260,
        )


def _say(assessment: Assessment, table: Table, *, in_full: bool) -> None:
    own = assessment.result.label(table.label)
    with st.container(key="summary"):
        st.markdown(summary(assessment, table.label))
    st.caption(f"{mistakes_in_words(own)} {_what_was_measured(assessment)}".strip())
    notices = (*assessment.notices, *assessment.result.notices, *_of_run(assessment))
    if not in_full:
        if notices:
            with st.expander(
                "1 point to keep in mind" if len(notices) == 1 else f"{len(notices)} points to keep in mind",
                icon=":material/warning:",
            ):
                st.html(notices_html(notices, title="Keep in mind"))
        return
    st.html(notices_html(notices, title="Keep in mind"))
    left_out = left_out_in_words(assessment)
    if left_out:
        with st.expander(f"{len(assessment.excluded):,} files or images left out"):
            st.html(table_html(("How many", "Why", "The first of them"), left_out))


def _of_run(assessment: Assessment) -> tuple[Notice, ...]:
    """Return what the run itself had to say: that the audit record could not be written."""
    message = assessment.job.message
    return (Notice("of-run", message),) if message and assessment.job.state is State.DONE else ()


def _what_was_measured(assessment: Assessment) -> str:
    job = assessment.job
    rate = f", {job.computed / job.seconds:.1f} images/s" if job.computed and job.seconds else ""
    return (
        f"Version {assessment.model.version}, weights {assessment.model.sha256[:8]}; run in {job.seconds:.1f} s{rate}."
    )


Part = Callable[[Bench, Store, Table, Assessment], None]
PARTS: dict[str, Part] = {
    "Figures": show_figures,
    "Cases": show_cases,
    "Subgroups": show_groups,
    "Compare": show_comparison,
    "Report": show_files,
}
