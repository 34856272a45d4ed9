"""Decoded pictures on disk, memory-mapped, so that an epoch is bound by the network and not by reading files.

Pictures are kept as the model's own preprocessing leaves them before normalisation, at a working size a little larger
than the network's input, as one byte per pixel.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain import Image, InputSpec
from core.errors import CoreError, DatasetError
from core.models.preprocessing import to_unit
from core.training.dataset import Example, LeftOut, open_file

Progress = Callable[[str], None]
Picture = NDArray[np.uint8]

SECONDS_BETWEEN_REPORTS = 5.0
FILES_BEFORE_REPORTS = 20
"""The first ones wait for the decoders to start, and say nothing of the rate."""

READERS = min(4, os.cpu_count() or 1)
"""Files that are read at the same time."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """The pictures that could be read.

    Attributes
    ----------
    examples : tuple of Example, (N,)
        One for each slice or frame of the files.
    pixels : ndarray of uint8, (N, rows, columns)
        Memory-mapped; 0 is black.
    shapes : ndarray of int, (N, 2)
        Rows and columns of the pictures themselves.
    left_out : tuple of LeftOut
    coloured : int
        How many are in true colour; of these the luminance is kept.
    """

    examples: tuple[Example, ...]
    pixels: Picture
    shapes: NDArray[np.int64]
    left_out: tuple[LeftOut, ...]
    coloured: int = 0


def cached_pictures(
    examples: Sequence[Example], *, spec: InputSpec, size: tuple[int, int], folder: Path, progress: Progress
) -> Pictures:
    """Return the pictures from the cache, which is filled where it does not hold exactly these files and settings.

    Parameters
    ----------
    examples : sequence of Example
        One for each file; a file with several slices or frames gives as many pictures. Where nothing else says who
        the patient is, the header of the file does.

    Raises
    ------
    DatasetError
        Not one file could be read.
    """
    spec = replace(spec, size=size)
    key = _key(examples, spec)
    pixels, contents = folder / f"{key}.pixels", folder / f"{key}.json"
    if not contents.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _fill(examples, spec, pixels=pixels, contents=contents, progress=progress)
    return _opened(examples, pixels=pixels, contents=contents)


def _key(examples: Sequence[Example], spec: InputSpec) -> str:
    """Digest what the cache depends on: preprocessing, and each file's name, size and time."""
    digest = hashlib.sha256(repr(spec).encode())
    for example in examples:
        facts = example.path.stat() if example.path.is_file() else None
        stamp = (facts.st_size, facts.st_mtime_ns) if facts else "absent"
        digest.update(f"{example.path}\0{stamp}\n".encode())
    return digest.hexdigest()[:24]


# ── Filling ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """What became of a file: its pictures as `(frame, rows, columns, is_colour, picture)`, and why others failed."""

    patient_id: str
    pictures: tuple[tuple[int, int, int, bool, Picture], ...]
    failures: tuple[str, ...]


@dataclass(slots=True)
class _Contents:
    """What stands beside the pixels.

    `frames` are the pictures in their order: number of the example, number of the frame, rows, columns. `failures`
    name an example and the reason. `patients` gives the patient of an example whose header names one, as a number: no
    identity is written.
    """

    size: tuple[int, int]
    frames: list[tuple[int, int, int, int]] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)
    patients: dict[int, int] = field(default_factory=dict)
    coloured: int = 0


def _fill(examples: Sequence[Example], spec: InputSpec, *, pixels: Path, contents: Path, progress: Progress) -> None:
    """Read every file once and append its pictures, so that memory holds a few files at a time."""
    found, known, pace = _Contents(spec.size), dict[str, int](), _Pace(len(examples), progress)
    unfinished = pixels.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        for index, read in enumerate(_read_ahead(examples, spec)):
            if read.patient_id:
                found.patients[index] = known.setdefault(read.patient_id, len(known))
            for frame, rows, columns, is_colour, picture in read.pictures:
                file.write(picture.tobytes())
                found.frames.append((index, frame, rows, columns))
                found.coloured += is_colour
            found.failures.extend((index, reason) for reason in read.failures)
            pace.step()
    unfinished.replace(pixels)
    unfinished.write_text(json.dumps(asdict(found)), encoding="utf-8")
    unfinished.replace(contents)


def _read_ahead(examples: Sequence[Example], spec: InputSpec) -> Iterator[_File]:
    """Read files in their order, a few at a time: decoders are other processes, and threads keep them busy."""
    with ThreadPoolExecutor(READERS) as readers:
        waiting: deque[Future[_File]] = deque()
        for example in examples:
            waiting.append(readers.submit(_read_file, example.path, spec))
            if len(waiting) > READERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _read_file(path: Path, spec: InputSpec) -> _File:
    try:
        opened = open_file(path)
    except CoreError as error:
        return _File("", (), (str(error),))
    pictures, failures = [], []
    for number, frame in enumerate(opened.frames):
        try:
            image = frame.load()
            pictures.append((number, *image.shape, image.is_colour, as_bytes(image, spec)))
        except CoreError as error:
            failures.append(str(error))
    return _File(opened.patient_id, tuple(pictures), tuple(failures))


def as_bytes(image: Image, spec: InputSpec) -> Picture:
    """Return an image as a gray model would see it before normalisation, (rows, columns) with 0 black."""
    picture: Picture = np.rint(to_unit(image, spec).values[0] * 255).astype(np.uint8)
    return picture


class _Pace:
    """Says every few seconds how far the work is, how fast it goes and how long it will take."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress
        self._done, self._start = 0, time.monotonic()
        self._told = self._start

    def step(self) -> None:
        self._done += 1
        now = time.monotonic()
        is_early = self._done < FILES_BEFORE_REPORTS or now - self._told < SECONDS_BETWEEN_REPORTS
        if is_early and self._done < self._total:
            return
        self._told = now
        rate = self._done / max(now - self._start, 1e-6)
        left = (self._total - self._done) / rate
        self._progress(f"decoded {self._done} of {self._total} files, {rate:.0f} a second; {left:.0f} s left")


# ── Opening ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _opened(examples: Sequence[Example], *, pixels: Path, contents: Path) -> Pictures:
    facts: dict[str, Any] = json.loads(contents.read_text(encoding="utf-8"))
    frames = np.array(facts["frames"], dtype=np.int64).reshape(-1, 4)
    if not len(frames):
        raise DatasetError("None of the files could be read as a picture.", code="nothing-readable")
    patients = {int(index): number for index, number in facts["patients"].items()}
    return Pictures(
        examples=tuple(
            _of_frame(examples[index], frame, patients.get(index)) for index, frame in frames[:, :2].tolist()
        ),
        pixels=np.memmap(pixels, dtype=np.uint8, mode="r").reshape(len(frames), *facts["size"]),
        shapes=frames[:, 2:],
        left_out=tuple(LeftOut(examples[index].path, reason) for index, reason in facts["failures"]),
        coloured=facts["coloured"],
    )


def _of_frame(example: Example, frame: int, patient: int | None) -> Example:
    if patient is None or example.patient_from != "file":
        return replace(example, frame=frame)
    return replace(example, frame=frame, patient=f"patient {patient} of the headers", patient_from="header")


def ignore_in_version_control(folder: Path) -> None:
    """Keep a folder of intermediate files out of version control, as test runners do with their caches."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / ".gitignore"
    if not note.exists():
        note.write_text(f"*{os.linesep}", encoding="utf-8")
