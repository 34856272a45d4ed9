"""From a labelled folder to a model folder, on sixty made-up films."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.domain import InputSpec, IntendedUse
from core.errors import DatasetError, TrainingError
from core.evaluation import auroc
from core.models.ensemble import Ensemble
from core.models.files import sha256_of
from core.models.network import build_network, load_weights
from core.models.predict import load_engine
from core.models.preprocessing import to_tensor
from core.models.provenance import image_hash, training_hashes
from core.models.spec import read_spec
from core.training.assess import ask_validation
from core.training.augmentation_settings import Augmentation
from core.training.calibration import OPERATING_POINTS, apply_calibration, calibrate
from core.training.config import ClassLabel, Schedule, Split, TrainingConfig, Try, Words
from core.training.dataset import open_file
from core.training.folds import material_of_members
from core.training.preparation import prepare
from core.training.run import train
from core.training.split import Part
from tests.core.training.films import film, labelled_folder, write
from tests.core.training.test_preparation import with_table

SCHEDULE = Schedule(
    epochs=3,
    epoch_images=48,
    batch=8,
    head_steps=0,
    warm_up_steps=2,
    learning_rate=3e-3,
    batch_norm="trained",
    dropout=0.0,
    ema_decay=0.7,
    stress_images=8,
)


def configuration(folder: Path, **changes: object) -> TrainingConfig:
    config = TrainingConfig(
        data=folder / "films",
        out=folder / "weights" / "opacity",
        title="Opacity in made-up films",
        labels=(ClassLabel("Opacity", "opaque", "SNOMED-CT:128309001", title="Opacity in the lung"),),
        absence="clear",
        architecture="small_cnn",
        work=folder / "work",
        threads=1,  # sums over several threads are not the same twice
        working_size=(36, 36),
        input=InputSpec((32, 32), 1, "squash", "percentile", (0.5,), (0.5,)),
        split=Split(patient_pattern=r"^(p\d+)_", validation_share=0.2, test_share=0.2),
        schedule=SCHEDULE,
        augmentation=Augmentation(kept=(0.8, 1.1), erase_chance=0, marker_chance=0),
        intended_use=IntendedUse("For tests.", "Not for people.", modalities=("DX",), max_age_years=5),
        words=Words(known_failures=("Any real film.",), history=(Try("one epoch", "worse"),)),
    )
    return replace(config, **changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which a model was trained."""
    folder = tmp_path_factory.mktemp("training")
    labelled_folder(folder / "films")
    (folder / "films" / "clear" / "notes.txt").write_text("not a film")
    told: list[str] = []
    train(configuration(folder), progress=told.append)
    (folder / "told.txt").write_text("\n".join(told))
    return folder


class TestModelFolder:
    def test_it_is_complete_and_readable(self, folder: Path) -> None:
        spec = read_spec(folder / "weights" / "opacity")
        assert spec.id == "opacity"
        assert spec.sha256 == sha256_of(folder / "weights" / "opacity" / "model.safetensors")
        assert [(label.name, label.title) for label in spec.labels] == [("Opacity", "Opacity in the lung")]
        assert [point.name for point in spec.labels[0].operating_points] == list(OPERATING_POINTS)
        assert spec.labels[0].operating_point is not None
        assert spec.calibration.method == "platt"

    def test_it_lists_the_files_that_it_has_learnt_from(self, folder: Path) -> None:
        known = training_hashes(folder / "weights" / "opacity")
        files = list((folder / "films").rglob("*.png"))
        assert len(files) == 60
        assert len(known) == 48
        assert known <= {image_hash(sha256_of(file)) for file in files}

    def test_its_metrics_are_those_of_the_card(self, folder: Path) -> None:
        spec = read_spec(folder / "weights" / "opacity")
        assert set(spec.metrics) >= {"auroc", "accuracy", "sensitivity", "specificity", "expected_calibration_error"}
        assert f"{spec.metrics['accuracy'].value:.4f}" in spec.card
        assert all(not math.isnan(estimate.value) or estimate.undefined for estimate in spec.metrics.values())

    def test_it_learned_and_can_be_used_on_a_new_film(self, folder: Path, tmp_path: Path) -> None:
        spec = read_spec(folder / "weights" / "opacity")
        network = build_network(spec.architecture, labels=1, channels=1)
        load_weights(network, load_file(folder / "weights" / "opacity" / "model.safetensors"))
        network.eval()
        rng, truth, scores = np.random.default_rng(99), [], []
        for index in range(40):
            file = write(tmp_path / f"{index}.png", film(rng, opacity=bool(index % 2)))
            with torch.inference_mode():
                logits = network(to_tensor(open_file(file).frames[0].load(), spec.input).tensor[None]).numpy()
            truth.append(index % 2)
            scores.append(apply_calibration(logits, spec.calibration)[0, 0])
        assert auroc(truth, scores) > 0.9

    def test_the_card_says_what_a_reader_needs(self, folder: Path) -> None:
        card = read_spec(folder / "weights" / "opacity").card
        for text in (
            "Not for diagnostic use",
            "For tests.",
            "Not for people.",
            "Any real film.",
            "one epoch",
            "18 images, 9 patients",
            "1 files or slices (",
            "The labels are independent of each other",
            "0 pairs of near-identical",
            "(default)",
            "proportions",
            "python -m core train",
            "Seed 1",
            "(kept)",
        ):
            assert text in card, text
        assert "notes.txt" not in card

    def test_progress_is_told_in_words_without_file_names(self, folder: Path) -> None:
        told = (folder / "told.txt").read_text()
        assert "36 for training, 12 for validation, 12 for test; 1 files left out" in told
        assert "min left" in told
        assert "epoch 3: loss" in told
        assert f"examples of the augmentation: {folder / 'work' / 'augmentation.png'}" in told
        assert (folder / "work" / "augmentation.png").is_file()
        assert ".png" not in told.replace("augmentation.png", "")


