"""The training loop: head first, then the rest; moving average of the weights; a checkpoint after every epoch.

All random numbers are derived from (seed, epoch, step), so a run that was killed and resumed draws the same pictures
in the same order as one that was not.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import TrainingError
from core.models.ensemble import Ensemble
from core.models.network import Network, build_network
from core.training.augmentation import mix_up
from core.training.checkpoint import read_checkpoint, write_checkpoint
from core.training.config import Schedule, TrainingConfig
from core.training.distributed import ALONE, Team, require_equal_shares
from core.training.initial_weights import load_initial_weights
from core.training.losses import balanced_weights, loss_of
from core.training.material import (
    Indices,
    Material,
    changed_pictures,
    draw_balanced,
    draw_watched,
    take_in_turn,
)
from core.training.optimiser import learning_blocks, make_optimiser, move_average, set_rates, training_mode
from core.training.precision import Precision, choose_precision, training_device
from core.training.validation import network_input, validate
from core.training.watching import Epoch, Lines, Step, Watcher

Progress = Callable[[str], None]

_APART = 1_000_003
"""Keeps the random numbers of processes apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The chosen weights, on the CPU, all epochs, and in words where and with how many bits was computed.

    Of networks that answer together, `epochs` and `chosen` are those of the first.
    """

    network: Network
    epochs: tuple[Epoch, ...]
    chosen: int
    computed: str


def fit(
    config: TrainingConfig,
    material: Material,
    *,
    progress: Progress,
    watchers: Sequence[Watcher] | None = None,
    initial: Network | None = None,
    team: Team = ALONE,
) -> Fitted:
    """Train a network, or go on with a run that was interrupted.

    Parameters
    ----------
    progress : callable
        Is told in words how the run begins.
    watchers : sequence of Watcher, optional
        Are told of every step and epoch. Default: `Lines` to `progress`.
    initial : Network, optional
        What to start from. Default: `initial_network`.
    team : Team, optional
        The processes that train together; all of them call this.

    Raises
    ------
    ModelError
        Architecture and initial weights do not fit.
    TrainingError
        The loss is no longer a number, the device is missing, or the processes cannot share the work.
    """
    watchers = (Lines(progress),) if watchers is None else watchers
    run = Run(config, material, initial=initial, team=team)
    run.begin(progress)
    try:
        while not run.is_finished():
            run.keep(run.one_epoch(watchers))
            for watcher in watchers:
                watcher.on_epoch(run.epochs[-1], best=run.best_epoch() is run.epochs[-1])
    finally:
        for watcher in watchers:
            watcher.close()
    run.network.load_state_dict(run.best)
    return Fitted(run.network.eval().cpu(), tuple(run.epochs), run.best_epoch().number, run.computed())


def together(fitted: Sequence[Fitted]) -> Fitted:
    """Let networks that were fitted one after the other answer together."""
    if len(fitted) == 1:
        return fitted[0]
    return replace(fitted[0], network=Ensemble([one.network for one in fitted]))


class Run:
    """State of a run between epochs; all of it is in the checkpoint."""

    def __init__(
        self, config: TrainingConfig, material: Material, *, initial: Network | None = None, team: Team = ALONE
    ) -> None:
        self.config, self.material, self.schedule, self.team = config, material, config.schedule, team
        watched = len(draw_watched(material, self.schedule.stress_images))
        require_equal_shares(team, batch=self.schedule.batch, watched=watched)
        self.device = training_device(config.device, local_rank=team.local_rank)
        network = initial or initial_network(config, labels=material.targets.shape[1])
        self.network = network.to(self.device)
        self.learner = team.together(self.network)
        self.average = copy.deepcopy(self.network).eval()
        self.optimiser = make_optimiser(self.network, self.schedule)
        self.class_weights = _class_weights(self.schedule, material, self.device)
        self.compute_with(Precision("off"))
        self.epochs: list[Epoch] = []
        self.best: dict[str, Tensor] = {}
        self.steps_per_epoch = max(1, _images_per_epoch(self.schedule, material) // self.schedule.batch)
        self.file = config.work_folder / f"{_identity(config, material)}.checkpoint"

    def begin(self, progress: Progress) -> None:
        """Go on from the checkpoint where there is one; else decide with how many bits to compute."""
        stored = read_checkpoint(self.file)
        if stored is None:
            measured = choose_precision(self.schedule.precision, self.network, self.batch(1, 0)[0])
            self.compute_with(self.team.agree(measured))
            progress(self.computed())
        else:
            self.restore(stored)
            progress(f"resumed after epoch {len(self.epochs)}; {self.computed()}")

    def compute_with(self, precision: Precision) -> None:
        """Compute with a precision from here on."""
        self.precision, self.scaler = precision, precision.scaler(self.device)

    def computed(self) -> str:
        """Say where and with how many bits is computed."""
        where = "the CPU" if self.device.type == "cpu" else torch.cuda.get_device_name(self.device)
        processes = f" by {self.team.size} processes" if self.team.size > 1 else ""
        return f"computed on {where}{processes} in {self.precision}"

    def restore(self, stored: Mapping[str, Any]) -> None:
        """Take up the state that a checkpoint holds."""
        self.network.load_state_dict(stored["network"])
        self.average.load_state_dict(stored["average"])
        self.optimiser.load_state_dict(stored["optimiser"])
        self.compute_with(Precision(**stored["precision"]))
        self.scaler.load_state_dict(stored["scaler"])
        self.best = stored["best"]
        self.epochs = [Epoch(**values) for values in stored["epochs"]]

    def keep(self, epoch: Epoch) -> None:
        """Note an epoch, keep its weights where they are the best, and write the checkpoint."""
        self.epochs.append(epoch)
        if self.best_epoch() is epoch:
            self.best = {key: value.clone() for key, value in self.average.state_dict().items()}
        if not self.team.leads:
            return
        write_checkpoint(
            self.file,
            network=self.network.state_dict(),
            average=self.average.state_dict(),
            optimiser=self.optimiser.state_dict(),
            precision=asdict(self.precision),
            scaler=self.scaler.state_dict(),
            best=self.best,
            epochs=[asdict(one) for one in self.epochs],
        )

    def best_epoch(self) -> Epoch:
        """Return the epoch whose weights are kept, the first of equals."""
        return max(self.epochs, key=lambda one: one.value(self.schedule.selection))

    def is_finished(self) -> bool:
        """Whether all epochs are done, or validation has not improved for too long."""
        done = len(self.epochs)
        stale = done - self.best_epoch().number if self.epochs else 0
        return done >= self.schedule.epochs or stale >= self.schedule.patience

    def one_epoch(self, watchers: Sequence[Watcher] = ()) -> Epoch:
        """Train for an epoch and look at validation; nothing is kept yet."""
        number, start = len(self.epochs) + 1, time.monotonic()
        losses = []
        # Dropout draws from torch's own generator.
        torch.manual_seed(self.config.seed * 1000 + number + _APART * self.team.rank)
        for step in range(self.steps_per_epoch):
            losses.append(self.one_step(number, step))
            seen = self.step_seen(number, step + 1, losses[-1], time.monotonic() - start)
            for watcher in watchers:
                watcher.on_step(seen)
        loss = float(np.mean(self.team.gather(np.array(losses))))
        if not math.isfinite(loss):
            raise TrainingError(
                "The training loss is no longer a number.", hint="Lower the learning rate.", code="diverged"
            )
        trained = time.monotonic()
        self.team.follow(self.average)
        result = validate(self.average, self.config, self.material, team=self.team)
        if math.isnan(result.plain):
            raise TrainingError(
                "The AUROC on validation is undefined: no label is both present and absent there.",
                hint="Add patients, or change the share of validation.",
                code="no-validation",
            )
        end = time.monotonic()
        return Epoch(number, loss, result.plain, result.mean, result.worst, end - start, end - trained)

    def one_step(self, number: int, step: int) -> float:
        """Learn from one batch and return its loss."""
        done = (number - 1) * self.steps_per_epoch + step
        set_rates(self.optimiser, self.schedule, done, self.schedule.epochs * self.steps_per_epoch)
        loss = self.compute_gradients(number, step)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.schedule.gradient_limit)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        move_average(self.average, self.network, decay=min(self.schedule.ema_decay, (1 + done) / (10 + done)))
        return loss

    def compute_gradients(self, number: int, step: int) -> float:
        """Leave the gradients of one batch in the network and return its loss."""
        x, targets = self.batch(number, step)
        training_mode(self.network, self.schedule)
        with self.precision.autocast(self.device):
            answer = self.learner(x)
        loss = loss_of(
            answer.float(),
            targets,
            activation=self.material.activation,
            smoothing=self.schedule.label_smoothing,
            focal_gamma=self.schedule.focal_gamma if self.schedule.loss == "focal" else 0.0,
            weights=self.class_weights,
        )
        self.optimiser.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimiser)
        return float(loss.detach())

    def batch(self, number: int, step: int) -> tuple[Tensor, Tensor]:
        """Return this process's share of a batch: what the network is given and should answer, (N, labels)."""
        rng = np.random.default_rng([self.config.seed, number, step])
        chosen = self.team.share(self.draw(number, step, rng))
        if not self.team.leads:
            rng = np.random.default_rng([self.config.seed, number, step, self.team.rank])
        x = changed_pictures(self.config, self.material, chosen, rng)
        targets = torch.from_numpy(self.material.targets[chosen]).float()
        x, targets = mix_up(x, targets, alpha=self.schedule.mixup, rng=rng)
        return network_input(x, self.config.input).to(self.device), targets.to(self.device)

    def draw(self, number: int, step: int, rng: np.random.Generator) -> Indices:
        """Return the pictures of a step, of all processes together: indices into the material."""
        size = self.schedule.batch
        if self.schedule.sampling == "balanced":
            return draw_balanced(self.material, size, rng)
        return take_in_turn(self.material, size, seed=self.config.seed, epoch=number, step=step)

    def step_seen(self, number: int, step: int, loss: float, seconds: float) -> Step:
        """Describe a step; those that are left will take as long as the `seconds` of this epoch make one expect."""
        left = (self.schedule.epochs - number) * self.steps_per_epoch + self.steps_per_epoch - step
        checking = float(np.mean([one.checking_seconds for one in self.epochs])) if self.epochs else 0.0
        minutes = (left * seconds / step + (self.schedule.epochs - number + 1) * checking) / 60
        rate = self.optimiser.param_groups[0]["lr"]
        return Step(number, self.schedule.epochs, step, self.steps_per_epoch, loss, rate, minutes)


