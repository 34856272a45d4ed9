from __future__ import annotations

import socket
import subprocess
import sys

import numpy as np
import pytest

from core.errors import StudyError
from core.io import SAMPLES, Sample, load_sample


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
def test_every_sample_opens_without_a_network(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("a sample asked for a network"))
    study = load_sample(sample.id)
    assert study.rejected == ()
    (series,) = study.series
    assert sample.title in series.title
    image = series.frames[len(series.frames) // 2].load()
    assert np.ptp(image.pixels) > 0
    assert study.is_synthetic is sample.is_synthetic


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample.is_synthetic], ids=lambda sample: sample.id)
def test_what_is_synthetic_says_so_everywhere(sample: Sample) -> None:
    words = "synthetic, not a patient"
    study = load_sample(sample.id)
    assert words in sample.description
    for series in study.series:
        assert words in series.title
        assert any(notice.code == "synthetic" and words in notice.message for notice in series.notices)


def test_there_is_one_with_and_one_without_an_opacity() -> None:
    clear, opaque = (load_sample(name).series[0].frames[0].load().pixels for name in ("chest-clear", "chest-opacity"))
    assert (opaque.astype(int) - clear).max() > 600


def test_ids_and_titles_are_told_apart() -> None:
    assert len({sample.id for sample in SAMPLES}) == len({sample.title for sample in SAMPLES}) == len(SAMPLES)


def test_unknown_sample() -> None:
    with pytest.raises(StudyError) as caught:
        load_sample("no-such")
    assert caught.value.code == "no-such-sample"
    assert "chest-clear" in caught.value.hint


def test_import_is_light() -> None:
    heavy = ["torch", "SimpleITK", "pydicom", "matplotlib", "sklearn", "scipy"]
    code = f"import sys, core.io; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
