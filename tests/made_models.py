"""Made-up models: real network code with random weights, for tests that need an answer and not a right one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.domain import Calibration, Estimate, Gate, InputSpec, IntendedUse, Label, ModelSpec, OperatingPoint

MODEL_ID = "made-chest"

CHEST_SPEC = ModelSpec(
    id=MODEL_ID,
    title="Made-up chest model",
    version="0.0.1",
    architecture="shufflenet_v2_x0_5",
    sha256="0" * 64,
    input=InputSpec(
        size=(64, 64), channels=3, resize="pad", intensity_range="percentile", mean=(0.5,) * 3, std=(0.5,) * 3
    ),
    labels=(
        Label(
            name="Pneumonia",
            operating_points=(
                OperatingPoint("sensitive", 0.41, criterion="95 % sensitivity", origin="521 made-up images", n=521),
            ),
            default_operating_point="sensitive",
        ),
        Label(name="Effusion"),
    ),
    calibration=Calibration("sigmoid", "temperature", origin="521 made-up images"),
    intended_use=IntendedUse(
        summary="Tests.",
        not_for="Patients.",
        modalities=("CR", "DX"),
        body_parts=("CHEST",),
        min_age_years=1,
        max_age_years=5,
    ),
    metrics={"Pneumonia auroc": Estimate(0.5, 0.4, 0.6)},
)

_TUMOUR_POINTS = (OperatingPoint("youden", 0.3, criterion="Youden's index", origin="300 made-up images", n=300),)
TUMOUR_SPEC = replace(
    CHEST_SPEC,
    id="made-brain",
    title="Made-up brain model",
    labels=(
        Label("Glioma", operating_points=_TUMOUR_POINTS, default_operating_point="youden"),
        Label("Meningioma", operating_points=_TUMOUR_POINTS, default_operating_point="youden"),
        Label("Pituitary", operating_points=_TUMOUR_POINTS, default_operating_point="youden", title="Pituitary tumour"),
        Label(
            "None",
            operating_points=_TUMOUR_POINTS,
            default_operating_point="youden",
            is_finding=False,
            title="No tumour",
        ),
    ),
    calibration=Calibration("softmax", "temperature", origin="300 made-up images"),
    intended_use=IntendedUse("Tests.", "Patients.", modalities=("MR",), body_parts=("HEAD",)),
    metrics={},
)
"""Labels that exclude each other, one of them good news."""


def write_gated_model(root: Path, spec: ModelSpec, *, limit: float) -> ModelSpec:
    """Write a model as `write_chest_model` does, with a gate that accepts images up to a distance of `limit`."""
    import numpy as np
    import torch

    from core.models.gate import GateStatistics
    from core.models.network import build_network
    from core.models.spec import write_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = build_network(spec.architecture, labels=len(spec.labels), channels=spec.input.channels)
    # Mean and standard deviation of the 48 channels behind block 5 of shufflenet_v2_x0_5, each for itself.
    cloud = GateStatistics((5,), np.zeros(96), np.ones(96), np.eye(1, 96), np.ones(1), rest=1.0)
    gated = replace(spec, gate=Gate("", usual=limit / 2, limit=limit, origin="9 made-up images"))
    return write_model(root / spec.id, gated, network.state_dict(), card="# Made up for tests\n", gate=cloud)


def write_chest_model(root: Path, spec: ModelSpec = CHEST_SPEC, *, seed: int = 1) -> ModelSpec:
    """Write a model folder with seeded random weights below `root` and return its spec."""
    import torch

    from core.models.network import build_network
    from core.models.spec import write_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(spec.architecture, labels=len(spec.labels), channels=spec.input.channels)
    return write_model(root / spec.id, spec, network.state_dict(), card="# Made-up chest model\n\nFor tests.\n")
