"""A start without labels: the network learns to recognise pictures of its field before it is told what they show.

Two random changes of one picture are to be found alike among many other pictures (MoCo v2). What it learns on the
way, the structure of the organ, needs no labels, so pictures without any serve as well. It pays where labelled ones
are few.

References
----------
He et al., "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020. Chen et al., "Improved
Baselines with Momentum Contrastive Learning", arXiv:2003.04297, 2020. For chest CT: He et al., "Sample-Efficient Deep
Learning for COVID-19 Diagnosis Based on CT Scans", medRxiv 2020.04.13.20063941.
"""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from core.models.network import Network
from core.training.augmentation import augment
from core.training.cache import cached_pictures
from core.training.checkpoint import read_checkpoint, write_checkpoint
from core.training.config import TrainingConfig
from core.training.dataset import Example
from core.training.loop import initial_network
from core.training.precision import training_device
from core.training.validation import network_input

Progress = Callable[[str], None]
PROJECTED = 128
"""Length of the vectors that are compared."""


def pretrained_network(
    config: TrainingConfig, pixels: NDArray[np.uint8], *, labels: int, progress: Progress
) -> Network:
    """Return the initial network after training without labels.

    A run that was interrupted goes on after its last complete epoch; one that is complete is not done again.

    Parameters
    ----------
    pixels : ndarray of uint8, (N, rows, columns)
        The training part; the pictures of `config.pretraining.folder` are added.
    """
    pictures = _all_pictures(config, pixels, progress)
    contrast = _Contrast(initial_network(config, labels=labels), config, pictures)
    contrast.resume(progress)
    start, before = time.monotonic(), contrast.done
    while contrast.done < config.pretraining.epochs:
        loss, found = contrast.one_epoch()
        each = (time.monotonic() - start) / (contrast.done - before) / 60
        progress(
            f"without labels, epoch {contrast.done} of {config.pretraining.epochs}: loss {loss:.3f}, "
            f"{found:.0%} of the pictures found among {config.pretraining.queue} others; "
            f"at most {each * (config.pretraining.epochs - contrast.done):.0f} min left"
        )
    return contrast.network


def contrastive_loss(query: Tensor, key: Tensor, queue: Tensor, *, temperature: float) -> tuple[Tensor, Tensor]:
    """Return the InfoNCE loss of each query, and whether its own key is the most similar.

    Parameters
    ----------
    query, key : Tensor, (N, D)
        Of length 1; row by row two views of one picture.
    queue : Tensor, (Q, D)
        Of other pictures.
    """
    alike = (query * key).sum(dim=1, keepdim=True)
    answers = torch.cat([alike, query @ queue.T], dim=1) / temperature
    target = torch.zeros(len(query), dtype=torch.long, device=query.device)
    return functional.cross_entropy(answers, target, reduction="none"), answers.argmax(dim=1) == 0


