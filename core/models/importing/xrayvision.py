"""Import a chest radiograph model of torchxrayvision: labels, operating points and preprocessing are known.

Its networks are torchvision's DenseNet-121 with one input channel, so their weights move as they are. The package is
needed to download them only; a file that is there already is read without it.

References
----------
Cohen et al., "TorchXRayVision: A library of chest X-ray datasets and models", MIDL 2022, PMLR 172:231–249.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import math
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.domain import Calibration, InputSpec, IntendedUse, Label, ModelSpec, OperatingPoint
from core.errors import ModelError
from core.models.importing.checkpoint import Checkpoint, checkpoint_from, read_bytes
from core.models.importing.imported import Imported, check_folder, try_out, version_of
from core.models.importing.layout import fitted
from core.models.importing.whole_module import read_whole_module
from core.models.importing.xrayvision_card import write_card
from core.models.network import Network, build_network, load_weights
from core.models.predict import spread_around
from core.models.spec import write_model

ARCHITECTURE = "densenet121"
INPUT = InputSpec(
    size=(224, 224),
    channels=1,
    resize="crop",
    intensity_range="full",
    # The package spreads 0 … white over −1024 … 1024: 2048 · v − 1024 = (v − 1/2) / (1/2048).
    mean=(0.5,),
    std=(1 / 2048,),
)
INTENDED_USE = IntendedUse(
    summary="Marks findings on frontal chest radiographs of adults, for research and teaching.",
    not_for="Diagnosis or triage of patients; children; lateral views; bedside decisions; ruling a finding out.",
    modalities=("CR", "DX"),
    body_parts=("CHEST",),
    view_positions=("AP", "PA"),
    min_age_years=18,
)
LICENCE = (
    "Apache-2.0 (torchxrayvision, Joseph Paul Cohen and contributors); the data sets behind the weights have terms of "
    "their own"
)
CITATION = (
    "Cohen JP, Viviano JD, Bertin P, et al. TorchXRayVision: A library of chest X-ray datasets and models. "
    "Medical Imaging with Deep Learning (MIDL) 2022. https://arxiv.org/abs/2111.00595"
)

_CACHE = Path("~/.torchxrayvision/models_data")
"""Where the package keeps what it has downloaded."""

_THRESHOLDS_KEY = "op_threshs"
"""A state dict saved by the package holds its thresholds beside the weights."""


@dataclass(frozen=True, slots=True)
class Published:
    """What torchxrayvision says of one set of weights.

    Attributes
    ----------
    name : str
    url : str
    data : str
        The data sets that it was trained on.
    outputs : tuple of str
        Names of the network's outputs; empty where an output was never trained.
    thresholds, ppv80 : tuple of float
        Of the sigmoid, for each output: the operating point; where four of five positive calls were right. NaN where
        there is none; `ppv80` may be empty.
    sha256 : str
        Of the published file; empty where it is not known.
    """

    name: str
    url: str
    data: str
    outputs: tuple[str, ...]
    thresholds: tuple[float, ...]
    ppv80: tuple[float, ...] = ()
    sha256: str = ""

    @property
    def file(self) -> str:
        """The name of the published file."""
        return self.url.rpartition("/")[2]

    @property
    def trained(self) -> tuple[int, ...]:
        """Indices of the outputs that mean something."""
        pairs = enumerate(zip(self.outputs, self.thresholds, strict=True))
        return tuple(index for index, (name, threshold) in pairs if name and not math.isnan(threshold))


def published() -> dict[str, Published]:
    """Return what is known of each set of weights, by its name."""
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {name: Published(name, **{key: _frozen(value) for key, value in tables[name].items()}) for name in tables}


def import_weights(name: str, folder: Path, *, checkpoint: Path | None = None) -> Imported:
    """Write a model folder for weights of torchxrayvision.

    Parameters
    ----------
    name : str
        As the package calls them: "densenet121-res224-all".
    folder : Path
        To write; its name becomes the model's id. It must not hold a model yet.
    checkpoint : Path, optional
        The weights, where they are downloaded already: the published file, or a state dict of it.

    Raises
    ------
    ModelError
        The name is not known; the weights are not there and cannot be downloaded; they do not fit.
    """
    check_folder(folder)
    weights = _find(name)
    found = _checkpoint_in(read_bytes(checkpoint if checkpoint is not None else _downloaded(weights)))
    state, notes = _fitted(found, weights)
    spec = spec_of(weights, model_id=folder.name, version=version_of(found.sha256))
    network = build_network(ARCHITECTURE, labels=len(spec.labels), channels=INPUT.channels)
    load_weights(network, state)
    try_out(network, spec)
    remarks = (*found.notes, *notes, *_provenance(weights, found.sha256))
    card = write_card(spec, weights.data, untrained=len(weights.outputs) - len(spec.labels), remarks=remarks)
    return Imported(write_model(folder, spec, network.state_dict(), card=card), remarks)


def spec_of(weights: Published, *, model_id: str, version: str) -> ModelSpec:
    """Return the spec of a set of weights, not yet with its hash; outputs that were never trained are left out."""
    name = weights.name.rpartition("-")[2]
    return ModelSpec(
        id=model_id,
        title=f"Adult chest radiographs: {len(weights.trained)} findings (TorchXRayVision, {name})",
        version=version,
        architecture=ARCHITECTURE,
        sha256="",
        input=INPUT,
        labels=tuple(_label(weights, index) for index in weights.trained),
        calibration=Calibration(
            "sigmoid",
            "operating-point",
            origin="torchxrayvision’s own operating points",
            thresholds=tuple(weights.thresholds[index] for index in weights.trained),
        ),
        intended_use=INTENDED_USE,
        licence=LICENCE,
        citation=CITATION,
    )


def _label(weights: Published, index: int) -> Label:
    # How many images there were was not published; 0 stands for that.
    origin = "validation images of the model’s authors, whose number is not published"
    points = [OperatingPoint("youden", 0.5, "the largest sum of sensitivity and specificity", origin, 0)]
    ppv80 = weights.ppv80[index] if weights.ppv80 else math.nan
    if not math.isnan(ppv80):
        threshold = float(spread_around(np.array([ppv80]), (weights.thresholds[index],))[0])
        points.append(OperatingPoint("ppv-80", threshold, "a positive predictive value of 80 %", origin, 0))
    return Label(weights.outputs[index].replace("_", " "), "", tuple(points), default_operating_point="youden")


# ── Weights ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _find(name: str) -> Published:
    known = published()
    if name not in known:
        raise ModelError(
            f"“{name}” is not known among the weights of torchxrayvision.",
            hint=f"Known are: {', '.join(known)}.",
            code="weights-unknown",
        )
    return known[name]


def _checkpoint_in(content: bytes) -> Checkpoint:
    """Read weights alone, or the whole network that the package publishes; code of the file is run in neither case."""
    try:
        return checkpoint_from(content)
    except ModelError as error:
        if error.code != "checkpoint-holds-code":
            raise
    note = "The file holds the whole network; only its numbers were read, and none of its code was run."
    return Checkpoint(read_whole_module(content), hashlib.sha256(content).hexdigest(), (note,))


def _fitted(found: Checkpoint, weights: Published) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the weights of the trained outputs by torchvision's names, checked, and what was done, in sentences."""
    whole = build_network(ARCHITECTURE, labels=len(weights.outputs), channels=INPUT.channels)
    _require_own_thresholds(found.state, weights)
    kept = {key: value for key, value in found.state.items() if not key.endswith(_THRESHOLDS_KEY)}
    state, notes = fitted(kept, whole, architecture=ARCHITECTURE)
    load_weights(whole, state)
    return select_outputs(whole, weights.trained), notes


