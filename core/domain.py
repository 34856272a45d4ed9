"""The nouns of Lightbox. Read this first.

A *study* holds *series*, a series holds *frames* (slices of a volume, frames of a clip, or the one picture of a
radiograph), and a frame is decoded into an *image* when somebody looks at it:

    bytes → load_study → Study → Series → Frame ─ load() → Image

A *model* answers an image with a *prediction*: one *score* for each of its *labels*. A score becomes a *call*
(positive or negative) only through the label's *operating point*. An *explanation* says where the evidence was.

Rules that these types carry, so that no other code has to remember them:

- `Image.pixels` are always after the modality LUT; `Image.intensity` says what the numbers mean.
- Unknown spacing is `None`, never 1.
- A score is called a probability only when it is calibrated.
- No operating point, no call: `Score.call` is then `None`.
- A heatmap keeps its absolute scale.
- Undefined is NaN with a reason, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]
"""Integer or floating-point pixels: (rows, columns), or (rows, columns, 3) where the image has colour."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader should know, which does not stop the reading.

    `code` is stable and kebab-case; `message` is a sentence in plain English, free of identity.
    """

    code: str
    message: str


# ── Images ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Intensity(StrEnum):
    """What the pixel values of an image mean."""

    HU = "HU"
    """Hounsfield units: CT after rescale, RescaleType HU or absent (PS3.3 C.8.2.1)."""
    RADIOGRAPH = "radiograph"
    """Projection radiography: larger means more (or, MONOCHROME1, less) film density; no absolute unit."""
    MR_ARBITRARY = "MR, arbitrary units"
    """Magnetic resonance: comparable within a series only."""
    ULTRASOUND = "ultrasound"
    """Echo amplitude after the scanner's own compression."""
    RGB = "RGB"
    """True colour."""
    GRAY = "gray"
    """Gray values without a known meaning: picture files, secondary capture."""
    OTHER = "other"
    """Any other quantity (dose, SUV, parametric maps)."""


class VoiFunction(StrEnum):
    """VOI LUT Function (0028,1056), PS3.3 C.11.2.1.2 and C.11.2.1.3."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


@dataclass(frozen=True, slots=True)
class WindowLevel:
    """A window: which values are spread from black to white.

    `center` and `width` are in the units of `Image.pixels`; `width` > 0 (≥ 1 where the function is LINEAR).
    """

    center: float
    width: float
    function: VoiFunction = VoiFunction.LINEAR
    explanation: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class VoiLut:
    """One item of a VOI LUT Sequence (0028,3010), PS3.3 C.11.2.1.1.

    Attributes
    ----------
    values : ndarray of uint16, (entries,)
        The output of the table.
    first_value : int
        The input, in the units of `Image.pixels`, that maps to `values[0]`.
    bits : int
        Bits of an entry, so white is `2**bits - 1`.
    """

    values: NDArray[np.uint16]
    first_value: int
    bits: int
    explanation: str = ""


Voi = WindowLevel | VoiLut


@dataclass(frozen=True, slots=True)
class Spacing:
    """Distance between the centres of neighbouring pixels, and the attribute that says so.

    `row_mm` is the distance between rows (vertical), `column_mm` between columns; both > 0.
    """

    row_mm: float
    column_mm: float
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One picture, decoded, after the modality LUT and before any window.

    Attributes
    ----------
    pixels : ndarray
        (rows, columns) of any real dtype, or (rows, columns, 3) of uint8 when `intensity` is RGB.
        May hold NaN where the file does; every consumer must cope.
    intensity : Intensity
    photometric_interpretation : {"MONOCHROME1", "MONOCHROME2", "RGB"}
        Of `pixels` as they are here: palette and YBR are already converted to RGB, while MONOCHROME1 is *not*
        inverted. Inversion happens in `core.windowing.render` and nowhere else.
    spacing : Spacing or None
        None when the file does not say; measuring tools then work in pixels.
    voi : tuple of Voi
        What the file itself proposes for display, in its order; empty when it proposes nothing.
    padding : (low, high) or None
        Inclusive range, in the units of `pixels`, of values that mean "no image here" (PixelPaddingValue).
    stored_range : (low, high) or None
        Inclusive range, in the units of `pixels`, of values that the stored bits could hold: (0, 4095) for 12 bits
        (BitsStored). None where the file does not say, or a LUT makes it meaningless.
    graphics : ndarray of bool, (rows, columns), or None
        What the file itself wants drawn over the image (overlay planes, PS3.3 C.9.2). It may name the patient, and is
        neither shown to models nor taken along.
    uid : str
        SHA-256 of the file's bytes plus the frame's number: the key for every cache.
    notices : tuple of Notice
        What had to be assumed or repaired to read it.
    """

    pixels: Pixels
    intensity: Intensity
    photometric_interpretation: Literal["MONOCHROME1", "MONOCHROME2", "RGB"]
    uid: str
    spacing: Spacing | None = None
    voi: tuple[Voi, ...] = ()
    padding: tuple[float, float] | None = None
    notices: tuple[Notice, ...] = ()
    stored_range: tuple[float, float] | None = None
    graphics: NDArray[np.bool_] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def is_colour(self) -> bool:
        """Whether the pixels are true colour, to which no window applies."""
        return self.pixels.ndim == 3


