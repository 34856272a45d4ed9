"""A labelled folder: one folder of images per class."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from core.domain import Image
from core.errors import DatasetError
from core.io import load_path


@dataclass(frozen=True, slots=True)
class Example:
    """A file of a labelled folder, not read yet. `patient` groups what must stay together."""

    path: Path
    class_name: str
    patient: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that could not be used, and why."""

    path: Path
    reason: str


def find_examples(folder: Path, *, patient_pattern: str = "") -> tuple[Example, ...]:
    """List the files of every class folder, ordered by name.

    Hidden files and folders are passed over. A file whose name does not hold the pattern is a patient of its own.

    Raises
    ------
    DatasetError
        There is no such folder, fewer than two classes, an empty class or a pattern that is not one.
    """
    pattern = _compiled(patient_pattern)
    classes = _class_folders(folder)
    examples = tuple(
        Example(path, one.name, patient_of(path, pattern)) for one in classes for path in _files_under(one)
    )
    empty = sorted({one.name for one in classes} - {example.class_name for example in examples})
    if empty:
        raise DatasetError(f"The class “{empty[0]}” has no files.", code="empty-class")
    return examples


def patient_of(path: Path, pattern: re.Pattern[str] | None) -> str:
    """Return the groups of the pattern that matched in the file's name, joined; else the name itself."""
    match = pattern.search(path.stem) if pattern else None
    if match is None:
        return path.stem
    return "/".join(group for group in match.groups() if group) or match.group()


def read_example(path: Path) -> Image:
    """Decode the one picture of a file.

    Raises
    ------
    DatasetError
        The file holds no picture, or several.
    StudyError
        The picture cannot be decoded.
    """
    study = load_path(path)
    frames = [frame for series in study.series for frame in series.frames]
    if not frames and study.rejected:
        raise DatasetError(study.rejected[0].message, code=study.rejected[0].code)
    if len(frames) != 1:
        raise DatasetError(f"The file holds {len(frames)} pictures; one is expected.", code="not-one-picture")
    return frames[0].load()


def _class_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DatasetError("There is no such folder of data.", hint="Check the path.", code="no-data")
    classes = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    if len(classes) < 2:
        raise DatasetError(
            f"The folder of data holds {len(classes)} folders; at least two classes are needed.",
            hint="Put the images of each class into a folder named after it.",
            code="too-few-classes",
        )
    return classes


def _files_under(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _compiled(patient_pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(patient_pattern) if patient_pattern else None
    except re.error as error:
        raise DatasetError(
            f"The patient pattern is not a regular expression: {error}.", code="bad-patient-pattern"
        ) from error
