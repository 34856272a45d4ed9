from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from core.training.losses import balanced_weights, loss_of


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


def test_focal_loss_worked_out_by_hand() -> None:
    # Lin et al., equation 4 with γ = 2: −(1 − p)² log p for a case with the label, −p² log(1 − p) for one without.
    answer, target = torch.tensor([[math.log(4.0)], [math.log(4.0)]]), torch.tensor([[1.0], [0.0]])  # p = 0.8
    expected = (0.2**2 * -math.log(0.8) + 0.8**2 * -math.log(0.2)) / 2
    found = loss_of(answer, target, activation="sigmoid", focal_gamma=2.0)
    assert float(found) == pytest.approx(expected, abs=1e-6)
    # What is called right already counts 25 times less than in cross-entropy.
    right = float(loss_of(answer[:1], target[:1], activation="sigmoid", focal_gamma=2.0))
    assert right == pytest.approx(float(loss_of(answer[:1], target[:1], activation="sigmoid")) / 25, rel=1e-5)


def test_focal_loss_of_exclusive_labels_worked_out_by_hand() -> None:
    answer = torch.tensor([[math.log(6.0), math.log(3.0), 0.0]])  # shares 0.6, 0.3, 0.1
    found = loss_of(answer, torch.tensor([[0.0, 1.0, 0.0]]), activation="softmax", focal_gamma=2.0)
    assert float(found) == pytest.approx(0.7**2 * -math.log(0.3), abs=1e-6)
    # Smoothing by 0.3 aims at 0.1, 0.8, 0.1.
    smoothed = loss_of(answer, torch.tensor([[0.0, 1.0, 0.0]]), activation="softmax", smoothing=0.3, focal_gamma=2.0)
    terms = (0.1 * 0.4**2 * -math.log(0.6), 0.8 * 0.7**2 * -math.log(0.3), 0.1 * 0.9**2 * -math.log(0.1))
    assert float(smoothed) == pytest.approx(sum(terms), abs=1e-6)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_of_sure_answers_has_a_slope(activation: str, gamma: float) -> None:
    answer = torch.tensor([[90.0, -90.0], [90.0, -90.0]], requires_grad=True)
    loss = loss_of(answer, torch.tensor([[1.0, 0.0], [0.0, 1.0]]), activation=activation, focal_gamma=gamma)
    (slope,) = torch.autograd.grad(loss, answer)
    assert torch.isfinite(slope).all()
    assert float(loss.detach()) == pytest.approx(90.0 if activation == "softmax" else 45.0, rel=0.05)


def weights(targets: list[list[float]], activation: str) -> list[float] | list[list[float]]:
    return balanced_weights(np.array(targets), activation=activation).tolist()


def test_balanced_weights_worked_out_by_hand() -> None:
    # 8 cases; of three exclusive labels there are 4, 2 and 2: 8/12, 8/6, 8/6.
    exclusive = [[1, 0, 0]] * 4 + [[0, 1, 0]] * 2 + [[0, 0, 1]] * 2
    assert weights(exclusive, "softmax") == pytest.approx([2 / 3, 4 / 3, 4 / 3])
    # 6 without and 2 with the label: 8/12 and 8/4.
    without, with_ = weights([[0]] * 6 + [[1]] * 2, "sigmoid")
    assert (without, with_) == (pytest.approx([2 / 3]), pytest.approx([2.0]))


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_with_balanced_weights_every_class_pulls_as_strongly(activation: str) -> None:
    targets = torch.tensor([[1.0, 0.0]] * 9 + [[0.0, 1.0]])
    answer = torch.zeros(10, 2, requires_grad=True)
    balance = balanced_weights(targets.numpy().astype(float), activation=activation)
    (slope,) = torch.autograd.grad(loss_of(answer, targets, activation=activation, weights=balance), answer)
    assert float(slope[:9, 0].sum()) == pytest.approx(-float(slope[9:, 0].sum()), rel=1e-5)


def reference(answer: Tensor, targets: Tensor, balance: Tensor) -> Tensor:
    factor = torch.where(targets == 1, balance[1], balance[0])
    return functional.binary_cross_entropy_with_logits(answer, targets, weight=factor)


def test_weighted_losses_agree_with_those_of_torch() -> None:
    rng = torch.Generator().manual_seed(0)
    answer = torch.randn(16, 3, generator=rng)
    targets = (torch.rand(16, 3, generator=rng) < 0.3).float()
    balance = torch.rand(2, 3, generator=rng)
    found = loss_of(answer, targets, activation="sigmoid", weights=balance)
    torch.testing.assert_close(found, reference(answer, targets, balance))
    exclusive = functional.one_hot(torch.arange(16) % 3, 3).float()
    found = loss_of(answer, exclusive, activation="softmax", smoothing=0.1, focal_gamma=1e-12, weights=balance[0])
    expected = functional.cross_entropy(answer, exclusive, weight=balance[0], label_smoothing=0.1)
    torch.testing.assert_close(found, expected)
