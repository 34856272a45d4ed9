"""The gate: distances worked out by hand, what is said of them, files that are not what they should be."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from core.domain import Acquisition, Gate, Image, IntendedUse, Intensity, ModelSpec
from core.errors import ModelError
from core.models.files import sha256_of
from core.models.gate import GATE_FILE, GateStatistics, Outward, format_gate, gate_notices, parse_gate, read_gate, root
from core.models.predict import Engine, load_engine, predict
from core.models.preprocessing import to_tensor
from core.models.spec import SPEC_FILE, WEIGHTS_FILE, read_spec, write_gate, write_model
from core.models.suitability import call_of, check_intended_use, is_call_withheld, is_outside_intended_use
from tests.core.models.networks import seeded_network, spec_of
from tests.made import chest_values
from tests.made_models import CHEST_SPEC

ARCHITECTURE = "shufflenet_v2_x0_5"
GATE = Gate("0" * 64, usual=1.5, limit=2.0, origin="774 validation images")
HASH = "ab" * 32


def statistics(length: int = 2, blocks: tuple[int, ...] = (1,), *, mean: float = 0.0) -> GateStatistics:
    """Return a cloud that is twice as wide along its first axis as along the others."""
    return GateStatistics(
        blocks, np.full(length, mean), np.ones(length), np.eye(1, length), variances=np.array([4.0]), rest=1.0
    )


def chest() -> Image:
    return Image(chest_values(96), Intensity.RADIOGRAPH, "MONOCHROME2", uid="chest")


def gated_engine(limit: float) -> Engine:
    """Return an engine whose gate has this limit."""
    network = seeded_network(ARCHITECTURE)
    spec = replace(spec_of(ARCHITECTURE), gate=replace(GATE, usual=min(limit, GATE.usual), limit=limit))
    return Engine(spec, network, torch.device("cpu"), gate=statistics(2 * 48, blocks=(5,)))


# ── Distances ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_distance_by_hand() -> None:
    # Roots 2 and -3: 2² / 4 along the axis, 3² / 1 across; (1 + 9) / 2 = 5.
    assert statistics().distance(np.array([4.0, -9.0])) == pytest.approx(np.sqrt(5))


def test_mean_and_scale_come_before_the_axes() -> None:
    cloud = replace(statistics(), mean=np.array([1.0, 1.0]), scale=np.array([0.5, 2.0]))
    # Roots 3 and 5, standardised 4 and 2: 16 / 4 + 4 / 1 = 8, over 2.
    assert cloud.distance(np.array([9.0, 25.0])) == pytest.approx(2.0)


def test_the_larger_of_both_distances_counts() -> None:
    towards = Outward(np.array([[0.0, -1.0], [0.5, 0.0]]), np.array([-1.0, 0.25]))
    gate = replace(statistics(), outward=towards)
    # Roots 2 and -3: 3 - 1 towards the first kind, 1 + 0.25 towards the second; √5 from the middle.
    assert gate.distance(np.array([4.0, -9.0])) == pytest.approx(np.exp(2))
    # Roots 2 and 0: -1 and 1.25.
    assert gate.distance(np.array([[4.0, 0.0]])) == pytest.approx(np.exp(1.25))
    # Roots -4 and 1: -2 and -1.75; √((16 / 4 + 1) / 2) from the middle.
    assert gate.distance(np.array([-16.0, 1.0])) == pytest.approx(np.sqrt(2.5))


def test_a_distance_stays_a_number_however_far_an_image_is() -> None:
    gate = replace(statistics(), outward=Outward(np.array([[1e6, 0.0]]), np.zeros(1)))
    assert math.isfinite(gate.distance(np.array([1.0, 0.0])))


def test_distance_is_the_mahalanobis_distance_of_the_whole_covariance() -> None:
    rng = np.random.default_rng(0)
    axes, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    variances, rest = np.array([5.0, 3.0]), 0.4
    cloud = GateStatistics((0,), rng.normal(size=6), rng.uniform(0.5, 2, 6), axes[:2], variances, rest)
    covariance = axes.T @ np.diag([*variances, *[rest] * 4]) @ axes
    measured = rng.uniform(-4, 4, (10, 6))
    z = (root(measured) - cloud.mean) / cloud.scale
    expected = np.sqrt(np.einsum("nd,de,ne->n", z, np.linalg.inv(covariance), z) / 6)
    np.testing.assert_allclose(cloud.distance(measured), expected, rtol=1e-10)


def test_a_training_image_has_a_distance_of_about_1() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=(4000, 50)) * np.r_[2.0, np.ones(49)]
    distances = statistics(50).distance(np.sign(z) * z**2)
    assert np.sqrt(np.mean(distances**2)) == pytest.approx(1, abs=0.01)


def test_roots_keep_the_sign() -> None:
    np.testing.assert_array_equal(root(np.array([4.0, -9.0, 0.0])), [2, -3, 0])


# ── Words ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def codes(distance: float | None, gate: Gate | None = GATE) -> list[str]:
    return [notice.code for notice in gate_notices(replace(CHEST_SPEC, gate=gate), distance)]


def test_an_image_as_it_should_be_is_passed_in_silence() -> None:
    assert codes(0.7) == codes(1.5) == []


def test_between_the_limits_it_is_unusual_and_still_called() -> None:
    assert codes(1.6) == codes(2.0) == ["unusual-image"]
    assert not any(map(is_outside_intended_use, gate_notices(replace(CHEST_SPEC, gate=GATE), 1.6)))


@pytest.mark.parametrize("distance", [2.01, 40.0, float("inf"), float("nan")])
def test_beyond_the_limit_it_is_outside_the_intended_use(distance: float) -> None:
    assert codes(distance) == ["unlike-training-images"]
    assert all(map(is_outside_intended_use, gate_notices(replace(CHEST_SPEC, gate=GATE), distance)))


def test_the_reason_is_in_words_and_numbers() -> None:
    (notice,) = gate_notices(replace(CHEST_SPEC, gate=GATE), 4.123)
    assert notice.message == (
        "This image does not look like the radiographs (CR, DX) of the chest that this model was trained on "
        "(distance 4.1; 99 % of 774 validation images lie below 1.5)."
    )


def test_a_model_for_anything_was_trained_on_images() -> None:
    spec = replace(CHEST_SPEC, gate=GATE, intended_use=IntendedUse("Anything.", "Nothing."))
    assert "does not look like the images that this model" in gate_notices(spec, 9)[0].message


def test_a_model_without_a_gate_says_so() -> None:
    assert codes(None, gate=None) == ["gate-absent"]
    assert not any(map(is_outside_intended_use, gate_notices(CHEST_SPEC, None)))


# ── Engines ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("architecture", ["mobilenet_v2", "densenet121", "resnet18", "efficientnet_b0", "small_cnn"])
def test_averages_are_those_of_the_maps_behind_the_blocks(architecture: str) -> None:
    network = seeded_network(architecture)
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    after = (1, len(network.blocks()) - 2)
    with torch.inference_mode():
        features, averages = network.features_and_statistics(x, after=after)
        expected, value = [], x
        for number, block in enumerate(network.blocks()):
            value = block(value.clone())
            if number in after:
                flat = value.flatten(2).double().numpy()
                expected += [flat.mean(axis=2), flat.std(axis=2)]
        torch.testing.assert_close(features, network.features(x))
    assert averages is not None
    np.testing.assert_allclose(averages, np.concatenate(expected, axis=1), rtol=1e-3, atol=1e-4)


def test_without_blocks_nothing_is_averaged() -> None:
    network = seeded_network(ARCHITECTURE)
    assert network.features_and_statistics(torch.zeros(1, 3, 64, 64))[1] is None


def test_an_engine_measures_what_the_network_does() -> None:
    ready = gated_engine(limit=2.0)
    network = seeded_network(ARCHITECTURE)
    with torch.inference_mode():
        x = to_tensor(chest(), ready.spec.input).tensor[None]
        averages = network.features_and_statistics(x, after=(5,))[1]
    assert averages is not None
    assert ready.gate is not None
    assert ready.run(chest()).distance == pytest.approx(float(ready.gate.distance(averages[0].numpy())), rel=1e-3)


def test_an_engine_without_a_gate_measures_nothing() -> None:
    ready = Engine(spec_of(ARCHITECTURE), seeded_network(ARCHITECTURE), torch.device("cpu"))
    assert ready.run(chest()).distance is None
    assert [notice.code for notice in predict(ready, chest()).warnings] == ["gate-absent"]


def test_the_gate_changes_no_answer() -> None:
    plain = Engine(spec_of(ARCHITECTURE), seeded_network(ARCHITECTURE), torch.device("cpu"))
    np.testing.assert_allclose(gated_engine(2.0).run(chest()).logits, plain.run(chest()).logits, atol=1e-6)


def test_the_call_is_withheld_beyond_the_limit_only() -> None:
    refused, accepted = predict(gated_engine(limit=0.001), chest()), predict(gated_engine(limit=1e6), chest())
    assert is_call_withheld(refused)
    assert not is_call_withheld(accepted)
    assert call_of(refused, refused.scores[0]) is None


def test_being_refused_comes_before_milder_warnings() -> None:
    ready = gated_engine(limit=0.001)
    header = check_intended_use(ready.spec, Acquisition(), chest())
    prediction = predict(ready, chest(), warnings=header)
    assert [notice.code for notice in prediction.warnings] == ["unlike-training-images", "header-absent"]


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def write(folder: Path, *, seed: int = 0) -> ModelSpec:
    """Write a model with a gate."""
    network = seeded_network(CHEST_SPEC.architecture, labels=2, seed=seed)
    spec = replace(CHEST_SPEC, gate=GATE)
    cloud = statistics(2 * 48, blocks=(5,), mean=0.25)
    return write_model(folder / spec.id, spec, network.state_dict(), card="# Card\n", gate=cloud)


def test_round_trip_through_the_model_folder(tmp_path: Path) -> None:
    written = write(tmp_path)
    folder = tmp_path / written.id
    assert read_spec(folder) == written
    assert written.gate is not None
    assert written.gate.sha256 == sha256_of(folder / GATE_FILE)
    assert replace(written.gate, sha256=GATE.sha256) == GATE
    ready = load_engine(written, device="cpu", root=tmp_path)
    assert ready.gate is not None
    assert ready.gate.blocks == (5,)
    np.testing.assert_array_equal(ready.gate.mean, np.full(96, 0.25))
    assert ready.run(chest()).distance is not None
    assert (folder / GATE_FILE).stat().st_size < 3_000_000


def test_all_is_stored_in_single_precision() -> None:
    arrays = load(format_gate(statistics(), weights_sha256=HASH))
    assert {str(arrays[name].dtype) for name in ("mean", "scale", "components", "variances", "rest")} == {"float32"}


def test_what_was_learnt_from_other_images_is_kept_and_a_file_without_it_is_read() -> None:
    cloud = replace(statistics(), outward=Outward(np.array([[0.5, -2.0]] * 3), np.array([0.25, 1.0, -4.0])))
    read = parse_gate(format_gate(cloud, weights_sha256=HASH), weights_sha256=HASH)
    assert read.outward is not None
    np.testing.assert_array_equal(read.outward.weights, cloud.outward.weights)  # type: ignore[union-attr]
    np.testing.assert_array_equal(read.outward.offsets, [0.25, 1, -4])
    assert parse_gate(format_gate(statistics(), weights_sha256=HASH), weights_sha256=HASH).outward is None


def test_a_model_written_without_a_gate_loses_the_old_one(tmp_path: Path) -> None:
    spec = write(tmp_path)
    write_model(tmp_path / spec.id, CHEST_SPEC, seeded_network(ARCHITECTURE, labels=2).state_dict(), card="x")
    assert not (tmp_path / spec.id / GATE_FILE).exists()
    assert read_spec(tmp_path / spec.id).gate is None
    assert read_gate(tmp_path / spec.id, CHEST_SPEC) is None


def test_limits_without_statistics_are_not_written(tmp_path: Path) -> None:
    state = seeded_network(ARCHITECTURE, labels=2).state_dict()
    with pytest.raises(ValueError, match="both"):
        write_model(tmp_path / "m", replace(CHEST_SPEC, gate=GATE), state, card="x")
    with pytest.raises(ValueError, match="both"):
        write_model(tmp_path / "m", CHEST_SPEC, state, card="x", gate=statistics())


def test_a_model_is_given_another_gate_and_keeps_its_weights(tmp_path: Path) -> None:
    before = write(tmp_path)
    folder = tmp_path / before.id
    (folder / GATE_FILE).unlink()
    after = write_gate(folder, replace(GATE, limit=3.0), statistics(96, blocks=(5,)), card="# New card\n")
    assert read_spec(folder) == after
    assert (after.sha256, after.card, after.gate.limit) == (before.sha256, "# New card\n", 3.0)  # type: ignore[union-attr]
    assert load_engine(after, device="cpu", root=tmp_path).gate is not None


def test_a_folder_without_its_gate_is_incomplete(tmp_path: Path) -> None:
    spec = write(tmp_path)
    (tmp_path / spec.id / GATE_FILE).unlink()
    with pytest.raises(ModelError, match=GATE_FILE) as caught:
        read_spec(tmp_path / spec.id)
    assert caught.value.code == "model-incomplete"
    with pytest.raises(ModelError) as caught:
        load_engine(spec, device="cpu", root=tmp_path)
    assert caught.value.code == "gate-missing"


def test_another_file_than_the_written_one_is_refused(tmp_path: Path) -> None:
    spec = write(tmp_path)
    with (tmp_path / spec.id / GATE_FILE).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelError) as caught:
        load_engine(spec, device="cpu", root=tmp_path)
    assert caught.value.code == "gate-hash-differs"


def test_a_gate_of_other_weights_is_refused() -> None:
    with pytest.raises(ModelError) as caught:
        parse_gate(format_gate(statistics(), weights_sha256=HASH), weights_sha256="cd" * 32)
    assert caught.value.code == "gate-of-other-weights"


Arrays = dict[str, np.ndarray]


def outward(*, kinds: int = 1, length: int = 2, value: float = 0.0) -> Arrays:
    weights = np.full((kinds, length), value, np.float32)
    return {"outward_weights": weights, "outward_offsets": np.zeros(kinds, np.float32)}


DAMAGE: dict[str, Callable[[Arrays], Arrays]] = {
    "an array is missing": lambda arrays: {name: array for name, array in arrays.items() if name != "scale"},
    "shapes differ": lambda arrays: arrays | {"scale": np.ones(3, np.float32)},
    "axes of another length": lambda arrays: arrays | {"components": np.ones((1, 5), np.float32)},
    "two numbers for the rest": lambda arrays: arrays | {"rest": np.ones(2, np.float32)},
    "not a number": lambda arrays: arrays | {"mean": np.array([0, np.nan], np.float32)},
    "kinds of another length": lambda arrays: arrays | outward(kinds=2, length=3),
    "fewer offsets than kinds": lambda arrays: arrays | outward(kinds=2) | {"outward_offsets": np.zeros(1, np.float32)},
    "no kinds": lambda arrays: arrays | outward(kinds=0),
    "offsets are missing": lambda arrays: arrays | {"outward_weights": np.zeros((1, 2), np.float32)},
    "a weight that is not a number": lambda arrays: arrays | outward(value=np.inf),
    "no spread": lambda arrays: arrays | {"variances": np.zeros(1, np.float32)},
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_statistics_are_refused(damage: str) -> None:
    arrays = DAMAGE[damage](load(format_gate(statistics(), weights_sha256=HASH)))
    with pytest.raises(ModelError) as caught:
        parse_gate(save(arrays), weights_sha256=HASH)
    assert caught.value.code == "gate-damaged"


@pytest.mark.parametrize("length", [0, 4, 60, 300])
def test_a_truncated_file_is_refused(length: int) -> None:
    with pytest.raises(ModelError) as caught:
        parse_gate(format_gate(statistics(), weights_sha256=HASH)[:length], weights_sha256=HASH)
    assert caught.value.code == "gate-damaged"


def test_a_lower_limit_than_the_usual_is_refused(tmp_path: Path) -> None:
    spec = write(tmp_path)
    file = tmp_path / spec.id / SPEC_FILE
    file.write_text(file.read_text("utf-8").replace("limit = 2.0", "limit = 1.0"), "utf-8")
    with pytest.raises(ModelError, match=r"gate\.limit"):
        read_spec(tmp_path / spec.id)


def test_new_weights_under_an_old_gate_are_refused(tmp_path: Path) -> None:
    old = write(tmp_path / "old")
    new = write(tmp_path / "new", seed=1)
    (tmp_path / "old" / old.id / WEIGHTS_FILE).write_bytes((tmp_path / "new" / new.id / WEIGHTS_FILE).read_bytes())
    with pytest.raises(ModelError) as caught:
        load_engine(replace(old, sha256=new.sha256), device="cpu", root=tmp_path / "old")
    assert caught.value.code == "gate-of-other-weights"
