"""Evaluate: the way from files to answers, and the intervals of all metrics of 100,000 cases, each with its peer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from core.evaluation import as_cases, at_thresholds, auroc_interval, evaluate_scores
from core.evaluation.cases import Cases
from core.evaluation.figures import call_figures, score_figures
from tests.benchmarks.labelled_set import memory, pipeline
from tests.benchmarks.measure import Figure, interleaved, median_ratio, medians, say

DRAWS = 2000
PEER_DRAWS = 4
"""Of the peer's loop, whose time is then taken times `DRAWS / PEER_DRAWS`: every draw is as long as the other."""
THRESHOLD = 0.4


def figures() -> list[Figure]:
    """Measure everything; some five minutes on two cores."""
    return [*statistics(), *pipeline(), *memory()]


@dataclass(frozen=True, slots=True, eq=False)
class Set:
    """Truth, scores and patients of a made set; two and a half images a patient."""

    truth: NDArray[np.int64]
    score: NDArray[np.float64]
    patients: NDArray[np.int64]

    @property
    def cases(self) -> Cases:
        """The set as evaluation takes it."""
        return as_cases(self.truth[:, None], self.score[:, None], ["finding"], patients=self.patients)


def made_set(n: int, *, prevalence: float = 0.3, seed: int = 0) -> Set:
    """Return a set of n cases of one label."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < prevalence).astype(np.int64)
    score = 1 / (1 + np.exp(-rng.normal(2 * truth - 1, 1.5)))
    return Set(truth, score, rng.integers(0, max(1, int(n / 2.5)), n))


def statistics(*, n: int = 100_000, repetitions: int = 5) -> list[Figure]:
    """Measure the interval of an area, the bootstrap of all metrics, and the way of a threshold."""
    say("  intervals")
    one = made_set(n)
    cases = one.cases
    columns = one.truth[:, None], one.score[:, None]
    result = evaluate_scores(*columns, ["finding"], [THRESHOLD], patients=one.patients, draws=DRAWS)
    times = interleaved(
        {
            "auroc": lambda: auroc_interval(one.truth, one.score),
            "auroc_by_patient": lambda: auroc_interval(one.truth, one.score, patients=one.patients),
            "bootstrap": lambda: bootstrap(cases),
            "bootstrap_peer": lambda: usual_bootstrap(one, draws=PEER_DRAWS),
            "threshold": lambda: at_thresholds(result, [0.5]),
        },
        repetitions=repetitions,
    )
    times["bootstrap_peer"] = [DRAWS / PEER_DRAWS * each for each in times["bootstrap_peer"]]
    seconds = medians(times)
    size = f"{n:.0e}".replace("e+0", "e")
    return [
        Figure(f"auroc_interval_{size}_s", seconds["auroc"], f"AUROC with DeLong's interval, {n:,} cases", target=0.1),
        Figure(f"auroc_interval_by_patient_{size}_s", seconds["auroc_by_patient"], "the same, by patient (Obuchowski)"),
        Figure(
            f"bootstrap_{DRAWS}_{size}_s",
            seconds["bootstrap"],
            f"all metrics of {DRAWS:,} draws of whole patients, with their intervals",
            target=3,
        ),
        Figure(
            f"usual_bootstrap_{DRAWS}_{size}_s",
            seconds["bootstrap_peer"],
            f"peer: a loop over scikit-learn, extrapolated from {PEER_DRAWS} draws",
        ),
        Figure(
            "bootstrap_over_usual", median_ratio(times, "bootstrap", "bootstrap_peer"), "ours by the peer's", target=1
        ),
        Figure(f"threshold_{size}_s", seconds["threshold"], "all figures at another threshold, with their intervals"),
    ]


def bootstrap(cases: Cases) -> object:
    """Measure all metrics with the intervals that resampling gives."""
    return score_figures(cases, draws=DRAWS), call_figures(cases, [THRESHOLD], draws=DRAWS)


def usual_bootstrap(one: Set, *, draws: int) -> list[list[float]]:
    """Resample patients and measure in the way of most tutorials: gather the cases, call scikit-learn for each metric.

    Calibration error, which scikit-learn lacks, is left out.
    """
    rng = np.random.default_rng(0)
    order = np.argsort(one.patients, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(one.patients[order])) + 1)
    drawn = []
    for _ in range(draws):
        own = np.concatenate([members[patient] for patient in rng.integers(0, len(members), len(members))])
        drawn.append(usual_metrics(one.truth[own], one.score[own]))
    return drawn


def usual_metrics(truth: NDArray[np.int64], score: NDArray[np.float64]) -> list[float]:
    """Measure one resampling with scikit-learn."""
    called = (score >= THRESHOLD).astype(np.int64)
    return [
        sklearn_metrics.roc_auc_score(truth, score),
        sklearn_metrics.average_precision_score(truth, score),
        sklearn_metrics.recall_score(truth, called),
        sklearn_metrics.recall_score(truth, called, pos_label=0),
        sklearn_metrics.precision_score(truth, called),
        sklearn_metrics.precision_score(truth, called, pos_label=0),
        sklearn_metrics.f1_score(truth, called),
        sklearn_metrics.balanced_accuracy_score(truth, called),
        sklearn_metrics.accuracy_score(truth, called),
        sklearn_metrics.matthews_corrcoef(truth, called),
        sklearn_metrics.cohen_kappa_score(truth, called),
        sklearn_metrics.brier_score_loss(truth, score),
    ]
