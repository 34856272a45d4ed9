"""Engines: scores worked out by hand, loaded once, damaged weights refused, shared among threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.domain import Calibration, Image, InputSpec, Intensity, Notice, WindowLevel
from core.errors import ModelError, UnsuitableInputError
from core.models import predict as module
from core.models.predict import Engine, calibrate, engine, engine_for, load_engine, predict, prediction_from
from core.models.preprocessing import to_tensor
from core.models.registry import find_model
from core.models.spec import WEIGHTS_FILE
from tests.core.models.networks import seeded_engine, seeded_network, spec_of
from tests.made import chest_values
from tests.made_models import CHEST_SPEC, MODEL_ID, write_chest_model, write_gated_model

ARCHITECTURE = "shufflenet_v2_x0_5"


def chest(seed: int = 0, size: int = 128) -> Image:
    """Return a made chest; each seed another one."""
    noise = np.random.default_rng(seed).normal(0, 300, (size, size))
    pixels = (chest_values(size) + noise).clip(0, 4095).astype(np.uint16)
    return Image(pixels, Intensity.RADIOGRAPH, "MONOCHROME2", uid=f"chest-{seed}")


# ── Calibration ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_sigmoid_by_hand() -> None:
    values = calibrate(np.array([0.0, np.log(3), -np.log(3)]), Calibration("sigmoid"))
    np.testing.assert_allclose(values, [0.5, 0.75, 0.25], rtol=1e-12)


def test_temperature_and_bias_by_hand() -> None:
    # (2 ln 3) / 2 + 0 = ln 3 → 3/4; 0 / 2 + ln 9 → 9/10.
    calibration = Calibration("sigmoid", "platt", temperature=2.0, bias=(0.0, np.log(9)))
    np.testing.assert_allclose(calibrate(np.array([2 * np.log(3), 0.0]), calibration), [0.75, 0.9], rtol=1e-12)


def test_softmax_by_hand() -> None:
    values = calibrate(np.log([1.0, 2.0, 5.0]), Calibration("softmax", "temperature"))
    np.testing.assert_allclose(values, [1 / 8, 2 / 8, 5 / 8], rtol=1e-12)


def test_scores_are_spread_around_operating_points_by_hand() -> None:
    # Sigmoids are 1/8, 1/4, 5/8. Around 1/4: (1/8) / (2/4); the point itself; 1 - (3/8) / (2 · 3/4).
    calibration = Calibration("sigmoid", "operating-point", thresholds=(0.25, 0.25, 0.25))
    values = calibrate(np.log([1 / 7, 1 / 3, 5 / 3]), calibration)
    np.testing.assert_allclose(values, [0.25, 0.5, 0.75], rtol=1e-12)


def test_each_label_is_spread_around_its_own_point_and_keeps_0_and_1() -> None:
    calibration = Calibration("sigmoid", "operating-point", thresholds=(0.75, 0.002))
    values = calibrate(
        np.array([[-1e4, -1e4], [np.log(3), np.log(0.002 / 0.998)], [1e4, 1e4], [np.nan] * 2]), calibration
    )
    np.testing.assert_allclose(values, [[0, 0], [0.5, 0.5], [1, 1], [np.nan] * 2], atol=1e-12)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_huge_outputs_do_not_overflow(activation: Any) -> None:
    with np.errstate(all="raise", under="ignore"):
        values = calibrate(np.array([1e4, -1e4]), Calibration(activation))
    np.testing.assert_array_equal(values, [1.0, 0.0])


def test_a_batch_is_calibrated_row_by_row() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 3))
    together = calibrate(logits, Calibration("softmax"))
    np.testing.assert_allclose(together.sum(axis=1), 1)
    np.testing.assert_array_equal(together[3], calibrate(logits[3], Calibration("softmax")))


# ── Predictions ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_prediction_is_the_networks_answer_to_the_prepared_image() -> None:
    network = seeded_network(ARCHITECTURE)
    spec = replace(spec_of(ARCHITECTURE), calibration=Calibration("sigmoid", "temperature", 2.0))
    with torch.inference_mode():
        logits = network(to_tensor(chest(), spec.input).tensor[None])[0].double().numpy()
    prediction = predict(Engine(spec, network, torch.device("cpu")), chest())
    np.testing.assert_allclose([score.value for score in prediction.scores], 1 / (1 + np.exp(-logits / 2)), atol=1e-6)
    assert [score.label for score in prediction.scores] == list(spec.labels)
    assert all(score.calibrated for score in prediction.scores)
    assert (prediction.image_uid, prediction.model_id, prediction.device) == ("chest-0", spec.id, "cpu")
    assert prediction.seconds > 0


@pytest.mark.parametrize("architecture", ["mobilenet_v2", "densenet121", "resnet18", "mobilenet_v3_small"])
def test_folding_batch_normalisation_changes_nothing_but_the_time(architecture: str) -> None:
    network = seeded_network(architecture)
    batch = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        features = network.features(batch)
        logits = network(batch)
    got_logits, got_features = Engine(spec_of(architecture), network, torch.device("cpu")).compute(batch)
    np.testing.assert_allclose(got_logits, logits, atol=1e-4)
    torch.testing.assert_close(got_features, features, rtol=1e-4, atol=1e-4)


def test_scores_spread_around_operating_points_are_not_called_probabilities() -> None:
    calibration = Calibration("sigmoid", "operating-point", thresholds=(0.1, 0.2, 0.3))
    spec = replace(spec_of(ARCHITECTURE), calibration=calibration)
    prediction = predict(Engine(spec, seeded_network(ARCHITECTURE), torch.device("cpu")), chest())
    assert not any(score.calibrated for score in prediction.scores)


def test_scores_that_nothing_was_fitted_to_are_not_called_probabilities() -> None:
    spec = replace(spec_of(ARCHITECTURE), calibration=Calibration("sigmoid"))
    prediction = predict(Engine(spec, seeded_network(ARCHITECTURE), torch.device("cpu")), chest())
    assert not any(score.calibrated for score in prediction.scores)


def test_warnings_come_first_and_an_undefined_score_is_named() -> None:
    ready = seeded_engine(ARCHITECTURE)
    forward = replace(ready.run(chest()), logits=np.array([0.0, np.nan, 0.0]))
    outside = Notice("modality-outside-intended-use", "This is an MR image.")
    prediction = prediction_from(ready, forward, image_uid="x", warnings=(outside,))
    codes = [notice.code for notice in prediction.warnings]
    assert codes == ["modality-outside-intended-use", "gate-absent", "score-undefined"]
    assert prediction.scores[1].call is None
    assert prediction.scores[0].value == 0.5


def test_the_same_image_gives_the_same_answer() -> None:
    ready = seeded_engine(ARCHITECTURE)
    first, second = (predict(ready, chest()).scores for _ in range(2))
    assert first == second


def test_an_image_that_cannot_be_judged_raises() -> None:
    flat = Image(np.zeros((64, 64), np.uint8), Intensity.GRAY, "MONOCHROME2", uid="flat")
    with pytest.raises(UnsuitableInputError):
        predict(seeded_engine(ARCHITECTURE), flat)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"intensity_range": "full"},
        {"intensity_range": "window", "window": WindowLevel(40, 80)},
        {"channels": 1, "mean": (0.5,), "std": (0.5,), "resize": "squash", "size": (48, 80)},
    ],
)
def test_every_kind_of_input_can_be_warmed_up(changes: dict[str, Any]) -> None:
    made: InputSpec = replace(CHEST_SPEC.input, **changes)
    spec = replace(spec_of(ARCHITECTURE), input=made)
    Engine(spec, seeded_network(ARCHITECTURE, channels=made.channels), torch.device("cpu")).warm_up()


# ── Loading ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_model_is_loaded_once_however_many_ask(made_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    monkeypatch.setattr(module, "_engines", {})
    monkeypatch.setattr(module, "load_engine", lambda spec: loaded.append(spec.id) or load_engine(spec))
    with ThreadPoolExecutor(8) as threads:
        engines = list(threads.map(engine, [MODEL_ID] * 16))
    assert loaded == [MODEL_ID]
    assert all(each is engines[0] for each in engines)


def test_a_changed_folder_is_loaded_anew(made_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_engines", {})
    first = engine(MODEL_ID)
    assert engine_for(find_model(MODEL_ID)) is first
    write_chest_model(made_weights, replace(CHEST_SPEC, version="2"), seed=2)
    second = engine(MODEL_ID)
    assert second.spec.version == "2"
    assert predict(first, chest()).scores != predict(second, chest()).scores


def test_other_weights_than_those_written_are_refused(made_weights: Path) -> None:
    path = made_weights / MODEL_ID / WEIGHTS_FILE
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256") as caught:
        load_engine(find_model(MODEL_ID))
    assert caught.value.code == "weights-hash-differs"


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    spec = write_chest_model(tmp_path)
    with pytest.raises(ModelError, match=r"“conv1\.weight” is missing"):
        load_engine(replace(spec, architecture="resnet18"), root=tmp_path)


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    spec = write_chest_model(tmp_path)
    with pytest.raises(ModelError, match="resnet99"):
        load_engine(replace(spec, architecture="resnet99"), root=tmp_path)


def test_a_loaded_engine_answers_as_its_network_did_when_it_was_written(tmp_path: Path) -> None:
    spec = write_chest_model(tmp_path, seed=3)
    first, second = (predict(load_engine(spec, root=tmp_path), chest()).scores for _ in range(2))
    assert first == second


# ── Sharing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_threads_get_their_own_answers() -> None:
    ready = seeded_engine(ARCHITECTURE)
    images = [chest(seed) for seed in range(6)]
    alone = [predict(ready, image).scores for image in images]
    with ThreadPoolExecutor(6) as threads:
        shared = list(threads.map(lambda index: predict(ready, images[index % 6]).scores, range(36)))
    assert [scores == alone[index % 6] for index, scores in enumerate(shared)] == [True] * 36


def test_the_lock_keeps_other_engines_out_and_lets_its_holder_in() -> None:
    first, second = seeded_engine(ARCHITECTURE), seeded_engine(ARCHITECTURE, seed=1)
    image = chest()
    done = threading.Event()
    other = threading.Thread(target=lambda: (second.run(image), done.set()))
    with first.exclusive():
        other.start()
        first.run(image)
        assert not done.wait(0.2)
    other.join()
    assert done.is_set()


# ── Memory ────────────────────────────────────────────────────────────────────────────────────────────────────────


class SmallCard(Engine):
    """An engine whose graphics card has no memory left: everything but the CPU fails."""

    def _compute(self, batch: torch.Tensor) -> Any:
        if self.device.type != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super()._compute(batch)


def test_a_graphics_card_out_of_memory_is_given_up_for_the_processor() -> None:
    plain = seeded_engine(ARCHITECTURE)
    ready = SmallCard(plain.spec, seeded_network(ARCHITECTURE), torch.device("cpu"))
    ready.device = torch.device("cuda")  # as if it lay there
    first, second = predict(ready, chest()), predict(ready, chest())
    for prediction in (first, second):
        assert prediction.device == "cpu"
        assert [notice.code for notice in prediction.warnings] == ["gate-absent", "gpu-out-of-memory"]
        assert prediction.scores == predict(plain, chest()).scores


def test_a_processor_out_of_memory_has_nothing_to_fall_back_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise torch.OutOfMemoryError("no memory")

    ready = seeded_engine(ARCHITECTURE)
    monkeypatch.setattr(ready, "_compute", fail)
    with pytest.raises(torch.OutOfMemoryError):
        ready.run(chest())


def test_a_card_too_small_for_the_weights_is_given_up_while_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    move = Engine._move

    def refuse(self: Engine, device: torch.device) -> None:
        if device.type != "cpu":
            self.device = device
            raise torch.OutOfMemoryError("CUDA out of memory")
        move(self, device)

    monkeypatch.setattr(Engine, "_move", refuse)
    ready = Engine(spec_of(ARCHITECTURE), seeded_network(ARCHITECTURE), torch.device("cuda"))
    assert ready.device.type == "cpu"
    assert [notice.code for notice in ready.notices] == ["gpu-out-of-memory"]


def test_a_batch_has_the_answers_and_distances_of_its_images(tmp_path: Path) -> None:
    spec = write_gated_model(tmp_path, CHEST_SPEC, limit=3.0)
    gated = load_engine(spec, root=tmp_path)
    values = chest_values(64)
    images = [Image(np.roll(values, shift), Intensity.GRAY, "MONOCHROME2", uid=str(shift)) for shift in (0, 500, 999)]
    logits, distances = gated.answer(torch.stack([to_tensor(image, spec.input).tensor for image in images]))
    alone = [gated.run(image) for image in images]
    np.testing.assert_allclose(logits, [one.logits for one in alone], atol=1e-5)
    assert distances is not None
    np.testing.assert_allclose(distances, [one.distance for one in alone], atol=2e-6)
    assert np.ptp(distances) > 1e-3
