"""Real architectures with seeded random weights and statistics."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from core.domain import Label, ModelSpec
from core.models.network import Network, build_network
from core.models.predict import Engine
from tests.made_models import CHEST_SPEC


def seeded_network(architecture: str, *, labels: int = 3, channels: int = 3, seed: int = 0) -> Network:
    """Return a network in eval mode whose batch normalisation does something."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(architecture, labels=labels, channels=channels)
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 1.5)
        return network.eval()


def spec_of(architecture: str, *, labels: int = 3) -> ModelSpec:
    """Return a spec for an engine that no folder holds."""
    names = tuple(Label(name=f"Finding {index + 1}") for index in range(labels))
    return replace(CHEST_SPEC, architecture=architecture, labels=names)


def seeded_engine(architecture: str, *, labels: int = 3, seed: int = 0) -> Engine:
    """Return an engine on the CPU."""
    network = seeded_network(architecture, labels=labels, seed=seed)
    return Engine(spec_of(architecture, labels=labels), network, torch.device("cpu"))
