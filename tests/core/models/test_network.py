"""Networks: torchvision's own answer, keys and weights; the cut into features and head."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from core.errors import ModelError
from core.models.network import (
    FAMILIES,
    architectures,
    build_network,
    load_backbone,
    load_weights,
    read_weights,
)
from tests.core.models.networks import seeded_network

ONE_OF_EACH_FAMILY = (
    "mobilenet_v2",
    "mobilenet_v3_small",
    "efficientnet_b0",
    "densenet121",
    "convnext_tiny",
    "resnet18",
    "regnet_y_400mf",
    "shufflenet_v2_x0_5",
    "swin_t",
)
POOLING_AND_ONE_LAYER = {
    "mobilenet_v2": 1280,
    "efficientnet_b0": 1280,
    "densenet121": 1024,
    "resnet18": 512,
    "regnet_y_400mf": 440,
    "shufflenet_v2_x0_5": 1024,
    "swin_t": 768,
}


@pytest.mark.parametrize("architecture", ONE_OF_EACH_FAMILY)
def test_a_network_answers_as_torchvision_does(architecture: str) -> None:
    network = seeded_network(architecture)
    theirs = torchvision.models.get_model(architecture, weights=None, num_classes=3).eval()
    theirs.load_state_dict(network.state_dict())
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        features = network.features(x)
        assert torch.equal(network(x), theirs(x))
        assert torch.equal(network.head(features), network(x))
    assert features.ndim == 4


def test_every_family_is_tested_or_too_large() -> None:
    prefixes = {prefix for family in FAMILIES for prefix in family.prefixes}
    tested = {prefix for prefix in prefixes if any(name.startswith(prefix) for name in ONE_OF_EACH_FAMILY)}
    assert prefixes - tested == {"vgg", "alexnet", "resnext", "wide_resnet", "small_cnn"}


@pytest.mark.parametrize("architecture", ONE_OF_EACH_FAMILY)
def test_classifier_weights_exist_for_pooling_and_one_linear_layer_only(architecture: str) -> None:
    weights = seeded_network(architecture).classifier_weights()
    channels = POOLING_AND_ONE_LAYER.get(architecture)
    assert (weights is None) == (channels is None)
    if weights is not None:
        assert weights[0].shape == (3, channels)
        assert weights[1] is not None
        assert weights[1].shape == (3,)


@pytest.mark.parametrize("architecture", sorted(POOLING_AND_ONE_LAYER))
def test_the_head_is_the_mean_of_the_features_times_the_classifier_weights(architecture: str) -> None:
    network = seeded_network(architecture)
    weights = network.classifier_weights()
    assert weights is not None
    with torch.inference_mode():
        features = network.features(torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)))
        expected = features.mean(dim=(2, 3)) @ weights[0].T + weights[1]
        torch.testing.assert_close(network.head(features), expected, rtol=0, atol=1e-5)


def test_the_features_of_densenet_are_after_its_last_relu() -> None:
    network = seeded_network("densenet121")
    with torch.inference_mode():
        assert float(network.features(torch.randn(1, 3, 64, 64)).min()) == 0.0


def test_what_a_caller_keeps_of_the_features_is_not_changed_by_the_head() -> None:
    network = seeded_network("densenet121")
    with torch.inference_mode():
        features = network.features(torch.randn(1, 3, 64, 64))
        kept = features.clone()
        network.head(features)
    assert torch.equal(features, kept)


def test_dropout_works_in_training_and_rests_otherwise() -> None:
    network = seeded_network("mobilenet_v2")
    features = torch.rand(1, 1280, 2, 2)
    assert torch.equal(network.head(features), network.head(features))
    network.train()
    assert not torch.equal(network.head(features), network.head(features))


@pytest.mark.parametrize("channels", [1, 2])
def test_the_first_convolution_follows_the_number_of_channels(channels: int) -> None:
    network = seeded_network("resnet18", channels=channels)
    with torch.inference_mode():
        assert network(torch.zeros(1, channels, 64, 64)).shape == (1, 3)


def test_nothing_is_downloaded_to_build_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a download was tried")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", refuse)
    build_network("mobilenet_v3_small", labels=2)


@pytest.mark.parametrize("name", ["resnet19", "inception_v3", "mobilenet", "", "os"])
def test_an_unknown_architecture_is_named_with_what_is_known(name: str) -> None:
    with pytest.raises(ModelError, match="resnet18") as caught:
        build_network(name, labels=2)
    assert caught.value.code == "unknown-architecture"


def test_every_architecture_that_is_offered_but_one_belongs_to_torchvision() -> None:
    assert set(architectures()) - set(torchvision.models.list_models()) == {"small_cnn"}
    assert {"mobilenet_v2", "densenet121", "resnet50", "convnext_tiny"} <= set(architectures())


# ── State dicts ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_keys_survive_copies_and_wrappers() -> None:
    network = seeded_network("shufflenet_v2_x0_5")
    theirs = set(torchvision.models.shufflenet_v2_x0_5(num_classes=3).state_dict())
    twin = copy.deepcopy(network)
    twin.load_state_dict(network.state_dict())
    wrapped = nn.DataParallel(network)
    wrapped.load_state_dict(wrapped.state_dict())
    averaged = torch.optim.swa_utils.AveragedModel(network)
    averaged.load_state_dict(averaged.state_dict())
    assert set(network.state_dict()) == set(twin.state_dict()) == theirs
    assert set(wrapped.state_dict()) == {f"module.{key}" for key in theirs}


def test_loading_does_not_change_the_callers_state() -> None:
    network = seeded_network("shufflenet_v2_x0_5")
    state = dict(network.state_dict())
    before = list(state)
    network.load_state_dict(state)
    assert list(state) == before


def test_a_backbone_of_another_width_keeps_the_new_last_layer(tmp_path: Path) -> None:
    trained = seeded_network("shufflenet_v2_x0_5", labels=11, seed=1)
    save_file(
        {key: value.half() if value.is_floating_point() else value for key, value in trained.state_dict().items()},
        tmp_path / "backbone.safetensors",
    )
    network = seeded_network("shufflenet_v2_x0_5", labels=2, seed=2)
    own = network.state_dict()["fc.weight"].clone()
    assert load_backbone(network, tmp_path / "backbone.safetensors") == ("fc.weight", "fc.bias")
    state = network.state_dict()
    assert torch.equal(state["fc.weight"], own)
    assert torch.equal(state["conv1.0.weight"], trained.state_dict()["conv1.0.weight"].half().float())
    assert state["conv1.0.weight"].dtype == torch.float32


def test_a_backbone_of_the_same_width_is_loaded_whole(tmp_path: Path) -> None:
    trained = seeded_network("shufflenet_v2_x0_5", labels=2, seed=1)
    save_file(trained.state_dict(), tmp_path / "backbone.safetensors")
    network = seeded_network("shufflenet_v2_x0_5", labels=2, seed=2)
    assert load_backbone(network, tmp_path / "backbone.safetensors") == ()
    assert torch.equal(network.state_dict()["fc.weight"], trained.state_dict()["fc.weight"])


def test_a_backbone_without_a_classifier_is_enough(tmp_path: Path) -> None:
    state = {key: value for key, value in seeded_network("resnet18").state_dict().items() if not key.startswith("fc.")}
    save_file(state, tmp_path / "backbone.safetensors")
    assert load_backbone(build_network("resnet18", labels=3), tmp_path / "backbone.safetensors") == (
        "fc.weight",
        "fc.bias",
    )


def test_the_shipped_kind_of_backbone_loads(shared_data: Path) -> None:
    path = shared_data / "backbones" / "mobilenet_v2_imagenet.safetensors"
    assert load_backbone(build_network("mobilenet_v2", labels=1), path) == ("classifier.1.weight", "classifier.1.bias")


def test_the_first_mismatch_is_named() -> None:
    network = seeded_network("shufflenet_v2_x0_5")
    state = network.state_dict()
    missing = {key: value for key, value in state.items() if key != "conv1.0.weight"}
    with pytest.raises(ModelError, match=r"“conv1\.0\.weight” is missing \(1 missing, 0 not expected\)"):
        load_weights(network, missing)
    with pytest.raises(ModelError, match="“extra” is not expected") as caught:
        load_weights(network, {**state, "extra": torch.zeros(1)})
    assert caught.value.code == "weights-mismatch"
    with pytest.raises(ModelError, match=r"“fc\.bias” has the shape \(4,\), expected is \(3,\)"):
        load_weights(network, {**state, "fc.bias": torch.zeros(4)})


def test_weights_that_are_not_numbers_are_refused() -> None:
    network = seeded_network("shufflenet_v2_x0_5")
    state = dict(network.state_dict())
    state["fc.bias"] = torch.tensor([0.0, float("nan"), 0.0])
    with pytest.raises(ModelError, match=r"fc\.bias") as caught:
        load_weights(network, state)
    assert caught.value.code == "weights-not-finite"


def test_old_files_without_counters_of_batches_load() -> None:
    network = seeded_network("shufflenet_v2_x0_5")
    state = {key: value for key, value in network.state_dict().items() if "num_batches_tracked" not in key}
    load_weights(build_network("shufflenet_v2_x0_5", labels=3), state)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "weights-missing"),
        (b"", "weights-damaged"),
        (b"\x80\x04 a pickle", "weights-damaged"),
        (b"\xff" * 64, "weights-damaged"),
    ],
)
def test_a_damaged_file_of_weights_is_an_error_in_words(tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_weights(path)
    assert caught.value.code == code


def test_a_truncated_file_of_weights_is_an_error_in_words(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(100)}, path)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ModelError) as caught:
        read_weights(path)
    assert caught.value.code == "weights-damaged"


def test_the_floor_below_the_networks_is_free_of_torch() -> None:
    modules = "core.models.spec, core.models.registry, core.models.suitability"
    code = f"import sys, {modules}; assert not {{'torch', 'torchvision', 'SimpleITK'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
