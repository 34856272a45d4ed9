"""The files of a model folder: whole, readable, and never half written."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from core.errors import ModelError


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_file(folder: Path, name: str) -> None:
    """Raise ModelError where a model folder lacks a file."""
    if not (folder / name).is_file():
        raise ModelError(
            f"The model folder is incomplete: {name} is missing.",
            hint="Copy the model folder again from where it came.",
            code="model-incomplete",
        )


def read_text(path: Path) -> str:
    """Return the text of a file; ModelError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{path.name} cannot be read as text in UTF-8.",
            hint="Copy the model folder again from where it came.",
            code="model-file-unreadable",
        ) from error


def replace_file(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there, so that nobody reads half of it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
        except BaseException:
            temporary.unlink()
            raise
    temporary.chmod(0o644)
    temporary.replace(path)
