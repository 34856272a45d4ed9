"""The training loop: head first, then the rest; moving average of the weights; a checkpoint after every epoch.

All random numbers are derived from (seed, epoch, step), so a run that was killed and resumed draws the same pictures
in the same order as one that was not.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from core.domain import InputSpec
from core.errors import TrainingError
from core.models.network import Network, build_network, load_backbone
from core.training.augmentation import augment
from core.training.checkpoint import read_checkpoint, write_checkpoint
from core.training.config import Schedule, TrainingConfig
from core.training.stress import CONDITIONS, PLAIN, StressResult, stress_result

Progress = Callable[[str], None]
FORWARD_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What a run learns from and is watched on.

    Attributes
    ----------
    pixels : ndarray of uint8, (N, rows, columns)
    targets : ndarray of float, (N, labels)
        1 where the label applies.
    strata : ndarray of int, (N,)
        The class folder; every one is drawn equally often.
    training, validation : ndarray of int
        Indices.
    activation : {"sigmoid", "softmax"}
    elongation : ndarray of float, (N,)
        See `elongation_offsets`.
    """

    pixels: NDArray[np.uint8]
    targets: NDArray[np.float64]
    strata: NDArray[np.int64]
    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    activation: str
    elongation: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch gave: training loss and AUROC on validation, as it is and under stress.

    `checking_seconds` of the `seconds` went into validation.
    """

    number: int
    loss: float
    plain: float
    stress_mean: float
    stress_worst: float
    seconds: float
    checking_seconds: float = 0.0

    def value(self, selection: str) -> float:
        """Return the figure by which the epoch is chosen."""
        return (self.stress_mean + self.stress_worst) / 2 if selection == "stress" else self.plain


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The chosen weights, and all epochs."""

    network: Network
    epochs: tuple[Epoch, ...]
    chosen: int


def fit(config: TrainingConfig, material: Material, *, progress: Progress) -> Fitted:
    """Train a network, or go on with a run that was interrupted.

    Raises
    ------
    ModelError
        Architecture and initial weights do not fit.
    TrainingError
        The loss is no longer a number.
    """
    run = _Run(config, material)
    run.resume(progress)
    while not run.is_finished():
        epoch = run.one_epoch(progress)
        run.keep(epoch)
        progress(_describe(epoch, run))
    run.network.load_state_dict(run.best)
    return Fitted(run.network.eval(), tuple(run.epochs), run.best_epoch().number)


