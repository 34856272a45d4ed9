"""Two models on the same cases: what differs, by how much, and on which cases."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.domain import Estimate
from core.evaluation.auroc import AurocComparison, compare_auroc
from core.evaluation.cases import Cases, as_cases, checked_probability
from core.evaluation.figures import SCORE_FIGURES, Figures, call_figures, score_figures
from core.evaluation.patients import Indices, patient_numbers, sum_by_patient
from core.evaluation.resampling import DRAWS, SEED, Resampled
from core.evaluation.table import METRICS

FEW_DISCORDANT = 25
"""Below this many patients on whom the models differ McNemar's test is exact."""

NO_ERROR_INTERVAL = "chance makes both errors larger, so no interval of their difference keeps its word; compare Brier"


@dataclass(frozen=True, slots=True)
class McNemar:
    """McNemar's test of whether one of two models is right more often.

    Attributes
    ----------
    only_first, only_second : int
        Cases that only this model calls rightly.
    p : float
        Two-sided; NaN where the models never differ.
    exact : bool
        Whether `p` is exact, rather than by the normal approximation.
    """

    only_first: int
    only_second: int
    p: float
    exact: bool


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A case that two models call differently; `case` is its position in the set."""

    case: int
    truth: bool
    first: float
    second: float
    first_is_right: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same cases.

    Attributes
    ----------
    first, second, differences : mapping of str to Estimate
        By the names of `METRICS`; a difference is the first minus the second, with a paired interval.
    auroc : AurocComparison
        With the p-value of the difference.
    mcnemar : McNemar
    disagreements : tuple of Disagreement
        Those whose scores lie furthest apart first.
    """

    n: int
    patients: int
    first: Figures
    second: Figures
    differences: Figures
    auroc: AurocComparison
    mcnemar: McNemar
    disagreements: tuple[Disagreement, ...]


def compare_scores(
    truth: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    thresholds: tuple[float, float],
    patients: ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Comparison:
    """Compare two models that scored the same cases for one label.

    AUROCs are compared by DeLong's test (by Obuchowski's where patients repeat), all other metrics by resampling
    patients, both models always on the same draw.

    Parameters
    ----------
    truth, first, second : array-like, (N,)
        Truth of 0 or 1, and the scores of either model, 0 to 1.
    thresholds : (float, float)
        Of the first and the second model; `score ≥ threshold` is a call.
    """
    is_positive, _ = checked_probability(truth, first)
    scores = np.column_stack([first, second]).astype(np.float64)
    both = np.column_stack([is_positive, is_positive])
    cases = as_cases(both, scores, ("the first model", "the second model"), patients=patients)
    of_scores = score_figures(cases, draws=draws, seed=seed)
    of_calls = call_figures(cases, thresholds, draws=draws, seed=seed)
    one, other = (_in_order({**of_scores.of_labels[i], **of_calls.of_labels[i]}) for i in (0, 1))
    auroc = compare_auroc(truth, first, second, patients=cases.patients)
    differences = _differences(cases, one, other, of_scores.resampled) | _differences(
        cases, one, other, of_calls.resampled
    )
    differences |= {"auroc": auroc.difference, "ece": _error_difference(one["ece"], other["ece"])}
    called = scores >= np.asarray(thresholds)
    return Comparison(
        n=len(cases),
        patients=cases.patient_count,
        first=one,
        second=other,
        differences=_in_order(differences),
        auroc=auroc,
        mcnemar=mcnemar_test(is_positive, called[:, 0], called[:, 1], patients=cases.patients),
        disagreements=_disagreements(is_positive, scores, called),
    )


def mcnemar_test(
    truth: ArrayLike, first: ArrayLike, second: ArrayLike, *, patients: ArrayLike | None = None
) -> McNemar:
    """Test whether one of two models calls more cases rightly.

    If neither did, it would be chance which of the two was right where only one was: each patient's balance could as
    well have the other sign. With one case a patient this is McNemar's test; where patients have several, their cases
    change sign together. Exact for few patients, else by the normal approximation without a correction.

    Parameters
    ----------
    truth, first, second : array-like of 0 and 1, (N,)
        The finding, and the calls of either model.

    References
    ----------
    .. [1] McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
       Psychometrika 12, 1947.
    .. [2] Durkalski, Palesch, Lipsitz, Rust, "Analysis of clustered matched-pair data", Statistics in Medicine 22,
       2003.
    """
    found, one, other = (np.asarray(values).astype(np.bool_) for values in (truth, first, second))
    right = (one == found).astype(np.float64) - (other == found)
    numbers = patient_numbers(patients, n=len(found))
    balance = sum_by_patient(right, numbers, patients=int(numbers.max(initial=-1)) + 1).astype(np.int64)
    balance = balance[balance != 0]
    exact = len(balance) < FEW_DISCORDANT
    p = math.nan if not right.any() else _exact_p(balance) if exact else _normal_p(balance)
    return McNemar(int((right > 0).sum()), int((right < 0).sum()), p, exact)


def _exact_p(balance: Indices) -> float:
    """Return the share of all choices of signs whose sum is at least as far from 0 as that of these."""
    reach = int(np.abs(balance).sum())
    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1.0
    for step in np.abs(balance):
        chance = (np.roll(chance, step) + np.roll(chance, -step)) / 2
    sums = np.abs(np.arange(-reach, reach + 1))
    return min(1.0, float(chance[sums >= abs(int(balance.sum()))].sum()))


def _normal_p(balance: Indices) -> float:
    return math.erfc(abs(int(balance.sum())) / math.sqrt(2 * float((balance**2).sum())))


def _differences(
    cases: Cases, first: Figures, second: Figures, resampled: tuple[Mapping[str, Resampled], ...]
) -> dict[str, Estimate]:
    if not resampled:
        return {name: first[name] for name in SCORE_FIGURES}
    return {
        name: resampled[0][name]
        .minus(resampled[1][name])
        .estimate(_why_no_difference(cases, first[name], second[name]))
        for name in resampled[0]
    }


def _why_no_difference(cases: Cases, first: Estimate, second: Estimate) -> str:
    index, estimate = (0, first) if math.isnan(first.value) else (1, second)
    return f"for {cases.labels[index]}, {estimate.undefined}"


def _error_difference(first: Estimate, second: Estimate) -> Estimate:
    value = first.value - second.value
    return Estimate(value, math.nan, math.nan, first.undefined if math.isnan(value) else NO_ERROR_INTERVAL)


def _disagreements(
    truth: NDArray[np.bool_], scores: NDArray[np.float64], called: NDArray[np.bool_]
) -> tuple[Disagreement, ...]:
    apart = np.flatnonzero(called[:, 0] != called[:, 1])
    order = apart[np.argsort(-np.abs(scores[apart, 0] - scores[apart, 1]), kind="stable")]
    return tuple(
        Disagreement(
            case=int(case),
            truth=bool(truth[case]),
            first=float(scores[case, 0]),
            second=float(scores[case, 1]),
            first_is_right=bool(called[case, 0] == truth[case]),
        )
        for case in order
    )


def _in_order(figures: Figures) -> dict[str, Estimate]:
    return {name: figures[name] for name in METRICS}
