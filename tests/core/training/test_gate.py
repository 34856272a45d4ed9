"""Fitting the gate: limits by hand, made-up films accepted, pictures of nobody refused, a model folder completed."""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA

from core.domain import Gate, InputSpec
from core.errors import DatasetError, ModelError
from core.models.gate import GateStatistics, root
from core.models.network import Network
from core.models.predict import fused_features, load_engine
from core.models.spec import WEIGHTS_FILE, read_spec
from core.training.augmentation import as_batch
from core.training.gate import (
    AXES,
    CONDITIONS,
    Averages,
    FittedGate,
    LeftOut,
    averages,
    blocks_to_measure,
    fit_gate,
    fit_statistics,
    gate_from,
    limits_from,
    passing_distance,
    with_room,
)
from core.training.gate_card import MARK, TITLE, gate_section, with_gate_section
from core.training.gate_command import add_arguments, run
from core.training.outsiders import Outsiders, fit_outward
from core.training.split import Division, Part
from core.training.strangers import EACH, SIDE, strangers
from core.training.stress import PLAIN
from core.training.validation import network_input
from tests.core.models.networks import seeded_network
from tests.core.training.films import film, write
from tests.made_models import CHEST_SPEC, write_chest_model

SPEC = InputSpec((64, 64), 3, "squash", "percentile", (0.5,) * 3, (0.5,) * 3)


# ── Limits ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (199, 198),  # ⌈0.99 · 200⌉ = 198: of 200 exchangeable images two are expected beyond
        (299, 297),
        (99, 99),  # ⌈0.99 · 100⌉ = 99, the largest
        (10, 10),  # ⌈0.99 · 11⌉ = 11 is more than there are
        (1000, 991),
    ],
)
def test_passing_distance_by_hand(count: int, expected: int) -> None:
    distances = np.random.default_rng(0).permutation(np.arange(1.0, count + 1))
    assert passing_distance(distances) == expected


def test_passing_distance_keeps_its_promise() -> None:
    rng = np.random.default_rng(1)
    beyond = [(rng.exponential(size=50) > passing_distance(rng.exponential(size=299))).mean() for _ in range(2000)]
    assert np.mean(beyond) == pytest.approx(0.01, abs=0.001)


def test_limits_by_hand() -> None:
    plain, changed = np.arange(1.0, 200), np.arange(1001.0, 1200)
    # Of 398 numbers, ⌈0.99 · 399⌉ = 396th: the third largest.
    assert limits_from({PLAIN: plain, "changed": changed}) == (198.0, 1197.0)
    # The limit of the proper is never below that of the usual.
    assert limits_from({PLAIN: plain, "changed": np.zeros(9000)}) == (198.0, 198.0)


def test_outsiders_far_away_leave_room() -> None:
    gate = Gate("0" * 64, usual=1.5, limit=2.0, origin="x")
    assert with_room(gate, [9.0, 4.0]) == replace(gate, limit=4.0)  # 2 · √4
    assert with_room(gate, [9.0, 0.9]) == with_room(gate, []) == gate


def test_the_nearest_of_a_kind_are_told_but_for_one_odd_picture_in_fifty() -> None:
    far = np.r_[0.1, np.full(100, 8.0)]
    assert LeftOut(limit=2.0, proper=np.ones(3), foreign=far).nearest == pytest.approx(4.0)


# ── The cloud ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_cloud_is_that_of_probabilistic_principal_components() -> None:
    rng = np.random.default_rng(2)
    measured = rng.normal(size=(900, 3)) @ rng.normal(size=(3, 80)) + rng.normal(size=(900, 80)) + 40
    cloud = fit_statistics(measured, blocks=(3,), seed=0)
    z = (root(measured) - root(measured).mean(axis=0)) / root(measured).std(axis=0)
    precision = PCA(AXES).fit(z).get_precision()
    expected = np.sqrt(np.einsum("nd,de,ne->n", z, precision, z) / 80)
    np.testing.assert_allclose(cloud.distance(measured), expected, rtol=1e-6)
    assert np.sqrt(np.mean(expected**2)) == pytest.approx(1, abs=0.05)


