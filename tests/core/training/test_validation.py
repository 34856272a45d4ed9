from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from core.domain import InputSpec
from core.training.loop import initial_network
from core.training.validation import logits_of_copies, logits_under, network_input, validate
from tests.core.training.materials import CONFIG, SPEC, material


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


def test_a_label_that_validation_lacks_leaves_the_choice_to_the_others() -> None:
    films = material()
    network = initial_network(CONFIG, labels=2).eval()
    both = replace(films, targets=np.hstack([films.targets, np.zeros_like(films.targets)]))
    result = validate(network, CONFIG, both)
    assert 0 <= result.worst <= result.mean <= 1


class BrighterIsTheSecondClass(torch.nn.Module):
    """Answers that tell the classes by their difference alone: a number of the picture's own is added to both."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = torch.nn.Parameter(torch.tensor(1000.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean(dim=(1, 2, 3))
        common = self.strength * x[:, 0, 0, 0]
        return torch.stack([common - mean, common + mean], dim=1)


def test_exclusive_labels_are_ranked_against_each_other() -> None:
    films = material(negatives=20, positives=20)
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 60, films.pixels.shape, dtype=np.uint8) + (films.strata[:, None, None] * 60).astype(
        np.uint8
    )
    pixels[:, :4, :4] = rng.integers(0, 256, (len(pixels), 1, 1))
    exclusive = replace(films, pixels=pixels, activation="softmax", targets=np.eye(2)[films.strata])
    config = replace(CONFIG, schedule=replace(CONFIG.schedule, selection="plain"))
    network = BrighterIsTheSecondClass()
    assert validate(network, config, exclusive).plain == 1.0
    assert validate(network, config, replace(exclusive, activation="sigmoid")).plain < 0.9
