"""Repeating a model's figures on the data that it was trained on."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import tomli_w

from core.__main__ import main
from core.domain import InputSpec
from core.models.evidence import read_evidence
from core.models.spec import EVIDENCE_FILE, read_spec
from core.training.augmentation_settings import Augmentation
from core.training.config import ClassLabel, Schedule, Split, TrainingConfig
from core.training.run import train
from tests.core.training.films import labelled_folder

SCHEDULE = Schedule(
    epochs=1,
    epoch_images=48,
    batch=8,
    head_steps=0,
    warm_up_steps=2,
    learning_rate=3e-3,
    batch_norm="trained",
    dropout=0.0,
    ema_decay=0.5,
    selection="plain",
    stress_images=8,
)
PATTERN = r"^(p\d+)_"
CONFIGURATION = {
    "absence": "clear",
    "labels": [{"name": "Opacity", "folder": "opaque"}],
    "working_size": [36, 36],
    "threads": 1,
    "augmentation": {"erase_chance": 0, "marker_chance": 0},
    "split": {"patient_pattern": PATTERN, "validation_share": 0.2, "test_share": 0.2},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with films and a model that was trained on them."""
    folder = tmp_path_factory.mktemp("measuring")
    labelled_folder(folder / "films")
    config = TrainingConfig(
        data=folder / "films",
        out=folder / "weights" / "opacity",
        labels=(ClassLabel("Opacity", "opaque"),),
        absence="clear",
        architecture="small_cnn",
        work=folder / "work",
        threads=1,
        working_size=(36, 36),
        input=InputSpec((32, 32), 1, "squash", "percentile", (0.5,), (0.5,)),
        split=Split(patient_pattern=PATTERN, validation_share=0.2, test_share=0.2),
        schedule=SCHEDULE,
        augmentation=Augmentation(erase_chance=0, marker_chance=0),
    )
    out = train(config)
    (out / "training.toml").write_text(tomli_w.dumps(CONFIGURATION))
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(trained, tmp_path / "copy")
    monkeypatch.setenv("LIGHTBOX_WEIGHTS", str(tmp_path / "copy" / "weights"))
    return tmp_path / "copy"


def measure(folder: Path, *options: str) -> int:
    return main(["measure", str(folder / "films"), "--model", "opacity", "--work", str(folder / "work"), *options])


def test_training_left_evidence_and_charts(trained: Path) -> None:
    model = trained / "weights" / "opacity"
    spec = read_spec(model)
    evidence = read_evidence(model, spec)
    assert evidence is not None
    assert evidence.measured_on == "12 test images of 6 patients"
    (curves,) = evidence.labels
    assert (curves.positives, curves.negatives) == (6, 6)
    assert curves.calls["youden"].sensitivity.value == spec.metrics["sensitivity"].value
    assert curves.calls["youden"].specificity.value == spec.metrics["specificity"].value
    assert evidence.learning is not None
    assert [epoch.number for epoch in evidence.learning.epochs] == [1]
    assert {path.name for path in (model / "plots").iterdir()} == {"roc.png", "calibration.png", "curves.png"}
    assert "films" not in (model / EVIDENCE_FILE).read_text()


def test_evidence_that_was_lost_is_measured_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = folder / "weights" / "opacity"
    spec, before = read_spec(model), json.loads((model / EVIDENCE_FILE).read_text())
    (model / EVIDENCE_FILE).unlink()
    shutil.rmtree(model / "plots")
    assert measure(folder) == 0
    assert f"sensitivity  {spec.metrics['sensitivity'].value:.4f}" in capsys.readouterr().out
    after = json.loads((model / EVIDENCE_FILE).read_text())
    # Measuring does not repeat the training.
    assert after == {name: value for name, value in before.items() if name != "learning"}
    assert (model / "plots" / "roc.png").is_file()
    assert repr(read_spec(model)) == repr(spec)  # NaN is not equal to itself


def test_how_training_went_stays_known(folder: Path) -> None:
    path = folder / "weights" / "opacity" / EVIDENCE_FILE
    before = path.read_text()
    assert measure(folder) == 0
    assert path.read_text() == before


def test_other_data_give_other_figures_and_nothing_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "weights" / "opacity" / EVIDENCE_FILE
    before = path.read_bytes()
    films = sorted((folder / "films" / "clear").iterdir())
    for film in films:
        shutil.copy(folder / "films" / "opaque" / film.name.replace("p0", "p1"), film)
    assert measure(folder) == 1
    told = capsys.readouterr().err
    assert "The figures are not those of model.toml: auroc" in told
    assert ".png" not in told
    assert path.read_bytes() == before


def test_other_labels_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = folder / "other.toml"
    other.write_text(tomli_w.dumps({**CONFIGURATION, "labels": [{"name": "Shadow", "folder": "opaque"}]}))
    assert measure(folder, "--config", str(other)) == 1
    assert "names the labels Shadow; the model has Opacity" in capsys.readouterr().err


def test_weights_that_are_not_those_written_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "weights" / "opacity" / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert measure(folder) == 1
    assert "SHA-256" in capsys.readouterr().err


class TestCalibratingAnew:
    def calibrate(self, folder: Path) -> int:
        return main(["calibrate", str(folder / "films"), "--model", "opacity", "--work", str(folder / "work")])

    def test_it_finds_again_what_the_run_found_and_leaves_the_weights(self, folder: Path) -> None:
        model = folder / "weights" / "opacity"
        spec, weights = read_spec(model), (model / "model.safetensors").read_bytes()
        evidence = (model / EVIDENCE_FILE).read_text()
        assert self.calibrate(folder) == 0
        again = read_spec(model)
        assert repr(again.labels[0].operating_points) == repr(spec.labels[0].operating_points)
        assert (again.calibration, again.gate) == (spec.calibration, spec.gate)
        assert repr(again.metrics) == repr(spec.metrics)
        assert (model / "model.safetensors").read_bytes() == weights
        assert (model / EVIDENCE_FILE).read_text() == evidence
        assert (model / "plots" / "roc.png").is_file()
        # How it was trained is not known here, and it calls as before: the card keeps what it says of these.
        for section in ("How it was trained", "Input gate", "Under changed conditions"):
            assert section_of(again.card, section) == section_of(spec.card, section)
        assert re.findall("^## .*", again.card, re.MULTILINE) == re.findall("^## .*", spec.card, re.MULTILINE)

    def test_words_are_those_of_the_configuration(self, folder: Path) -> None:
        model = folder / "weights" / "opacity"
        changed = {
            **CONFIGURATION,
            "version": "1.1.1",
            "words": {"citation": "Opacity 1.1.1", "known_failures": ["X."]},
        }
        (model / "training.toml").write_text(tomli_w.dumps(changed))
        assert self.calibrate(folder) == 0
        spec = read_spec(model)
        assert (spec.version, spec.citation, spec.architecture) == ("1.1.1", "Opacity 1.1.1", "small_cnn")
        assert section_of(spec.card, "Known failures") == "- X."
        assert "Opacity 1.1.1" in section_of(spec.card, "Licence and citation")


def section_of(card: str, title: str) -> str:
    return card.partition(f"## {title}\n")[2].partition("\n## ")[0].strip()