def test_a_channel_that_is_silent_in_training_does_not_decide() -> None:
    measured = np.random.default_rng(3).uniform(1, 4, (200, 20))
    measured[:, 7] = 0
    probe = measured[:1].copy()
    probe[0, 7] = 1e-6
    cloud = fit_statistics(measured, blocks=(0,), seed=0)
    assert cloud.distance(probe)[0] < 2 * cloud.distance(measured).max()


def test_few_images_get_few_axes_and_wide_networks_small_files() -> None:
    assert fit_statistics(np.random.default_rng(4).normal(size=(24, 50)), blocks=(0,), seed=0).components.shape == (
        3,
        50,
    )
    wide = fit_statistics(np.random.default_rng(4).normal(size=(300, 20_000)), blocks=(0,), seed=0)
    assert wide.components.astype(np.float32).nbytes < 2_500_000


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("mobilenet_v2", (3, 6, 9, 13, 17)),  # the last of 56², 28² and 14² at 224², one half-way, and the last but one
        ("resnet18", (5, 7, 8, 9, 10)),  # conv1, bn1, relu, maxpool, then two blocks a layer
        ("densenet121", (4, 6, 7, 8, 10)),
        ("swin_t", (2,)),  # lays its maps out in another way
    ],
)
def test_blocks_to_measure(architecture: str, expected: tuple[int, ...]) -> None:
    assert blocks_to_measure(seeded_network(architecture), replace(SPEC, size=(224, 224))) == expected


# ── Learning from outsiders ───────────────────────────────────────────────────────────────────────────────────────


def made_averages(rng: np.random.Generator, towards: np.ndarray) -> np.ndarray:
    """Return averages of 150 images, whose roots scatter by 1 and lie `towards` something from 20."""
    return (20 + rng.normal(size=(150, len(towards))) + towards) ** 2


def found_averages(kinds: dict[str, np.ndarray]) -> Averages:
    """Return proper images and kinds that lie by so much beside them."""
    rng, nothing = np.random.default_rng(7), np.zeros(100)
    drawn = {name: (made_averages(rng, towards), made_averages(rng, towards)) for name, towards in kinds.items()}
    return Averages(
        training=made_averages(rng, nothing),
        validation={PLAIN: made_averages(rng, nothing), "changed": made_averages(rng, nothing)},
        test={PLAIN: made_averages(rng, nothing)},
        foreign={name: measured for name, (_, measured) in drawn.items()},
        known={name: learnt for name, (learnt, _) in drawn.items()},
    )


def cloud_of(found: Averages) -> GateStatistics:
    return fit_statistics(found.training, blocks=(0,), seed=0)


def test_discriminants_are_those_of_linear_discriminant_analysis() -> None:
    found = found_averages({"hands": 3 * np.eye(100)[1], "heads": 3 * np.eye(100)[2]})
    cloud, proper, kinds = cloud_of(found), found.validation[PLAIN], list(found.known.values())
    outward = fit_outward(cloud, found.training, kinds, proper)
    z = [cloud.standardised(values) for values in (found.training, *kinds)]
    spread = np.cov(z[0].T, bias=True) / 2 + np.cov(z[1].T, bias=True) / 4 + np.cov(z[2].T, bias=True) / 4
    spread = 0.8 * spread + 0.2 * np.trace(spread) / 100 * np.eye(100)
    probe = cloud.standardised(proper)
    likelihoods = np.stack([multivariate_normal(group.mean(axis=0), spread).logpdf(probe) for group in z])
    score, distance = (likelihoods[1:] - likelihoods[0]).max(axis=0), np.log(cloud.distance(proper))
    expected = (score - score.mean()) / score.std() * distance.std() + distance.mean()
    np.testing.assert_allclose(np.log(outward.distance(probe)), expected, rtol=1e-8)


