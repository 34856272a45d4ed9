"""All images of a set through one model: readers side by side feed one network in batches.

    examples ─ known? ─→ case
                 └─ reader, reader ─ queue ─ network ─ commit ─→ case

Memory holds the queue and a batch, however large the set is.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

from core.assessment.labelled_set import Files
from core.assessment.reading import (
    PreparedFrame,
    answer_key,
    answer_version,
    code_version,
    open_file,
    prepare_frames,
)
from core.assessment.store import PASSING, Answer, FileFacts, Store, put_answer, put_file
from core.training.dataset import Example

if TYPE_CHECKING:
    from core.models.predict import Engine

log = logging.getLogger("lightbox")

BATCH = 8
READERS = max(1, min(4, (os.cpu_count() or 1) - 1))
"""Files that are read at the same time: one core is the network's. A second reader on two cores makes it no faster."""
_QUEUED = 3 * BATCH
_CHUNK = 256
_LONGEST_WAIT_S = 1.0
"""After which a batch that is not full is computed nevertheless."""

Advance = Callable[[sqlite3.Connection, int, int, int], bool]
"""Told how many files are done more, how many images were computed and how many failed; False stops the run.

What it counts is committed with what was counted: a process that is killed leaves both or neither."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """What became of a frame of a file: the key of its answer, or why it has none."""

    file: str
    frame: int
    sha256: str
    answer: str = ""
    code: str = ""
    message: str = ""


def score_set(
    examples: Sequence[Example], files: Files, engine: Engine, store: Store, *, job: str, advance: Advance
) -> None:
    """Compute what is not known yet, and commit everything as it comes.

    Parameters
    ----------
    examples : sequence of Example
    files : Files
    engine : Engine
    store : Store
    job : str
        Whose cases are written; those that it has are not looked at again.
    advance : callable
        See `Advance`.
    """
    run = _Run(files, engine, store, job, answer_version(engine.spec, engine.device.type), advance)
    left = run.without_done(examples)
    unknown = run.known_filtered(left)
    with _one_thread_for_network(), closing(_batches(run, unknown)) as batches:
        for batch in batches:
            if not run.take(batch):
                return
        run.take(run.copies)


@contextmanager
def _one_thread_for_network() -> Iterator[None]:
    """Let PyTorch use one thread for what this thread computes: readers have the other cores.

    Threads that compute one batch together wait for each other at every layer; beside readers they wait long.
    """
    import torch

    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    # The number for this thread and that for threads to come are set together; the latter is set back by another.
    _in_other_thread(lambda: torch.set_num_threads(usual))
    try:
        yield
    finally:
        torch.set_num_threads(usual)


def _in_other_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """What a reader hands on: a frame of a file, and whether it is the last; no frame where none is left to compute.

    `is_copy` says that another file of the same content was at work.
    """

    name: str
    stamp: str
    facts: FileFacts
    frame: PreparedFrame | None = None
    is_last: bool = True
    is_copy: bool = False


@dataclass(slots=True, eq=False)
class _Run:
    """One run over a set."""

    files: Files
    engine: Engine
    store: Store
    job: str
    model: str
    advance: Advance
    is_stopped: threading.Event = field(default_factory=threading.Event)
    looking: threading.Lock = field(default_factory=threading.Lock)
    at_work: set[str] = field(default_factory=set)
    copies: list[_Read] = field(default_factory=list)
    passing: dict[str, Answer] = field(default_factory=dict)

    def file_key(self, name: str) -> str:
        return self.store.pseudonym("file", self.job, name)

    def without_done(self, examples: Sequence[Example]) -> Iterator[str]:
        """Yield the names of files that the job has no cases of yet."""
        for chunk in _chunks(dict.fromkeys(one.path.as_posix() for one in examples)):
            keys = [self.file_key(name) for name in chunk]
            done = self.store.ended(self.job, keys)
            yield from (name for name, key in zip(chunk, keys, strict=True) if key not in done)

    def known_filtered(self, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Write the cases of files whose answers are all there; yield the others with their stamps."""
        for chunk in _chunks(names):
            if self.is_stopped.is_set():
                return
            stamps = {name: self.files.stamp(name) for name in chunk}
            hashes = self.store.hashes_of(filter(None, stamps.values()))
            facts = self.store.facts_of(set(hashes.values()), code_version())
            known = {name: facts.get(hashes.get(stamp, "")) for name, stamp in stamps.items()}
            rows = self._known_rows({name: one for name, one in known.items() if one is not None})
            if rows and not self._write_known(rows):
                return
            yield from ((name, stamps[name]) for name in chunk if name not in rows)

    def _known_rows(self, known: dict[str, FileFacts]) -> dict[str, list[CaseRow]]:
        keys = {
            name: [answer_key(facts.sha256, frame, self.model) for frame in range(facts.frames)]
            for name, facts in known.items()
        }
        answers = self.store.answers_of(key for own in keys.values() for key in own)
        rows = {}
        for name, facts in known.items():
            if facts.code:
                rows[name] = [CaseRow(self.file_key(name), 0, facts.sha256, "", facts.code, facts.message)]
            elif all(key in answers for key in keys[name]):
                rows[name] = [
                    CaseRow(self.file_key(name), frame, facts.sha256, key, answers[key].code, answers[key].message)
                    for frame, key in enumerate(keys[name])
                ]
        return rows

    def _write_known(self, rows: dict[str, list[CaseRow]]) -> bool:
        own = [row for of_file in rows.values() for row in of_file]
        with self.store.transaction() as database:
            put_cases(database, self.job, own)
            goes_on = self.advance(database, len(rows), 0, sum(bool(row.code) for row in own))
        return self._noted(goes_on=goes_on)

    def take(self, batch: Sequence[_Read]) -> bool:
        """Compute a batch and commit what it gave; return whether to go on."""
        frames = [(one, one.frame) for one in batch if one.frame is not None]
        answers = self._answers([frame for _, frame in frames])
        ended = [one for one in batch if one.is_last]
        early = [one for one in ended if one.is_copy and one.facts.sha256 in self.at_work]
        ended = [one for one in ended if one not in early]
        self.copies += early
        asked = sum(not answer.code for answer in answers)
        failed = sum(bool(answer.code) for answer in answers) + sum(bool(one.facts.code) for one in ended)
        with self.store.transaction() as database:
            for (read, frame), answer in zip(frames, answers, strict=True):
                self._keep(database, answer_key(read.facts.sha256, frame.number, self.model), answer)
            for one in ended:
                self._end(database, one)
            goes_on = self.advance(database, len(ended), asked, failed)
        with self.looking:
            self.at_work.difference_update(one.facts.sha256 for one in ended)
        return self._noted(goes_on=goes_on)

    def _answers(self, frames: Sequence[PreparedFrame]) -> list[Answer]:
        import torch

        tensors = [frame.tensor for frame in frames if frame.tensor is not None]
        if not tensors:
            return [_unanswered(frame) for frame in frames]
        logits, distances = self.engine.answer(torch.stack(tensors))
        of_gate = [None] * len(tensors) if distances is None else distances.tolist()
        computed = zip(logits.tolist(), of_gate, strict=True)
        return [_unanswered(frame) if frame.tensor is None else _answered(frame, *next(computed)) for frame in frames]

    def _keep(self, database: sqlite3.Connection, key: str, answer: Answer) -> None:
        if answer.code in PASSING:
            self.passing[key] = answer
        else:
            put_answer(database, key, answer)

    def _end(self, database: sqlite3.Connection, read: _Read) -> None:
        """Write the cases of a file whose frames are all answered."""
        facts = read.facts
        if facts.sha256 and facts.code not in PASSING:
            put_file(database, facts, version=code_version(), stamp=read.stamp)
        put_cases(database, self.job, self._rows_of(read))

    def _rows_of(self, read: _Read) -> list[CaseRow]:
        facts, file = read.facts, self.file_key(read.name)
        if facts.code:
            return [CaseRow(file, 0, facts.sha256, "", facts.code, facts.message)]
        keys = [answer_key(facts.sha256, frame, self.model) for frame in range(facts.frames)]
        answers = {**self.passing, **self.store.answers_of(keys)}
        return [
            CaseRow(file, frame, facts.sha256, key, answers[key].code, answers[key].message)
            for frame, key in enumerate(keys)
        ]

    def left_of(self, facts: FileFacts) -> list[int] | None:
        """Return the frames of a file whose answers are not known, under whatever name the file was met.

        None for a copy of a file that is at work just now: its cases are written at the end.
        """
        keys = [answer_key(facts.sha256, frame, self.model) for frame in range(facts.frames)]
        with self.looking:
            if keys and facts.sha256 in self.at_work:
                return None
            known = self.store.answered(keys)
            left = [frame for frame, key in enumerate(keys) if key not in known]
            self.at_work.update([facts.sha256] if left else [])
        return left

    def _noted(self, *, goes_on: bool) -> bool:
        if not goes_on:
            self.is_stopped.set()
        return goes_on


