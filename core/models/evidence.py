"""What a model's metrics stand on: `evidence.json`, the curves that its own test part gave.

It travels with the model, so that a page can draw them where the test images are not. It holds numbers of many cases
together: no file names, no patients, no single scores that belong to somebody.

    {"format": 1, "weights_sha256": "…", "measured_on": "790 test images of 543 patients",
     "labels": [{"name": "Pneumonia", "positives": 589, "negatives": 201,
                 "roc": {"thresholds": […], "false_positive_rate": […], "sensitivity": […], "low": […], "high": […]},
                 "precision_recall": {"thresholds": […], "recall": […], "precision": […], "average_precision": 0.99},
                 "reliability": [{"count": 151, "mean_score": 0.02, "with_finding": 3}, …],
                 "histogram": {"with_finding": […], "without_finding": […]},
                 "calls": {"youden": {"true_positives": 551, "false_negatives": 38,
                                      "false_positives": 3, "true_negatives": 198}}}],
     "confusion": {"names": […], "counts": [[…], …]},
     "learning": {"kept": 9, "epochs": [{"number": 1, "loss": 0.54, "auroc": 0.98, …}, …]}}

The corner of a curve where nothing is called has no threshold and is not stored, except for the band, `low` and
`high`. A curve that is undefined holds only
the reason. `confusion` is there where labels exclude each other, `learning` where training was recorded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.domain import ModelSpec
from core.errors import ModelError
from core.evaluation import (
    CallCounts,
    ConfusionMatrix,
    LabelCurves,
    PrecisionRecallCurve,
    Reliability,
    ReliabilityBin,
    RocCurve,
    ScoreHistogram,
    wilson_interval,
)
from core.models.files import replace_file
from core.models.spec import EVIDENCE_FILE
from core.models.table import Table

FORMAT = 1
_AGAIN = "Measure the model anew with `python -m core measure`, or copy its folder again from where it came."


@dataclass(frozen=True, slots=True)
class EpochPoint:
    """One epoch of training: its loss, and the AUROC on validation as it is and under changed conditions.

    `stress_mean` and `stress_worst` are over pairs of conditions; NaN where they were not tried.
    """

    number: int
    loss: float
    auroc: float
    stress_mean: float = math.nan
    stress_worst: float = math.nan


@dataclass(frozen=True, slots=True)
class LearningCurves:
    """How training went; `kept` is the number of the epoch whose weights are the model's."""

    epochs: tuple[EpochPoint, ...]
    kept: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is drawn of a model.

    Attributes
    ----------
    weights_sha256 : str
        Of the weights that were measured.
    measured_on : str
        "790 test images of 543 patients".
    labels : tuple of LabelCurves
        In the order of the model's labels.
    confusion : ConfusionMatrix or None
        By the highest score, where labels exclude each other.
    learning : LearningCurves or None
    """

    weights_sha256: str
    measured_on: str
    labels: tuple[LabelCurves, ...]
    confusion: ConfusionMatrix | None = None
    learning: LearningCurves | None = None


def write_evidence(folder: Path, evidence: Evidence) -> None:
    """Write `evidence.json` into a model folder, in place of the one that may be there."""
    replace_file(folder / EVIDENCE_FILE, format_evidence(evidence).encode())


def read_evidence(folder: Path, spec: ModelSpec) -> Evidence | None:
    """Read the evidence of a model; None where its folder holds none.

    Raises
    ------
    ModelError
        The file is damaged, or belongs to other weights or labels.
    """
    path = folder / EVIDENCE_FILE
    if not path.exists():
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged("it cannot be read as text in UTF-8") from error
    evidence = parse_evidence(text)
    _check_belongs(evidence, spec)
    return evidence


def _check_belongs(evidence: Evidence, spec: ModelSpec) -> None:
    if evidence.weights_sha256 != spec.sha256:
        raise ModelError(
            f"{EVIDENCE_FILE} was measured with other weights (SHA-256 {evidence.weights_sha256[:12]}…) than those of "
            f"this model ({spec.sha256[:12]}…).",
            hint=_AGAIN,
            code="evidence-of-other-weights",
        )
    points = {label.name: {point.name for point in label.operating_points} for label in spec.labels}
    measured = {curves.name: set(curves.calls) for curves in evidence.labels}
    if list(measured) != list(points) or any(not measured[name] <= points[name] for name in points):
        raise ModelError(
            f"{EVIDENCE_FILE} has other labels or operating points than model.toml.",
            hint=_AGAIN,
            code="evidence-of-other-labels",
        )


# ── Writing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def format_evidence(evidence: Evidence) -> str:
    """Return the text of `evidence.json`: numbers with five digits, what is undefined left out."""
    document = {
        "format": FORMAT,
        "weights_sha256": evidence.weights_sha256,
        "measured_on": evidence.measured_on,
        "labels": [_label_document(curves) for curves in evidence.labels],
    }
    if evidence.confusion is not None:
        document["confusion"] = asdict(evidence.confusion)
    if evidence.learning is not None:
        document["learning"] = asdict(evidence.learning)
    return json.dumps(_rounded(document), ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _label_document(curves: LabelCurves) -> dict[str, Any]:
    bins = [
        {
            "count": one.count,
            "mean_score": one.mean_score,
            "with_finding": round(one.observed.value * one.count),
        }
        for one in curves.reliability.bins
    ]
    return {
        "name": curves.name,
        "positives": curves.positives,
        "negatives": curves.negatives,
        "roc": _curve_document(asdict(curves.roc)),
        "precision_recall": _curve_document(asdict(curves.precision_recall)),
        "reliability": bins,
        "histogram": asdict(curves.histogram),
        "calls": {name: asdict(calls) for name, calls in curves.calls.items()},
    }


def _curve_document(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the corner where nothing is called, and the band where there is none."""
    if fields["undefined"]:
        return {"undefined": fields["undefined"]}
    whole = ("low", "high", "average_precision")
    return {name: value if name in whole else value[1:] for name, value in fields.items() if value}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items() if not _is_nan(item)}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


