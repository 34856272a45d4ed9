"""What a labelled set holds, told before anything runs: labels and their meaning, damaged files, copies, patients."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from core.assessment.copies import near_copies
from core.assessment.labelled_set import Files, LabelledSet, open_set
from core.assessment.mapping import Meaning, meanings_of
from core.assessment.outcome import Excluded, meaning_in_words
from core.assessment.reading import code_version, open_file, thumb_of
from core.assessment.store import PASSING, FileFacts, Store, put_file
from core.domain import ModelSpec, Notice
from core.models.provenance import image_hash, training_hashes
from core.models.registry import find_model, model_folder
from core.reports.wording import label_words
from core.training.config import LabelTable
from core.training.dataset import Example

Progress = Callable[[int, int], None]
"""Told how many files were looked at, and of how many; what it raises ends the inspection."""

MOST_PAIRS = 500
"""Pairs of near copies that are listed; all are counted."""
_CHUNK = 128
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class LabelCount:
    """A label of the set: what it means to the model, how many files have it and how many of them can be read."""

    meaning: Meaning
    files: int
    readable: int


@dataclass(frozen=True, slots=True)
class SetInspection:
    """What a set holds.

    Attributes
    ----------
    files : int
        With a label.
    images : int
        In them: a volume has one for each slice.
    patients : int
    patients_repeat : int
        Patients with several images.
    patient_from : str
        What says who the patient is, in words.
    labels : tuple of LabelCount
        In the order of the set.
    missing : tuple of str
        Labels of the model that no file of the set has.
    unreadable : tuple of Excluded
    unlabelled : tuple of str
        Files that lie in no class folder, or that no row names.
    copies : tuple of tuple of str
        Names of files that are the same, byte for byte.
    contradicting : tuple of tuple of str
        Those of them that have different labels.
    near_copies : tuple of (str, str)
        Pairs of pictures that differ but for size, exposure or compression hardly at all; the first `MOST_PAIRS`.
    near_copy_count : int
    in_training : tuple of str
        Files that the model has learnt from.
    training_known : bool
        Whether the model says what it has learnt from.
    attributes : mapping of str to mapping of str to int
        How many files have which value of what subgroups are made of.
    notices : tuple of Notice
        The same in sentences, what matters most first.
    """

    model: ModelSpec
    truth_from: str
    files: int
    images: int
    patients: int
    patients_repeat: int
    patient_from: str
    labels: tuple[LabelCount, ...]
    missing: tuple[str, ...]
    unreadable: tuple[Excluded, ...]
    unlabelled: tuple[str, ...]
    copies: tuple[tuple[str, ...], ...]
    contradicting: tuple[tuple[str, ...], ...]
    near_copies: tuple[tuple[str, str], ...]
    near_copy_count: int
    in_training: tuple[str, ...]
    training_known: bool
    attributes: Mapping[str, Mapping[str, int]]
    notices: tuple[Notice, ...] = ()

    @property
    def meanings(self) -> tuple[Meaning, ...]:
        """What the labels of the set mean."""
        return tuple(one.meaning for one in self.labels)

    def with_meanings(self, said: Mapping[str, str]) -> SetInspection:
        """Return the inspection under other meanings; nothing is read again.

        Raises
        ------
        DatasetError
            See `meanings_of`.
        """
        meanings = meanings_of([one.meaning.name for one in self.labels], self.model, said)
        labels = tuple(replace(one, meaning=meaning) for one, meaning in zip(self.labels, meanings, strict=True))
        return _with_notices(replace(self, labels=labels, missing=_missing(self.model, labels)))


def inspect_set(
    path: Path,
    *,
    model_id: str,
    store: Store,
    table: LabelTable | None = None,
    patient_pattern: str = "",
    meanings: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> SetInspection:
    """Look at every file of a set once; what is found of a file is kept, so the second time is quick.

    Parameters
    ----------
    path : Path
        Folder or zip.
    model_id : str
    store : Store
    table : LabelTable, optional
        In place of class folders.
    patient_pattern : str
        Finds the patient in a file's name.
    meanings : mapping of str to str, optional
        What the user says of the set's labels; see `meanings_of`.
    progress : callable, optional

    Raises
    ------
    DatasetError
        There is nothing to evaluate there, or what was said of labels is wrong.
    ModelError
        The model is missing or damaged.
    """
    model = find_model(model_id)
    labelled = open_set(path, table=table, patient_pattern=patient_pattern)
    try:
        said = meanings_of(labelled.names, model, meanings)
        facts = _look_at(labelled, store, progress)
    finally:
        labelled.files.close()
    return _with_notices(_gathered(model, labelled, said, facts, store))


def _gathered(
    model: ModelSpec, labelled: LabelledSet, meanings: tuple[Meaning, ...], facts: Mapping[str, FileFacts], store: Store
) -> SetInspection:
    readable = [one for one in labelled.examples if not facts[one.path.as_posix()].code]
    patients = Counter(_patient(one, facts) for one in readable for _ in range(facts[one.path.as_posix()].frames))
    by_content = _by_content(labelled, facts)
    copies = [own for own in by_content.values() if len(own) > 1]
    pairs = near_copies({sha256: own[0].path.as_posix() for sha256, own in by_content.items()}, store)
    listed = tuple(islice(pairs, MOST_PAIRS))
    learnt_from = training_hashes(model_folder(model))
    counts = _counts(meanings, labelled, readable)
    return SetInspection(
        model=model,
        truth_from=labelled.truth_from,
        files=len(labelled.examples),
        images=sum(patients.values()),
        patients=len(patients),
        patients_repeat=sum(count > 1 for count in patients.values()),
        patient_from=_patient_from(readable, facts),
        labels=counts,
        missing=_missing(model, counts),
        unreadable=tuple(_unreadable(one, facts) for one in labelled.examples if facts[one.path.as_posix()].code),
        unlabelled=labelled.unlabelled,
        copies=tuple(_names(own) for own in copies),
        contradicting=tuple(_names(own) for own in copies if len({frozenset(one.labels) for one in own}) > 1),
        near_copies=listed,
        near_copy_count=len(listed) + sum(1 for _ in pairs),
        in_training=tuple(
            one.path.as_posix() for one in readable if image_hash(facts[one.path.as_posix()].sha256) in learnt_from
        ),
        training_known=bool(learnt_from),
        attributes=_attributes(readable, facts),
    )


# ── Looking at files ──────────────────────────────────────────────────────────────────────────────────────────────


def _look_at(labelled: LabelledSet, store: Store, progress: Progress | None) -> dict[str, FileFacts]:
    """Return the facts of every file by its name; what is not known is read, and kept."""
    names = list(dict.fromkeys(one.path.as_posix() for one in labelled.examples))
    facts: dict[str, FileFacts] = {}
    with ThreadPoolExecutor(max(2, min(4, os.cpu_count() or 1))) as readers:
        for chunk in (names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)):
            stamps = {name: labelled.files.stamp(name) for name in chunk}
            known = _known(stamps, store)
            facts.update(known)
            unknown = [name for name in chunk if name not in known]
            found = readers.map(lambda name: _look(labelled.files, name, store), unknown)
            for name, (own, thumb) in zip(unknown, found, strict=True):
                facts[name] = own
                if own.sha256 and own.code not in PASSING:
                    with store.transaction() as database:
                        put_file(database, own, version=code_version(), stamp=stamps[name], thumb=thumb)
                if progress is not None:
                    progress(len(facts), len(names))
            if progress is not None:
                progress(len(facts), len(names))
    return facts


def _known(stamps: Mapping[str, str], store: Store) -> dict[str, FileFacts]:
    """Return the facts of files that were looked at before."""
    hashes = store.hashes_of(filter(None, stamps.values()))
    facts = store.facts_of(set(hashes.values()), code_version())
    looked_at = {sha256 for sha256 in facts if store.thumb_of(sha256, code_version()) is not None}
    by_name = {name: hashes.get(stamp, "") for name, stamp in stamps.items()}
    return {name: facts[sha256] for name, sha256 in by_name.items() if sha256 in looked_at}


def _look(files: Files, name: str, store: Store) -> tuple[FileFacts, bytes]:
    opened = open_file(files, name, store)
    if not opened.frames:
        return opened.facts, b""
    thumb, fault = thumb_of(opened)
    if fault is not None and len(opened.frames) == 1:
        return replace(opened.facts, frames=0, code=fault.code, message=fault.message), b""
    return opened.facts, thumb


def _by_content(labelled: LabelledSet, facts: Mapping[str, FileFacts]) -> dict[str, list[Example]]:
    found: dict[str, list[Example]] = {}
    for one in labelled.examples:
        own = facts[one.path.as_posix()]
        if own.sha256 and not own.code:
            found.setdefault(own.sha256, []).append(one)
    return found


# ── Counting ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _counts(meanings: Iterable[Meaning], labelled: LabelledSet, readable: Iterable[Example]) -> tuple[LabelCount, ...]:
    files = Counter(name for one in labelled.examples for name in one.labels)
    can_be_read = Counter(name for one in readable for name in one.labels)
    return tuple(LabelCount(one, files[one.name], can_be_read[one.name]) for one in meanings)


def _missing(model: ModelSpec, labels: Iterable[LabelCount]) -> tuple[str, ...]:
    shown = {one.meaning.label for one in labels if one.meaning.kind == "label" and one.readable}
    return tuple(label.name for label in model.labels if label.name not in shown)


def _names(examples: Iterable[Example]) -> tuple[str, ...]:
    return tuple(one.path.as_posix() for one in examples)


def _unreadable(example: Example, facts: Mapping[str, FileFacts]) -> Excluded:
    own = facts[example.path.as_posix()]
    return Excluded(example.path.as_posix(), 0, own.code, own.message)


def _patient(example: Example, facts: Mapping[str, FileFacts]) -> str:
    of_header = facts[example.path.as_posix()].patient
    return of_header if example.patient_from == "file" and of_header else example.patient


def _patient_from(readable: Iterable[Example], facts: Mapping[str, FileFacts]) -> str:
    sources = Counter(
        "header" if one.patient_from == "file" and facts[one.path.as_posix()].patient else one.patient_from
        for one in readable
    )
    words = {
        "table": "a column of the table",
        "name": "the pattern in the files' names",
        "header": "the headers",
        "file": "nothing, so that every file counts as a patient of its own",
    }
    return "; ".join(
        f"{words[source]} ({count})" if len(sources) > 1 else words[source] for source, count in sources.items()
    )


def _attributes(readable: Iterable[Example], facts: Mapping[str, FileFacts]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for one in readable:
        own = {**facts[one.path.as_posix()].attributes, **{name: value for name, value in one.subgroups if value}}
        for name, value in own.items():
            counts.setdefault(name, Counter())[value] += 1
    return {name: dict(values.most_common()) for name, values in sorted(counts.items())}


# ── In sentences ──────────────────────────────────────────────────────────────────────────────────────────────────


def _with_notices(inspection: SetInspection) -> SetInspection:
    return replace(inspection, notices=tuple(_sentences(inspection)))


def _sentences(found: SetInspection) -> Iterator[Notice]:
    yield from _of_labels(found)
    yield from _of_training(found)
    yield from _of_files(found)


def _of_labels(found: SetInspection) -> Iterator[Notice]:
    for one in found.labels:
        name, reason = one.meaning.name, one.meaning.reason
        if one.meaning.kind == "unknown":
            yield Notice("label-unknown", f"“{name}”: {reason}; its {_files(one.files)} will be left out.")
        elif one.meaning.is_guess:
            yield Notice(
                "label-guessed", f"“{name}” is taken for {meaning_in_words(one.meaning, found.model.labels)}: {reason}."
            )
    for label in found.model.labels:
        if label.name in found.missing:
            yield Notice("label-missing", f"No readable file of the set shows “{label_words(label)}”.")


def _of_training(found: SetInspection) -> Iterator[Notice]:
    if found.in_training:
        count = _files(len(found.in_training))
        yield Notice(
            "used-in-training", f"The model has learnt from {count} of the set, so its figures will flatter it."
        )
    if not found.training_known:
        yield Notice("training-unknown", "The model does not say which images it was trained on.")


def _of_files(found: SetInspection) -> Iterator[Notice]:
    contradicting = sum(map(len, found.contradicting))
    doubled = sum(len(own) - 1 for own in found.copies if own not in found.contradicting)
    sentences = (
        ("unreadable", len(found.unreadable), "{files} cannot be read, and will be left out."),
        ("no-label", len(found.unlabelled), "{files} without a label will be left out."),
        ("contradicting-labels", contradicting, "{files} are copies of each other with different labels: left out."),
        ("copies", doubled, "Exact copies of other files: {count}. Each image is evaluated once."),
        ("near-copies", found.near_copy_count, "Pairs of pictures that are nearly the same: {count}. They are kept."),
        ("patients-repeat", found.patients_repeat, "Patients with several images: {count}. Intervals allow for it."),
    )
    for code, count, words in sentences:
        if count:
            yield Notice(code, words.format(count=count, files=_files(count)))


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
