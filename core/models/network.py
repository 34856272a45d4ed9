"""torchvision's networks and a small one, cut into a feature map and a head.

    x (N, channels, H, W) ── features ──→ (N, C, h, w) ── head ──→ (N, labels)

The cut is what explanations need: the feature map is that after the last activation, so the evidence for a label can
be computed from it by `head` alone, without hooks and therefore without state that threads would share.

A network's state dict has torchvision's own keys, so weights move between Lightbox and torchvision as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional

from core.errors import ModelError
from core.models.small_cnn import SmallCnn

SMALL_CNN = "small_cnn"
"""The one architecture that is not torchvision's."""

_BODY = "body."
"""Where the network of torchvision hangs in a `Network`; left out of the keys of its state dict."""

_COPY_AGAIN = "Copy the model folder again from where it came."


@dataclass(frozen=True, slots=True)
class Family:
    """How torchvision lays out one family of networks.

    Attributes
    ----------
    prefixes : tuple of str
        Starts of the names of its architectures.
    features : tuple of str
        The parts that lead to the feature map, in order.
    classifier : str
        The part behind the pooling.
    closing_relu : bool
        Whether a ReLU that is no part of its own closes the features (DenseNet).
    channels_first : bool
        Whether the maps between its blocks are laid out (N, C, h, w).
    flatten : bool
        Whether the pooled features are flattened before the classifier (ConvNeXt normalises them first).
    """

    prefixes: tuple[str, ...]
    features: tuple[str, ...]
    classifier: str
    closing_relu: bool = False
    flatten: bool = True
    channels_first: bool = True


FAMILIES: tuple[Family, ...] = (
    Family(("mobilenet_v2", "mobilenet_v3_", "efficientnet_", "vgg", "alexnet"), ("features",), "classifier"),
    Family(("densenet",), ("features",), "classifier", closing_relu=True),
    Family(("convnext_",), ("features",), "classifier", flatten=False),
    Family(
        ("resnet", "resnext", "wide_resnet"),
        ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"),
        "fc",
    ),
    Family(("regnet_",), ("stem", "trunk_output"), "fc"),
    Family(("shufflenet_v2_",), ("conv1", "maxpool", "stage2", "stage3", "stage4", "conv5"), "fc"),
    Family(("swin_",), ("features", "norm", "permute"), "head", channels_first=False),
    Family((SMALL_CNN,), ("features",), "classifier"),
)


def architectures() -> tuple[str, ...]:
    """Return the names that `build_network` knows, in alphabetical order."""
    names = torchvision.models.list_models(module=torchvision.models)
    return tuple(sorted((SMALL_CNN, *(name for name in names if _family(name) is not None))))


def build_network(architecture: str, *, labels: int, channels: int = 3) -> Network:
    """Build a network with random weights; nothing is downloaded.

    Parameters
    ----------
    architecture : str
        torchvision's name, as in `"mobilenet_v2"` and `"densenet121"`, or `"small_cnn"`.
    labels : int
        Number of outputs, at least 1.
    channels : int
        Of the input. Other than 3, the first convolution is made anew.

    Raises
    ------
    ModelError
        The architecture is not known.
    """
    family = _family(architecture)
    if family is None or architecture not in architectures():
        raise ModelError(
            f"The architecture “{architecture}” is not known.",
            hint=f"Known are: {', '.join(architectures())}.",
            code="unknown-architecture",
        )
    if architecture == SMALL_CNN:
        return Network(SmallCnn(channels=channels, labels=labels), family)
    body = torchvision.models.get_model(architecture, weights=None, num_classes=labels)
    if channels != 3:
        _replace_first_convolution(body, channels)
    return Network(body, family)


