"""What an evaluation found, for everything that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.domain import Estimate, Notice
from core.evaluation.cases import Cases
from core.evaluation.curves import CallCounts, ConfusionMatrix, LabelCurves


@dataclass(frozen=True, slots=True)
class LabelResult:
    """What was measured of one label.

    Attributes
    ----------
    positives, negatives, unknown : int
        Cases with the finding, without it, and those of which nobody knows.
    threshold : float
        `score ≥ threshold` is a call; NaN where the label has no operating point.
    calls : CallCounts or None
        None without an operating point.
    metrics : mapping of str to Estimate
        By the names of `METRICS`, in their order.
    curves : LabelCurves
        The ROC curve has a band from the resamplings.
    """

    name: str
    positives: int
    negatives: int
    unknown: int
    threshold: float
    calls: CallCounts | None
    metrics: Mapping[str, Estimate]
    curves: LabelCurves


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What was measured of a model on a labelled set.

    Attributes
    ----------
    n, patients : int
        Cases, and patients that they come from; an unknown patient counts as one of its own.
    macro : mapping of str to Estimate
        The mean of each metric over `averaged`, the labels that have cases of both kinds.
    accuracy : Estimate
        Where labels exclude each other the share of cases whose highest score is that of their label, else of cases
        of which every known label is called rightly.
    confusion_matrix : ConfusionMatrix or None
        By the highest score; None where labels do not exclude each other.
    draws, seed : int
        Of the resamplings.
    cases : Cases
        What was measured, for other thresholds, subgroups and comparisons.
    """

    n: int
    patients: int
    labels: tuple[LabelResult, ...]
    macro: Mapping[str, Estimate]
    averaged: tuple[str, ...]
    accuracy: Estimate
    confusion_matrix: ConfusionMatrix | None
    notices: tuple[Notice, ...]
    draws: int
    seed: int
    cases: Cases = field(repr=False, compare=False)

    @property
    def is_clustered(self) -> bool:
        """Whether intervals count patients because some have several cases."""
        return self.patients < self.n

    def label(self, name: str) -> LabelResult:
        """Return the result of the label with this name; KeyError where there is none."""
        for label in self.labels:
            if label.name == name:
                return label
        raise KeyError(name)
