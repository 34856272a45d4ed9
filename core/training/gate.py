"""Fitting the gate that tells, from pixels, images which a model was not trained on.

The cloud of `core.models.gate` is fitted to training images, each as it is and under two or more changes of
`CONDITIONS`, so that another resolution, framing, exposure or compression does not count as unusual. Its limits are set
on validation images, and, where some are given, on known outsiders: images of other parts of the body or other
modalities. The share of proper images that it refuses is measured on test images.

Outsiders set nothing but the limit. Distances that were learnt from them as well, by a classifier or relative to a
cloud of their own, told kinds that were left out better from chest CT and worse from brain MR, and made no difference
for two other kinds of images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.domain import Gate, InputSpec
from core.models.gate import GateStatistics, root
from core.models.network import Network
from core.models.predict import fused_features
from core.training.augmentation import Placement, as_batch, reframe, resample
from core.training.split import Division, Part
from core.training.strangers import strangers
from core.training.stress import CONDITIONS as STRESSES
from core.training.stress import PLAIN
from core.training.validation import network_input

Pictures = NDArray[np.uint8]
Indices = NDArray[np.int64]
Values = NDArray[np.float64]

PASSING = 0.99
"""Share of proper images that pass."""
NEAREST = 0.02
"""Share of known outsiders of one kind that may be nearer than that kind is said to be."""
AXES = 64
"""Principal axes of the cloud at most; more of them made no difference on four kinds of images."""
LEAST_VARIANCE = 0.05
"""Of standardised values along any direction: few images do not fill every direction that images can differ in."""
MOST_VALUES = 600_000
"""Numbers in the axes at most, so that the file stays below 3 MB; wide networks get fewer axes."""
TRAINING_IMAGES = 1000
MEASURED_COPIES = 2000
"""Changed copies of training images in all: two of each, or more where there are few images."""
CHECKED_IMAGES, CHANGED_IMAGES = 400, 100
"""Validation and test images at most, as they are and under each change."""
BATCH = 32


def _with_bars(*, rows: float = 1.0, columns: float = 1.0) -> Callable[[Pictures, tuple[int, int]], Tensor]:
    def change(pictures: Pictures, size: tuple[int, int]) -> Tensor:
        full = np.ones(len(pictures))
        placement = Placement(rows * full, columns * full, 0 * full, 0 * full, 0 * full, full < 0)
        return reframe(as_batch(pictures, size=pictures.shape[1:]), size=size, placement=placement)

    return change


def _reduced(pictures: Pictures, size: tuple[int, int]) -> Tensor:
    return resample(as_batch(pictures, size=size), share=0.28)


CONDITIONS = {
    **STRESSES,
    "black bars at the sides": _with_bars(columns=1.35),
    "black bars above and below": _with_bars(rows=1.35),
    "resolution 28 %": _reduced,
}
"""Changes that leave an image a proper one: those under which models are tested, bars that fill it up to another
format, and thumbnails."""


@dataclass(frozen=True, slots=True, eq=False)
class FittedGate:
    """A gate, and the distances of images that it was not fitted to.

    Attributes
    ----------
    gate : Gate
        Its hash is filled in where it is written.
    statistics : GateStatistics
    proper : mapping of str to ndarray, (N,)
        Distances of the test images under each of `CONDITIONS`.
    foreign : mapping of str to ndarray, (M,)
        Distances of images that should be refused, by what they are.
    known : frozenset of str
        Those of `foreign` that the limit was set by.
    """

    gate: Gate
    statistics: GateStatistics
    proper: Mapping[str, Values]
    foreign: Mapping[str, Values]
    known: frozenset[str] = frozenset()


def fit_gate(network: Network, spec: InputSpec, pixels: Pictures, division: Division, *, seed: int) -> FittedGate:
    """Fit the gate of a trained network, and measure it on test images and on pictures of nobody.

    Parameters
    ----------
    pixels : ndarray of uint8, (N, rows, columns)
        The pictures of the labelled folder as `core.training.cache` holds them.
    division : Division
        The one that the network was trained with.
    """
    blocks = blocks_to_measure(network.eval(), spec)
    measure = fused_features(network, blocks).to(memory_format=torch.channels_last)

    def measured(pictures: Pictures, condition: str) -> Values:
        return averages(measure, spec, pictures, condition=condition)

    def distances(part: Part) -> Mapping[str, Values]:
        chosen = drawn(division.of(part), CHECKED_IMAGES, seed=seed)
        return {
            name: statistics.distance(measured(pixels[chosen if name == PLAIN else chosen[:CHANGED_IMAGES]], name))
            for name in CONDITIONS
        }

    training = pixels[drawn(division.of(Part.TRAINING), TRAINING_IMAGES, seed=seed)]
    statistics = fit_statistics(_with_copies(measured, training, seed=seed), blocks=blocks, seed=seed)
    checked = distances(Part.VALIDATION)
    usual, limit = limits_from(checked)
    return FittedGate(
        gate=Gate("0" * 64, usual=usual, limit=limit, origin=f"{len(checked[PLAIN])} validation images"),
        statistics=statistics,
        proper=distances(Part.TEST),
        foreign={
            name: statistics.distance(measured(pictures, PLAIN)) for name, pictures in strangers(seed=seed).items()
        },
    )


def with_outsiders(fitted: FittedGate, distances: Mapping[str, Values], *, known: Collection[str] = ()) -> FittedGate:
    """Add what was measured of images of something else, by what they are.

    Those that are `known` set the limit, together with the pictures of nobody; see `with_room`. The others are for
    testing.
    """
    foreign = {**fitted.foreign, **distances}
    if not known:
        return replace(fitted, foreign=foreign)
    setting = frozenset((*fitted.foreign, *known))
    gate = with_room(fitted.gate, {name: foreign[name] for name in setting})
    return replace(fitted, gate=gate, foreign=foreign, known=setting)


def blocks_to_measure(network: Network, spec: InputSpec) -> tuple[int, ...]:
    """Choose the blocks behind which a network is measured.

    They are the last ones before the three last reductions of the map, and the last but one: fine and middle levels of
    detail, and as much of the meaning as is left before training draws everything together. The last block alone where
    the network has no others, or lays its maps out in another way.
    """
    blocks = network.blocks()
    if not network.family.channels_first or len(blocks) < 2:
        return (len(blocks) - 1,)
    sides = _sides(blocks, torch.zeros(1, spec.channels, *spec.size))
    reductions = [number for number in range(len(blocks) - 1) if sides[number + 1] < sides[number]]
    return tuple(sorted({*reductions[-3:], len(blocks) - 2}))


@torch.inference_mode()
def _sides(blocks: Iterable[nn.Module], x: Tensor) -> list[int]:
    sides = []
    for block in blocks:
        x = block(x)
        sides.append(x.shape[-1])
    return sides


def averages(measure: nn.Module, spec: InputSpec, pictures: Pictures, *, condition: str = PLAIN) -> Values:
    """Return what the gate measures, (N, D), of pictures under a condition of `CONDITIONS`.

    `measure` is what `fused_features` returns for the blocks.
    """
    found = []
    for start in range(0, len(pictures), BATCH):
        x = CONDITIONS[condition](np.asarray(pictures[start : start + BATCH]), spec.size)
        with torch.inference_mode():
            found.append(measure(network_input(x.clamp(0, 1), spec))[1].numpy().astype(np.float64))
    return np.concatenate(found)


def fit_statistics(measured: Values, *, blocks: tuple[int, ...], seed: int) -> GateStatistics:
    """Fit the cloud to what was measured of training images, (N, D)."""
    from sklearn.decomposition import PCA

    values = root(measured)
    scale = values.std(axis=0)
    # A channel that is silent in training is no reason to refuse an image in which it whispers.
    scale = np.maximum(scale, 0.01 * np.median(scale) or 1.0)
    length = values.shape[1]
    axes = max(1, min(AXES, MOST_VALUES // length, length - 1, len(values) // 8))
    mean = values.mean(axis=0)
    fitted = PCA(axes, svd_solver="covariance_eigh" if length < 1500 else "randomized", random_state=seed)
    fitted.fit((values - mean) / scale)
    rest = max(float(fitted.noise_variance_), LEAST_VARIANCE)
    variances = np.maximum(fitted.explained_variance_, rest)
    return GateStatistics(blocks, mean, scale, fitted.components_, variances, rest)


def limits_from(distances: Mapping[str, Values]) -> tuple[float, float]:
    """Return the limits of the usual and of the proper, from the distances of images under each condition."""
    usual = passing_distance(distances[PLAIN])
    return usual, max(usual, passing_distance(np.concatenate(list(distances.values()))))


def with_room(gate: Gate, outsiders: Mapping[str, Values]) -> Gate:
    """Move the limit half-way to the nearest kind of known outsiders, where these lie beyond it.

    Other hospitals' images differ in more ways than any list of changes holds. Where nothing is near, there is room
    for them; where something is, the limit stays.
    """
    nearest = min(float(np.quantile(distances, NEAREST)) for distances in outsiders.values())
    return replace(gate, limit=math.sqrt(gate.limit * max(gate.limit, nearest)))


def passing_distance(distances: Values, *, share: float = PASSING) -> float:
    """Return the distance up to which one more image of the same kind lies with at least the probability `share`.

    It is the k-th smallest of n, k = ⌈share · (n + 1)⌉, which holds without any assumption on the distribution; the
    largest where n is too small for that.

    References
    ----------
    Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005 (split conformal prediction).
    """
    # 0.99 · 100 is a hair above 99 in floating point.
    rank = math.ceil(share * (len(distances) + 1) - 1e-9)
    return float(np.sort(distances)[min(rank, len(distances)) - 1])


def drawn(indices: Indices, limit: int, *, seed: int) -> Indices:
    """Draw at most `limit` of the indices, in random order."""
    return np.random.default_rng([seed, 11]).permutation(indices)[:limit]


def _with_copies(measured: Callable[[Pictures, str], Values], pictures: Pictures, *, seed: int) -> Values:
    """Measure pictures as they are, and copies of them, each under a condition drawn at random without repetition."""
    rng = np.random.default_rng([seed, 12])
    names = [name for name in CONDITIONS if name != PLAIN]
    copies = min(max(2, MEASURED_COPIES // len(pictures)), len(names))
    order = np.argsort(rng.random((len(pictures), len(names))), axis=1)[:, :copies]
    changed = [measured(pictures[(order == number).any(axis=1)], name) for number, name in enumerate(names)]
    return np.concatenate([measured(pictures, PLAIN), *changed])
