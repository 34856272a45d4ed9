"""One training run, from a labelled folder to a model folder."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from core.domain import Calibration, InputSpec, Label, ModelSpec, OperatingPoint
from core.errors import ModelError, TrainingError
from core.models.evidence import write_evidence
from core.models.metrics import name_metrics
from core.models.network import Network
from core.models.provenance import write_training_hashes
from core.models.spec import format_spec, parse_spec, write_model
from core.training.cache import ignore_in_version_control
from core.training.calibration import (
    OPERATING_POINTS,
    Cases,
    apply_calibration,
    calibrate,
    calls_alike,
    is_alike,
    operating_points,
)
from core.training.card import Account, write_card
from core.training.config import ClassLabel, TrainingConfig
from core.training.contact_sheet import write_contact_sheet
from core.training.distributed import team_of_environment
from core.training.evidence import gather_evidence, learning_curves
from core.training.gate import fit_gate
from core.training.gate_card import with_gate_section
from core.training.loop import Fitted, fit, together
from core.training.measure import (
    Answers,
    Measured,
    answer,
    answers_from_files,
    figures_together,
    measure,
)
from core.training.plots import write_plots
from core.training.preparation import Prepared, prepare
from core.training.pretraining import pretrained_network
from core.training.shortcuts import feature_aurocs, joint_auroc, trivial_features
from core.training.split import Part
from core.training.stress import CONDITIONS, PLAIN
from core.training.tensorboard_log import FOLDER as TENSORBOARD_FOLDER
from core.training.tensorboard_log import TensorBoardLog
from core.training.validation import all_logits, logits_of_copies, logits_under
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
        for member in _members(config, tell):
            watching = _watchers(member, prepared, watchers, tell) if team.leads else ()
            start = copy.deepcopy(initial)
            fitted.append(fit(member, prepared.material, progress=tell, watchers=watching, initial=start, team=team))
        return finish(config, prepared, together(fitted), progress=tell) if team.leads else config.out


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
    spec = ModelSpec(
        id=config.id,
        title=config.title or config.id,
        version=config.version,
        architecture=config.architecture,
        members=config.members,
        sha256="0" * 64,
        input=config.input,
        labels=tuple(Label(one.name, one.code) for one in config.labels) or (Label("any"),),
        calibration=Calibration("sigmoid"),
        intended_use=config.intended_use,
    )
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
    spec = write_model(config.out, spec, fitted.network.state_dict(), card=card, gate=gate.statistics)
    write_training_hashes(config.out, prepared.files_learnt_from())
    evidence = gather_evidence(spec, assessed.answers, seed=config.seed, learning=learning_curves(fitted))
    write_evidence(config.out, evidence)
    write_plots(config.out, spec, evidence)
    return config.out


@dataclass(frozen=True, slots=True, eq=False)
class Assessed:
    """What is known of a trained network: its spec, without weights, gate and card, and what that stands on."""

    spec: ModelSpec
    account: Account
    answers: Answers


def assess(
    config: TrainingConfig, prepared: Prepared, fitted: Fitted, *, progress: Progress, known: ModelSpec | None = None
) -> Assessed:
    """Calibrate, set operating points, and measure on the test part.

    Of a model that is `known` with the same weights the calibration stays to the last digit where it comes out alike;
    where its default calls do so too, the changed conditions are not measured again, and no result of them is there.
    """
    progress("calibrating on validation")
    calibration, labels = _calibrated(config, prepared, fitted, known=known.calibration if known else None)
    conditions = () if known is not None and calls_alike(known, calibration, labels) else tuple(CONDITIONS)
    progress("measuring on the test part")
    answers = answer_test_part(fitted.network, config.input, calibration, prepared)
    account = Account(
        config=config,
        prepared=prepared,
        fitted=fitted,
        calibration=calibration,
        measured=_measured(
            config, prepared, fitted, conditions, calibration=calibration, labels=labels, answers=answers
        ),
        together=figures_together(labels, answers, seed=config.seed),
        shortcuts=_shortcuts(config, prepared),
    )
    spec = ModelSpec(
        id=config.id,
        title=config.title or config.id,
        version=config.version,
        architecture=config.architecture,
        members=config.members,
        sha256="",
        input=config.input,
        labels=labels,
        calibration=calibration,
        intended_use=config.intended_use,
        licence=config.words.licence,
        citation=config.words.citation,
        metrics=name_metrics({one.label.name: one.figures for one in account.measured}, account.together),
    )
    return Assessed(spec, account, answers)


def _calibrated(
    config: TrainingConfig, prepared: Prepared, fitted: Fitted, *, known: Calibration | None = None
) -> tuple[Calibration, tuple[Label, ...]]:
    material, chosen = prepared.material, prepared.material.validation
    plain = answers_from_files(fitted.network, config.input, [prepared.pictures.examples[index] for index in chosen])
    conditions = all_logits(fitted.network, config.input, material.pixels, chosen)
    copies = logits_of_copies(fitted.network, config, material, chosen)
    logits = np.stack([*conditions.values(), *copies])
    targets, groups = material.targets[chosen], prepared.division.group[chosen]
    cases = Cases(
        f"{len(chosen)} validation images of {len(np.unique(groups))} patients",
        f"each under {len(conditions)} conditions of framing, exposure and sharpness and in {len(copies)} randomly "
        "changed copies",
    )
    calibration = calibrate(
        np.concatenate(logits), np.tile(targets, (len(logits), 1)), activation=material.activation, origin=cases.origin
    )
    if known is not None and is_alike(calibration, known):
        calibration = known
    as_given = apply_calibration(plain, calibration)
    scores = np.stack([apply_calibration(values, calibration) for values in logits])
    points = [
        operating_points(
            targets[:, index], as_given[:, index], scores[:, :, index], groups=groups, cases=cases, seed=config.seed
        )
        for index in range(len(prepared.labels))
    ]
    labels = (_label(*each, config) for each in zip(prepared.labels, points, strict=True))
    return calibration, tuple(labels)


def _label(label: ClassLabel, points: tuple[OperatingPoint, ...], config: TrainingConfig) -> Label:
    default = config.default_operating_point
    return Label(
        name=label.name,
        code=label.code,
        operating_points=points,
        default_operating_point=default if default in {point.name for point in points} else "",
        is_finding=label.is_finding,
        title=label.title,
    )


def answer_test_part(network: Network, spec: InputSpec, calibration: Calibration, prepared: Prepared) -> Answers:
    """Ask a model about the test part of its data."""
    chosen = prepared.division.of(Part.TEST)
    return answer(
        network,
        spec,
        calibration,
        [prepared.pictures.examples[index] for index in chosen],
        truth=prepared.material.targets[chosen],
        groups=prepared.division.group[chosen],
    )


def _measured(
    config: TrainingConfig,
    prepared: Prepared,
    fitted: Fitted,
    conditions: Sequence[str],
    *,
    calibration: Calibration,
    labels: tuple[Label, ...],
    answers: Answers,
) -> tuple[Measured, ...]:
    material, chosen = prepared.material, prepared.division.of(Part.TEST)
    stressed = {
        name: apply_calibration(logits_under(name, fitted.network, config.input, material.pixels, chosen), calibration)
        for name in conditions
    }
    return tuple(
        measure(
            label,
            answers.truth[:, index],
            answers.scores[:, index],
            under_stress={name: values[:, index] for name, values in stressed.items()},
            groups=answers.groups,
            seed=config.seed,
        )
        for index, label in enumerate(labels)
    )


def _shortcuts(config: TrainingConfig, prepared: Prepared) -> dict[str, dict[str, float]]:
    """How well trivial features tell each label in the training part; all of them together last."""
    chosen = prepared.material.training
    files = [prepared.pictures.examples[index].path for index in chosen]
    features = trivial_features(prepared.pictures.pixels[chosen], prepared.pictures.shapes[chosen], files)
    groups = prepared.division.group[chosen]
    return {
        label.name: {
            **feature_aurocs(truth, features),
            "all of these together": joint_auroc(truth, features, groups, seed=config.seed),
        }
        for label, truth in zip(prepared.labels, prepared.material.targets[chosen].T, strict=True)
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


__all__ = ["PLAIN", "Prepared", "finish", "prepare", "train"]
