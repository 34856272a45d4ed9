"""Find torchvision's names in the names of a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from torch import Tensor

from core.errors import ModelError
from core.models.network import Network

_OLD_DENSE_LAYER = re.compile(r"(.*denselayer\d+\.(?:norm|conv))\.([12]\.\w+)")
"""Names of DenseNets saved before PyTorch 0.4, torchvision's own files among them: norm.1 is norm1 today."""

_FOREIGN_MARKS = (
    "conv_stem.weight",
    "stem.0.weight",
    "stem.conv.weight",
    "pre_logits.fc1.weight",
    "patch_embed.proj.weight",
)
"""Names of timm's networks that torchvision's of the same architecture do not have."""

SAME_IN_TIMM = "resnet, resnext, wide_resnet and densenet"
"""Families whose names and shapes are the same in timm and torchvision; compared for timm 1.0."""


def fitted(
    state: Mapping[str, Tensor], network: Network, *, architecture: str
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Rename weights to what the network calls them.

    Parameters
    ----------
    state : mapping of str to Tensor
        As a checkpoint holds them.
    network : Network
        Of the architecture that the weights are said to be for; only its names are looked at.
    architecture : str
        Its name, for messages.

    Returns
    -------
    state : dict of str to Tensor
        Whatever could not be matched keeps its name; shapes are not checked.
    notes : tuple of str
        What was renamed or left out, in sentences.

    Raises
    ------
    ModelError
        The names are those of another layout.
    """
    own = tuple(network.state_dict())
    current = {_current_name(key): value for key, value in state.items()}
    notes = ["Names of an old DenseNet were brought up to date."] if current.keys() != state.keys() else []
    inner, dropped = _without_prefix(current, own)
    renamed, moved = _with_last_layer(inner, own, network.last_layer())
    _require_known_layout(renamed, own, architecture)
    return renamed, (*notes, *dropped, *moved)


def channels_of(state: Mapping[str, Tensor], network: Network) -> int | None:
    """Return how many channels the first convolution of a fitted checkpoint reads; None where it has none."""
    first = next(key for key, value in network.state_dict().items() if value.ndim == 4)
    weight = state.get(first)
    return int(weight.shape[1]) if weight is not None and weight.ndim == 4 else None


def outputs_of(state: Mapping[str, Tensor], network: Network) -> int | None:
    """Return how many outputs the last layer of a fitted checkpoint has; None where it has none."""
    weight = state.get(f"{network.last_layer()}.weight")
    return int(weight.shape[0]) if weight is not None and weight.ndim == 2 else None


def _current_name(key: str) -> str:
    return _OLD_DENSE_LAYER.sub(r"\1\2", key)


def _without_prefix(state: Mapping[str, Tensor], own: tuple[str, ...]) -> tuple[dict[str, Tensor], list[str]]:
    """Drop what stands before the network's names: module. of DataParallel, the name of a part of a larger program."""
    first = own[0]
    prefixes = {"", *(key.removesuffix(first) for key in state if key.endswith("." + first))}
    prefix = max(prefixes, key=lambda prefix: (sum(prefix + name in state for name in own), -len(prefix)))
    if not prefix:
        return dict(state), []
    left = [key for key in state if not key.startswith(prefix)]
    notes = [f"“{prefix}” was dropped from the names."]
    if left:
        notes.append(f"Left out, as no part of “{prefix}”: {_listed(left)}.")
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}, notes


def _with_last_layer(state: dict[str, Tensor], own: tuple[str, ...], last: str) -> tuple[dict[str, Tensor], list[str]]:
    """Find a last layer that was wrapped, fc.1 instead of fc: the only one of its part that has weights."""
    part = last.partition(".")[0] + "."
    names = {f"{last}.weight", f"{last}.bias"}
    held = {key for key in state if key.startswith(part)}
    if held == names or names != {key for key in own if key.startswith(part)}:
        return state, []
    weights = {key.removesuffix(".weight") for key in held if state[key].ndim == 2}
    if len(weights) != 1 or held != {f"{weight}.{kind}" for weight in weights for kind in ("weight", "bias")}:
        return state, []
    found = weights.pop()
    note = (
        f"The last layer was found as “{found}”. What stands around it without weights of its own, such as an "
        "activation, cannot be seen in a checkpoint; dropout does not matter."
    )
    return {key.replace(found + ".", last + ".") if key in held else key: state[key] for key in state}, [note]


def _require_known_layout(state: Mapping[str, Tensor], own: tuple[str, ...], architecture: str) -> None:
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    if not missing:
        return
    if any(key.endswith(mark) and key not in own for key in state for mark in _FOREIGN_MARKS):
        raise ModelError(
            f"The checkpoint has the layout of a network of timm, which is not that of torchvision’s {architecture}.",
            hint=f"Of timm’s networks, {SAME_IN_TIMM} have torchvision’s layout and can be imported; others would need "
            "the package timm, which Lightbox does not use. Train torchvision’s architecture instead.",
            code="checkpoint-layout-unknown",
        )
    if not any(key in state for key in own):
        raise ModelError(
            f"The checkpoint has none of the names of {architecture}: it begins with {_listed(list(state)[:1])}, "
            f"expected is “{own[0]}”.",
            hint="Check the architecture (--arch). Weights must have torchvision’s names.",
            code="checkpoint-layout-unknown",
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"“{name}”" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
