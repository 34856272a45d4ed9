"""A labelled set as its owner brings it: a folder or zip with a folder for each class, or with a table of labels.

Nothing is unpacked: the files of a zip are read where they are, one at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from core.errors import DatasetError, StudyError
from core.io.archive import ZipFolder, is_clutter
from core.io.limits import DEFAULT_LIMITS, MIB, Limits
from core.training.config import LabelTable
from core.training.dataset import Example, examples_by_name, file_names
from core.training.label_table import column_names, read_label_table


class Files(Protocol):
    """Where the files of a set lie; threads may share one."""

    def read(self, name: str) -> bytes:
        """Return the bytes of a file.

        Raises
        ------
        StudyError
            It cannot be read or is too large.
        """

    def stamp(self, name: str) -> str:
        """Return what changes when the content of a file does, and holds no name; empty where it is not there."""

    def close(self) -> None:
        """Let go of open files."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSet:
    """The files of a set and what they are said to show.

    Attributes
    ----------
    examples : tuple of Example
        Their paths are names inside the set.
    names : tuple of str
        The labels that the set itself uses: of its folders, or in its table.
    unlabelled : tuple of str
        Names of files that no folder or row gives a label.
    truth_from : str
        Where the labels come from, in words.
    files : Files
    """

    examples: tuple[Example, ...]
    names: tuple[str, ...]
    unlabelled: tuple[str, ...]
    truth_from: str
    files: Files = field(repr=False)


def open_set(
    path: Path, *, table: LabelTable | None = None, patient_pattern: str = "", limits: Limits = DEFAULT_LIMITS
) -> LabelledSet:
    """List the files of a labelled folder or zip; none of them is read.

    Where everything lies in one folder around the folders of the classes, that one is passed over.

    Parameters
    ----------
    path : Path
    table : LabelTable, optional
        In place of class folders; `find_table` makes one of a CSV file. Its paths start from the folder.
    patient_pattern : str
        Finds the patient in a file's name.

    Raises
    ------
    DatasetError
        There is nothing there, no file has a label, or the table cannot be used.
    StudyError
        The zip is damaged.
    """
    files, names = _opened(path, limits)
    if table is None:
        prefix = _wrapping_folder(names)
        files = _Below(files, prefix)
        names = [PurePosixPath(str(name).removeprefix(prefix)) for name in names]
        examples = examples_by_name(names, patient_pattern=patient_pattern)
        examples = tuple(replace(one, subgroups=_part_as_subgroup(one)) for one in examples)
        truth_from = "the folder that each file lies in"
    else:
        examples = read_label_table(table, root=Path(), patient_pattern=patient_pattern)
        truth_from = "a table of labels"
    if not examples:
        raise DatasetError(
            "No file of the set has a label.",
            hint="Put the images of each class into a folder named after it, or give a table (path, labels).",
            code="no-labelled-files",
        )
    known = {one.path.as_posix() for one in examples}
    return LabelledSet(
        examples=examples,
        names=_label_names(examples, table),
        unlabelled=tuple(str(name) for name in names if str(name) not in known),
        truth_from=truth_from,
        files=files,
    )


def find_table(file: Path) -> LabelTable:
    """Return what the columns of a CSV file are, told by their names: path, labels, patient.

    Where no column is called after labels, those that hold 0 and 1 alone have a label each.

    Raises
    ------
    DatasetError
        It cannot be read, or the column of paths or of labels cannot be told.
    """
    columns, marks = column_names(file)
    known = {_bare(name): name for name in reversed(columns)}
    path = next((known[name] for name in _PATH_NAMES if name in known), "")
    labels = tuple(known[name] for name in _LABEL_NAMES if name in known)[:1] or marks
    patient = next((known[name] for name in _PATIENT_NAMES if name in known), "")
    if not path or not labels:
        raise DatasetError(
            f"The table of labels has the columns {', '.join(columns)}; it needs “path” and “labels”, or a column of "
            "0 and 1 for each label.",
            hint="Rename the columns, or say which column holds what.",
            code="no-such-column",
        )
    return LabelTable(file, path, labels, patient)


