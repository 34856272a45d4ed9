"""The same metrics in groups of the cases, and whether the groups differ by more than chance explains."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.evaluation.auroc import area_and_variance
from core.evaluation.cases import Cases
from core.evaluation.evaluate import SMALL_NUMBER
from core.evaluation.figures import Figures, call_figures, score_figures
from core.evaluation.patients import Indices, count_patients, effective_number
from core.evaluation.results import EvaluationResult
from core.evaluation.table import METRICS

Values = NDArray[np.float64]
Part = tuple[NDArray[np.bool_], Values, Indices]
"""Truth, scores and patients of the cases of one label in one group."""

TOO_FEW_GROUPS = f"fewer than two groups have {SMALL_NUMBER} patients of the kind that this needs"
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class GroupLabel:
    """What was measured of one label in one group; `warning` is empty unless the group is small for it."""

    name: str
    positives: int
    negatives: int
    metrics: Figures
    warning: str


@dataclass(frozen=True, slots=True)
class Subgroup:
    """One group of the cases."""

    name: str
    n: int
    patients: int
    labels: tuple[GroupLabel, ...]


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Whether groups differ in one metric of one label.

    Attributes
    ----------
    groups : tuple of str
        Those that were compared; small ones are left out.
    statistic, degrees : float, int
        χ² and its degrees of freedom.
    p, adjusted : float
        The chance of groups that differ as much where the model is equally good in all; `adjusted` allows for all the
        metrics and labels that were tested of this attribute (Holm).
    undefined : str
        Why there is no test; empty where there is.
    """

    label: str
    metric: str
    groups: tuple[str, ...]
    statistic: float = math.nan
    degrees: int = 0
    p: float = math.nan
    adjusted: float = math.nan
    undefined: str = ""

    @property
    def reading(self) -> str:
        """What may be said of it, and no more."""
        if self.undefined:
            return f"Not tested: {self.undefined}."
        if self.adjusted < LEVEL:
            return "The groups differ by more than chance explains; why they do is not known from this."
        return "No difference beyond chance was shown, which does not prove that there is none."


@dataclass(frozen=True, slots=True)
class Subgroups:
    """The groups of one attribute, largest first, and the tests between them; `unknown` cases are in no group."""

    attribute: str
    groups: tuple[Subgroup, ...]
    unknown: int
    tests: tuple[Heterogeneity, ...]


def evaluate_subgroups(
    result: EvaluationResult, attribute: str, groups: Sequence[str | None], *, draws: int | None = None
) -> Subgroups:
    """Measure each group of the cases at the thresholds of the whole set.

    A group is small for a label, and says so, with fewer than 20 patients with the finding or without: Wilson's
    interval of a share of 20 cases can reach 0.2 to either side, and the intervals of areas begin to cover less than
    they promise. Small groups are shown, but not tested.

    Parameters
    ----------
    groups : sequence of str or None, (N,)
        The group of each case; None or an empty text where it is not known.
    draws : int, optional
        Of the resamplings; as many as of the whole set without it.
    """
    if len(groups) != result.n:
        raise ValueError(f"there are {len(groups)} groups for {result.n} cases")
    names = np.array([name or "" for name in groups], dtype=np.str_)
    found, counts = np.unique(names[names != ""], return_counts=True)
    ordered = [str(name) for name in found[np.lexsort([found, -counts])]]
    parts = {name: result.cases.chosen(names == name) for name in ordered}
    return Subgroups(
        attribute=attribute,
        groups=tuple(_subgroup(result, name, cases, draws or result.draws) for name, cases in parts.items()),
        unknown=int((names == "").sum()),
        tests=holm(
            [
                _test(label.name, index, label.threshold, metric, parts)
                for index, label in enumerate(result.labels)
                for metric in _TESTS
            ]
        ),
    )


def _subgroup(result: EvaluationResult, name: str, cases: Cases, draws: int) -> Subgroup:
    of_scores = score_figures(cases, draws=draws, seed=result.seed).of_labels
    thresholds = [label.threshold for label in result.labels]
    of_calls = call_figures(cases, thresholds, draws=draws, seed=result.seed).of_labels
    return Subgroup(
        name=name,
        n=len(cases),
        patients=cases.patient_count,
        labels=tuple(
            _group_label(cases, index, {**of_scores[index], **of_calls[index]}) for index in range(len(cases.labels))
        ),
    )


