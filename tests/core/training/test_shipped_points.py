"""The operating points of the models that ship hold what they promise where they were set."""

from __future__ import annotations

import pytest

from core.domain import ModelSpec
from core.models.registry import list_models
from tests.conftest import CHECKOUT

MODELS = {entry.id: entry for entry in list_models(CHECKOUT / "weights") if isinstance(entry, ModelSpec)}


@pytest.mark.parametrize("share", ["sensitivity", "specificity"])
@pytest.mark.parametrize("model_id", MODELS)
def test_a_point_for_95_percent_reaches_them(model_id: str, share: str) -> None:
    for label in MODELS[model_id].labels:
        for point in label.operating_points:
            if point.criterion == f"at least 95 % {share}":
                reached = getattr(point, share)
                assert reached.value >= 0.95, label.name
                assert f"as they are ({share} {reached.value:.3f})" in point.origin
