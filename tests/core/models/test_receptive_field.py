"""Where cells look: worked out by hand, and followed back through a network."""

from __future__ import annotations

import pytest
import torch

from core.models.network import build_network
from core.models.receptive_field import centre_shift

STRIDED_ALIKE = 0.5 / 32 - 0.5
"""Every window of stride 2 is centred on the first of two pixels: cell 0 looks at pixel 0, whose middle is 0.5."""


@pytest.mark.parametrize(
    ("architecture", "cells"),
    [
        ("mobilenet_v2", STRIDED_ALIKE),
        ("resnet18", STRIDED_ALIKE),
        ("efficientnet_b0", STRIDED_ALIKE),
        # Stem and pooling centred on the first pixel; then averages of 2 × 2 at steps of 4, 8 and 16 pixels.
        ("densenet121", (0.5 + 0.5 * (4 + 8 + 16)) / 32 - 0.5),
        # Five times the middle of 2 × 2.
        ("vgg11", 0.0),
        # The middle of 2 × 2, twice.
        ("small_cnn", 0.0),
        # The middle of 4 × 4, then three times that of 2 × 2.
        ("convnext_tiny", 0.0),
        ("swin_t", 0.0),
    ],
)
def test_worked_out_by_hand(architecture: str, cells: float) -> None:
    with torch.device("meta"):  # shapes alone count, and the weights of some fill half a gigabyte
        network = build_network(architecture, labels=2)
    assert centre_shift(network, (224, 224)) == pytest.approx((cells, cells))


def test_leaves_the_network_as_it_is() -> None:
    network = build_network("resnet18", labels=2, channels=1)
    centre_shift(network, (64, 96), channels=1)
    assert next(network.parameters()).device.type == "cpu"
    assert not any(layer._forward_pre_hooks for layer in network.modules())


@pytest.mark.parametrize("architecture", ["mobilenet_v2", "resnet18"])
def test_cells_look_where_the_gradient_comes_from(architecture: str) -> None:
    torch.manual_seed(0)
    network = build_network(architecture, labels=1).eval()
    cell = 8
    seen = torch.zeros(512, 512)
    for _ in range(2):
        picture = torch.randn(1, 3, 512, 512, requires_grad=True)
        (gradient,) = torch.autograd.grad(network.features(picture)[0, :, cell, cell].sum(), picture)
        seen += gradient[0].square().sum(0)
    middles = torch.arange(512) + 0.5
    rows = float((seen.sum(1) * middles).sum() / seen.sum())
    columns = float((seen.sum(0) * middles).sum() / seen.sum())
    down, right = centre_shift(network, (512, 512))
    # Half a cell is 16 pixels.
    assert rows == pytest.approx((cell + 0.5 + down) * 32, abs=6)
    assert columns == pytest.approx((cell + 0.5 + right) * 32, abs=6)
