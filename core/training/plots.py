"""The charts that a run writes into the model folder, for who reads it without Lightbox: `plots/*.png`.

They show what `evidence.json` holds. Pages draw their own charts from it (`core.reports.plots`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.domain import ModelSpec
from core.evaluation import LabelCurves
from core.models.evidence import Evidence, LearningCurves
from core.models.files import replace_file
from core.models.label_looks import NEUTRAL, LabelLook, label_looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLOTS_FOLDER = "plots"
ALL_PLOTS = (ROC_FILE, CALIBRATION_FILE, LEARNING_FILE) = ("roc.png", "calibration.png", "curves.png")
SIZE_INCHES = (6.0, 4.6)
DOTS_PER_INCH = 100
_MARKERS = {"circle": "o", "square": "s", "diamond": "D", "cross": "P", "x": "X"}
_LINES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}

Draw = Callable[["Axes", LabelCurves, str, LabelLook], None]


def write_plots(folder: Path, spec: ModelSpec, evidence: Evidence) -> None:
    """Write the charts of a model into its folder, in place of those that are there."""
    place, figures = folder / PLOTS_FOLDER, draw_plots(spec, evidence)
    place.mkdir(exist_ok=True)
    for name, figure in figures.items():
        replace_file(place / name, _png(figure))
    for name in set(ALL_PLOTS) - set(figures):
        (place / name).unlink(missing_ok=True)


def draw_plots(spec: ModelSpec, evidence: Evidence) -> Mapping[str, Figure]:
    """Return the charts by file name: ROC and calibration of all labels, and how training went where that is known."""
    figures = {
        ROC_FILE: _of_all_labels(spec, evidence, _draw_roc, title="ROC curves on the test part"),
        CALIBRATION_FILE: _of_all_labels(spec, evidence, _draw_reliability, title="Calibration on the test part"),
    }
    figures[ROC_FILE].axes[0].set(xlabel="1 − specificity", ylabel="Sensitivity")
    figures[CALIBRATION_FILE].axes[0].set(xlabel="Mean score", ylabel="Share with the finding (95 % interval)")
    if evidence.learning is not None:
        figures[LEARNING_FILE] = _draw_learning(evidence.learning)
    return figures


def _of_all_labels(spec: ModelSpec, evidence: Evidence, draw: Draw, *, title: str) -> Figure:
    figure = _figure()
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=1, linestyle=":")
    looks = label_looks(spec.labels)
    for label, curves in zip(spec.labels, evidence.labels, strict=True):
        draw(axes, curves, label.title or label.name, looks[label.name])
    axes.set(title=f"{title} ({evidence.measured_on})", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", fontsize="small")
    return figure


def _draw_roc(axes: Axes, curves: LabelCurves, title: str, look: LabelLook) -> None:
    roc = curves.roc
    if roc.undefined:
        return
    if roc.low:
        axes.fill_between(roc.false_positive_rate, roc.low, roc.high, color=look.colour, alpha=0.15, linewidth=0)
    axes.plot(roc.false_positive_rate, roc.sensitivity, color=look.colour, linestyle=_LINES[look.dash], label=title)
    for calls in curves.calls.values():
        axes.plot(1 - calls.specificity.value, calls.sensitivity.value, "D", color=look.colour, fillstyle="none")


def _draw_reliability(axes: Axes, curves: LabelCurves, title: str, look: LabelLook) -> None:
    bins = curves.reliability.bins
    if not bins:
        return
    shares = np.array([one.observed.value for one in bins])
    ends = np.array([(one.observed.low, one.observed.high) for one in bins]).T
    axes.errorbar(
        [one.mean_score for one in bins],
        shares,
        yerr=np.abs(ends - shares),
        color=look.colour,
        linestyle="none",
        capsize=2,
        elinewidth=1,
    )
    axes.scatter(
        [one.mean_score for one in bins],
        shares,
        # Their areas go with the cases.
        s=[12 + 90 * one.count / max(each.count for each in bins) for one in bins],
        color=look.colour,
        marker=_MARKERS[look.symbol],
        label=title,
        zorder=3,
    )


def _draw_learning(learning: LearningCurves) -> Figure:
    figure = _figure()
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    numbers = [epoch.number for epoch in learning.epochs]
    courses = (
        ("validation", "-", [epoch.auroc for epoch in learning.epochs]),
        ("changed conditions, mean", "--", [epoch.stress_mean for epoch in learning.epochs]),
        ("changed conditions, worst", ":", [epoch.stress_worst for epoch in learning.epochs]),
    )
    for name, line, values in courses:
        if not np.isnan(values).all():
            upper.plot(numbers, values, line, marker="o", markersize=3, label=name)
    lower.plot(numbers, [epoch.loss for epoch in learning.epochs], "-", marker="o", markersize=3, color=NEUTRAL)
    for axes in (upper, lower):
        axes.axvline(learning.kept, color=NEUTRAL, linestyle="--", linewidth=1)
        axes.grid(alpha=0.25)
    upper.set(title=f"Training: epoch {learning.kept} of {len(numbers)} was kept", ylabel="AUROC")
    upper.legend(fontsize="small")
    lower.set(xlabel="Epoch", ylabel="Loss")
    lower.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _figure() -> Figure:
    # Not by pyplot, which keeps figures in a state that all threads share.
    from matplotlib.figure import Figure

    return Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")


def _png(figure: Figure) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    # A palette holds a chart's few colours, and shrinks the file to a third.
    picture = Image.open(buffer).convert("RGB").quantize(128)
    smaller = io.BytesIO()
    picture.save(smaller, format="PNG", optimize=True)
    return smaller.getvalue()
