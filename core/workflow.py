"""The use cases that every door calls: what a reader does, from a study to an answer with its evidence.

Pages, command line and HTTP routes hold no logic of their own; what they share is here. PyTorch is imported only
when a model is asked, so that the first page comes at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.audit import User, record_reading
from core.domain import Explanation, Image, ModelSpec, Notice, Prediction, Rejected, Series, Study
from core.errors import CoreError, StudyError, UnsuitableInputError
from core.io import load_path
from core.models.proposal import Proposal, propose_by_header, propose_by_picture
from core.models.registry import DamagedModel, find_model, list_models
from core.models.suitability import call_of, check_intended_use
from core.reports.wording import headline, label_words, score_in_words, told_call

if TYPE_CHECKING:
    from core.models.predict import Engine


PROJECTIONS = frozenset({"CR", "DX", "DR", "RG", "MG", "PX", "IO"})
"""Modalities whose series hold views rather than slices: each image stands for itself."""


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
class KnownModels:
    """What can be asked: all models, and the folders that cannot be used."""

    models: tuple[ModelSpec, ...]
    damaged: tuple[DamagedModel, ...]


def known_models() -> KnownModels:
    """List the models that can be asked."""
    entries = list_models()
    models = tuple(entry for entry in entries if isinstance(entry, ModelSpec))
    return KnownModels(models, tuple(entry for entry in entries if isinstance(entry, DamagedModel)))


def propose(series: Series) -> Proposal | None:
    """Propose a model for a series by its header; None where a picture has to be looked at: `propose_for_image`."""
    return propose_by_header(known_models().models, series.acquisition)


def propose_for_image(series: Series, image: Image) -> Proposal:
    """Propose a model for a series by its header or, where that leaves it open, by one of its images.

    The models in question are then loaded, which takes some seconds the first time.
    """
    models = known_models().models
    by_header = propose_by_header(models, series.acquisition)
    return by_header or propose_by_picture(models, series.acquisition, partial(_distance, image))


def _distance(image: Image, spec: ModelSpec) -> float:
    """Return how far an image is from a model's training images; infinite where the model cannot be given it."""
    try:
        distance = _engine(spec.id).run(image).distance
    except CoreError:
        # Whoever asks this model nevertheless will be told why it cannot answer.
        return math.inf
    return math.inf if distance is None else distance


def opening_index(series: Series) -> int:
    """Return the image of a series to begin with: of projections the first, of a stack or a clip the middle one.

    What lies in space is a stack, also where the modality is that of a radiograph: tomosynthesis.
    """
    is_stack = any(frame.position is not None for frame in series.frames)
    return 0 if series.acquisition.modality in PROJECTIONS and not is_stack else len(series.frames) // 2


