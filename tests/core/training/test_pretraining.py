from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.training import pretraining
from core.training.config import Pretraining, TrainingConfig
from core.training.loop import initial_network
from core.training.pretraining import contrastive_loss, pretrained_network
from tests.core.training.films import film
from tests.core.training.materials import CONFIG

SETTINGS = Pretraining(epochs=2, batch=8, size=(32, 32), queue=16)


def config(work: Path, **changes: object) -> TrainingConfig:
    return replace(
        CONFIG,
        architecture="shufflenet_v2_x0_5",
        working_size=(64, 64),
        work=work,
        pretraining=replace(SETTINGS, **changes),
    )


def pictures(count: int = 24) -> np.ndarray:
    rng = np.random.default_rng(4)
    return np.stack([film(rng, opacity=False) for _ in range(count)])


def start(settings: TrainingConfig, messages: list[str] | None = None) -> dict[str, torch.Tensor]:
    heard = [] if messages is None else messages
    return pretrained_network(settings, pictures(), labels=1, progress=heard.append).state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[key], other[key]) for key in one)


def test_loss_by_hand() -> None:
    query = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    key = torch.tensor([[0.6, 0.8], [1.0, 0.0]])
    queue = torch.tensor([[0.0, 1.0]])
    losses, found = contrastive_loss(query, key, queue, temperature=0.5)
    # First: similarities 0.6 (its own) and 0; second: 0 (its own) and 1; all divided by 0.5.
    expected = [math.log(1 + math.exp(-1.2)), math.log(1 + math.exp(2.0))]
    assert losses.tolist() == pytest.approx(expected, abs=1e-6)
    assert found.tolist() == [True, False]


def test_the_network_learns_and_its_head_waits(tmp_path: Path) -> None:
    settings = config(tmp_path)
    before, after = initial_network(settings, labels=1).state_dict(), start(settings)
    assert not torch.equal(before["conv1.0.weight"], after["conv1.0.weight"])
    assert torch.equal(before["fc.weight"], after["fc.weight"])


def test_pictures_without_labels_are_added(tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    rng = np.random.default_rng(9)
    for number in range(3):
        Image.fromarray(film(rng, opacity=True)).save(folder / f"{number}.png")
    messages: list[str] = []
    start(config(tmp_path / "work", folder=folder, epochs=1), messages)
    assert "24 training pictures and 3 without labels" in messages


def test_a_complete_run_is_taken_up(tmp_path: Path) -> None:
    first, messages = start(config(tmp_path)), list[str]()
    assert same(first, start(config(tmp_path), messages))
    assert messages == ["resumed training without labels after epoch 2"]


def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = start(config(tmp_path / "whole"))
    one_epoch = pretraining._Contrast.one_epoch

    def stop_after_one(self: pretraining._Contrast) -> tuple[float, float]:
        if self.done:
            raise KeyboardInterrupt
        return one_epoch(self)

    with monkeypatch.context() as patch:
        patch.setattr(pretraining._Contrast, "one_epoch", stop_after_one)
        with pytest.raises(KeyboardInterrupt):
            start(config(tmp_path / "stopped"))
    messages: list[str] = []
    assert same(whole, start(config(tmp_path / "stopped"), messages))
    assert messages[0] == "resumed training without labels after epoch 1"


def test_other_settings_start_anew(tmp_path: Path) -> None:
    start(config(tmp_path, epochs=1))
    messages: list[str] = []
    start(config(tmp_path, epochs=1, temperature=0.1), messages)
    assert not any(message.startswith("resumed") for message in messages)
