"""The use cases that every door calls: what a reader does, from a study to an answer with its evidence.

Pages, command line and HTTP routes hold no logic of their own; what they share is here. PyTorch is imported only
when a model is asked, so that the first page comes at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.domain import (
    Estimate,
    Explanation,
    Image,
    Label,
    ModelSpec,
    Notice,
    Prediction,
    Score,
    Series,
    Study,
)
from core.errors import CoreError, StudyError, UnsuitableInputError
from core.io import load_path
from core.models.registry import DamagedModel, find_model, list_models
from core.models.suitability import check_intended_use, is_outside_intended_use, propose_model

if TYPE_CHECKING:
    from core.models.predict import Engine


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One frame, read by one model.

    `explanations` hold the class activation map of every label, in the order of `prediction.scores`, where the
    network allows it in closed form; they are empty otherwise, and `explain_reading` makes them one by one.
    """

    series: Series
    frame_index: int
    image: Image
    model: ModelSpec
    prediction: Prediction
    explanations: tuple[Explanation, ...]


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """What can be asked about a series: all models, and the one whose intended use fits (None: none does)."""

    models: tuple[ModelSpec, ...]
    damaged: tuple[DamagedModel, ...]
    proposed: ModelSpec | None


def models_for(series: Series | None = None) -> ModelChoice:
    """List the models and propose one for the series."""
    entries = list_models()
    models = tuple(entry for entry in entries if isinstance(entry, ModelSpec))
    damaged = tuple(entry for entry in entries if isinstance(entry, DamagedModel))
    return ModelChoice(models, damaged, propose_model(models, series) if series is not None else None)


def read_frame(series: Series, index: int, *, model_id: str, image: Image | None = None) -> Reading:
    """Ask a model about one frame: prediction, warnings and where the evidence was.

    Parameters
    ----------
    series : Series
    index : int
        The frame, from 0.
    model_id : str
    image : Image, optional
        The frame's image where it is decoded already.

    Raises
    ------
    StudyError
        The frame cannot be decoded.
    UnsuitableInputError
        The image has nothing that a model could work on (no contrast, not a number).
    ModelError
        The model is missing or damaged.
    """
    from core.explain import explain_all
    from core.models.predict import prediction_from

    engine = _engine(model_id)
    image = image if image is not None else series.frames[index].load()
    warnings = reading_warnings(engine.spec, series, image)
    with engine.exclusive():
        forward = engine.run(image)
        explanations = explain_all(engine, forward)
    prediction = prediction_from(engine, forward, image_uid=image.uid, warnings=warnings)
    return Reading(series, index, image, engine.spec, prediction, explanations)


def reading_warnings(spec: ModelSpec, series: Series, image: Image) -> tuple[Notice, ...]:
    """List the reasons not to trust this model on this image, the most serious first."""
    return check_intended_use(spec, series.acquisition, image)


def explain_reading(reading: Reading, *, label: str, method: str) -> Explanation:
    """Explain one label by the method of the reader's choice; see `core.explain.METHODS`."""
    from core.explain import explain

    ready = next((each for each in reading.explanations if (each.label_name, each.method) == (label, method)), None)
    return ready or explain(_engine(reading.model.id), reading.image, label=label, method=method)


def warm_up(model_id: str) -> None:
    """Load a model and run it once, so that the first answer comes as fast as the second."""
    _engine(model_id).warm_up()


def _engine(model_id: str) -> Engine:
    from core.models.predict import engine_for

    return engine_for(find_model(model_id))


