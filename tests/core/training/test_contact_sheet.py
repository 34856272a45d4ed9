from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.domain import InputSpec
from core.training.contact_sheet import FILE, GAP, LINE, choose_examples, contact_sheet, write_contact_sheet
from core.training.material import Material
from tests.core.training.films import film
from tests.core.training.materials import CONFIG, STILL, material

SIDE = 64


def films() -> Material:
    rng = np.random.default_rng(0)
    made = material(30, 10)
    return replace(made, pixels=np.stack([film(rng, opacity=bool(one)) for one in made.strata]))


def pairs_of(sheet: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut out what is shown, as pictures of 64 × 64 at the places that the layout gives them."""
    pairs = []
    for number in range(16):
        top = LINE + 2 * GAP + number // 4 * (SIDE + LINE + GAP)
        left = GAP + number % 4 * (2 * SIDE + 2 * GAP)
        row = sheet[top : top + SIDE]
        pairs.append((row[:, left : left + SIDE], row[:, left + SIDE + 1 : left + 2 * SIDE + 1]))
    return pairs


def test_originals_stand_beside_changed_copies_of_themselves() -> None:
    spec = InputSpec((SIDE, SIDE), 1, "squash", "full", (0.5,), (0.25,))
    config = replace(CONFIG, input=spec, augmentation=replace(STILL, flip_chance=1.0))
    shown = films()
    pairs = pairs_of(contact_sheet(config, shown, ["clear", "opaque"]))
    for (before, after), index in zip(pairs, choose_examples(shown), strict=True):
        assert np.array_equal(before, shown.pixels[index])
        assert np.abs(after.astype(int) - before[:, ::-1]).max() <= 1


def test_the_classes_take_turns_and_come_from_training() -> None:
    shown = films()
    chosen = choose_examples(shown)
    assert shown.strata[chosen].tolist() == [0, 1] * 8
    assert set(chosen) <= set(shown.training)
    few = replace(shown, training=np.r_[np.flatnonzero(shown.strata == 0)[:3], np.flatnonzero(shown.strata == 1)[:1]])
    assert len(choose_examples(few)) == 16


@pytest.mark.parametrize("size", [(32, 32), (512, 256)])
def test_a_sheet_is_small_and_the_same_every_time(tmp_path: Path, size: tuple[int, int]) -> None:
    config = replace(CONFIG, work=tmp_path, input=replace(CONFIG.input, size=size))
    path = write_contact_sheet(config, films(), ["clear", "a class with a name that is far too long to be shown"])
    assert path == tmp_path / FILE
    first = np.asarray(Image.open(path))
    assert first.shape[0] <= 700
    assert first.shape[1] <= 1200
    assert path.stat().st_size < 500_000
    write_contact_sheet(config, films(), ["clear", "a class with a name that is far too long to be shown"])
    assert np.array_equal(first, np.asarray(Image.open(path)))
