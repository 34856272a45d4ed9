"""Whether the audit record is what was written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.audit.entry import START, Row, row_sha256
from core.audit.log import AuditLog


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found.

    Attributes
    ----------
    rows : int
        Sound rows before the first fault, all where there is none.
    head : str
        SHA-256 of the last of them.
    fault : str
        The first fault in words; empty where the record is whole.
    notice : str
        What is no fault, but worth knowing.
    """

    rows: int
    head: str
    fault: str = ""
    notice: str = ""


def verify(log: AuditLog, *, kept: tuple[int, str] | None = None) -> Verification:
    """Look for the first row that was changed, removed or moved.

    Parameters
    ----------
    log : AuditLog
    kept : (number, sha256), optional
        A head that was noted elsewhere, which must still be part of the record.

    Raises
    ------
    AuditError
        The files cannot be read.
    """
    heads = [log.head(), *([kept] if kept is not None else [])]
    rows, last, fault = _follow(log.rows(), dict(heads))
    fault = fault or _differing(heads) or _cut_off(rows, heads) or _unguarded(log)
    newer = rows - heads[0][0]
    notice = ""
    if not fault and newer:
        notice = f"{newer} rows are newer than the file with the head: a process was stopped, or its disk was full."
    return Verification(rows, last, fault, notice)


def _follow(rows: Iterable[Row], heads: dict[int, str]) -> tuple[int, str, str]:
    """Return how many rows follow each other, the SHA-256 of the last of them, and what is wrong with the next."""
    count, last = 0, START
    for row in rows:
        fault = _fault(row, count + 1, last)
        if not fault and heads.get(row.number, row.sha256) != row.sha256:
            fault = f"Row {row.number} is another than the head that was kept of it: the record was written anew."
        if fault:
            return count, last, fault
        count, last = row.number, row.sha256
    return count, last, ""


def _fault(row: Row, number: int, previous: str) -> str:
    if row.number != number:
        return f"Row {number} is missing: row {row.number} comes in its place."
    if row_sha256(row.number, row.entry, row.previous) != row.sha256:
        return f"Row {number} was changed: its content does not give its SHA-256."
    if row.previous != previous:
        return f"Row {number} does not follow the row before it: rows were removed, moved or put in."
    return ""


def _differing(heads: list[tuple[int, str]]) -> str:
    """Two heads of the same number that differ cannot both be part of the record."""
    numbers = dict(heads)
    return "" if all(numbers[number] == sha256 for number, sha256 in heads) else "The head kept elsewhere differs."


def _cut_off(rows: int, heads: list[tuple[int, str]]) -> str:
    most = max(number for number, _ in heads)
    return (
        f"Row {rows + 1} is missing: the record once had {most} rows, and ends with row {rows}." if rows < most else ""
    )


def _unguarded(log: AuditLog) -> str:
    missing = log.missing_guards()
    return f"The rows are sound, but what keeps them from being changed was removed: {missing}." if missing else ""
