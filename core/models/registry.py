"""Which models there are: the folders below `weights/`.

Reading them loads no weights and does not import PyTorch. A damaged folder is reported beside the sound ones.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.domain import ModelSpec
from core.errors import ModelError
from core.models.spec import read_spec

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


def model_folder(spec: ModelSpec, root: Path | None = None) -> Path:
    """Return the folder that a listed model was read from."""
    return (weights_root() if root is None else root) / spec.id


def _read(folder: Path) -> ModelSpec | DamagedModel:
    try:
        spec = read_spec(folder)
        _require_same_name(spec, folder)
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
