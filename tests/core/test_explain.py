"""Explanations against the closed form, the hooked package, and numbers worked out by hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from core.domain import Explanation, Extent, Image, Intensity
from core.errors import ModelError
from core.explain import METHODS, UNITS, explain, explain_all, explain_from, methods_for
from core.models.network import Family, Network
from core.models.predict import Engine, Forward
from core.models.preprocessing import to_tensor
from tests.core.models.networks import seeded_engine, seeded_network, spec_of
from tests.made import chest_values

CPU = torch.device("cpu")
POOLED = ("shufflenet_v2_x0_5", "mobilenet_v2", "densenet121", "resnet18")
OTHER_HEADS = ("mobilenet_v3_small", "convnext_tiny", "small_cnn")


def chest(seed: int = 0, shape: tuple[int, int] = (192, 128)) -> Image:
    """Return a made chest, taller than wide; each seed another one."""
    noise = np.random.default_rng(seed).normal(0, 400, shape)
    pixels = (chest_values(192)[: shape[0], : shape[1]] + noise).clip(0, 4095).astype(np.uint16)
    return Image(pixels, Intensity.RADIOGRAPH, "MONOCHROME2", uid=f"chest-{seed}")


@cache
def asked_only(architecture: str) -> Engine:
    """Return an engine that several tests ask, each of which leaves it as it is."""
    return seeded_engine(architecture)


def correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


# ── Closed form ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("architecture", POOLED)
def test_the_mean_of_a_map_plus_the_bias_is_the_networks_output(architecture: str) -> None:
    engine = asked_only(architecture)
    forward = engine.run(chest())
    classifier = engine.network.classifier_weights()
    assert classifier is not None
    assert classifier[1] is not None
    means = np.array([explanation.heatmap.mean(dtype=np.float64) for explanation in explain_all(engine, forward)])
    np.testing.assert_allclose(means + classifier[1].numpy(), forward.logits, rtol=0, atol=1e-5)


def test_maps_come_in_the_order_of_the_labels_with_the_extent_of_the_input() -> None:
    engine = asked_only("shufflenet_v2_x0_5")
    image = chest()
    explanations = explain_all(engine, engine.run(image))
    assert [each.label_name for each in explanations] == ["Finding 1", "Finding 2", "Finding 3"]
    assert {each.extent for each in explanations} == {to_tensor(image, engine.spec.input).extent}
    assert all(each.heatmap.shape == (2, 2) and each.heatmap.dtype == np.float32 for each in explanations)
    assert all((each.method, each.unit) == ("CAM", UNITS["CAM"]) for each in explanations)


def test_the_extent_of_a_padded_image_reaches_over_its_edge() -> None:
    engine = asked_only("shufflenet_v2_x0_5")
    # 192 × 128 on 64 × 64: a third of a pixel each, and bars of 10 and 11 pixels (43 of 64 columns are taken).
    explanation = explain(engine, chest(), label="Finding 2", method="CAM")
    column = 128 / 43
    assert explanation.extent == Extent(top=0.0, left=-10 * column, bottom=192.0, right=54 * column)


@pytest.mark.parametrize("architecture", OTHER_HEADS)
def test_other_heads_have_no_closed_form(architecture: str) -> None:
    engine = asked_only(architecture)
    forward = engine.run(chest())
    assert explain_all(engine, forward) == ()
    assert methods_for(engine) == ("GradCAM", "GradCAM++", "HiResCAM", "LayerCAM", "EigenCAM")
    with pytest.raises(ModelError, match="GradCAM") as caught:
        explain_from(engine, forward, label="Finding 1", method="CAM")
    assert caught.value.code == "method-not-available"


# ── By hand ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Tiny(nn.Module):
    """Two features, 2 × 2, that are the input itself; a head of one's choice."""

    def __init__(self, weight: list[list[float]], bias: list[float]) -> None:
        super().__init__()
        self.features = nn.Identity()
        self.classifier = nn.Linear(2, len(weight))
        self.classifier.weight.data = torch.tensor(weight)
        self.classifier.bias.data = torch.tensor(bias)


class Squares(nn.Module):
    """The sum of the squares of everything, so that the gradient is twice the features."""

    def __init__(self) -> None:
        super().__init__()
        self.exponent = nn.Parameter(torch.tensor(2.0))

    def forward(self, pooled: Tensor) -> Tensor:
        return (pooled**self.exponent).flatten(1).sum(dim=1, keepdim=True)


FEATURES = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[4.0, 0.0], [0.0, 0.0]]])


def tiny_engine(weight: list[list[float]], bias: list[float]) -> Engine:
    network = Network(Tiny(weight, bias), Family(("tiny",), ("features",), "classifier"))
    return Engine(spec_of("tiny", labels=len(weight)), network, CPU)


