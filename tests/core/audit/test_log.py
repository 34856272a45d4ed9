"""The record on disk: rows only come in, each hangs on the one before, and whatever was done to them is found."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.audit.entry import Entry, chained
from core.audit.log import GUARDS, AuditLog, User
from core.audit.verification import verify
from core.errors import AuditError
from core.ui.access.user import known_user
from tests.serving import CHECKOUT

ENTRY = Entry(
    at="2026-01-02T03:04:05.678Z",
    who=User.LOCAL,
    what="reading",
    input_sha256="a" * 64,
    frame=1,
    model_id="made-chest",
    model_version="1.0",
    model_sha256="b" * 64,
    settings='{"operating_points": {}}',
    answer='{"Pneumonia": {"call": true, "score": 0.83}}',
)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditLog:
    """Return a record of five rows."""
    monkeypatch.setenv("LIGHTBOX_DATA", str(tmp_path))
    log = AuditLog()
    for frame in range(1, 6):
        log.append(replace(ENTRY, frame=frame))
    return log


def change(log: AuditLog, *statements: str) -> None:
    """Do to the database what its triggers would stop."""
    with closing(sqlite3.connect(log.path)) as database:
        for name in GUARDS:
            database.execute(f"DROP TRIGGER {name}")
        for statement in (*statements, *GUARDS.values()):
            database.execute(statement)
        database.commit()


def test_the_hash_is_over_the_row_before_and_the_content(log: AuditLog) -> None:
    first, second, *_ = log.rows()
    said = [first.sha256, 2, ENTRY.at, "local", "reading", "a" * 64, 2, "made-chest", "1.0", "b" * 64]
    content = json.dumps([*said, ENTRY.settings, ENTRY.answer], separators=(",", ":"))
    assert second.previous == first.sha256
    assert second.sha256 == hashlib.sha256(content.encode()).hexdigest()
    assert first.previous == "0" * 64


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET answer = '{}' WHERE number = 3",
        "DELETE FROM entries WHERE number = 5",
        "INSERT OR REPLACE INTO entries SELECT * FROM entries WHERE number = 5",
        "INSERT INTO entries SELECT 9, at, who, what, input_sha256, frame, model_id, model_version, model_sha256, "
        "settings, answer, previous, sha256 FROM entries WHERE number = 5",
    ],
)
def test_the_database_refuses_all_but_the_next_row(log: AuditLog, statement: str) -> None:
    with closing(sqlite3.connect(log.path)) as database, pytest.raises(sqlite3.IntegrityError, match="audit record"):
        database.execute(statement)
    assert verify(log).rows == 5


SWAP = (
    "UPDATE entries SET number = 99 WHERE number = 2",
    "UPDATE entries SET number = 2 WHERE number = 3",
    "UPDATE entries SET number = 3 WHERE number = 99",
)


@pytest.mark.parametrize(
    ("statements", "row"),
    [
        *(((f"UPDATE entries SET {name} = 'x' WHERE number = 3",), 3) for name in Entry.__slots__),
        (("UPDATE entries SET previous = sha256 WHERE number = 4",), 4),
        (("DELETE FROM entries WHERE number = 1",), 1),
        (("DELETE FROM entries WHERE number = 3",), 3),
        (("DELETE FROM entries WHERE number = 3", "UPDATE entries SET number = number - 1 WHERE number > 3"), 3),
        (SWAP, 2),
        (("DELETE FROM entries WHERE number > 3",), 4),
        (("DELETE FROM entries",), 1),
    ],
)
def test_the_first_bad_row_is_named(
    log: AuditLog, statements: tuple[str, ...], row: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "verify"]) == 0
    assert "5 rows, each as it was written" in capsys.readouterr().out
    change(log, *statements)
    assert main(["audit", "verify"]) == 1
    said = capsys.readouterr().out
    assert f"Row {row} " in said
    assert f"{row - 1} rows before it are sound" in said


def test_a_chain_that_was_computed_anew_is_found_by_the_head(log: AuditLog) -> None:
    kept = log.head()
    previous, values = "0" * 64, []
    for number, old in enumerate(log.rows(), start=1):
        row = chained(number, replace(old.entry, answer="{}"), previous)
        previous = row.sha256
        values.append(
            f"UPDATE entries SET answer = '{{}}', previous = '{row.previous}', sha256 = '{row.sha256}' "
            f"WHERE number = {number}"
        )
    change(log, *values)
    assert "Row 5 is another" in verify(log).fault
    # Whoever writes the head as well is only found by one that was kept elsewhere.
    (log.folder / "audit.head").write_text(f"5 {previous}\n")
    assert verify(log).fault == ""
    assert "kept" in verify(log, kept=kept).fault


def test_a_head_that_was_kept_holds_for_a_record_that_grew(log: AuditLog, capsys: pytest.CaptureFixture[str]) -> None:
    number, sha256 = log.head()
    log.append(ENTRY)
    assert main(["audit", "verify", "--head", f"{number}:{sha256}"]) == 0
    assert main(["audit", "verify", "--head", f"9:{sha256}"]) == 1
    assert "Row 7 is missing" in capsys.readouterr().out


def test_rows_newer_than_the_head_are_no_fault(log: AuditLog) -> None:
    fourth = list(log.rows())[3]
    (log.folder / "audit.head").write_text(f"4 {fourth.sha256}\n")
    found = verify(log)
    assert (found.rows, found.fault) == (5, "")
    assert found.notice.startswith("1 rows are newer")


def test_triggers_that_were_taken_away_are_told(log: AuditLog) -> None:
    with closing(sqlite3.connect(log.path)) as database:
        database.execute("DROP TRIGGER entries_keep")
    assert "entries_keep" in verify(log).fault


def test_a_file_that_is_no_record_says_so(log: AuditLog, capsys: pytest.CaptureFixture[str]) -> None:
    log.path.write_bytes(b"no database" * 1000)
    assert main(["audit", "verify"]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_without_a_record_there_is_nothing_wrong(tmp_path: Path) -> None:
    assert verify(AuditLog(tmp_path / "none")).rows == 0
    assert not (tmp_path / "none").exists()


PEOPLE = [
    (("proxy", "ada@example.org"), ["--proxy", "ada@example.org"]),
    (("oidc", "https://id.example.org", "17"), ["--oidc", "https://id.example.org", "17"]),
]


@pytest.mark.parametrize(("identity", "asked"), PEOPLE)
def test_users_are_numbers_and_roles_are_named(
    log: AuditLog, capsys: pytest.CaptureFixture[str], identity: tuple[Any, ...], asked: list[str]
) -> None:
    user = known_user(*identity, name="Ada")
    row = log.append(replace(ENTRY, who=user.id))
    assert row.entry.who == log.append(replace(ENTRY, who=user.id)).entry.who
    assert row.entry.who != log.append(replace(ENTRY, who=known_user("proxy", "bob", name="Bob").id)).entry.who
    assert b"example.org" not in log.path.read_bytes()
    assert main(["audit", "who", *asked]) == 0
    assert capsys.readouterr().out == f"{row.entry.who}\n"
    assert {row.entry.who for row in log.rows()} >= {"local", row.entry.who}


def test_the_table_holds_every_row(log: AuditLog, tmp_path: Path) -> None:
    assert main(["audit", "export", "--csv", str(tmp_path / "a.csv")]) == 0
    rows = list(csv.DictReader((tmp_path / "a.csv").open(encoding="utf-8")))
    assert [(row["number"], row["frame"], row["sha256"]) for row in rows] == [
        (str(row.number), str(row.entry.frame), row.sha256) for row in log.rows()
    ]
    assert rows[0]["answer"] == ENTRY.answer


WRITER = """
import sys
from dataclasses import replace
from core.audit.log import AuditLog
from tests.core.audit.test_log import ENTRY
for frame in range(1, 41):
    AuditLog().append(replace(ENTRY, frame=frame, answer=sys.argv[1]))
