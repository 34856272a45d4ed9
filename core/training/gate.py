"""Fitting the gate that tells, from pixels, images which a model was not trained on.

The cloud of `core.models.gate` is fitted to training images, each as it is and under two or more changes of
`CONDITIONS`, so that another resolution, framing, exposure or compression does not count as unusual. Known outsiders,
where some are given (images of other parts of the body or other modalities), are learnt from as they are, as thumbnails
and under one of the changes, so that sharpness does not tell them from proper images; see `core.training.outsiders`.

The limits are set on validation images. The share of proper images that the gate refuses is measured on test images,
that of others on pictures of nobody, on kinds that it never saw, on other pictures of those that it knows, and for each
known kind with a gate that was fitted without this one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.domain import Gate, InputSpec
from core.models.ensemble import Ensemble
from core.models.gate import GateStatistics, root
from core.models.network import Network
from core.models.predict import fused_features
from core.training.augmentation import Placement, as_batch, reframe, resample
from core.training.outsiders import Outsiders, fit_outward
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
"""Share of outsiders of one kind that may be nearer than that kind is said to be."""
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


THUMBNAIL = "resolution 28 %"


def _reduced(pictures: Pictures, size: tuple[int, int]) -> Tensor:
    return resample(as_batch(pictures, size=size), share=0.28)


CONDITIONS = {
    **STRESSES,
    "black bars at the sides": _with_bars(columns=1.35),
    "black bars above and below": _with_bars(rows=1.35),
    THUMBNAIL: _reduced,
}
"""Changes that leave an image a proper one: those under which models are tested, bars that fill it up to another
format, and thumbnails."""


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """What a gate that was fitted without a known kind says of that kind.

    Attributes
    ----------
    limit : float
        Of that gate.
    proper : ndarray, (N,)
        Its distances of the test images under all of `CONDITIONS`.
    foreign : ndarray, (M,)
        Its distances of the kind.
    """

    limit: float
    proper: Values
    foreign: Values

    @property
    def nearest(self) -> float:
        """How far the nearest of the kind lie, as a multiple of the limit."""
        return float(np.quantile(self.foreign, NEAREST)) / self.limit


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
    left_out : mapping of str to LeftOut
        By the known kinds, which are among `foreign` with pictures that were not learnt from.
    """

    gate: Gate
    statistics: GateStatistics
    proper: Mapping[str, Values]
    foreign: Mapping[str, Values]
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Averages:
    """What was measured of images, (N, D) each: by condition, or by what they are.

    `known` are of the kinds that the gate may learn from; nothing is fitted to `foreign`, which are to be refused.
    """

    training: Values
    validation: Mapping[str, Values]
    test: Mapping[str, Values]
    foreign: Mapping[str, Values]
    known: Mapping[str, Values] = field(default_factory=dict)


def fit_gate(
    network: Network,
    spec: InputSpec,
    pixels: Pictures,
    division: Division,
    *,
    seed: int,
    outsiders: Sequence[Outsiders] = (),
) -> FittedGate:
    """Fit the gate of a trained network, and measure it on test images, on outsiders and on pictures of nobody.

    Parameters
    ----------
    pixels : ndarray of uint8, (N, rows, columns)
        The pictures of the labelled folder as `core.training.cache` holds them.
    division : Division
        The one that the network was trained with.
    outsiders : sequence of Outsiders
    """
    if isinstance(network, Ensemble):
        network = network.members[0]  # the one whose maps are measured; the others would be computed for nothing
    blocks = blocks_to_measure(network.eval(), spec)
    measure = fused_features(network, blocks).to(memory_format=torch.channels_last)

    def measured(pictures: Pictures, condition: str) -> Values:
        return averages(measure, spec, pictures, condition=condition)

    def of_part(part: Part) -> Mapping[str, Values]:
        chosen = drawn(division.of(part), CHECKED_IMAGES, seed=seed)
        return {name: measured(pixels[_for_condition(chosen, name)], name) for name in CONDITIONS}

    training = pixels[drawn(division.of(Part.TRAINING), TRAINING_IMAGES, seed=seed)]
    strange = {**strangers(seed=seed), **{one.name: one.to_measure for one in outsiders}}
    found = Averages(
        training=_with_copies(measured, training, seed=seed),
        validation=of_part(Part.VALIDATION),
        test=of_part(Part.TEST),
        foreign={name: measured(pictures, PLAIN) for name, pictures in strange.items()},
        known={one.name: _of_known(measured, one.to_learn_from, seed=seed) for one in outsiders if one.is_known},
    )
    return gate_from(found, fit_statistics(found.training, blocks=blocks, seed=seed))


