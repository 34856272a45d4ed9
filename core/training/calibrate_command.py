"""The command line that calibrates a trained model anew: `python -m core calibrate FOLDER --model ID`.

The weights and the input gate stay as they are. Calibration and operating points are derived from the validation part
of its data, the figures from the test part, and everything that follows from them is written: `model.toml`, card,
evidence and charts. Version, citation, known failures and history are those of its configuration, `training.toml`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from core.domain import ModelSpec
from core.models.evidence import write_evidence
from core.models.registry import find_shipped_model, model_folder
from core.models.spec import read_spec, rewrite_spec
from core.training.command import report
from core.training.config import TrainingConfig
from core.training.gate_command import add_trained_model_arguments, config_for
from core.training.measure_command import known_learning, require_same_labels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of calibrating."""
    add_trained_model_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Calibrate, report progress on standard error, and print the model folder; the exit status is 0."""
    spec = find_shipped_model(options.model)
    sys.stdout.write(f"{calibrate_again(spec, config_for(spec, options))}\n")
    return 0


def calibrate_again(spec: ModelSpec, config: TrainingConfig) -> Path:
    """Derive calibration, operating points and figures of a model from its weights and data, and write them.

    Raises
    ------
    DatasetError
        The data cannot be used, or have other labels.
    ModelError
        The model's weights or its gate are not those that it was written with.
    """
    from core.models.predict import load_engine
    from core.training.assess import assess
    from core.training.card import HOW_TRAINED, STRESSED, keep_section, write_card
    from core.training.evidence import gather_evidence
    from core.training.gate_card import keep_gate_section
    from core.training.loop import Fitted
    from core.training.plots import write_plots
    from core.training.preparation import prepare
    from core.training.run import torch_threads

    folder = model_folder(spec)
    prepared = prepare(config, progress=report)
    require_same_labels(spec, [label.name for label in prepared.labels])
    report(prepared.describe())
    learning = known_learning(folder, spec)
    network = load_engine(spec, device="cpu").network
    fitted = Fitted(network, epochs=(), chosen=learning.kept if learning else 0, computed="as before")
    with torch_threads(config.threads):
        assessed = assess(config, prepared, fitted, progress=report, known=spec)
    # The course of the training is not known here in full; the card holds it.
    former = read_spec(folder).card
    found = assessed.spec
    new = replace(
        spec,
        title=found.title,
        version=found.version,
        labels=found.labels,
        calibration=found.calibration,
        intended_use=found.intended_use,
        licence=found.licence,
        citation=found.citation,
        metrics=found.metrics,
    )
    card = keep_section(write_card(new, assessed.account), former, HOW_TRAINED)
    if not any(one.by_condition for one in assessed.account.measured):
        report("it calls as before: what the card says of changed conditions stays")
        card = keep_section(card, former, STRESSED)
    card = keep_gate_section(card, former)
    new = rewrite_spec(folder, new, card=card)
    evidence = gather_evidence(new, assessed.answers, seed=config.seed, learning=learning)
    write_evidence(folder, evidence)
    write_plots(folder, new, evidence)
    return folder