class Network(nn.Module):
    """A network as features and head.

    Parameters
    ----------
    body : nn.Module
        The network of torchvision, or one whose parts have the same names.
    family : Family
        Its layout.
    """

    def __init__(self, body: nn.Module, family: Family) -> None:
        super().__init__()
        self.body = body
        self.family = family
        self.register_state_dict_post_hook(_drop_body_from_keys)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_add_body_to_keys)  # type: ignore[no-untyped-call]

    def features(self, x: Tensor) -> Tensor:
        """Return the feature map (N, C, h, w) after the last activation of `x` (N, channels, H, W)."""
        return self.features_and_statistics(x)[0]

    def features_and_statistics(self, x: Tensor, *, after: Sequence[int] = ()) -> tuple[Tensor, Tensor | None]:
        """Return the feature map (N, C, h, w), and averages (N, D) of maps on the way to it.

        `after` are numbers of `blocks`, ascending. Of the map behind each, the mean of every channel over the image
        is taken, then the standard deviation of every channel; all these one after another. None where `after` is
        empty.
        """
        averages = []
        for number, block in enumerate(self.blocks()):
            x = block(x)
            if number in after:
                # At once, since torchvision's next block may change the map in place.
                averages += [x.mean((2, 3)), torch.var(x, (2, 3), correction=0).sqrt()]
        # torchvision applies this ReLU in place; whoever kept the map before it would find it changed.
        features = functional.relu(x) if self.family.closing_relu else x
        return features, torch.cat(averages, dim=1) if averages else None

    def blocks(self) -> tuple[nn.Module, ...]:
        """Return the parts of the features in order; a part that is a sequence is taken apart."""
        parts = [self.body.get_submodule(name) for name in self.family.features]
        if not self.family.channels_first:
            return tuple(parts)
        return tuple(block for part in parts for block in (part if isinstance(part, nn.Sequential) else (part,)))

    def head(self, features: Tensor) -> Tensor:
        """Return the network's answer (N, labels) to a feature map (N, C, h, w); dropout only in training."""
        pooled = self._pool(features)
        answer: Tensor = self._classifier(torch.flatten(pooled, 1) if self.family.flatten else pooled)
        return answer

    def forward(self, x: Tensor) -> Tensor:
        """Return the network's answer (N, labels), before any sigmoid or softmax."""
        return self.head(self.features(x))

    def classifier_weights(self) -> tuple[Tensor, Tensor | None] | None:
        """Return weight (labels, C) and bias (labels,) where the head is global average pooling and one linear layer.

        The evidence for a label is then a weighted sum of the feature maps [1]_. Dropout does not count, it is idle
        outside training. None where the head holds anything else.

        References
        ----------
        .. [1] Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016.
        """
        layers = [layer for layer in _leaves(self._classifier) if not isinstance(layer, nn.Dropout | nn.Identity)]
        if not self._pools_globally() or len(layers) != 1 or not isinstance(layers[0], nn.Linear):
            return None
        return layers[0].weight, layers[0].bias

    def last_layer(self) -> str:
        """Return the name of the layer whose width is the number of labels, as in the keys: `"classifier.1"`."""
        linear = [
            f"{self.family.classifier}.{name}".rstrip(".")
            for name, layer in self._classifier.named_modules()
            if isinstance(layer, nn.Linear)
        ]
        return linear[-1]

    @property
    def _classifier(self) -> nn.Module:
        return self.body.get_submodule(self.family.classifier)

    def _pool(self, features: Tensor) -> Tensor:
        pool = getattr(self.body, "avgpool", None)
        return functional.adaptive_avg_pool2d(features, 1) if pool is None else pool(features)

    def _pools_globally(self) -> bool:
        pool = getattr(self.body, "avgpool", None)
        return pool is None or pool.output_size in (1, (1, 1))


def load_backbone(network: Network, path: Path) -> tuple[str, ...]:
    """Load a file of weights in torchvision's layout into a network that is about to be trained; see `adopt_weights`.

    Raises
    ------
    ModelError
        The file is missing or damaged, or holds another architecture; the first mismatch is named.
    """
    return adopt_weights(network, read_weights(path))


