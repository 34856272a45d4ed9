"""Timing that can be believed: candidates take turns in one run, medians are compared, the spread is kept."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Attributes
    ----------
    name : str
        Ends in the unit (`_s`, `_ms`, `_mb`), or in `_over_…` or `_ratio` where it has none.
    value : float
    meaning : str
        What was measured, for the table.
    target : float or None
        What `value` may be at most; None for peers and for what is only reported.
    at_least : float or None
        What `value` has to be at least.
    """

    name: str
    value: float
    meaning: str
    target: float | None = None
    at_least: float | None = None

    @property
    def unit(self) -> str:
        """The unit that the name ends in; `×` for a ratio, nothing for a count."""
        if "_over_" in self.name or self.name.endswith("ratio"):
            return "×"
        suffix = self.name.rsplit("_", 1)[-1]
        return {"s": "s", "ms": "ms", "mb": "MB"}.get(suffix, "")

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.target is None else self.value <= self.target


def seconds(work: Work) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def interleaved(candidates: Mapping[str, Work], *, repetitions: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Time the candidates in turns, so that a busy moment of the machine meets all of them.

    The order is turned round in every other turn, since the first after another may find its data in the cache.

    Returns
    -------
    dict of str to list of float
        Seconds of each repetition, warm-up left out.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(warm_up + repetitions):
        order = list(candidates.items())
        for name, work in reversed(order) if turn % 2 else order:
            elapsed = seconds(work)
            if turn >= warm_up:
                times[name].append(elapsed)
    return times


def medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each candidate, in seconds."""
    return {name: statistics.median(values) for name, values in times.items()}


def median_ratio(times: Mapping[str, list[float]], name: str, peer: str) -> float:
    """Return the median over the turns of one candidate's time by its peer's in the same turn."""
    return statistics.median(a / b for a, b in zip(times[name], times[peer], strict=True))


def say(text: str) -> None:
    """Tell a waiting person what is being measured; standard output is left to the result."""
    print(text, file=sys.stderr, flush=True)
