"""Two models on the same cases: what differs, by how much, and where they disagree."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from core import workflow
from core.assessment import jobs
from core.assessment.jobs import Job, State
from core.assessment.outcome import Assessment
from core.assessment.pairing import Pairing, compare_outcomes
from core.assessment.store import Store
from core.domain import Label
from core.errors import CoreError
from core.evaluation import METRICS, label_curves
from core.evaluation.subgroups import LEVEL
from core.reports import plots
from core.reports.plots import DrawnLabel, drawn_labels
from core.reports.wording import estimate_in_numbers, label_title, score_in_words
from core.ui.evaluate.figures import show_chart
from core.ui.evaluate.gallery import show_gallery
from core.ui.evaluate.state import PARAMETER, Bench, Table, assessment_of, owner, wake_worker
from core.ui.evaluate.words import job_in_words, model_title
from core.ui.failure import show_error
from core.ui.models_words import table_html

HOW = "Two models are compared on the images that both have evaluated, whatever their files are called."


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The two outcomes that are compared, each in one label, and what came of it."""

    first: Assessment
    second: Assessment
    labels: tuple[str, str]
    pairing: Pairing

    @property
    def names(self) -> tuple[str, str]:
        """Of the models; with their versions where the title is the same."""
        one, other = self.first.model, self.second.model
        if one.title != other.title:
            return one.title, other.title
        return f"{one.title} {one.version}", f"{other.title} {other.version} (2)"


def show_comparison(bench: Bench, store: Store, table: Table, assessment: Assessment) -> None:
    """Show the choice of the other evaluation, and the comparison."""
    st.caption(HOW)
    own = [
        job
        for job in jobs.list_jobs(store, owner=owner())
        if job.state is State.DONE and job.id != assessment.job.id and job.request.model_id != assessment.model.id
    ]
    left, right = st.columns(2, gap="large")
    with right:
        _run_other(store, assessment)
    with left:
        other = _choose_other(store, own)
    if other is None:
        return
    try:
        second = assessment_of(bench, store, other)
        label = _choose_label(second, table.label)
        with st.spinner("Comparing"):
            pairing = compare_outcomes(assessment, second, labels=(table.label, label))
    except CoreError as error:
        show_error(error)
        return
    _show(bench, table, Pair(assessment, second, (table.label, label), pairing))


def _choose_other(store: Store, own: list[Job]) -> Job | None:
    if not own:
        st.markdown("There is no evaluation of another model yet. Run one on this set.")
        return None
    words = {job.id: f"{model_title(job)}: {job_in_words(store, job, now=time.time())}" for job in own}
    chosen = st.selectbox("Compare with", list(words), format_func=words.__getitem__, key="compare_with")
    return next(job for job in own if job.id == chosen)


def _choose_label(second: Assessment, like: str) -> str:
    titles = {label.name: label_title(label) for label in second.labels}
    names = list(titles)
    if len(names) == 1:
        return names[0]
    start = names.index(like) if like in names else 0
    chosen: str = st.selectbox(
        "Label of the other model",
        names,
        start,
        format_func=titles.__getitem__,
        key=f"other_label_{second.job.id}",
        width=260,
    )
    return chosen


def _run_other(store: Store, assessment: Assessment) -> None:
    others = {spec.id: spec.title for spec in workflow.known_models().models if spec.id != assessment.model.id}
    if not others:
        return
    model_id = st.selectbox(
        "Run another model on this set", list(others), format_func=others.__getitem__, key="run_other"
    )
    if st.button("Run it", icon=":material/play_arrow:", key="run_other_now"):
        # What the labels mean was said of this model; the other one guesses, and its outcome says so.
        request = replace(assessment.job.request, model_id=model_id, meanings={}, operating_point="")
        job = jobs.submit(store, request, owner=owner())
        wake_worker(store)
        st.query_params[PARAMETER] = job.id
        st.rerun()


# ── What came of it ───────────────────────────────────────────────────────────────────────────────────────────────


