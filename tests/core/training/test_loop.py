from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.models.network import build_network
from core.training.loop import Run, initial_network
from core.training.losses import loss_of
from core.training.material import Material
from core.training.optimiser import training_mode
from tests.core.training.materials import CONFIG, STILL, material


def run(films: Material, **schedule: object) -> Run:
    config = replace(CONFIG, architecture="small_cnn", augmentation=STILL)
    return Run(replace(config, schedule=replace(config.schedule, batch=8, dropout=0.0, **schedule)), films)


def test_frozen_blocks_and_statistics_do_not_learn() -> None:
    schedule = replace(CONFIG.schedule, frozen_blocks=2)
    network = initial_network(replace(CONFIG, schedule=schedule), labels=1)
    assert not network.body.get_submodule("conv1").weight.requires_grad
    assert network.body.get_submodule("fc").weight.requires_grad
    training_mode(network, schedule)
    before = network.body.get_submodule("bn1").running_mean.clone()
    network(torch.randn(4, 1, 32, 32))
    assert torch.equal(network.body.get_submodule("bn1").running_mean, before)
    training_mode(network, replace(schedule, batch_norm="trained"))
    network(torch.randn(4, 1, 32, 32))
    assert not torch.equal(network.body.get_submodule("bn1").running_mean, before)


def test_a_list_of_blocks_is_frozen_from_its_start() -> None:
    config = replace(CONFIG, architecture="mobilenet_v2", schedule=replace(CONFIG.schedule, frozen_blocks=3))
    features = initial_network(config, labels=1).body.get_submodule("features")
    frozen = [all(not weight.requires_grad for weight in block.parameters()) for block in features]
    assert frozen == [True] * 3 + [False] * 16


def test_initial_weights_are_those_of_the_file_but_for_the_last_layer(tmp_path: Path) -> None:
    backbone = build_network("resnet18", labels=7, channels=1)
    save_file(backbone.state_dict(), tmp_path / "backbone.safetensors")
    network = initial_network(replace(CONFIG, weights=tmp_path / "backbone.safetensors"), labels=2)
    own, given = network.state_dict(), backbone.state_dict()
    assert torch.equal(own["conv1.weight"], given["conv1.weight"])
    assert own["fc.weight"].shape == (2, 512)


def test_sampling_is_the_one_that_was_asked_for() -> None:
    films = material(38, 2)
    plain = np.concatenate([run(films, sampling="plain").draw(1, step, np.random.default_rng(step)) for step in (0, 1)])
    assert len(set(plain)) == 16
    balanced = run(films).draw(1, 0, np.random.default_rng(0))
    assert films.strata[balanced].sum() > 2


@pytest.mark.parametrize(
    ("schedule", "options"),
    [
        ({}, {}),
        ({"label_smoothing": 0.0, "loss": "focal", "focal_gamma": 1.5}, {"smoothing": 0.0, "focal_gamma": 1.5}),
        ({"class_weights": "balanced"}, {"weights": torch.tensor([[20 / 32], [20 / 8]])}),
    ],
)
def test_the_loss_is_the_one_that_was_asked_for(schedule: dict[str, object], options: dict[str, object]) -> None:
    films = replace(material(), training=np.r_[0:16, 30:34])
    one = run(films, sampling="plain", **schedule)
    x, targets = one.batch(1, 0)
    with torch.no_grad():
        answer = one.network(x)
    expected = float(loss_of(answer, targets, activation="sigmoid", **{"smoothing": 0.05, **options}))
    assert one.compute_gradients(1, 0) == pytest.approx(expected, rel=1e-5)


def test_blended_pictures_have_blended_targets() -> None:
    films = material(20, 20)
    x, targets = run(films).batch(1, 1)
    blended, shares = run(films, mixup=1.0).batch(1, 1)
    assert set(targets.flatten().tolist()) == {0.0, 1.0}
    between = shares[(shares > 0) & (shares < 1)]
    assert len(between) > 0
    (share,) = {round(min(one, 1 - one), 5) for one in between.tolist()}
    assert 0 < share < 0.5
    assert not torch.equal(blended, x)


def test_gradients_are_clipped_and_the_average_follows() -> None:
    one = run(material(), head_steps=0, gradient_limit=1e-3, ema_decay=0.5)
    before = {key: value.clone() for key, value in one.network.state_dict().items()}
    one.one_step(1, 0)
    norm = torch.cat([weight.grad.flatten() for weight in one.network.parameters()]).norm()
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)
    # The first step takes the decay (1 + 0) / (10 + 0).
    for key, value in one.average.state_dict().items():
        torch.testing.assert_close(value, 0.1 * before[key] + 0.9 * one.network.state_dict()[key])


@pytest.mark.parametrize(
    "changes", [{"seed": 4}, {"working_size": (48, 48)}, {"architecture": "shufflenet_v2_x0_5"}, {"device": "cpu"}]
)
def test_a_checkpoint_is_taken_up_by_the_same_run_only(changes: dict[str, object]) -> None:
    films = material()
    config = replace(CONFIG, architecture="small_cnn")
    same = Run(config, films).file == Run(replace(config, **changes), films).file
    assert same == ("device" in changes)
