"""Evaluations that run outside of any page: they wait, run, are cancelled, and are found again after a restart.

    queued → running → done | cancelled | failed

A process that runs a job holds it with a lease that it renews; when the process dies the lease ends, and the next one
takes the job up where it stopped. Jobs run in the order in which they came, whoever asked.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.assessment.store import Store
from core.audit import User
from core.errors import DatasetError
from core.training.config import LabelTable

COMMAND_LINE: str = User.COMMAND_LINE
"""Owner of jobs that run in the process that asked for them: no other takes them up, and they are forgotten."""
LEASE_S = 15.0
"""How long a job stays with a process that gives no sign of life."""


class State(StrEnum):
    """Of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


ENDED = frozenset({State.DONE, State.CANCELLED, State.FAILED})


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be evaluated.

    Attributes
    ----------
    model_id : str
    path : Path
        Folder or zip.
    table : LabelTable or None
    meanings : mapping of str to str
        What the user said of the set's labels; see `core.assessment.mapping.meanings_of`.
    patient_pattern : str
    operating_point : str
        Name of the operating points to call at; empty for each label's default.
    """

    model_id: str
    path: Path
    table: LabelTable | None = None
    meanings: Mapping[str, str] = field(default_factory=dict)
    patient_pattern: str = ""
    operating_point: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands.

    Attributes
    ----------
    done, total : int
        Files.
    computed, failed : int
        Images that the network was asked about (the others were known), and that could not be used.
    rate : float
        Files a second, of late; 0 where not known.
    seconds : float
        That it has run, all processes together.
    message : str
        Why it failed; of one that is done, what its owner should know.
    """

    id: str
    owner: str
    request: Request
    state: State
    created: float
    total: int
    done: int
    computed: int
    failed: int
    rate: float
    seconds: float
    message: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it, unless it is resumed."""
        return self.state in ENDED

    @property
    def seconds_left(self) -> float | None:
        """How long it will still run, None where that is not known."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


def submit(store: Store, request: Request, *, owner: str) -> Job:
    """Queue a job for an owner."""
    job_id = uuid.uuid4().hex
    with store.transaction() as database:
        database.execute(
            "INSERT INTO jobs (id, owner, request, state, created) VALUES (?, ?, ?, ?, ?)",
            (job_id, owner, _written(request), State.QUEUED, time.time()),
        )
    return find_job(store, job_id, owner=owner)


def find_job(store: Store, job_id: str, *, owner: str) -> Job:
    """Return a job of this owner.

    Raises
    ------
    DatasetError
        The owner has no such job.
    """
    rows = store.read("SELECT * FROM jobs WHERE id = ? AND owner = ?", (job_id, owner))
    if not rows:
        raise DatasetError("There is no such evaluation.", hint="It may have been forgotten.", code="no-such-job")
    return _job(rows[0])


def list_jobs(store: Store, *, owner: str) -> tuple[Job, ...]:
    """Return the jobs of an owner, the newest first."""
    rows = store.read("SELECT * FROM jobs WHERE owner = ? ORDER BY created DESC", (owner,))
    return tuple(_job(row) for row in rows)


def every_job(store: Store) -> tuple[Job, ...]:
    """Return all jobs, whoever asked: for housekeeping, never to be shown."""
    return tuple(_job(row) for row in store.read("SELECT * FROM jobs"))


def jobs_before(store: Store, job: Job) -> int:
    """Return how many jobs, of whomever, are to run before a queued one."""
    rows = store.read("SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'running') AND created < ?", (job.created,))
    return int(rows[0][0])


def cancel(store: Store, job_id: str, *, owner: str) -> Job:
    """Stop a job; what is computed stays known. Nothing happens to one that has ended."""
    with store.transaction() as database:
        database.execute("UPDATE jobs SET cancel = 1 WHERE id = ? AND owner = ?", (job_id, owner))
        database.execute(
            "UPDATE jobs SET state = 'cancelled', ended = ? WHERE id = ? AND owner = ? AND state = 'queued'",
            (time.time(), job_id, owner),
        )
    return find_job(store, job_id, owner=owner)


def resume(store: Store, job_id: str, *, owner: str) -> Job:
    """Queue a job again that was cancelled or has failed."""
    with store.transaction() as database:
        database.execute(
            "UPDATE jobs SET state = 'queued', cancel = 0, message = '' "
            "WHERE id = ? AND owner = ? AND state IN ('cancelled', 'failed')",
            (job_id, owner),
        )
    return find_job(store, job_id, owner=owner)


def forget(store: Store, job_id: str, *, owner: str) -> None:
    """Delete a job and its cases; a running one is stopped. Answers to images, which name nobody, stay known."""
    find_job(store, job_id, owner=owner)
    with store.transaction() as database:
        database.execute("DELETE FROM cases WHERE job = ?", (job_id,))
        database.execute("DELETE FROM jobs WHERE id = ? AND owner = ?", (job_id, owner))


def forget_abandoned(store: Store, *, owner: str) -> None:
    """Delete an owner's jobs that no process runs."""
    rows = store.read("SELECT id FROM jobs WHERE owner = ? AND held_until < ?", (owner, time.time()))
    for (job_id,) in rows:
        forget(store, job_id, owner=owner)


