"""What the card says of the gate: where its limits come from, and how many proper and foreign images it refuses."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from core.domain import Gate
from core.evaluation import auroc, wilson_interval
from core.training.gate import FittedGate
from core.training.markdown import format_table

TITLE = "Input gate"
_BEFORE = "## Known failures"
"""The section that the gate's stands before, where a card has one."""

MARK = "†"
"""Behind kinds of images that the gate knows."""

Values = NDArray[np.float64]


_SECTION = re.compile(rf"^## {TITLE}\n.*?(?=^## |\Z)", flags=re.MULTILINE | re.DOTALL)


def with_gate_section(card: str, fitted: FittedGate) -> str:
    """Return a card with the section on the gate, in place of the one that it may have."""
    return _with_section(card, gate_section(fitted))


def keep_gate_section(card: str, former: str) -> str:
    """Return a card with the section on the gate of a former one; as it is where that has none."""
    known = _SECTION.search(former)
    return card if known is None else _with_section(card, known.group().rstrip())


def _with_section(card: str, section: str) -> str:
    head, known, rest = _SECTION.sub("", card).partition(_BEFORE)
    return f"{head.rstrip()}\n\n{section}\n" + (f"\n{known}{rest}" if known else "")


def gate_section(fitted: FittedGate) -> str:
    """Return the section in Markdown, without a line break at its end."""
    proper = np.concatenate(list(fitted.proper.values()))
    changed = [
        (name, len(values), *_unusual_and_refused(values, fitted.gate)) for name, values in fitted.proper.items()
    ]
    foreign = [
        (
            f"{name} {MARK}" if name in fitted.left_out else name,
            len(values),
            _refused(values, fitted.gate.limit),
            f"{_auroc(proper, values):.4f}",
        )
        for name, values in fitted.foreign.items()
    ]
    return "\n\n".join(
        (
            f"## {TITLE}",
            _limits(fitted),
            format_table(("proper images, of the test part", "number", "unusual", "refused"), changed),
            format_table(("images that should be refused", "number", "refused", "AUROC"), foreign),
            "No number of the gate was set on the images of either table; which maps are measured, and how, was chosen "
            "for all models alike, by how well such kinds were told that had been left out. "
            f"{_known(fitted)}AUROC: distances against those of the proper images under all changes together.",
            *_left_out(fitted),
            f"Repeated by `python -m core gate FOLDER --model ID{_folders(fitted)}`, with the folders of the table.",
        )
    )


def _limits(fitted: FittedGate) -> str:
    gate = fitted.gate
    learnt = (
        f" Or, where that is larger, how much more it is like one of the kinds marked {MARK}, from which the gate "
        "learnt, on the same scale."
    )
    room = (
        f" The second was then moved half-way to the nearest of the kinds marked {MARK}, as seen by gates that did not "
        "know them, which leaves room for proper images of another origin."
    )
    return (
        "How unlike the training images an image is, measured on the network's own maps: their distance is about "
        f"1.{learnt if fitted.left_out else ''} Beyond {gate.usual:.2f} an image is called unusual; beyond "
        f"{gate.limit:.2f} the model makes no call. "
        f"Both were set on {gate.origin}: 99 % of them lie below the first as they are, and 99 % below the second "
        f"under all the changes of the next table together.{room if fitted.left_out else ''}"
    )


def _known(fitted: FittedGate) -> str:
    """Say what the mark means, with a space behind."""
    if not fitted.left_out:
        return ""
    return (
        f"Kinds marked {MARK} are known to the gate, from other images than those that are counted here; it never saw "
        "the others. "
    )


def _left_out(fitted: FittedGate) -> tuple[str, ...]:
    """Return what gates without each known kind say of it."""
    if not fitted.left_out:
        return ()
    rows = [
        (name, len(one.foreign), _refused(one.foreign, one.limit), f"{_auroc(one.proper, one.foreign):.4f}")
        for name, one in fitted.left_out.items()
    ]
    proper = np.concatenate([one.proper > one.limit for one in fitted.left_out.values()])
    return (
        "How well it tells what it does not know: for each known kind a gate was fitted that knows the others only, "
        "and its limit set on the validation images alone.",
        format_table(("kind left out", "number", "refused without it", "AUROC without it"), rows),
        f"These gates refuse {100 * proper.mean():.1f} % of the proper images under all changes.",
    )


def _folders(fitted: FittedGate) -> str:
    return " --known FOLDER… --foreign FOLDER…" if fitted.left_out else " --foreign FOLDER…"


def _unusual_and_refused(distances: Values, gate: Gate) -> tuple[str, str]:
    unusual = float(np.mean((distances > gate.usual) & (distances <= gate.limit)))
    return f"{100 * unusual:.1f} %", _refused(distances, gate.limit)


def _refused(distances: Values, limit: float) -> str:
    share = wilson_interval(int(np.count_nonzero(distances > limit)), len(distances))
    return f"{100 * share.value:.1f} % ({100 * share.low:.1f}–{100 * share.high:.1f})"


def _auroc(proper: Values, foreign: Values) -> float:
    truth = np.r_[np.zeros(len(proper)), np.ones(len(foreign))]
    return auroc(truth, np.r_[proper, foreign])
