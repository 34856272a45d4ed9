"""How far pictures are changed in training; apart from the doing, so that options are listed without torch."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far pictures are changed in training; each `…_chance` is the share of pictures that are.

    Attributes
    ----------
    rotation_degrees : float
        Largest angle, to either side.
    kept : (smallest, largest)
        Share of height and width that stays in view; above 1 adds a black margin.
    stretch : float
        Logarithm of how much taller or wider the contents become, ± this.
    balance_proportions : bool
        Whether classes whose files are wider than others' are stretched so that none looks taller than another.
    shift : float
        Largest move in shares of the side, on top of where the kept part lies.
    flip_chance : float
        Left–right mirror; 0 where the side matters.
    gamma : float
        Exponent is drawn from exp(±gamma).
    contrast, brightness : float
        Gain is drawn from exp(±contrast), offset from ±brightness of full scale.
    shading : float
        Slow change of brightness across the picture, ± this share.
    resolution : (smallest, largest)
        The picture is shrunk to this share and enlarged again.
    sharpness : (smallest, largest)
        Unsharp mask: below 0 blurs, above 0 sharpens.
    exchange_chance : float
        The surroundings of the organ are taken from another picture; see `exchange_surroundings`.
    exchange_kept : (smallest, largest)
        Share of height and width that a picture keeps then.
    noise : float
        Largest standard deviation, in shares of full scale.
    jpeg_quality : (smallest, largest)
        Of one more compression.
    """

    rotation_degrees: float = 10.0
    kept: Range = (0.62, 1.15)
    stretch: float = 0.3
    balance_proportions: bool = True
    shift: float = 0.04
    flip_chance: float = 0.5
    gamma: float = 0.45
    contrast: float = 0.25
    brightness: float = 0.08
    shading: float = 0.2
    shading_chance: float = 0.5
    resolution: Range = (0.3, 1.0)
    resolution_chance: float = 0.5
    sharpness: Range = (-0.9, 1.5)
    sharpness_chance: float = 0.6
    noise: float = 0.05
    noise_chance: float = 0.5
    jpeg_quality: tuple[int, int] = (25, 95)
    jpeg_chance: float = 0.4
    erase_chance: float = 0.3
    marker_chance: float = 0.5
    exchange_chance: float = 0.0
    exchange_kept: Range = (0.7, 0.95)