def _answered(frame: PreparedFrame, logits: Sequence[float], distance: float | None) -> Answer:
    return Answer(tuple(logits), distance, frame.notices)


def _unanswered(frame: PreparedFrame) -> Answer:
    return Answer(notices=frame.notices, code=frame.code, message=frame.message)


def put_cases(database: sqlite3.Connection, job: str, rows: Iterable[CaseRow]) -> None:
    """Write what became of frames."""
    database.executemany(
        "INSERT OR REPLACE INTO cases VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(job, row.file, row.frame, row.sha256, row.answer, row.code, row.message) for row in rows],
    )


# ── Readers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _batches(run: _Run, wanted: Iterator[tuple[str, str]]) -> Generator[list[_Read], None, None]:
    """Yield what the readers hand on, in batches: full ones, and smaller ones rather than long waits."""
    with _readers(run, wanted) as (queue, are_done):
        batch: list[_Read] = []
        since = time.monotonic()
        while True:
            try:
                batch.append(queue.get(timeout=0.05))
            except Empty:
                if are_done() and queue.empty():
                    break
            is_late = time.monotonic() - since > _LONGEST_WAIT_S
            if _frames_in(batch) >= BATCH or (batch and is_late):
                yield batch
                batch, since = [], time.monotonic()
        if batch:
            yield batch


