"""AdamW with a learning rate for each part of the network, and what else moves weights from step to step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from core.models.network import Network
from core.training.config import Schedule


def make_optimiser(network: Network, schedule: Schedule) -> torch.optim.Optimizer:
    """Return AdamW over what may learn: groups with their highest learning rate and the steps that they wait."""
    head, body = _head_and_body(network)
    later = _waiting_blocks(network, schedule)
    waiting = {id(weight) for group in later for weight in group["params"]}
    groups = [
        {
            "params": [weight for weight in body if id(weight) not in waiting],
            "top": schedule.learning_rate,
            "wait": schedule.head_steps,
        },
        *later,
        {"params": head, "top": schedule.head_learning_rate, "wait": 0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, weight_decay=schedule.weight_decay)


def _head_and_body(network: Network) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    head_name = f"body.{network.last_layer()}."
    learning = [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]
    head = [weight for name, weight in learning if name.startswith(head_name)]
    return head, [weight for name, weight in learning if not name.startswith(head_name)]


def _waiting_blocks(network: Network, schedule: Schedule) -> list[dict[str, Any]]:
    """Return a group for each block, the last one first, where they begin to learn one after another."""
    if not schedule.unfreeze_steps:
        return []
    learning = [[p for p in block.parameters() if p.requires_grad] for block in reversed(learning_blocks(network))]
    return [
        {
            "params": weights,
            "top": schedule.learning_rate,
            "wait": schedule.head_steps + number * schedule.unfreeze_steps,
        }
        for number, weights in enumerate(learning)
        if weights
    ]


def learning_blocks(network: Network) -> list[nn.Module]:
    """Return the parts of the features in order: the children where torchvision has one list, else the parts."""
    parts = [network.body.get_submodule(name) for name in network.family.features]
    return list(parts[0].children()) if len(parts) == 1 else parts


def set_rates(optimiser: torch.optim.Optimizer, schedule: Schedule, done: int, total: int) -> None:
    """Warm up linearly, then follow half a cosine down to a twentieth; the body waits for the head."""
    for group in optimiser.param_groups:
        step = done - group["wait"]
        warm = min(1.0, (step + 1) / schedule.warm_up_steps) if step >= 0 else 0.0
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, done / total)))
        group["lr"] = group["top"] * warm * (0.05 + 0.95 * cosine)


def training_mode(network: Network, schedule: Schedule) -> None:
    """Let the network learn; the running mean and variance of its initial weights stay where they are frozen."""
    network.train()
    if schedule.batch_norm == "frozen":
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


@torch.no_grad()
def move_average(average: nn.Module, network: nn.Module, *, decay: float) -> None:
    """Move the average of the weights by `1 − decay` towards those of the network."""
    for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)
