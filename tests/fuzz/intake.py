"""What becomes of a mutant on its way through the intake: a picture, a refusal, or a fault of ours."""

from __future__ import annotations

import faulthandler
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from core.domain import Image
from core.errors import CoreError
from core.io import Limits, Source, load_study
from core.models.preprocessing import to_unit
from core.windowing import render
from tests.fuzz.mutants import Mutant, mutant
from tests.made_models import CHEST_SPEC

LIMITS = Limits(max_decoding_seconds=20)
HANG_S = 120
"""A mutant that takes longer ends the run: with the stack of every thread, and its number on the line before."""
FRAMES = 2
ACCIDENTS = frozenset({"decoder-crashed", "decoding-timeout", "decoding-out-of-memory", "decoder-unavailable"})


@dataclass(slots=True)
class Tally:
    """How a run went.

    Attributes
    ----------
    shown, refused : int
        Mutants with at least one picture, and with none.
    codes : Counter
        Of refusals, those of a single frame and of the model included.
    crashes : list of str
        Mutants that made the application raise what has no name: number, origin, exception.
    slowest : (seconds, number)
    """

    shown: int = 0
    refused: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, 0)

    @property
    def accidents(self) -> int:
        """How many decoders crashed, hung or were out of memory, without harm to the application."""
        return sum(self.codes[code] for code in ACCIDENTS)


def run(seed: int, numbers: Iterable[int]) -> Tally:
    """Bring mutants one after the other."""
    tally = Tally()
    for number in numbers:
        one = mutant(seed, number)
        started = time.monotonic()
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        try:
            _count(one, tally)
        except Exception as error:  # the very thing that is looked for
            tally.crashes.append(f"{number} ({one.origin}): {type(error).__name__}: {error}")
        finally:
            faulthandler.cancel_dump_traceback_later()
        tally.slowest = max(tally.slowest, (time.monotonic() - started, number))
    return tally


def _count(one: Mutant, tally: Tally) -> None:
    pictures = 0
    try:
        study = load_study([Source("mutant", one.content)], limits=LIMITS)
    except CoreError as error:
        tally.codes[error.code] += 1
        tally.refused += 1
        return
    tally.codes.update(rejected.code for rejected in study.rejected)
    for series in study.series[:3]:
        for frame in series.frames[:FRAMES]:
            pictures += _look(frame.load, tally)
    tally.shown += pictures > 0
    tally.refused += pictures == 0


def _look(load: Callable[[], Image], tally: Tally) -> bool:
    """Decode, window and prepare for a model; whether there is a picture to see."""
    try:
        image = load()
    except CoreError as error:
        tally.codes[error.code] += 1
        return False
    gray = render(image)
    assert gray.dtype == np.uint8
    assert gray.shape[:2] == image.shape
    try:
        unit = to_unit(image, CHEST_SPEC.input)
    except CoreError as error:
        tally.codes[f"model: {error.code}"] += 1
    else:
        assert np.isfinite(unit.values).all()
    return True


def peak_mib() -> tuple[float, float]:
    """Return the most memory that this process, and at most any of its ended children, ever held, in MiB."""
    import resource  # not on Windows

    unit = 2**20 if sys.platform == "darwin" else 2**10
    own, children = (
        resource.getrusage(who).ru_maxrss / unit for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own, children
