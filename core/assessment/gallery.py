"""The cases themselves: from a row of the outcome back to its picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from core.assessment.jobs import Job
from core.assessment.labelled_set import Files
from core.assessment.outcome import Assessment, Case
from core.assessment.worker import open_requested
from core.domain import Explanation, Image, Series, Study
from core.errors import StudyError
from core.io import Source, load_study
from core.overlay import Picture, crop_and_scale, heatmap_on_grid, limits_for, overlay, whole_image
from core.windowing import default_voi, render

THUMB_PX = 240


@contextmanager
def opened_files(job: Job) -> Iterator[Files]:
    """Open the files of a job's set, and close them."""
    labelled = open_requested(job)
    try:
        yield labelled.files
    finally:
        labelled.files.close()


def case_study(files: Files, case: Case) -> Study:
    """Load the file of a case, as the reader's page takes it.

    Raises
    ------
    StudyError
        The file is not there any more, or is another one than that which was evaluated.
    """
    source = Source(case.file.rpartition("/")[2], files.read(case.file))
    if source.digest != case.sha256:
        raise StudyError("The file was changed since it was evaluated.", hint="Evaluate it again.", code="file-changed")
    return load_study([source])


def find_frame(study: Study, case: Case) -> tuple[Series, int]:
    """Return the series of a case in its study, and the number of the frame in it."""
    frames = [(series, index) for series in study.series for index in range(len(series.frames))]
    return frames[case.frame]


def case_image(files: Files, case: Case) -> Image:
    """Decode a case; StudyError as `case_study`."""
    series, index = find_frame(case_study(files, case), case)
    return series.frames[index].load()


def picture_of(image: Image, *, side_px: int = THUMB_PX) -> Picture:
    """Return an image through its own window, its longer side `side_px`."""
    shown = render(image, None if image.is_colour else default_voi(image))
    return crop_and_scale(shown, max_side=side_px, enlarge=True, spacing=image.spacing)


def heated_picture_of(assessment: Assessment, image: Image, *, label: str, side_px: int = THUMB_PX) -> Picture | None:
    """Return an image as `picture_of` with the evidence for a label over it; None where nothing speaks for it.

    Raises
    ------
    UnsuitableInputError, ModelError
        As `core.explain.explain`.
    """
    explanation = heatmap_of(assessment, image, label=label)
    if not explanation.has_positive_evidence:
        return None
    shown = picture_of(image, side_px=side_px)
    heat = heatmap_on_grid(explanation, shown.shape[:2], region=whole_image(image.shape))
    # A raw score that is higher by one has odds higher by a factor of 2.7: less than that shall look weak.
    limits = limits_for((explanation,), at_least=1.0 if explanation.method == "CAM" else 0.0)
    return overlay(shown, heat, opacity=0.6, limits=limits)


def heatmap_of(assessment: Assessment, image: Image, *, label: str) -> Explanation:
    """Return where the evidence for a label is; the same as on the reader's page.

    Raises
    ------
    UnsuitableInputError, ModelError
        As `core.explain.explain`.
    """
    from core.explain import explain, methods_for
    from core.models.predict import engine_for

    engine = engine_for(assessment.model)
    return explain(engine, image, label=label, method=methods_for(engine)[0])


def cases_in_cell(assessment: Assessment, *, label: str, shown: bool, called: bool) -> list[int]:
    """Return the cases in a cell of a label's matrix by number, those with the surest scores first."""
    index = [own.name for own in assessment.labels].index(label)
    cases, threshold = assessment.result.cases, assessment.result.labels[index].threshold
    scores = cases.scores[:, index]
    chosen = np.flatnonzero((cases.truth[:, index] == float(shown)) & ((scores >= threshold) == called))
    order = np.argsort(-scores[chosen] if called else scores[chosen], kind="stable")
    return [int(number) for number in chosen[order]]


def cases_called(assessment: Assessment, *, shown: str, called: str) -> list[int]:
    """Return the cases in a cell of the matrix of labels that exclude each other, the surest first."""
    names = [label.name for label in assessment.labels]
    cases = assessment.result.cases
    row, column = names.index(shown), names.index(called)
    chosen = np.flatnonzero((cases.truth.argmax(axis=1) == row) & (cases.scores.argmax(axis=1) == column))
    return [int(number) for number in chosen[np.argsort(-cases.scores[chosen, column], kind="stable")]]


def cases_scored(assessment: Assessment, *, label: str, low: float, high: float) -> list[int]:
    """Return the cases whose score of a label is from `low` to below `high` (to 1 where that is 1), rising."""
    index = [own.name for own in assessment.labels].index(label)
    scores = assessment.result.cases.scores[:, index]
    chosen = np.flatnonzero((scores >= low) & ((scores < high) | (high >= 1)))
    return [int(number) for number in chosen[np.argsort(scores[chosen], kind="stable")]]