def _group_label(cases: Cases, index: int, figures: Figures) -> GroupLabel:
    truth, _, patients = cases.of_label(index)
    return GroupLabel(
        name=cases.labels[index],
        positives=int(truth.sum()),
        negatives=int((~truth).sum()),
        metrics={name: figures[name] for name in METRICS},
        warning=_warning(count_patients(patients[truth]), count_patients(patients[~truth])),
    )


def _warning(positives: int, negatives: int) -> str:
    few = [
        f"{count} patients {words}"
        for count, words in ((positives, "with"), (negatives, "without"))
        if count < SMALL_NUMBER
    ]
    return f"Small group: {' and '.join(few)} the finding. Its figures are rough." if few else ""


# ── Tests ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _test(label: str, index: int, threshold: float, metric: str, parts: dict[str, Cases]) -> Heterogeneity:
    needs_positive, needs_negative, statistic = _TESTS[metric]
    compared: dict[str, Part] = {}
    for name, cases in parts.items():
        truth, scores, patients = cases.of_label(index)
        enough = [count_patients(patients[kind]) >= SMALL_NUMBER for kind in (truth, ~truth)]
        if (enough[0] or not needs_positive) and (enough[1] or not needs_negative):
            compared[name] = truth, scores, patients
    blank = Heterogeneity(label, metric, tuple(compared))
    if len(compared) < 2:
        return replace(blank, undefined=TOO_FEW_GROUPS)
    if metric != "auroc" and math.isnan(threshold):
        return replace(blank, undefined="no operating point")
    value = statistic(list(compared.values()), threshold)
    if math.isnan(value):
        return replace(blank, undefined="the groups leave no spread to measure differences by")
    degrees = len(compared) - 1
    return replace(blank, statistic=value, degrees=degrees, p=_chi2_tail(value, degrees))


def _areas_statistic(parts: Sequence[Part], _: float) -> float:
    """Return Cochran's Q of the areas (Biometrics 10, 1954)."""
    areas, variances = np.array([area_and_variance(*part) for part in parts]).T
    if not (variances > 1e-20).all():
        return math.nan
    mean = np.average(areas, weights=1 / variances)
    return float(((areas - mean) ** 2 / variances).sum())


def _found_statistic(parts: Sequence[Part], threshold: float) -> float:
    return _shares_statistic([(score[truth] >= threshold, own[truth]) for truth, score, own in parts])


def _spared_statistic(parts: Sequence[Part], threshold: float) -> float:
    return _shares_statistic([(score[~truth] < threshold, own[~truth]) for truth, score, own in parts])


def _shares_statistic(parts: Sequence[tuple[NDArray[np.bool_], Indices]]) -> float:
    """Return Pearson's χ² of shares, each group counted as its effective number of cases (Rao and Scott 1992)."""
    numbers = np.array([effective_number(hits, own) for hits, own in parts])
    shares = np.array([hits.mean() for hits, _ in parts])
    overall = float((numbers * shares).sum() / numbers.sum())
    if overall in (0.0, 1.0):
        return math.nan
    return float((numbers * (shares - overall) ** 2).sum() / (overall * (1 - overall)))


_TESTS: dict[str, tuple[bool, bool, Callable[[Sequence[Part], float], float]]] = {
    "auroc": (True, True, _areas_statistic),
    "sensitivity": (True, False, _found_statistic),
    "specificity": (False, True, _spared_statistic),
}


def _chi2_tail(statistic: float, degrees: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(degrees, statistic))


def holm(tests: Sequence[Heterogeneity]) -> tuple[Heterogeneity, ...]:
    """Return the tests with p-values that allow for how many there are.

    References
    ----------
    .. [1] Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    known = sorted((test.p, position) for position, test in enumerate(tests) if not math.isnan(test.p))
    adjusted, highest = list(tests), 0.0
    for rank, (p, position) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[position] = replace(tests[position], adjusted=highest)
    return tuple(adjusted)
