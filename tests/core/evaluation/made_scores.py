"""Made cases: truth, scores that are the chance of it, and patients."""

from __future__ import annotations

import numpy as np


def scored(seed: int, n: int = 200, *, ties: bool = False, prevalence: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and scores of 0 to 1; with ties on a grid of twentieths."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < prevalence).astype(int)
    score = 1 / (1 + np.exp(-rng.normal(2 * truth - 1, 1.5)))
    return truth, np.round(score * 20) / 20 if ties else score


def patients(seed: int, n: int = 200, *, count: int = 70) -> np.ndarray:
    """Return the patient of each case, some of whom have several."""
    return np.random.default_rng(seed).integers(0, count, n)
