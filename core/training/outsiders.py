"""Images of something else than a model is for: reading them, and learning from known kinds what lies outside.

For every known kind a linear discriminant says how much more an image is like that kind than like the proper ones. All
share one covariance, which is that within the kinds, half of it from the proper images: what differs from image to
image everywhere (sharpness, exposure, framing) says nothing, what differs between kinds only says much. Kinds that the
gate never saw are told by what they have in common with known ones.

References
----------
Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7, 1936. Friedman, "Regularized
discriminant analysis", J. Am. Stat. Assoc. 84, 1989 (the covariance drawn towards a multiple of the unit matrix).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.domain import InputSpec
from core.errors import DatasetError
from core.models.gate import GateStatistics, Outward
from core.training.cache import cached_pictures
from core.training.dataset import Example, file_names

Values = NDArray[np.float64]

MOST_PICTURES = 240
LEAST_PICTURES = 3
"""Of a known kind: two to learn from, one to measure."""
LEARNT_FROM = 2 / 3
"""Share of the pictures of a known kind; the others are measured."""
SHRINKAGE = 0.2
"""Share of the unit matrix in the covariance; between 0.03 and 0.5 it made hardly any difference."""


@dataclass(frozen=True, slots=True, eq=False)
class Outsiders:
    """Pictures of something else, of one kind.

    Attributes
    ----------
    name : str
    pictures : ndarray of uint8, (N, rows, columns)
        As `core.training.cache` holds them, in random order.
    is_known : bool
        Whether the gate may learn from them; else they only test it.
    """

    name: str
    pictures: NDArray[np.uint8]
    is_known: bool = False

    @property
    def to_learn_from(self) -> NDArray[np.uint8]:
        """The first two thirds where they are known, else none."""
        return self.pictures[: self._learnt]

    @property
    def to_measure(self) -> NDArray[np.uint8]:
        """The others."""
        return self.pictures[self._learnt :]

    @property
    def _learnt(self) -> int:
        return int(LEARNT_FROM * len(self.pictures)) if self.is_known else 0


def read_outsiders(
    folder: Path,
    *,
    spec: InputSpec,
    size: tuple[int, int],
    work: Path,
    is_known: bool,
    seed: int,
    progress: Callable[[str], None],
) -> Outsiders:
    """Read the pictures of a folder and all below it; of many files, `MOST_PICTURES` are drawn.

    What cannot be read is counted and passed over.

    Parameters
    ----------
    size : (rows, columns)
        Of the pictures that the model was trained on, in the cache.
    work : Path
        Where they are kept decoded for another time.

    Raises
    ------
    DatasetError
        Nothing is left, or too little to learn from.
    """
    names = np.random.default_rng([seed, 13]).permutation(sorted(map(str, file_names(folder))))[:MOST_PICTURES]
    examples = [Example(folder / name, (folder.name,), name) for name in names]
    gray = replace(spec, channels=1, mean=(0.0,), std=(1.0,))
    read = cached_pictures(examples, spec=gray, size=size, folder=work, progress=progress)
    progress(f"{folder.name}: {len(read.pixels)} images read, {len(read.left_out)} passed over")
    if is_known and len(read.pixels) < LEAST_PICTURES:
        raise DatasetError(
            f"A folder of known outsiders holds {len(read.pixels)} images; at least {LEAST_PICTURES} are needed.",
            hint="Give more of them, or use them for testing only (--foreign).",
            code="too-few-outsiders",
        )
    return Outsiders(folder.name, read.pixels, is_known)


def fit_outward(cloud: GateStatistics, training: Values, kinds: Sequence[Values], proper: Values) -> Outward:
    """Fit the discriminants between training images and known kinds of others, on the scale of the cloud's distance.

    Parameters
    ----------
    cloud : GateStatistics
        Without `outward`.
    training : ndarray, (N, D)
        Averages of training images, as they are and changed.
    kinds : sequence of ndarray, (M, D)
        The same of each known kind.
    proper : ndarray, (P, D)
        Averages of validation images, as they are and changed: the logarithms of both distances get the same mean and
        the same spread over them.
    """
    own, others = cloud.standardised(training), [cloud.standardised(kind) for kind in kinds]
    middle, middles = own.mean(axis=0), np.stack([other.mean(axis=0) for other in others])
    within = (_covariance(own) + np.mean([_covariance(other) for other in others], axis=0)) / 2
    length = len(within)
    shrunk = (1 - SHRINKAGE) * within + SHRINKAGE * np.trace(within) / length * np.eye(length)
    weights = np.linalg.solve(shrunk, (middles - middle).T).T
    offsets = -0.5 * (weights * (middles + middle)).sum(axis=1)
    scores = (cloud.standardised(proper) @ weights.T + offsets).max(axis=1)
    distances = np.log(cloud.distance(proper))
    slope = distances.std() / max(scores.std(), 1e-9)
    return Outward(slope * weights, slope * (offsets - scores.mean()) + distances.mean())


def _covariance(values: Values) -> Values:
    centred = values - values.mean(axis=0)
    return np.asarray(centred.T @ centred / len(values))
