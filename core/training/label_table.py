"""Labels that come in a table: a CSV file with one row for each image file.

    path,labels,patient,split,sex
    a/001.dcm,effusion|nodule,p1,train,F
    a/002.dcm,,p2,val,M

The labels of a file stand in one column, separated by | or ;, or have a column each that holds 0 or 1. Rows of the
same file add up. Columns that have no other meaning become subgroups.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import DatasetError
from core.training.config import LabelTable
from core.training.dataset import PART_FOLDERS, Example, PatientSource, compiled_pattern, patient_of
from core.training.split import Part

Row = Mapping[str, str]

_TRUTH = {"0": False, "1": True, "0.0": False, "1.0": True}
_DELIMITERS = (",", ";", "\t")
_SEPARATORS = re.compile(r"[|;]")


def read_label_table(table: LabelTable, *, root: Path, patient_pattern: str = "") -> tuple[Example, ...]:
    """Return the files that a table names, in its order; they need not be there.

    Parameters
    ----------
    table : LabelTable
    root : Path
        Folder that the paths in the table start from.
    patient_pattern : str
        Finds the patient in a file's name where the table has no column for it.

    Raises
    ------
    DatasetError
        The table cannot be read, lacks a column or holds what it must not; the row is named by its line.
    """
    rows = _rows(table.file)
    columns = _Columns(table, tuple(rows[0]), compiled_pattern(patient_pattern))
    columns.require_known()
    is_listed = len(table.labels) == 1 and not all(row[table.labels[0]] in _TRUTH for row in rows)
    examples: dict[Path, Example] = {}
    for line, row in enumerate(rows, start=2):
        labels = _listed(row[table.labels[0]]) if is_listed else _marked(row, table.labels, line)
        example = columns.example(row, root, labels, line)
        examples[example.path] = _added(examples.get(example.path), example, line)
    return tuple(examples.values())


def column_names(file: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of all columns of a table, and of those that hold 0 and 1 alone.

    Raises
    ------
    DatasetError
        The table cannot be read.
    """
    rows = _rows(file)
    names = tuple(rows[0])
    return names, tuple(name for name in names if all(row[name] in _TRUTH for row in rows))


@dataclass(frozen=True, slots=True)
class _Columns:
    """What the columns of a table mean."""

    table: LabelTable
    names: tuple[str, ...]
    pattern: re.Pattern[str] | None

    def require_known(self) -> None:
        for name in (self.table.path, *self.table.labels, self.table.patient, self.table.split):
            if name and name not in self.names:
                raise DatasetError(
                    f"The table of labels has no column “{name}”; it has {', '.join(self.names)}.",
                    hint="Say which column holds what (--path-column, --label-columns, --patient-column, "
                    "--split-column).",
                    code="no-such-column",
                )

    def example(self, row: Row, root: Path, labels: tuple[str, ...], line: int) -> Example:
        named = row[self.table.path]
        if not named:
            raise _bad_row(line, "names no file")
        path = root / named
        patient = self._patient(row, path, named)
        return Example(path, labels, *patient, part=self._part(row, line), subgroups=self._subgroups(row))

    def _patient(self, row: Row, path: Path, named: str) -> tuple[str, PatientSource]:
        if self.table.patient and row[self.table.patient]:
            return row[self.table.patient], "table"
        return patient_of(path, self.pattern, name=named)

    def _part(self, row: Row, line: int) -> Part | None:
        value = row[self.table.split] if self.table.split else ""
        if not value:
            return None
        if value.lower() not in PART_FOLDERS:
            raise _bad_row(line, f"belongs to “{value}”; train, val and test are accepted")
        return PART_FOLDERS[value.lower()]

    def _subgroups(self, row: Row) -> tuple[tuple[str, str], ...]:
        used = {self.table.path, *self.table.labels, self.table.patient, self.table.split}
        return tuple((name, row[name]) for name in self.names if name not in used)


def _rows(file: Path) -> list[Row]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            head = lines.readline()
            lines.seek(0)
            delimiter = max(_DELIMITERS, key=head.count)
            rows = list(csv.DictReader(lines, delimiter=delimiter, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            "The table of labels cannot be read.", hint="Give a CSV file in UTF-8.", code="unreadable-table"
        ) from error
    if not rows:
        raise DatasetError("The table of labels has no rows.", code="empty-table")
    return [_stripped(row, line) for line, row in enumerate(rows, start=2)]


def _stripped(row: Mapping[str | None, str | None], line: int) -> Row:
    if None in row or None in row.values():
        raise _bad_row(line, "does not have as many cells as there are columns")
    return {str(name).strip(): str(value).strip() for name, value in row.items()}


def _listed(cell: str) -> tuple[str, ...]:
    """Return the labels of a cell, each once."""
    return tuple(dict.fromkeys(name for part in _SEPARATORS.split(cell) if (name := part.strip())))


def _marked(row: Row, columns: Sequence[str], line: int) -> tuple[str, ...]:
    """Return the columns that hold 1."""
    for column in columns:
        if row[column] not in _TRUTH:
            raise _bad_row(line, f"holds “{row[column]}” in the column “{column}”; 0 and 1 are accepted")
    return tuple(column for column in columns if _TRUTH[row[column]])


def _added(first: Example | None, second: Example, line: int) -> Example:
    """Return what two rows say of the same file."""
    if first is None:
        return second
    if (first.patient, first.part) != (second.patient, second.part):
        raise _bad_row(line, "names a file that was named before, with another patient or another part")
    return replace(first, labels=tuple(dict.fromkeys((*first.labels, *second.labels))))


def _bad_row(line: int, what: str) -> DatasetError:
    return DatasetError(f"Line {line} of the table of labels {what}.", hint="Correct the table.", code="bad-row")


def count_subgroups(examples: Iterable[Example]) -> dict[str, dict[str, int]]:
    """Count the pictures of each value of each further column.

    Values of fewer than `FEWEST` pictures are counted together, and a column of more than `MOST_VALUES` values by their
    number only, so that no single patient can be told from the counts.
    """
    columns: dict[str, dict[str, int]] = {}
    for example in examples:
        for name, value in example.subgroups:
            counts = columns.setdefault(name, {})
            counts[value or "not given"] = counts.get(value or "not given", 0) + 1
    return {name: _coarse(counts) for name, counts in columns.items()}


MOST_VALUES, FEWEST = 12, 5


def _coarse(counts: Mapping[str, int]) -> dict[str, int]:
    if len(counts) > MOST_VALUES:
        return {f"{len(counts)} different values": sum(counts.values())}
    kept = {value: n for value, n in sorted(counts.items()) if n >= FEWEST}
    rest = sum(counts.values()) - sum(kept.values())
    return {**kept, **({f"others, fewer than {FEWEST} each": rest} if rest else {})}