# ── Who runs it ───────────────────────────────────────────────────────────────────────────────────────────────────


def process_name() -> str:
    """Return a name for this process that no other has, also after its number is used again."""
    return f"{socket.gethostname()}:{os.getpid()}:{_INSTANCE}"


_INSTANCE = uuid.uuid4().hex


def claim(store: Store, *, holder: str, job_id: str = "") -> Job | None:
    """Take the job that is to run next, or the one that is named; None where there is none to take.

    Jobs of `COMMAND_LINE` are taken by name only.
    """
    now = time.time()
    with store.transaction() as database:
        # Cancelled while the process that ran it died.
        database.execute(
            "UPDATE jobs SET state = 'cancelled', ended = ?, holder = '' "
            "WHERE state = 'running' AND cancel = 1 AND held_until < ?",
            (now, now),
        )
        row = database.execute(
            "SELECT * FROM jobs WHERE (state = 'queued' OR (state = 'running' AND held_until < ?)) "
            "AND cancel = 0 AND (id = ? OR (? = '' AND owner != ?)) ORDER BY created LIMIT 1",
            (now, job_id, job_id, COMMAND_LINE),
        ).fetchone()
        if row is None:
            return None
        job = _job(row)
        database.execute(
            "UPDATE jobs SET state = 'running', holder = ?, held_until = ?, started = COALESCE(started, ?), rate = 0 "
            "WHERE id = ?",
            (holder, now + LEASE_S, now, job.id),
        )
    return _job(store.read("SELECT * FROM jobs WHERE id = ?", (job.id,))[0])


class Lease:
    """A claim on a job that a thread renews until it is let go."""

    def __init__(self, store: Store, job: Job, *, holder: str) -> None:
        self._store, self._job, self._holder = store, job, holder
        self._is_over = threading.Event()
        self.is_held = True
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _renew(self) -> None:
        try:
            while self.is_held and not self._is_over.wait(LEASE_S / 5):
                # On a full disk the lease may be extended the next time; whoever computes is told by what it keeps.
                with suppress(DatasetError), self._store.transaction() as database:
                    self.is_held = _extend(database, self._job.id, self._holder)
        finally:
            self._store.close()


def _extend(database: sqlite3.Connection, job_id: str, holder: str) -> bool:
    """Hold on to a job; False where it is another's, was cancelled or is gone."""
    changed = database.execute(
        "UPDATE jobs SET held_until = ? WHERE id = ? AND holder = ? AND state = 'running' AND cancel = 0",
        (time.time() + LEASE_S, job_id, holder),
    )
    return bool(changed.rowcount)


def note_total(store: Store, job: Job, *, total: int, done: int) -> None:
    """Note how many files a job has, and how many of them are done."""
    with store.transaction() as database:
        database.execute("UPDATE jobs SET total = ?, done = ? WHERE id = ?", (total, done, job.id))


def note_progress(
    database: sqlite3.Connection,
    job: Job,
    *,
    holder: str,
    files: int,
    computed: int,
    failed: int,
    rate: float,
    seconds: float,
) -> bool:
    """Add to the counts of a job, in a transaction of the caller's; return whether it is to go on."""
    database.execute(
        "UPDATE jobs SET done = done + ?, computed = computed + ?, failed = failed + ?, rate = ?, "
        "seconds = seconds + ? WHERE id = ? AND holder = ?",
        (files, computed, failed, rate, seconds, job.id, holder),
    )
    return _extend(database, job.id, holder)


def let_go(store: Store, job: Job, *, holder: str) -> None:
    """Leave a job to whoever comes next."""
    with store.transaction() as database:
        database.execute("UPDATE jobs SET held_until = 0 WHERE id = ? AND holder = ?", (job.id, holder))


def end(store: Store, job: Job, *, holder: str, failure: str = "", warning: str = "") -> None:
    """Note that a job has ended: done, failed where there is a failure, cancelled where that was asked for."""
    with store.transaction() as database:
        database.execute(
            "UPDATE jobs SET state = CASE WHEN cancel THEN 'cancelled' WHEN ? != '' THEN 'failed' ELSE 'done' END, "
            "message = ?, ended = ?, holder = '', held_until = 0 WHERE id = ? AND holder = ?",
            (failure, failure or warning, time.time(), job.id, holder),
        )


# ── Rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _job(row: Sequence[Any]) -> Job:
    """Return the job of a row of the table, whose first columns come in the order of `core.assessment.store`."""
    job_id, owner, request, state, created, _, _, seconds, total, done, computed, failed, rate, message, *_ = row
    return Job(
        id=job_id,
        owner=owner,
        request=_read(request),
        state=State(state),
        created=created,
        total=total,
        done=done,
        computed=computed,
        failed=failed,
        rate=rate,
        seconds=seconds,
        message=message,
    )


def _written(request: Request) -> str:
    return json.dumps(asdict(request), default=str)


def _read(text: str) -> Request:
    values: dict[str, Any] = json.loads(text)
    table = values["table"]
    if table is not None:
        table = LabelTable(**{**table, "file": Path(table["file"]), "labels": tuple(table["labels"])})
    return Request(**{**values, "path": Path(values["path"]), "table": table})
