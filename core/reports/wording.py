"""The words for an answer: said once, so that the page, the report and the picture say the same.

Words come before numbers. A number is called a probability only where it is calibrated, and nothing is called positive
or negative without an operating point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.domain import Estimate, Explanation, Label, OperatingPoint, Prediction, Score, Voi, VoiFunction, VoiLut
from core.models.suitability import call_of, is_call_withheld

NOT_FOR_DIAGNOSIS = "Not for diagnostic use"
SYNTHETIC = "Synthetic, not a patient"
WITHHELD = "Not for this kind of image"
MOST_LEADING = 3
"""So many statements head an answer; the others are counted."""


# ── The answer ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Statement:
    """What an answer begins with: `words`, and the numbers `behind` them.

    `score` is that of the label that is spoken of, None where no single one is. `call` says how it is meant: True a
    finding that is called, False good news or a finding that is not called, None neither.
    """

    words: str
    behind: str
    call: bool | None = None
    score: Score | None = None


def statements(prediction: Prediction) -> tuple[Statement, ...]:
    """Say the answer of a model, what matters most first; never empty.

    Labels that exclude each other: the most likely one, and every other finding that is called nevertheless; such a
    finding comes first where the most likely label is not called. Independent labels: all that are called, findings
    before good news; where none is and the model has one label only, that one.
    """
    if is_call_withheld(prediction):
        return (Statement(WITHHELD, "The model makes no call here."),)
    if prediction.is_exclusive and not any(math.isnan(score.value) for score in prediction.scores):
        return _exclusive_statements(prediction.scores)
    scores = prediction.scores
    called = sorted(
        (score for score in scores if score.call), key=lambda score: (not score.label.is_finding, -score.value)
    )
    leading = called or (list(scores) if len(scores) == 1 else [])
    return tuple(_call_statement(score) for score in leading) or (_nothing_called(scores),)


def _call_statement(score: Score) -> Statement:
    call = score.call if score.label.is_finding or score.call is None else False
    return Statement(call_in_words(score), operating_point_in_words(score), call, score)


def _nothing_called(scores: Sequence[Score]) -> Statement:
    if all(score.label.operating_point is None for score in scores):
        return Statement("No call", "The model has no operating point, so nothing is called positive or negative.")
    if any(score.call is None for score in scores):
        return Statement("Nothing is called positive", "Some labels have no call.")
    return Statement("Nothing is called positive", "No label reaches its operating point.", call=False)


def _exclusive_statements(scores: Sequence[Score]) -> tuple[Statement, ...]:
    top, second, *_ = ranked = sorted(scores, key=lambda score: -score.value)
    called = [score for score in ranked if score.call and score.label.is_finding]
    others = [_called_beside(score, top) for score in called if score is not top]
    most_likely = _most_likely(top, second, is_all_clear=not called and _have_operating_points(scores))
    if top in called:
        return (most_likely, *others)
    return (*others[:1], most_likely, *others[1:])


def _most_likely(top: Score, second: Score, *, is_all_clear: bool) -> Statement:
    """Say which of labels that exclude each other is the most likely, and by how much.

    `is_all_clear` says that every finding has an operating point and is below it.
    """
    word = {True: call_word(top), False: "not called", None: ""}[top.call]
    parts = [
        f"{word}: {operating_point_in_words(top)}" if word else operating_point_in_words(top),
        f"next is {label_words(second.label)} with {score_in_words(second.value)}, a margin of "
        f"{score_in_words(_margin(top.value, second.value))}",
        "no finding reaches its operating point" if is_all_clear and not top.label.is_finding else "",
    ]
    behind = ". ".join(sentence_case(part) for part in parts if part)
    call = top.call if top.label.is_finding else False
    return Statement(f"Most likely: {label_words(top.label)}", f"{behind}.", call, top)


def _margin(top: float, second: float) -> float:
    """Return the difference of two scores as they are written; between such as differ by less or by all, their own."""
    written = round(top, 2) - round(second, 2)
    return written if 0 < written < 1 else top - second


def _called_beside(score: Score, top: Score) -> Statement:
    """Say that a finding is called although another label is more likely: it is above its own operating point."""
    behind = (
        f"{sentence_case(operating_point_in_words(score))}. A call goes by the label's own operating point, also where "
        f"another label is more likely: {label_words(top.label)} has {score_in_words(top.value)}."
    )
    return Statement(call_in_words(score), behind, call=True, score=score)


def _have_operating_points(scores: Sequence[Score]) -> bool:
    return all(score.label.operating_point is not None for score in scores if score.label.is_finding)


def headline(prediction: Prediction) -> str:
    """Say the answer of a model in one line."""
    said = statements(prediction)
    words = " · ".join(statement.words for statement in said[:MOST_LEADING])
    return f"{words} · {more_called(said)}" if more_called(said) else words


def more_called(said: Sequence[Statement]) -> str:
    """Say how many calls there are beside those that head the answer; empty where there are none."""
    count = len(said) - MOST_LEADING
    return f"{count} more {'is' if count == 1 else 'are'} called positive" if count > 0 else ""


# ── Labels and calls ──────────────────────────────────────────────────────────────────────────────────────────────


def label_words(label: Label) -> str:
    """Return a label as people see it."""
    return label.title or label.name


def label_title(label: Label) -> str:
    """Return a label as people see it, with a capital first letter."""
    return sentence_case(label_words(label))


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


def told_call(prediction: Prediction, score: Score) -> str:
    """Say the call of one of a prediction's scores: as `call_word`, or "no call" where it is withheld."""
    return "no call" if is_call_withheld(prediction) else call_word(score)


