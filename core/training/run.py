"""One training run, from a labelled folder to a model folder."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from core.domain import Calibration, Label
from core.errors import ModelError, TrainingError
from core.models.evidence import write_evidence
from core.models.network import Network
from core.models.provenance import write_training_hashes
from core.models.spec import format_spec, parse_spec, write_model
from core.training.assess import assess, spec_of
from core.training.cache import ignore_in_version_control
from core.training.calibration import (
    OPERATING_POINTS,
)
from core.training.card import write_card
from core.training.config import TrainingConfig
from core.training.contact_sheet import write_contact_sheet
from core.training.distributed import team_of_environment
from core.training.evidence import gather_evidence, learning_curves
from core.training.folds import material_of_members
from core.training.gate import fit_gate
from core.training.gate_card import with_gate_section
from core.training.loop import Fitted, fit, together
from core.training.plots import write_plots
from core.training.preparation import Prepared, prepare
from core.training.pretraining import pretrained_network
from core.training.tensorboard_log import FOLDER as TENSORBOARD_FOLDER
from core.training.tensorboard_log import TensorBoardLog
from core.training.watching import Lines, Watcher

Progress = Callable[[str], None]


def train(
    config: TrainingConfig, *, progress: Progress | None = None, watchers: Sequence[Watcher] | None = None
) -> Path:
    """Train, calibrate, measure and write a model folder.

    A run that was interrupted goes on after its last complete epoch when it is started again with the same
    configuration and data. Processes that `torchrun` started train together; the first of them reports and writes.

    Parameters
    ----------
    progress : callable, optional
        Is told in words what happens.
    watchers : sequence of Watcher, optional
        Are told of every step and epoch. Default: lines of text to `progress`, with the time that is left.

    Returns
    -------
    Path
        The model folder.

    Raises
    ------
    DatasetError
        The labelled folder cannot be used as it is.
    TrainingError
        The configuration contradicts itself, or training diverged.
    ModelError
        Architecture and initial weights do not fit.
    """
    _check(config)
    ignore_in_version_control(config.work_folder)
    with torch_threads(config.threads), team_of_environment(config.device) as team:
        tell = progress if progress and team.leads else _say_nothing
        with team.leader_first():
            prepared = prepare(config, progress=tell)
            tell(prepared.describe())
            initial = _start_without_labels(config, prepared, tell)
        fitted = []
        for member, material in zip(_members(config, tell), material_of_members(config, prepared), strict=True):
            watching = _watchers(member, prepared, watchers, tell) if team.leads else ()
            start = copy.deepcopy(initial)
            fitted.append(fit(member, material, progress=tell, watchers=watching, initial=start, team=team))
        kept = as_stored(together(fitted), config)
        return finish(config, prepared, kept, progress=tell) if team.leads else config.out


def as_stored(fitted: Fitted, config: TrainingConfig) -> Fitted:
    """Round the weights to what the model's file will hold, so that every figure is of the model that is written."""
    network = fitted.network
    return fitted if config.stored == "float32" else replace(fitted, network=network.half().float())


def _members(config: TrainingConfig, tell: Progress) -> Iterator[TrainingConfig]:
    """Return the run of each member: the same but for its random numbers, and with a log of its own."""
    for number in range(config.members):
        if config.members > 1:
            tell(f"network {number + 1} of {config.members}")
        yield replace(config, seed=config.seed + number, members=1)


def _say_nothing(_message: str) -> None:
    pass


def _watchers(
    config: TrainingConfig, prepared: Prepared, given: Sequence[Watcher] | None, tell: Progress
) -> tuple[Watcher, ...]:
    """Return those who watch the run, and draw the examples of the augmentation that they may show."""
    examples = write_contact_sheet(config, prepared.material, prepared.classes)
    tell(f"examples of the augmentation: {examples}")
    first = (Lines(tell),) if given is None else tuple(given)
    if not config.tensorboard:
        return first
    log = config.work_folder / TENSORBOARD_FOLDER / f"seed-{config.seed}"
    return (*first, TensorBoardLog(log, examples=examples))


def _check(config: TrainingConfig) -> None:
    if config.default_operating_point not in OPERATING_POINTS:
        raise TrainingError(
            f"There is no operating point “{config.default_operating_point}”; there are {', '.join(OPERATING_POINTS)}.",
            code="bad-configuration",
        )
    if not (config.intended_use.summary and config.intended_use.not_for):
        raise TrainingError(
            "The configuration does not say what the model is for and what it is not for.",
            hint="Fill in summary and not_for under [intended_use].",
            code="no-intended-use",
        )
    if config.folds and config.members < 2:
        raise TrainingError(
            "Folds are for networks that answer together, and there is to be one.",
            hint="Set members to 3 or more, or leave out folds.",
            code="bad-configuration",
        )
    _check_model(config)
    if config.input.colour:
        raise TrainingError(
            "Training reads gray pictures, and colours as their luminance; the input is to keep colours.",
            hint="Leave out colour under [input].",
            code="bad-configuration",
        )


def _check_model(config: TrainingConfig) -> None:
    """Check before training that what it makes can be written."""
    shares = config.split.validation_share, config.split.test_share
    if min(shares) <= 0 or sum(shares) >= 1:
        raise TrainingError(
            "The shares of validation and test are to be above 0, and together below 1.", code="bad-configuration"
        )
    labels = tuple(Label(one.name, one.code) for one in config.labels) or (Label("any"),)
    spec = replace(spec_of(config, labels, Calibration("sigmoid")), sha256="0" * 64)
    try:
        parse_spec(format_spec(spec))
    except ModelError as error:
        raise TrainingError(
            f"A model with this configuration could not be written. {error.message}",
            hint="Correct the configuration.",
            code="bad-configuration",
        ) from error


# ── After training ────────────────────────────────────────────────────────────────────────────────────────────────


def finish(config: TrainingConfig, prepared: Prepared, fitted: Fitted, *, progress: Progress) -> Path:
    """Calibrate, set operating points, measure on the test part, fit the input gate, and write the model folder."""
    assessed = assess(config, prepared, fitted, progress=progress)
    progress("fitting the input gate")
    gate = fit_gate(fitted.network, config.input, prepared.pictures.pixels, prepared.division, seed=config.seed)
    spec = replace(assessed.spec, gate=gate.gate)
    card = with_gate_section(write_card(spec, assessed.account), gate)
    spec = write_model(config.out, spec, _state(fitted.network, config), card=card, gate=gate.statistics)
    write_training_hashes(config.out, prepared.files_learnt_from())
    evidence = gather_evidence(spec, assessed.answers, seed=config.seed, learning=learning_curves(fitted))
    write_evidence(config.out, evidence)
    write_plots(config.out, spec, evidence)
    return config.out


def _state(network: Network, config: TrainingConfig) -> dict[str, Tensor]:
    kind = torch.float16 if config.stored == "float16" else torch.float32
    return {
        name: value.to(kind) if value.is_floating_point() else value for name, value in network.state_dict().items()
    }


def _start_without_labels(config: TrainingConfig, prepared: Prepared, progress: Progress) -> Network | None:
    if not config.pretraining.epochs:
        return None
    pixels = prepared.pictures.pixels[prepared.material.training]
    return pretrained_network(config, pixels, labels=len(prepared.labels), progress=progress)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads for the time being; 0 leaves its own choice."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
