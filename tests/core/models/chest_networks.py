"""Networks of the layout that torchxrayvision publishes, with seeded random weights, and films for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import nn

from core.domain import Image, Intensity
from tests.made import chest_values

ALL, RSNA, NIH = (f"densenet121-res224-{name}" for name in ("all", "rsna", "nih"))


def gray_densenet(outputs: int = 18, seed: int = 0) -> nn.Module:
    """Return torchvision's DenseNet-121 with one input channel, which is the layout of the package's weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = torchvision.models.densenet121(weights=None, num_classes=outputs)
        network.features.conv0 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 1.5)
    return network.eval()


def film(pixels: NDArray[Any], **attributes: Any) -> Image:
    """Return a radiograph with these pixels."""
    made = {"intensity": Intensity.RADIOGRAPH, "photometric_interpretation": "MONOCHROME2", "uid": "made"}
    return Image(pixels, **{**made, **attributes})


def chest(shape: tuple[int, int], bits: int = 8) -> NDArray[Any]:
    """Return a made chest that fills the stored bits to nine tenths."""
    values = chest_values(max(shape))[: shape[0], : shape[1]].astype(np.float64)
    stored = values / values.max() * 0.9 * (2**bits - 1)
    return stored.astype(np.uint8 if bits == 8 else np.uint16)
