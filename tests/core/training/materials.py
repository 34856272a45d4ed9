"""Made-up material for a run: noise that nobody can learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.domain import InputSpec
from core.training.augmentation_settings import Augmentation
from core.training.config import TrainingConfig
from core.training.material import Material

SPEC = InputSpec((32, 32), 1, "squash", "full", (0.5,), (0.25,))
CONFIG = TrainingConfig(data=Path("films"), out=Path("weights/x"), architecture="resnet18", input=SPEC, seed=3)


STILL = Augmentation(
    rotation_degrees=0,
    kept=(1.0, 1.0),
    stretch=0,
    balance_proportions=False,
    shift=0,
    flip_chance=0,
    gamma=0,
    contrast=0,
    brightness=0,
    shading_chance=0,
    resolution_chance=0,
    sharpness_chance=0,
    noise_chance=0,
    jpeg_chance=0,
    erase_chance=0,
    marker_chance=0,
)
"""No change at all."""


def material(negatives: int = 30, positives: int = 10) -> Material:
    n = negatives + positives
    strata = (np.arange(n) >= negatives).astype(np.int64)
    order = np.random.default_rng(0).permutation(n)
    return Material(
        pixels=np.random.default_rng(1).integers(0, 255, (n, 40, 40), dtype=np.uint8),
        targets=strata[:, None].astype(float),
        strata=strata,
        training=order[: n // 2],
        validation=order[n // 2 :],
        activation="sigmoid",
        elongation=np.zeros(n),
    )
