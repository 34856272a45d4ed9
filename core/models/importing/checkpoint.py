"""Read a file of weights that somebody else wrote, without ever running code that it may hold."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from core.errors import ModelError

WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "module", "network", "net", "weights", "params")
"""Names under which training programs keep the weights beside other things; the first that holds a table is taken."""

ACCEPTED = "Accepted are .safetensors, and .pth or .pt as torch.save(model.state_dict(), …) writes them."
SAVE_WEIGHTS_ALONE = (
    "Where it came from, save the weights alone, torch.save(model.state_dict(), 'weights.pth') or as safetensors, "
    "and import that file."
)

_NAMED_CODE = re.compile(r"GLOBAL (\S+)")
_MEANS_CODE = ("GLOBAL", "Trying to call reduce", "Can only create new object", "Can only build", "persistent_load")
"""Parts of what torch's reader says when a file wants more than numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Weights by the names that their file gives them.

    Attributes
    ----------
    state : dict of str to Tensor
    sha256 : str
        Of the whole file, in hexadecimal digits.
    notes : tuple of str
        What had to be done to get at the weights, in sentences.
    """

    state: dict[str, Tensor]
    sha256: str
    notes: tuple[str, ...] = ()


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a safetensors file or a checkpoint of PyTorch; what it is is told by its content, not by its name.

    Raises
    ------
    ModelError
        The file is missing or damaged, holds program code, or holds no weights.
    """
    return checkpoint_from(read_bytes(path))


def checkpoint_from(content: bytes) -> Checkpoint:
    """Read the bytes of a checkpoint; as `read_checkpoint`."""
    found = _safetensors(content) if is_safetensors(content) else _pickled(content)
    table, wrapper = _unwrapped(found)
    state = {key: value for key, value in table.items() if isinstance(key, str) and isinstance(value, Tensor)}
    if not state:
        raise _without_weights(found)
    notes = [f"The weights were found under “{wrapper}”."] if wrapper else []
    if len(state) < len(table):
        notes.append("Entries that are no weights were left out.")
    return Checkpoint(state, hashlib.sha256(content).hexdigest(), tuple(notes))


def read_bytes(path: Path) -> bytes:
    """Read a checkpoint's bytes.

    Raises
    ------
    ModelError
        There is no such file, or it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            "The checkpoint does not exist, or is no file that can be read.",
            hint=f"Check the path. {ACCEPTED}",
            code="checkpoint-missing",
        ) from error


def is_safetensors(content: bytes) -> bool:
    """Whether bytes begin as safetensors do: the length of a JSON object in 8 bytes, then the object."""
    return content[8:9] == b"{" and int.from_bytes(content[:8], "little") < len(content)


def unreadable(reason: str) -> ModelError:
    """Return the error for a file that is no checkpoint, or a damaged one."""
    return ModelError(
        f"The checkpoint cannot be read as weights ({reason}).",
        hint=f"Copy it again from where it came. {ACCEPTED}",
        code="checkpoint-unreadable",
    )


def _safetensors(content: bytes) -> Mapping[str, Tensor]:
    try:
        return load(content)
    except SafetensorError as error:
        raise unreadable("a damaged safetensors file") from error


def _pickled(content: bytes) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(str(error)) from error
    except Exception as error:  # torch names no common base for what a damaged file raises
        if "TorchScript" in str(error):
            raise _holds_code("it is a TorchScript program") from error
        raise unreadable("neither safetensors nor a whole checkpoint of PyTorch") from error


def _refused(reason: str) -> ModelError:
    if not any(part in reason for part in _MEANS_CODE):
        return unreadable("neither safetensors nor a whole checkpoint of PyTorch")
    named = _NAMED_CODE.search(reason)
    return _holds_code(f"it names “{named[1]}”" if named else "it holds a whole Python object")


def _holds_code(what: str) -> ModelError:
    return ModelError(
        f"The checkpoint holds more than weights: {what}, and reading that would mean running code of the file. "
        "It was not run.",
        hint=SAVE_WEIGHTS_ALONE,
        code="checkpoint-holds-code",
    )


def _unwrapped(found: Any) -> tuple[Mapping[Any, Any], str]:
    """Return the innermost table of a checkpoint, and the name that it lies under."""
    if not isinstance(found, Mapping):
        raise _without_weights(found)
    name = next((name for name in WRAPPERS if isinstance(found.get(name), Mapping)), "")
    if not name:
        return found, ""
    table, inner = _unwrapped(found[name])
    return table, f"{name}.{inner}" if inner else name


def _without_weights(found: Any) -> ModelError:
    names = ", ".join(f"“{name}”" for name in list(found)[:8]) if isinstance(found, Mapping) else ""
    holds = f"a table of {names}" if names else "an empty table" if isinstance(found, Mapping) else "no table of names"
    return ModelError(
        f"The checkpoint holds no weights by name, but {holds}.",
        hint=f"Looked for were {', '.join(WRAPPERS)}. {ACCEPTED}",
        code="checkpoint-without-weights",
    )