def _interrupted_after(start: str) -> Callable[[str], None]:
    def progress(message: str) -> None:
        if message.startswith(start):
            raise KeyboardInterrupt

    return progress


def test_a_damaged_checkpoint_is_named_and_not_passed_over(folder: Path, tmp_path: Path) -> None:
    config = configuration(folder, out=tmp_path / "opacity", work=tmp_path / "work")
    with pytest.raises(KeyboardInterrupt):
        train(config, progress=_interrupted_after("epoch 1: loss"))
    checkpoint = next((tmp_path / "work").glob("*.checkpoint"))
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(TrainingError) as caught:
        train(config)
    assert caught.value.code == "damaged-checkpoint"


def test_exclusive_labels_are_trained_with_one_temperature(folder: Path, tmp_path: Path) -> None:
    config = configuration(
        folder,
        out=tmp_path / "two",
        work=tmp_path / "work",
        labels=(ClassLabel("Clear", "clear", is_finding=False), ClassLabel("Opacity", "opaque")),
        absence="",
        schedule=replace(SCHEDULE, epochs=1, selection="plain"),
    )
    spec = read_spec(train(config))
    assert (spec.calibration.activation, spec.calibration.method) == ("softmax", "temperature")
    assert [label.is_finding for label in spec.labels] == [False, True]
    assert "Opacity: auroc" in spec.metrics


def test_a_table_of_several_labels_is_trained_end_to_end(tmp_path: Path) -> None:
    table = with_table(tmp_path)
    config = configuration(
        tmp_path,
        data=table.data,
        table=table.table,
        labels=(),
        absence="",
        input=replace(table.input, enhance=("median",)),
        architecture="shufflenet_v2_x0_5",
        schedule=replace(SCHEDULE, epochs=1, epoch_images=16, selection="plain"),
    )
    spec = read_spec(train(config))
    assert [label.name for label in spec.labels] == ["device", "opacity"]
    assert (spec.calibration.activation, spec.input.enhance) == ("sigmoid", ("median",))
    assert all(label.operating_point is not None for label in spec.labels)
    assert "10 pictures show several, 60 none of them" in spec.card
    assert "| sex | F: 60; M: 60 |" in spec.card
    assert "the column “patient” of the table" in spec.card
    assert "then median" in spec.card
    assert "| feature | device | opacity |" in spec.card