def adopt_weights(network: Network, state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Load weights in torchvision's layout into a network that is about to be trained.

    The last layer is left as it is where its width differs, since other labels were learnt there. Any floating-point
    type is converted to that of the network.

    Returns
    -------
    tuple of str
        The keys that were left at their initial values.

    Raises
    ------
    ModelError
        They are those of another architecture; the first mismatch is named.
    """
    own = network.state_dict()
    layer = network.last_layer() + "."
    left = tuple(key for key in own if key.startswith(layer) and not _same_shape(own, state, key))
    kept = {key: value for key, value in state.items() if key not in left}
    load_weights(network, {**kept, **{key: own[key] for key in left}})
    return left


def load_weights(network: Network, state: Mapping[str, Tensor]) -> None:
    """Load a complete state dict.

    Raises
    ------
    ModelError
        Names or shapes differ, or a value is not a number; the first fault is named.
    """
    own = network.state_dict()
    # Counters of batches matter to training with a cumulative average only, and old files lack them.
    state = {**{key: value for key, value in own.items() if key.endswith("num_batches_tracked")}, **state}
    fault = _first_mismatch(own, state)
    if fault:
        raise ModelError(
            f"The weights do not fit the architecture: {fault}.",
            hint="Check the architecture, the number of labels and of channels against the weights’ own.",
            code="weights-mismatch",
        )
    broken = next((key for key, value in state.items() if not torch.isfinite(value).all()), None)
    if broken is not None:
        raise ModelError(f"The weights “{broken}” hold values that are not numbers.", code="weights-not-finite")
    network.load_state_dict(state)


def read_weights(path: Path, *, sha256: str | None = None) -> dict[str, Tensor]:
    """Read a safetensors file; where a hash is given, the very bytes that are read must have it.

    Raises
    ------
    ModelError
        The file is missing or damaged, or is not the one with this SHA-256.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError("The file of weights is missing or cannot be read.", code="weights-missing") from error
    found = hashlib.sha256(content).hexdigest()
    if sha256 not in (None, found):
        raise ModelError(
            f"The weights are not those that the model was written with (SHA-256 {found[:12]}…, expected {sha256}).",
            hint=_COPY_AGAIN,
            code="weights-hash-differs",
        )
    try:
        return load(content)
    except SafetensorError as error:
        raise ModelError(
            f"The file of weights is not a readable safetensors file ({error}).",
            hint=_COPY_AGAIN,
            code="weights-damaged",
        ) from error


def _family(architecture: str) -> Family | None:
    return next((family for family in FAMILIES if architecture.startswith(family.prefixes)), None)


def _leaves(module: nn.Module) -> list[nn.Module]:
    return [layer for layer in module.modules() if not list(layer.children())]


def _same_shape(own: Mapping[str, Tensor], state: Mapping[str, Tensor], key: str) -> bool:
    return key in state and state[key].shape == own[key].shape


def _first_mismatch(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    missing = [key for key in own if key not in state]
    unexpected = [key for key in state if key not in own]
    if missing:
        return f"“{missing[0]}” is missing ({len(missing)} missing, {len(unexpected)} not expected)"
    if unexpected:
        return f"“{unexpected[0]}” is not expected ({len(unexpected)} of them)"
    for key, value in state.items():
        if value.shape != own[key].shape:
            return f"“{key}” has the shape {tuple(value.shape)}, expected is {tuple(own[key].shape)}"
    return ""


def _replace_first_convolution(body: nn.Module, channels: int) -> None:
    name, old = next((name, layer) for name, layer in body.named_modules() if isinstance(layer, nn.Conv2d))
    new = nn.Conv2d(
        channels,
        old.out_channels,
        kernel_size=old.kernel_size,  # type: ignore[arg-type]
        stride=old.stride,  # type: ignore[arg-type]
        padding=old.padding,  # type: ignore[arg-type]
        bias=old.bias is not None,
    )
    parent, _, attribute = name.rpartition(".")
    setattr(body.get_submodule(parent), attribute, new)


def _drop_body_from_keys(_network: nn.Module, state: dict[str, Any], prefix: str, _metadata: object) -> None:
    _replace_prefix(state, prefix + _BODY, prefix)


def _add_body_to_keys(_network: nn.Module, state: dict[str, Any], prefix: str, *_rest: object) -> None:
    _replace_prefix(state, prefix, prefix + _BODY)


def _replace_prefix(state: dict[str, Any], old: str, new: str) -> None:
    for key in [key for key in state if key.startswith(old)]:
        state[new + key.removeprefix(old)] = state.pop(key)
