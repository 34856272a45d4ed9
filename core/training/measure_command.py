"""The command line that repeats a model's figures: `python -m core measure FOLDER --model ID`.

The model is asked about the test part of its data once more. Where the figures are those that it was written with, the
curves behind them and the charts are written into its folder; where they are not, nothing is written.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain import Estimate, ModelSpec
from core.errors import DatasetError, ModelError
from core.models.evidence import LearningCurves, read_evidence, write_evidence
from core.models.metrics import name_metrics
from core.models.registry import find_shipped_model, model_folder
from core.training.command import report
from core.training.config import TrainingConfig
from core.training.gate_command import add_trained_model_arguments, config_for

if TYPE_CHECKING:
    from core.training.measure import Answers

TOLERANCE = 0.002
"""By which a figure may differ: on another processor a score at the threshold may fall to its other side."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of measuring."""
    add_trained_model_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Measure, report progress on standard error, and print the figures; the exit status is 0."""
    from core.training.markdown import format_estimate

    spec = find_shipped_model(options.model)
    figures = measure_again(spec, config_for(spec, options))
    for name, figure in figures.items():
        sys.stdout.write(f"{name}  {format_estimate(figure)}\n")
    return 0


def measure_again(spec: ModelSpec, config: TrainingConfig) -> dict[str, Estimate]:
    """Repeat a model's figures on the test part of its data; write its evidence and charts where they agree.

    Raises
    ------
    DatasetError
        The data cannot be used, have other labels, or give other figures than the model was written with.
    ModelError
        The model's weights are not those that it was written with.
    """
    from core.models.predict import load_engine
    from core.training.assess import answer_test_part
    from core.training.evidence import gather_evidence
    from core.training.plots import write_plots
    from core.training.preparation import prepare

    prepared = prepare(config, progress=report)
    require_same_labels(spec, [label.name for label in prepared.labels])
    report(prepared.describe())
    network = load_engine(replace(spec, gate=None), device="cpu").network
    report("measuring on the test part")
    answers = answer_test_part(network, spec.input, spec.calibration, prepared)
    figures = _figures(spec, answers, seed=config.seed)
    _require_agreement(spec.metrics, figures, cases=len(answers.groups))
    folder = model_folder(spec)
    evidence = gather_evidence(spec, answers, seed=config.seed, learning=known_learning(folder, spec))
    write_evidence(folder, evidence)
    write_plots(folder, spec, evidence)
    return figures


def _figures(spec: ModelSpec, answers: Answers, *, seed: int) -> dict[str, Estimate]:
    from core.training.measure import figures_of, figures_together

    by_label = {
        label.name: figures_of(
            label, answers.truth[:, index], answers.scores[:, index], groups=answers.groups, seed=seed
        )
        for index, label in enumerate(spec.labels)
    }
    return name_metrics(by_label, figures_together(spec.labels, answers, seed=seed))


def require_same_labels(spec: ModelSpec, names: list[str]) -> None:
    """Raise where a configuration names other labels than the model has."""
    expected = [label.name for label in spec.labels]
    if names != expected:
        raise DatasetError(
            f"The configuration names the labels {', '.join(names)}; the model has {', '.join(expected)}.",
            hint="Name the configuration that the model was trained with, with --config.",
            code="labels-differ",
        )


def _require_agreement(written: Mapping[str, Estimate], found: Mapping[str, Estimate], *, cases: int) -> None:
    """Raise where a figure differs by more than two cases on the other side of a threshold explain."""
    most = max(TOLERANCE, 2 / cases)
    differing = [
        f"{name} {written[name].value:.4f} there and {figure.value:.4f} here"
        for name, figure in found.items()
        if name in written and not _is_close(written[name].value, figure.value, most)
    ]
    if differing:
        raise DatasetError(
            f"The figures are not those of model.toml: {'; '.join(differing)}. Nothing was written.",
            hint="Give the folder and the configuration that the model was trained with.",
            code="figures-differ",
        )


def _is_close(one: float, other: float, most: float) -> bool:
    return abs(one - other) <= most or (math.isnan(one) and math.isnan(other))


def known_learning(folder: Path, spec: ModelSpec) -> LearningCurves | None:
    """Return the course of the training as the folder holds it; measuring does not repeat it."""
    try:
        known = read_evidence(folder, spec)
    except ModelError:
        # It is about to be replaced.
        return None
    return known.learning if known is not None else None