class _Run:
    """State of a run between epochs; all of it is in the checkpoint."""

    def __init__(self, config: TrainingConfig, material: Material) -> None:
        self.config, self.material, self.schedule = config, material, config.schedule
        self.network = initial_network(config, labels=material.targets.shape[1])
        self.average = copy.deepcopy(self.network).eval()
        self.optimiser = _optimiser(self.network, self.schedule)
        self.epochs: list[Epoch] = []
        self.best: dict[str, Tensor] = {}
        self.steps_per_epoch = max(1, _images_per_epoch(self.schedule, material) // self.schedule.batch)
        self.file = config.work_folder / f"{_identity(config, material)}.checkpoint"

    def resume(self, progress: Progress) -> None:
        stored = read_checkpoint(self.file)
        if stored is None:
            return
        self.network.load_state_dict(stored["network"])
        self.average.load_state_dict(stored["average"])
        self.optimiser.load_state_dict(stored["optimiser"])
        self.best = stored["best"]
        self.epochs = [Epoch(**values) for values in stored["epochs"]]
        progress(f"resumed after epoch {len(self.epochs)}")

    def keep(self, epoch: Epoch) -> None:
        self.epochs.append(epoch)
        if self.best_epoch() is epoch:
            self.best = {key: value.clone() for key, value in self.average.state_dict().items()}
        write_checkpoint(
            self.file,
            network=self.network.state_dict(),
            average=self.average.state_dict(),
            optimiser=self.optimiser.state_dict(),
            best=self.best,
            epochs=[asdict(one) for one in self.epochs],
        )

    def best_epoch(self) -> Epoch:
        return max(self.epochs, key=lambda one: one.value(self.schedule.selection))

    def is_finished(self) -> bool:
        done = len(self.epochs)
        stale = done - self.best_epoch().number if self.epochs else 0
        return done >= self.schedule.epochs or stale >= self.schedule.patience

    def one_epoch(self, progress: Progress) -> Epoch:
        number, start = len(self.epochs) + 1, time.monotonic()
        losses = []
        torch.manual_seed(self.config.seed * 1000 + number)  # dropout draws from torch's own generator
        for step in range(self.steps_per_epoch):
            losses.append(self.one_step(number, step))
            if (step + 1) % max(1, self.steps_per_epoch // 4) == 0:
                progress(self.remaining(number, step + 1, time.monotonic() - start))
        loss = float(np.mean(losses))
        if not math.isfinite(loss):
            raise TrainingError(
                "The training loss is no longer a number.", hint="Lower the learning rate.", code="diverged"
            )
        trained = time.monotonic()
        result = validate(self.average, self.config, self.material)
        end = time.monotonic()
        return Epoch(number, loss, result.plain, result.mean, result.worst, end - start, end - trained)

    def one_step(self, number: int, step: int) -> float:
        done = (number - 1) * self.steps_per_epoch + step
        _set_rates(self.optimiser, self.schedule, done, self.schedule.epochs * self.steps_per_epoch)
        rng = np.random.default_rng([self.config.seed, number, step])
        chosen = draw_batch(self.material, self.schedule.batch, rng)
        x = _augmented(self.config, self.material, chosen, rng)
        _training_mode(self.network, self.schedule)
        answer = self.network(x)
        targets = torch.from_numpy(self.material.targets[chosen]).float()
        loss = loss_of(answer, targets, activation=self.material.activation, smoothing=self.schedule.label_smoothing)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.schedule.gradient_limit)
        self.optimiser.step()
        _move_average(self.average, self.network, decay=min(self.schedule.ema_decay, (1 + done) / (10 + done)))
        return float(loss.detach())

    def remaining(self, number: int, step: int, seconds: float) -> str:
        """Say how long the steps that are left will take, and validation as long as it took so far."""
        left = (self.schedule.epochs - number) * self.steps_per_epoch + self.steps_per_epoch - step
        checking = np.mean([one.checking_seconds for one in self.epochs]) if self.epochs else 0.0
        minutes = (left * seconds / step + (self.schedule.epochs - number + 1) * checking) / 60
        return f"epoch {number}, step {step} of {self.steps_per_epoch}; at most {minutes:.0f} min left"


# ── Parts of a step ───────────────────────────────────────────────────────────────────────────────────────────────


def initial_network(config: TrainingConfig, *, labels: int) -> Network:
    """Build the network with its initial weights; the first `frozen_blocks` parts will not learn."""
    torch.manual_seed(config.seed)
    network = build_network(config.architecture, labels=labels, channels=config.input.channels)
    if config.weights is not None:
        load_backbone(network, config.weights)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = config.schedule.dropout
    for block in _blocks(network)[: config.schedule.frozen_blocks]:
        block.requires_grad_(requires_grad=False)
    return network.to(memory_format=torch.channels_last)


def draw_batch(material: Material, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw training pictures, of every class equally many on average."""
    strata = material.strata[material.training]
    classes, counts = np.unique(strata, return_counts=True)
    weight = (1 / counts)[np.searchsorted(classes, strata)] / len(classes)
    return np.asarray(rng.choice(material.training, size, p=weight), dtype=np.int64)


def _augmented(
    config: TrainingConfig, material: Material, chosen: NDArray[np.int64], rng: np.random.Generator
) -> Tensor:
    x = augment(
        material.pixels[chosen],
        size=config.input.size,
        settings=config.augmentation,
        rng=rng,
        elongation=material.elongation[chosen],
    )
    return network_input(x, config.input)


def loss_of(answer: Tensor, targets: Tensor, *, activation: str, smoothing: float) -> Tensor:
    """Return cross-entropy against smoothed targets; both are (N, labels)."""
    if activation == "softmax":
        return functional.cross_entropy(answer, targets, label_smoothing=smoothing)
    smoothed = targets * (1 - smoothing) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(answer, smoothed)


def network_input(x: Tensor, spec: InputSpec) -> Tensor:
    """Normalise gray pictures, (N, 1, rows, columns) of 0 to 1, and repeat them to the network's channels."""
    mean, std = (torch.tensor(numbers).reshape(1, -1, 1, 1) for numbers in (spec.mean, spec.std))
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


def _optimiser(network: Network, schedule: Schedule) -> torch.optim.Optimizer:
    learning = [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]
    head_name = f"{network.last_layer()}."
    head = [weight for name, weight in learning if name.removeprefix("body.").startswith(head_name)]
    body = [weight for name, weight in learning if not name.removeprefix("body.").startswith(head_name)]
    groups = [
        {"params": body, "top": schedule.learning_rate, "wait": schedule.head_steps},
        {"params": head, "top": schedule.head_learning_rate, "wait": 0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, weight_decay=schedule.weight_decay)


def _set_rates(optimiser: torch.optim.Optimizer, schedule: Schedule, done: int, total: int) -> None:
    """Warm up linearly, then follow half a cosine down to a twentieth; the body waits for the head."""
    for group in optimiser.param_groups:
        step = done - group["wait"]
        warm = min(1.0, (step + 1) / schedule.warm_up_steps) if step >= 0 else 0.0
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, done / total)))
        group["lr"] = group["top"] * warm * (0.05 + 0.95 * cosine)


