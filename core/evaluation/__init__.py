"""How far scores can be trusted: figures with their intervals (`metrics`), and the curves behind them (`curves`)."""

from core.evaluation.auroc import AurocComparison, auroc, auroc_interval, compare_auroc
from core.evaluation.calibration import CALIBRATION_BINS, brier_score, expected_calibration_error
from core.evaluation.curves import (
    CallCounts,
    ConfusionMatrix,
    LabelCurves,
    PrecisionRecallCurve,
    Reliability,
    ReliabilityBin,
    RocCurve,
    ScoreHistogram,
    confusion_matrix,
    count_calls,
    label_curves,
    precision_recall_curve,
    reliability,
    roc_curve,
    score_histogram,
)
from core.evaluation.shares import Z_95, accuracy, npv, ppv, sensitivity, specificity, wilson_interval
from core.evaluation.thresholds import (
    lowest_cost_threshold,
    threshold_for_sensitivity,
    threshold_for_specificity,
    youden_threshold,
)

__all__ = [
    "CALIBRATION_BINS",
    "Z_95",
    "AurocComparison",
    "CallCounts",
    "ConfusionMatrix",
    "LabelCurves",
    "PrecisionRecallCurve",
    "Reliability",
    "ReliabilityBin",
    "RocCurve",
    "ScoreHistogram",
    "accuracy",
    "auroc",
    "auroc_interval",
    "brier_score",
    "compare_auroc",
    "confusion_matrix",
    "count_calls",
    "expected_calibration_error",
    "label_curves",
    "lowest_cost_threshold",
    "npv",
    "ppv",
    "precision_recall_curve",
    "reliability",
    "roc_curve",
    "score_histogram",
    "sensitivity",
    "specificity",
    "threshold_for_sensitivity",
    "threshold_for_specificity",
    "wilson_interval",
    "youden_threshold",
]