@dataclass(frozen=True, slots=True)
class Position:
    """Where a slice lies in the patient, PS3.3 C.7.6.2.

    `origin_mm` is ImagePositionPatient (x, y, z); `orientation` is ImageOrientationPatient, six direction cosines,
    row first.
    """

    origin_mm: tuple[float, float, float]
    orientation: tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a series, not decoded yet.

    `load` decodes the pixels and raises `StudyError`; it may be slow, keeps no result and is safe to call from any
    thread. `uid` is the `Image.uid` that it will have. `frame_time_ms` is the time to the next frame of a clip.
    `directions` is PatientOrientation (0020,0020): where rows and columns run to in the patient, as ("L", "F").
    """

    uid: str
    load: Callable[[], Image]
    shape: tuple[int, int]
    position: Position | None = None
    instance_number: int | None = None
    frame_time_ms: float | None = None
    directions: tuple[str, str] | None = None


FREE_TEXT = "FREE TEXT"
"""Stands for a value that is no term of its attribute: such text may name the patient, so it is quoted nowhere."""


@dataclass(frozen=True, slots=True)
class Acquisition:
    """What the header says of how the pictures were made: the facts that an intended use is checked against.

    None means that the file does not say, FREE_TEXT that it says something else than a known term. Values are DICOM's
    own, upper case and stripped; `modality` is (0008,0060),
    `body_part_examined` (0018,0015), `view_position` (0018,5101), `patient_sex` (0010,0040).
    """

    modality: str | None = None
    body_part_examined: str | None = None
    view_position: str | None = None
    patient_age_years: float | None = None
    patient_sex: str | None = None
    manufacturer: str | None = None
    presentation_intent_type: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the facts panel: DICOM `keyword`, the label to show, the value as text.

    `identifying` facts are masked until somebody asks for them, and never leave in an export unless asked for.
    """

    keyword: str
    label: str
    value: str
    identifying: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Pictures that belong together: same SeriesInstanceUID, orientation and matrix size.

    `frames` are in reading order: along the normal of the slices where there are positions, else by instance number.
    `uid` is derived from the frames' digests. `source` is the name the user's upload had (for the person who
    uploaded it only: never logged or exported). `notices` name gaps, doubled positions, tilt, assumptions.
    """

    uid: str
    title: str
    frames: tuple[Frame, ...]
    acquisition: Acquisition = field(default_factory=Acquisition)
    facts: tuple[Fact, ...] = ()
    notices: tuple[Notice, ...] = ()
    source: str = ""
    is_localizer: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file of an upload that could not be used, or holds no picture. `name` is shown to its owner only."""

    name: str
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Everything that one upload brought.

    `sha256` is over the digests of its files, so it names the content; `size_bytes` is what the files take in memory,
    unpacked.
    """

    sha256: str
    series: tuple[Series, ...]
    rejected: tuple[Rejected, ...] = ()
    is_synthetic: bool = False
    size_bytes: int = 0


# ── Models ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval; NaN, with the reason in `undefined`, where it does not exist."""

    value: float
    low: float
    high: float
    undefined: str = ""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The threshold that turns a score into a call, and where it comes from.

    `score ≥ threshold` is positive. `criterion` says what it was set for ("95 % sensitivity"), `origin` on what
    ("521 validation images", then, after a comma, how they were used), `n` on how many. Sensitivity and specificity
    are those on that same set.
    """

    name: str
    threshold: float
    criterion: str
    origin: str
    n: int
    sensitivity: Estimate | None = None
    specificity: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A finding that a model scores. `code` is a concept of a terminology ("SNOMED-CT:233604007"), or empty.

    `operating_points` are all that the model carries; `operating_point` is the default one, None where there is none.
    `is_finding` is False for "no tumour" and "normal", whose call is good news and draws no heatmap.
    `title` is how the label is shown to people; empty where the name will do.
    """

    name: str
    code: str = ""
    operating_points: tuple[OperatingPoint, ...] = ()
    default_operating_point: str = ""
    is_finding: bool = True
    title: str = ""

    @property
    def operating_point(self) -> OperatingPoint | None:
        """The default operating point."""
        return next((point for point in self.operating_points if point.name == self.default_operating_point), None)


