"""The one table of metrics: what is measured of a label, in the order in which it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of a label.

    Attributes
    ----------
    title : str
        As it is shown.
    meaning : str
        One sentence for who has not met it.
    low, high : float
        Its possible values.
    interval : str
        How its 95 % interval is made; where patients have several cases, patients are taken whole.
    at_threshold : bool
        Whether it is a figure of calls; the others are figures of scores and do not move with the threshold.
    smaller_is_better : bool
    """

    name: str
    title: str
    meaning: str
    interval: Literal["DeLong", "Wilson", "BCa bootstrap", "inverted bootstrap"]
    low: float = 0.0
    high: float = 1.0
    at_threshold: bool = True
    smaller_is_better: bool = False


_METRICS = (
    Metric(
        name="auroc",
        title="AUROC",
        meaning="The chance that a case with the finding scores higher than one without.",
        interval="DeLong",
        at_threshold=False,
    ),
    Metric(
        name="average_precision",
        title="Average precision",
        meaning="The positive predictive value, averaged over the cases with the finding as the threshold falls.",
        interval="BCa bootstrap",
        at_threshold=False,
    ),
    Metric(
        name="sensitivity",
        title="Sensitivity",
        meaning="The share of cases with the finding that are called positive.",
        interval="Wilson",
    ),
    Metric(
        name="specificity",
        title="Specificity",
        meaning="The share of cases without the finding that are called negative.",
        interval="Wilson",
    ),
    Metric(
        name="ppv",
        title="PPV",
        meaning="The share of positive calls that are right, at the prevalence of these cases.",
        interval="Wilson",
    ),
    Metric(
        name="npv",
        title="NPV",
        meaning="The share of negative calls that are right, at the prevalence of these cases.",
        interval="Wilson",
    ),
    Metric(
        name="f1",
        title="F1",
        meaning="The harmonic mean of sensitivity and PPV.",
        interval="BCa bootstrap",
    ),
    Metric(
        name="balanced_accuracy",
        title="Balanced accuracy",
        meaning="The mean of sensitivity and specificity.",
        interval="BCa bootstrap",
    ),
    Metric(
        name="accuracy",
        title="Accuracy",
        meaning="The share of all calls that are right.",
        interval="Wilson",
    ),
    Metric(
        name="mcc",
        title="Matthews correlation",
        meaning="The correlation of calls and truth.",
        interval="BCa bootstrap",
        low=-1.0,
    ),
    Metric(
        name="kappa",
        title="Cohen's kappa",
        meaning="The agreement of calls and truth beyond that of chance.",
        interval="BCa bootstrap",
        low=-1.0,
    ),
    Metric(
        name="brier",
        title="Brier score",
        meaning="The mean squared distance of scores from the truth.",
        interval="BCa bootstrap",
        at_threshold=False,
        smaller_is_better=True,
    ),
    Metric(
        name="ece",
        title="Calibration error",
        meaning="The mean distance of scores from the share observed at them; chance alone makes it larger than 0.",
        interval="inverted bootstrap",
        at_threshold=False,
        smaller_is_better=True,
    ),
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _METRICS}
"""By name."""
