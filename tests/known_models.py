"""Model folders whose answers are known beforehand: the network is random, its last layer is not.

MobileNetV2's features are not negative, so a label whose weights are all positive has evidence wherever there is
anything, one whose weights are all negative has none, and the bias decides the call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain import Calibration, InputSpec, IntendedUse, Label, ModelSpec, OperatingPoint

if TYPE_CHECKING:
    from core.models.network import Network

SIZE = 224


@dataclass(frozen=True, slots=True)
class Answer:
    """What a label's last layer holds: the weight of every channel, or of each, and the bias."""

    weight: float | tuple[float, ...]
    bias: float


POSITIVE = Answer(weight=0.004, bias=3.0)
NEGATIVE = Answer(weight=-0.004, bias=-3.0)
POSITIVE_WITHOUT_EVIDENCE = Answer(weight=-0.0002, bias=3.0)


def known_spec(model_id: str, labels: Sequence[str], *, modality: str, body_part: str) -> ModelSpec:
    """Return the spec of a made-up model for one kind of image."""
    # As many restrictions as the models that ship have, so that these are not proposed where nothing is known.
    use = IntendedUse(
        summary=f"Tests on {body_part.lower()}.",
        not_for="Anything else.",
        modalities=(modality,),
        body_parts=(body_part,),
        view_positions=("AP", "PA"),
        min_age_years=0,
        max_age_years=120,
    )
    return ModelSpec(
        id=model_id,
        title=f"Made-up {body_part.lower()} model",
        version="1.0",
        architecture="mobilenet_v2",
        sha256="",
        input=InputSpec((SIZE, SIZE), 3, "pad", "percentile", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        labels=tuple(_label(name) for name in labels),
        calibration=Calibration("sigmoid", "temperature", origin="made up"),
        intended_use=use,
    )


def write_known_model(root: Path, spec: ModelSpec, answers: Mapping[str, Answer]) -> ModelSpec:
    """Write the folder of a made-up model below `root`, answering each label as told."""
    import torch

    from core.models.network import build_network
    from core.models.spec import write_model

    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = build_network(spec.architecture, labels=len(spec.labels))
        _settle(network)
    weight, bias = network.classifier_weights() or (None, None)
    assert weight is not None
    assert bias is not None
    with torch.no_grad():
        for index, label in enumerate(spec.labels):
            weight[index] = torch.as_tensor(answers[label.name].weight)
            bias[index] = answers[label.name].bias
    return write_model(root / spec.id, spec, network.state_dict(), card="# Made up for tests\n")


def _settle(network: Network) -> None:
    """Let the batch normalisation see some images: with its initial statistics the last features all but vanish."""
    import torch

    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.randn(4, 3, SIZE, SIZE))
    network.eval()


def _label(name: str) -> Label:
    point = OperatingPoint("youden", 0.5, "the best sum of sensitivity and specificity", "100 made-up images", 100)
    return Label(name, operating_points=(point,), default_operating_point=point.name)
