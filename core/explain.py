"""Where in the image the evidence for a label was.

Where a network ends in global average pooling and one linear layer, the class activation maps of all labels follow
from the feature map of the forward pass itself: `CAM[label] = Σ_k weight[label, k] · features[k]`, whose mean plus the
bias is the network's output for the label. The other methods, and other heads, go through the package
pytorch-grad-cam, which is handed the feature map and its gradient: nothing is hooked into the network, so threads
cannot get each other's maps, and what a network does in place after its features cannot change a map.

Maps keep their values. The final rectification of the papers and any scaling are left to the display, which colours
what is positive and shows the scale: a map that is zero everywhere stays so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.domain import Explanation, Image
from core.errors import ModelError
from core.models.predict import Engine, Forward

if TYPE_CHECKING:
    from torch import Tensor

UNITS = {
    "CAM": "evidence: the map's mean plus a constant is the raw score",
    "GradCAM": "evidence: change of the raw score by a cell, with one weight for each feature",
    "GradCAM++": "weighted activation, without an absolute scale",
    "HiResCAM": "evidence: change of the raw score by a cell",
    "LayerCAM": "evidence: rise of the raw score by a cell",
    "EigenCAM": "strength of the most prominent pattern, the same for every label",
}
"""What the values of each method's map mean.

References
----------
CAM: Zhou et al., CVPR 2016. GradCAM: Selvaraju et al., ICCV 2017. GradCAM++: Chattopadhay et al., WACV 2018.
HiResCAM: Draelos and Carin, arXiv 2011.08891. LayerCAM: Jiang et al., IEEE TIP 2021. EigenCAM: Muhammad and Yeasin,
IJCNN 2020.
"""

METHODS = tuple(UNITS)
"""Names of the methods; "CAM" only for networks that `methods_for` lists it for."""


def methods_for(engine: Engine) -> tuple[str, ...]:
    """Return the methods that can explain this engine's network, the best founded first."""
    closed_form = engine.network.classifier_weights() is not None
    return METHODS if closed_form else tuple(method for method in METHODS if method != "CAM")


def explain(engine: Engine, image: Image, *, label: str, method: str) -> Explanation:
    """Compute where in an image the evidence for a label was.

    Raises
    ------
    UnsuitableInputError
        The network cannot be given this image.
    ModelError
        As `explain_from`.
    """
    return explain_from(engine, engine.run(image), label=label, method=method)


def explain_from(engine: Engine, forward: Forward, *, label: str, method: str) -> Explanation:
    """Compute where the evidence for a label was, from a forward pass that is done.

    Raises
    ------
    ModelError
        The model has no such label, or the method is unknown or not defined for its network.
    """
    index = _index(engine, label)
    _require_method(engine, method)
    if method == "CAM":
        return explain_all(engine, forward)[index]
    heatmap = _package_map(engine, forward, index, method)
    return Explanation(label, method, heatmap, forward.extent, UNITS[method], forward.centre_shift)


def explain_all(engine: Engine, forward: Forward) -> tuple[Explanation, ...]:
    """Return the class activation maps of all labels, in their order, from a forward pass that is done.

    Empty where the network's head is not global average pooling and one linear layer.
    """
    classifier = engine.network.classifier_weights()
    if classifier is None:
        return ()
    weight, _ = classifier
    with engine.exclusive(), torch.inference_mode():
        maps = torch.einsum("lc,chw->lhw", weight, forward.features.to(weight.device))
        heatmaps = maps.cpu().numpy()
    return tuple(
        Explanation(label.name, "CAM", heatmap, forward.extent, UNITS["CAM"], forward.centre_shift)
        for label, heatmap in zip(engine.spec.labels, heatmaps, strict=True)
    )


def _package_map(engine: Engine, forward: Forward, index: int, method: str) -> NDArray[np.float32]:
    """Let pytorch-grad-cam weigh the feature map; its steps after that, which stretch the map to 0–1, are left out."""
    features, gradient = _features_and_gradient(engine, forward, index)
    # Without target layers the package attaches no hooks; what they would have caught is handed over.
    cam = _package_method(method)(engine.network, [])
    heatmaps = cam.get_cam_image(None, None, None, features, gradient, eigen_smooth=False)
    heatmap = np.asarray(heatmaps[0], dtype=np.float32)
    return _oriented(heatmap, features[0]) if method == "EigenCAM" else heatmap


def _features_and_gradient(engine: Engine, forward: Forward, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the feature map and the gradient of a label's output by it, both (1, C, h, w)."""
    with engine.exclusive(), torch.enable_grad():
        # What was computed for inference only takes no part in gradients; a copy does.
        features: Tensor = forward.features[None].to(engine.device).clone().requires_grad_()
        output = engine.network.head(features)[0, index]
        (gradient,) = torch.autograd.grad(output, features)
    return features.detach().cpu().numpy(), gradient.cpu().numpy()


def _oriented(heatmap: NDArray[np.float32], features: NDArray[Any]) -> NDArray[np.float32]:
    """Make a principal component, whose sign is arbitrary, positive where the features are strong."""
    strength = features.mean(axis=0)
    return -heatmap if float((heatmap * (strength - strength.mean())).sum()) < 0 else heatmap


def _package_method(method: str) -> Any:
    # The package takes seconds to import, since it brings matplotlib and scikit-learn along.
    import pytorch_grad_cam

    return getattr(pytorch_grad_cam, {"GradCAM++": "GradCAMPlusPlus"}.get(method, method))


def _index(engine: Engine, label: str) -> int:
    names = [known.name for known in engine.spec.labels]
    if label not in names:
        raise ModelError(
            f"The model has no label “{label}”.", hint=f"Its labels are: {', '.join(names)}.", code="label-unknown"
        )
    return names.index(label)


def _require_method(engine: Engine, method: str) -> None:
    if method in methods_for(engine):
        return
    known = method in METHODS
    raise ModelError(
        f"The method {method} is not defined for this network." if known else f"The method “{method}” is not known.",
        hint=f"Choose one of: {', '.join(methods_for(engine))}.",
        code="method-not-available" if known else "method-unknown",
    )
