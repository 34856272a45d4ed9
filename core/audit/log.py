"""The record on disk: a database to which rows can only be added, and a file with its head."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.audit.entry import START, Entry, Row, chained
from core.data_folder import DATA_VARIABLE, data_folder
from core.errors import AuditError

log = logging.getLogger("lightbox")

DATABASE, HEAD = "audit.sqlite", "audit.head"
_BUSY_S = 5.0
"""How long a row waits for those of other processes. Each takes some milliseconds."""
_COLUMNS = tuple(field.name for field in fields(Entry))

GUARDS = {
    "entries_stay": """CREATE TRIGGER entries_stay BEFORE DELETE ON entries
        BEGIN SELECT RAISE(ABORT, 'rows of the audit record cannot be removed'); END""",
    "entries_keep": """CREATE TRIGGER entries_keep BEFORE UPDATE ON entries
        BEGIN SELECT RAISE(ABORT, 'rows of the audit record cannot be changed'); END""",
    # REPLACE would remove a row without the trigger for removals.
    "entries_follow": """CREATE TRIGGER entries_follow BEFORE INSERT ON entries
        WHEN NEW.number != (SELECT COALESCE(MAX(number), 0) + 1 FROM entries)
        BEGIN SELECT RAISE(ABORT, 'rows of the audit record can only be added at its end'); END""",
}
"""Triggers by name; they stop mistakes, and whoever takes them away is found by `verify`."""

_TABLES = (
    f"""CREATE TABLE IF NOT EXISTS entries (
        number INTEGER PRIMARY KEY, {", ".join(f"{name} NOT NULL" for name in _COLUMNS)},
        previous TEXT NOT NULL, sha256 TEXT NOT NULL)""",
    "CREATE TABLE IF NOT EXISTS keys (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
)


class User(StrEnum):
    """Who is no person with a name: written as it is. Everybody else becomes a number."""

    LOCAL = "local"
    """Whoever sits in front of the machine."""
    COMMAND_LINE = "command line"


class AuditLog:
    """The record; safe to share among threads, and among processes.

    Parameters
    ----------
    folder : Path, optional
        `data_folder()` when left out; made with the first row.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = data_folder() if folder is None else folder

    @property
    def path(self) -> Path:
        """The database."""
        return self.folder / DATABASE

    def append(self, entry: Entry, *, once: str = "") -> Row | None:
        """Add a row at the end, with `entry.who` as `pseudonym` gives it; it is on the disk when this returns.

        Parameters
        ----------
        entry : Entry
        once : str
            Number of an evaluation, part of the entry's settings. Where a row has it already, that was recorded before
            its process died: nothing is added, and None is returned.

        Raises
        ------
        AuditError
            It cannot be written.
        """
        try:
            with self._writing() as database:
                if once and _is_recorded(database, once):
                    return None
                who = self._pseudonym(database, entry.who)
                row = _next(database, Entry(**{**_as_dict(entry), "who": who}))
                marks = ", ".join("?" * (len(_COLUMNS) + 3))
                values = (row.number, *astuple(row.entry), row.previous, row.sha256)
                database.execute(f"INSERT INTO entries VALUES ({marks})", values)  # noqa: S608  only marks
            self._write_head()
        except (OSError, sqlite3.Error) as error:
            raise AuditError(
                "The audit record could not be written.",
                hint=f"Tell whoever runs this server: the folder of its data ({DATA_VARIABLE}) may be full or "
                "protected, and `python -m core audit verify` says whether the record is sound.",
                code="audit-not-written",
            ) from error
        return row

    def pseudonym(self, user: str) -> str:
        """Return what stands in this record for a user: a role as it is, a number for everybody else."""
        with self._writing() as database:
            return self._pseudonym(database, user)

    def rows(self) -> Iterator[Row]:
        """Yield all rows as they stand, in the order of their numbers; none where there is no record.

        Raises
        ------
        AuditError
            The file is no such record.
        """
        if not self.path.exists():
            return
        columns = ", ".join(("number", *_COLUMNS, "previous", "sha256"))
        try:
            with closing(self._connect()) as database:
                query = f"SELECT {columns} FROM entries ORDER BY number"  # noqa: S608  names of this module
                for number, *content, previous, sha256 in database.execute(query):
                    yield Row(number, Entry(*content), previous, sha256)
        except sqlite3.Error as error:
            raise _unreadable() from error

    def missing_guards(self) -> list[str]:
        """Return which triggers are gone or were changed."""
        if not self.path.exists():
            return []
        try:
            with closing(self._connect()) as database:
                query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
                found = dict(database.execute(query).fetchall())
        except sqlite3.Error as error:
            raise _unreadable() from error
        return [name for name, statement in GUARDS.items() if found.get(name) != statement]

    def head(self) -> tuple[int, str]:
        """Return number and SHA-256 of the last row as the file beside the database says; (0, START) without it.

        Raises
        ------
        AuditError
            The file is damaged.
        """
        try:
            number, sha256 = (self.folder / HEAD).read_text("ascii").split()
            return int(number), sha256
        except FileNotFoundError:
            return 0, START
        except (OSError, ValueError) as error:
            raise _unreadable() from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Commit what is done inside, or nothing of it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.touch(mode=0o600)
        with closing(self._connect()) as database:
            database.execute("BEGIN IMMEDIATE")
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'keys'").fetchone():
                for statement in (*_TABLES, *GUARDS.values()):
                    database.execute(statement)
                database.execute("INSERT INTO keys VALUES ('pseudonyms', ?)", (secrets.token_bytes(32),))
            yield database
            # Without it, closing the connection takes everything back.
            database.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        # One file, with SQLite's own journal and what is committed on the disk: it can be copied and put away.
        return sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)

    def _pseudonym(self, database: sqlite3.Connection, user: str) -> str:
        if user in set(User):
            return user
        ((key,),) = database.execute("SELECT value FROM keys WHERE name = 'pseudonyms'")
        return f"user {hmac.new(key, user.encode(), hashlib.sha256).hexdigest()[:16]}"

    def _write_head(self) -> None:
        """Write the number and hash of the last row beside the database.

        Under the lock of the database, so that of two processes none puts back an older head. A head that is behind is
        no fault of the record; one that cannot be written is told to the log.
        """
        with closing(self._connect()) as database:
            database.execute("BEGIN IMMEDIATE")
            number, sha256 = _last(database)
            new = self.folder / f"{HEAD}.{os.getpid()}"
            try:
                new.write_text(f"{number} {sha256}\n", "ascii")
                new.replace(self.folder / HEAD)
            except OSError as error:
                log.warning("The head of the audit record could not be written: %s.", type(error).__name__)
                new.unlink(missing_ok=True)


def _last(database: sqlite3.Connection) -> tuple[int, str]:
    query = "SELECT number, sha256 FROM entries ORDER BY number DESC LIMIT 1"
    row: tuple[int, str] = database.execute(query).fetchone() or (0, START)
    return row


def _is_recorded(database: sqlite3.Connection, once: str) -> bool:
    query = "SELECT 1 FROM entries WHERE what = 'evaluation' AND instr(settings, ?) LIMIT 1"
    return database.execute(query, (once,)).fetchone() is not None


def _next(database: sqlite3.Connection, entry: Entry) -> Row:
    number, previous = _last(database)
    return chained(number + 1, entry, previous)


def _as_dict(entry: Entry) -> dict[str, Any]:
    return dict(zip(_COLUMNS, astuple(entry), strict=True))


def _unreadable() -> AuditError:
    return AuditError(
        "The audit record cannot be read.",
        hint="Its files are damaged or were replaced; bring them back from a copy.",
        code="audit-unreadable",
    )
