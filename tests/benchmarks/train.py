"""Train: an epoch of the trainer beside the loop that is usual, torchvision's ImageFolder and a DataLoader.

Equal on both sides: the files (8-bit JPEG radiographs of a phantom, in a folder for each class), how many of them an
epoch takes, MobileNetV2 with new weights, three channels, 224 × 224, the batch, AdamW at one rate, cross-entropy,
float32, the threads of torch, and the drawn changes: rotation by up to 10 degrees, 80 to 100 % of the picture kept, a
shift of up to 4 %, left–right mirror, contrast and brightness. Not equal: the trainer reads every file once, before the
first epoch, through the reader of all doors, keeps a moving average of the weights, clips gradients, and weights its
classes; the peer decodes in two workers in every epoch, as its tutorial does. Validation is left out of both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core.io.phantom import synthetic_chest
from core.training.config import Schedule, Split, TrainingConfig
from core.training.loop import Run
from core.training.preparation import prepare
from tests import made
from tests.benchmarks.measure import Figure, Work, interleaved, median_ratio, medians, say, seconds
from tests.core.training.materials import STILL

ARCHITECTURE = "mobilenet_v2"
SIZE, BATCH, RATE = (224, 224), 16, 3e-4
EPOCHS = 10
"""Of a short training, for the time that includes reading the files."""
AUGMENTATION = replace(
    STILL, rotation_degrees=10, kept=(0.8, 1.0), shift=0.04, flip_chance=0.5, contrast=0.25, brightness=0.08
)


def figures(*, images: int = 192, side: int = 1024, repetitions: int = 3) -> list[Figure]:
    """Measure everything; some three minutes on two cores."""
    say("  an epoch")
    with _made_folder(images, side=side) as folder:
        reading: list[float] = []
        own = _own(folder, reading)
        times = interleaved(
            {"own": own.epoch, "usual": _usual(folder, own.images), "steps": own.steps}, repetitions=repetitions
        )
    each = medians(times)
    set_ = f"{own.images} JPEG radiographs of {side}²"
    whole = reading[0] + EPOCHS * each["own"]
    return [
        Figure("train_epoch_s", each["own"], f"an epoch of the trainer, {set_}, {ARCHITECTURE}, {SIZE[0]}²"),
        Figure("usual_train_epoch_s", each["usual"], "peer: ImageFolder, transforms, DataLoader with two workers"),
        Figure("train_epoch_over_usual", median_ratio(times, "own", "usual"), "ours by the peer's", target=1),
        Figure("train_reading_s", reading[0], f"reading all {images} files, once before the first epoch"),
        Figure(
            f"train_{EPOCHS}_epochs_over_usual",
            whole / (EPOCHS * each["usual"]),
            f"{EPOCHS} epochs and reading by {EPOCHS} epochs of the peer",
            target=1,
        ),
        Figure(
            "train_epoch_over_network",
            median_ratio(times, "own", "steps"),
            "an epoch by its network alone (the same steps on pictures that are ready)",
        ),
    ]


@contextmanager
def _made_folder(images: int, *, side: int) -> Iterator[Path]:
    """Write a folder for each of two classes: a phantom with and without an opacity, each picture another view."""
    phantoms = [(synthetic_chest(size=side, opacity=bool(number)) >> 4).astype(np.uint8) for number in range(2)]
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        for number in range(images):
            label = number % 2
            # Turned over and moved, so that no two are near copies of each other, which would be kept together.
            turned = np.rot90(phantoms[label], rng.integers(4))
            noisy = np.roll(turned, rng.integers(0, side, 2), (0, 1)) + rng.normal(0, 3, (side, side))
            file = Path(name) / "films" / ("clear", "opaque")[label] / f"{number:04}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(made.jpeg(noisy.clip(0, 255).astype(np.uint8)))
        yield Path(name) / "films"


# ── Lightbox ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Own:
    """The trainer, between two epochs."""

    def __init__(self, config: TrainingConfig, reading: list[float]) -> None:
        def read() -> None:
            self.material = prepare(config, progress=say).material

        reading.append(seconds(read))
        self.run = Run(config, self.material)
        self.images = self.run.steps_per_epoch * BATCH
        self.ready = self.run.batch(1, 0)

    def epoch(self) -> None:
        """Train for an epoch."""
        for step in range(self.run.steps_per_epoch):
            self.run.one_step(1, step)

    def steps(self) -> None:
        """Take the same number of steps on one batch that is ready."""
        run = self.run
        for _ in range(run.steps_per_epoch):
            run.optimiser.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(run.network(self.ready[0]), self.ready[1]).backward()
            run.optimiser.step()


def _own(folder: Path, reading: list[float]) -> Own:
    config = TrainingConfig(
        data=folder,
        out=folder.parent / "weights" / "benchmark",
        work=folder.parent / "work",
        architecture=ARCHITECTURE,
        working_size=(256, 256),
        split=Split(validation_share=0.1, test_share=0.1),
        schedule=Schedule(
            epochs=EPOCHS, batch=BATCH, head_steps=0, learning_rate=RATE, head_learning_rate=RATE, batch_norm="trained"
        ),
        augmentation=AUGMENTATION,
    )
    return Own(config, reading)


# ── The usual loop ────────────────────────────────────────────────────────────────────────────────────────────────


def _usual(folder: Path, images: int) -> Work:
    """Return an epoch over `images` pictures as the tutorials of torchvision write it."""
    from torch.utils.data import DataLoader, Subset
    from torchvision import datasets, models, transforms

    change = transforms.Compose(
        [
            transforms.RandomResizedCrop(SIZE, scale=(0.64, 1.0), ratio=(1.0, 1.0)),
            transforms.RandomAffine(10, translate=(0.04, 0.04)),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(brightness=0.08, contrast=0.25),
            transforms.ToTensor(),
            transforms.Normalize((0.5,) * 3, (0.5,) * 3),
        ]
    )
    pictures = Subset(datasets.ImageFolder(str(folder), change), range(images))
    loader = DataLoader(pictures, batch_size=BATCH, shuffle=True, num_workers=2, persistent_workers=True)
    network = models.mobilenet_v2(num_classes=2).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE)

    def epoch() -> None:
        for x, y in loader:
            loss = nn.functional.cross_entropy(network(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss.item()

    return epoch
