"""Where a network is trained and with how many bits: float32, or 16 bits where the machine is faster with them.

With 16 bits only convolutions and dense layers are computed; weights, their average, losses and steps stay in float32
(Micikevicius et al., "Mixed precision training", ICLR 2018). Whether that pays depends on the machine and the network:
a CPU without instructions for bfloat16 is slower with it, one with them is faster for wide networks only. So it is
measured.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from core.errors import TrainingError

Bits = Literal["off", "bf16", "fp16"]

_WORDS: dict[Bits, str] = {"off": "float32", "bf16": "float32 and bfloat16", "fp16": "float32 and float16"}
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_WORTH = 0.9
"""16 bits are taken where a step needs at most this share of the time."""
_TIMED_STEPS, _TIMED_PICTURES = 2, 8


@dataclass(frozen=True, slots=True)
class Precision:
    """With how many bits is computed, and why."""

    bits: Bits
    reason: str = "as configured"

    def __str__(self) -> str:
        return f"{_WORDS[self.bits]} ({self.reason})"

    def autocast(self, device: torch.device) -> torch.autocast:
        """Return the context in which the network computes."""
        return torch.autocast(device.type, dtype=_DTYPES.get(self.bits, torch.bfloat16), enabled=self.bits != "off")

    def scaler(self, device: torch.device) -> torch.amp.GradScaler:
        """Return what keeps small gradients from vanishing; it does something with float16 only."""
        return torch.amp.GradScaler(device.type, enabled=self.bits == "fp16")


def training_device(name: str, *, local_rank: int = 0) -> torch.device:
    """Return the device of a name: "auto" is CUDA where there is one, else the CPU.

    Raises
    ------
    TrainingError
        CUDA is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise TrainingError(
            "The configuration asks for a graphics card with CUDA, and PyTorch finds none.",
            hint='Set device = "cpu" or "auto", or install a PyTorch that was built for the card.',
            code="no-graphics-card",
        )
    return torch.device("cuda", local_rank) if available and name != "cpu" else torch.device("cpu")


def choose_precision(
    asked: Bits | Literal["auto"],
    network: nn.Module,
    example: Tensor,
    *,
    timed: Callable[[nn.Module, Tensor, Precision], float] | None = None,
) -> Precision:
    """Return the precision that was asked for; for "auto" the faster one, measured on copies of the network.

    Parameters
    ----------
    asked : {"auto", "off", "bf16", "fp16"}
    network : nn.Module
        On its device; left as it is.
    example : Tensor, (N, channels, rows, columns)
        A batch as in training, on the same device.
    timed : callable, optional
        Measures instead of `seconds_per_step`.
    """
    if asked != "auto":
        return Precision(asked)
    measure = timed or seconds_per_step
    other = _fastest_candidate(example.device)
    full, half = measure(network, example, Precision("off")), measure(network, example, Precision(other))
    found = f"measured: {full:.2f} s in float32, {half:.2f} s with {other}, for a few pictures"
    return Precision(other if half <= _WORTH * full else "off", found)


def _fastest_candidate(device: torch.device) -> Bits:
    without = device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)
    return "fp16" if without else "bf16"


def seconds_per_step(network: nn.Module, example: Tensor, precision: Precision) -> float:
    """Return the time of the faster of two forward and backward passes of a few pictures, after one to warm up."""
    learner: Any = copy.deepcopy(network)
    example = example[:_TIMED_PICTURES]
    times = []
    for _ in range(1 + _TIMED_STEPS):
        _wait_for(example.device)
        start = time.perf_counter()
        with precision.autocast(example.device):
            answer = learner(example)
        answer.float().sum().backward()
        _wait_for(example.device)
        times.append(time.perf_counter() - start)
    return min(times[1:])


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
