"""What a network answers to validation pictures: as they are, under other conditions, and randomly changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor, nn

from core.domain import InputSpec
from core.training.config import TrainingConfig
from core.training.distributed import ALONE, Team
from core.training.material import Indices, Material, changed_pictures, draw_watched
from core.training.stress import CONDITIONS, PLAIN, StressResult, stress_result

Values = NDArray[np.float64]
FORWARD_BATCH = 64


def network_input(x: Tensor, spec: InputSpec) -> Tensor:
    """Normalise gray pictures, (N, 1, rows, columns) of 0 to 1, and repeat them to the network's channels."""
    mean, std = (torch.tensor(numbers).reshape(1, -1, 1, 1) for numbers in (spec.mean, spec.std))
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


def validate(network: nn.Module, config: TrainingConfig, material: Material, *, team: Team = ALONE) -> StressResult:
    """Score a fixed part of validation under every condition, or only as it is where that decides.

    The processes of a team share the pictures, and all of them return the same.
    """
    chosen = draw_watched(material, config.schedule.stress_images)
    conditions = CONDITIONS if config.schedule.selection == "stress" else {PLAIN: CONDITIONS[PLAIN]}
    logits = {
        name: team.gather(logits_under(name, network, config.input, material.pixels, team.share(chosen)))
        for name in conditions
    }
    # Of exclusive labels the answers to one picture count against each other; independent ones rank as they are.
    exclusive = material.activation == "softmax"
    scores = {name: softmax(values, axis=1) if exclusive else values for name, values in logits.items()}
    results = [
        stress_result(material.targets[chosen, label], {name: values[:, label] for name, values in scores.items()})
        for label in range(material.targets.shape[1])
    ]
    # A rare label may be absent from validation; its AUROC is undefined, and the other labels decide.
    return StressResult(results[0].names, np.nanmean([result.area for result in results], axis=0))


def logits_under(
    condition: str, network: nn.Module, spec: InputSpec, pixels: NDArray[np.uint8], chosen: Indices
) -> Values:
    """Return the network's answers, (len(chosen), labels), to pictures under a condition of `CONDITIONS`."""
    change = CONDITIONS[condition]
    return _answers(network, (network_input(change(pixels[part], spec.size), spec) for part in _in_parts(chosen)))


def all_logits(network: nn.Module, spec: InputSpec, pixels: NDArray[np.uint8], chosen: Indices) -> Mapping[str, Values]:
    """Return `logits_under` for every condition."""
    return {name: logits_under(name, network, spec, pixels, chosen) for name in CONDITIONS}


def logits_of_copies(network: nn.Module, config: TrainingConfig, material: Material, chosen: Indices) -> Values:
    """Return the network's answers, (copies, len(chosen), labels), to randomly changed copies of pictures.

    The copies are changed as in training: an operating point and a calibration that are set on them do not lean on
    details of framing and exposure that the next hospital does not share.
    """
    rng = np.random.default_rng([config.seed, 0, 1])
    copies = []
    for _ in range(config.schedule.copies):
        changed = (changed_pictures(config, material, part, rng) for part in _in_parts(chosen))
        copies.append(_answers(network, (network_input(x, config.input) for x in changed)))
    return np.stack(copies)


def _answers(network: nn.Module, batches: Iterator[Tensor]) -> Values:
    network.eval()
    device = next(network.parameters()).device
    with torch.no_grad():
        answers = [network(x.to(device)).float().cpu().numpy() for x in batches]
    return np.concatenate(answers).astype(np.float64)


def _in_parts(chosen: Indices) -> Iterator[Indices]:
    for start in range(0, len(chosen), FORWARD_BATCH):
        yield chosen[start : start + FORWARD_BATCH]
