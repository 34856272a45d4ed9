"""What both reading rooms share: which evidence is looked at, and what can be taken along of it."""

from __future__ import annotations

import numpy as np

from core.domain import ModelSpec, Prediction, Score, Voi
from core.models.suitability import is_call_withheld
from core.reports.wording import label_title, statements
from core.ui import controls
from core.ui.export import take_along
from core.ui.heat import Heat, choose_heat, methods_for
from core.ui.session import OpenStudy
from core.ui.side import told_apart
from core.workflow import Reading

PICTURES, PANEL = 77, 23
"""Parts of the width."""


def choose_subject(opened: OpenStudy, reading: Reading) -> Heat:
    """Show which label the heatmap explains, and by which method; return it, or why there is none."""
    if opened.view.label not in titles_of(reading.model):
        opened.view.label = _loudest(reading.prediction).label.name
    opened.view.methods = methods_for(reading)
    subject_controls(opened, reading.model)
    heat = choose_heat(opened, reading, opened.view)
    if heat.can_insist:
        controls.evidence_control(opened.view)
    return heat


def subject_controls(opened: OpenStudy, spec: ModelSpec) -> None:
    """Show the choice of label and method as it was, where a model has answered before."""
    if opened.view.methods:
        controls.label_controls(opened.view, titles_of(spec), opened.view.methods)


def titles_of(spec: ModelSpec) -> dict[str, str]:
    """Return what each label of a model is called on the page, by its name."""
    return dict(
        zip((each.name for each in spec.labels), told_apart([label_title(each) for each in spec.labels]), strict=True)
    )


def offer_along(opened: OpenStudy, reading: Reading, voi: Voi, heat: Heat) -> bool:
    """Show, below an answer, the switch for withheld scores and what can be taken along; False where nothing can."""
    is_withheld = is_call_withheld(reading.prediction)
    if is_withheld:
        controls.score_control(opened.view)
    if is_withheld and not opened.view.score_anyway:
        return False
    take_along(opened, reading, voi=voi, explanation=heat.explanation)
    return True


def _loudest(prediction: Prediction) -> Score:
    """Return the score that the heatmap explains at first: the one the answer begins with, else the highest."""
    highest = max(prediction.scores, key=lambda score: np.nan_to_num(score.value, nan=-1.0))
    return statements(prediction)[0].score or highest
