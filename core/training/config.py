"""Everything a training run depends on. The same values, the same data and the same machine give the same model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from core.domain import InputSpec, IntendedUse
from core.training.augmentation_settings import Augmentation

DEFAULT_INPUT = InputSpec(
    size=(224, 224),
    channels=3,
    resize="squash",
    intensity_range="percentile",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)

NO_CLINICAL_USE = IntendedUse(
    summary="Research on images like those it was trained on; no clinical use has been stated.",
    not_for="Any use on patients.",
)


@dataclass(frozen=True, slots=True)
class ClassLabel:
    """A class of the labelled folder as the model will name it.

    An empty `folder` is that of the same name; an empty `title`, under which people see it, is the name.
    """

    name: str
    folder: str = ""
    code: str = ""
    is_finding: bool = True
    title: str = ""


@dataclass(frozen=True, slots=True)
class LabelTable:
    """A CSV file that says what each image shows; the other attributes are names of its columns.

    Attributes
    ----------
    file : Path
    path : str
        Of the image file, from the folder of data on.
    labels : tuple of str
        One column that names the labels, separated by | or ;, or a column of 0 and 1 for each label.
    patient, split : str
        Empty: there is no such column. `split` holds train, val or test, or nothing.
    """

    file: Path
    path: str = "path"
    labels: tuple[str, ...] = ("labels",)
    patient: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """How the data are divided.

    Attributes
    ----------
    patient_pattern : str
        Regular expression for the file name without its ending; the groups that matched, joined, are the patient.
        Where it is empty or does not match, the header says who the patient is; without one every file is a patient of
        its own.
    validation_share, test_share : float
        Of the patients; the rest is trained on.
    """

    patient_pattern: str = ""
    validation_share: float = 0.15
    test_share: float = 0.15


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the network is trained.

    Attributes
    ----------
    epochs : int
        At most; training stops early where validation has not improved for `patience` epochs.
    epoch_images : int
        Pictures per epoch; 0 is as many as there are in training.
    batch : int
        Pictures per step, of all processes together.
    sampling : {"balanced", "plain"}
        Whether every class is drawn equally often, or every picture once before any comes again.
    loss : {"cross-entropy", "focal"}
        Focal loss lets cases that are called right already count less.
    focal_gamma : float
        How much less; 0 would be cross-entropy.
    class_weights : {"none", "balanced"}
        Whether the loss of a case counts the more, the rarer its class is. Meant for plain sampling: with balanced
        sampling, rare classes would be favoured twice.
    mixup : float
        Pictures are blended two by two, in shares drawn from Beta(mixup, mixup); 0 leaves them alone.
    head_steps : int
        Steps in which only the last layer learns.
    unfreeze_steps : int
        Steps after which one block more begins to learn, from the last one on; 0 lets all begin together.
    frozen_blocks : int
        Parts of the network, from the input on, that keep their initial weights.
    batch_norm : {"frozen", "trained"}
        Whether the running mean and variance of the initial weights are kept.
    label_smoothing : float
        Targets are moved this far towards indifference.
    ema_decay : float
        Of the moving average of the weights, which is what is evaluated and kept; 0 keeps the last weights.
    precision : {"auto", "off", "bf16", "fp16"}
        16 bits where they are enough, or float32 throughout ("off"); "auto" measures which is faster, so that two
        machines may come to other weights.
    selection : {"stress", "plain", "last"}
        Whether the epoch is chosen by the validation pictures under changes of framing, exposure and sharpness, or as
        they are, or the last one is kept: where validation pictures are few, the best of many epochs is so by chance.
    stress_images : int
        Validation pictures, at most, that every epoch is judged by.
    copies : int
        Randomly changed copies of each validation picture for calibration and operating points.
    calibrate_on : {"conditions", "plain"}
        Whether scores are calibrated on validation pictures under every condition, which suits where other hospitals'
        pictures are expected to be harder, or on the pictures as they are.
    """

    epochs: int = 12
    epoch_images: int = 0
    batch: int = 32
    sampling: Literal["balanced", "plain"] = "balanced"
    loss: Literal["cross-entropy", "focal"] = "cross-entropy"
    focal_gamma: float = 2.0
    class_weights: Literal["none", "balanced"] = "none"
    mixup: float = 0.0
    head_steps: int = 30
    unfreeze_steps: int = 0
    learning_rate: float = 3e-4
    head_learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warm_up_steps: int = 50
    frozen_blocks: int = 0
    batch_norm: Literal["frozen", "trained"] = "frozen"
    label_smoothing: float = 0.05
    dropout: float = 0.2
    ema_decay: float = 0.995
    gradient_limit: float = 1.0
    patience: int = 4
    precision: Literal["auto", "off", "bf16", "fp16"] = "off"
    selection: Literal["stress", "plain", "last"] = "stress"
    stress_images: int = 300
    copies: int = 2
    calibrate_on: Literal["conditions", "plain"] = "conditions"