def _frames_in(batch: Sequence[_Read]) -> int:
    return sum(one.frame is not None for one in batch)


@contextmanager
def _readers(run: _Run, wanted: Iterator[tuple[str, str]]) -> Iterator[tuple[Queue[_Read], Callable[[], bool]]]:
    """Start the readers; at the end they are told to stop, and waited for."""
    queue: Queue[_Read] = Queue(maxsize=_QUEUED)
    lock = threading.Lock()
    faults: list[BaseException] = []

    def read() -> None:
        try:
            while not run.is_stopped.is_set():
                with lock:
                    item = next(wanted, None)
                if item is None:
                    return
                for one in _read(run, *item):
                    _put(queue, one, run.is_stopped)
        except BaseException as error:
            faults.append(error)
        finally:
            run.store.close()

    threads = [threading.Thread(target=read, name=f"reader-{number}", daemon=True) for number in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        yield queue, lambda: not any(thread.is_alive() for thread in threads)
    finally:
        run.is_stopped.set()
        for thread in threads:
            thread.join()
    if faults:
        raise faults[0]


def _read(run: _Run, name: str, stamp: str) -> Iterator[_Read]:
    """Read a file and hand on those of its frames that have to be computed; no file may end the run."""
    read = _Read(name, stamp, FileFacts(""))
    try:
        opened = open_file(run.files, name, run.store)
        read = replace(read, facts=opened.facts)
        left = run.left_of(opened.facts)
        if not left:
            yield replace(read, is_copy=left is None)
            return
        for frame in prepare_frames(opened, run.engine.spec, left):
            yield replace(read, frame=frame, is_last=frame.number == left[-1])
    except Exception as error:  # its words may hold identity
        log.error("A file of an evaluation could not be read: %s.", type(error).__name__)
        fault = replace(
            read.facts, code="program-fault", message="Lightbox failed at this file, by a fault of its own."
        )
        yield replace(read, facts=fault)


def _put(queue: Queue[_Read], one: _Read, is_stopped: threading.Event) -> None:
    while not is_stopped.is_set():
        try:
            queue.put(one, timeout=0.1)
        except Full:
            continue
        return


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    left = iter(names)
    while chunk := list(islice(left, _CHUNK)):
        yield chunk
