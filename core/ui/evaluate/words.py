"""The words of the page Evaluate. They come before the numbers, and say what the numbers mean."""

from __future__ import annotations

from collections.abc import Sequence

from core.assessment import uploads
from core.assessment.inspection import SetInspection
from core.assessment.jobs import Job, State
from core.assessment.outcome import Assessment
from core.assessment.store import Store
from core.domain import Label, Notice
from core.errors import CoreError
from core.evaluation import LabelResult
from core.models.registry import find_model
from core.reports.wording import estimate_in_percent, label_words

HOW_A_SET_LOOKS = """\
**By folder**: one folder of images for each label, for example `normal/` and `pneumonia/`. Folders `train`, `val` and
`test` around them become subgroups.

**By table**: a CSV file with a column `path` and a column `labels` (several are separated by `|`), or a column of 0 and
1 for each label. A column `patient` keeps images of one patient together; all others become subgroups.

DICOM, NIfTI, PNG, JPEG, TIFF and BMP are read. In the next step you say what the labels mean to the model.
"""
NO_MODEL = "There is no model to evaluate. A model is a folder below `weights/`; the page Models says how to get one."
SAID_BESIDE = frozenset({"label-guessed", "label-unknown"})
"""Notices that stand beside the label that they are about."""
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


# ── Jobs ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def model_title(job: Job) -> str:
    """Return the title of a job's model, its id where it is not there any more."""
    try:
        return find_model(job.request.model_id).title
    except CoreError:
        return job.request.model_id


def job_in_words(store: Store, job: Job, *, now: float) -> str:
    """Say what a job is and when it was asked for."""
    files = f"{job.total:,} files" if job.total else "files not counted yet"
    state = {
        State.QUEUED: "waiting",
        State.RUNNING: f"running, {job.done:,} of {job.total:,}",
        State.DONE: files,
        State.CANCELLED: f"cancelled at {job.done:,} of {job.total:,} files",
        State.FAILED: "failed",
    }[job.state]
    name = "uploaded set" if uploads.is_upload(store, job) else job.request.path.name
    return f"{name} · {state} · {ago_in_words(now - job.created)}"


def ago_in_words(seconds: float) -> str:
    """Say how long ago something was."""
    if seconds < 2 * _MINUTE_S:
        return "just now"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} minutes ago"
    if seconds < 2 * _DAY_S:
        return f"{seconds / _HOUR_S:.0f} hours ago"
    return f"{seconds / _DAY_S:.0f} days ago"


