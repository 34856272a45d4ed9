"""Which models there are: the folders below `weights/`.

Reading them loads no weights and does not import PyTorch. A damaged folder is reported beside the sound ones. Operating
points that were saved in this installation (`core.models.saved_points`) stand among the model's own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.domain import ModelSpec
from core.errors import ModelError
from core.models.files import sha256_of
from core.models.saved_points import with_saved_points
from core.models.spec import WEIGHTS_FILE, read_spec

WEIGHTS_VARIABLE = "LIGHTBOX_WEIGHTS"
"""Environment variable that names another folder of models."""

_CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, eq=False)
class DamagedModel:
    """A model folder that cannot be used, and why."""

    id: str
    error: ModelError


def weights_root() -> Path:
    """Return the folder of model folders: `LIGHTBOX_WEIGHTS` where it is set, else `weights/` of the checkout."""
    chosen = os.environ.get(WEIGHTS_VARIABLE)
    return Path(chosen) if chosen else _CHECKOUT / "weights"


def list_models(root: Path | None = None) -> tuple[ModelSpec | DamagedModel, ...]:
    """Read all model folders, in the order of their names; none where the folder of models does not exist."""
    root = weights_root() if root is None else root
    if not root.is_dir():
        return ()
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    return tuple(_read(folder) for folder in folders)


def find_model(model_id: str, root: Path | None = None) -> ModelSpec:
    """Return the model with this id.

    Raises
    ------
    ModelError
        There is none, or its folder is damaged.
    """
    entries = {entry.id: entry for entry in list_models(root)}
    entry = entries.get(model_id)
    if isinstance(entry, DamagedModel):
        raise entry.error
    if entry is None:
        raise ModelError(
            f"There is no model “{model_id}”.",
            hint=f"Models in this installation: {', '.join(entries) or 'none'}.",
            code="model-unknown",
        )
    return entry


def find_shipped_model(model_id: str, root: Path | None = None) -> ModelSpec:
    """Return the model with this id as its folder has it, without operating points that were saved beside it.

    Raises
    ------
    ModelError
        As `find_model`.
    """
    return read_spec(model_folder(find_model(model_id, root), root))


def model_folder(spec: ModelSpec, root: Path | None = None) -> Path:
    """Return the folder that a listed model was read from."""
    return (weights_root() if root is None else root) / spec.id


def weights_size(spec: ModelSpec, root: Path | None = None) -> int:
    """Return the size of a listed model's weights in bytes."""
    return (model_folder(spec, root) / WEIGHTS_FILE).stat().st_size


def has_written_weights(spec: ModelSpec, root: Path | None = None) -> bool:
    """Whether the weights are those that the model was written with, by their SHA-256.

    The file is read once for each state of it (size and time of change): some tens of milliseconds.
    """
    path = model_folder(spec, root) / WEIGHTS_FILE
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns) == spec.sha256


@lru_cache(maxsize=256)
def _digest(path: Path, _size: int, _changed_ns: int) -> str:
    return sha256_of(path)


def _read(folder: Path) -> ModelSpec | DamagedModel:
    try:
        spec = read_spec(folder)
        _require_same_name(spec, folder)
        spec = with_saved_points(spec)
    except ModelError as error:
        return DamagedModel(folder.name, error)
    return spec


def _require_same_name(spec: ModelSpec, folder: Path) -> None:
    # A folder copied under another name would give two models one id.
    if spec.id != folder.name:
        raise ModelError(
            f"The field “id” of model.toml holds “{spec.id}”, but the folder is called “{folder.name}”.",
            hint="Give both the same name.",
            code="model-id-differs",
        )
