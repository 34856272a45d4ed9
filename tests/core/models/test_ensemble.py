"""Networks that answer together: mean of the members, one feature map, one head; from training to the model folder."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.domain import Image, Intensity
from core.explain import explain_all, explain_from
from core.models.ensemble import Ensemble, build_members
from core.models.network import Network, load_weights
from core.models.predict import Engine
from core.models.receptive_field import centre_shift
from core.models.spec import format_spec, parse_spec
from tests.core.models.networks import seeded_network, spec_of
from tests.made_models import CHEST_SPEC


def ensemble(architecture: str = "mobilenet_v2", *, labels: int = 3) -> Ensemble:
    return Ensemble([seeded_network(architecture, labels=labels, seed=seed) for seed in (1, 2, 3)]).eval()


def picture() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("architecture", ["mobilenet_v2", "mobilenet_v3_small", "swin_t"])
def test_the_answer_is_the_mean_of_what_each_member_says(architecture: str) -> None:
    together = ensemble(architecture)
    with torch.inference_mode():
        each = [seeded_network(architecture, seed=seed)(picture()) for seed in (1, 2, 3)]
        torch.testing.assert_close(together(picture()), sum(each) / 3)


def test_the_head_is_that_of_one_network_where_its_members_end_in_pooling_and_one_layer() -> None:
    together = ensemble()
    weight, bias = together.classifier_weights() or (None, None)
    assert weight is not None
    assert bias is not None
    with torch.inference_mode():
        features = together.features(picture())
        assert features.shape == (2, 3 * 1280, 2, 2)
        torch.testing.assert_close(features.mean(dim=(2, 3)) @ weight.T + bias, together(picture()))
    assert ensemble("mobilenet_v3_small").classifier_weights() is None


def test_its_weights_come_back_from_its_state_dict() -> None:
    together = ensemble()
    state = copy.deepcopy(together.state_dict())
    assert {key.split(".")[0] for key in state} == {"0", "1", "2"}
    assert "0.classifier.1.weight" in state
    again = build_members("mobilenet_v2", labels=3, members=3).eval()
    load_weights(again, state)
    with torch.inference_mode():
        assert torch.equal(again(picture()), together(picture()))
    assert type(build_members("mobilenet_v2", labels=3)) is Network


def test_its_cells_look_where_those_of_its_members_do() -> None:
    assert centre_shift(ensemble(), (64, 64)) == centre_shift(seeded_network("mobilenet_v2"), (64, 64))


def test_averages_for_the_gate_are_those_of_the_first_member() -> None:
    first = seeded_network("mobilenet_v2", seed=1)
    with torch.inference_mode():
        averages = ensemble().features_and_statistics(picture(), after=(3, 9))[1]
        expected = first.features_and_statistics(picture(), after=(3, 9))[1]
    assert averages is not None
    assert expected is not None
    assert torch.equal(averages, expected)


def test_the_evidence_adds_up_to_the_answer() -> None:
    spec = replace(spec_of("mobilenet_v2"), members=3)
    engine = Engine(spec, ensemble(), torch.device("cpu"))
    pixels = np.random.default_rng(3).integers(0, 4096, (192, 128)).astype(np.uint16)
    forward = engine.run(Image(pixels, Intensity.RADIOGRAPH, "MONOCHROME2", uid="chest"))
    _, bias = engine.network.classifier_weights() or (None, None)
    assert bias is not None
    maps = np.stack([each.heatmap for each in explain_all(engine, forward)])
    np.testing.assert_allclose(maps.mean(axis=(1, 2)) + bias.detach().numpy(), forward.logits, atol=1e-5)
    # HiResCAM of such a network is its CAM, apart from a factor: the number of cells.
    package = explain_from(engine, forward, label=spec.labels[0].name, method="HiResCAM").heatmap
    assert np.corrcoef(np.maximum(maps[0], 0).ravel(), np.maximum(package, 0).ravel())[0, 1] > 0.9999


def test_a_folder_says_how_many_members_there_are() -> None:
    spec = replace(CHEST_SPEC, members=3, sha256="0" * 64, card="")
    assert parse_spec(format_spec(spec)).members == 3
    assert parse_spec(format_spec(spec).replace("members = 3\n", "")).members == 1
