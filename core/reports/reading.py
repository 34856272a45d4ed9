"""What a report of one reading is made from, and what may be shown of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.deid import without_identity
from core.domain import Explanation, Fact, Image, ModelSpec, Notice, Prediction, Score, Voi
from core.errors import ReportError
from core.models.suitability import is_call_withheld
from core.overlay import ColourMap, Limits, limits_for
from core.reports.wording import statements, why_no_heatmap
from core.windowing import default_voi


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReportInput:
    """One image, the answer of one model to it, and how the reader had it on the screen.

    Attributes
    ----------
    image : Image
    facts : tuple of Fact
        All that the header says; reports leave identifying ones out unless `include_identity`.
    series_title : str
        Free text of the scanner's operator, so it counts as identifying.
    frame_number, frame_count : int
        From 1.
    voi : Voi or None
        The window on the screen; `default_voi` when None.
    invert : bool
    model : ModelSpec
    prediction : Prediction
    explanation : Explanation or None
        The heatmap on the screen. It is drawn only for a finding that is not called negative.
    limits : (low, high), optional
        Values of the heatmap's first and last colour; from 0 to its own maximum when left out.
    opacity : float
    threshold : float
        Only values of the heatmap above it are coloured.
    contour_level : float, optional
        The value around which a line is drawn.
    colours : {"inferno", "magma", "viridis"}
    is_synthetic : bool
        Made by code, not taken of a patient.
    include_identity : bool
        The reader has asked for the patient's name and all else that identifies.
    created : datetime
        With a time zone.

    Raises
    ------
    ReportError
        Image, model, prediction and explanation do not belong together.
    """

    image: Image
    model: ModelSpec
    prediction: Prediction
    created: datetime
    explanation: Explanation | None = None
    facts: tuple[Fact, ...] = ()
    series_title: str = ""
    frame_number: int = 1
    frame_count: int = 1
    voi: Voi | None = None
    invert: bool = False
    limits: Limits | None = None
    opacity: float = 0.6
    threshold: float = 0.0
    contour_level: float | None = None
    colours: ColourMap = "inferno"
    is_synthetic: bool = False
    include_identity: bool = False

    def __post_init__(self) -> None:
        answer = (self.prediction.image_uid, self.prediction.model_id, self.prediction.model_sha256)
        if answer != (self.image.uid, self.model.id, self.model.sha256):
            raise _mixed_up("The answer is not of this model to this image.")
        names = {score.label.name for score in self.prediction.scores}
        if self.explanation is not None and self.explanation.label_name not in names:
            raise _mixed_up("The heatmap is for a label that the answer does not have.")
        if self.created.tzinfo is None:
            raise ReportError("The time of the report has no time zone.", code="report-without-time-zone")


def _mixed_up(message: str) -> ReportError:
    return ReportError(message, hint="Ask the model again and then write the report.", code="mixed-up-report")


def image_sha256(image: Image) -> str:
    """Return the SHA-256 of the image's file: its key without the number of the frame."""
    return image.uid.partition(":")[0]


def shown_voi(report: ReportInput) -> Voi | None:
    """Return the window that the pictures are shown with; None for true colour, to which none applies."""
    if report.image.is_colour:
        return None
    return report.voi or default_voi(report.image)


def shown_facts(report: ReportInput) -> tuple[Fact, ...]:
    """Return the facts that the report may hold."""
    return report.facts if report.include_identity else without_identity(report.facts)


def warnings_of(report: ReportInput) -> tuple[Notice, ...]:
    """Return the reasons not to trust the answer, then what was assumed to read the image; each once."""
    return tuple(dict.fromkeys((*report.prediction.warnings, *report.image.notices)))


def explained_score(report: ReportInput) -> Score | None:
    """Return the score that the heatmap belongs to; without one, the score that the answer begins with."""
    if report.explanation is not None:
        return report.prediction.score(report.explanation.label_name)
    return statements(report.prediction)[0].score


def drawn_heatmap(report: ReportInput) -> Explanation | None:
    """Return the heatmap where it may be drawn: not for a negative call, a normal class, or a map without evidence."""
    score = explained_score(report)
    if score is None or why_no_heatmap(report.prediction, score, report.explanation):
        return None
    return report.explanation


def heatmap_note(report: ReportInput) -> str:
    """Say why there is no heatmap; empty where there is one."""
    score = explained_score(report)
    if score is None:
        reason = "the model makes no call here" if is_call_withheld(report.prediction) else "nothing is called positive"
        return f"No heatmap: {reason}."
    return why_no_heatmap(report.prediction, score, report.explanation)


def heatmap_limits(report: ReportInput) -> Limits:
    """Return the values of the heatmap's first and last colour."""
    return report.limits or limits_for([] if report.explanation is None else [report.explanation])
