"""The part of the input gate that looks at pixels: how far an image is from those that a model was trained on.

While a network answers, the maps between its blocks are averaged over the image: mean and standard deviation of every
channel. Over the training images these numbers form a cloud, and the distance from its middle, in its own standard
deviations, says how unusual an image is. A hand, a CT slice, a photograph or noise lies far outside a cloud of chest
radiographs. Nothing is computed twice, so the gate costs next to nothing.

    maps ─ mean, standard deviation ─→ root ─→ standardised ─→ principal axes and the rest ─→ distance

Where images of something else were at hand when the gate was fitted, it also tells for each kind of them how much more
an image is like that kind than like the proper ones, on the same scale; the larger of the two is the distance. What was
learnt from some kinds tells others, too: a gate for chest CT that knows radiographs and CT of the head refuses MR of
the brain, which lies well inside the cloud.

Maps from the middle of a network serve best. What training has drawn together at its end, because its answer does not
need it, can no longer tell an image of something else.

References
----------
Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks", NeurIPS 2018
(Mahalanobis distance of the pooled maps of several layers). Tipping and Bishop, "Probabilistic Principal Component
Analysis", J. R. Statist. Soc. B 61, 1999 (a covariance of few axes and one variance for the rest). Ren et al., "A
Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection", arXiv:2106.09022, 2021 (the distance relative to
that from something else).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.domain import ModelSpec, Notice
from core.errors import ModelError
from core.models.suitability import subject_of

GATE_FILE = "gate.safetensors"

Values = NDArray[np.float64]

_FARTHEST = 10.0
"""Logarithm of the largest distance that is told from known kinds, so that it stays a number that can be read."""

_COPY_AGAIN = "Copy the model folder again from where it came, or fit the gate anew with `python -m core gate`."

NO_GATE = Notice(
    "gate-absent",
    "This model cannot tell from the pixels whether an image is of the kind it was trained on: look yourself.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Outward:
    """The directions from proper images towards known kinds of other ones.

    Attributes
    ----------
    weights : ndarray, (kinds, D)
        Of the standardised values.
    offsets : ndarray, (kinds,)
    """

    weights: Values
    offsets: Values

    def distance(self, z: Values) -> Values:
        """Return how much more standardised values (…, D) are like one of the kinds than like proper ones, (…,).

        It is the exponential of a discriminant, so that it is on the scale of the distance from the cloud.
        """
        likest = (z @ self.weights.T + self.offsets).max(axis=-1)
        return np.asarray(np.exp(np.minimum(likest, _FARTHEST)))


@dataclass(frozen=True, slots=True, eq=False)
class GateStatistics:
    """The cloud of the training images, and what lies outside it.

    Attributes
    ----------
    blocks : tuple of int
        Numbers of the network's blocks whose maps are averaged; see `Network.features_and_statistics`.
    mean, scale : ndarray, (D,)
        Of the roots of the averages.
    components : ndarray, (K, D)
        Principal axes of the standardised values, orthonormal rows.
    variances : ndarray, (K,)
        Along them.
    rest : float
        Variance along every other direction.
    outward : Outward or None
        None where no images of something else were known.
    """

    blocks: tuple[int, ...]
    mean: Values
    scale: Values
    components: Values
    variances: Values
    rest: float
    outward: Outward | None = None

    def distance(self, statistics: NDArray[Any]) -> Values:
        """Return how unlike the training images averages (…, D) are, (…,): about 1 for one of these.

        It is the distance from the middle of the cloud, or, where that is larger, the one that `outward` tells.
        """
        z = self.standardised(statistics)
        within = self._from_middle(z)
        return within if self.outward is None else np.maximum(within, self.outward.distance(z))

    def standardised(self, statistics: NDArray[Any]) -> Values:
        """Return the roots of averages (…, D), centred and divided by their spread."""
        return np.asarray((root(statistics) - self.mean) / self.scale)

    def _from_middle(self, z: Values) -> Values:
        """Return the Mahalanobis distance of standardised values, divided by the root of D."""
        along = z @ self.components.T
        # Rounding must not make what is left over negative.
        left = np.maximum((z**2).sum(axis=-1) - (along**2).sum(axis=-1), 0.0)
        squared = (along**2 / self.variances).sum(axis=-1) + left / self.rest
        return np.asarray(np.sqrt(squared / len(self.mean)))


def root(statistics: NDArray[Any]) -> Values:
    """Return the root of the size, with the sign: averages of activations have long tails, their roots do not."""
    values = np.asarray(statistics, dtype=np.float64)
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)))


def gate_notices(spec: ModelSpec, distance: float | None) -> tuple[Notice, ...]:
    """Say in words how unusual an image is for a model; nothing of an image that looks as it should.

    A distance that is not a number is as bad as a large one.
    """
    gate = spec.gate
    if gate is None or distance is None:
        return (NO_GATE,)
    if distance <= gate.usual:
        return ()
    subject = subject_of(spec.intended_use)
    where = f"(distance {distance:.2g}; 99 % of {gate.origin} lie below {gate.usual:.2g})"
    if distance <= gate.limit:
        return (
            Notice(
                "unusual-image", f"This image looks unusual among the {subject} that this model was trained on {where}."
            ),
        )
    return (
        Notice(
            "unlike-training-images",
            f"This image does not look like the {subject} that this model was trained on {where}.",
        ),
    )


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def format_gate(statistics: GateStatistics, *, weights_sha256: str) -> bytes:
    """Return the content of `gate.safetensors`; the gate is bound to the weights with this hash."""
    arrays: dict[str, NDArray[Any]] = {
        name: np.ascontiguousarray(getattr(statistics, name), dtype=np.float32)
        for name in ("mean", "scale", "components", "variances")
    }
    if statistics.outward is not None:
        arrays["outward_weights"] = np.ascontiguousarray(statistics.outward.weights, dtype=np.float32)
        arrays["outward_offsets"] = statistics.outward.offsets.astype(np.float32)
    arrays["rest"] = np.array([statistics.rest], dtype=np.float32)
    arrays["blocks"] = np.array(statistics.blocks, dtype=np.int64)
    arrays["weights_sha256"] = np.frombuffer(bytes.fromhex(weights_sha256), dtype=np.uint8)
    return save(arrays)


def read_gate(folder: Path, spec: ModelSpec) -> GateStatistics | None:
    """Read the gate of a model folder; None where the model has none.

    Raises
    ------
    ModelError
        The file is missing or damaged, is not the one that the model was written with, or belongs to other weights.
    """
    if spec.gate is None:
        return None
    content = _read_bytes(folder / GATE_FILE)
    found = hashlib.sha256(content).hexdigest()
    if found != spec.gate.sha256:
        raise ModelError(
            f"{GATE_FILE} is not the one that the model was written with (SHA-256 {found[:12]}…, expected "
            f"{spec.gate.sha256[:12]}…).",
            hint=_COPY_AGAIN,
            code="gate-hash-differs",
        )
    return parse_gate(content, weights_sha256=spec.sha256)


def parse_gate(content: bytes, *, weights_sha256: str) -> GateStatistics:
    """Parse the content of `gate.safetensors`.

    Raises
    ------
    ModelError
        It is damaged or belongs to other weights.
    """
    try:
        arrays = load(content)
        statistics = _statistics(arrays)
        weights = arrays["weights_sha256"].tobytes().hex()
    except (SafetensorError, KeyError, ValueError) as error:
        raise _damaged(f"it cannot be read ({error})") from error
    fault = _fault(statistics)
    if fault:
        raise _damaged(fault)
    if weights != weights_sha256:
        raise ModelError(
            f"{GATE_FILE} was made for other weights (SHA-256 {weights[:12]}…) than those of this model "
            f"({weights_sha256[:12]}…).",
            hint=_COPY_AGAIN,
            code="gate-of-other-weights",
        )
    return statistics


def _statistics(arrays: Mapping[str, NDArray[Any]]) -> GateStatistics:
    mean, scale, components, variances = (
        arrays[name].astype(np.float64) for name in ("mean", "scale", "components", "variances")
    )
    blocks = tuple(int(number) for number in arrays["blocks"])
    rest = float(arrays["rest"].item())
    return GateStatistics(blocks, mean, scale, components, variances, rest, outward=_outward(arrays))


def _outward(arrays: Mapping[str, NDArray[Any]]) -> Outward | None:
    """Return what was learnt from known kinds of other images; None in a file that has nothing of them."""
    if "outward_weights" not in arrays:
        return None
    weights, offsets = (arrays[f"outward_{name}"].astype(np.float64) for name in ("weights", "offsets"))
    return Outward(weights, offsets)


def _fault(statistics: GateStatistics) -> str:
    """Return what is wrong with statistics in words, empty where nothing is."""
    length, axes = len(statistics.mean), len(statistics.variances)
    if statistics.scale.shape != (length,) or statistics.components.shape != (axes, length):
        return "the shapes of its arrays do not fit together"
    outward = statistics.outward or Outward(np.zeros((1, length)), np.zeros(1))
    kinds = len(outward.offsets)
    if not kinds or outward.offsets.shape != (kinds,) or outward.weights.shape != (kinds, length):
        return "the shapes of its arrays do not fit together"
    cloud = (statistics.mean, statistics.scale, statistics.components, statistics.variances, statistics.rest)
    arrays = (*cloud, outward.weights, outward.offsets)
    if not all(np.isfinite(array).all() for array in arrays):
        return "it holds values that are not numbers"
    if min(statistics.scale.min(), statistics.variances.min(), statistics.rest) <= 0:
        return "it holds spreads that are not positive"
    return ""


def _damaged(why: str) -> ModelError:
    return ModelError(f"{GATE_FILE} is damaged: {why}.", hint=_COPY_AGAIN, code="gate-damaged")


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"The model folder is incomplete: {GATE_FILE} is missing or cannot be read.",
            hint=_COPY_AGAIN,
            code="gate-missing",
        ) from error
