"""Decoded pictures on disk, memory-mapped, so that an epoch is bound by the network and not by reading files.

Pictures are kept as the model's own preprocessing leaves them before normalisation, at a working size a little larger
than the network's input, as one byte per pixel.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.domain import InputSpec
from core.errors import CoreError, DatasetError
from core.models.preprocessing import to_unit
from core.training.dataset import Example, LeftOut, read_example

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """The readable examples and their pictures.

    Attributes
    ----------
    examples : tuple of Example, (N,)
    pixels : ndarray of uint8, (N, rows, columns)
        Memory-mapped; 0 is black.
    shapes : ndarray of int, (N, 2)
        Rows and columns of the files themselves.
    left_out : tuple of LeftOut
    """

    examples: tuple[Example, ...]
    pixels: NDArray[np.uint8]
    shapes: NDArray[np.int64]
    left_out: tuple[LeftOut, ...]


def cached_pictures(
    examples: Sequence[Example], *, spec: InputSpec, size: tuple[int, int], folder: Path, progress: Progress
) -> Pictures:
    """Return the pictures from the cache, which is filled where it does not hold exactly these files and settings.

    Raises
    ------
    DatasetError
        Not one file could be read.
    """
    spec = replace(spec, size=size)
    key = _key(examples, spec)
    pixels, reasons = folder / f"{key}.npy", folder / f"{key}.json"
    if not reasons.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _fill(examples, spec, pixels=pixels, reasons=reasons, progress=progress)
    return _opened(examples, pixels=pixels, reasons=reasons)


def _key(examples: Sequence[Example], spec: InputSpec) -> str:
    """Digest what the cache depends on: preprocessing, and each file's name, size and time."""
    digest = hashlib.sha256(repr(spec).encode())
    for example in examples:
        facts = example.path.stat()
        digest.update(f"{example.path}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]


def _fill(examples: Sequence[Example], spec: InputSpec, *, pixels: Path, reasons: Path, progress: Progress) -> None:
    unfinished = pixels.with_suffix(".part")
    stored = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=(len(examples), *spec.size))
    shapes, failures = [(0, 0)] * len(examples), {}
    for index, example in enumerate(examples):
        try:
            stored[index], shapes[index] = read_picture(example.path, spec)
        except CoreError as error:
            failures[index] = str(error)
        if index % 500 == 499:
            progress(f"decoded {index + 1} of {len(examples)} files")
    stored.flush()
    unfinished.replace(pixels)
    reasons.write_text(json.dumps({"failures": failures, "shapes": shapes}), encoding="utf-8")


def read_picture(path: Path, spec: InputSpec) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Read a file as the model would see it before normalisation, (rows, columns) with 0 black; and its own shape."""
    image = read_example(path)
    values = to_unit(image, spec).values
    if values.shape[0] != 1:
        raise DatasetError("The picture is in colour; training reads gray pictures only.", code="colour")
    return np.rint(values[0] * 255).astype(np.uint8), image.shape


def _opened(examples: Sequence[Example], *, pixels: Path, reasons: Path) -> Pictures:
    facts = json.loads(reasons.read_text(encoding="utf-8"))
    failures = {int(index): reason for index, reason in facts["failures"].items()}
    kept = [index for index in range(len(examples)) if index not in failures]
    if not kept:
        raise DatasetError("None of the files could be read as a picture.", code="nothing-readable")
    stored = np.load(pixels, mmap_mode="r")
    return Pictures(
        examples=tuple(examples[index] for index in kept),
        pixels=stored if not failures else stored[kept],
        shapes=np.array(facts["shapes"], dtype=np.int64)[kept],
        left_out=tuple(LeftOut(examples[index].path, reason) for index, reason in sorted(failures.items())),
    )


def ignore_in_version_control(folder: Path) -> None:
    """Keep a folder of intermediate files out of version control, as test runners do with their caches."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / ".gitignore"
    if not note.exists():
        note.write_text(f"*{os.linesep}", encoding="utf-8")
