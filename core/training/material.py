"""What a run learns from and is watched on, and how pictures are drawn from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.training.augmentation import augment
from core.training.config import TrainingConfig

Indices = NDArray[np.int64]

_ORDER = 1000
"""Tells the generator of an epoch's order from those of its steps."""


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """The pictures of a run with their labels.

    Attributes
    ----------
    pixels : ndarray of uint8, (N, rows, columns)
    targets : ndarray of float, (N, labels)
        1 where the label applies.
    strata : ndarray of int, (N,)
        The class, or the rarest label that a picture shows; with balanced sampling every one is drawn equally often.
    training, validation : ndarray of int
        Indices.
    activation : {"sigmoid", "softmax"}
    elongation : ndarray of float, (N,)
        See `elongation_offsets`.
    """

    pixels: NDArray[np.uint8]
    targets: NDArray[np.float64]
    strata: Indices
    training: Indices
    validation: Indices
    activation: Literal["sigmoid", "softmax"]
    elongation: NDArray[np.float64]


def draw_balanced(material: Material, size: int, rng: np.random.Generator) -> Indices:
    """Draw training pictures, of every class equally many on average."""
    strata = material.strata[material.training]
    classes, counts = np.unique(strata, return_counts=True)
    weight = (1 / counts)[np.searchsorted(classes, strata)] / len(classes)
    return np.asarray(rng.choice(material.training, size, p=weight), dtype=np.int64)


def take_in_turn(material: Material, size: int, *, seed: int, epoch: int, step: int) -> Indices:
    """Take the next training pictures of an epoch's random order, in which each comes once before any comes again."""
    n = len(material.training)
    places = np.arange(step * size, (step + 1) * size)
    orders = {
        int(turn): np.random.default_rng([seed, epoch, turn, _ORDER]).permutation(material.training)
        for turn in np.unique(places // n)
    }
    return np.array([orders[place // n][place % n] for place in places.tolist()], dtype=np.int64)


def draw_watched(material: Material, limit: int) -> Indices:
    """Choose validation pictures, of every class equally many as far as there are; always the same."""
    rng = np.random.default_rng(0)
    strata = material.strata[material.validation]
    classes = np.unique(strata)
    chosen = [rng.permutation(material.validation[strata == one])[: limit // len(classes)] for one in classes]
    return np.sort(np.concatenate(chosen))


def changed_pictures(config: TrainingConfig, material: Material, chosen: Indices, rng: np.random.Generator) -> Tensor:
    """Return randomly changed copies of pictures: float32, (len(chosen), 1, rows, columns), 0 to 1."""
    return augment(
        material.pixels[chosen],
        size=config.input.size,
        settings=config.augmentation,
        rng=rng,
        elongation=material.elongation[chosen],
    )
