"""A labelled folder: one folder of images per class, or such folders below `train`, `val` and `test`.

Labels that come in a table are read by `core.training.label_table`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Literal

from core.domain import Frame, Image
from core.errors import DatasetError
from core.io import load_path
from core.training.split import Part

PART_FOLDERS = {
    **dict.fromkeys(("train", "training"), Part.TRAINING),
    **dict.fromkeys(("val", "valid", "validation"), Part.VALIDATION),
    **dict.fromkeys(("test", "testing"), Part.TEST),
}
"""Names, in lower case, of folders that hold a part of a data set that was divided by its makers."""

PatientSource = Literal["table", "name", "header", "file"]


@dataclass(frozen=True, slots=True)
class Example:
    """A picture of a labelled folder, not read yet.

    Attributes
    ----------
    path : Path
    labels : tuple of str
        What the picture shows: the name of its class folder, or what a table says, which may be several or nothing.
    patient : str
        Groups what must stay together.
    patient_from : {"table", "name", "header", "file"}
        What says who the patient is: a column of the table, the file's name, its header, or nothing, so that every
        file is taken for a patient of its own.
    frame : int
        Number of the picture in its file, from 0.
    part : Part or None
        Where the makers of the data set put it, None where they leave that to the split.
    subgroups : tuple of (str, str)
        Other columns of the table and what they hold.
    """

    path: Path
    labels: tuple[str, ...]
    patient: str
    patient_from: PatientSource = "file"
    frame: int = 0
    part: Part | None = None
    subgroups: tuple[tuple[str, str], ...] = ()

    @property
    def class_name(self) -> str:
        """The labels as one name."""
        return " and ".join(self.labels) or "none"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file, or a picture of one, that could not be used, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class OpenFile:
    """A file whose header was read. `patient_id` is what that says, empty where it does not: it is never written."""

    frames: tuple[Frame, ...]
    patient_id: str


def find_examples(folder: Path, *, patient_pattern: str = "") -> tuple[Example, ...]:
    """List the files of every class folder, ordered by name.

    Where the folder holds `train` (and `val`, `test`), those hold the class folders, and the division is the data
    set's own. Hidden files and folders are passed over. A file whose name does not hold the pattern is a patient of
    its own.

    Raises
    ------
    DatasetError
        There is no such folder, fewer than two classes, an empty class or a pattern that is not one.
    """
    _require_classes(folder)
    examples = examples_by_name(file_names(folder), patient_pattern=patient_pattern)
    return tuple(replace(example, path=folder / example.path) for example in examples)


def file_names(folder: Path) -> list[PurePosixPath]:
    """Return the names of all files below a folder, from there on; hidden files and folders are passed over."""
    names = (PurePosixPath(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file())
    return [name for name in names if not any(part.startswith(".") for part in name.parts)]


def examples_by_name(names: Iterable[PurePosixPath], *, patient_pattern: str = "") -> tuple[Example, ...]:
    """Return examples for files that lie in class folders, or in such folders below those of parts, ordered by name.

    Files that lie in no class folder are passed over.

    Parameters
    ----------
    names : iterable of PurePosixPath
        From the folder of data on; so are the paths of the examples.

    Raises
    ------
    DatasetError
        The pattern is not one.
    """
    pattern = compiled_pattern(patient_pattern)
    listed = tuple(names)
    has_parts = any(_part_of(name) is Part.TRAINING for name in listed)
    placed = [(_part_of(name), name.parts[1:]) if has_parts else (None, name.parts) for name in listed]
    examples = [
        Example(Path(name), (below[0],), *patient_of(Path(name), pattern, name=name.as_posix()), part=part)
        for name, (part, below) in zip(listed, placed, strict=True)
        if len(below) > 1
    ]
    return tuple(sorted(examples, key=lambda one: (one.part or Part.TRAINING, one.path)))


def _part_of(name: PurePosixPath) -> Part | None:
    """Return the part of a data set that the first folder of a name stands for."""
    return PART_FOLDERS.get(name.parts[0].lower()) if len(name.parts) > 2 else None


def patient_of(path: Path, pattern: re.Pattern[str] | None, *, name: str) -> tuple[str, PatientSource]:
    """Return the groups of the pattern that matched in the file's name, joined; else the `name` of the file itself."""
    match = pattern.search(path.stem) if pattern else None
    if match is None:
        return name, "file"
    return "/".join(group for group in match.groups() if group) or match.group(), "name"


# ── Reading ───────────────────────────────────────────────────────────────────────────────────────────────────────


def open_file(path: Path) -> OpenFile:
    """Read the header of a file: a picture, a clip, or a volume, whose slices are its pictures.

    Raises
    ------
    DatasetError
        The file holds no picture.
    StudyError
        The file cannot be read.
    """
    study = load_path(path)
    frames = tuple(frame for series in study.series for frame in series.frames)
    if not frames:
        rejected = study.rejected[0]
        raise DatasetError(rejected.message, hint=rejected.hint, code=rejected.code)
    facts = [fact.value for fact in study.series[0].facts if fact.keyword == "PatientID"]
    return OpenFile(frames, facts[0] if facts else "")


def read_images(examples: Iterable[Example]) -> Iterator[Image]:
    """Decode the pictures in their order; a file is opened once for all of its pictures that follow one another.

    Raises
    ------
    StudyError
        A picture cannot be decoded.
    """
    for path, of_file in groupby(examples, key=lambda one: one.path):
        frames = open_file(path).frames
        for example in of_file:
            yield frames[example.frame].load()


# ── Folders ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _part_folders(folder: Path) -> list[tuple[Part | None, Path]]:
    """Return the folders that hold class folders, with the part that each is: the folder itself where it is whole."""
    if not folder.is_dir():
        raise DatasetError("There is no such folder of data.", hint="Check the path.", code="no-data")
    folders = _visible_folders(folder)
    parts = sorted((PART_FOLDERS[one.name.lower()], one) for one in folders if one.name.lower() in PART_FOLDERS)
    if not parts or parts[0][0] is not Part.TRAINING:
        return [(None, folder)]
    others = [one.name for one in folders if one.name.lower() not in PART_FOLDERS]
    if others:
        raise DatasetError(
            f"Beside the parts of the data set there is the folder “{others[0]}”.",
            hint="Put only folders named train, val and test there, or only those of the classes.",
            code="parts-and-classes",
        )
    return list(parts)


def _class_folders(folder: Path) -> list[Path]:
    classes = _visible_folders(folder)
    if len(classes) < 2:
        raise DatasetError(
            f"The folder of data holds {len(classes)} folders; at least two classes are needed.",
            hint="Put the images of each class into a folder named after it.",
            code="too-few-classes",
        )
    return classes


def _visible_folders(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))


def _require_classes(folder: Path) -> None:
    for _, parent in _part_folders(folder):
        for one in _class_folders(parent):
            if not any(path.is_file() and not path.name.startswith(".") for path in one.rglob("*")):
                raise DatasetError(f"The class “{one.name}” has no files.", code="empty-class")


def compiled_pattern(patient_pattern: str) -> re.Pattern[str] | None:
    """Return the pattern, None for an empty one.

    Raises
    ------
    DatasetError
        It is not a regular expression.
    """
    try:
        return re.compile(patient_pattern) if patient_pattern else None
    except re.error as error:
        raise DatasetError(
            f"The patient pattern is not a regular expression: {error}.", code="bad-patient-pattern"
        ) from error
