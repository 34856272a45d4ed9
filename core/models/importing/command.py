"""The command line of bringing a model: `python -m core import-model CHECKPOINT --arch NAME --labels A,B --out F`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain import WindowLevel
from core.errors import ModelError

if TYPE_CHECKING:
    from core.models.importing.described import Description
    from core.models.importing.imported import Imported

PACKAGE = "torchxrayvision:"
"""Start of a CHECKPOINT that is no path, but the name that torchxrayvision gives to a set of weights."""

OF_DESCRIPTION = (
    "arch",
    "labels",
    "absence",
    "title",
    "channels",
    "size",
    "resize",
    "intensity_range",
    "window",
    "mean",
    "std",
    "activation",
    "modality",
    "body_part",
    "intended_use",
    "not_for",
    "licence",
    "citation",
)
"""Options that describe a model that is not known here."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of an import; what is left out is assumed, and named in the card."""
    parser.add_argument(
        "source",
        metavar="CHECKPOINT",
        help=f"a file of weights (.safetensors, .pth, .pt), or {PACKAGE}densenet121-res224-all",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="weights/ID", help="the model folder to write")
    parser.add_argument("--arch", metavar="NAME", help="torchvision's name of the architecture, as in resnet50")
    parser.add_argument("--labels", type=_words, metavar="A,B,…", help="of the outputs, in their order")
    parser.add_argument("--absence", type=_words, metavar="A", help="those of the labels that mean no finding")
    parser.add_argument("--title", metavar="TEXT", help="of the model, for its users")
    _add_input_arguments(parser.add_argument_group("how images are prepared"))
    _add_use_arguments(parser.add_argument_group("what it is for"))
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help=f"with {PACKAGE}…, its weights where they are downloaded already",
    )


def _add_input_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--channels", type=int, choices=(1, 3), help="of the input; default: those of the weights")
    group.add_argument("--size", type=_size, metavar="N|ROWS,COLUMNS", help="of the input; default: torchvision's")
    group.add_argument("--resize", choices=("pad", "squash", "crop"), help="to that size; default squash")
    group.add_argument(
        "--intensity-range", choices=("full", "percentile", "window"), help="what becomes 0 to 1; default full"
    )
    group.add_argument("--window", type=_window, metavar="CENTER,WIDTH", help="for --intensity-range window")
    group.add_argument("--mean", type=_numbers, metavar="X[,Y,Z]", help="taken from 0 to 1; default ImageNet's")
    group.add_argument("--std", type=_numbers, metavar="X[,Y,Z]", help="divided by afterwards; default ImageNet's")
    group.add_argument(
        "--activation", choices=("sigmoid", "softmax"), help="default: softmax (labels exclude each other) for several"
    )


def _add_use_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--modality", type=_terms, metavar="CR,DX", help="as DICOM names them; default any")
    group.add_argument("--body-part", type=_terms, metavar="CHEST", help="as DICOM names them; default any")
    group.add_argument("--intended-use", metavar="TEXT", help="in a sentence")
    group.add_argument("--not-for", metavar="TEXT", help="what it must not be used for, in a sentence")
    group.add_argument("--licence", metavar="TEXT", help="of the weights")
    group.add_argument("--citation", metavar="TEXT", help="of those who made them")


def run(options: argparse.Namespace) -> int:
    """Import, say on standard error what had to be assumed, and print the model folder; the exit status is 0.

    Raises
    ------
    ModelError
        The checkpoint, or what was said of it, cannot be used; nothing is written then.
    """
    imported = _import_known(options) if options.source.startswith(PACKAGE) else _import_described(options)
    for remark in imported.remarks:
        sys.stderr.write(f"{remark}\n")
    sys.stdout.write(f"{options.out}\n")
    return 0


def _import_known(options: argparse.Namespace) -> Imported:
    given = [name for name in OF_DESCRIPTION if getattr(options, name) is not None]
    if given:
        raise ModelError(
            f"--{given[0].replace('_', '-')} cannot be chosen for a model of torchxrayvision.",
            hint="Labels, input and use are known. Leave the option out, or edit model.toml afterwards.",
            code="import-settings-invalid",
        )
    from core.models.importing.xrayvision import import_weights

    return import_weights(options.source.removeprefix(PACKAGE), options.out, checkpoint=options.checkpoint)


def _import_described(options: argparse.Namespace) -> Imported:
    if options.checkpoint is not None:
        raise ModelError(
            f"--checkpoint belongs to {PACKAGE}NAME; there is a checkpoint already.",
            hint="Give the file as CHECKPOINT alone.",
            code="import-settings-invalid",
        )
    if not options.arch or not options.labels:
        raise ModelError(
            "A checkpoint says neither what network it is for nor what its outputs mean.",
            hint="Give --arch, torchvision's name of the architecture, and --labels A,B,… in the order of the outputs.",
            code="import-settings-missing",
        )
    from core.models.importing.imported import import_checkpoint

    return import_checkpoint(Path(options.source), options.out, _description(options))


def _description(options: argparse.Namespace) -> Description:
    from core.models.importing.described import Description

    return Description(
        architecture=options.arch,
        labels=options.labels,
        absent=options.absence or (),
        title=options.title or "",
        channels=options.channels,
        size=options.size,
        resize=options.resize,
        intensity_range=options.intensity_range or ("window" if options.window else None),
        window=options.window,
        mean=options.mean or (),
        std=options.std or (),
        activation=options.activation,
        modalities=options.modality or (),
        body_parts=options.body_part or (),
        intended_use=options.intended_use or "",
        not_for=options.not_for or "",
        licence=options.licence or "",
        citation=options.citation or "",
    )


# ── Values ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _words(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(","))
    if not all(words):
        raise argparse.ArgumentTypeError(f"“{text}” holds an empty name")
    return words


def _terms(text: str) -> tuple[str, ...]:
    return tuple(word.upper() for word in _words(text))


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in _words(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"“{text}” is not a list of numbers") from error


def _size(text: str) -> tuple[int, int]:
    words = _words(text)
    if len(words) > 2 or not all(word.isdecimal() and int(word) for word in words):
        raise argparse.ArgumentTypeError(f"“{text}” is neither one side in pixels nor ROWS,COLUMNS")
    return int(words[0]), int(words[-1])


def _window(text: str) -> WindowLevel:
    numbers = _numbers(text)
    if len(numbers) != 2 or not numbers[1] >= 1:
        raise argparse.ArgumentTypeError(f"“{text}” is not CENTER,WIDTH with a width of at least 1")
    return WindowLevel(*numbers)
