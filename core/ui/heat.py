"""Which heatmap is shown, or in which words none is. A negative call draws none by itself; an empty one says so."""

from __future__ import annotations

from dataclasses import dataclass

from core import workflow
from core.domain import Explanation, Score
from core.errors import CoreError
from core.models.suitability import call_of, is_call_withheld
from core.reports.wording import label_title, label_words
from core.ui.picture import half_of_strongest
from core.ui.session import OpenStudy, View
from core.workflow import Reading


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """A heatmap to show, or the words that stand in its place.

    `can_insist` is True where it is left out by default and the reader may ask for it nevertheless.
    """

    explanation: Explanation | None
    words: str = ""
    can_insist: bool = False


def methods_for(reading: Reading) -> tuple[str, ...]:
    """List the methods that can explain this reading, the one that costs nothing first."""
    from core.explain import METHODS

    return METHODS if reading.explanations else tuple(method for method in METHODS if method != "CAM")


def choose_heat(opened: OpenStudy, reading: Reading, view: View) -> Heat:
    """Return what to show for the label and method that are chosen."""
    score = reading.prediction.score(view.label)
    if is_call_withheld(reading.prediction) and not view.score_anyway:
        return Heat(None, "No heatmap: the image is outside what the model is for.")
    reason = _reason_for_none(reading, score)
    if reason and not view.evidence_anyway:
        return Heat(None, reason, can_insist=True)
    try:
        explanation = _explain(opened, reading, view)
    except CoreError as error:
        return Heat(None, str(error), can_insist=bool(reason))
    if not explanation.has_positive_evidence:
        return Heat(
            None, f"No positive evidence for {label_words(score.label)} in this image.", can_insist=bool(reason)
        )
    return Heat(explanation, can_insist=bool(reason))


def contour_of(explanation: Explanation, view: View) -> float | None:
    """Return the value around which the contour is drawn; None where the reader wants none."""
    if not view.contour:
        return None
    return half_of_strongest(explanation) if view.contour_level is None else view.contour_level


def _reason_for_none(reading: Reading, score: Score) -> str:
    if not score.label.is_finding:
        return f"{label_title(score.label)} is no finding: no heatmap shown"
    return "Negative: no heatmap shown" if call_of(reading.prediction, score) is False else ""


def _explain(opened: OpenStudy, reading: Reading, view: View) -> Explanation:
    key = "/".join((reading.image.uid, reading.model.sha256, view.label, view.method))
    known = opened.explanations.get(key)
    if known is not None:
        return known
    made = workflow.explain_reading(reading, label=view.label, method=view.method)
    return opened.explanations.put(key, made)
