"""From two hundred labelled pictures to an answer about a new one, by the commands of the README and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.__main__ import main
from core.evaluation import auroc
from core.models.spec import read_spec
from tests.core.training.films import film, labelled_folder, write
from tests.serving import CHECKOUT

TOML = """
title = "Opacity in made-up films"
architecture = "small_cnn"
absence = "clear"
working_size = [48, 48]
[[labels]]
name = "Opacity"
folder = "opaque"
[input]
size = [40, 40]
channels = 1
mean = [0.5]
std = [0.5]
[split]
patient_pattern = '^(p\\d+)_'
[schedule]
epochs = 3
batch = 16
head_steps = 0
warm_up_steps = 4
learning_rate = 2e-3
ema_decay = 0.8
batch_norm = "trained"
dropout = 0.0
stress_images = 30
[augmentation]
erase_chance = 0
marker_chance = 0
[intended_use]
summary = "Tells made-up films with an opacity from those without."
not_for = "Patients."
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 200 films of 100 patients, one of them planted twice, and the model made from them."""
    folder = tmp_path_factory.mktemp("end-to-end")
    labelled_folder(folder / "films", patients=50)
    (folder / "run.toml").write_text(TOML)
    leaked = folder / "films" / "clear" / "p007_0.png"
    (folder / "films" / "clear" / "p999_0.png").write_bytes(leaked.read_bytes())
    command = [sys.executable, "-m", "core", "train", folder / "films", "--config", folder / "run.toml"]
    done = subprocess.run(
        [*command, "--out", folder / "weights" / "opacity", "--work", folder / "work", "--threads", "1"],
        cwd=CHECKOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder / 'weights' / 'opacity'}\n"
    assert "1 near-identical pairs of different patients kept together" in done.stderr
    return folder


def test_the_model_is_calibrated_measured_and_described(trained: Path) -> None:
    spec = read_spec(trained / "weights" / "opacity")
    assert spec.calibration.gives_probabilities
    assert spec.labels[0].operating_point is not None
    assert spec.metrics["auroc"].value > 0.9
    assert spec.gate is not None
    assert f"{spec.metrics['auroc'].value:.4f}" in spec.card
    # 201 films: the copy went to the part of its original.
    assert "1 pairs of near-identical pictures under different patients" in spec.card
    files = {path.name for path in (trained / "weights" / "opacity").iterdir()}
    assert files >= {"model.toml", "model.safetensors", "card.md", "evidence.json", "gate.safetensors", "plots"}


def test_it_answers_for_films_that_it_has_never_seen(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIGHTBOX_WEIGHTS", str(trained / "weights"))
    rng = np.random.default_rng(99)
    truth = [index % 2 for index in range(20)]
    files = [write(tmp_path / f"{index}.png", film(rng, opacity=bool(shown))) for index, shown in enumerate(truth)]
    assert main(["predict", *map(str, files), "--model", "opacity", "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert [Path(answer["file"]).name for answer in answers] == [file.name for file in files]
    assert auroc(truth, [answer["labels"]["Opacity"] for answer in answers]) > 0.9
    called = [answer["calls"]["Opacity"] for answer in answers]
    assert np.mean([call == bool(shown) for call, shown in zip(called, truth, strict=True)]) > 0.8
