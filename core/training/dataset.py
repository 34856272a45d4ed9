"""A labelled folder: one folder of images per class, or such folders below `train`, `val` and `test`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from core.domain import Image
from core.errors import DatasetError
from core.io import load_path
from core.training.split import Part

PART_FOLDERS = {
    **dict.fromkeys(("train", "training"), Part.TRAINING),
    **dict.fromkeys(("val", "valid", "validation"), Part.VALIDATION),
    **dict.fromkeys(("test", "testing"), Part.TEST),
}
"""Names, in lower case, of folders that hold a part of a data set that was divided by its makers."""


@dataclass(frozen=True, slots=True)
class Example:
    """A file of a labelled folder, not read yet.

    `patient` groups what must stay together; `part` is where the makers of the data set put the file, None where they
    leave that to the split.
    """

    path: Path
    class_name: str
    patient: str
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that could not be used, and why."""

    path: Path
    reason: str


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
    pattern = _compiled(patient_pattern)
    return tuple(
        Example(path, class_folder.name, patient_of(path, pattern, root=folder), part)
        for part, parent in _part_folders(folder)
        for class_folder in _class_folders(parent)
        for path in _files_of_class(class_folder)
    )


def patient_of(path: Path, pattern: re.Pattern[str] | None, *, root: Path) -> str:
    """Return the groups of the pattern that matched in the file's name, joined; else the path below `root`."""
    match = pattern.search(path.stem) if pattern else None
    if match is None:
        return path.relative_to(root).as_posix()
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


def _files_of_class(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    if not files:
        raise DatasetError(f"The class “{folder.name}” has no files.", code="empty-class")
    return files


def _compiled(patient_pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(patient_pattern) if patient_pattern else None
    except re.error as error:
        raise DatasetError(
            f"The patient pattern is not a regular expression: {error}.", code="bad-patient-pattern"
        ) from error