def squares_engine() -> Engine:
    body = Tiny([[1.0, 1.0]], [0.0])
    body.classifier = Squares()  # type: ignore[assignment]
    body.avgpool = nn.Identity()
    body.avgpool.output_size = 2  # type: ignore[assignment]
    return Engine(spec_of("tiny", labels=1), Network(body, Family(("tiny",), ("features",), "classifier")), CPU)


def forward_of(features: Tensor, logits: tuple[float, ...] = (0.0,)) -> Forward:
    return Forward(np.array(logits), features, Extent(0, 0, 2, 2), 0.0, "cpu")


def heatmap_of(engine: Engine, method: str, label: str = "Finding 1") -> list[list[float]]:
    explanation = explain_from(engine, forward_of(FEATURES), label=label, method=method)
    return [[round(float(value), 5) for value in row] for row in explanation.heatmap]


def test_cam_by_hand() -> None:
    # 2·A₁ − 1·A₂, and −1·A₁ + 0.5·A₂.
    engine = tiny_engine([[2.0, -1.0], [-1.0, 0.5]], [0.25, 0.0])
    assert heatmap_of(engine, "CAM") == [[-2.0, 4.0], [6.0, 8.0]]
    assert heatmap_of(engine, "CAM", "Finding 2") == [[1.0, -2.0], [-3.0, -4.0]]


def test_grad_cam_by_hand() -> None:
    # Pooling over 4 cells makes the gradient w/4 in each of them: GradCAM = HiResCAM = CAM / 4.
    engine = tiny_engine([[2.0, -1.0]], [0.25])
    assert heatmap_of(engine, "GradCAM") == [[-0.5, 1.0], [1.5, 2.0]]
    assert heatmap_of(engine, "HiResCAM") == [[-0.5, 1.0], [1.5, 2.0]]


def test_layer_cam_by_hand() -> None:
    # Only what raises the score: ReLU(w)/4 · A = 2/4 · A₁.
    assert heatmap_of(tiny_engine([[2.0, -1.0]], [0.0]), "LayerCAM") == [[0.5, 1.0], [1.5, 2.0]]


def test_methods_differ_by_hand_where_the_gradient_differs_from_cell_to_cell() -> None:
    # y = Σ A², so dy/dA = 2A. GradCAM weighs by the mean gradient, 5 and 2; HiResCAM and LayerCAM cell by cell, 2A².
    engine = squares_engine()
    assert heatmap_of(engine, "GradCAM") == [[13.0, 10.0], [15.0, 20.0]]
    assert heatmap_of(engine, "HiResCAM") == [[34.0, 8.0], [18.0, 32.0]]
    assert heatmap_of(engine, "LayerCAM") == [[34.0, 8.0], [18.0, 32.0]]


def test_grad_cam_plus_plus_by_hand() -> None:
    # Equation 19 with g = w₁/4 = 0.5 and ΣA₁ = 10: α = g²/(2g² + 10·g³) = 0.25/1.75; the weight of A₁ is
    # 4·α·g = 2/7, that of A₂, whose gradient is negative, is 0.
    heatmap = np.array(heatmap_of(tiny_engine([[2.0, -1.0]], [0.0]), "GradCAM++"))
    np.testing.assert_allclose(heatmap, 2 / 7 * FEATURES[0].numpy(), atol=1e-4)


def test_eigen_cam_by_hand() -> None:
    # One feature varies: the first principal component is that feature about its mean, positive where it is strong.
    engine = tiny_engine([[1.0, 1.0]], [0.0])
    features = torch.stack([FEATURES[0], torch.full((2, 2), 7.0)])
    explanation = explain_from(engine, forward_of(features), label="Finding 1", method="EigenCAM")
    np.testing.assert_allclose(explanation.heatmap, [[-1.5, -0.5], [0.5, 1.5]], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_that_is_zero_everywhere_is_not_stretched(method: str) -> None:
    engine = tiny_engine([[2.0, -1.0]], [0.25])
    explanation = explain_from(engine, forward_of(torch.zeros(2, 2, 2)), label="Finding 1", method=method)
    assert (explanation.heatmap == 0).all()
    assert not explanation.has_positive_evidence


def test_maps_keep_their_scale() -> None:
    engine = tiny_engine([[2.0, -1.0]], [0.0])
    for method in ("CAM", "GradCAM", "HiResCAM", "LayerCAM", "EigenCAM"):
        once, thrice = (
            explain_from(engine, forward_of(FEATURES * factor), label="Finding 1", method=method).heatmap
            for factor in (1, 3)
        )
        np.testing.assert_allclose(thrice, 3 * once, rtol=1e-5)


# ── Against the package, hooked the usual way ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("architecture", POOLED)
def test_grad_cam_is_the_closed_form_divided_by_the_number_of_cells(architecture: str) -> None:
    engine = asked_only(architecture)
    forward = engine.run(chest())
    for closed in explain_all(engine, forward):
        explanation = explain_from(engine, forward, label=closed.label_name, method="GradCAM")
        assert correlation(closed.heatmap, explanation.heatmap) >= 0.9999
        np.testing.assert_allclose(explanation.heatmap * closed.heatmap.size, closed.heatmap, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "package"),
    [("GradCAM", GradCAM), ("GradCAM++", GradCAMPlusPlus), ("HiResCAM", HiResCAM), ("LayerCAM", LayerCAM)],
)
def test_maps_are_those_of_the_hooked_package(method: str, package: type[GradCAM]) -> None:
    network = seeded_network("resnet18")
    spec = replace(spec_of("resnet18"), input=replace(spec_of("resnet18").input, size=(128, 128)))
    batch = to_tensor(chest(), spec.input).tensor[None]
    engine = Engine(spec, seeded_network("resnet18"), CPU)
    for index, label in enumerate(spec.labels):
        # resnet18's layer4 ends in the last ReLU.
        with package(model=network.body, target_layers=[network.body.get_submodule("layer4")]) as cam:
            theirs = cam(input_tensor=batch, targets=[ClassifierOutputTarget(index)])[0]
        ours = explain(engine, chest(), label=label.name, method=method).heatmap
        assert ours.shape == (4, 4)
        # The package rectifies, stretches to 0–1 and enlarges; at the middles of the cells of 32 pixels it is compared.
        positive = np.maximum(ours, 0)
        stretched = (positive - positive.min()) / (positive.max() - positive.min())
        middle = (theirs[15::32, 15::32] + theirs[15::32, 16::32] + theirs[16::32, 15::32] + theirs[16::32, 16::32]) / 4
        np.testing.assert_allclose(middle, stretched, atol=0.02)
        assert correlation(middle, stretched) >= 0.9999


