"""Which model is proposed: by the header where it says enough, by the picture where it does not, else none."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from core.domain import Acquisition, Gate, IntendedUse, ModelSpec
from core.models.proposal import (
    LOOKS_ALIKE,
    NO_OTHER,
    NOT_PROPOSED_BY_HEADER,
    NOT_PROPOSED_BY_PICTURE,
    NOT_TOLD_APART,
    Proposal,
    propose_by_header,
    propose_by_picture,
    why_not,
)
from tests.made_models import CHEST_SPEC

LIMIT = 2.0


def model(name: str, *, limit: float | None = LIMIT, **use: Any) -> ModelSpec:
    gate = None if limit is None else Gate("0" * 64, usual=limit / 2, limit=limit, origin="9 images")
    return replace(CHEST_SPEC, id=name, title=name, intended_use=IntendedUse("x", "y", **use), gate=gate)


CT = model("ct-chest", modalities=("CT",), body_parts=("CHEST",))
CHILD = model("cxr-child", modalities=("CR", "DX"), body_parts=("CHEST",), max_age_years=5.0)
BRAIN = model("mr-brain", limit=3.0, modalities=("MR",), body_parts=("BRAIN",))
MODELS = (CT, CHILD, BRAIN)
ADULT = model("cxr", limit=None, modalities=("CR", "DX"), body_parts=("CHEST",))
VAGUE = model("vague", limit=None)
NOTHING = Acquisition()


def distances(**known: float) -> Any:
    return lambda spec: known.get(spec.id.replace("-", "_"), math.inf)


def never(spec: ModelSpec) -> float:
    raise AssertionError(f"{spec.id} was measured")


@pytest.mark.parametrize(
    ("facts", "chosen", "found"),
    [
        ({"modality": "DX", "body_part_examined": "CHEST", "patient_age_years": 3.0}, CHILD, "DX, CHEST, 3 years"),
        ({"modality": "DX", "body_part_examined": "CHEST", "patient_age_years": 40.0}, ADULT, "DX, CHEST"),
        ({"modality": "MR", "body_part_examined": "HEAD"}, BRAIN, "MR, HEAD"),
        ({"modality": "CT", "body_part_examined": "THORAX"}, CT, "CT, THORAX"),
    ],
)
def test_the_model_that_the_header_confirms_most_is_proposed(
    facts: dict[str, Any], chosen: ModelSpec, found: str
) -> None:
    made = propose_by_header((*MODELS, ADULT, VAGUE), Acquisition(**facts))
    assert made == Proposal(chosen, f"It is meant for what the file says: {found}.")


@pytest.mark.parametrize(
    "facts", [{"modality": "US"}, {"modality": "CT", "body_part_examined": "HEAD"}, {"patient_age_years": 30.0}]
)
def test_what_every_header_contradicts_needs_no_look_at_the_picture(facts: dict[str, Any]) -> None:
    made = propose_by_header((CT, CHILD), Acquisition(**facts)) if "modality" in facts else None
    if made is None:
        made = propose_by_header((CHILD,), Acquisition(**facts))
    assert made == Proposal(None, NOT_PROPOSED_BY_HEADER)


@pytest.mark.parametrize("acquisition", [NOTHING, Acquisition(modality="OT"), Acquisition(patient_sex="F")])
def test_a_file_that_does_not_say_what_it_shows_is_looked_at(acquisition: Acquisition) -> None:
    assert propose_by_header(MODELS, acquisition) is None
    measure = distances(ct_chest=1.9, cxr_child=1.2, mr_brain=9.0)
    assert propose_by_picture(MODELS, acquisition, measure) == Proposal(CHILD, LOOKS_ALIKE, is_by_picture=True)


def test_distances_are_compared_in_parts_of_what_each_gate_accepts() -> None:
    # 1.5 of 3 is nearer than 1.2 of 2.
    made = propose_by_picture(MODELS, NOTHING, distances(cxr_child=1.2, mr_brain=1.5))
    assert made.model == BRAIN


@pytest.mark.parametrize("distance", [LIMIT + 0.01, math.inf, math.nan])
def test_a_picture_that_no_gate_accepts_has_no_proposal(distance: float) -> None:
    made = propose_by_picture((CT, CHILD), NOTHING, distances(ct_chest=distance, cxr_child=distance))
    assert made == Proposal(None, NOT_PROPOSED_BY_PICTURE, is_by_picture=True)


def test_only_models_that_the_header_leaves_open_are_measured() -> None:
    asked: list[str] = []

    def measure(spec: ModelSpec) -> float:
        asked.append(spec.id)
        return 1.0

    assert propose_by_picture(MODELS, Acquisition(modality="MR"), measure).model == BRAIN
    assert asked == ["mr-brain"]


def test_without_gates_a_single_model_is_proposed_and_of_several_none() -> None:
    assert propose_by_header((ADULT,), NOTHING) == Proposal(ADULT, NO_OTHER)
    assert propose_by_header((ADULT, VAGUE), NOTHING) == Proposal(None, NOT_TOLD_APART)
    assert propose_by_picture((ADULT, VAGUE), NOTHING, never) == Proposal(None, NOT_TOLD_APART)
    assert propose_by_header((CHILD, VAGUE), Acquisition(modality="US")) == Proposal(VAGUE, NO_OTHER)


def test_a_gate_that_refuses_does_not_make_a_model_without_one_fit() -> None:
    assert propose_by_picture((CT, ADULT), NOTHING, distances(ct_chest=9.0)).model is None


def test_a_gate_without_width_accepts_nothing() -> None:
    assert propose_by_picture((model("flat", limit=0.0),), NOTHING, distances(flat=0.0)).model is None


def test_without_models_there_is_no_proposal() -> None:
    assert propose_by_header((), NOTHING) == Proposal(None, NOT_PROPOSED_BY_HEADER)


def test_why_a_model_was_not_proposed() -> None:
    assert why_not(CHILD, Acquisition(modality="CT", patient_age_years=34.0)) == (
        "modality CT, not CR or DX; age 34 years, not up to 5 years"
    )
    assert why_not(CHILD, NOTHING) == "the picture does not look like its training images"
    assert why_not(ADULT, NOTHING) == ""
