"""What is known already: every image's answer, kept in a database on this machine.

An answer is keyed by the SHA-256 of the file, the frame and everything else that it depends on, so the same image is
never computed twice, whatever its name and whoever asks. It is written as soon as it is there: a process that is
killed loses what it was at, and no more.

No patient's name or ID is in the database, and no file's name: patients, institutions and files are numbers made with
a key of this store. Of a job it holds where the set lies, what its labels mean and who asked, until the job is
forgotten; names are read from the set itself when its owner looks at the outcome. The database is readable by this
user only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.data_folder import DATA_VARIABLE, data_folder
from core.errors import DatasetError

PASSING = frozenset({"decoding-timeout", "decoder-unavailable", "decoder-crashed", "program-fault"})
"""Codes of faults that need not be the file's: they count for a run, and are not kept for the next."""
DATABASE = "evaluations.sqlite"
_FORMAT = 1
_BUSY_S = 30.0
_MOST_VARIABLES = 500

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stamps (stamp TEXT PRIMARY KEY, sha256 TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (key TEXT PRIMARY KEY, facts TEXT NOT NULL, thumb BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL,
    created REAL NOT NULL, started REAL, ended REAL, seconds REAL NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0, computed INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0, rate REAL NOT NULL DEFAULT 0, message TEXT NOT NULL DEFAULT '',
    cancel INTEGER NOT NULL DEFAULT 0, holder TEXT NOT NULL DEFAULT '', held_until REAL NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS cases (
    job TEXT NOT NULL, file TEXT NOT NULL, frame INTEGER NOT NULL, sha256 TEXT NOT NULL, answer TEXT NOT NULL,
    code TEXT NOT NULL, message TEXT NOT NULL, PRIMARY KEY (job, file, frame)
) WITHOUT ROWID;
"""
"""`files.key` holds the version of what read it; `cases.file` is a pseudonym of the file's name in its set, and
`cases.answer` the key of an answer, empty where the file has none."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file says of itself, without identity.

    Attributes
    ----------
    sha256 : str
    frames : int
        Pictures in it; 0 where it cannot be read.
    patient : str
        A number for the patient of the header, empty where it names none.
    attributes : mapping of str to str
        For subgroups: `Sex`, `Age`, `View`, `Modality`, `Manufacturer`, `Institution`; only what is known.
    code, message : str
        Why it cannot be read; empty where it can.
    """

    sha256: str
    frames: int = 0
    patient: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said of a frame, before calibration; `code` and `message` say why it could not be asked.

    `distance` is that from the images of training; `notices` are the codes of what the header says against the model.
    """

    logits: tuple[float, ...] = ()
    distance: float | None = None
    notices: tuple[str, ...] = ()
    code: str = ""
    message: str = ""


class Store:
    """The database; safe to share among threads, and among processes.

    Parameters
    ----------
    folder : Path, optional
        `data_folder()` when left out; made where it is not there.

    Raises
    ------
    DatasetError
        The folder cannot be written to, or the database is of another version.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = data_folder() if folder is None else folder
        self._local = threading.local()
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self.transaction() as database:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    database.execute(statement)
                database.execute("INSERT OR IGNORE INTO keys VALUES ('format', ?)", (_FORMAT,))
                database.execute("INSERT OR IGNORE INTO keys VALUES ('pseudonyms', ?)", (secrets.token_bytes(32),))
                known = dict(database.execute("SELECT name, value FROM keys").fetchall())
        except (OSError, sqlite3.Error) as error:
            raise DatasetError(
                "The folder for Lightbox's data cannot be written to.",
                hint=f"Name another one in the environment variable {DATA_VARIABLE}.",
                code="no-data-folder",
            ) from error
        if known["format"] != _FORMAT:
            raise DatasetError(
                f"The data folder was written by another version (format {known['format']}; {_FORMAT} is read).",
                hint=f"Name an empty folder in the environment variable {DATA_VARIABLE}.",
                code="data-folder-format",
            )
        self._key: bytes = known["pseudonyms"]

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what is done inside, or nothing of it.

        Raises
        ------
        DatasetError
            The disk is full, or fails.
        """
        database = self._connection()
        try:
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")
        except BaseException as error:
            # On some failures SQLite has taken everything back already.
            if database.in_transaction:
                database.execute("ROLLBACK")
            if _is_of_disk(error):
                raise _not_kept() from error
            raise

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a query."""
        return self._connection().execute(statement, values).fetchall()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Yield the rows of a query as they come."""
        yield from self._connection().execute(statement, values)

    def close(self) -> None:
        """Close this thread's connection."""
        database = getattr(self._local, "database", None)
        if database is not None:
            database.close()
            self._local.database = None

    def pseudonym(self, *identity: str) -> str:
        """Return a number that always stands for the same identity in this store, and from which it cannot be told."""
        return hmac.new(self._key, "\0".join(identity).encode(), hashlib.sha256).hexdigest()[:16]

    def _connection(self) -> sqlite3.Connection:
        database: sqlite3.Connection | None = getattr(self._local, "database", None)
        if database is None:
            path = self.folder / DATABASE
            path.touch(mode=0o600)
            database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")  # with WAL a killed process loses nothing
            self._local.database = database
        return database

    # ── Files and answers ─────────────────────────────────────────────────────────────────────────────────────────

    def hashes_of(self, stamps: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 of files that were read before, by their stamps."""
        return dict(self._chosen("SELECT stamp, sha256 FROM stamps WHERE stamp IN", stamps))

    def facts_of(self, hashes: Iterable[str], version: str) -> dict[str, FileFacts]:
        """Return what is known of files, by their SHA-256, as read by this version of the readers."""
        keys = {f"{sha256}:{version}": sha256 for sha256 in hashes}
        rows = self._chosen("SELECT key, facts FROM files WHERE key IN", keys)
        return {keys[key]: FileFacts(sha256=keys[key], **json.loads(facts)) for key, facts in rows}

    def thumb_of(self, sha256: str, version: str) -> bytes | None:
        """Return the small picture of a file, empty where it has none; None where that is not known."""
        rows = self.read("SELECT thumb FROM files WHERE key = ?", (f"{sha256}:{version}",))
        return rows[0][0] if rows else None

    def answers_of(self, keys: Iterable[str]) -> dict[str, Answer]:
        """Return the answers that are there, by their keys."""
        rows = self._chosen("SELECT key, answer FROM answers WHERE key IN", keys)
        return {key: parse_answer(answer) for key, answer in rows}

    def answered(self, keys: Iterable[str]) -> set[str]:
        """Return which answers are there."""
        return {key for (key,) in self._chosen("SELECT key FROM answers WHERE key IN", keys)}

    def ended(self, job: str, files: Iterable[str]) -> set[str]:
        """Return of which files a job has the cases."""
        return {file for (file,) in self._chosen("SELECT file FROM cases WHERE job = ? AND file IN", files, job)}

    def _chosen(self, statement: str, keys: Iterable[str], *first: str) -> Iterator[Any]:
        wanted = list(keys)
        for start in range(0, len(wanted), _MOST_VARIABLES):
            part = wanted[start : start + _MOST_VARIABLES]
            yield from self.rows(f"{statement} ({', '.join('?' * len(part))})", (*first, *part))


def _is_of_disk(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    return code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


def _not_kept() -> DatasetError:
    return DatasetError(
        "What was computed cannot be kept: the disk with Lightbox's data is full, or fails.",
        hint="Make room on it and start the evaluation again: what was kept before is not computed anew.",
        code="data-folder-full",
    )


def put_file(
    database: sqlite3.Connection, facts: FileFacts, *, version: str, stamp: str, thumb: bytes | None = None
) -> None:
    """Remember a file; one that is known is replaced only by one with a small picture."""
    content = {
        "frames": facts.frames,
        "patient": facts.patient,
        "attributes": dict(facts.attributes),
        "code": facts.code,
        "message": facts.message,
    }
    key = f"{facts.sha256}:{version}"
    if thumb is None:
        database.execute("INSERT OR IGNORE INTO files VALUES (?, ?, NULL)", (key, json.dumps(content)))
    else:
        database.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (key, json.dumps(content), thumb))
    if stamp:
        database.execute("INSERT OR REPLACE INTO stamps VALUES (?, ?)", (stamp, facts.sha256))


def put_answer(database: sqlite3.Connection, key: str, answer: Answer) -> None:
    """Remember an answer."""
    content = {
        "logits": answer.logits,
        "distance": answer.distance,
        "notices": answer.notices,
        "code": answer.code,
        "message": answer.message,
    }
    database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, json.dumps(content)))


def parse_answer(text: str) -> Answer:
    """Return an answer as it stands in the database."""
    content: dict[str, Any] = json.loads(text)
    return Answer(**{**content, "logits": tuple(content["logits"]), "notices": tuple(content["notices"])})
