"""A short run of the fuzzer, and that it finds what it looks for. `make fuzz COUNT=10000 SEED=1` is the long one."""

from __future__ import annotations

import pytest

from core.domain import Study
from core.io import Source
from tests.fuzz import intake
from tests.fuzz.mutants import mutant
from tests.fuzz.seeds import seeds
from tests.fuzz.sets import run_sets

SHORT = 120


def test_a_short_run_ends_without_a_crash() -> None:
    tally = intake.run(seed=2026, numbers=range(SHORT))
    assert tally.crashes == []
    assert tally.shown + tally.refused == SHORT
    assert tally.shown > SHORT // 10
    assert tally.refused > SHORT // 10


def test_damaged_sets_and_tables_of_an_evaluation_end_in_words() -> None:
    tally = run_sets(seed=2026, numbers=range(SHORT))
    assert tally.crashes == []
    assert tally.shown + tally.refused == SHORT
    assert tally.shown > SHORT // 10
    assert tally.refused > SHORT // 10


def test_mutants_can_be_made_again() -> None:
    for number in range(20):
        assert mutant(7, number) == mutant(7, number)
    assert len({mutant(seed, 3).content for seed in range(10)}) > 1


def test_mutants_differ_from_their_origin() -> None:
    same = [number for number in range(100) if mutant(1, number).content == seeds()[mutant(1, number).origin]]
    assert len(same) < 10  # a byte may be replaced by itself


def test_seeds_are_of_every_kind() -> None:
    suffixes = {name.rsplit(".", 1)[-1] for name in seeds()}
    assert {"dcm", "png", "jpg", "tif", "bmp", "gif", "nii", "gz", "mha", "nrrd", "zip"} <= suffixes
    assert len(seeds()) > 80


def test_a_crash_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(files: list[Source], **options: object) -> Study:
        raise ZeroDivisionError

    monkeypatch.setattr(intake, "load_study", crash)
    tally = intake.run(seed=1, numbers=[4])
    assert tally.crashes == [f"4 ({mutant(1, 4).origin}): ZeroDivisionError: "]
