"""Ask a network about an image.

One `Engine` for each model and process; one lock for the process around everything that a network computes. Threads
that share a network then wait for each other instead of getting each other's answers, and a CPU that is already busy
with one forward pass is not made slower by a second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from core.domain import (
    Calibration,
    Extent,
    Image,
    InputSpec,
    Intensity,
    ModelSpec,
    Notice,
    Prediction,
    Score,
)
from core.models.ensemble import build_members
from core.models.gate import GateStatistics, gate_notices, read_gate
from core.models.network import Network, load_weights, read_weights
from core.models.preprocessing import to_tensor
from core.models.receptive_field import centre_shift
from core.models.registry import find_model, model_folder
from core.models.spec import WEIGHTS_FILE, format_spec
from core.models.suitability import is_outside_intended_use

OUT_OF_MEMORY = Notice(
    "gpu-out-of-memory",
    "The graphics card ran out of memory. The processor computes instead, until the next start: "
    "answers take longer, and are the same.",
)
UNDEFINED_SCORE = Notice("score-undefined", "The model gave no number for this image.")

_Computed = tuple[NDArray[np.float64], Tensor, Tensor | None]
"""Logits (N, labels), feature maps (N, C, h, w), and where there is a gate what it measures (N, D)."""

_EXCLUSIVE = threading.RLock()
"""Held around every computation with a network, of whatever engine."""


@dataclass(frozen=True, slots=True, eq=False)
class Forward:
    """What a network computed from one image.

    Attributes
    ----------
    logits : ndarray of float64, (labels,)
        Before calibration.
    features : Tensor of float32, (C, h, w)
        The feature map after the last activation, on the engine's device.
    extent : Extent
        The part of the image that the feature map covers.
    seconds : float
        Of preparing the image and computing, without waiting for others.
    device : str
        Where it was computed: "cpu", "cuda" or "mps".
    notices : tuple of Notice
    distance : float or None
        How far the image is from those of training; None where the model has no gate. See `core.models.gate`.
    centre_shift : (down, right)
        How far the cells of `features` look from the middle of their share of `extent`, in cells.
    """

    logits: NDArray[np.float64]
    features: Tensor
    extent: Extent
    seconds: float
    device: str
    notices: tuple[Notice, ...] = ()
    distance: float | None = None
    centre_shift: tuple[float, float] = (0.0, 0.0)


class Engine:
    """A model, ready to answer; safe to share among threads.

    Parameters
    ----------
    spec : ModelSpec
    network : Network
        With its weights; belongs to the engine from here on.
    device : torch.device
    gate : GateStatistics, optional
        What unusual images are told by.
    """

    def __init__(
        self, spec: ModelSpec, network: Network, device: torch.device, *, gate: GateStatistics | None = None
    ) -> None:
        self.spec = spec
        self.notices: tuple[Notice, ...] = ()
        self.network = network.eval().requires_grad_(requires_grad=False)
        self.gate = gate
        self.centre_shift = centre_shift(network, spec.input.size, channels=spec.input.channels)
        self._features = fused_features(network, () if gate is None else gate.blocks)
        try:
            self._move(device)
        except torch.OutOfMemoryError:
            self._give_up_graphics_card()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock of the process, so that several steps are one; the same thread may enter again."""
        with _EXCLUSIVE:
            yield

    def run(self, image: Image) -> Forward:
        """Prepare an image and compute.

        Raises
        ------
        UnsuitableInputError
            The network cannot be given this image; see `to_tensor`.
        """
        start = time.perf_counter()
        prepared = to_tensor(image, self.spec.input)
        seconds = time.perf_counter() - start
        with self.exclusive():
            start = time.perf_counter()
            logits, features, averages = self._answer(prepared.tensor[None])
            distance = self._distance(averages)
            seconds += time.perf_counter() - start
            return Forward(
                logits[0],
                features[0],
                prepared.extent,
                seconds,
                self.device.type,
                self.notices,
                distance,
                self.centre_shift,
            )

    def compute(self, batch: Tensor) -> tuple[NDArray[np.float64], Tensor]:
        """Compute logits (N, labels) and feature maps (N, C, h, w) of prepared images (N, channels, rows, columns).

        A graphics card that runs out of memory is given up for the processor, with a notice.
        """
        logits, features, _ = self._answer(batch)
        return logits, features

    def answer(self, batch: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Compute logits (N, labels) of prepared images, and how far each is from those of training, (N,).

        The distances are None where the model has no gate.
        """
        logits, _, averages = self._answer(batch)
        if self.gate is None or averages is None:
            return logits, None
        return logits, self.gate.distance(averages.cpu().numpy())

    def _answer(self, batch: Tensor) -> _Computed:
        with self.exclusive(), torch.inference_mode():
            try:
                return self._compute(batch)
            except torch.OutOfMemoryError:
                if self.device.type == "cpu":
                    raise
            # Not inside the handler: its traceback would keep the memory of the failed attempt alive.
            self._give_up_graphics_card()
            return self._compute(batch)

    def warm_up(self) -> None:
        """Compute twice, so that the first answer that somebody waits for is not slower than the next."""
        for _ in range(2):
            self.run(_ramp(self.spec.input))

    def _distance(self, averages: Tensor | None) -> float | None:
        if self.gate is None or averages is None:
            return None
        return float(self.gate.distance(averages[0].cpu().numpy()))

    def _compute(self, batch: Tensor) -> _Computed:
        batch = batch.to(self.device)
        if self.device.type == "cpu":
            batch = batch.contiguous(memory_format=torch.channels_last)
        features, averages = self._features(batch)
        logits: NDArray[np.float64] = self.network.head(features).cpu().numpy().astype(np.float64)
        return logits, features, averages

    def _move(self, device: torch.device) -> None:
        self.device = device
        for module in (self.network, self._features):
            module.to(device)
            if device.type == "cpu":
                # With batch normalisation folded into the convolutions, this order of the pixels in memory takes a
                # quarter of the time for MobileNetV2 on a CPU.
                module.to(memory_format=torch.channels_last)

    def _give_up_graphics_card(self) -> None:
        kind = self.device.type
        self._move(torch.device("cpu"))
        self.notices = (OUT_OF_MEMORY,)
        if kind == "cuda":
            torch.cuda.empty_cache()


# ── Loading ───────────────────────────────────────────────────────────────────────────────────────────────────────

_engines: dict[str, tuple[str, Engine]] = {}
_loading = threading.Lock()


def engine(model_id: str) -> Engine:
    """Return the engine of a model by its id; see `engine_for`.

    Raises
    ------
    ModelError
        There is no such model, or its folder is damaged.
    """
    return engine_for(find_model(model_id))


def engine_for(spec: ModelSpec) -> Engine:
    """Return this process's engine of a model, loading it on first use, and anew when its folder has changed.

    Raises
    ------
    ModelError
        As `load_engine`.
    """
    content = format_spec(spec)
    with _loading:
        known, ready = _engines.get(spec.id, ("", None))
        if ready is None or known != content:
            ready = load_engine(spec)
            _engines[spec.id] = (content, ready)
        return ready


def load_engine(spec: ModelSpec, *, device: str | torch.device | None = None, root: Path | None = None) -> Engine:
    """Load a model's weights and make it ready.

    Parameters
    ----------
    spec : ModelSpec
    device : str or torch.device, optional
        CUDA where there is one, else MPS, else the CPU.
    root : Path, optional
        The folder of model folders; `weights_root()` when left out.

    Raises
    ------
    ModelError
        The architecture is unknown, or the weights or the gate are missing, damaged, others than those that the model
        was written with, or do not fit.
    """
    network = build_members(
        spec.architecture, labels=len(spec.labels), channels=spec.input.channels, members=spec.members
    )
    load_weights(network, read_weights(model_folder(spec, root) / WEIGHTS_FILE, sha256=spec.sha256))
    gate = read_gate(model_folder(spec, root), spec)
    return Engine(spec, network, best_device() if device is None else torch.device(device), gate=gate)


def best_device() -> torch.device:
    """Return CUDA where there is one, else MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


class _Features(nn.Module):
    def __init__(self, network: Network, after: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self.after = after

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.network.features_and_statistics(x, after=self.after)


def fused_features(network: Network, after: tuple[int, ...]) -> nn.Module:
    """Copy `Network.features_and_statistics`, with batch normalisation folded into the convolutions before it."""
    fused: nn.Module = fuse(_Features(network, after))
    return fused.eval().requires_grad_(requires_grad=False)


def _ramp(spec: InputSpec) -> Image:
    """Return an image from black to white that a model with this input can be given."""
    low, high = 0.0, 255.0
    if spec.window is not None:
        low, high = spec.window.center - spec.window.width / 2, spec.window.center + spec.window.width / 2
    values = np.linspace(low, high, 64 * 64).reshape(64, 64)
    pixels = values.astype(np.uint8 if spec.window is None else np.float32)
    return Image(pixels, Intensity.GRAY, "MONOCHROME2", uid="warm-up")


# ── Answers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def predict(engine: Engine, image: Image, *, warnings: tuple[Notice, ...] = ()) -> Prediction:
    """Ask a model about an image.

    Raises
    ------
    UnsuitableInputError
        The network cannot be given this image.
    """
    return prediction_from(engine, engine.run(image), image_uid=image.uid, warnings=warnings)


def prediction_from(
    engine: Engine, forward: Forward, *, image_uid: str, warnings: tuple[Notice, ...] = ()
) -> Prediction:
    """Turn what a network computed into scores.

    What says that the model is not for this image comes first, then the other `warnings`, what the gate has to say
    and what happened while computing.
    """
    spec = engine.spec
    values = calibrate(forward.logits, spec.calibration)
    undefined = (UNDEFINED_SCORE,) if np.isnan(values).any() else ()
    calibrated = spec.calibration.gives_probabilities
    return Prediction(
        image_uid=image_uid,
        model_id=spec.id,
        model_version=spec.version,
        model_sha256=spec.sha256,
        scores=tuple(Score(label, float(value), calibrated) for label, value in zip(spec.labels, values, strict=True)),
        warnings=_most_serious_first((*warnings, *gate_notices(spec, forward.distance), *undefined, *forward.notices)),
        seconds=forward.seconds,
        device=forward.device,
        is_exclusive=spec.calibration.activation == "softmax",
    )


def _most_serious_first(notices: tuple[Notice, ...]) -> tuple[Notice, ...]:
    return tuple(sorted(notices, key=lambda notice: not is_outside_intended_use(notice)))


def calibrate(logits: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
    """Return `activation(logits / temperature + bias)`, in 0–1, of the same shape (…, labels).

    Where there are thresholds, the values are then spread around them.

    References
    ----------
    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017 (temperature); Platt, "Probabilistic Outputs for
    Support Vector Machines", 1999 (temperature and bias); Cohen et al., "TorchXRayVision: A library of chest X-ray
    datasets and models", MIDL 2022, section 2.5 (thresholds).
    """
    scaled = np.asarray(logits, dtype=np.float64) / calibration.temperature
    if calibration.bias:
        scaled = scaled + np.array(calibration.bias, dtype=np.float64)
    values = _softmax(scaled) if calibration.activation == "softmax" else _sigmoid(scaled)
    return spread_around(values, calibration.thresholds) if calibration.thresholds else values


def spread_around(values: NDArray[np.float64], thresholds: tuple[float, ...]) -> NDArray[np.float64]:
    """Stretch 0 … threshold to 0 … 0.5 and threshold … 1 to 0.5 … 1, for each label.

    Parameters
    ----------
    values : ndarray of float, (…, labels)
        In 0–1.
    thresholds : tuple of float, (labels,)
        Above 0 and below 1.
    """
    points = np.array(thresholds, dtype=np.float64)
    return np.where(values < points, values / (2 * points), 1 - (1 - values) / (2 * (1 - points)))


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    # exp of a negative number only, so that nothing overflows.
    decay = np.exp(-np.abs(values))
    return np.where(values >= 0, 1.0, decay) / (1.0 + decay)


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    odds = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = odds / odds.sum(axis=-1, keepdims=True)
    return shares
