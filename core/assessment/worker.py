"""What runs evaluations: one thread for each process, one job at a time."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from core.assessment import jobs
from core.assessment.jobs import Job, Lease
from core.assessment.labelled_set import LabelledSet, open_set
from core.assessment.store import Store
from core.audit import record_evaluation
from core.domain import ModelSpec, Notice
from core.errors import CoreError

log = logging.getLogger("lightbox")

POLL_S = 1.0
_RATE_OVER_S = 10.0


class Worker:
    """Runs queued jobs one after the other in a thread, until it is stopped or the process ends.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wake, self._is_stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def start(self) -> None:
        """Start the thread where it does not run; call it after a job was submitted, and when a server starts."""
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._is_stopped.clear()
                self._thread = threading.Thread(target=self._run, name="evaluations", daemon=True)
                self._thread.start()
        self._wake.set()

    def stop(self) -> None:
        """Stop after the batch at hand; the job is taken up again by the next worker."""
        self._is_stopped.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._is_stopped.is_set():
            try:
                ran = run_next(self._store, is_stopped=self._is_stopped.is_set)
            except Exception as error:  # the thread must live on; its words may hold identity
                log.error("An evaluation could not be run: %s.", type(error).__name__)
                ran = False
            if not ran:
                self._wake.wait(POLL_S)
                self._wake.clear()
        self._store.close()


def run_next(store: Store, *, is_stopped: Callable[[], bool] = lambda: False) -> bool:
    """Run the job that is next, to its end; return whether there was one."""
    holder = jobs.process_name()
    job = jobs.claim(store, holder=holder)
    if job is None:
        return False
    run_claimed(store, job, holder=holder, is_stopped=is_stopped)
    return True


def run_claimed(store: Store, job: Job, *, holder: str, is_stopped: Callable[[], bool] = lambda: False) -> None:
    """Run a job that was claimed; its failure becomes its state.

    A job that was only stopped stays as it is, to be taken up by whoever comes next.

    Raises
    ------
    DatasetError
        The disk is so full that not even that can be noted; the job is taken up again when its lease is over.
    """
    failure = warning = ""
    progress = _Progress(job, holder, is_stopped)
    with Lease(store, job, holder=holder):
        try:
            warning = _compute(store, job, progress)
        except CoreError as error:
            failure = str(error)
        except Exception as error:  # whatever it was, the owner is told that it failed
            log.error("An evaluation failed: %s.", type(error).__name__)
            failure = f"The evaluation stopped at a fault of the program ({type(error).__name__})."
    if is_stopped() and not progress.is_cancelled and not failure:
        jobs.let_go(store, job, holder=holder)
    else:
        jobs.end(store, job, holder=holder, failure=failure, warning=warning)


def _compute(store: Store, job: Job, progress: _Progress) -> str:
    """Compute what is not known yet, and record what was done; return what the owner should know."""
    from core.assessment.scoring import score_set
    from core.models.predict import engine

    labelled = open_requested(job)
    try:
        done = store.read("SELECT COUNT(DISTINCT file) FROM cases WHERE job = ?", (job.id,))[0][0]
        total = len({one.path for one in labelled.examples})
        jobs.note_total(store, job, total=total, done=done)
        asked = engine(job.request.model_id)
        progress.start()
        # Whoever cancelled while the model was loaded waits for no batch.
        with store.transaction() as database:
            goes_on = progress.advance(database, 0, 0, 0)
        if goes_on:
            score_set(labelled.examples, labelled.files, asked, store, job=job.id, advance=progress.advance)
    finally:
        labelled.files.close()
    if progress.is_cancelled or progress.is_stopped():
        return ""
    return " ".join(notice.message for notice in (*asked.notices, *_record(store, job, asked.spec)))


def _record(store: Store, job: Job, spec: ModelSpec) -> tuple[Notice, ...]:
    images = store.read("SELECT sha256 FROM cases WHERE job = ? AND code = ''", (job.id,))
    left_out = store.read("SELECT COUNT(*) FROM cases WHERE job = ? AND code != ''", (job.id,))
    return record_evaluation(
        spec,
        job=job.id,
        user=job.owner,
        operating_point=job.request.operating_point,
        images=[sha256 for (sha256,) in images],
        left_out=left_out[0][0],
    )


def open_requested(job: Job) -> LabelledSet:
    """Open the set of a job."""
    request = job.request
    return open_set(request.path, table=request.table, patient_pattern=request.patient_pattern)


@dataclass(slots=True, eq=False)
class _Progress:
    """Notes how far a job is, and tells it whether to go on."""

    job: Job
    holder: str
    is_stopped: Callable[[], bool]
    is_cancelled: bool = False
    _told: float = 0.0
    _recent: list[tuple[float, int]] = field(default_factory=list)

    def start(self) -> None:
        """Begin to count the time."""
        self._told = time.monotonic()
        self._recent = [(self._told, 0)]

    def advance(self, database: sqlite3.Connection, files: int, computed: int, failed: int) -> bool:
        """See `core.assessment.scoring.Advance`."""
        now = time.monotonic()
        self._recent.append((now, self._recent[-1][1] + files))
        while now - self._recent[0][0] > _RATE_OVER_S and len(self._recent) > 2:
            self._recent.pop(0)
        (first, before), (last, after) = self._recent[0], self._recent[-1]
        goes_on = jobs.note_progress(
            database,
            self.job,
            holder=self.holder,
            files=files,
            computed=computed,
            failed=failed,
            rate=(after - before) / (last - first) if last > first else 0.0,
            seconds=now - self._told,
        )
        self._told = now
        self.is_cancelled = not goes_on
        return goes_on and not self.is_stopped()
