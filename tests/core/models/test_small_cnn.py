from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from core.models.importing.described import customary_size
from core.models.network import build_network
from tests.core.models.networks import seeded_engine, seeded_network
from tests.core.test_explain import chest


def test_its_weights_counted_by_hand() -> None:
    network = build_network("small_cnn", labels=3)
    # 3·32·9 + 32, 32·64·9 + 64, 64·7·7·128 + 128, 128·3 + 3
    assert [sum(p.numel() for p in layer.parameters()) for layer in (*network.blocks(), network.body.classifier)] == [
        896,
        18496,
        401536 + 387,
    ]


@pytest.mark.parametrize("size", [(4, 4), (28, 28), (33, 70), (256, 200)])
def test_it_takes_images_of_any_size(size: tuple[int, int]) -> None:
    network = seeded_network("small_cnn", channels=1)
    x = torch.randn(2, 1, *size)
    with torch.inference_mode():
        features = network.features(x)
        assert features.shape == (2, 64, size[0] // 4, size[1] // 4)
        assert network(x).shape == (2, 3)
        assert torch.equal(network(x), network.body(x))


def test_its_answer_worked_out_from_its_weights() -> None:
    network = seeded_network("small_cnn", labels=2, channels=1)
    state, x = network.state_dict(), torch.randn(1, 1, 28, 28)
    for number in (0, 1):
        weight, bias = (state[f"features.{number}.0.{name}"] for name in ("weight", "bias"))
        x = functional.max_pool2d(functional.conv2d(x, weight, bias, padding=1).relu(), 2)
    # A map of 28 / 4 = 7 cells is pooled to 7 × 7: left as it is.
    hidden = (state["classifier.0.weight"] @ x.flatten() + state["classifier.0.bias"]).relu()
    expected = state["classifier.3.weight"] @ hidden + state["classifier.3.bias"]
    with torch.inference_mode():
        torch.testing.assert_close(network.head(x)[0], expected, rtol=0, atol=1e-5)


def test_an_engine_answers_with_it() -> None:
    engine = seeded_engine("small_cnn")
    forward = engine.run(chest())
    assert forward.logits.shape == (3,)
    assert forward.centre_shift == (0.0, 0.0)
    assert tuple(forward.features.shape) == (64, 16, 16)


def test_a_checkpoint_of_it_is_imported_at_the_usual_size() -> None:
    assert customary_size("small_cnn") == (224, 224)
    assert customary_size("mobilenet_v2") == (224, 224)
