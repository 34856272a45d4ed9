from __future__ import annotations

import dataclasses
import pickle
import re

import pytest

from core.io.limits import GIB, MIB, Budget, Keeping, Limits, OverBudgetError, limits_from


@pytest.mark.parametrize("kind", [Limits, Keeping])
def test_every_limit_is_documented(kind: type) -> None:
    documented = re.findall(r"^ {4}(\w+) : ", kind.__doc__ or "", re.MULTILINE)
    assert documented == [field.name for field in dataclasses.fields(kind)]


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


def test_limits_are_settings() -> None:
    environment = {"LIGHTBOX_MAX_FILES": "7", "LIGHTBOX_MAX_DECODING_SECONDS": "2.5", "LIGHTBOX_WEIGHTS": "elsewhere"}
    assert limits_from(environment, Limits) == Limits(max_files=7, max_decoding_seconds=2.5)
    assert limits_from({}, Limits) == Limits()
    assert limits_from({"LIGHTBOX_MAX_IDLE_MINUTES": "2.5"}, Keeping) == Keeping(max_idle_minutes=2.5)
    assert Keeping().max_study_bytes >= GIB / 4


@pytest.mark.parametrize("value", ["", "many", "0", "-1", "1.5", "nan", "inf"])
def test_a_limit_that_is_no_number_is_not_passed_over(value: str) -> None:
    with pytest.raises(ValueError, match=r"LIGHTBOX_MAX_FILES is .* a whole number above 0"):
        limits_from({"LIGHTBOX_MAX_FILES": value}, Limits)


def test_small_files_may_unpack_to_more_times_their_size() -> None:
    limits = Limits(max_zip_ratio=400, zip_ratio_floor_bytes=64 * MIB)
    assert limits.most_unpacked(1000) == 64 * MIB
    assert limits.most_unpacked(MIB) == 400 * MIB