"""


def test_two_processes_write_one_chain(log: AuditLog) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, name], cwd=CHECKOUT) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert verify(log) == replace(verify(log), rows=85, fault="", notice="")
    for name in "ab":
        assert [row.entry.frame for row in log.rows() if row.entry.answer == name] == list(range(1, 41))


def limited_to(size: int) -> Callable[[], None]:
    import resource  # not on Windows

    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


FULL = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from core.audit.log import AuditLog
from core.errors import AuditError
from tests.core.audit.test_log import ENTRY
for _ in range(500):
    try:
        AuditLog().append(ENTRY)
    except AuditError as error:
        print(error.code)
        break
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for files")
def test_a_row_that_the_system_does_not_take_leaves_a_whole_record(log: AuditLog) -> None:
    size = log.path.stat().st_size
    ran = subprocess.run(
        [sys.executable, "-c", FULL],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=limited_to(size + 8192),
    )
    assert ran.stdout.split() == ["audit-not-written"]
    found = verify(log)
    assert found.rows > 5
    assert found.fault == ""
    log.append(ENTRY)
    assert verify(log).rows == found.rows + 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_the_record_is_for_its_user_alone(log: AuditLog) -> None:
    assert log.path.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AuditError, match="could not be written"):
        AuditLog(tmp_path / "file" / "below").append(ENTRY)
