"""The command line of training: `python -m core train FOLDER --out weights/ID`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.domain import ENHANCEMENTS
from core.training.config import TrainingConfig
from core.training.config_file import read_config, read_toml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a training run; what the command line says wins over the file of `--config`."""
    parser.add_argument(
        "data", metavar="FOLDER", help="holds a folder of images per class, or such folders below train, val and test"
    )
    parser.add_argument("--out", metavar="weights/ID", help="the model folder to write; its name is the model's id")
    parser.add_argument("--config", type=Path, metavar="F.toml", help="everything else, from a file")
    table = parser.add_argument_group("labels from a table, in place of folders")
    table.add_argument("--labels-csv", metavar="F.csv", help="a row for each image; its paths start from FOLDER")
    table.add_argument("--path-column", metavar="NAME", help="of the image file; default path")
    table.add_argument(
        "--label-columns",
        nargs="+",
        metavar="NAME",
        help="one that names the labels, separated by | or ;, or several that hold 0 or 1; default labels",
    )
    table.add_argument("--patient-column", metavar="NAME", help="who the patient is")
    table.add_argument("--split-column", metavar="NAME", help="train, val or test; where empty, the split is drawn")
    parser.add_argument(
        "--outputs", choices=("auto", "exclusive", "independent"), help="whether the labels exclude each other"
    )
    parser.add_argument("--patient-pattern", metavar="REGEX", help="finds the patient in a file's name")
    parser.add_argument("--validation-share", type=float, metavar="X", help="of the patients; default 0.15")
    parser.add_argument("--test-share", type=float, metavar="X", help="of the patients; default 0.15")
    parser.add_argument("--absence", metavar="CLASS", help="the class that shows none of the findings")
    parser.add_argument("--architecture", metavar="NAME", help="torchvision's name, or small_cnn; default mobilenet_v2")
    parser.add_argument(
        "--weights", metavar="F.safetensors", help="initial weights; torchvision downloads its own; default random"
    )
    parser.add_argument(
        "--unlabelled", metavar="FOLDER", help="pictures for the training without labels that comes first"
    )
    parser.add_argument("--size", type=int, nargs=2, metavar=("ROWS", "COLUMNS"), help="of the network's input")
    parser.add_argument("--resize", choices=("pad", "squash", "crop"), help="how pictures come to that size")
    parser.add_argument("--intensity-range", choices=("percentile", "full", "window"), help="what is black and white")
    parser.add_argument("--window-center", type=float, metavar="X", help="with --intensity-range window")
    parser.add_argument("--window-width", type=float, metavar="X", help="with --intensity-range window")
    parser.add_argument("--channels", type=int, choices=(1, 3), help="of the input; gray is repeated to 3 (default)")
    parser.add_argument("--enhance", nargs="+", choices=ENHANCEMENTS, help="steps that every picture goes through")
    parser.add_argument("--epochs", type=int, metavar="N", help="at most")
    parser.add_argument("--batch", type=int, metavar="N", help="pictures per step")
    parser.add_argument("--learning-rate", type=float, metavar="X", help="largest, of the network's body")
    parser.add_argument(
        "--sampling", choices=("balanced", "plain"), help="every class, or every picture, equally often"
    )
    parser.add_argument("--loss", choices=("cross-entropy", "focal"), help="what training makes small")
    parser.add_argument("--class-weights", choices=("none", "balanced"), help="let rare classes count more in the loss")
    parser.add_argument("--mixup", type=float, metavar="X", help="blend pictures, in shares from Beta(X, X); 0 is off")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="default: a graphics card where there is one")
    parser.add_argument(
        "--precision", choices=("auto", "off", "bf16", "fp16"), help="16 bits; auto measures whether that is faster"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of split, order, augmentation and new weights")
    parser.add_argument("--threads", type=int, metavar="N", help="of the processor; 0 leaves the choice to torch")
    parser.add_argument("--work", metavar="FOLDER", help="for cache and checkpoints; default .training/ID")


PLACES: Mapping[str, tuple[str, ...]] = {
    "data": ("data",),
    "out": ("out",),
    "labels_csv": ("table", "file"),
    "path_column": ("table", "path"),
    "label_columns": ("table", "labels"),
    "patient_column": ("table", "patient"),
    "split_column": ("table", "split"),
    "outputs": ("outputs",),
    "validation_share": ("split", "validation_share"),
    "test_share": ("split", "test_share"),
    "patient_pattern": ("split", "patient_pattern"),
    "absence": ("absence",),
    "architecture": ("architecture",),
    "weights": ("weights",),
    "unlabelled": ("pretraining", "folder"),
    "size": ("input", "size"),
    "resize": ("input", "resize"),
    "intensity_range": ("input", "intensity_range"),
    "window_center": ("input", "window", "center"),
    "window_width": ("input", "window", "width"),
    "channels": ("input", "channels"),
    "enhance": ("input", "enhance"),
    "epochs": ("schedule", "epochs"),
    "batch": ("schedule", "batch"),
    "learning_rate": ("schedule", "learning_rate"),
    "sampling": ("schedule", "sampling"),
    "loss": ("schedule", "loss"),
    "class_weights": ("schedule", "class_weights"),
    "mixup": ("schedule", "mixup"),
    "device": ("device",),
    "precision": ("schedule", "precision"),
    "seed": ("seed",),
    "threads": ("threads",),
    "work": ("work",),
}
"""Where each option belongs in the configuration."""


def config_from(options: argparse.Namespace) -> TrainingConfig:
    """Merge the file of `--config` and the options.

    Raises
    ------
    TrainingError
        The configuration is incomplete or holds something unknown.
    """
    values: dict[str, Any] = read_toml(options.config) if options.config else {}
    for option, place in PLACES.items():
        value = getattr(options, option)
        if value is not None:
            _put(values, place, value)
    return read_config(values)


def run(options: argparse.Namespace) -> int:
    """Train, reporting progress on standard error, and print the model folder; the exit status is 0."""
    from core.training.run import train
    from core.training.watching import ProgressBar

    config = config_from(options)
    if sys.stderr.isatty():
        bar = ProgressBar(sys.stderr)
        folder = train(config, progress=bar.say, watchers=[bar])
    else:
        folder = train(config, progress=report)
    if os.environ.get("RANK", "0") == "0":  # of several processes that torchrun started
        sys.stdout.write(f"{folder}\n")
    return 0


def _put(values: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for name in place[:-1]:
        values = values.setdefault(name, {})
    values[place[-1]] = value


def report(message: str) -> None:
    """Say on standard error what happens."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