def duration_in_words(seconds: float) -> str:
    """Say how long something takes."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * _MINUTE_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.1f} hours"


def progress_in_words(job: Job, *, before: int) -> str:
    """Say how far a job is, how fast it goes and how long it will take."""
    if job.state is State.QUEUED:
        return (
            "Next in the queue"
            if not before
            else f"Waiting: {before} {'job comes' if before == 1 else 'jobs come'} before"
        )
    if not job.total:
        return "Listing the files and loading the model"
    parts = [f"{job.done:,} of {job.total:,} files"]
    if not job.done and not job.rate:
        parts.append("loading the model")
    if job.rate > 0:
        parts.append(f"{job.rate:.1f} images/s")
    if job.seconds_left is not None and job.done < job.total:
        parts.append(f"about {duration_in_words(job.seconds_left)} left")
    known = job.done - job.computed - job.failed
    if known > 0 and job.done:
        parts.append(f"{known:,} known already")
    if job.failed:
        parts.append(f"{job.failed:,} set aside")
    return " · ".join(parts)


def why_ended(job: Job) -> str:
    """Say why a job has no outcome."""
    if job.state is State.CANCELLED:
        return f"You cancelled it at {job.done:,} of {job.total:,} files. What is computed is kept."
    return job.message or "It failed."


def where_uploads_lie(store: Store) -> str:
    """Say where an uploaded set goes, and when it is deleted."""
    return (
        f"The set is written to this server's disk, readable by its user alone, in {store.folder / uploads.FOLDER}. It "
        f"is deleted with its evaluation, at the latest {uploads.KEPT_DAYS} days after; without one after a day."
    )


# ── Before the run ────────────────────────────────────────────────────────────────────────────────────────────────


def held_in_words(found: SetInspection) -> str:
    """Say what a set holds in one sentence."""
    files = f"{found.files:,} labelled {'file' if found.files == 1 else 'files'}"
    images = f"{found.images:,} {'image' if found.images == 1 else 'images'}"
    patients = f"{found.patients:,} {'patient' if found.patients == 1 else 'patients'}"
    return f"**{files}, with {images} of {patients} that can be read.** The truth is what {found.truth_from} says."


def notices_to_show(found: SetInspection) -> list[Notice]:
    """Return what is to be known before the run, but for what stands beside the labels."""
    return [notice for notice in found.notices if notice.code not in SAID_BESIDE]


# ── The outcome ───────────────────────────────────────────────────────────────────────────────────────────────────


def summary(assessment: Assessment, label: str) -> str:
    """Say what was found, in sentences: all labels together where they exclude each other, then one label."""
    result = assessment.result
    images = f"On these {result.n:,} images" if result.n > 1 else "On this one image"
    of_patients = f" of {result.patients:,} patients" if result.is_clustered else ""
    shown, own = _named(assessment, label)
    sentences = []
    start = f"{images}{of_patients} the model"
    if result.confusion_matrix is not None:
        sentences.append(f"{start} named the right label in **{estimate_in_percent(result.accuracy)}**.")
        start = f"For {label_words(shown)} against all others it"
    sentences.append(_found_and_spared(start, shown, own))
    return " ".join(sentences)


def _named(assessment: Assessment, label: str) -> tuple[Label, LabelResult]:
    pairs = zip(assessment.labels, assessment.result.labels, strict=True)
    return next((shown, own) for shown, own in pairs if shown.name == label)


def _found_and_spared(start: str, shown: Label, own: LabelResult) -> str:
    words = label_words(shown).lower() if shown.title == "" else label_words(shown)
    if own.calls is None:
        return f"{start} called nothing, as “{label_words(shown)}” has no operating point: set one below."
    if not own.positives and not own.negatives:
        return f"Whether an image shows {words} is known of none, so nothing can be said of it."
    if not own.positives:
        spared = estimate_in_percent(own.metrics["specificity"])
        return (
            f"{start} called **{spared}** rightly negative. None of them shows {words}, so what it misses is not known."
        )
    if not own.negatives:
        found = estimate_in_percent(own.metrics["sensitivity"])
        return f"{start} found **{found}**. All of them show {words}, so how often it alarms falsely is not known."
    found, spared = (estimate_in_percent(own.metrics[name]) for name in ("sensitivity", "specificity"))
    return (
        f"{start} found **{found}** of the {own.positives:,} with {words}, and called "
        f"**{spared}** of the {own.negatives:,} without it rightly negative."
    )


def mistakes_in_words(own: LabelResult) -> str:
    """Say how many cases are called wrongly."""
    if own.calls is None:
        return ""
    missed, alarms = own.calls.false_negatives, own.calls.false_positives
    return f"{missed:,} missed, {alarms:,} false {'alarm' if alarms == 1 else 'alarms'}."


def left_out_in_words(assessment: Assessment) -> list[tuple[str, str, str]]:
    """Return how many images were left out, why, and the first of them."""
    reasons: dict[str, list[str]] = {}
    for one in assessment.excluded:
        reasons.setdefault(one.message, []).append(one.file)
    return [(f"{len(files):,}", message, files[0]) for message, files in _by_size(reasons)]


def _by_size(reasons: dict[str, list[str]]) -> Sequence[tuple[str, list[str]]]:
    return sorted(reasons.items(), key=lambda item: -len(item[1]))