def test_a_kind_within_the_cloud_is_told_when_a_like_one_is_known() -> None:
    # Far along one of a hundred axes is not far in the mean over all.
    found = found_averages({"heads": 7 * np.eye(100)[0], "brains": 5 * np.eye(100)[0]})
    unknowing, fitted = gate_from(replace(found, known={}), cloud_of(found)), gate_from(found, cloud_of(found))
    assert np.mean(unknowing.foreign["brains"] > unknowing.gate.limit) < 0.5
    assert np.mean(fitted.foreign["brains"] > fitted.gate.limit) > 0.9
    assert np.mean(fitted.left_out["brains"].foreign > fitted.left_out["brains"].limit) > 0.9
    assert np.mean(fitted.proper[PLAIN] > fitted.gate.limit) <= 0.03


def test_a_kind_is_left_out_by_a_gate_that_knows_the_others() -> None:
    found = found_averages({"hands": 3 * np.eye(100)[1], "heads": 3 * np.eye(100)[2]})
    fitted = gate_from(found, cloud_of(found))
    less = gate_from(replace(found, known={"heads": found.known["heads"]}), cloud_of(found))
    np.testing.assert_array_equal(fitted.left_out["hands"].foreign, less.foreign["hands"])
    np.testing.assert_array_equal(fitted.left_out["hands"].proper, less.proper[PLAIN])
    alone = gate_from(replace(found, known={}), cloud_of(found))
    assert less.left_out["heads"].limit == alone.gate.limit
    assert alone.left_out == {}
    assert alone.statistics.outward is None


def test_two_thirds_of_known_kinds_are_learnt_from() -> None:
    pictures = np.arange(9, dtype=np.uint8)[:, None, None]
    known, other = Outsiders("hands", pictures, is_known=True), Outsiders("hands", pictures)
    assert known.to_learn_from.ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert known.to_measure.ravel().tolist() == [6, 7, 8]
    assert (len(other.to_learn_from), len(other.to_measure)) == (0, 9)


# ── Films and strangers ───────────────────────────────────────────────────────────────────────────────────────────


FILMS = 120


def division_of(count: int) -> Division:
    """Return half for training, a quarter each for validation and test."""
    part = np.resize([Part.TRAINING, Part.VALIDATION, Part.TRAINING, Part.TEST], count)
    return Division(part.astype(np.int64), np.arange(count), ())


@pytest.fixture(scope="module")
def films() -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.stack([film(rng, opacity=index % 2 == 0) for index in range(FILMS)])


def settled_network(films: np.ndarray) -> Network:
    """Return a network with random weights whose batch normalisation knows films, so that its maps differ."""
    network = seeded_network("shufflenet_v2_x0_5")
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None
    with torch.no_grad():
        network.train().features(network_input(as_batch(films[::2], size=SPEC.size), SPEC))
    return network.eval()