class _Contrast:
    """The network that learns, its slowly following copy, and the queue of vectors to be told from."""

    def __init__(self, network: Network, config: TrainingConfig, pixels: NDArray[np.uint8]) -> None:
        self.config, self.settings, self.pixels = config, config.pretraining, pixels
        self.device = training_device(config.device)
        torch.manual_seed(config.seed)
        # In evaluation mode: batches of look-alikes would else be told apart by their own mean and variance.
        self.network = network.eval()
        with torch.no_grad():
            width = network.features(torch.zeros(1, config.input.channels, *self.settings.size)).shape[1]
        projection = nn.Sequential(nn.Linear(width, width // 2), nn.ReLU(), nn.Linear(width // 2, PROJECTED))
        self.network.to(self.device)
        self.projection = projection.to(self.device)
        self.slow_network, self.slow_projection = copy.deepcopy(network), copy.deepcopy(projection)
        self.queue = functional.normalize(torch.randn(self.settings.queue, PROJECTED)).to(self.device)
        learning = [one for one in (*network.parameters(), *projection.parameters()) if one.requires_grad]
        self.optimiser = torch.optim.AdamW(learning, lr=0.0, weight_decay=1e-4)
        self.steps = max(1, len(pixels) // self.settings.batch)
        self.done = 0
        self.file = config.work_folder / f"{_identity(config, pixels)}.pretraining"

    def resume(self, progress: Progress) -> None:
        stored = read_checkpoint(self.file)
        if stored is None:
            return
        for name, module in self._modules().items():
            module.load_state_dict(stored[name])
        self.optimiser.load_state_dict(stored["optimiser"])
        self.queue, self.done = stored["queue"].to(self.device), stored["done"]
        progress(f"resumed training without labels after epoch {self.done}")

    def one_epoch(self) -> tuple[float, float]:
        order = np.random.default_rng([self.config.seed, 21, self.done]).permutation(len(self.pixels))
        results = [self.one_step(self.done, step, order) for step in range(self.steps)]
        self.done += 1
        states = {name: module.state_dict() for name, module in self._modules().items()}
        write_checkpoint(self.file, **states, optimiser=self.optimiser.state_dict(), queue=self.queue, done=self.done)
        loss, found = np.mean(results, axis=0)
        return float(loss), float(found)

    def one_step(self, epoch: int, step: int, order: NDArray[np.int64]) -> tuple[float, float]:
        rng = np.random.default_rng([self.config.seed, 22, epoch, step])
        chosen = self.pixels[np.sort(order[step * self.settings.batch : (step + 1) * self.settings.batch])]
        self._set_rate(epoch * self.steps + step)
        query = self._vectors(self.network, self.projection, self._view(chosen, rng))
        with torch.no_grad():
            key = self._vectors(self.slow_network, self.slow_projection, self._view(chosen, rng))
        losses, found = contrastive_loss(query, key, self.queue, temperature=self.settings.temperature)
        self.optimiser.zero_grad()
        losses.mean().backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self._follow()
        self.queue = torch.cat([key, self.queue])[: self.settings.queue]
        return float(losses.detach().mean()), float(found.float().mean())

    def _modules(self) -> dict[str, nn.Module]:
        return {
            "network": self.network,
            "projection": self.projection,
            "slow_network": self.slow_network,
            "slow_projection": self.slow_projection,
        }

    def _view(self, pictures: NDArray[np.uint8], rng: np.random.Generator) -> Tensor:
        settings = replace(self.config.augmentation, kept=self.settings.kept, balance_proportions=False)
        x = augment(pictures, size=self.settings.size, settings=settings, rng=rng)
        return network_input(x, self.config.input).to(self.device)

    def _vectors(self, network: Network, projection: nn.Module, x: Tensor) -> Tensor:
        return functional.normalize(projection(network.features(x).mean(dim=(2, 3))))

    def _set_rate(self, done: int) -> None:
        total = self.steps * self.settings.epochs
        warm = min(1.0, (done + 1) / max(1, min(self.steps, total // 10)))
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * warm * (1 + math.cos(math.pi * done / total)) / 2

    @torch.no_grad()
    def _follow(self) -> None:
        for slow, fast in (
            (self.slow_network, self.network),
            (self.slow_projection, self.projection),
        ):
            for theirs, own in zip(slow.parameters(), fast.parameters(), strict=True):
                theirs.lerp_(own, 1 - self.settings.momentum)


def _all_pictures(config: TrainingConfig, pixels: NDArray[np.uint8], progress: Progress) -> NDArray[np.uint8]:
    """Put the training part and the pictures without labels together."""
    folder = config.pretraining.folder
    if folder is None:
        return np.asarray(pixels)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    unlabelled = cached_pictures(
        [Example(path, (), path.stem) for path in files],
        spec=replace(config.input, channels=1, mean=(0.0,), std=(1.0,)),
        size=config.working_size,
        folder=config.work_folder,
        progress=progress,
    )
    progress(f"{len(pixels)} training pictures and {len(unlabelled.pixels)} without labels")
    return np.concatenate([pixels, unlabelled.pixels])


def _identity(config: TrainingConfig, pictures: NDArray[np.uint8]) -> str:
    """Digest what the result depends on."""
    parts = (config.architecture, config.weights, config.seed, config.input, config.augmentation, config.pretraining)
    digest = hashlib.sha256(repr((parts, config.schedule.frozen_blocks)).encode())
    digest.update(np.ascontiguousarray(pictures[:, ::16, ::16]).tobytes())
    return digest.hexdigest()[:16]