def _training_mode(network: Network, schedule: Schedule) -> None:
    network.train()
    if schedule.batch_norm == "frozen":
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


@torch.no_grad()
def _move_average(average: nn.Module, network: nn.Module, *, decay: float) -> None:
    for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def _blocks(network: Network) -> list[nn.Module]:
    """Return the parts of the features in order: the children where torchvision has one list, else the parts."""
    parts = [network.body.get_submodule(name) for name in network.family.features]
    return list(parts[0].children()) if len(parts) == 1 else parts


# ── Validation ────────────────────────────────────────────────────────────────────────────────────────────────────


def validate(network: Network, config: TrainingConfig, material: Material) -> StressResult:
    """Score a fixed part of validation under every condition, or only as it is where that decides."""
    chosen = _watched(material, config.schedule.stress_images)
    conditions = CONDITIONS if config.schedule.selection == "stress" else {PLAIN: CONDITIONS[PLAIN]}
    logits = {name: logits_under(name, network, config.input, material.pixels, chosen) for name in conditions}
    results = [
        stress_result(material.targets[chosen, label], {name: values[:, label] for name, values in logits.items()})
        for label in range(material.targets.shape[1])
    ]
    return StressResult(results[0].names, np.mean([result.area for result in results], axis=0))


def logits_under(
    condition: str, network: Network, spec: InputSpec, pixels: NDArray[np.uint8], chosen: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the network's answers, (len(chosen), labels), to pictures under a condition of `CONDITIONS`."""
    change = CONDITIONS[condition]
    batches = (change(pixels[part], spec.size) for part in _in_parts(chosen))
    with torch.no_grad():
        answers = [network.eval()(network_input(x, spec)).numpy() for x in batches]
    return np.concatenate(answers).astype(np.float64)


def all_logits(
    network: Network, spec: InputSpec, pixels: NDArray[np.uint8], chosen: NDArray[np.int64]
) -> Mapping[str, NDArray[np.float64]]:
    """Return `logits_under` for every condition."""
    return {name: logits_under(name, network, spec, pixels, chosen) for name in CONDITIONS}


def logits_of_copies(
    network: Network, config: TrainingConfig, material: Material, chosen: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the network's answers, (copies, len(chosen), labels), to randomly changed copies of pictures.

    The copies are changed as in training: an operating point and a calibration that are set on them do not lean on
    details of framing and exposure that the next hospital does not share.
    """
    answers = []
    rng = np.random.default_rng([config.seed, 0, 1])
    for _ in range(config.schedule.copies):
        batches = (_augmented(config, material, part, rng) for part in _in_parts(chosen))
        with torch.no_grad():
            answers.append(np.concatenate([network(x).numpy() for x in batches]))
    return np.stack(answers).astype(np.float64)


def _in_parts(chosen: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(chosen), FORWARD_BATCH):
        yield chosen[start : start + FORWARD_BATCH]


def _watched(material: Material, limit: int) -> NDArray[np.int64]:
    """Choose validation pictures, of every class equally many as far as there are."""
    rng = np.random.default_rng(0)
    strata = material.strata[material.validation]
    classes = np.unique(strata)
    chosen = [rng.permutation(material.validation[strata == one])[: limit // len(classes)] for one in classes]
    return np.sort(np.concatenate(chosen))


# ── Bookkeeping ───────────────────────────────────────────────────────────────────────────────────────────────────


def _images_per_epoch(schedule: Schedule, material: Material) -> int:
    return schedule.epoch_images or len(material.training)


def _identity(config: TrainingConfig, material: Material) -> str:
    """Digest what a run depends on, so that a checkpoint of another run is never taken up."""
    import hashlib

    parts = (config.architecture, config.weights, config.seed, config.input, config.schedule, config.augmentation)
    digest = hashlib.sha256(repr(parts).encode())
    for array in (material.targets, material.training, material.validation):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _describe(epoch: Epoch, run: _Run) -> str:
    mark = " (best so far)" if run.best_epoch() is epoch else ""
    return (
        f"epoch {epoch.number}: loss {epoch.loss:.4f}, validation AUROC {epoch.plain:.4f}, "
        f"under stress {epoch.stress_mean:.4f} (worst {epoch.stress_worst:.4f}), {epoch.seconds:.0f} s{mark}"
    )
