"""How much an upload may ask of this machine, and how much of it is kept for how long.

Every limit of the intake is compared with what a header claims, before anything is allocated or inflated.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from core.errors import StudyError

MIB = 2**20
GIB = 2**30

VARIABLE_PREFIX = "LIGHTBOX_"
"""Of the environment variables that change a limit: LIGHTBOX_MAX_FILES=500 is `max_files`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets of the intake. The defaults hold the largest studies that a reading room sees, with room to spare.

    Attributes
    ----------
    max_files : int
        Files of one upload, the members of its zip archives counted.
    max_file_bytes : int
        Bytes of one file, as it was uploaded or came out of an archive.
    max_total_bytes : int
        Bytes of all files of one upload together, after archives are unpacked.
    max_inflated_bytes : int
        Bytes that one compressed file (gzip, deflated DICOM) may grow to.
    max_zip_ratio : float
        Unpacked over packed size of an archive's member or of a deflated DICOM file. Deflate cannot exceed 1032; empty
        CT slices reach about 200.
    zip_ratio_floor_bytes : int
        Archives, members and files that unpack to less than this are never called bombs: black pictures compress well.
    max_pixels_per_frame : int
        Rows × columns of one DICOM frame or slice. The largest mammograms have 30 million.
    max_raster_pixels : int
        Rows × columns of a picture file. Well under the 89 million at which Pillow itself begins to warn.
    max_frames : int
        Frames of one file: slices of a volume, pictures of a clip, pages of a TIFF.
    max_volume_bytes : int
        Bytes of one decoded volume (NIfTI, MetaImage, NRRD); 512 × 512 × 2000 of 16 bits are 1 GiB.
    max_time_points : int
        Time points of a 4-D volume that are shown; the rest are named and left out.
    max_sequence_depth : int
        DICOM sequences within sequences.
    min_side : int
        Fewest rows and columns. A single pixel, row or column is no picture; whether a small one is enough for a model
        is for the model to say.
    max_decoders : int
        Processes that decode compressed pixels side by side.
    max_decoding_bytes : int
        Memory that one of them may take for one picture or volume. Held on Linux alone; elsewhere the sizes that
        headers claim are the bound.
    max_decoding_seconds : float
        Time for one picture or volume, after which its decoder is ended.
    """

    max_files: int = 10_000
    max_file_bytes: int = 1 * GIB
    max_total_bytes: int = 4 * GIB
    max_inflated_bytes: int = 1 * GIB
    max_zip_ratio: float = 400.0
    zip_ratio_floor_bytes: int = 64 * MIB
    max_pixels_per_frame: int = 100_000_000
    max_raster_pixels: int = 50_000_000
    max_frames: int = 20_000
    max_volume_bytes: int = 1 * GIB
    max_time_points: int = 16
    max_sequence_depth: int = 64
    min_side: int = 2
    max_decoders: int = max(1, min(4, os.cpu_count() or 1))
    max_decoding_bytes: int = 4 * GIB
    max_decoding_seconds: float = 60.0

    def most_unpacked(self, packed: int) -> int:
        """Return how many bytes may come out of so many packed ones before they are called a bomb."""
        return int(max(self.zip_ratio_floor_bytes, self.max_zip_ratio * packed))


def _half_of_memory() -> int:
    """Return half of this machine's memory in bytes; 8 GiB where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):  # Windows has no such call
        return 8 * GIB


@dataclass(frozen=True, slots=True)
class Keeping:
    """Budgets of the studies that are open in the browser.

    Attributes
    ----------
    max_study_bytes_per_user : int
        Bytes of the open studies of one user together, what was decoded of them included.
    max_study_bytes : int
        Bytes of the open studies of all users. Half of the machine's memory, if not set.
    max_idle_minutes : float
        After which a study that nobody uses is closed.
    """

    max_study_bytes_per_user: int = 4 * GIB
    max_study_bytes: int = _half_of_memory()
    max_idle_minutes: float = 30.0


Kind = TypeVar("Kind", Limits, Keeping)


def limits_from(environment: Mapping[str, str], kind: type[Kind]) -> Kind:
    """Return the limits of a kind, with those that the environment sets in place of the defaults.

    Raises
    ------
    ValueError
        When a value is not a number above zero: a limit that was meant must not be passed over.
    """
    changed: dict[str, Any] = {}
    for field in fields(kind):
        variable = VARIABLE_PREFIX + field.name.upper()
        if variable in environment:
            changed[field.name] = _number(variable, environment[variable], type(field.default))
    return kind(**changed)


def _number(variable: str, value: str, kind: type) -> float:
    try:
        number: float = kind(value)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        what = "a whole number" if kind is int else "a number"
        raise ValueError(f"{variable} is {value!r}; it must be {what} above 0.")
    return number


DEFAULT_LIMITS = limits_from(os.environ, Limits)
DEFAULT_KEEPING = limits_from(os.environ, Keeping)


class OverBudgetError(StudyError):
    """An upload as a whole asks for too much: a part of a study must not pass for the whole."""


class Budget:
    """What is left of `Limits.max_files` and `Limits.max_total_bytes` for one upload."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._files = 0
        self._bytes = 0

    @property
    def spent_bytes(self) -> int:
        """Bytes that were charged so far."""
        return self._bytes

    def spend(self, size: int, *, files: int = 1) -> None:
        """Charge `size` bytes of so many files.

        Raises
        ------
        OverBudgetError
            When the upload as a whole is over its budget.
        """
        self._files += files
        self._bytes += size
        if self._files > self._limits.max_files:
            raise OverBudgetError(
                f"The upload holds more than {self._limits.max_files} files.",
                hint="Bring one study at a time.",
                code="too-many-files",
            )
        if self._bytes > self._limits.max_total_bytes:
            raise OverBudgetError(
                f"The upload holds more than {self._limits.max_total_bytes / GIB:g} GiB.",
                hint="Bring one study at a time.",
                code="upload-too-large",
            )
