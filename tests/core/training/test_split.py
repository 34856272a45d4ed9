from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import DatasetError
from core.training.split import (
    Division,
    Part,
    divide,
    draw_folds,
    draw_label_parts,
    draw_parts,
    join_groups,
    near_duplicates,
    perceptual_hash,
    require_no_leak,
)
from tests.core.training.films import film


def films(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([film(rng, opacity=bool(index % 2)) for index in range(n)])


def compressed(picture: np.ndarray, *, quality: int = 70) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def halves(n: int) -> list[str]:
    return ["clear" if index % 2 == 0 else "opaque" for index in range(n)]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=20, max_size=120), st.integers(0, 5))
def test_no_group_is_in_two_parts(groups: list[int], seed: int) -> None:
    group = np.array(groups)
    part = draw_parts(
        group, ["a" if one % 3 else "b" for one in groups], validation_share=0.2, test_share=0.2, seed=seed
    )
    for one in np.unique(group):
        assert len(np.unique(part[group == one])) == 1


def test_shares_hold_in_every_class() -> None:
    group, classes = np.arange(1000) // 2, ["rare" if index < 200 else "common" for index in range(1000)]
    part = draw_parts(group, classes, validation_share=0.15, test_share=0.25, seed=3)
    for name, n in (("rare", 200), ("common", 800)):
        counts = np.bincount(part[np.array(classes) == name], minlength=3) / n
        assert counts == pytest.approx([0.6, 0.15, 0.25], abs=0.011)


def test_folds_hold_as_much_of_every_class_and_keep_patients_whole() -> None:
    group, classes = np.arange(600) // 2, ["rare" if index < 120 else "common" for index in range(600)]
    fold = draw_folds(group, classes, folds=4, seed=3)
    assert (fold[::2] == fold[1::2]).all()
    for name, n in (("rare", 120), ("common", 480)):
        counts = np.bincount(fold[np.array(classes) == name], minlength=4)
        assert counts == pytest.approx([n / 4] * 4, abs=2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_labels_are_shared_out_evenly_and_groups_kept_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 150, 400)
    targets = (rng.random((400, 3)) < [0.05, 0.3, 0.5]).astype(float)
    part = draw_label_parts(group, targets, validation_share=0.2, test_share=0.2, seed=seed)
    assert all(len(np.unique(part[group == one])) == 1 for one in np.unique(group))
    for one, share in ((Part.TRAINING, 0.6), (Part.VALIDATION, 0.2), (Part.TEST, 0.2)):
        own = targets[part == one]
        # No group holds more than a dozen pictures; a part may be off by about one group of a label.
        assert own.sum(axis=0) == pytest.approx(share * targets.sum(axis=0), abs=12)


def test_a_part_without_a_share_gets_nothing() -> None:
    targets = np.eye(4)[np.arange(32) % 4][:, :3]
    part = draw_label_parts(np.arange(32), targets, validation_share=0.0, test_share=0.25, seed=1)
    assert np.bincount(part, minlength=3).tolist() == [24, 0, 8]


def test_a_label_without_enough_patients_is_named() -> None:
    targets = np.zeros((40, 2))
    targets[:20, 0] = targets[0, 1] = 1
    with pytest.raises(DatasetError, match="none is left for") as caught:
        divide(
            [f"p{index}" for index in range(40)],
            ["a"] * 40,
            films(40),
            validation_share=0.2,
            test_share=0.2,
            seed=1,
            targets=targets,
        )
    assert caught.value.code == "too-few-patients"


