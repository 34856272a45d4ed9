"""What a trained network is worth: calibration and operating points from validation, figures from the test part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.domain import Calibration, Estimate, InputSpec, Label, ModelSpec, OperatingPoint
from core.evaluation import auroc_interval
from core.models.metrics import ALL_LABELS, name_metrics
from core.models.network import Network
from core.training.calibration import (
    Cases,
    apply_calibration,
    calibrate,
    calls_alike,
    is_alike,
    operating_points,
)
from core.training.card import Account
from core.training.config import ClassLabel, TrainingConfig
from core.training.folds import judges
from core.training.loop import Fitted
from core.training.measure import (
    Answers,
    Measured,
    answer,
    answers_from_files,
    figures_together,
    measure,
)
from core.training.preparation import Prepared
from core.training.shortcuts import feature_aurocs, joint_auroc, trivial_features
from core.training.split import Part
from core.training.stress import CONDITIONS
from core.training.validation import all_logits, logits_of_copies, logits_under

Progress = Callable[[str], None]
Values = NDArray[np.float64]

UNSEEN = "answered by the network that had not learnt from it"
"""What is said of the pictures of folds."""


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
    asked = ask_validation(config, prepared, fitted.network)
    calibration, labels = _calibrated(config, prepared, asked, known=known.calibration if known else None)
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
        on_folds=_on_folds(labels, asked, calibration, seed=config.seed) if config.folds else {},
    )
    metrics = name_metrics({one.label.name: one.figures for one in account.measured}, account.together)
    return Assessed(replace(spec_of(config, labels, calibration), metrics=metrics), account, answers)


def spec_of(config: TrainingConfig, labels: tuple[Label, ...], calibration: Calibration) -> ModelSpec:
    """Return the spec of a configuration's model, without weights, gate, card and figures."""
    return ModelSpec(
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
    )


def _calibrated(
    config: TrainingConfig, prepared: Prepared, asked: Asked, *, known: Calibration | None = None
) -> tuple[Calibration, tuple[Label, ...]]:
    on_plain = config.schedule.calibrate_on == "plain"
    logits = asked.plain[None] if on_plain else asked.changed
    calibration = calibrate(
        np.concatenate(logits),
        np.tile(asked.truth, (len(logits), 1)),
        activation=prepared.material.activation,
        origin=_origin_of_plain(asked, config) if on_plain else asked.cases.origin,
    )
    if known is not None and is_alike(calibration, known):
        calibration = known
    as_given = apply_calibration(asked.plain, calibration)
    scores = np.stack([apply_calibration(values, calibration) for values in asked.changed])
    points = [
        operating_points(
            asked.truth[:, index],
            as_given[:, index],
            scores[:, :, index],
            groups=asked.groups,
            cases=asked.cases,
            seed=config.seed,
        )
        for index in range(len(prepared.labels))
    ]
    labels = (_label(*each, config) for each in zip(prepared.labels, points, strict=True))
    return calibration, tuple(labels)


def _origin_of_plain(asked: Asked, config: TrainingConfig) -> str:
    answered = f", each {UNSEEN}" if config.folds else ""
    return f"{asked.cases.name}, as they are{answered}"


def _on_folds(labels: Sequence[Label], asked: Asked, calibration: Calibration, *, seed: int) -> dict[str, Estimate]:
    """Return the AUROC of each label over all folds, and the mean where labels exclude each other."""
    scores = apply_calibration(asked.plain, calibration)
    answers = Answers(asked.truth, scores, asked.groups, exclusive=calibration.activation == "softmax")
    areas = {label.name: auroc_interval(asked.truth[:, index], scores[:, index]) for index, label in enumerate(labels)}
    together = figures_together(labels, answers, seed=seed)
    return {"all labels, mean": together[ALL_LABELS]["macro_auroc"], **areas} if together else areas


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Validation pictures and what networks that did not learn from them answer.

    Attributes
    ----------
    plain : ndarray, (N, labels)
        To the files as a user would give them.
    changed : ndarray, (conditions, N, labels)
        To the pictures under every condition and in every changed copy.
    truth : ndarray, (N, labels)
    groups : ndarray of int, (N,)
        Patients.
    cases : Cases
    """

    plain: Values
    changed: Values
    truth: Values
    groups: NDArray[np.int64]
    cases: Cases


def ask_validation(config: TrainingConfig, prepared: Prepared, network: Network) -> Asked:
    """Ask about the validation part; with folds, each member about its own fold."""
    asked = judges(config, prepared, network)
    chosen = np.concatenate([material.validation for _, material in asked])
    plain, changed = [], []
    for judge, material in asked:
        own = material.validation
        plain.append(answers_from_files(judge, config.input, [prepared.pictures.examples[index] for index in own]))
        conditions = all_logits(judge, config.input, material.pixels, own)
        copies = logits_of_copies(judge, config, material, own)
        changed.append(np.stack([*conditions.values(), *copies]))
    groups = prepared.division.group[chosen]
    answered = f" {UNSEEN}" if config.folds else ""
    return Asked(
        plain=np.concatenate(plain),
        changed=np.concatenate(changed, axis=1),
        truth=prepared.material.targets[chosen],
        groups=groups,
        cases=Cases(
            f"{len(chosen)} validation images of {len(np.unique(groups))} patients",
            f"each{answered} under {len(CONDITIONS)} conditions of framing, exposure and sharpness and in "
            f"{config.schedule.copies} randomly changed copies",
        ),
    )


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
