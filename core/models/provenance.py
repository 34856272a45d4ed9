"""Which files a model was made with, so that nobody measures it on images that it has learnt from.

`training-images.txt` in the model folder holds, for each file of training and validation, the first 16 hexadecimal
digits of its SHA-256, a line each and sorted: 17 bytes a file. Among a million files two share such a prefix with a
probability of 3 · 10⁻⁸. A file cannot be found from it; whoever has the file can see whether it was used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from core.errors import ModelError
from core.models.files import replace_file, sha256_of
from core.models.spec import TRAINING_FILE

DIGITS = 16

_LINE = re.compile(rf"[0-9a-f]{{{DIGITS}}}")


def image_hash(uid: str) -> str:
    """Return what stands in the list for a file: of its SHA-256, or of the `uid` of an image or frame in it."""
    return uid[:DIGITS]


def write_training_hashes(folder: Path, files: Iterable[Path]) -> None:
    """Write the list for the model of a folder, from the files of its training and validation."""
    digests = sorted({image_hash(sha256_of(file)) for file in files})
    replace_file(folder / TRAINING_FILE, "".join(f"{digest}\n" for digest in digests).encode())


def training_hashes(folder: Path) -> frozenset[str]:
    """Return the list of a model folder, to compare with `image_hash`; empty where it is not known.

    Raises
    ------
    ModelError
        The list is damaged.
    """
    file = folder / TRAINING_FILE
    if not file.is_file():
        return frozenset()
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    if not all(_LINE.fullmatch(line) for line in lines):
        raise ModelError(
            f"{TRAINING_FILE} does not hold one hash a line.",
            hint="Copy the model folder again from where it came.",
            code="model-file-unreadable",
        )
    return frozenset(lines)