def test_a_data_set_divided_by_its_makers_is_trained_as_it_is_but_for_its_leak(folder: Path, tmp_path: Path) -> None:
    labelled_folder(tmp_path / "films" / "train", patients=10)
    labelled_folder(tmp_path / "films" / "val", patients=5, seed=1)
    leaking = tmp_path / "films" / "train" / "clear" / "p003_0.png"
    (tmp_path / "films" / "val" / "clear" / "p900_0.png").write_bytes(leaking.read_bytes())
    config = configuration(
        tmp_path,
        architecture="shufflenet_v2_x0_5",
        split=Split(validation_share=0.2, test_share=0.2),
        schedule=replace(SCHEDULE, epochs=1, epoch_images=16, selection="plain"),
    )
    told: list[str] = []
    card = read_spec(train(config, progress=told.append)).card
    assert any("21 for validation" in line and "1 not trained on" in line for line in told)
    assert "The division is the data set's own (training, validation). Test was drawn" in card
    assert "1 pairs of near-identical pictures" in card
    assert "1 pictures of training were not trained on" in card


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"default_operating_point": "best"}, "bad-configuration"),
        ({"intended_use": IntendedUse("", "")}, "no-intended-use"),
        ({"out": Path("weights/No id")}, "bad-configuration"),
        ({"input": InputSpec((32, 32), 1, "squash", "window", (0.5,), (0.5,))}, "bad-configuration"),
        ({"input": InputSpec((32, 32), 1, "squash", "full", (0.5,) * 3, (0.5,) * 3)}, "bad-configuration"),
        ({"split": Split(validation_share=0.5, test_share=0.5)}, "bad-configuration"),
        ({"split": Split(test_share=0)}, "bad-configuration"),
        ({"input": InputSpec((32, 32), 3, "squash", "full", (0.5,) * 3, (0.5,) * 3, colour=True)}, "bad-configuration"),
    ],
)
def test_a_contradiction_is_found_before_anything_is_read(
    tmp_path: Path, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(TrainingError) as caught:
        train(configuration(tmp_path, **changes))
    assert caught.value.code == code


def test_too_few_patients_are_named(tmp_path: Path) -> None:
    labelled_folder(tmp_path / "films", patients=2)
    with pytest.raises(DatasetError) as caught:
        train(configuration(tmp_path))
    assert caught.value.code == "too-few-patients"


def test_members_are_trained_from_other_random_numbers_and_answer_together(tmp_path: Path) -> None:
    labelled_folder(tmp_path / "films")
    schedule = replace(SCHEDULE, epochs=1, epoch_images=16, selection="last")
    told: list[str] = []
    train(
        configuration(tmp_path, architecture="small_cnn", members=2, schedule=schedule, tensorboard=False),
        progress=told.append,
    )
    spec = read_spec(tmp_path / "weights" / "opacity")
    assert spec.members == 2
    assert "network 2 of 2" in told
    assert "2 networks small_cnn that answer together" in spec.card
    state = load_file(tmp_path / "weights" / "opacity" / "model.safetensors")
    assert not torch.equal(state["0.features.0.0.weight"], state["1.features.0.0.weight"])
    engine = load_engine(spec, root=tmp_path / "weights", device="cpu")
    assert isinstance(engine.network, Ensemble)


def test_with_folds_each_network_answers_for_calibration_what_it_did_not_learn_from(tmp_path: Path) -> None:
    labelled_folder(tmp_path / "films")
    schedule = replace(SCHEDULE, epochs=1, epoch_images=16, selection="last", copies=1, calibrate_on="plain")
    config = configuration(
        tmp_path,
        architecture="small_cnn",
        members=3,
        folds=True,
        stored="float16",
        schedule=schedule,
        tensorboard=False,
    )
    train(config)
    spec = read_spec(tmp_path / "weights" / "opacity")
    state = load_file(tmp_path / "weights" / "opacity" / "model.safetensors")
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float16}
    assert "3 folds" in spec.card
    assert "had not learnt from it" in spec.card

    prepared = prepare(config, progress=lambda _said: None)
    network = load_engine(spec, root=tmp_path / "weights", device="cpu").network
    assert isinstance(network, Ensemble)
    known = {*prepared.division.of(Part.TRAINING).tolist(), *prepared.division.of(Part.VALIDATION).tolist()}
    asked = ask_validation(config, prepared, network)
    assert len(asked.plain) == len(known)
    assert spec.labels[0].operating_points[0].n == len(known)
    assert spec.calibration.origin.endswith("as they are, each answered by the network that had not learnt from it")
    again = calibrate(asked.plain, asked.truth, activation="sigmoid", origin=spec.calibration.origin)
    assert again.temperature == pytest.approx(spec.calibration.temperature, rel=1e-3)
    materials = material_of_members(config, prepared)
    order = np.concatenate([material.validation for material in materials])
    for number, (member, material) in enumerate(zip(network.members, materials, strict=True)):
        with torch.inference_mode():
            image = to_tensor(
                open_file(prepared.pictures.examples[material.validation[0]].path).frames[0].load(), spec.input
            )
            expected = member(image.tensor[None]).numpy()[0]
        place = np.flatnonzero(order == material.validation[0])[0]
        np.testing.assert_allclose(asked.plain[place], expected, atol=1e-5, err_msg=str(number))


def test_folds_need_networks_to_share_them(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        train(configuration(tmp_path, folds=True))
    assert caught.value.code == "bad-configuration"