Enhancement = Literal["clahe", "median", "curvature-flow", "n4"]
"""A step that changes the picture itself; see `core.models.enhancement`."""

ENHANCEMENTS: tuple[Enhancement, ...] = get_args(Enhancement)


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How an image becomes what the network was trained on. Every door uses the same `to_tensor` with it.

    Attributes
    ----------
    size : (rows, columns)
        Of the network's input.
    channels : {1, 3}
        Gray images are repeated to 3 where the network wants colour.
    resize : {"pad", "squash", "crop"}
        Keep the aspect ratio and pad with black; stretch; or keep the aspect ratio and see only the middle of the
        longer side.
    intensity_range : {"percentile", "window", "full"}
        What is mapped to 0–1: percentiles of the image itself (padding left out), a fixed window, or the range that
        the stored bits can hold (0–255 for an 8-bit picture).
    percentiles : (low, high)
        In percent, for "percentile".
    window : WindowLevel or None
        For "window".
    mean, std : tuple of float
        Per channel, applied after scaling to 0–1.
    colour : bool
        Whether colours reach a network of three channels. Otherwise it is one for gray images, and colour images
        become their luminance.
    enhance : tuple of Enhancement
        Applied in this order to the picture of 0–1; only of models for gray images.
    """

    size: tuple[int, int]
    channels: Literal[1, 3]
    resize: Literal["pad", "squash", "crop"]
    intensity_range: Literal["percentile", "window", "full"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    percentiles: tuple[float, float] = (0.5, 99.5)
    window: WindowLevel | None = None
    colour: bool = False
    enhance: tuple[Enhancement, ...] = ()


@dataclass(frozen=True, slots=True)
class IntendedUse:
    """What a model is for. Empty tuples and None do not restrict.

    `modalities`, `body_parts` and `view_positions` are DICOM's values; ages in years, inclusive.
    """

    summary: str
    not_for: str
    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    view_positions: tuple[str, ...] = ()
    min_age_years: float | None = None
    max_age_years: float | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns a network's logits into scores: `activation(logits / temperature + bias)`.

    `method` is "none" where nothing was fitted. "operating-point" then stretches both sides of each label's value in
    `thresholds` so that it becomes 0.5: scores of different labels can be compared with one threshold, but are no
    probabilities.
    """

    activation: Literal["sigmoid", "softmax"]
    method: Literal["none", "temperature", "platt", "operating-point"] = "none"
    temperature: float = 1.0
    bias: tuple[float, ...] = ()
    origin: str = ""
    thresholds: tuple[float, ...] = ()

    @property
    def gives_probabilities(self) -> bool:
        """Whether scores may be called probabilities."""
        return self.method in ("temperature", "platt")


