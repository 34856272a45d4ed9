"""Subgroups: the metrics side by side, a forest plot, and a warning where a group is small."""

from __future__ import annotations

import streamlit as st

from core.assessment.charts import forest_figure
from core.assessment.outcome import Assessment
from core.assessment.store import Store
from core.evaluation import METRICS, Subgroups
from core.reports.wording import estimate_in_numbers
from core.ui.evaluate.comparing import p_in_words
from core.ui.evaluate.figures import show_chart
from core.ui.evaluate.state import Bench, Table
from core.ui.models_words import table_html

DRAWS = 400
"""As in the report."""
NOTHING = (
    "Nothing tells the images apart. Subgroups are made of what DICOM headers say (sex, age, view, modality, "
    "manufacturer, institution), of the parts of a set (train, val, test), and of the columns of a table of labels."
)


def show_groups(bench: Bench, _store: Store, table: Table, assessment: Assessment) -> None:
    """Show one metric of one label in the groups of an attribute."""
    if not assessment.attributes:
        st.info(NOTHING, icon=":material/info:")
        return
    with st.container(horizontal=True):
        attribute = st.selectbox("Groups by", assessment.attributes, key=f"attribute_{assessment.job.id}", width=240)
        metric = st.selectbox(
            "Metric", list(METRICS), format_func=lambda name: METRICS[name].title, key="group_metric", width=240
        )
    with st.spinner("Measuring the groups"):
        found = _groups(bench, assessment, attribute)
    left, right = st.columns([55, 45], gap="medium")
    show_chart(left, forest_figure(found, label=table.label, metric=metric), key="chart_forest")
    with right:
        _say(found, table.label)
    st.html(groups_html(found, table.label))


def _groups(bench: Bench, assessment: Assessment, attribute: str) -> Subgroups:
    key = f"{assessment.job.id}/{hash(assessment.labels)}/{attribute}"
    return bench.groups.get(key) or bench.groups.put(key, assessment.subgroups(attribute, draws=DRAWS))


def _say(found: Subgroups, label: str) -> None:
    warnings = [
        f"- **{group.name}**: {one.warning}"
        for group in found.groups
        for one in group.labels
        if one.name == label and one.warning
    ]
    if warnings:
        st.warning("\n".join(warnings))
    for test in found.tests:
        if test.label == label:
            chance = "" if test.undefined else f" ({p_in_words(test.adjusted)}, allowing for the number of tests)"
            st.markdown(f"**{METRICS[test.metric].title}.** {test.reading}{chance}")
    if found.unknown:
        st.caption(f"Of {found.unknown:,} images this is not known.")


def groups_html(found: Subgroups, label: str) -> str:
    """Return every metric of one label in each group."""
    columns = [(group, one) for group in found.groups for one in group.labels if one.name == label]
    head = ["", *(f"{group.name} ({group.n:,} images)" for group, _ in columns)]
    counts = ("With / without the finding", *(f"{one.positives:,} / {one.negatives:,}" for _, one in columns))
    rows = [
        (metric.title, *(estimate_in_numbers(one.metrics[name]) for _, one in columns))
        for name, metric in METRICS.items()
    ]
    return table_html(head, [counts, *rows])