# ── Asking about files on disk ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Answer:
    """What `predict_path` says of one file or one series of a folder: a reading, or the reason why there is none."""

    file: str
    reading: Reading | None = None
    error: CoreError | None = None
    notices: tuple[Notice, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the object that the command line prints; undefined scores are null."""
        if self.reading is None:
            assert self.error is not None
            return {"file": self.file, "error": {"code": self.error.code, "message": str(self.error)}}
        prediction = self.reading.prediction
        warnings = (*prediction.warnings, *self.notices)
        return {
            "file": self.file,
            "series": self.reading.series.title,
            "frame": self.reading.frame_index + 1,
            "frames": len(self.reading.series.frames),
            "model": prediction.model_id,
            "version": prediction.model_version,
            "labels": {score.label.name: _number_or_none(score.value) for score in prediction.scores},
            "calls": {score.label.name: call_of(prediction, score) for score in prediction.scores},
            "warnings": [{"code": notice.code, "message": notice.message} for notice in warnings],
            "seconds": round(prediction.seconds, 4),
        }


def predict_path(path: Path, *, model_id: str | None = None, frame_number: int | None = None) -> Iterator[Answer]:
    """Answer for a file, or for each series of a folder or zip; a failure becomes an answer that says so.

    Parameters
    ----------
    path : Path
    model_id : str, optional
        Default: the model whose intended use fits each series.
    frame_number : int, optional
        Slice or frame to read, from 1. Default: the middle one of a series.
    """
    try:
        study = load_path(path)
        if not study.series:
            raise _nothing_to_read(study)
    except CoreError as error:
        yield Answer(str(path), error=error)
        return
    several = path.is_dir() or len(study.series) > 1
    left_out = _left_out_notice(study)
    for series in study.series:
        file = str(path / series.source) if several and series.source else str(path)
        yield _answer(file, series, model_id=model_id, frame_number=frame_number, notices=left_out)


def _answer(
    file: str, series: Series, *, model_id: str | None, frame_number: int | None, notices: tuple[Notice, ...]
) -> Answer:
    try:
        index = _frame_index(series, frame_number)
        reading = read_frame(series, index, model_id=model_id or _proposed_id(series))
    except CoreError as error:
        return Answer(file, error=error)
    if len(series.frames) > 1 and frame_number is None:
        middle = f"Of {len(series.frames)} images, only number {index + 1} was read; --frame chooses another."
        notices = (*notices, Notice("one-image-of-series", middle))
    return Answer(file, reading=reading, notices=(*series.notices, *reading.image.notices, *notices))


def call_of(prediction: Prediction, score: Score) -> bool | None:
    """Return the call of a score, or None where the image is outside the model's intended use."""
    return None if is_call_withheld(prediction) else score.call


def is_call_withheld(prediction: Prediction) -> bool:
    """Whether the image is so far from what the model is for that its scores must not be turned into calls."""
    return any(is_outside_intended_use(warning) for warning in prediction.warnings)


def _proposed_id(series: Series) -> str:
    proposed = models_for(series).proposed
    if proposed is None:
        raise UnsuitableInputError(
            "No model here is meant for this kind of image.",
            hint="Name one with --model to ask it nevertheless; `python -m core models` lists them.",
            code="no-model-fits",
        )
    return proposed.id


def _frame_index(series: Series, frame_number: int | None) -> int:
    if frame_number is None:
        return len(series.frames) // 2
    if not 1 <= frame_number <= len(series.frames):
        raise StudyError(
            f"Image {frame_number} was asked for; this series has images 1 to {len(series.frames)}.",
            code="no-such-frame",
        )
    return frame_number - 1


def _nothing_to_read(study: Study) -> StudyError:
    if not study.rejected:
        return StudyError(
            "Nothing to read was found here.", hint="Give an image file or a folder of them.", code="empty"
        )
    first, *others = study.rejected
    more = f" ({len(others)} more could not be read either.)" if others else ""
    return StudyError(first.message + more, hint=first.hint, code=first.code)


def _left_out_notice(study: Study) -> tuple[Notice, ...]:
    if not study.rejected:
        return ()
    reasons = " ".join(sorted({rejected.message for rejected in study.rejected}))
    count = len(study.rejected)
    left_out = "1 file was" if count == 1 else f"{count} files were"
    return (Notice("files-left-out", f"{left_out} left out. {reasons}"),)


def _number_or_none(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


# ── Listing models ────────────────────────────────────────────────────────────────────────────────────────────────


def describe_models() -> list[dict[str, Any]]:
    """Describe every model folder in plain data; a damaged one says why."""
    return [_describe(entry) for entry in list_models()]


def _describe(entry: ModelSpec | DamagedModel) -> dict[str, Any]:
    if isinstance(entry, DamagedModel):
        return {"id": entry.id, "error": {"code": entry.error.code, "message": str(entry.error)}}
    return {
        "id": entry.id,
        "title": entry.title,
        "version": entry.version,
        "architecture": entry.architecture,
        "sha256": entry.sha256,
        "input": list(entry.input.size),
        "intended_use": entry.intended_use.summary,
        "not_for": entry.intended_use.not_for,
        "modalities": list(entry.intended_use.modalities),
        "labels": [_describe_label(label) for label in entry.labels],
        "calibration": entry.calibration.method,
        "metrics": {name: _describe_estimate(estimate) for name, estimate in entry.metrics.items()},
        "licence": entry.licence,
    }


def _describe_label(label: Label) -> dict[str, Any]:
    point = label.operating_point
    chosen = None if point is None else {"name": point.name, "threshold": point.threshold, "origin": point.origin}
    return {"name": label.name, "code": label.code, "operating_point": chosen}


def _describe_estimate(estimate: Estimate) -> dict[str, Any]:
    numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {name: _number_or_none(number) for name, number in numbers.items()}
