"""Import a checkpoint of a known architecture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from core.domain import ModelSpec
from core.errors import ModelError
from core.models.importing.card import write_card
from core.models.importing.checkpoint import read_checkpoint
from core.models.importing.described import Description, check_description, spec_of
from core.models.importing.layout import channels_of, fitted, outputs_of
from core.models.network import Network, build_network, load_weights
from core.models.spec import ID_PATTERN, SPEC_FILE, write_model


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """A model folder that was just written, and what its owner should know, in sentences."""

    spec: ModelSpec
    remarks: tuple[str, ...]


def import_checkpoint(path: Path, folder: Path, description: Description) -> Imported:
    """Write a model folder for a checkpoint.

    Parameters
    ----------
    path : Path
        Of a state dict as safetensors or as PyTorch writes it; common wrappings are opened.
    folder : Path
        To write; its name becomes the model's id. It must not hold a model yet.
    description : Description

    Raises
    ------
    ModelError
        The file cannot be read without running code, its weights do not fit the architecture (the first mismatch is
        named), or the description contradicts itself. Nothing is written then.
    """
    check_folder(folder)
    check_description(description)
    architecture, labels = architecture_name(description.architecture), len(description.labels)
    description = replace(description, architecture=architecture)
    names = build_network(architecture, labels=labels)
    checkpoint = read_checkpoint(path)
    state, notes = fitted(checkpoint.state, names, architecture=architecture)
    _require_outputs(outputs_of(state, names), labels)
    channels = _channels(channels_of(state, names), description.channels)
    network = build_network(architecture, labels=labels, channels=channels)
    load_weights(network, state)
    version = version_of(checkpoint.sha256)
    spec, assumed = spec_of(description, model_id=folder.name, version=version, channels=channels)
    try_out(network, spec)
    notes = (*checkpoint.notes, *notes)
    card = write_card(spec, assumed=assumed, notes=notes, checkpoint_sha256=checkpoint.sha256)
    written = write_model(folder, spec, network.state_dict(), card=card)
    return Imported(written, (*notes, *(f"Assumed: {sentence}" for sentence in assumed), _NO_CALLS))


_NO_CALLS = (
    "Scores of this model are not probabilities, and no label is called positive or negative: it came without "
    "calibration and operating points. Complete card.md before others use it."
)


def check_folder(folder: Path) -> None:
    """Raise where a folder's name cannot be a model's id, or where there is a model already.

    Raises
    ------
    ModelError
        See above.
    """
    if not ID_PATTERN.fullmatch(folder.name):
        raise ModelError(
            f"“{folder.name}” cannot be the name of a model folder.",
            hint="Accepted are lower-case letters and digits, joined by - . or _.",
            code="model-id-invalid",
        )
    if (folder / SPEC_FILE).exists():
        raise ModelError(
            f"There is a model “{folder.name}” already.",
            hint="Choose another name, or delete that folder first.",
            code="model-exists",
        )


def architecture_name(name: str) -> str:
    """Return an architecture's name without what timm puts around it: timm/resnet50.a1_in1k is resnet50."""
    return name.rpartition("/")[2].partition(".")[0]


def version_of(checkpoint_sha256: str) -> str:
    """Return the version of a model that is nothing but its checkpoint."""
    return f"checkpoint-{checkpoint_sha256[:8]}"


def try_out(network: Network, spec: ModelSpec) -> None:
    """Compute once, so that a network that cannot answer is not written.

    Raises
    ------
    ModelError
        The input is too small for the architecture, or the answer is not numbers.
    """
    rows, columns = spec.input.size
    gray = torch.zeros((1, spec.input.channels, rows, columns))
    try:
        with torch.inference_mode():
            answer = network.eval()(gray)
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"{spec.architecture} cannot be given an input of {rows} × {columns} pixels.",
            hint="Give the size that it was trained with (--size).",
            code="input-size-invalid",
        ) from error
    if not torch.isfinite(answer).all():
        raise ModelError("The network’s answer to a gray image is not a number.", code="answer-not-finite")


def _require_outputs(found: int | None, labels: int) -> None:
    if found is not None and found != labels:
        raise ModelError(
            f"The checkpoint has {found} output{'s' if found != 1 else ''}, but {labels} "
            f"label{'s were' if labels != 1 else ' was'} given.",
            hint="Name every output, in the order in which the network was trained (--labels).",
            code="labels-differ",
        )


def _channels(found: int | None, told: Literal[1, 3] | None) -> Literal[1, 3]:
    """Return the channels of the weights; where they have none to tell, let loading name what is wrong."""
    if found is None:
        return told or 3
    if found not in (1, 3) or told not in (None, found):
        accepted = "1 and 3 are accepted" if found not in (1, 3) else f"--channels says {told}"
        raise ModelError(
            f"The first layer of the checkpoint reads {found} channel{'s' if found != 1 else ''}; {accepted}.",
            hint="Leave --channels out to take what the checkpoint has." if told else "",
            code="channels-differ",
        )
    return 1 if found == 1 else 3
