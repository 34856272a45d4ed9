"""Intervals by drawing patients anew, each with all of their cases.

The interval is the bias-corrected and accelerated one (BCa). Plain percentiles of the draws would do for figures whose
draws lie evenly around them; those here are bent at their ends (F1, MCC) or drawn upwards by resampling (average
precision), and with 60 cases the percentiles of average precision hold the truth in 90 % of samples, BCa in 92 %, those
of the Brier score in 93 and 95 %. BCa needs no scale to be chosen and goes along with any monotone change of scale.

References
----------
.. [1] Efron, "Better bootstrap confidence intervals", JASA 82, 1987.
.. [2] Field, Welsh, "Bootstrapping clustered data", Journal of the Royal Statistical Society B 69, 2007.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.domain import Estimate

Values = NDArray[np.float64]
Counts = NDArray[np.float32]
Result = TypeVar("Result")

DRAWS = 2000
"""Enough that an end of an interval moves by about a fiftieth of its width from seed to seed."""
SEED = 20_260

CHUNK = 1 << 18
"""Numbers that are worked on at once: they stay in a core's cache, and memory does not grow with the draws."""
WORKERS = 2
MOST_UNDEFINED = 0.05
TIE = 1e-6

NO_SPREAD = "every resampling gives the same value, so there is no interval"
OFTEN_UNDEFINED = "too few cases for an interval: many resamplings lack what the figure needs"


def over_draws(
    work: Callable[[Counts], Result], *, patients: int, rows: int, draws: int = DRAWS, seed: int = SEED
) -> Sequence[Result]:
    """Do something with how often each patient is drawn, chunk by chunk; the order of the results is fixed.

    Parameters
    ----------
    work : callable
        Takes counts, (rows, patients), each row of which adds up to `patients`; called from several threads.
    rows : int
        How many draws a chunk has.
    seed : int
        Equal seeds give equal draws for equal `patients` and `rows`, on any number of cores.
    """
    sizes = [min(rows, draws - start) for start in range(0, draws, rows)]
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    with ThreadPoolExecutor(WORKERS) as workers:
        return list(workers.map(lambda size, own: work(_counts(size, patients, own)), sizes, seeds))


def _counts(rows: int, patients: int, seed: np.random.SeedSequence) -> Counts:
    drawn = np.random.default_rng(seed).integers(0, patients, (rows, patients))
    drawn += patients * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * patients).reshape(rows, patients).astype(np.float32)


def draw_totals(kinds: Values, frequency: NDArray[np.int64], *, draws: int = DRAWS, seed: int = SEED) -> Values:
    """Return the totals of each draw where patients of a kind are all alike, (draws, …).

    How often a kind is drawn is a multinomial count, so that a hundred thousand patients of twenty kinds cost no more
    than twenty.

    Parameters
    ----------
    kinds : ndarray, (K, …)
        What one patient of each kind adds.
    frequency : ndarray of int, (K,)
        How many patients of each kind there are.
    """
    patients = int(frequency.sum())
    flat = kinds.reshape(len(kinds), -1)
    if patients > 16 * len(kinds):
        times = np.random.default_rng(seed).multinomial(patients, frequency / patients, draws)
        totals = times @ flat
    else:
        # With nearly as many kinds as patients it is quicker to draw patients.
        own = np.repeat(np.arange(len(kinds)), frequency)
        each = np.asarray(flat[own], dtype=np.float32)
        totals = np.concatenate(
            over_draws(
                lambda counts: counts @ each, patients=patients, rows=max(8, CHUNK // patients), draws=draws, seed=seed
            )
        )
    return np.asarray(totals, dtype=np.float64).reshape(draws, *kinds.shape[1:])


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """A figure as resampling sees it.

    Attributes
    ----------
    value : float
        The figure of the cases as they are; NaN where they do not define it.
    draws : ndarray, (draws,)
        The figure of each resampling; NaN where it does not exist.
    influence : ndarray, (patients,)
        How the figure moves with the weight of each patient, up to a factor.
    frequency : ndarray of int, (patients,), or None
        How many patients each influence stands for; one without it.
    """

    value: float
    draws: Values
    influence: Values
    frequency: NDArray[np.int64] | None = None

    def estimate(self, reason: str = "") -> Estimate:
        """Return the figure with its BCa interval; NaN for this reason where it is undefined."""
        if math.isnan(self.value):
            return Estimate(math.nan, math.nan, math.nan, reason)
        usable = self.draws[np.isfinite(self.draws)]
        if len(usable) < (1 - MOST_UNDEFINED) * len(self.draws):
            return Estimate(self.value, math.nan, math.nan, OFTEN_UNDEFINED)
        if np.ptp(usable) <= TIE:
            return Estimate(self.value, math.nan, math.nan, NO_SPREAD)
        low, high = np.quantile(usable, _levels(self.value, usable, self._acceleration()))
        return Estimate(self.value, min(float(low), self.value), max(float(high), self.value))

    def minus(self, other: Resampled) -> Resampled:
        """Return the difference from a figure of the same resamplings."""
        return Resampled(
            self.value - other.value, self.draws - other.draws, self.influence - other.influence, self.frequency
        )

    def _acceleration(self) -> float:
        known = np.isfinite(self.influence)
        times = (np.ones(len(known)) if self.frequency is None else self.frequency)[known]
        influence = self.influence[known]
        own = influence - (times * influence).sum() / max(times.sum(), 1)
        spread = float((times * own**2).sum())
        return float((times * own**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0


def mean_of(figures: Sequence[Resampled]) -> Resampled:
    """Return the mean of figures of the same resamplings."""
    return Resampled(
        float(np.mean([figure.value for figure in figures])),
        np.mean([figure.draws for figure in figures], axis=0),
        np.mean([figure.influence for figure in figures], axis=0),
        figures[0].frequency,
    )


def _levels(value: float, draws: Values, acceleration: float) -> Values:
    from scipy.special import ndtr, ndtri

    tied = np.abs(draws - value) <= TIE
    below = float(((draws < value) & ~tied).mean() + tied.mean() / 2)
    bias = ndtri(np.clip(below, 1 / len(draws), 1 - 1 / len(draws)))
    reach = bias + ndtri([0.025, 0.975])
    return np.asarray(ndtr(bias + reach / np.maximum(1 - acceleration * reach, TIE)))
