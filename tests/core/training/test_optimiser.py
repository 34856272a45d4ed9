from __future__ import annotations

import pytest
import torch

from core.models.network import build_network
from core.training.config import Schedule
from core.training.optimiser import make_optimiser, move_average, set_rates


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


def test_all_that_may_learn_is_in_one_group_each() -> None:
    network = build_network("mobilenet_v3_small", labels=2)
    for schedule in (Schedule(), Schedule(unfreeze_steps=5)):
        groups = make_optimiser(network, schedule).param_groups
        held = [id(weight) for group in groups for weight in group["params"]]
        assert sorted(held) == sorted(id(weight) for weight in network.parameters())
        assert {id(weight) for weight in groups[-1]["params"]} == {
            id(weight) for weight in network.body.get_submodule("classifier.3").parameters()
        }


def test_blocks_begin_to_learn_one_after_another_from_the_last_one_on() -> None:
    network = build_network("small_cnn", labels=2)
    schedule = Schedule(head_steps=10, unfreeze_steps=20, warm_up_steps=1)
    optimiser = make_optimiser(network, schedule)
    hidden, last, first, head = optimiser.param_groups
    assert last["params"][0] is network.body.get_submodule("features.1.0").weight
    assert first["params"][0] is network.body.get_submodule("features.0.0").weight
    assert hidden["params"][0] is network.body.get_submodule("classifier.0").weight

    def learning(done: int) -> list[bool]:
        set_rates(optimiser, schedule, done, 100)
        return [group["lr"] > 0 for group in (head, hidden, last, first)]

    assert learning(9) == [True, False, False, False]
    assert learning(10) == [True, True, True, False]
    assert learning(29) == [True, True, True, False]
    assert learning(30) == [True, True, True, True]


def test_what_waits_does_not_move() -> None:
    network = build_network("small_cnn", labels=2)
    optimiser = make_optimiser(network, Schedule(head_steps=10))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    set_rates(optimiser, Schedule(head_steps=10), 0, 100)
    network(torch.randn(2, 3, 16, 16)).sum().backward()
    optimiser.step()
    moved = {key for key, value in network.state_dict().items() if not torch.equal(value, before[key])}
    assert moved == {"classifier.3.weight", "classifier.3.bias"}
