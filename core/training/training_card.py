"""What the card says of how its networks were trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from core.training.config import TrainingConfig
from core.training.loop import Fitted
from core.training.markdown import format_table


def how_trained(config: TrainingConfig, fitted: Fitted) -> list[str]:
    """Return the paragraphs of the card on networks, schedule, augmentation and epochs, in Markdown."""
    schedule = config.schedule
    rows = [
        (
            f"{epoch.number}{' (kept)' if epoch.number == fitted.chosen else ''}",
            f"{epoch.loss:.4f}",
            *(f"{value:.4f}" for value in (epoch.plain, epoch.stress_mean, epoch.stress_worst)),
            f"{epoch.seconds:.0f}",
        )
        for epoch in fitted.epochs
    ]
    head = ("epoch", "loss", "validation AUROC", "under stress, mean", "under stress, worst", "seconds")
    settings = ", ".join(f"{name} {value}" for name, value in asdict(schedule).items())
    augmentation = ", ".join(f"{name} {value}" for name, value in asdict(config.augmentation).items())
    return [
        f"{_networks(config)}, input {config.input.size[0]} × {config.input.size[1]}, {config.input.resize}, "
        f"brightness by {config.input.intensity_range}{_enhancement(config.input.enhance)}. "
        f"Initial weights: {config.words.initial_weights or 'random'}. "
        f"{fitted.computed[0].upper()}{fitted.computed[1:]}. Weights are stored as {config.stored}.",
        _pretraining(config),
        f"AdamW with warm-up and cosine. Schedule: {settings}.",
        f"Augmentation: {augmentation}.",
        format_table(head, rows),
        f"Validation here: at most {schedule.stress_images} images, the same number of every class; the epoch is "
        f"chosen by {schedule.selection}.",
    ]


def _networks(config: TrainingConfig) -> str:
    if config.members == 1:
        return config.architecture
    last = config.seed + config.members - 1
    return (
        f"{config.members} networks {config.architecture} that answer together (the mean of their outputs), trained "
        f"alike with the seeds {config.seed} to {last}{', each without another fold' if config.folds else ''}; the "
        "table below is of the first"
    )


def _pretraining(config: TrainingConfig) -> str:
    pretraining = config.pretraining
    if not pretraining.epochs:
        return ""
    more = " and of a folder of pictures without labels" if pretraining.folder else ""
    settings = ", ".join(f"{name} {value}" for name, value in asdict(pretraining).items() if name != "folder")
    return f"First, without labels (MoCo v2), on the pictures of the training part{more}: {settings}."


def _enhancement(steps: Sequence[str]) -> str:
    return f", then {', '.join(steps)}" if steps else ""
