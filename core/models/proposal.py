"""Which model is asked about a series, and why that one.

The header decides where it can: a model is for the series if the header confirms its modality and its body part, and
out if the header contradicts it. Where the header leaves that open (a PNG has none), the picture decides: each model
with a gate says how far the picture is from its training images, and the nearest of those that accept it is proposed.
Where neither can tell, a model is proposed only if there is no other to confuse it with; else the reader chooses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from core.domain import Acquisition, ModelSpec
from core.models.suitability import Check, header_checks, reasons_against

Measure = Callable[[ModelSpec], float]
"""Tells how far a picture is from the training images of a model with a gate; infinite where it cannot be told."""

NOT_PROPOSED_BY_HEADER = "No model here is meant for this kind of image."
NOT_PROPOSED_BY_PICTURE = (
    "The file does not say what it shows, and the picture does not look like the training images of any model here."
)
NOT_TOLD_APART = "The file does not say what it shows, and several models could be meant."
LOOKS_ALIKE = "The file does not say what it shows; the picture looks like the training images of this model."
NO_OTHER = "The file does not say what it shows; no other model comes into question."


@dataclass(frozen=True, slots=True)
class Proposal:
    """The model to ask about a series and the reason in words; no model where the reader has to choose.

    `is_by_picture` tells that the header left it open and the pixels decided.
    """

    model: ModelSpec | None
    reason: str
    is_by_picture: bool = False


class _Fit(Enum):
    CONFIRMED = "the header confirms what the model is for"
    OPEN = "the header leaves it open"
    OUTSIDE = "the header contradicts it"


def propose_by_header(models: Sequence[ModelSpec], acquisition: Acquisition) -> Proposal | None:
    """Propose a model from the header alone; None where the picture has to be looked at first."""
    confirmed = [spec for spec in models if _fit(spec, acquisition) is _Fit.CONFIRMED]
    if confirmed:
        best = max(confirmed, key=lambda spec: len(_confirmed(spec, acquisition)))
        found = ", ".join(check.found for check in _confirmed(best, acquisition))
        return Proposal(best, f"It is meant for what the file says: {found}.")
    left = open_models(models, acquisition)
    if any(spec.gate is not None for spec in left):
        return None
    return _propose_unseen(left)


def propose_by_picture(models: Sequence[ModelSpec], acquisition: Acquisition, measure: Measure) -> Proposal:
    """Propose a model where the header leaves it open.

    Parameters
    ----------
    models : sequence of ModelSpec
    acquisition : Acquisition
    measure : callable
        Called for each model that has a gate and is not out by the header.
    """
    left = open_models(models, acquisition)
    distances = {spec.id: _relative_distance(spec, measure) for spec in left if spec.gate is not None}
    nearest = min(distances, key=lambda model_id: distances[model_id], default=None)
    if nearest is not None and distances[nearest] <= 1.0:
        return Proposal(next(spec for spec in left if spec.id == nearest), LOOKS_ALIKE, is_by_picture=True)
    if distances:
        return Proposal(None, NOT_PROPOSED_BY_PICTURE, is_by_picture=True)
    return _propose_unseen(left)


def why_not(spec: ModelSpec, acquisition: Acquisition) -> str:
    """Say what speaks against a model that was not proposed, the header first; empty where nothing is known."""
    against = reasons_against(spec, acquisition)
    if not against and spec.gate is not None:
        return "the picture does not look like its training images"
    return "; ".join(against)


def open_models(models: Sequence[ModelSpec], acquisition: Acquisition) -> tuple[ModelSpec, ...]:
    """Return the models that the header neither confirms nor contradicts."""
    return tuple(spec for spec in models if _fit(spec, acquisition) is _Fit.OPEN)


def _propose_unseen(left: Sequence[ModelSpec]) -> Proposal:
    if not left:
        return Proposal(None, NOT_PROPOSED_BY_HEADER)
    return Proposal(left[0], NO_OTHER) if len(left) == 1 else Proposal(None, NOT_TOLD_APART)


def _relative_distance(spec: ModelSpec, measure: Measure) -> float:
    """Return a distance in parts of what the gate accepts: gates of different models can be compared by it."""
    assert spec.gate is not None
    distance = measure(spec)
    is_told = math.isfinite(distance) and spec.gate.limit > 0
    return distance / spec.gate.limit if is_told else math.inf


def _fit(spec: ModelSpec, acquisition: Acquisition) -> _Fit:
    checks = list(header_checks(spec.intended_use, acquisition))
    if any(check.outcome == "outside" for check in checks):
        return _Fit.OUTSIDE
    of_kind = [check.outcome for check in checks if check.aspect in ("modality", "body-part")]
    return _Fit.CONFIRMED if of_kind and set(of_kind) == {"fits"} else _Fit.OPEN


def _confirmed(spec: ModelSpec, acquisition: Acquisition) -> list[Check]:
    return [check for check in header_checks(spec.intended_use, acquisition) if check.outcome == "fits"]
