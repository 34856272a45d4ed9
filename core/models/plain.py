"""Figures and operating points as plain data that JSON knows, the same wherever they are written."""

from __future__ import annotations

import math

from core.domain import Estimate, OperatingPoint

Plain = dict[str, object]


def plain_number(value: float) -> float | None:
    """Return a number, None where it is not finite."""
    return float(value) if math.isfinite(value) else None


def plain_estimate(estimate: Estimate) -> Plain:
    """Return a figure with its interval; what does not exist is None, with the reason in `undefined`."""
    return {
        "value": plain_number(estimate.value),
        "low": plain_number(estimate.low),
        "high": plain_number(estimate.high),
        "undefined": estimate.undefined,
    }


def plain_point(point: OperatingPoint) -> Plain:
    """Return an operating point with what was measured where it was set, None where that was not."""
    return {
        "name": point.name,
        "threshold": point.threshold,
        "criterion": point.criterion,
        "origin": point.origin,
        "n": point.n,
        "sensitivity": None if point.sensitivity is None else plain_estimate(point.sensitivity),
        "specificity": None if point.specificity is None else plain_estimate(point.specificity),
    }