_PATH_NAMES = ("path", "file", "filename", "filepath", "image", "imagepath", "imageindex")
_LABEL_NAMES = ("labels", "label", "class", "findings", "finding", "findinglabels", "diagnosis")
_PATIENT_NAMES = ("patient", "patientid", "subject", "subjectid")


def _bare(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _label_names(examples: Sequence[Example], table: LabelTable | None) -> tuple[str, ...]:
    used = dict.fromkeys(name for one in examples for name in one.labels)
    columns = table.labels if table is not None and len(table.labels) > 1 else ()
    return tuple(dict.fromkeys((*columns, *sorted(used))))


def _part_as_subgroup(example: Example) -> tuple[tuple[str, str], ...]:
    return () if example.part is None else (("part of the data set", example.part.name.lower()),)


# ── Where files lie ───────────────────────────────────────────────────────────────────────────────────────────────


def _opened(path: Path, limits: Limits) -> tuple[Files, list[PurePosixPath]]:
    if path.is_dir():
        names = [name for name in file_names(path) if not is_clutter(str(name))]
        return _Folder(path, limits), sorted(names)
    if path.is_file():
        archive = _Zip(path, limits)
        return archive, sorted(PurePosixPath(name) for name in archive.members)
    raise DatasetError("There is no such folder or zip.", hint="Check the path.", code="no-data")


class _Folder:
    def __init__(self, root: Path, limits: Limits) -> None:
        self._root, self._limits = root.resolve(), limits

    def read(self, name: str) -> bytes:
        path = self._root / name
        try:
            if not path.resolve().is_relative_to(self._root):
                raise _outside()
            size = path.stat().st_size
            if size > self._limits.max_file_bytes:
                raise StudyError(
                    f"The file has {size / MIB:,.0f} MiB; up to {self._limits.max_file_bytes / MIB:,.0f} are accepted.",
                    code="file-too-large",
                )
            return path.read_bytes()
        except FileNotFoundError:
            raise _not_found() from None
        except OSError:
            raise StudyError(
                "The file could not be read from the disk.", hint="Check its permissions.", code="unreadable"
            ) from None

    def stamp(self, name: str) -> str:
        try:
            facts = (self._root / name).stat()
        except OSError:
            return ""
        # As version control does: content that changes moves one of these.
        return _digest(facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)

    def close(self) -> None:
        """Hold nothing open."""


class _Zip:
    def __init__(self, path: Path, limits: Limits) -> None:
        facts = path.stat()
        self._own = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        self._archive = ZipFolder(path, limits=limits)
        self.members = self._archive.names

    def read(self, name: str) -> bytes:
        try:
            return self._archive.read(name)
        except KeyError:
            raise _not_found() from None

    def stamp(self, name: str) -> str:
        try:
            return _digest(*self._own, *self._archive.checksum(name), name)
        except KeyError:
            return ""

    def close(self) -> None:
        self._archive.close()


class _Below:
    """The files below a folder of a set."""

    def __init__(self, files: Files, prefix: str) -> None:
        self._files, self._prefix = files, prefix

    def read(self, name: str) -> bytes:
        return self._files.read(self._prefix + name)

    def stamp(self, name: str) -> str:
        return self._files.stamp(self._prefix + name)

    def close(self) -> None:
        self._files.close()


def _wrapping_folder(names: Sequence[PurePosixPath]) -> str:
    """Return the folders around all others, with "/" at the end: those that hold one folder and nothing else."""
    depth = 0
    while names and all(len(name.parts) > depth + 2 for name in names):
        if len({name.parts[depth] for name in names}) > 1:
            break
        depth += 1
    return "".join(f"{part}/" for part in names[0].parts[:depth]) if names else ""


def _digest(*facts: object) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _not_found() -> StudyError:
    return StudyError("The file that the table names is not there.", hint="Check its path.", code="file-not-found")


def _outside() -> StudyError:
    return StudyError("The file lies outside of the set.", hint="Put it into the folder.", code="outside-folder")
