"""Measure Lightbox against its peers: `python -m tests.benchmarks [NAME] [--json]`.

Without a name every benchmark runs. The table is for people; `--json` writes one object of named figures, with the
units in the names, and nothing else to standard output.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import math
import sys
from collections.abc import Sequence

from tests.benchmarks.measure import Figure, say

BENCHMARKS = {
    "read": "From an upload to an answer with its evidence",
    "viewer": "Under the hand: windowing, slices, a large series",
    "evaluate": "From a labelled set to figures that can be trusted",
    "train": "From a labelled folder to a network: an epoch",
    "load": "Eight readers at once, and what a large upload leaves behind",
}
"""A name is that of a module beside this one whose `figures()` returns a list of `Figure`: a new one is a new line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that were asked for and write their figures; return the exit status."""
    options = _parser().parse_args(arguments)
    if options.list:
        print("\n".join(f"{name:10} {title}" for name, title in BENCHMARKS.items()))
        return 0
    measured: dict[str, list[Figure]] = {}
    for name in [options.name] if options.name else BENCHMARKS:
        say(f"{name}: {BENCHMARKS[name]}")
        # Whatever a library prints while it is measured must not get between the figures.
        with contextlib.redirect_stdout(sys.stderr):
            measured[name] = importlib.import_module(f"tests.benchmarks.{name}").figures()
    if options.json:
        print(json.dumps(as_object([figure for figures in measured.values() for figure in figures]), indent=2))
    else:
        print("\n\n".join(f"{BENCHMARKS[name]}\n{as_table(figures)}" for name, figures in measured.items()))
    return 0


def as_object(figures: Sequence[Figure]) -> dict[str, float | None]:
    """Return the figures by name; ValueError where two have the same. NaN, which JSON lacks, becomes null."""
    names = [figure.name for figure in figures]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"two figures have the name {', '.join(doubled)}")
    return {figure.name: None if math.isnan(figure.value) else round(figure.value, 4) for figure in figures}


def as_table(figures: Sequence[Figure]) -> str:
    """Return the figures as lines of text: name, value with unit, target, whether it is met, meaning."""
    rows = [_row(figure) for figure in figures]
    header = ("figure", "measured", "target", "", "what")
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(4)]
    lines = [
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {target:>{widths[2]}}  {met:<{widths[3]}}  {meaning}".rstrip()
        for name, value, target, met, meaning in [header, *rows]
    ]
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]])


def _row(figure: Figure) -> tuple[str, str, str, str, str]:
    sign, limit = ("≤", figure.target) if figure.at_least is None else ("≥", figure.at_least)
    target = "" if limit is None else f"{sign} {limit:g} {figure.unit}".rstrip()
    met = {True: "met", False: "missed", None: ""}[figure.is_met]
    return figure.name, f"{_number(figure.value)} {figure.unit}".rstrip(), target, met, figure.meaning


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=BENCHMARKS, help="the benchmark to run; all without it")
    parser.add_argument("--json", action="store_true", help="one JSON object of named figures instead of a table")
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    return parser


if __name__ == "__main__":
    sys.exit(main())
