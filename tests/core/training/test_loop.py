from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.domain import InputSpec
from core.models.network import build_network
from core.training.config import Schedule, TrainingConfig
from core.training.loop import (
    Epoch,
    Material,
    draw_batch,
    initial_network,
    logits_of_copies,
    logits_under,
    loss_of,
    network_input,
    validate,
)
from core.training.loop import _move_average as move_average
from core.training.loop import _set_rates as set_rates
from core.training.loop import _training_mode as training_mode

SPEC = InputSpec((32, 32), 1, "squash", "full", (0.5,), (0.25,))
CONFIG = TrainingConfig(data=Path("films"), out=Path("weights/x"), architecture="resnet18", input=SPEC, seed=3)


def material(negatives: int = 30, positives: int = 10) -> Material:
    n = negatives + positives
    strata = (np.arange(n) >= negatives).astype(np.int64)
    order = np.random.default_rng(0).permutation(n)
    return Material(
        pixels=np.random.default_rng(1).integers(0, 255, (n, 40, 40), dtype=np.uint8),
        targets=strata[:, None].astype(float),
        strata=strata,
        training=order[: n // 2],
        validation=order[n // 2 :],
        activation="sigmoid",
        elongation=np.zeros(n),
    )


def test_every_class_is_drawn_equally_often_and_from_training_only() -> None:
    films = material(300, 20)
    drawn = np.concatenate([draw_batch(films, 32, np.random.default_rng(step)) for step in range(200)])
    assert set(drawn) <= set(films.training)
    assert films.strata[drawn].mean() == pytest.approx(0.5, abs=0.02)


def test_smoothed_cross_entropy_worked_out_by_hand() -> None:
    # The target 1 becomes 0.9: −0.9 · log σ(2) − 0.1 · log(1 − σ(2)).
    answer, target = torch.tensor([[2.0]]), torch.tensor([[1.0]])
    sigma = 1 / (1 + math.exp(-2))
    expected = -0.9 * math.log(sigma) - 0.1 * math.log(1 - sigma)
    assert float(loss_of(answer, target, activation="sigmoid", smoothing=0.2)) == pytest.approx(expected, abs=1e-6)


def test_exclusive_labels_are_smoothed_over_all() -> None:
    # Equal answers give log 3 whatever the targets are.
    targets = torch.eye(3)
    loss = loss_of(torch.zeros(3, 3), targets, activation="softmax", smoothing=0.3)
    assert float(loss) == pytest.approx(math.log(3), abs=1e-6)


def test_the_body_waits_for_the_head_and_both_end_low() -> None:
    schedule = Schedule(head_steps=10, warm_up_steps=5)
    parameter = torch.nn.Parameter(torch.zeros(1))
    other = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW(
        [{"params": [parameter], "top": 1.0, "wait": 10}, {"params": [other], "top": 2.0, "wait": 0}]
    )

    def rates(done: int) -> list[float]:
        set_rates(optimiser, schedule, done, 100)
        return [group["lr"] for group in optimiser.param_groups]

    assert rates(0) == [0.0, pytest.approx(2.0 / 5)]
    assert rates(9)[0] == 0.0
    assert 0 < rates(10)[0] < rates(14)[0]
    assert rates(100) == [pytest.approx(0.05), pytest.approx(0.1)]


def test_the_average_moves_by_its_share() -> None:
    kept, new = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    torch.nn.init.constant_(kept.weight, 1.0)
    torch.nn.init.constant_(new.weight, 3.0)
    move_average(kept, new, decay=0.75)
    assert float(kept.weight.detach()) == 1.5


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


def test_network_input_is_normalised_and_repeated() -> None:
    spec = InputSpec((2, 2), 3, "squash", "full", (0.5, 0.0, 1.0), (0.5, 1.0, 2.0))
    x = network_input(torch.full((1, 1, 2, 2), 0.75), spec)
    assert x[0, :, 0, 0].tolist() == [0.5, 0.75, -0.125]


def test_validation_is_the_same_every_time_and_leaves_the_network_alone() -> None:
    network, films = initial_network(CONFIG, labels=1).eval(), material()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    first, again = validate(network, CONFIG, films), validate(network, CONFIG, films)
    assert np.array_equal(first.area, again.area)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_copies_differ_from_one_another_and_from_the_pictures() -> None:
    network, films = initial_network(CONFIG, labels=1).eval(), material()
    config = replace(CONFIG, schedule=replace(CONFIG.schedule, copies=2))
    chosen = films.validation
    first, second = logits_of_copies(network, config, films, chosen)
    plain = logits_under("as it is", network, SPEC, films.pixels, chosen)
    assert first.shape == second.shape == plain.shape == (len(chosen), 1)
    assert not np.allclose(first, second)
    assert not np.allclose(first, plain)


def test_the_epoch_is_chosen_by_what_was_asked_for() -> None:
    epoch = Epoch(1, 0.5, plain=0.99, stress_mean=0.9, stress_worst=0.8, seconds=1)
    assert epoch.value("plain") == 0.99
    assert epoch.value("stress") == pytest.approx(0.85)