def test_densenet_is_explained_after_its_last_relu_and_not_before() -> None:
    network = seeded_network("densenet121")
    engine = asked_only("densenet121")
    features = network.body.get_submodule("features")
    with torch.inference_mode():
        before = features(to_tensor(chest(), engine.spec.input).tensor[None])[0]
    forward = engine.run(chest())
    torch.testing.assert_close(forward.features, before.relu(), rtol=1e-3, atol=1e-4)
    assert float(before.min()) < 0


# ── Sharing ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("architecture", ["shufflenet_v2_x0_5", "mobilenet_v3_small"])
def test_threads_get_their_own_maps(architecture: str) -> None:
    engine = seeded_engine(architecture)
    images = [chest(seed) for seed in range(3)]
    methods = methods_for(engine)
    work = [(index % 3, f"Finding {index % 2 + 1}", methods[index % len(methods)]) for index in range(30)]

    def ask(task: tuple[int, str, str]) -> Explanation:
        seed, label, method = task
        return explain(engine, images[seed], label=label, method=method)

    alone = {task: ask(task).heatmap for task in set(work)}
    with ThreadPoolExecutor(8) as threads:
        shared = list(threads.map(ask, work))
    wrong = [task for task, found in zip(work, shared, strict=True) if not np.array_equal(found.heatmap, alone[task])]
    assert wrong == []


@pytest.mark.parametrize("method", METHODS)
def test_explaining_leaves_no_trace_on_the_network(method: str) -> None:
    engine = seeded_engine("shufflenet_v2_x0_5")
    before = {key: value.clone() for key, value in engine.network.state_dict().items()}
    logits = engine.run(chest()).logits
    explain(engine, chest(), label="Finding 1", method=method)
    assert all(torch.equal(value, before[key]) for key, value in engine.network.state_dict().items())
    assert not any(module._forward_hooks or module._backward_hooks for module in engine.network.modules())
    assert all(parameter.grad is None for parameter in engine.network.parameters())
    assert not engine.network.training
    np.testing.assert_array_equal(engine.run(chest()).logits, logits)


def test_explaining_works_where_gradients_are_switched_off() -> None:
    engine = asked_only("mobilenet_v3_small")
    expected = explain(engine, chest(), label="Finding 1", method="GradCAM").heatmap
    with torch.no_grad():
        found = explain(engine, chest(), label="Finding 1", method="GradCAM").heatmap
    np.testing.assert_array_equal(found, expected)


# ── Words ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_label_or_method_is_named_with_those_there_are() -> None:
    engine = asked_only("shufflenet_v2_x0_5")
    with pytest.raises(ModelError, match="Finding 1, Finding 2, Finding 3") as caught:
        explain(engine, chest(), label="Pneumonia", method="CAM")
    assert caught.value.code == "label-unknown"
    with pytest.raises(ModelError, match="LayerCAM") as caught:
        explain(engine, chest(), label="Finding 1", method="ScoreCAM")
    assert caught.value.code == "method-unknown"


def test_every_method_says_what_its_values_mean() -> None:
    assert METHODS == ("CAM", "GradCAM", "GradCAM++", "HiResCAM", "LayerCAM", "EigenCAM")
    assert all(UNITS[method] for method in METHODS)