@dataclass(frozen=True, slots=True)
class Gate:
    """Where images stop looking like those that a model was trained on; see `core.models.gate`.

    Attributes
    ----------
    sha256 : str
        Of `gate.safetensors`, which holds what the distance is measured against.
    usual : float
        The distance below which 99 % of the images it was set on lie, as they are; above it an image is unusual.
    limit : float
        The distance below which 99 % of them lie under changes that leave them proper images (framing, exposure,
        sharpness, compression), or half-way from there to images of something else, where these lie beyond;
        above it the model makes no call.
    origin : str
        What both were set on: "774 validation images".
    """

    sha256: str
    usual: float
    limit: float
    origin: str


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model folder, read: `model.toml` beside its weights and card.

    `sha256` is of `model.safetensors`; `architecture` is a torchvision name; so many `members` of it answer together;
    `metrics` are the figures that its own training measured on data it did not train on (name → estimate). `gate` is
    None where the model cannot tell from pixels whether an image is of the kind that it was trained on.
    """

    id: str
    title: str
    version: str
    architecture: str
    sha256: str
    input: InputSpec
    labels: tuple[Label, ...]
    calibration: Calibration
    intended_use: IntendedUse
    card: str = ""
    licence: str = ""
    citation: str = ""
    metrics: Mapping[str, Estimate] = field(default_factory=dict)
    gate: Gate | None = None
    members: int = 1


# ── Answers ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Score:
    """What a model says of one label: 0 to 1; a probability only where `calibrated`."""

    label: Label
    value: float
    calibrated: bool

    @property
    def call(self) -> bool | None:
        """Positive or negative at the label's operating point; None where there is none or the score is undefined."""
        point = self.label.operating_point
        if point is None or np.isnan(self.value):
            return None
        return bool(self.value >= point.threshold)


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's answer to one image.

    `warnings` are reasons not to trust it (outside the intended use, no contrast); `seconds` is the time of
    preprocessing and forward pass on `device`. `is_exclusive` says that the labels exclude each other: their scores
    share one whole, and the highest is the most likely one.
    """

    image_uid: str
    model_id: str
    model_version: str
    model_sha256: str
    scores: tuple[Score, ...]
    warnings: tuple[Notice, ...]
    seconds: float
    device: str
    is_exclusive: bool = False

    def score(self, name: str) -> Score:
        """Return the score of the label with this name; KeyError where the model has none."""
        for score in self.scores:
            if score.label.name == name:
                return score
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Extent:
    """A rectangle on an image's grid, in pixels from its top left corner; may reach over the edge (padding)."""

    top: float
    left: float
    bottom: float
    right: float


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Where the evidence for one label was.

    Attributes
    ----------
    heatmap : ndarray of float32, (h, w)
        On the network's coarse grid. For "CAM" in units of the label's logit, so mean(heatmap) + bias = logit;
        positive speaks for the label, negative against. Never stretched.
    extent : Extent
        The part of the image that the heatmap covers; its cells divide it evenly.
    unit : str
        What a value means, for the colour bar.
    centre_shift : (down, right)
        How far a cell looks from the middle of its share of the extent, in cells; see `core.models.receptive_field`.
    """

    label_name: str
    method: str
    heatmap: NDArray[np.float32]
    extent: Extent
    unit: str
    centre_shift: tuple[float, float] = (0.0, 0.0)

    @property
    def has_positive_evidence(self) -> bool:
        """Whether anything in the image speaks for the label."""
        return bool(np.nanmax(self.heatmap, initial=0.0) > 0.0)