def gate_from(found: Averages, cloud: GateStatistics) -> FittedGate:
    """Learn from the known kinds, set the limits on the validation images, and measure."""
    statistics, gate = _outlined(found, cloud, found.known)
    left_out = {name: _without(name, found, cloud) for name in found.known}
    foreign = {name: statistics.distance(values) for name, values in found.foreign.items()}
    return FittedGate(
        gate=with_room(gate, [one.nearest for one in left_out.values()]),
        statistics=statistics,
        proper={name: statistics.distance(values) for name, values in found.test.items()},
        foreign=foreign,
        left_out=left_out,
    )


def _outlined(found: Averages, cloud: GateStatistics, known: Mapping[str, Values]) -> tuple[GateStatistics, Gate]:
    """Return a gate that knows some kinds of other images."""
    validation = np.concatenate(list(found.validation.values()))
    outward = fit_outward(cloud, found.training, list(known.values()), validation) if known else None
    statistics = replace(cloud, outward=outward)
    usual, limit = limits_from({name: statistics.distance(values) for name, values in found.validation.items()})
    return statistics, Gate("0" * 64, usual, limit, origin=f"{len(found.validation[PLAIN])} validation images")


def _without(kind: str, found: Averages, cloud: GateStatistics) -> LeftOut:
    """Measure a known kind with a gate that does not know it."""
    others = {name: values for name, values in found.known.items() if name != kind}
    statistics, gate = _outlined(found, cloud, others)
    proper = np.concatenate([statistics.distance(values) for values in found.test.values()])
    return LeftOut(gate.limit, proper, statistics.distance(found.foreign[kind]))


def blocks_to_measure(network: Network, spec: InputSpec) -> tuple[int, ...]:
    """Choose the blocks behind which a network is measured.

    They are the last ones before the three last reductions of the map, the one half-way between the last two of these,
    and the last but one: fine and middle levels of detail, and as much of the meaning as is left before training draws
    everything together. The last block alone where the network has no others, or lays its maps out in another way.
    """
    blocks = network.blocks()
    if not network.family.channels_first or len(blocks) < 2:
        return (len(blocks) - 1,)
    sides = _sides(blocks, torch.zeros(1, spec.channels, *spec.size))
    reductions = [number for number in range(len(blocks) - 1) if sides[number + 1] < sides[number]]
    half_way = sum(reductions[-2:]) // 2 if len(reductions) > 1 else len(blocks) - 2
    return tuple(sorted({*reductions[-3:], half_way, len(blocks) - 2}))


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


def with_room(gate: Gate, nearest: Sequence[float]) -> Gate:
    """Move the limit half-way to the nearest known kind, where all lie beyond it.

    Other hospitals' images differ in more ways than any list of changes holds. Where nothing is near, there is room
    for them; where something is, or nothing is known, the limit stays.

    Parameters
    ----------
    nearest : sequence of float
        How far the nearest of each kind lie, as a multiple of the limit, seen by a gate that did not know the kind.
    """
    return replace(gate, limit=gate.limit * math.sqrt(max(1.0, min(nearest, default=1.0))))


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


def _for_condition(indices: Indices, condition: str) -> Indices:
    """Return those that are measured under a condition: of many, others each time, so that one odd image counts once.

    As they are, all are measured.
    """
    if condition == PLAIN:
        return indices
    return np.roll(indices, -CHANGED_IMAGES * list(CONDITIONS).index(condition))[:CHANGED_IMAGES]


def _with_copies(measured: Callable[[Pictures, str], Values], pictures: Pictures, *, seed: int) -> Values:
    """Measure pictures as they are, and copies of them, each under a condition drawn at random without repetition."""
    rng = np.random.default_rng([seed, 12])
    names = [name for name in CONDITIONS if name != PLAIN]
    copies = min(max(2, MEASURED_COPIES // len(pictures)), len(names))
    order = np.argsort(rng.random((len(pictures), len(names))), axis=1)[:, :copies]
    changed = [measured(pictures[(order == number).any(axis=1)], name) for number, name in enumerate(names)]
    return np.concatenate([measured(pictures, PLAIN), *changed])


def _of_known(measured: Callable[[Pictures, str], Values], pictures: Pictures, *, seed: int) -> Values:
    """Measure pictures of a known kind as they are, half of them as thumbnails, the others under any condition."""
    pictures = np.asarray(pictures)
    half = (len(pictures) + 1) // 2
    lots = np.random.default_rng([seed, 15]).integers(len(CONDITIONS), size=len(pictures) - half)
    changed = [
        measured(pictures[half:][lots == number], name) for number, name in enumerate(CONDITIONS) if number in lots
    ]
    return np.concatenate([measured(pictures, PLAIN), measured(pictures[:half], THUMBNAIL), *changed])