def initial_network(config: TrainingConfig, *, labels: int) -> Network:
    """Build the network with its initial weights; the first `frozen_blocks` parts will not learn."""
    torch.manual_seed(config.seed)
    network = build_network(config.architecture, labels=labels, channels=config.input.channels)
    load_initial_weights(network, config.weights, architecture=config.architecture)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = config.schedule.dropout
    for block in learning_blocks(network)[: config.schedule.frozen_blocks]:
        block.requires_grad_(requires_grad=False)
    return network.to(memory_format=torch.channels_last)


# ── Bookkeeping ───────────────────────────────────────────────────────────────────────────────────────────────────


def _images_per_epoch(schedule: Schedule, material: Material) -> int:
    return schedule.epoch_images or len(material.training)


def _class_weights(schedule: Schedule, material: Material, device: torch.device) -> Tensor | None:
    if schedule.class_weights == "none":
        return None
    return balanced_weights(material.targets[material.training], activation=material.activation).to(device)


def _identity(config: TrainingConfig, material: Material) -> str:
    """Digest what a run depends on, so that a checkpoint of another run is never taken up."""
    import hashlib

    parts = (
        (config.architecture, config.weights, config.seed, config.input, config.working_size),
        (config.schedule, config.augmentation, config.pretraining),
    )
    digest = hashlib.sha256(repr(parts).encode())
    for array in (material.targets, material.training, material.validation):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