# ── Reading ───────────────────────────────────────────────────────────────────────────────────────────────────────


def parse_evidence(text: str) -> Evidence:
    """Parse the text of `evidence.json`.

    Raises
    ------
    ModelError
        The text is not JSON, or a field is missing, unknown, out of range, or does not fit the others.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged("it is not JSON") from error
    if not isinstance(document, dict):
        raise _damaged("it does not hold an object")
    table = Table(document, file=EVIDENCE_FILE)
    table.whole("format", low=FORMAT, high=FORMAT)
    evidence = Evidence(
        weights_sha256=table.text("weights_sha256", required=True),
        measured_on=table.text("measured_on", required=True),
        labels=tuple(_label(item) for item in table.tables("labels")),
        confusion=_confusion(table.table("confusion")) if "confusion" in table else None,
        learning=_learning(table.table("learning")) if "learning" in table else None,
    )
    table.finish()
    return evidence


def _label(table: Table) -> LabelCurves:
    curves = LabelCurves(
        name=table.text("name", required=True),
        positives=table.whole("positives", low=0),
        negatives=table.whole("negatives", low=0),
        roc=_roc(table.table("roc")),
        precision_recall=_precision_recall(table.table("precision_recall")),
        reliability=Reliability(tuple(_bin(item) for item in table.tables("reliability", required=False))),
        histogram=_histogram(table.table("histogram")),
        calls={name: _calls(item) for name, item in table.table("calls").each_table()},
    )
    cases = (curves.positives, curves.negatives)
    counted = (sum(curves.histogram.with_finding), sum(curves.histogram.without_finding))
    table.require(counted == cases, "histogram", "counts that add up to all cases")
    in_bins = sum(one.count for one in curves.reliability.bins)
    table.require(in_bins == sum(cases), "reliability", "counts that add up to all cases")
    called = {_cases_of(calls) for calls in curves.calls.values()}
    table.require(called <= {cases}, "calls", "counts that add up to all cases")
    table.finish()
    return curves


def _cases_of(calls: CallCounts) -> tuple[int, int]:
    return calls.true_positives + calls.false_negatives, calls.false_positives + calls.true_negatives


def _roc(table: Table) -> RocCurve:
    if "undefined" in table:
        return RocCurve(undefined=_reason(table))
    thresholds = _thresholds(table)
    rate, found = (_shares(table, name, len(thresholds)) for name in ("false_positive_rate", "sensitivity"))
    has_band = "low" in table or "high" in table
    low, high = (_shares(table, name, len(thresholds) + 1) if has_band else () for name in ("low", "high"))
    table.require(_rises(rate), "false_positive_rate", "numbers that do not fall")
    table.require(_rises(found), "sensitivity", "numbers that do not fall")
    table.finish()
    return RocCurve((math.inf, *thresholds), (0.0, *rate), (0.0, *found), low, high)


def _precision_recall(table: Table) -> PrecisionRecallCurve:
    if "undefined" in table:
        return PrecisionRecallCurve(undefined=_reason(table))
    thresholds = _thresholds(table)
    recall, precision = (_shares(table, name, len(thresholds)) for name in ("recall", "precision"))
    average = table.number("average_precision", low=0, high=1)
    table.require(_rises(recall), "recall", "numbers that do not fall")
    table.finish()
    return PrecisionRecallCurve((math.inf, *thresholds), (0.0, *recall), (1.0, *precision), average)


def _reason(table: Table) -> str:
    reason = table.text("undefined", required=True)
    table.finish()
    return reason


def _thresholds(table: Table) -> tuple[float, ...]:
    thresholds = table.numbers("thresholds", low=0, high=1)
    table.require(bool(thresholds) and _rises(thresholds[::-1]), "thresholds", "numbers that do not rise")
    return thresholds


def _shares(table: Table, name: str, length: int) -> tuple[float, ...]:
    return table.numbers(name, length=length, low=0, high=1)


def _rises(numbers: Sequence[float]) -> bool:
    return list(numbers) == sorted(numbers)


def _bin(table: Table) -> ReliabilityBin:
    count = table.whole("count", low=1)
    with_finding = table.whole("with_finding", low=0, high=count)
    mean_score = table.number("mean_score", low=0, high=1)
    table.finish()
    return ReliabilityBin(count, mean_score, wilson_interval(with_finding, count))


def _histogram(table: Table) -> ScoreHistogram:
    with_finding = _counts(table, "with_finding")
    without_finding = _counts(table, "without_finding")
    same = len(with_finding) == len(without_finding) > 0
    table.require(same, "without_finding", "as many numbers as with_finding")
    table.finish()
    return ScoreHistogram(with_finding, without_finding)


def _counts(table: Table, name: str) -> tuple[int, ...]:
    return tuple(int(count) for count in table.numbers(name, low=0, whole=True))


def _calls(table: Table) -> CallCounts:
    names = ("true_positives", "false_negatives", "false_positives", "true_negatives")
    calls = CallCounts(*(table.whole(name, low=0) for name in names))
    table.finish()
    return calls


def _confusion(table: Table) -> ConfusionMatrix:
    names, counts = table.texts("names"), table.matrix("counts")
    table.require(len(names) > 1, "names", "the names of at least two classes")
    square = len(counts) == len(names) and all(len(row) == len(names) for row in counts)
    table.require(square, "counts", "a row and a column for each name")
    table.finish()
    return ConfusionMatrix(names, counts)


def _learning(table: Table) -> LearningCurves:
    epochs = tuple(_epoch(item) for item in table.tables("epochs"))
    learning = LearningCurves(epochs, kept=table.whole("kept", low=1))
    known = learning.kept in {epoch.number for epoch in epochs}
    table.require(known, "kept", "the number of one of the epochs")
    table.finish()
    return learning


def _epoch(table: Table) -> EpochPoint:
    def share(name: str) -> float:
        return table.number(name, low=0, high=1) if name in table else math.nan

    epoch = EpochPoint(
        number=table.whole("number", low=1),
        loss=table.number("loss", low=0),
        auroc=share("auroc"),
        stress_mean=share("stress_mean"),
        stress_worst=share("stress_worst"),
    )
    table.finish()
    return epoch


def _damaged(why: str) -> ModelError:
    return ModelError(f"{EVIDENCE_FILE} is damaged: {why}.", hint=_AGAIN, code="evidence-damaged")
