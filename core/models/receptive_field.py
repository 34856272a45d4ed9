"""Where in the image the cells of a feature map look.

A map of 7 × 7 cells seems to divide a picture of 224² into squares of 32, each looked at from its middle. Most networks
do not: a convolution with a stride of two that pads both sides alike is centred on the first of each two pixels, so
after five of them a cell looks at the corner of its square, and a heatmap drawn on the squares lies half a cell too far
to the right and too low.

References
----------
Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from core.models.network import Network

_STRIDED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)

Pair = tuple[float, float]
"""Down and to the right."""


def centre_shift(network: Network, size: tuple[int, int], *, channels: int = 3) -> Pair:
    """Return how far cells look from the middle of their squares, in cells; negative is up and to the left.

    Parameters
    ----------
    network : Network
    size : (rows, columns)
        Of the input.
    channels : int
        Of the input.

    Returns
    -------
    (down, right)
        −0.48 of MobileNetV2 and ResNet, 0 of VGG and ConvNeXt. Networks that attend to the whole image (Swin) join
        pixels two by two, which leaves the middle where it is.
    """
    if not network.family.channels_first:
        return 0.0, 0.0
    # On the meta device there are shapes and no numbers, so this costs next to nothing; the network stays untouched.
    shapes = copy.deepcopy(network).to("meta").eval()
    found: dict[tuple[int, ...], Pair] = {}

    def note(layer: Any, inputs: tuple[Tensor, ...]) -> None:
        if max(_pair(layer.stride)) > 1:
            # Branches begin at the same size and agree.
            found[tuple(inputs[0].shape[-2:])] = _beyond_first(layer)

    for layer in shapes.modules():
        if isinstance(layer, _STRIDED):
            layer.register_forward_pre_hook(note)
    with torch.inference_mode():
        cells = shapes.features(torch.empty(1, channels, *size, device="meta")).shape[-2:]
    down, right = (
        (0.5 + sum(size[axis] / shape[axis] * beyond[axis] for shape, beyond in found.items()))
        * cells[axis]
        / size[axis]
        for axis in (0, 1)
    )
    return down - 0.5, right - 0.5


def _beyond_first(layer: Any) -> Pair:
    """Return how far behind the first pixel of its input the first window of a layer is centred, in those pixels."""
    kernel, padding, dilation = (_pair(value) for value in (layer.kernel_size, layer.padding, _dilation(layer)))
    down, right = (d * (k - 1) / 2 - p for k, p, d in zip(kernel, padding, dilation, strict=True))
    return down, right


def _dilation(layer: Any) -> Any:
    return getattr(layer, "dilation", 1)


def _pair(value: Any) -> tuple[int, int]:
    rows, columns = value if isinstance(value, tuple) else (value, value)
    return rows, columns