def call_in_words(score: Score) -> str:
    """Say what is called of a label: "Pneumonia: positive"."""
    return f"{label_title(score.label)}: {call_word(score)}"


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
    # "> 0.99 ≥ 0.41" would be a riddle.
    value = value.replace("> ", "over ").replace("< ", "under ")
    # An origin names the set first and, after a comma, how it was used: that is for the card.
    cases = point.origin.partition(",")[0]
    return f"{score_word(score)} {value} {relation} {threshold}, set for {point.criterion} on {cases}"


def accuracy_in_words(point: OperatingPoint) -> str:
    """Say how good an operating point was where it was set; empty where that was not measured."""
    measured = (("sensitivity", point.sensitivity), ("specificity", point.specificity))
    parts = [f"{name} {estimate_in_words(estimate)}" for name, estimate in measured if estimate is not None]
    return f"Measured there: {', '.join(parts)}." if parts else ""


def estimate_in_words(estimate: Estimate) -> str:
    """Write a figure with its 95 % interval, or why it does not exist.

    Two decimals, or three where two would make one of the numbers a certainty that it is not.
    """
    if math.isnan(estimate.value):
        return f"undefined ({estimate.undefined})" if estimate.undefined else "undefined"
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return _rounded(estimate.value, digits=_digits(estimate.value))
    numbers = estimate.value, estimate.low, estimate.high
    value, low, high = (_rounded(number, digits=_digits(*numbers)) for number in numbers)
    return f"{value} (95 % interval {low}–{high})"


def _digits(*shares: float) -> int:
    return 3 if any(_becomes_certain(share, digits=2) for share in shares) else 2


def _becomes_certain(share: float, *, digits: int) -> bool:
    """Whether a number between 0 and 1 would be written as 0 or 1."""
    return 0 < share < 1 and round(share, digits) in (0, 1)


def _rounded(share: float, *, digits: int) -> str:
    if not _becomes_certain(share, digits=digits):
        return f"{share:.{digits}f}"
    return f"> {1 - 10**-digits:.{digits}f}" if share > 0.5 else f"< {10**-digits:.{digits}f}"


def estimate_in_numbers(estimate: Estimate) -> str:
    """Write a figure with three decimals and its interval, "0.992 (0.986–0.997)", or why it does not exist.

    Differences can be below zero: "−0.013 (−0.021 to 0.002)".
    """
    if math.isnan(estimate.value):
        return f"undefined: {estimate.undefined}"
    value, low, high = (f"{number:.3f}".replace("-", "−") for number in (estimate.value, estimate.low, estimate.high))
    if math.isnan(estimate.low):
        return value
    # A dash beside a minus sign would be read as another.
    return f"{value} ({low}{' to ' if '−' in low + high else '–'}{high})"


