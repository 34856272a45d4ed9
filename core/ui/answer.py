"""The answer in words and numbers, as HTML: the call, the operating point behind it, all scores, reasons for doubt.

In this order because reader studies favour it: the call first, its meaning next, the numbers after. A call is told in
words and by a sign, never by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from core.domain import Acquisition, ModelSpec, Notice, Prediction, Score, Series
from core.errors import CoreError
from core.models.proposal import Proposal, why_not
from core.models.suitability import call_of, is_call_withheld
from core.reports.wording import (
    WITHHELD,
    Statement,
    device_in_words,
    label_title,
    score_in_words,
    sentence_case,
    statements,
    threshold_in_words,
    told_call,
)
from core.workflow import Reading

_SIGNS = {"lb-warnings": "⚠", "lb-notes": ""}
_LOOKS = {True: ("positive", "●"), False: ("negative", "○"), None: ("open", "–")}
"""Class of the style sheet and sign of a call; the words beside them say the same."""


def reading_html(reading: Reading, series: Series, *, with_scores: bool = True) -> str:
    """Return the whole answer.

    Parameters
    ----------
    reading : Reading
    series : Series
        Its notices, and those of the image, follow the answer.
    with_scores : bool
        Whether the scores are shown; of an image outside the intended use they are only shown on demand.
    """
    prediction = reading.prediction
    withheld = is_call_withheld(prediction)
    doubts = notices_html(prediction.warnings, title="Why not to trust it" if withheld else "Keep in mind")
    scores = scores_html(prediction) if with_scores else ""
    parts = [headline_html(prediction), *((doubts, scores) if withheld else (scores, doubts))]
    parts.append(notices_html((*series.notices, *reading.image.notices), title="About the image", kind="lb-notes"))
    parts.append(provenance_html(prediction, reading.model))
    return f'<section class="lb-answer" aria-label="Answer" aria-live="polite">{"".join(parts)}</section>'


def decoding_html() -> str:
    """Say that the image is on its way."""
    return (
        '<section class="lb-answer" aria-label="Answer" aria-live="polite">'
        '<h2 class="lb-call lb-open">Decoding …</h2></section>'
    )


def waiting_html(spec: ModelSpec, *, before: int = 0) -> str:
    """Say what is waited for, and how many readers' images come before."""
    if before:
        what = "1 reader before you" if before == 1 else f"{before} readers before you"
        why = f"One image is read at a time. {escape(spec.title)} looks at this one when the others have their answers."
    else:
        what = "Reading …"
        why = (
            f"{escape(spec.title)} looks at this image. The first time after the start its weights are loaded, which "
            "takes some seconds."
        )
    return (
        f'<section class="lb-answer" aria-label="Answer" aria-live="polite"><h2 class="lb-call lb-open">{what}</h2>'
        f'<p class="lb-point">{why}</p></section>'
    )


def error_html(error: CoreError) -> str:
    """Say why there is no answer, and what to do."""
    return (
        '<section class="lb-answer" aria-label="Answer" aria-live="polite"><h2 class="lb-call lb-open">No answer</h2>'
        f'<div class="lb-notices lb-warnings" role="alert"><p>{escape(error.message)}</p>'
        f"<p>{escape(error.hint)}</p></div>"
        "</section>"
    )


def choosing_html() -> str:
    """Say that it is being found out which model to ask."""
    return (
        '<section class="lb-answer" aria-label="Answer" aria-live="polite">'
        '<h2 class="lb-call lb-open">Choosing a model …</h2>'
        '<p class="lb-point">The file does not say what it shows, so the picture is compared with what each model was '
        "trained on. The first time after the start the models are loaded, which takes some seconds.</p></section>"
    )


def nobody_asked_html(series: Series, proposal: Proposal, models: Sequence[ModelSpec]) -> str:
    """Say that no model was asked, why none was proposed, and how to ask one."""
    if proposal.model is None:
        why, reasons = proposal.reason, _reasons_html(models, series.acquisition)
    else:
        why, reasons = f"{proposal.model.title} is proposed.", ""
    return (
        '<section class="lb-answer" aria-label="Answer" aria-live="polite"><h2 class="lb-call lb-open">No model asked'
        f'</h2><p class="lb-point">{escape(why)}{_INVITATION if models else ""}</p>{reasons}'
        f"{notices_html(series.notices, title='About the image', kind='lb-notes')}</section>"
    )


