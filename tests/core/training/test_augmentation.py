from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.training.augmentation import (
    Placement,
    apply_tone,
    as_batch,
    augment,
    draw_placement,
    mix_up,
    reframe,
    resample,
    through_jpeg,
    unsharp_mask,
)
from core.training.augmentation_settings import Augmentation
from tests.core.training.films import film
from tests.core.training.materials import STILL


@pytest.fixture
def pictures() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([film(rng, opacity=bool(index % 2)) for index in range(6)])


def placed(n: int, **changes: float) -> Placement:
    values = {"kept_rows": 1, "kept_columns": 1, "centre_row": 0, "centre_column": 0, "angle": 0, "mirrored": 0}
    arrays = {name: np.full(n, float(value)) for name, value in {**values, **changes}.items()}
    return Placement(**{**arrays, "mirrored": arrays["mirrored"] > 0})


def test_no_change_is_no_change(pictures: np.ndarray) -> None:
    x = augment(pictures, size=(64, 64), settings=STILL, rng=np.random.default_rng(0))
    assert torch.allclose(x[:, 0], torch.from_numpy(pictures / 255.0).float(), atol=1e-5)


def test_the_same_generator_gives_the_same_pictures(pictures: np.ndarray) -> None:
    first, again, other = (
        augment(pictures, size=(48, 48), settings=Augmentation(), rng=np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_results_are_pictures(pictures: np.ndarray) -> None:
    x = augment(pictures, size=(48, 40), settings=Augmentation(), rng=np.random.default_rng(1))
    assert x.shape == (6, 1, 48, 40)
    assert x.dtype == torch.float32
    assert 0 <= float(x.min()) < float(x.max()) <= 1


def test_the_originals_are_left_alone(pictures: np.ndarray) -> None:
    before = pictures.copy()
    augment(pictures, size=(64, 64), settings=Augmentation(), rng=np.random.default_rng(2))
    assert np.array_equal(pictures, before)


@pytest.mark.parametrize(
    "one", ["gamma", "contrast", "brightness", "stretch", "shift", "rotation_degrees", "flip_chance", "noise_chance"]
)
def test_every_setting_changes_pictures(pictures: np.ndarray, one: str) -> None:
    settings = replace(STILL, **{one: 10 if one == "rotation_degrees" else 0.9})
    x = augment(pictures, size=(64, 64), settings=settings, rng=np.random.default_rng(3))
    assert not torch.allclose(x, as_batch(pictures, size=(64, 64)), atol=0.01)


@pytest.mark.parametrize("one", ["shading", "resolution", "sharpness", "jpeg", "erase", "marker"])
def test_every_chance_changes_pictures(pictures: np.ndarray, one: str) -> None:
    settings = replace(STILL, **{f"{one}_chance": 1.0})
    x = augment(pictures, size=(64, 64), settings=settings, rng=np.random.default_rng(4))
    assert not torch.allclose(x, as_batch(pictures, size=(64, 64)), atol=0.01)


def test_mirror_swaps_left_and_right(pictures: np.ndarray) -> None:
    x = as_batch(pictures, size=(64, 64))
    assert torch.allclose(reframe(x, size=(64, 64), placement=placed(6, mirrored=1)), x.flip(-1), atol=1e-5)


def test_the_middle_half_fills_the_picture() -> None:
    x = torch.zeros(1, 1, 64, 64)
    x[..., 16:48, 16:48] = 1
    seen = reframe(x, size=(32, 32), placement=placed(1, kept_rows=0.5, kept_columns=0.5))
    assert float(seen[..., 1:-1, 1:-1].min()) == pytest.approx(1)


def test_fewer_rows_make_contents_taller() -> None:
    x = torch.zeros(1, 1, 64, 64)
    x[..., 24:40, 24:40] = 1
    seen = reframe(x, size=(64, 64), placement=placed(1, kept_rows=0.5))[0, 0]
    assert float(seen[:, 32].sum()) == pytest.approx(32, abs=1)
    assert float(seen[32].sum()) == pytest.approx(16, abs=1)


def test_outside_the_picture_is_black() -> None:
    seen = reframe(torch.ones(1, 1, 64, 64), size=(64, 64), placement=placed(1, kept_rows=2, kept_columns=2))[0, 0]
    assert float(seen[:15].max()) == 0
    assert float(seen[17:47, 17:47].min()) == pytest.approx(1)


def test_elongation_shifts_the_mean_of_the_stretch() -> None:
    settings = replace(Augmentation(), kept=(0.7, 0.8))
    rng = np.random.default_rng(0)
    placement = draw_placement(4000, settings, rng, elongation=np.full(4000, 0.2))
    ratio = np.log(placement.kept_columns / placement.kept_rows)
    assert ratio.mean() == pytest.approx(0.2, abs=0.01)
    assert np.abs(ratio - 0.2).max() <= settings.stretch + 1e-9


def test_a_smaller_part_lies_within_the_picture() -> None:
    settings = replace(Augmentation(), kept=(0.6, 0.8), stretch=0.1, shift=0)
    placement = draw_placement(1000, settings, np.random.default_rng(0))
    assert np.all(np.abs(placement.centre_row) + placement.kept_rows <= 1 + 1e-9)
    assert np.all(np.abs(placement.centre_column) + placement.kept_columns <= 1 + 1e-9)


def test_tone_worked_out_by_hand() -> None:
    picture = np.array([[[0, 51, 255]]], dtype=np.uint8)  # 0, 0.2, 1
    one = np.ones((1, 1))
    seen = apply_tone(picture, gamma=2 * one, gain=0.5 * one, offset=0.1 * one)[0, 0, 0]
    # (0 − 0.5) / 2 + 0.6 = 0.35; (0.04 − 0.5) / 2 + 0.6 = 0.37; (1 − 0.5) / 2 + 0.6 = 0.85
    assert seen.tolist() == pytest.approx([0.35, 0.37, 0.85], abs=1e-6)


def test_sharpening_leaves_flat_areas_and_lifts_edges() -> None:
    x = torch.zeros(1, 1, 32, 32)
    x[..., 16:] = 0.5
    seen = unsharp_mask(x, strength=1.0)
    assert torch.equal(seen[..., :8], x[..., :8])
    assert float(seen.max()) > 0.5
    assert float(unsharp_mask(x, strength=-1.0).max()) == 0.5


def test_lost_resolution_loses_detail_and_keeps_the_mean() -> None:
    x = torch.from_numpy(np.random.default_rng(0).random((2, 1, 64, 64), dtype=np.float32))
    seen = resample(x, share=0.3)
    assert float(seen.diff(dim=-1).abs().mean()) < 0.5 * float(x.diff(dim=-1).abs().mean())
    assert float(seen.mean()) == pytest.approx(float(x.mean()), abs=0.01)


def test_compression_comes_closer_with_quality(pictures: np.ndarray) -> None:
    picture = as_batch(pictures, size=(64, 64))[0, 0]
    far, near = (float((through_jpeg(picture, quality=quality) - picture).abs().mean()) for quality in (10, 95))
    assert near < far < 0.1


def test_blended_pictures_worked_out_by_hand() -> None:
    x, targets = torch.tensor([0.2, 1.0]).reshape(2, 1, 1, 1), torch.tensor([[0.0], [1.0]])
    rng = np.random.default_rng(2)
    share = rng.beta(0.3, 0.3)
    assert rng.permutation(2).tolist() == [1, 0]
    blended, shares = mix_up(x, targets, alpha=0.3, rng=np.random.default_rng(2))
    assert blended.flatten().tolist() == pytest.approx([0.2 + 0.8 * share, 1 - 0.8 * share])
    assert shares.flatten().tolist() == pytest.approx([share, 1 - share])


def test_blending_is_off_at_zero_and_draws_nothing() -> None:
    x, targets, rng = torch.rand(4, 1, 8, 8), torch.rand(4, 1), np.random.default_rng(0)
    blended, shares = mix_up(x, targets, alpha=0.0, rng=rng)
    assert blended is x
    assert shares is targets
    assert rng.random() == np.random.default_rng(0).random()


def test_exchanged_surroundings_come_from_another_picture_and_the_middle_stays() -> None:
    gray = np.stack([np.full((64, 64), level, dtype=np.uint8) for level in (0, 51, 102, 153)])
    settings = replace(STILL, exchange_chance=1.0, exchange_kept=(0.5, 0.6))
    x = augment(gray, size=(64, 64), settings=settings, rng=np.random.default_rng(0))[:, 0]
    own = torch.tensor([0.0, 0.2, 0.4, 0.6])
    assert torch.allclose(x[:, 28:34, 28:34].mean(dim=(1, 2)), own, atol=1e-3)
    corners = torch.stack([x[:, row, column] for row in (0, 63) for column in (0, 63)])
    assert torch.allclose(corners, corners[0].expand(4, 4), atol=1e-3)
    assert sorted(corners[0].tolist()) == pytest.approx(own.tolist(), abs=1e-3)
    assert not torch.allclose(corners[0], own, atol=1e-3)


def test_no_surroundings_are_exchanged_unless_asked_for() -> None:
    assert Augmentation().exchange_chance == 0
