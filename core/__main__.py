"""The command line: `python -m core COMMAND`.

predict        ask a model about files, folders or zips
models         list the models
evaluate       measure a model on a labelled folder, and write the report
train          train a model on a labelled folder
import-model   make a model folder from somebody else's weights
gate           let a model tell images that it was not trained for
calibrate      set a model's calibration and operating points anew, from its weights and data
measure        repeat a model's figures on its test part, and write the evidence behind them
audit          verify or export the record of what was asked and answered
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from core import __version__, workflow
from core.errors import CoreError
from core.models.description import describe_models

EXIT_OK, EXIT_SOME_FAILED = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except CoreError as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return EXIT_SOME_FAILED
    except KeyboardInterrupt:
        print(f"{options.command}: stopped.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core", description="Lightbox. Not for diagnostic use.")
    parser.add_argument("--version", action="version", version=f"Lightbox {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_predict(commands.add_parser("predict", help="ask a model about files, folders or zips"))
    _add_models(commands.add_parser("models", help="list the models"))
    _add_evaluate(commands.add_parser("evaluate", help="measure a model on a labelled folder, and write the report"))
    _add_train(commands.add_parser("train", help="train a model on a labelled folder"))
    _add_import_model(commands.add_parser("import-model", help="make a model folder from somebody else's weights"))
    _add_gate(commands.add_parser("gate", help="let a model tell images that it was not trained for"))
    _add_calibrate(commands.add_parser("calibrate", help="set a model's calibration and operating points anew"))
    _add_measure(commands.add_parser("measure", help="repeat a model's figures on its test part"))
    _add_audit(commands.add_parser("audit", help="verify or export the record of what was asked and answered"))
    return parser


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file, a folder or a zip")
    parser.add_argument(
        "--model", metavar="ID", help="default: the one that fits the header, or looks made for the picture"
    )
    parser.add_argument(
        "--frame", type=int, metavar="N", help="image to read, from 1; default: the first radiograph, the middle slice"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list, one object an answer")
    parser.set_defaults(run=_predict)


def _predict(options: argparse.Namespace) -> int:
    answers = [
        answer
        for file in options.files
        for answer in workflow.predict_path(Path(file), model_id=options.model, frame_number=options.frame)
    ]
    if options.json:
        print(json.dumps([answer.as_json() for answer in answers], indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print("\n".join(answer.as_text() for answer in answers))
    return EXIT_SOME_FAILED if any(answer.error for answer in answers) else EXIT_OK


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    parser.set_defaults(run=_models)


def _models(options: argparse.Namespace) -> int:
    entries = describe_models()
    if options.json:
        print(json.dumps(entries, indent=2, ensure_ascii=False, allow_nan=False))
        return EXIT_OK
    for entry in entries:
        summary = (
            f"damaged: {entry['error']['message']}" if "error" in entry else f"{entry['version']}  {entry['title']}"
        )
        print(f"{entry['id']}  {summary}")
    return EXIT_OK


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    from core.assessment.command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _add_train(parser: argparse.ArgumentParser) -> None:
    from core.training.command import add_arguments

    add_arguments(parser)
    parser.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from core.training.command import run

    return run(options)


def _add_import_model(parser: argparse.ArgumentParser) -> None:
    from core.models.importing.command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _add_gate(parser: argparse.ArgumentParser) -> None:
    from core.training.gate_command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _add_calibrate(parser: argparse.ArgumentParser) -> None:
    from core.training.calibrate_command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _add_measure(parser: argparse.ArgumentParser) -> None:
    from core.training.measure_command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _add_audit(parser: argparse.ArgumentParser) -> None:
    from core.audit.command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


if __name__ == "__main__":
    sys.exit(main())
