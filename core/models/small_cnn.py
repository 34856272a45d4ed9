"""The small network of many tutorials: two convolutions and two dense layers. A baseline for larger ones to beat."""

from __future__ import annotations

from torch import Tensor, nn

CELLS = 7
"""The dense layers see a map of this many cells a side, whatever the size of the image."""


class SmallCnn(nn.Module):
    """Two convolutions, each with a ReLU and a pooling to half the size, and two dense layers.

    Its 0.4 million weights start at random; there are none to download. The parts are named as in torchvision's
    networks: `features`, `avgpool`, `classifier`.

    Parameters
    ----------
    channels : int
        Of the input, which is to be at least 4 × 4 pixels.
    labels : int
        Number of outputs.
    """

    def __init__(self, *, channels: int, labels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(_block(channels, 32), _block(32, 64))
        self.avgpool = nn.AdaptiveAvgPool2d((CELLS, CELLS))
        self.classifier = nn.Sequential(
            nn.Linear(64 * CELLS * CELLS, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, labels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the network's answer (N, labels) to images (N, channels, rows, columns)."""
        answer: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return answer


def _block(channels: int, maps: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, maps, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
