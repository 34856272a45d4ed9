"""What an evaluation found: the cases with their truth and scores, what was left out and why, and the figures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from core.assessment.jobs import Job, State
from core.assessment.labelled_set import LabelledSet, open_set
from core.assessment.mapping import Meaning, meanings_of, truth_of
from core.assessment.reading import code_version
from core.assessment.store import Answer, FileFacts, Store, parse_answer
from core.domain import Label, ModelSpec, Notice
from core.errors import DatasetError
from core.models.provenance import image_hash, training_hashes
from core.models.registry import find_model, model_folder
from core.models.suitability import OUTSIDE_CODES
from core.reports.wording import label_words
from core.training.dataset import Example

if TYPE_CHECKING:
    from core.evaluation import EvaluationResult, Subgroups


@dataclass(frozen=True, slots=True)
class Case:
    """An image that was evaluated.

    Attributes
    ----------
    file : str
        Its name in the set, for its owner only.
    frame : int
        From 0.
    sha256 : str
        Of the file.
    names : tuple of str
        What the set says that it shows.
    patient : str
        Groups images; a name of the set's own, or a pseudonym.
    scores : tuple of float
        Calibrated, in the order of the model's labels.
    attributes : mapping of str to str
        What subgroups are made of.
    notices : tuple of str
        Codes of what speaks against the model's answer.
    is_withheld : bool
        Whether the model makes no call, because it is not for this image.
    in_training : bool
        Whether the model has learnt from this file.
    """

    file: str
    frame: int
    sha256: str
    names: tuple[str, ...]
    patient: str
    scores: tuple[float, ...]
    attributes: Mapping[str, str]
    notices: tuple[str, ...] = ()
    is_withheld: bool = False
    in_training: bool = False


@dataclass(frozen=True, slots=True)
class Excluded:
    """An image, or a whole file, that was not evaluated, and why; `frame` is from 0."""

    file: str
    frame: int
    code: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """The outcome of a job.

    `cases` are in the order of `result.cases`; `labels` are the model's with the operating points that were chosen;
    `listed` counts the files of the set.
    """

    job: Job
    model: ModelSpec
    labels: tuple[Label, ...]
    meanings: tuple[Meaning, ...]
    truth_from: str
    listed: int
    cases: tuple[Case, ...]
    excluded: tuple[Excluded, ...]
    notices: tuple[Notice, ...]
    result: EvaluationResult

    @property
    def attributes(self) -> tuple[str, ...]:
        """What subgroups can be made of: what is known of some cases, and differs among them."""
        values: dict[str, set[str]] = {}
        for case in self.cases:
            for name, value in case.attributes.items():
                values.setdefault(name, set()).add(value)
        return tuple(name for name, own in sorted(values.items()) if 1 < len(own) <= MOST_GROUPS)

    def subgroups(self, attribute: str, *, draws: int | None = None) -> Subgroups:
        """Measure the groups of one attribute."""
        from core.evaluation import evaluate_subgroups

        groups = [case.attributes.get(attribute) for case in self.cases]
        return evaluate_subgroups(self.result, attribute, groups, draws=draws)


MOST_GROUPS = 20
"""More different values are no groups but numbers or names."""

_REASONS = {
    "unknown-label": "The model has no label for what the set calls it.",
    "label-left-out": "Images of this label were left out by choice.",
    "not-one-label": "The labels of this model exclude each other; the set gives this image none of them, or several.",
    "duplicate-file": "The same file, byte for byte, is in the set before.",
    "contradicting-labels": "The same file, byte for byte, is in the set with another label.",
    "score-undefined": "The model gave no number for this image.",
    "not-computed": "The evaluation ended before it came to this file.",
}


def assess(store: Store, job: Job) -> Assessment:
    """Gather what a job has computed, and measure it. It may be asked of a job that still runs or was cancelled.

    Raises
    ------
    DatasetError
        The set is not there any more, what its labels mean is not known, or nothing of it could be evaluated.
    ModelError
        The model is missing or damaged.
    """
    from core.evaluation import evaluate_scores

    request = job.request
    model = find_model(request.model_id)
    labels = labels_at(model, request.operating_point)
    labelled = open_set(request.path, table=request.table, patient_pattern=request.patient_pattern)
    labelled.files.close()
    meanings = meanings_of(labelled.names, model, request.meanings)
    cases, excluded = _sorted_out(store, job, labelled, model)
    truth, reasons = truth_of([case.names for case in cases], meanings, model)
    excluded += [_excluded(case, reason) for case, reason in zip(cases, reasons, strict=True) if reason]
    kept = [index for index, reason in enumerate(reasons) if not reason]
    if not kept:
        raise nothing_left(excluded)
    chosen = tuple(cases[index] for index in kept)
    result = evaluate_scores(
        truth[kept],
        np.array([case.scores for case in chosen]),
        [label.name for label in labels],
        [None if label.operating_point is None else label.operating_point.threshold for label in labels],
        titles=[label_words(label) for label in labels],
        patients=[case.patient for case in chosen],
        exclusive=model.calibration.activation == "softmax",
    )
    return Assessment(
        job=job,
        model=model,
        labels=labels,
        meanings=meanings,
        truth_from=labelled.truth_from,
        listed=len(labelled.examples) + len(labelled.unlabelled),
        cases=chosen,
        excluded=tuple(excluded + _unlabelled(labelled)),
        notices=(*_told_by_run(job), *_notices(chosen, meanings, labels)),
        result=result,
    )


def _told_by_run(job: Job) -> tuple[Notice, ...]:
    """Return what happened while it was computed: the audit record could not be written, say."""
    return (Notice("run", job.message),) if job.state is State.DONE and job.message else ()


def labels_at(model: ModelSpec, operating_point: str = "") -> tuple[Label, ...]:
    """Return the labels with another operating point as their default, where they have it.

    Raises
    ------
    DatasetError
        No label has it.
    """
    if not operating_point:
        return model.labels
    has = [any(point.name == operating_point for point in label.operating_points) for label in model.labels]
    if not any(has):
        known = sorted({point.name for label in model.labels for point in label.operating_points})
        raise DatasetError(
            f"The model has no operating point “{operating_point}”; it has {', '.join(known) or 'none'}.",
            code="no-such-operating-point",
        )
    return tuple(
        replace(label, default_operating_point=operating_point) if own else label
        for label, own in zip(model.labels, has, strict=True)
    )


def nothing_left(excluded: Sequence[Excluded]) -> DatasetError:
    """Return the error that says why no image could be evaluated."""
    code, count = Counter(one.code for one in excluded).most_common(1)[0] if excluded else ("", 0)
    reason = next((one.message for one in excluded if one.code == code), "The set is empty.")
    return DatasetError(
        f"No image of the set could be evaluated. Of {count}: {reason}",
        hint="Say what the labels of the set mean, and look at the files that were left out.",
        code="nothing-to-evaluate",
    )


# ── Cases ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _sorted_out(store: Store, job: Job, labelled: LabelledSet, model: ModelSpec) -> tuple[list[Case], list[Excluded]]:
    """Return the images that have scores, each file once, and the others with the reason."""
    rows = _rows(store, job)
    names = {store.pseudonym("file", job.id, one.path.as_posix()): one for one in labelled.examples}
    hashes = {own[0].sha256 for key, own in rows.items() if key in names}
    facts = store.facts_of(filter(None, hashes), code_version())
    learnt_from = training_hashes(model_folder(model))
    first: dict[str, Example] = {}
    contradicting = _contradicting(rows, names)
    cases: list[Case] = []
    excluded: list[Excluded] = []
    for key, example in names.items():
        own = rows.get(key)
        reason = "not-computed" if own is None else _doubled(own[0].sha256, example, first, contradicting)
        if own is None or reason:
            excluded.append(Excluded(example.path.as_posix(), 0, reason, _REASONS[reason]))
            continue
        for row in own:
            case = _case(row, example, facts.get(row.sha256), model, learnt_from)
            (cases if isinstance(case, Case) else excluded).append(case)  # type: ignore[arg-type]
    return cases, excluded


@dataclass(frozen=True, slots=True)
class _Row:
    frame: int
    sha256: str
    code: str
    message: str
    answer: Answer


def _rows(store: Store, job: Job) -> dict[str, list[_Row]]:
    """Return what is known of each file of a job, by the pseudonym of its name."""
    rows: dict[str, list[_Row]] = {}
    found = store.rows(
        "SELECT c.file, c.frame, c.sha256, c.code, c.message, a.answer FROM cases c "
        "LEFT JOIN answers a ON a.key = c.answer WHERE c.job = ? ORDER BY c.file, c.frame",
        (job.id,),
    )
    for file, frame, sha256, code, message, answer in found:
        parsed = parse_answer(answer) if answer else Answer()
        rows.setdefault(file, []).append(_Row(frame, sha256, code, message, parsed))
    return rows


def _contradicting(rows: Mapping[str, Sequence[_Row]], names: Mapping[str, Example]) -> set[str]:
    """Return the hashes of files that are in the set with different labels."""
    said: dict[str, set[frozenset[str]]] = {}
    for key, example in names.items():
        if key in rows and rows[key][0].sha256:
            said.setdefault(rows[key][0].sha256, set()).add(frozenset(example.labels))
    return {sha256 for sha256, labels in said.items() if len(labels) > 1}


def _doubled(sha256: str, example: Example, first: dict[str, Example], contradicting: set[str]) -> str:
    if sha256 in contradicting:
        return "contradicting-labels"
    if sha256 and first.setdefault(sha256, example) is not example:
        return "duplicate-file"
    return ""


def _case(
    row: _Row, example: Example, facts: FileFacts | None, model: ModelSpec, learnt_from: frozenset[str]
) -> Case | Excluded:
    from core.models.predict import calibrate

    name = example.path.as_posix()
    if row.code:
        return Excluded(name, row.frame, row.code, row.message)
    scores = calibrate(np.array(row.answer.logits), model.calibration)
    if np.isnan(scores).any():
        return Excluded(name, row.frame, "score-undefined", _REASONS["score-undefined"])
    notices = (*row.answer.notices, *_gate_codes(model, row.answer.distance))
    return Case(
        file=name,
        frame=row.frame,
        sha256=row.sha256,
        names=example.labels,
        patient=_patient(example, facts),
        scores=tuple(scores.tolist()),
        attributes={**({} if facts is None else facts.attributes), **{k: v for k, v in example.subgroups if v}},
        notices=notices,
        is_withheld=not OUTSIDE_CODES.isdisjoint(notices),
        in_training=image_hash(row.sha256) in learnt_from,
    )


def _gate_codes(model: ModelSpec, distance: float | None) -> tuple[str, ...]:
    from core.models.gate import gate_notices

    return tuple(notice.code for notice in gate_notices(model, distance))


def _patient(example: Example, facts: FileFacts | None) -> str:
    """Return who the patient is: as the set says, else as the header says, else nobody but this file."""
    if example.patient_from == "file" and facts is not None and facts.patient:
        return f"header {facts.patient}"
    return f"{example.patient_from} {example.patient}"


def _excluded(case: Case, reason: str) -> Excluded:
    return Excluded(case.file, case.frame, reason, _REASONS[reason])


def _unlabelled(labelled: LabelledSet) -> list[Excluded]:
    message = "The file lies in no folder of a class, and no table names it."
    return [Excluded(name, 0, "no-label", message) for name in labelled.unlabelled]


# ── What a reader of the figures should know ──────────────────────────────────────────────────────────────────────


def _notices(cases: Sequence[Case], meanings: Sequence[Meaning], labels: Sequence[Label]) -> Iterator[Notice]:
    learnt = sum(case.in_training for case in cases)
    if learnt:
        yield Notice(
            "used-in-training",
            f"{learnt} of {len(cases)} images were used to train this model: the figures flatter it.",
        )
    withheld = sum(case.is_withheld for case in cases)
    if withheld:
        yield Notice(
            "outside-intended-use",
            f"For {withheld} of {len(cases)} images the model makes no call, because it is not made for them; they are "
            "evaluated by their scores like the others.",
        )
    guessed = [one for one in meanings if one.is_guess]
    if guessed:
        words = ", ".join(f"“{one.name}” as {meaning_in_words(one, labels)}" for one in guessed)
        yield Notice("labels-guessed", f"What these labels of the set mean was guessed: {words}.")


def meaning_in_words(meaning: Meaning, labels: Sequence[Label]) -> str:
    """Say what a label of the set means to the model that has these labels."""
    shown = next((label_words(label) for label in labels if label.name == meaning.label), meaning.label)
    if meaning.kind == "label":
        return f"“{shown}”"
    if meaning.kind == "absence":
        return f"no “{shown}”" if shown else "none of the model's labels"
    return "left out" if meaning.kind == "left out" else "unknown to the model"


def most_wrong(assessment: Assessment, label: str) -> list[int]:
    """Return the numbers of the cases that are called wrongly, the most confidently wrong first.

    Confidence is the score's way beyond the threshold, as a share of the way that there is on that side.
    """
    index = [own.name for own in assessment.labels].index(label)
    cases, threshold = assessment.result.cases, assessment.result.labels[index].threshold
    if math.isnan(threshold):
        return []
    truth, scores = cases.truth[:, index], cases.scores[:, index]
    above = scores >= threshold
    wrong = np.flatnonzero((truth == 1) & ~above | (truth == 0) & above)
    room = np.where(above, max(1 - threshold, 1e-9), max(threshold, 1e-9))
    order = np.argsort(-np.abs(scores - threshold)[wrong] / room[wrong], kind="stable")
    return [int(number) for number in wrong[order]]
