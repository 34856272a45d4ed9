"""What a person says of a model that they import, and what is assumed where they do not say it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeVar

import torchvision

from core.domain import Calibration, InputSpec, IntendedUse, Label, ModelSpec, WindowLevel
from core.errors import ModelError
from core.models.network import SMALL_CNN

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

UNKNOWN_USE = "Not known: whoever imported this model did not say what it is for."
UNKNOWN_LIMITS = (
    "Any decision about a patient. Nobody has said what this model is for, and no figure of its accuracy came with it; "
    "measure it on your own images first."
)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Description:
    """What the command line says of a model; None and empty are what it does not say.

    Attributes
    ----------
    architecture : str
        torchvision's name.
    labels : tuple of str
        In the order of the network's outputs.
    absent : tuple of str
        Those of the labels that say that there is no finding.
    mean, std : tuple of float
        One for all channels, or one for each.
    """

    architecture: str
    labels: tuple[str, ...]
    absent: tuple[str, ...] = ()
    title: str = ""
    channels: Literal[1, 3] | None = None
    size: tuple[int, int] | None = None
    resize: Literal["pad", "squash", "crop"] | None = None
    intensity_range: Literal["percentile", "window", "full"] | None = None
    window: WindowLevel | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    activation: Literal["sigmoid", "softmax"] | None = None
    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    intended_use: str = ""
    not_for: str = ""
    licence: str = ""
    citation: str = ""


@dataclass(slots=True)
class Assumed:
    """What had to be assumed, in sentences."""

    sentences: list[str] = field(default_factory=list)

    def unless_told(self, told: _T | None, customary: _T, sentence: str) -> _T:
        """Return what was told; where that is nothing, what is customary, and note the sentence."""
        if told:
            return told
        self.sentences.append(sentence)
        return customary


def check_description(description: Description) -> None:
    """Raise where a description contradicts itself.

    Raises
    ------
    ModelError
        Labels are missing or doubled, or a number is given that belongs to something else.
    """
    labels = description.labels
    if not labels or not all(labels):
        raise _contradiction("No labels were given, or an empty one", "--labels A,B,… names each output, in its order")
    doubled = sorted({name for name in labels if labels.count(name) > 1})
    if doubled:
        raise _contradiction(f"The label “{doubled[0]}” is given twice", "each output needs a name of its own")
    unknown = [name for name in description.absent if name not in labels]
    if unknown:
        raise _contradiction(f"“{unknown[0]}” of --absence is no label", f"the labels are {', '.join(labels)}")
    if (description.intensity_range == "window") != (description.window is not None):
        raise _contradiction(
            "A window and --intensity-range window need each other", "give both, as in --window -600,1500, or none"
        )


def spec_of(
    description: Description, *, model_id: str, version: str, channels: Literal[1, 3]
) -> tuple[ModelSpec, tuple[str, ...]]:
    """Return the spec of a described model, not yet with its hash, and what had to be assumed for it.

    No operating points and no calibration: its scores are neither called probabilities nor positive or negative.

    Raises
    ------
    ModelError
        `mean` or `std` do not fit the channels.
    """
    assumed = Assumed()
    spec = ModelSpec(
        id=model_id,
        title=description.title or f"Imported {description.architecture}: {', '.join(description.labels)}",
        version=version,
        architecture=description.architecture,
        sha256="",
        input=_input(description, channels, assumed),
        labels=tuple(Label(name, is_finding=name not in description.absent) for name in description.labels),
        calibration=Calibration(_activation(description, assumed)),
        intended_use=_intended_use(description),
        licence=description.licence,
        citation=description.citation,
    )
    return spec, tuple(assumed.sentences)


def _input(description: Description, channels: Literal[1, 3], assumed: Assumed) -> InputSpec:
    size = customary_size(description.architecture)
    mean, std = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else ((0.5,), (0.5,))
    return InputSpec(
        size=assumed.unless_told(
            description.size,
            size,
            f"The input has {size[0]} × {size[1]} pixels, as with torchvision’s own weights (--size).",
        ),
        channels=channels,
        resize=assumed.unless_told(
            description.resize, "squash", "Pictures are stretched to that size, whatever their shape (--resize)."
        ),
        intensity_range=assumed.unless_told(
            description.intensity_range,
            "full",
            "Brightness from 0 to the largest value that the stored bits can hold becomes 0 to 1, as ToTensor does "
            "with pictures of 8 bits (--intensity-range).",
        ),
        window=description.window,
        mean=_per_channel("mean", description.mean, mean, channels, assumed),
        std=_per_channel("std", description.std, std, channels, assumed),
        colour=channels == 3,
    )


def customary_size(architecture: str) -> tuple[int, int]:
    """Return rows and columns at which torchvision's own weights of an architecture are used; 224 where it has none."""
    if architecture == SMALL_CNN:
        return 224, 224
    side = torchvision.models.get_model_weights(architecture).DEFAULT.transforms().crop_size[0]
    return int(side), int(side)


def _per_channel(
    name: str, told: tuple[float, ...], customary: tuple[float, ...], channels: int, assumed: Assumed
) -> tuple[float, ...]:
    origin = "those of ImageNet" if channels == 3 else "which spread gray over −1 to 1"
    word = "standard deviation" if name == "std" else name
    sentence = f"The {word} of the channels is {', '.join(f'{number:g}' for number in customary)}, {origin} (--{name})."
    numbers = assumed.unless_told(told, customary, sentence)
    if len(numbers) not in (1, channels):
        raise _contradiction(
            f"--{name} has {len(numbers)} numbers", f"1, or {channels} as the network has channels, are accepted"
        )
    return numbers * channels if len(numbers) == 1 else numbers


def _activation(description: Description, assumed: Assumed) -> Literal["sigmoid", "softmax"]:
    if len(description.labels) == 1:
        return description.activation or "sigmoid"
    return assumed.unless_told(
        description.activation,
        "softmax",
        "The labels exclude each other, so that their scores add up to 1 (--activation softmax; sigmoid where several "
        "can be present at once).",
    )


def _intended_use(description: Description) -> IntendedUse:
    return IntendedUse(
        summary=description.intended_use or UNKNOWN_USE,
        not_for=description.not_for or UNKNOWN_LIMITS,
        modalities=description.modalities,
        body_parts=description.body_parts,
    )


def _contradiction(found: str, accepted: str) -> ModelError:
    return ModelError(f"{found}; {accepted}.", code="import-settings-invalid")
