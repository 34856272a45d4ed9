from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.assessment.outcome import assess
from core.assessment.pairing import compare_outcomes
from core.assessment.store import Store
from core.errors import DatasetError
from tests.core.assessment.made_set import BRAIN, CHEST, run_job
from tests.made_models import write_chest_model

TUMOURS = {"normal": "None", "pneumonia": "Glioma"}


def test_two_models_are_compared_on_the_images_they_share(folder: Path, store: Store, models: Path) -> None:
    write_chest_model(models, replace(CHEST, id="other"), seed=9)
    first = assess(store, run_job(store, folder))
    (folder / "normal" / "p000_0.png").unlink()
    second = assess(store, run_job(store, folder, model="other"))
    paired = compare_outcomes(first, second, labels=("Pneumonia", "Pneumonia"))
    assert paired.comparison.n == 11
    assert paired.disputed == 0
    for one, other in paired.cases:
        assert first.cases[one].sha256 == second.cases[other].sha256
    assert paired.comparison.second["auroc"].value == pytest.approx(second.result.labels[0].metrics["auroc"].value)


def test_what_the_sets_dispute_is_left_out(folder: Path, store: Store) -> None:
    first = assess(store, run_job(store, folder))
    (folder / "normal" / "p000_0.png").rename(folder / "pneumonia" / "p000_0.png")
    paired = compare_outcomes(first, assess(store, run_job(store, folder)), labels=("Pneumonia", "Pneumonia"))
    assert (paired.comparison.n, paired.disputed) == (11, 1)
    assert paired.comparison.auroc.difference.value == 0


def test_labels_without_operating_points_are_not_compared(folder: Path, store: Store) -> None:
    first = assess(store, run_job(store, folder))
    tumours = assess(store, run_job(store, folder, model=BRAIN.id, meanings=TUMOURS))
    with pytest.raises(DatasetError) as caught:
        compare_outcomes(first, tumours, labels=("Effusion", "Glioma"))
    assert caught.value.code == "no-operating-point"
    assert compare_outcomes(first, tumours, labels=("Pneumonia", "Glioma")).comparison.n == 12


def test_nothing_shared_is_said(folder: Path, store: Store, tmp_path: Path) -> None:
    first = assess(store, run_job(store, folder))
    other = tmp_path / "other" / "pneumonia"
    other.mkdir(parents=True)
    content = (folder / "pneumonia" / "p100_0.png").read_bytes()
    (other / "x.png").write_bytes(content + b"\0")
    with pytest.raises(DatasetError) as caught:
        compare_outcomes(first, assess(store, run_job(store, tmp_path / "other")), labels=("Pneumonia",) * 2)
    assert caught.value.code == "nothing-shared"