def select_outputs(network: Network, rows: tuple[int, ...]) -> dict[str, Tensor]:
    """Return a network's state dict with only some of its outputs, in the order of `rows`."""
    last = network.last_layer()
    names = {f"{last}.weight", f"{last}.bias"}
    return {key: value[list(rows)] if key in names else value for key, value in network.state_dict().items()}


def _require_own_thresholds(state: Mapping[str, Tensor], weights: Published) -> None:
    held = next((value for key, value in state.items() if key.endswith(_THRESHOLDS_KEY)), None)
    expected = torch.tensor(weights.thresholds)
    if held is None or (
        held.shape == expected.shape and torch.allclose(held.float(), expected, rtol=1e-4, equal_nan=True)
    ):
        return
    raise ModelError(
        f"The checkpoint holds operating points other than those of {weights.name}, so it is another model.",
        hint="Name the weights that the checkpoint was made from.",
        code="weights-differ",
    )


def _provenance(weights: Published, sha256: str) -> tuple[str, ...]:
    read = f"The weights were read from a file with the SHA-256 {sha256}"
    if not weights.sha256:
        return (f"{read}; no hash is published for {weights.name} to compare it with.",)
    if sha256 == weights.sha256:
        return (f"{read}, which is the published file.",)
    return (
        f"{read}. The published file has {weights.sha256}; unless this is a copy of it in another format, these are "
        "other weights.",
    )


# ── Download ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _downloaded(weights: Published) -> Path:
    place = (_CACHE / weights.file).expanduser()
    if place.is_file():
        return place
    try:
        package: Any = importlib.import_module("torchxrayvision.models")
    except ImportError as error:
        raise ModelError(
            "The package torchxrayvision, which downloads its weights, is not installed, or lacks a package that it "
            "needs.",
            hint=f"Run “pip install torchxrayvision”. Or without it: {_by_hand(weights)}",
            code="torchxrayvision-missing",
        ) from error
    try:
        # The package prints its progress; standard output is for the result.
        with contextlib.redirect_stdout(sys.stderr):
            return Path(package.get_weights(weights.name))
    except OSError as error:
        raise ModelError(
            f"The weights {weights.name} could not be downloaded: there is no network, or it does not let "
            "this computer reach github.com.",
            hint=f"By hand: {_by_hand(weights)}",
            code="weights-not-downloaded",
        ) from error


def _by_hand(weights: Published) -> str:
    return (
        f"download {weights.url} on a computer that can, and put the file at {_CACHE / weights.file}, or give its "
        "path with --checkpoint."
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
