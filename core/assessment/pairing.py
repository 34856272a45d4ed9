"""Two models on the same cases: the images that both have evaluated, found by their content."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.assessment.outcome import Assessment
from core.errors import DatasetError

if TYPE_CHECKING:
    from core.evaluation import Comparison


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """The comparison of two outcomes in one label each.

    `cases` are the numbers of the compared cases in the first and in the second outcome, in the order of the
    comparison; `disputed` counts those left out because the two sets say different things of them.
    """

    comparison: Comparison
    cases: tuple[tuple[int, int], ...]
    disputed: int


def compare_outcomes(first: Assessment, second: Assessment, *, labels: tuple[str, str]) -> Pairing:
    """Compare two outcomes on the images that they share.

    Parameters
    ----------
    labels : (str, str)
        The label of the first model and that of the second.

    Raises
    ------
    DatasetError
        They share no image whose truth is known, or a label has no operating point.
    """
    from core.evaluation import compare_scores

    columns = [
        [label.name for label in outcome.labels].index(name)
        for outcome, name in zip((first, second), labels, strict=True)
    ]
    thresholds = first.result.labels[columns[0]].threshold, second.result.labels[columns[1]].threshold
    if any(map(math.isnan, thresholds)):
        raise DatasetError("A label without an operating point cannot be compared.", code="no-operating-point")
    place = {(case.sha256, case.frame): number for number, case in enumerate(second.cases)}
    shared = [
        (number, place[case.sha256, case.frame])
        for number, case in enumerate(first.cases)
        if (case.sha256, case.frame) in place
    ]
    known = [(one, other) for one, other in shared if not np.isnan(_truths(first, second, one, other, columns)).any()]
    agreed = [pair for pair in known if len(set(_truths(first, second, *pair, columns))) == 1]
    if not agreed:
        raise DatasetError("The two evaluations share no image whose truth is known.", code="nothing-shared")
    rows, other_rows = (list(numbers) for numbers in zip(*agreed, strict=True))
    comparison = compare_scores(
        first.result.cases.truth[rows, columns[0]],
        first.result.cases.scores[rows, columns[0]],
        second.result.cases.scores[other_rows, columns[1]],
        thresholds=thresholds,
        patients=[first.cases[row].patient for row in rows],
    )
    return Pairing(comparison, tuple(agreed), len(known) - len(agreed))


def _truths(first: Assessment, second: Assessment, one: int, other: int, columns: list[int]) -> tuple[float, float]:
    return float(first.result.cases.truth[one, columns[0]]), float(second.result.cases.truth[other, columns[1]])
