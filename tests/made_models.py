"""Made-up models: real network code with random weights, for tests that need an answer and not a right one."""

from __future__ import annotations

from pathlib import Path

from core.domain import Calibration, Estimate, InputSpec, IntendedUse, Label, ModelSpec, OperatingPoint

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


def write_chest_model(root: Path, spec: ModelSpec = CHEST_SPEC, *, seed: int = 1) -> ModelSpec:
    """Write a model folder with seeded random weights below `root` and return its spec."""
    import torch

    from core.models.network import build_network
    from core.models.spec import write_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(spec.architecture, labels=len(spec.labels), channels=spec.input.channels)
    return write_model(root / spec.id, spec, network.state_dict(), card="# Made-up chest model\n\nFor tests.\n")
