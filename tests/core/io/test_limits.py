from __future__ import annotations

import dataclasses
import pickle
import re

import pytest

from core.io.limits import Budget, Limits, OverBudgetError


def test_every_limit_is_documented() -> None:
    documented = re.findall(r"^ {4}(\w+) : ", Limits.__doc__ or "", re.MULTILINE)
    assert documented == [field.name for field in dataclasses.fields(Limits)]


def test_budget_ends_at_its_limit() -> None:
    budget = Budget(Limits(max_files=2, max_total_bytes=10))
    budget.spend(4)
    budget.spend(6)
    with pytest.raises(OverBudgetError) as caught:
        budget.spend(0)
    assert caught.value.code == "too-many-files"
    with pytest.raises(OverBudgetError) as caught:
        Budget(Limits(max_total_bytes=10)).spend(11)
    assert caught.value.code == "upload-too-large"


def test_error_survives_another_process() -> None:
    with pytest.raises(OverBudgetError) as caught:
        Budget(Limits(max_files=0)).spend(1)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
