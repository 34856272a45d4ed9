"""How far scores can be trusted.

`evaluate_scores` measures a model on a labelled set with every metric of `METRICS`, `at_thresholds` follows a
threshold, `compare_scores` sets two models side by side, `evaluate_subgroups` the groups of the cases. Beneath lie
plain functions of truth and score: of the area (`auroc`), of `shares`, `thresholds`, `calibration`, and the `curves`.
"""

from core.evaluation.auroc import AurocComparison, auroc, auroc_interval, compare_auroc
from core.evaluation.calibration import CALIBRATION_BINS, brier_score, expected_calibration_error
from core.evaluation.cases import Cases, as_cases
from core.evaluation.comparison import Comparison, Disagreement, McNemar, compare_scores, mcnemar_test
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
from core.evaluation.evaluate import SMALL_NUMBER, at_thresholds, evaluate_scores
from core.evaluation.predictive import PredictiveValues, predictive_values
from core.evaluation.results import EvaluationResult, LabelResult
from core.evaluation.shares import Z_95, accuracy, npv, ppv, sensitivity, specificity, wilson_interval
from core.evaluation.subgroups import GroupLabel, Heterogeneity, Subgroup, Subgroups, evaluate_subgroups
from core.evaluation.table import METRICS, Metric
from core.evaluation.thresholds import (
    lowest_cost_threshold,
    threshold_for_sensitivity,
    threshold_for_specificity,
    youden_threshold,
)

__all__ = [
    "CALIBRATION_BINS",
    "METRICS",
    "SMALL_NUMBER",
    "Z_95",
    "AurocComparison",
    "CallCounts",
    "Cases",
    "Comparison",
    "ConfusionMatrix",
    "Disagreement",
    "EvaluationResult",
    "GroupLabel",
    "Heterogeneity",
    "LabelCurves",
    "LabelResult",
    "McNemar",
    "Metric",
    "PrecisionRecallCurve",
    "PredictiveValues",
    "Reliability",
    "ReliabilityBin",
    "RocCurve",
    "ScoreHistogram",
    "Subgroup",
    "Subgroups",
    "accuracy",
    "as_cases",
    "at_thresholds",
    "auroc",
    "auroc_interval",
    "brier_score",
    "compare_auroc",
    "compare_scores",
    "confusion_matrix",
    "count_calls",
    "evaluate_scores",
    "evaluate_subgroups",
    "expected_calibration_error",
    "label_curves",
    "lowest_cost_threshold",
    "mcnemar_test",
    "npv",
    "ppv",
    "precision_recall_curve",
    "predictive_values",
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