_INVITATION = " To ask one nevertheless, choose it under Model at the left."


def _reasons_html(models: Sequence[ModelSpec], acquisition: Acquisition) -> str:
    reasons = [(spec.title, sentence_case(why_not(spec, acquisition))) for spec in models]
    rows = "".join(f"<dt>{escape(title)}</dt><dd>{escape(reason)}</dd>" for title, reason in reasons if reason)
    return f'<h3 class="lb-heading">Why not</h3><dl class="lb-reasons">{rows}</dl>' if rows else ""


def headline_html(prediction: Prediction) -> str:
    """Say what the model calls, and at which operating point."""
    if is_call_withheld(prediction):
        return f'<h2 class="lb-call lb-withheld">{WITHHELD}</h2><p class="lb-point">The model makes no call here.</p>'
    return "".join(_statement_html(statement) for statement in statements(prediction))


def scores_html(prediction: Prediction) -> str:
    """Show every label's score as a bar with the threshold marked on it."""
    rows = "".join(_row_html(prediction, score) for score in prediction.scores)
    return f'<div class="lb-scores" role="list" aria-label="Scores of all labels">{rows}</div>{_meaning(prediction)}'


def notices_html(notices: Iterable[Notice], *, title: str, kind: str = "lb-warnings") -> str:
    """Show reasons for doubt, in amber, or notes (`kind` "lb-notes"); empty where there are none."""
    items = "".join(f"<li>{escape(notice.message)}</li>" for notice in notices)
    if not items:
        return ""
    return (
        f'<section class="lb-notices {kind}" role="note" aria-label="{escape(title)}">'
        f'<h3><span aria-hidden="true">{_SIGNS[kind]}</span> {escape(title)}</h3><ul>{items}</ul></section>'
    )


def provenance_html(prediction: Prediction, spec: ModelSpec) -> str:
    """Say which model answered, on what, and in what time."""
    return (
        f'<p class="lb-provenance">{escape(spec.title)}<br>'
        f"{escape(spec.id)}, version {escape(prediction.model_version)}, weights {prediction.model_sha256[:8]}<br>"
        f"{escape(sentence_case(device_in_words(prediction.device)))}, {prediction.seconds:.2f} s</p>"
    )


def _statement_html(statement: Statement) -> str:
    kind, sign = _LOOKS[statement.call]
    return (
        f'<h2 class="lb-call lb-{kind}"><span aria-hidden="true">{sign}</span> {escape(statement.words)}</h2>'
        f'<p class="lb-point">{escape(statement.behind)}</p>'
    )


def _row_html(prediction: Prediction, score: Score) -> str:
    point = score.label.operating_point
    width = 0.0 if math.isnan(score.value) else 100 * min(max(score.value, 0.0), 1.0)
    value = score_in_words(score.value)
    tick, spoken = "", f"{label_title(score.label)}: score {value}"
    if point is not None:
        tick = f'<i class="lb-tick" style="left:{100 * point.threshold:.2f}%"></i>'
        spoken += f", threshold {threshold_in_words(point.threshold)}"
    spoken += f", {told_call(prediction, score)}"
    strong = " lb-strong" if call_of(prediction, score) else ""
    return (
        f'<div class="lb-score{strong}" role="listitem" aria-label="{escape(spoken)}">'
        f'<span class="lb-name">{escape(label_title(score.label))}</span><span class="lb-value">{escape(value)}</span>'
        f'<span class="lb-bar" aria-hidden="true"><b style="width:{width:.2f}%"></b>{tick}</span></div>'
    )


def _meaning(prediction: Prediction) -> str:
    calibrated = all(score.calibrated for score in prediction.scores)
    if calibrated and prediction.warnings:
        text = (
            "Scores are probabilities for images of the intended use alone; see below what is not known of this one. "
            "The tick marks the operating point."
        )
    elif calibrated:
        text = "Scores are calibrated probabilities. The tick marks the operating point."
    else:
        text = "Scores are not calibrated: do not read them as probabilities. The tick marks the operating point."
    return f'<p class="lb-meaning">{text}</p>'