def test_the_seed_decides() -> None:
    group, classes = np.arange(100), halves(100)
    first, again, other = (
        draw_parts(group, classes, validation_share=0.2, test_share=0.2, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_copies_are_found_in_spite_of_exposure_and_compression() -> None:
    pictures = films(40)
    darker = (pictures[4] * 0.8).astype(np.uint8)
    planted = np.concatenate([pictures, [compressed(pictures[3]), darker]])
    assert set(near_duplicates(planted)) == {(3, 40), (4, 41)}


def test_mirrored_pictures_are_no_copies() -> None:
    pictures = films(10)
    assert near_duplicates(np.concatenate([pictures, pictures[:, :, ::-1]])) == ()


def test_the_hash_has_256_bits_and_half_of_them_set() -> None:
    bits = perceptual_hash(films(5).astype(np.float32))
    assert bits.shape == (5, 256)
    assert np.all(np.abs(bits.sum(axis=1) - 128) <= 1)


def test_patients_with_a_common_picture_become_one() -> None:
    group = join_groups(["a", "a", "b", "c", "d"], [(1, 2), (2, 3)])
    assert group[0] == group[1] == group[2] == group[3] != group[4]


def test_a_planted_copy_never_crosses_the_division_and_is_reported() -> None:
    # The same film under two names, as when two patients' folders were filled from one export.
    pictures = films(60)
    planted = np.concatenate([pictures, [compressed(pictures[0])]])
    patients = [f"p{index}" for index in range(61)]
    for seed in range(10):
        division = divide(patients, [*halves(60), "clear"], planted, validation_share=0.2, test_share=0.2, seed=seed)
        assert division.part[0] == division.part[60]
        assert division.joined == ((0, 60),)


def test_a_planted_leak_is_caught() -> None:
    pictures = films(60)
    planted = np.concatenate([pictures, [compressed(pictures[0])]])
    patients = [f"p{index}" for index in range(61)]
    division = divide(patients, [*halves(60), "clear"], planted, validation_share=0.2, test_share=0.2, seed=1)
    moved = division.part.copy()
    moved[60] = (moved[0] + 1) % 3
    with pytest.raises(DatasetError, match="1 near-identical") as caught:
        require_no_leak(replace(division, part=moved), patients, near_duplicates(planted))
    assert caught.value.code == "leak"


def test_a_torn_patient_is_caught() -> None:
    part = np.array([Part.TRAINING, Part.TEST, Part.VALIDATION])
    division = Division(part, np.array([0, 0, 1]), ())
    with pytest.raises(DatasetError, match="1 patients"):
        require_no_leak(division, ["a", "a", "b"], [])


def test_a_class_without_enough_patients_is_named() -> None:
    with pytest.raises(DatasetError, match="opaque") as caught:
        divide(
            ["p"] * 0 + [f"p{index}" for index in range(20)],
            ["clear"] * 19 + ["opaque"],
            films(20),
            validation_share=0.2,
            test_share=0.2,
            seed=1,
        )
    assert caught.value.code == "too-few-patients"


# ── A division that comes with the data ───────────────────────────────────────────────────────────────────────────


def given_parts(n: int, *, validation: int = 20, test: int = 0) -> list[Part]:
    return [Part.TRAINING] * (n - validation - test) + [Part.VALIDATION] * validation + [Part.TEST] * test


def divided(pictures: np.ndarray, patients: list[str], given: list[Part]) -> Division:
    return divide(patients, halves(len(pictures)), pictures, validation_share=0.2, test_share=0.2, seed=1, given=given)


def test_the_division_of_the_data_set_is_kept_and_its_missing_part_drawn_from_training() -> None:
    given = given_parts(60)
    division = divided(films(60), [f"p{index}" for index in range(60)], given)
    assert division.given == {Part.TRAINING, Part.VALIDATION}
    assert division.of(Part.VALIDATION).tolist() == list(range(40, 60))
    assert len(division.of(Part.TEST)) == 8
    assert len(division.unused()) == 0


def test_a_complete_division_is_left_as_it_is() -> None:
    given = given_parts(60, validation=10, test=10)
    division = divided(films(60), [f"p{index}" for index in range(60)], given)
    assert division.part.tolist() == given


def test_a_leak_across_the_division_of_the_data_set_is_caught_and_not_trained_on() -> None:
    # A training film comes back in validation, compressed anew; its patient has a second film in training.
    pictures = films(60)
    pictures[45] = compressed(pictures[4])
    patients = [f"p{index}" for index in range(60)]
    patients[5] = patients[4]
    division = divided(pictures, patients, given_parts(60))
    assert division.crossing == ((4, 45),)
    assert division.unused().tolist() == [4, 5]
    assert division.part[45] == Part.VALIDATION
    assert Part.TEST not in division.part[[4, 5]]


def test_a_patient_who_is_in_two_given_parts_is_not_trained_on() -> None:
    patients = [f"p{index}" for index in range(60)]
    patients[50] = patients[7]
    division = divided(films(60), patients, given_parts(60))
    assert division.unused().tolist() == [7]
    assert division.crossing == ()


def test_a_copy_between_given_validation_and_test_is_reported_and_kept() -> None:
    pictures = films(60)
    pictures[55] = compressed(pictures[45])
    given = given_parts(60, validation=10, test=10)
    division = divided(pictures, [f"p{index}" for index in range(60)], given)
    assert division.crossing == ((45, 55),)
    assert division.part.tolist() == given
