"""The command line of the gate: `python -m core gate FOLDER --model ID`, for a model that is trained already."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.domain import ModelSpec
from core.errors import DatasetError, ModelError
from core.models.registry import find_shipped_model, model_folder
from core.models.spec import read_spec, write_gate
from core.training.command import report
from core.training.config import TrainingConfig
from core.training.config_file import read_config, read_toml

CONFIG_FILE = "training.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of fitting a gate."""
    add_trained_model_arguments(parser)
    parser.add_argument(
        "--foreign",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="images of something else, to measure how many of them the gate refuses; may be given several times",
    )
    parser.add_argument(
        "--known",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="images of something else that the gate learns from; those of every kind also test a gate without it",
    )


def add_trained_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which model is meant, and on what it was trained."""
    parser.add_argument("data", metavar="FOLDER", help="the labelled folder that the model was trained on")
    parser.add_argument("--model", required=True, metavar="ID", help="the model that is meant")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="F.toml",
        help=f"how the model was trained, for the same division of patients; default: {CONFIG_FILE} of its folder",
    )
    parser.add_argument("--work", metavar="FOLDER", help="for the cache of pictures; default .training/ID")


def run(options: argparse.Namespace) -> int:
    """Fit, measure and write the gate, reporting progress on standard error; the exit status is 0."""
    spec = find_shipped_model(options.model)
    config = config_for(spec, options)
    folder = give_gate(spec, config, foreign=options.foreign, known=options.known)
    sys.stdout.write(f"{folder}\n")
    return 0


def config_for(spec: ModelSpec, options: argparse.Namespace) -> TrainingConfig:
    """Return the configuration of the model's training, so that its patients are divided as they were then.

    Raises
    ------
    DatasetError
        The model folder does not say how the model was trained, and neither does an option.
    """
    file = options.config or model_folder(spec) / CONFIG_FILE
    if not file.is_file():
        raise DatasetError(
            "How the model was trained is not known, so its training images cannot be told from the others.",
            hint="Name its configuration with --config.",
            code="no-training-configuration",
        )
    values = {**read_toml(file), "data": options.data, "out": str(model_folder(spec))}
    if options.work:
        values["work"] = options.work
    return replace(read_config(values), input=spec.input)


def give_gate(
    spec: ModelSpec, config: TrainingConfig, *, foreign: Sequence[Path] = (), known: Sequence[Path] = ()
) -> Path:
    """Fit a gate for a model that is there, measure it, and write it and its figures into the model's folder.

    Raises
    ------
    DatasetError
        The labelled folder cannot be used, or a folder of foreign images holds none or too few.
    ModelError
        The model's folder is damaged, or has got other weights meanwhile.
    """
    from core.models.predict import load_engine
    from core.training.gate import fit_gate
    from core.training.gate_card import with_gate_section
    from core.training.outsiders import read_outsiders
    from core.training.preparation import prepare

    prepared = prepare(config, progress=report)
    report(prepared.describe())
    outsiders = [
        read_outsiders(
            folder.resolve(),
            spec=spec.input,
            size=config.working_size,
            work=config.work_folder,
            is_known=folder in known,
            seed=config.seed,
            progress=report,
        )
        for folder in (*known, *foreign)
    ]
    network = load_engine(replace(spec, gate=None), device="cpu").network
    report("fitting the gate")
    fitted = fit_gate(
        network,
        spec.input,
        prepared.pictures.pixels,
        prepared.division,
        seed=config.seed,
        outsiders=outsiders,
    )
    # Its card may have been rewritten in these minutes, or the whole model.
    now = read_spec(model_folder(spec), gate_needed=False)
    if now.sha256 != spec.sha256:
        raise ModelError(
            "The model was replaced while its gate was fitted; nothing was written.",
            hint="Fit the gate again, to the new model.",
            code="model-replaced",
        )
    write_gate(model_folder(spec), fitted.gate, fitted.statistics, card=with_gate_section(now.card, fitted))
    return model_folder(spec)
