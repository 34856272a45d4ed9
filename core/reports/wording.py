"""The words for an answer: said once, so that the page, the report and the picture say the same.

Words come before numbers. A number is called a probability only where it is calibrated, and nothing is called positive
or negative without an operating point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.domain import Estimate, Explanation, Label, OperatingPoint, Score, Voi, VoiFunction, VoiLut

NOT_FOR_DIAGNOSIS = "Not for diagnostic use"
SYNTHETIC = "Synthetic, not a patient"
MOST_LEADING = 3
"""So many calls head an answer; the others are counted."""


# ── Calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def label_title(label: Label) -> str:
    """Return a label as people see it, with a capital first letter."""
    return sentence_case(label.title or label.name)


def sentence_case(text: str) -> str:
    """Return text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def call_word(score: Score) -> str:
    """Say a call: "positive" or "negative" of a finding, "called" or "not called" of a normal class."""
    if math.isnan(score.value):
        return "undefined"
    if score.call is None:
        return "no operating point"
    if score.label.is_finding:
        return "positive" if score.call else "negative"
    return "called" if score.call else "not called"


def call_in_words(score: Score) -> str:
    """Say what is called of a label: "Pneumonia: positive"."""
    return f"{label_title(score.label)}: {call_word(score)}"


def leading_scores(scores: Sequence[Score]) -> tuple[Score, ...]:
    """Return the scores that the answer begins with: findings first, the highest at the head.

    All that are called; where none is and the model has one label only, that one; else none, and the answer
    begins with `headline` alone.
    """
    called = [score for score in scores if score.call]
    if called:
        return tuple(sorted(called, key=lambda score: (not score.label.is_finding, -score.value)))
    return tuple(scores) if len(scores) == 1 else ()


def headline(scores: Sequence[Score]) -> str:
    """Say the answer of a model in one line."""
    leading = leading_scores(scores)
    if leading:
        words = " · ".join(call_in_words(score) for score in leading[:MOST_LEADING])
        return f"{words} · {more_called(leading)}" if more_called(leading) else words
    if all(score.call is None for score in scores):
        return "No call"
    if any(score.call is None for score in scores):
        return "Nothing is called positive, and some labels have no call"
    return "Nothing is called positive"


def more_called(leading: Sequence[Score]) -> str:
    """Say how many calls there are beside those that head the answer; empty where there are none."""
    count = len(leading) - MOST_LEADING
    return f"{count} more {'is' if count == 1 else 'are'} called positive" if count > 0 else ""


# ── Operating points ──────────────────────────────────────────────────────────────────────────────────────────────


def score_word(score: Score) -> str:
    """Return what the number may be called."""
    return "probability" if score.calibrated else "score"


def operating_point_in_words(score: Score) -> str:
    """Say how a score became a call: "score 0.83 ≥ 0.41, set for 95 % sensitivity on 521 validation images"."""
    if math.isnan(score.value):
        return "The model gave no number for this label."
    point = score.label.operating_point
    if point is None:
        return f"{score_word(score)} {score_in_words(score.value)}; without an operating point there is no call"
    value, threshold = _told_apart(score.value, point.threshold)
    relation = "≥" if score.call else "<"
    # An origin names the set first and, after a comma, how it was used: that is for the card.
    cases = point.origin.partition(",")[0]
    return f"{score_word(score)} {value} {relation} {threshold}, set for {point.criterion} on {cases}"


def accuracy_in_words(point: OperatingPoint) -> str:
    """Say how good an operating point was where it was set; empty where that was not measured."""
    measured = (("sensitivity", point.sensitivity), ("specificity", point.specificity))
    parts = [f"{name} {estimate_in_words(estimate)}" for name, estimate in measured if estimate is not None]
    return f"Measured there: {', '.join(parts)}." if parts else ""


def estimate_in_words(estimate: Estimate) -> str:
    """Write a figure with its 95 % interval, or why it does not exist."""
    if math.isnan(estimate.value):
        return f"undefined ({estimate.undefined})" if estimate.undefined else "undefined"
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} (95 % interval {estimate.low:.2f}–{estimate.high:.2f})"


def score_in_words(value: float) -> str:
    """Write a score with two decimals; one that is nearly 0 or 1 is not made certain by rounding."""
    if 0.995 <= value < 1:
        return "over 0.99"
    if 0 < value < 0.005:
        return "under 0.01"
    return f"{value:.2f}"


def _told_apart(value: float, threshold: float) -> tuple[str, str]:
    """Write two numbers with two decimals, or with as many more (up to six) as show on which side the value lies."""
    digits = next((digits for digits in range(2, 6) if f"{value:.{digits}f}" != f"{threshold:.{digits}f}"), 6)
    return score_in_words(value) if digits == 2 else f"{value:.{digits}f}", f"{threshold:.{digits}f}"


# ── Evidence ──────────────────────────────────────────────────────────────────────────────────────────────────────


def why_no_heatmap(score: Score, explanation: Explanation | None) -> str:
    """Say why no heatmap is drawn for a label; empty where one is.

    Parameters
    ----------
    score : Score
    explanation : Explanation or None
        For the score's label; None where it was not asked for or cannot be made.
    """
    name = label_title(score.label)
    if explanation is None:
        return f"{name}: no heatmap was made."
    if not score.label.is_finding:
        return f"{name} is not a finding, so there is nothing to point at."
    if score.call is False:
        return f"{call_in_words(score)}. No heatmap is drawn for a negative call."
    if not explanation.has_positive_evidence:
        return f"{name}: no positive evidence anywhere in the image."
    return ""


def heatmap_in_words(explanation: Explanation, limits: tuple[float, float]) -> str:
    """Say what a heatmap shows and on which scale."""
    low, high = (number_in_words(value) for value in limits)
    return f"{explanation.method} for {explanation.label_name}, colours from {low} to {high} ({explanation.unit})"


# ── Numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def window_in_words(voi: Voi | None, *, invert: bool = False) -> str:
    """Say a window as radiologists do, width before level; None is true colour."""
    inverted = ", inverted" if invert else ""
    if voi is None:
        return f"true colour{inverted}"
    if isinstance(voi, VoiLut):
        return f"VOI LUT of the file{inverted}"
    function = ", sigmoid" if voi.function is VoiFunction.SIGMOID else ""
    return f"W {number_in_words(voi.width)} L {number_in_words(voi.center)}{function}{inverted}"


def number_in_words(value: float) -> str:
    """Write a number with three digits, all digits of a larger one, and a true minus sign."""
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", "−")