def fit(films: np.ndarray) -> FittedGate:
    """Fit the gate of a small network with few copies, so that it takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.training.gate.MEASURED_COPIES", 3 * FILMS)
        patch.setattr("core.training.gate.CHANGED_IMAGES", 15)
        return fit_gate(settled_network(films), SPEC, films, division_of(FILMS), seed=1)


@pytest.fixture(scope="module")
def fitted(films: np.ndarray) -> FittedGate:
    return fit(films)


def test_films_are_accepted(fitted: FittedGate) -> None:
    assert set(fitted.proper) == set(CONDITIONS)
    assert np.mean(fitted.proper[PLAIN] > fitted.gate.limit) <= 0.05
    assert fitted.gate.usual <= fitted.gate.limit
    assert fitted.gate.origin == "30 validation images"


@pytest.mark.parametrize("kind", ["stripes and checkers", "pages of text", "screens"])
def test_strangers_are_refused(fitted: FittedGate, kind: str) -> None:
    assert np.mean(fitted.foreign[kind] > fitted.gate.limit) >= 0.9


def test_the_same_seed_gives_the_same_gate(fitted: FittedGate, films: np.ndarray) -> None:
    again = fit(films)
    assert again.gate == fitted.gate
    np.testing.assert_array_equal(again.statistics.components, fitted.statistics.components)


def test_pictures_are_measured_one_by_one(films: np.ndarray) -> None:
    measure = fused_features(seeded_network("resnet18"), (5, 7))
    together, alone = averages(measure, SPEC, films[:70]), averages(measure, SPEC, films[69:70])
    assert together.shape[0] == 70
    np.testing.assert_allclose(together[69:], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions_keep_size_and_leave_a_picture(condition: str, films: np.ndarray) -> None:
    changed = CONDITIONS[condition](films[:2], (48, 40))
    assert changed.shape == (2, 1, 48, 40)
    assert changed.std() > 0.02


def test_bars_are_black_and_outside() -> None:
    white = np.full((1, 54, 54), 255, np.uint8)
    sides = CONDITIONS["black bars at the sides"](white, (54, 54))[0, 0].numpy()
    # 54 / 1.35 = 40 columns of picture, 7 of bar on either side.
    assert sides[:, :6].max() == sides[:, -6:].max() == 0
    assert sides[:, 8:-8].min() == pytest.approx(1)
    above = CONDITIONS["black bars above and below"](white, (54, 54))[0, 0].numpy()
    np.testing.assert_allclose(above, sides.T)


def test_strangers_are_pictures() -> None:
    for pictures in strangers(seed=0).values():
        assert pictures.shape == (EACH, SIDE, SIDE)
        assert pictures.dtype == np.uint8
        assert (pictures.reshape(EACH, -1).std(axis=1) > 5).all()


# ── The card ──────────────────────────────────────────────────────────────────────────────────────────────────────


def hand_made() -> FittedGate:
    """Return figures that can be counted: of 4 proper films one is unusual and one refused; of 2 hands one is."""
    gate = Gate("0" * 64, usual=1.5, limit=2.0, origin="9 validation images")
    proper, hands = np.array([1.0, 1.2, 1.8, 2.5]), np.array([1.9, 7.0])
    cloud = fit_statistics(np.random.default_rng(0).normal(size=(60, 4)), blocks=(0,), seed=0)
    return FittedGate(gate, cloud, {PLAIN: proper}, {"hands": hands})


def with_hands_known() -> FittedGate:
    """Return the same of a gate that knows hands: without them it refuses two of three, and no proper film."""
    left_out = LeftOut(limit=3.0, proper=np.array([1.0, 2.0]), foreign=np.array([1.5, 4.0, 5.0]))
    return replace(hand_made(), left_out={"hands": left_out})


def test_the_section_counts() -> None:
    section = gate_section(hand_made())
    # Wilson, 1 of 4: 4.6–69.9 %; 1 of 2: 9.5–90.5 %. Pairs in order: 3 of 4 below 1.9, 4 of 4 below 7.
    assert "| as it is | 4 | 25.0 % | 25.0 % (4.6–69.9) |" in section
    assert "| hands | 2 | 50.0 % (9.5–90.5) | 0.8750 |" in section
    assert "Beyond 1.50 " in section
    assert "beyond 2.00 " in section


def test_the_section_names_what_is_known_and_what_a_gate_without_it_says() -> None:
    plain, known = gate_section(hand_made()), gate_section(with_hands_known())
    assert MARK not in plain
    assert "kind left out" not in plain
    assert f"| hands {MARK} | 2 |" in known
    # Wilson, 2 of 3: 20.8–93.9 %. Pairs in order: 5 of 6.
    assert "| hands | 3 | 66.7 % (20.8–93.9) | 0.8333 |" in known
    assert "These gates refuse 0.0 % of the proper images" in known


def test_the_section_is_placed_and_replaced() -> None:
    card = "# Model\n\n## Data\n\nFilms.\n\n## Known failures\n\n- All.\n"
    once = with_gate_section(card, hand_made())
    assert re.findall(r"^## (.*)$", once, flags=re.MULTILINE) == ["Data", TITLE, "Known failures"]
    assert with_gate_section(once, hand_made()) == once
    assert with_gate_section("# Model\n", hand_made()).startswith(f"# Model\n\n## {TITLE}\n")


# ── The command ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def trained(made_weights: Path, tmp_path: Path) -> Path:
    """Return a folder with films, hands and a model that has no gate."""
    rng = np.random.default_rng(6)
    for index in range(60):
        name = ("clear", "opaque")[index % 2]
        write(tmp_path / "films" / name / f"p{index}.png", film(rng, opacity=bool(index % 2)))
    drawn = strangers(seed=1)
    for index in range(6):
        write(tmp_path / "hands" / f"{index}.png", drawn["pages of text"][index])
        write(tmp_path / "noise" / f"{index}.png", drawn["white noise"][index])
    (tmp_path / "hands" / "notes.txt").write_text("not a picture")
    config = 'absence = "clear"\nworking_size = [72, 72]\n'
    (made_weights / CHEST_SPEC.id / "training.toml").write_text(config)
    return tmp_path


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_a_model_folder_is_given_a_gate(
    trained: Path, made_weights: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.training.gate.MEASURED_COPIES", 60)
    folder = made_weights / CHEST_SPEC.id
    before = (folder / WEIGHTS_FILE).read_bytes()
    work = str(trained / "work")
    others = ("--foreign", str(trained / "hands"), "--known", str(trained / "noise"))
    words = (str(trained / "films"), "--model", CHEST_SPEC.id, *others, "--work", work)
    assert run(options(*words)) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(folder)
    assert "hands: 6 images read, 1 passed over" in told.err
    assert (folder / WEIGHTS_FILE).read_bytes() == before
    spec = read_spec(folder)
    assert spec.gate is not None
    assert math.isfinite(spec.gate.limit)
    assert f"## {TITLE}" in spec.card
    assert "| hands | 6 |" in spec.card
    # Of six, four are learnt from; the one known kind left out, there is the cloud alone.
    assert f"| noise {MARK} | 2 |" in spec.card
    assert "| noise | 2 |" in spec.card
    gate = load_engine(spec, device="cpu").gate
    assert gate is not None
    assert gate.outward is not None


def test_a_model_that_is_replaced_meanwhile_gets_no_gate_of_the_old_one(
    trained: Path, made_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit_while_it_is_replaced(*_args: object, **_options: object) -> FittedGate:
        write_chest_model(made_weights, seed=2)
        return hand_made()

    monkeypatch.setattr("core.training.gate.fit_gate", fit_while_it_is_replaced)
    with pytest.raises(ModelError) as caught:
        run(options(str(trained / "films"), "--model", CHEST_SPEC.id, "--work", str(trained / "work")))
    assert caught.value.code == "model-replaced"
    assert read_spec(made_weights / CHEST_SPEC.id).gate is None


def test_without_its_configuration_a_model_gets_none(trained: Path, made_weights: Path) -> None:
    (made_weights / CHEST_SPEC.id / "training.toml").unlink()
    with pytest.raises(DatasetError) as caught:
        run(options(str(trained / "films"), "--model", CHEST_SPEC.id))
    assert caught.value.code == "no-training-configuration"


def test_a_folder_with_too_few_known_outsiders_is_refused(trained: Path) -> None:
    for file in (trained / "noise").glob("[2-5].png"):
        file.unlink()
    words = (str(trained / "films"), "--model", CHEST_SPEC.id, "--known", str(trained / "noise"))
    with pytest.raises(DatasetError) as caught:
        run(options(*words, "--work", str(trained / "work")))
    assert caught.value.code == "too-few-outsiders"