def estimate_in_percent(estimate: Estimate) -> str:
    """Write a share in per cent with its interval: "91 % (95 % interval 86–95 %)"."""
    if math.isnan(estimate.value):
        return f"undefined ({estimate.undefined})"
    if math.isnan(estimate.low):
        return f"{_percentage(estimate.value)} %"
    return f"{_percentage(estimate.value)} % (95 % interval {_percentage(estimate.low)}–{_percentage(estimate.high)} %)"


def _percentage(share: float) -> str:
    """Write a share as a whole number of per cent; what is nearly all or nearly nothing keeps a decimal."""
    value = 100 * share
    is_extreme = (99 < value < 100) or (0 < value < 1)
    return f"{value:.1f}" if is_extreme and f"{value:.1f}" not in ("100.0", "0.0") else f"{value:.0f}"


def score_in_words(value: float) -> str:
    """Write a score with two decimals; one near 0 or 1 is "< 0.01" or "> 0.99": no score is a certainty."""
    if math.isnan(value):
        return "undefined"
    return "> 0.99" if value >= 0.995 else "< 0.01" if value < 0.005 else f"{value:.2f}"


def threshold_in_words(value: float) -> str:
    """Write a threshold with two decimals, or with as many more as keep it from being 0 or 1."""
    digits = next((digits for digits in range(2, 6) if not _becomes_certain(value, digits=digits)), 6)
    return f"{value:.{digits}f}"


def _told_apart(value: float, threshold: float) -> tuple[str, str]:
    """Write a score and its threshold so that it shows on which side the score lies, with up to six decimals."""
    plain = score_in_words(value), threshold_in_words(threshold)
    if plain[0] != plain[1] and not _becomes_certain(threshold, digits=2):
        return plain
    digits = next((digits for digits in range(3, 6) if f"{value:.{digits}f}" != f"{threshold:.{digits}f}"), 6)
    return _rounded(min(max(value, 1e-9), 1 - 1e-9), digits=digits), f"{threshold:.{digits}f}"


def device_in_words(device: str) -> str:
    """Name a device as its user would."""
    words = {"cpu": "processor (CPU)", "cuda": "graphics card (CUDA)", "mps": "graphics processor (Apple)"}
    return words.get(device.partition(":")[0], device)


# ── Evidence ──────────────────────────────────────────────────────────────────────────────────────────────────────


def why_no_heatmap(prediction: Prediction, score: Score, explanation: Explanation | None) -> str:
    """Say why no heatmap is drawn for a label; empty where one is.

    Parameters
    ----------
    prediction : Prediction
    score : Score
        One of the prediction's.
    explanation : Explanation or None
        For the score's label; None where it was not asked for or cannot be made.
    """
    name = label_title(score.label)
    if explanation is None:
        return f"{name}: no heatmap was made."
    if not score.label.is_finding:
        return f"{name} is not a finding, so there is nothing to point at."
    if call_of(prediction, score) is False:
        return f"{call_in_words(score)}. No heatmap is drawn for a negative call."
    if not explanation.has_positive_evidence:
        return f"{name}: no positive evidence anywhere in the image."
    return ""


def heatmap_in_words(
    explanation: Explanation,
    label: Label,
    limits: tuple[float, float],
    *,
    threshold: float = 0.0,
    contour_level: float | None = None,
) -> str:
    """Say what a heatmap shows, on which scale, and what of it is coloured and surrounded by a line."""
    low, high = (number_in_words(value) for value in limits)
    colours = f"colours from {low} to {high} ({explanation.unit})"
    above = f"shown above {number_in_words(threshold)}" if threshold > limits[0] else ""
    line = "" if contour_level is None else f"line at {number_in_words(contour_level)}"
    return ", ".join(filter(None, (f"{explanation.method} for {label_words(label)}", colours, above, line)))


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