def read_frame(
    series: Series, index: int, *, model_id: str, image: Image | None = None, reader: str = User.LOCAL
) -> Reading:
    """Ask a model about one frame: prediction, warnings and where the evidence was.

    The answer is in the audit record before it is returned.

    Parameters
    ----------
    series : Series
    index : int
        The frame, from 0.
    model_id : str
    image : Image, optional
        The frame's image where it is decoded already.
    reader : str
        Who asks: a `User`, or how the user is known to whoever let them in.

    Raises
    ------
    StudyError
        The frame cannot be decoded.
    UnsuitableInputError
        The image has nothing that a model could work on (no contrast, not a number).
    ModelError
        The model is missing or damaged.
    AuditError
        The audit record cannot be written, and answers are not to be given without it.
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
    unrecorded = record_reading(prediction, reader=reader)
    prediction = replace(prediction, warnings=(*prediction.warnings, *unrecorded))
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


LEFT_OUT_BY_DESIGN = frozenset({"not-an-image", "dicomdir", "duplicate-file"})
"""Codes of files of a folder or zip that are sound and hold no picture of their own: reports, plans, copies."""


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
            "answer": headline(prediction),
            "labels_exclude_each_other": prediction.is_exclusive,
            "labels": {score.label.name: _number_or_none(score.value) for score in prediction.scores},
            "calls": {score.label.name: call_of(prediction, score) for score in prediction.scores},
            "warnings": [{"code": notice.code, "message": notice.message} for notice in warnings],
            "seconds": round(prediction.seconds, 4),
        }

    def as_text(self) -> str:
        """Return the lines that the command line prints for people: the answer, all scores, reasons for caution."""
        if self.reading is None:
            assert self.error is not None
            return f"{self.file}: {self.error}"
        prediction = self.reading.prediction
        scores = ", ".join(
            f"{label_words(score.label)} {score_in_words(score.value)} ({told_call(prediction, score)})"
            for score in prediction.scores
        )
        said_by = f"{prediction.model_id} {prediction.model_version}, not for diagnostic use"
        warnings = (f"    ! {notice.message}" for notice in (*prediction.warnings, *self.notices))
        return "\n".join([f"{self.file}: {headline(prediction)} [{said_by}]", f"    {scores}", *warnings])


def predict_path(path: Path, *, model_id: str | None = None, frame_number: int | None = None) -> Iterator[Answer]:
    """Answer for a file, or for each series of a folder or zip; a failure becomes an answer that says so.

    Of a folder or zip the files that could not be read follow, each with its error; those that are sound and hold no
    picture (reports, plans, a second copy) are left out with a notice.

    Parameters
    ----------
    path : Path
    model_id : str, optional
        Default: the one that is proposed for each series; see `core.models.proposal`.
    frame_number : int, optional
        Slice or frame to read, from 1. Default: `opening_index`.
    """
    try:
        study = load_path(path)
        if not study.series and all(map(_is_left_out, study.rejected)):
            raise _nothing_to_read(study)
    except CoreError as error:
        yield Answer(str(path), error=error)
        return
    left_out = _left_out_notice(study)
    for series in study.series:
        file = _place(path, series.source)
        yield _answer(file, series, model_id=model_id, frame_number=frame_number, notices=left_out)
    for rejected in study.rejected:
        if not _is_left_out(rejected):
            why = StudyError(rejected.message, hint=rejected.hint, code=rejected.code)
            yield Answer(_place(path, rejected.name), error=why)


def _place(path: Path, name: str) -> str:
    """Return where a file lies: itself, or its place in the folder or zip that was given."""
    return str(path / name) if path.is_dir() or name not in ("", path.name) else str(path)


def _is_left_out(rejected: Rejected) -> bool:
    return rejected.code in LEFT_OUT_BY_DESIGN


def _answer(
    file: str, series: Series, *, model_id: str | None, frame_number: int | None, notices: tuple[Notice, ...]
) -> Answer:
    try:
        index = _frame_index(series, frame_number)
        image = series.frames[index].load()
        if model_id is None:
            proposal = _chosen(series, image)
            assert proposal.model is not None
            model_id, notices = proposal.model.id, (*_basis_notice(proposal), *notices)
        reading = read_frame(series, index, model_id=model_id, image=image, reader=User.COMMAND_LINE)
    except CoreError as error:
        return Answer(file, error=error)
    if len(series.frames) > 1 and frame_number is None:
        only = f"Of {len(series.frames)} images, only number {index + 1} was read; --frame chooses another."
        notices = (*notices, Notice("one-image-of-series", only))
    return Answer(file, reading=reading, notices=(*series.notices, *reading.image.notices, *notices))


def _basis_notice(proposal: Proposal) -> tuple[Notice, ...]:
    return (Notice("model-chosen-by-picture", proposal.reason),) if proposal.is_by_picture else ()


def _chosen(series: Series, image: Image) -> Proposal:
    """Return the model for a series where none was named.

    Raises
    ------
    UnsuitableInputError
        The choice is left to the reader.
    """
    proposal = propose_for_image(series, image)
    if proposal.model is None:
        raise UnsuitableInputError(
            proposal.reason,
            hint="Name one with --model to ask it nevertheless; `python -m core models` lists them.",
            code="no-model-fits",
        )
    return proposal


def _frame_index(series: Series, frame_number: int | None) -> int:
    if frame_number is None:
        return opening_index(series)
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
    left_out = list(filter(_is_left_out, study.rejected))
    if not left_out:
        return ()
    reasons = " ".join(sorted({rejected.message for rejected in left_out}))
    count = len(left_out)
    files = "1 file was" if count == 1 else f"{count} files were"
    return (Notice("files-left-out", f"{files} left out. {reasons}"),)


def _number_or_none(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