@dataclass(frozen=True, slots=True)
class Pretraining:
    """Training without labels that comes first; see `core.training.pretraining`.

    Attributes
    ----------
    folder : Path or None
        Pictures without labels, which are added to the training part.
    epochs : int
        0 leaves it out.
    size : (rows, columns)
        Of the input meanwhile.
    kept : (smallest, largest)
        Share of height and width that stays in view in each of the two changed copies.
    queue : int
        Vectors of other pictures that each is told from.
    momentum : float
        Share of itself that the slowly following copy keeps in each step.
    temperature : float
        Similarities are divided by it.
    """

    folder: Path | None = None
    epochs: int = 0
    batch: int = 32
    size: tuple[int, int] = (160, 160)
    kept: tuple[float, float] = (0.45, 1.0)
    learning_rate: float = 3e-4
    queue: int = 512
    momentum: float = 0.99
    temperature: float = 0.2


@dataclass(frozen=True, slots=True)
class Try:
    """A run that was compared with the one that is shipped: what was done, what it gave."""

    configuration: str
    result: str


@dataclass(frozen=True, slots=True)
class Words:
    """What only a person can say about a model; goes into its card.

    Attributes
    ----------
    data_source, data_licence, data_citation : str
        Of the data set.
    known_failures : tuple of str
    not_measured : tuple of str
        What a reader would want to know and these data cannot say.
    history : tuple of Try
    """

    data_source: str = ""
    data_licence: str = ""
    data_citation: str = ""
    initial_weights: str = ""
    licence: str = ""
    citation: str = ""
    known_failures: tuple[str, ...] = ()
    not_measured: tuple[str, ...] = ()
    history: tuple[Try, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """One training run.

    Attributes
    ----------
    data : Path
        A folder with one folder of images per class, or with such folders below `train`, `val` and `test`; with a
        `table`, the folder that its paths start from.
    out : Path
        The model folder to write; its name is the model's id.
    labels : tuple of ClassLabel
        Empty: one per class folder, by its name.
    table : LabelTable or None
        Labels that come in a CSV file.
    absence : str
        The class folder, or the name in the table, that shows none of the labels: with one label the network then has
        a single output.
    outputs : {"auto", "exclusive", "independent"}
        Whether the labels exclude each other. By default they do where every picture shows exactly one.
    weights : Path or None
        Initial weights (safetensors, torchvision's layout); "torchvision" downloads torchvision's own, trained on
        ImageNet; None starts from random ones.
    device : {"auto", "cpu", "cuda"}
        "auto" is a graphics card where PyTorch finds one with CUDA, else the CPU. The tests know the CPU only.
    architecture : str
        torchvision's name, or "small_cnn".
    members : int
        Networks that are trained one after the other, from other random numbers each, and answer together.
    folds : bool
        Whether each of them leaves out another fold of training and validation; see `core.training.folds`.
    stored : {"float32", "float16"}
        How the weights are written. They are rounded before anything is calibrated or measured.
    work : Path or None
        For the cache of decoded pictures and the checkpoints; by default `.training/ID` in the current folder.
    tensorboard : bool
        Whether to write a log for TensorBoard, into the work folder.
    """

    data: Path
    out: Path
    title: str = ""
    version: str = "1.0.0"
    labels: tuple[ClassLabel, ...] = ()
    absence: str = ""
    table: LabelTable | None = None
    outputs: Literal["auto", "exclusive", "independent"] = "auto"
    architecture: str = "mobilenet_v2"
    members: int = 1
    folds: bool = False
    stored: Literal["float32", "float16"] = "float32"
    weights: Path | None = None
    seed: int = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 0
    work: Path | None = None
    tensorboard: bool = True
    working_size: tuple[int, int] = (256, 256)
    default_operating_point: str = "youden"
    input: InputSpec = DEFAULT_INPUT
    split: Split = field(default_factory=Split)
    schedule: Schedule = field(default_factory=Schedule)
    augmentation: Augmentation = field(default_factory=Augmentation)
    pretraining: Pretraining = field(default_factory=Pretraining)
    intended_use: IntendedUse = NO_CLINICAL_USE
    words: Words = field(default_factory=Words)

    @property
    def id(self) -> str:
        """The model's id."""
        return self.out.resolve().name

    @property
    def work_folder(self) -> Path:
        """Where the cache and the checkpoints are."""
        return self.work if self.work is not None else Path(".training") / self.id