def _show(bench: Bench, table: Table, pair: Pair) -> None:
    st.markdown(comparison_in_words(pair))
    left, right = st.columns([46, 54], gap="medium")
    labels = _drawn(pair)
    show_chart(left, plots.roc_figure(labels, chosen=labels[0].label.name), key="chart_compared")
    with right:
        st.html(differences_html(pair))
    _show_disagreements(bench, table, pair)


def _show_disagreements(bench: Bench, table: Table, pair: Pair) -> None:
    """Show the cases that one model calls and the other does not, with what both say; evidence is the first one's."""
    found = pair.pairing.comparison.disagreements
    numbers = [pair.pairing.cases[one.case][0] for one in found]
    others = [f"{pair.names[1]}: score {score_in_words(one.second)}" for one in found]
    more = dict(zip(numbers, others, strict=True))
    st.subheader("Where they disagree")
    show_gallery(
        bench,
        table,
        pair.first,
        numbers,
        title="Called by one of them",
        beside=f"_apart_{pair.second.job.id}",
        more=more,
    )


def comparison_in_words(pair: Pair) -> str:
    """Say which model is better at telling cases apart, and which is right more often, where that is known."""
    found, disputed = pair.pairing.comparison, pair.pairing.disputed
    sentences = [f"Both evaluated **{found.n:,} images of {found.patients:,} patients**."]
    if disputed:
        sentences.append(f"{disputed:,} more are left out, as the two sets say different things of them.")
    return " ".join([*sentences, _areas_in_words(pair), _calls_in_words(pair)])


def _areas_in_words(pair: Pair) -> str:
    found = pair.pairing.comparison
    difference, p = found.differences["auroc"], found.auroc.p
    if math.isnan(difference.value):
        return f"Their AUROCs cannot be compared: {difference.undefined}."
    numbers = f"{estimate_in_numbers(difference)}, {p_in_words(p)}"
    if math.isnan(p) or p >= LEVEL:
        return f"No difference of their AUROCs beyond chance was shown ({numbers}), which does not prove there is none."
    better = pair.names[0 if difference.value > 0 else 1]
    return f"“**{better}**” tells cases with the finding from those without better: the AUROCs differ by {numbers}."


def _calls_in_words(pair: Pair) -> str:
    found, (one, other) = pair.pairing.comparison.mcnemar, pair.names
    if math.isnan(found.p):
        return "Their calls are the same, or equally right, in every case."
    test = f"{'exact ' if found.exact else ''}McNemar"
    return (
        f"Called rightly by one of them alone: {found.only_first:,} by “{one}”, {found.only_second:,} by “{other}” "
        f"({p_in_words(found.p)}, {test})."
    )


def p_in_words(p: float) -> str:
    """Write a p-value as journals do."""
    if math.isnan(p):
        return "p undefined"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def differences_html(pair: Pair) -> str:
    """Return every metric of both models, and the difference."""
    found = pair.pairing.comparison
    rows = [
        (metric.title, *(estimate_in_numbers(own[name]) for own in (found.first, found.second, found.differences)))
        for name, metric in METRICS.items()
    ]
    return table_html(("", *pair.names, "Difference"), rows)


def _drawn(pair: Pair) -> tuple[DrawnLabel, ...]:
    """Return both models as if they were labels of one, so that one chart holds them."""
    rows = [one for one, _ in pair.pairing.cases]
    others = [other for _, other in pair.pairing.cases]
    columns = [
        [label.name for label in outcome.labels].index(name)
        for outcome, name in zip((pair.first, pair.second), pair.labels, strict=True)
    ]
    truth = np.asarray(pair.first.result.cases.truth[rows, columns[0]]) == 1
    scores = pair.first.result.cases.scores[rows, columns[0]], pair.second.result.cases.scores[others, columns[1]]
    curves = [label_curves(name, truth, own) for name, own in zip(pair.names, scores, strict=True)]
    found = pair.pairing.comparison
    areas = dict(zip(pair.names, (found.first["auroc"], found.second["auroc"]), strict=True))
    return drawn_labels([Label(name) for name in pair.names], curves, areas)
