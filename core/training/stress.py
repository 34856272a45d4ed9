"""Validation pictures as another hospital might have made them.

Each condition changes framing, exposure or sharpness by a fixed amount and leaves the diagnosis as it is. A network
that learned the disease ranks cases alike under all of them; one that learned how the classes were photographed does
not. The sharpest question is asked across conditions: normal films under one against diseased films under another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.evaluation import auroc
from core.training.augmentation import (
    Placement,
    apply_tone,
    as_batch,
    reframe,
    resample,
    through_jpeg,
    unsharp_mask,
)

Size = tuple[int, int]
Condition = Callable[[NDArray[np.uint8], Size], Tensor]
PLAIN = "as it is"


def _framed(*, rows: float = 1.0, columns: float = 1.0, centre_row: float = 0.0, degrees: float = 0.0) -> Condition:
    def change(pictures: NDArray[np.uint8], size: Size) -> Tensor:
        full = np.ones(len(pictures))
        placement = Placement(
            kept_rows=rows * full,
            kept_columns=columns * full,
            centre_row=centre_row * full,
            centre_column=0 * full,
            angle=np.deg2rad(degrees) * full,
            mirrored=full < 0,
        )
        return reframe(as_batch(pictures, size=pictures.shape[1:]), size=size, placement=placement)

    return change


def _exposed(*, gamma: float = 1.0, gain: float = 1.0) -> Condition:
    def change(pictures: NDArray[np.uint8], size: Size) -> Tensor:
        full = np.ones((len(pictures), 1))
        x = apply_tone(pictures, gamma=gamma * full, gain=gain * full, offset=0 * full)
        return functional.interpolate(x, size, mode="bilinear", antialias=True)

    return change


def _blurred(pictures: NDArray[np.uint8], size: Size) -> Tensor:
    return resample(as_batch(pictures, size=size), share=0.4)


def _sharpened(pictures: NDArray[np.uint8], size: Size) -> Tensor:
    return unsharp_mask(as_batch(pictures, size=size), strength=1.2).clamp(0, 1)


def _compressed(pictures: NDArray[np.uint8], size: Size) -> Tensor:
    return torch.stack([through_jpeg(one[0], quality=25)[None] for one in as_batch(pictures, size=size)])


CONDITIONS: Mapping[str, Condition] = {
    PLAIN: lambda pictures, size: as_batch(pictures, size=size),
    "upper and lower eighth cut off": _framed(rows=0.75),
    "lower quarter cut off": _framed(rows=0.75, centre_row=-0.25),
    "sides cut off, a tenth each": _framed(columns=0.8),
    "margin of 7 % added": _framed(rows=1.15, columns=1.15),
    "middle 80 % only": _framed(rows=0.8, columns=0.8),
    "turned by 8 degrees": _framed(degrees=8),
    "darker (gamma 1.5)": _exposed(gamma=1.5),
    "brighter (gamma 0.67)": _exposed(gamma=0.67),
    "less contrast (0.7)": _exposed(gain=0.7),
    "more contrast (1.35)": _exposed(gain=1.35),
    "resolution 40 %": _blurred,
    "sharpened": _sharpened,
    "JPEG quality 25": _compressed,
}


@dataclass(frozen=True, slots=True, eq=False)
class StressResult:
    """Scores of the same pictures under every condition.

    Attributes
    ----------
    names : tuple of str
        The conditions.
    area : ndarray, (conditions, conditions)
        AUROC of the cases without the finding under the row's condition against those with it under the column's.
    """

    names: tuple[str, ...]
    area: NDArray[np.float64]

    @property
    def plain(self) -> float:
        """AUROC of the pictures as they are."""
        return float(self.area[0, 0])

    @property
    def mean(self) -> float:
        """Mean AUROC over all pairs of conditions."""
        return float(self.area.mean())

    @property
    def worst(self) -> float:
        """AUROC of the worst pair of conditions."""
        return float(self.area.min())

    @property
    def worst_pair(self) -> tuple[str, str]:
        """The worst pair: condition of the cases without the finding, condition of those with it."""
        row, column = np.unravel_index(int(self.area.argmin()), self.area.shape)
        return self.names[row], self.names[column]


def stress_result(truth: NDArray[np.float64], scores: Mapping[str, NDArray[np.float64]]) -> StressResult:
    """Compare every condition with every other; `scores` maps a condition to one score for each case of `truth`."""
    names = tuple(scores)
    positive = truth == 1
    order = np.r_[np.zeros(np.count_nonzero(~positive)), np.ones(np.count_nonzero(positive))]
    area = [
        [auroc(order, np.r_[scores[without][~positive], scores[with_][positive]]) for with_ in names]
        for without in names
    ]
    return StressResult(names, np.array(area))
