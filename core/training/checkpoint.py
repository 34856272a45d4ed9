"""State of an interrupted run, on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from core.errors import TrainingError


def write_checkpoint(path: Path, **state: Any) -> None:
    """Write tensors and plain values; a crash while writing leaves the previous checkpoint whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())  # else a loss of power could leave the new name with no content
    unfinished.replace(path)


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint; None where there is none. Code in the file is never run.

    Raises
    ------
    TrainingError
        The file is damaged.
    """
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch names no common base for what a damaged file raises
        raise TrainingError(
            "The checkpoint of the interrupted run is damaged.",
            hint="Delete it to start the run anew.",
            code="damaged-checkpoint",
        ) from error
    return state
