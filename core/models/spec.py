"""A model folder: `model.toml` beside `model.safetensors` and `card.md`.

    weights/cxr-pneumonia-pediatric/
        model.toml          everything that `ModelSpec` holds, in the same names
        model.safetensors   the weights, under torchvision's names
        card.md             what it is for, on what it was trained, where it fails
        gate.safetensors    what unusual images are told by; absent where `model.toml` has no [gate]
        evidence.json       the curves behind the metrics; absent where nothing was measured (`core.models.evidence`)
        training-images.txt which files it has learnt from; absent where not known (`core.models.provenance`)

The file is read field by field; a field that is missing, misspelt or out of range is an error that names it, so that
a model is either what its folder says or is not used at all.
"""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from core.domain import (
    ENHANCEMENTS,
    Calibration,
    Estimate,
    Gate,
    InputSpec,
    IntendedUse,
    Label,
    ModelSpec,
    OperatingPoint,
    VoiFunction,
    WindowLevel,
)
from core.errors import ModelError
from core.models.files import read_text, replace_file, require_file
from core.models.gate import GATE_FILE, GateStatistics, format_gate, read_gate
from core.models.table import Table, bad_field

if TYPE_CHECKING:
    from torch import Tensor

SPEC_FILE = "model.toml"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "card.md"
EVIDENCE_FILE = "evidence.json"
TRAINING_FILE = "training-images.txt"

FORMAT = 1
"""Of `model.toml`; raised when a reader of the old format would misread the new one."""

MOST_MEMBERS = 16
"""Networks that may answer together; each costs its share of memory and time."""

ID_PATTERN = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
"""Of a model's id, which is also the name of its folder."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def read_spec(folder: Path, *, gate_needed: bool = True) -> ModelSpec:
    """Read a model folder without its weights.

    Parameters
    ----------
    gate_needed : bool
        Whether a gate that `model.toml` names must be there; not where it is about to be replaced.

    Raises
    ------
    ModelError
        The folder is missing or incomplete, or a field of `model.toml` is not what it must be. Whether the weights
        are those that were written is checked where they are loaded.
    """
    if not folder.is_dir():
        raise ModelError("The model folder does not exist.", code="model-missing")
    for name in (SPEC_FILE, WEIGHTS_FILE, CARD_FILE):
        require_file(folder, name)
    spec = parse_spec(read_text(folder / SPEC_FILE))
    if spec.gate is not None and gate_needed:
        require_file(folder, GATE_FILE)
    return replace(spec, card=read_text(folder / CARD_FILE))


def write_model(
    folder: Path,
    spec: ModelSpec,
    state: Mapping[str, Tensor],
    *,
    card: str,
    gate: GateStatistics | None = None,
) -> ModelSpec:
    """Write a model folder; each file is replaced as a whole, `model.toml` last.

    The list of files that a former model of the folder has learnt from goes.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    spec : ModelSpec
        `sha256` and `card` are filled in here.
    state : mapping of str to Tensor
        State dict of the network, under torchvision's names.
    gate : GateStatistics, optional
        What `spec.gate` was set with; both or none. Without them a gate of the folder's former model goes.

    Returns
    -------
    ModelSpec
        As `read_spec` will return it.

    Raises
    ------
    ModelError
        `spec` holds a value that `read_spec` would refuse; nothing is written then.
    """
    from safetensors.torch import save

    weights = save({key: value.detach().cpu().contiguous() for key, value in state.items()})
    spec = replace(spec, sha256=hashlib.sha256(weights).hexdigest(), card=card)
    spec = _write(folder, spec, {WEIGHTS_FILE: weights}, gate)
    (folder / TRAINING_FILE).unlink(missing_ok=True)
    return spec


def write_gate(folder: Path, gate: Gate, statistics: GateStatistics, *, card: str) -> ModelSpec:
    """Give the model of a folder a gate, in place of the one that it may have; its weights stay as they are.

    Parameters
    ----------
    gate : Gate
        `sha256` is filled in here.

    Raises
    ------
    ModelError
        The folder is damaged, or `gate` holds a value that `read_spec` would refuse.
    """
    return _write(folder, replace(read_spec(folder, gate_needed=False), gate=gate, card=card), {}, statistics)


def rewrite_spec(folder: Path, spec: ModelSpec, *, card: str) -> ModelSpec:
    """Write other words and figures of the model of a folder; its weights and its gate stay as they are.

    The curves that were measured before go, being of other figures.

    Raises
    ------
    ModelError
        The folder is damaged, or `spec` holds a value that `read_spec` would refuse.
    """
    known = read_spec(folder)
    spec = replace(spec, sha256=known.sha256, gate=known.gate)
    spec = _write(folder, replace(spec, card=card), {}, read_gate(folder, known))
    (folder / EVIDENCE_FILE).unlink(missing_ok=True)
    return spec


def _write(folder: Path, spec: ModelSpec, files: dict[str, bytes], gate: GateStatistics | None) -> ModelSpec:
    """Write everything of a folder but what `files` leaves out; the order keeps a reader from a mixture."""
    if (spec.gate is None) != (gate is None):
        raise ValueError("a gate needs both its limits and its statistics")
    if spec.gate is not None and gate is not None:
        files = {**files, GATE_FILE: format_gate(gate, weights_sha256=spec.sha256)}
        spec = replace(spec, gate=replace(spec.gate, sha256=hashlib.sha256(files[GATE_FILE]).hexdigest()))
    text = format_spec(spec)
    parse_spec(text)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {**files, CARD_FILE: spec.card.encode(), SPEC_FILE: text.encode()}.items():
        replace_file(folder / name, content)
    if spec.gate is None:
        (folder / GATE_FILE).unlink(missing_ok=True)
    if WEIGHTS_FILE in files:
        # It was measured with the former weights.
        (folder / EVIDENCE_FILE).unlink(missing_ok=True)
    return spec


def format_spec(spec: ModelSpec) -> str:
    """Return the text of `model.toml`; None and empty tuples are left out, the card has its own file."""
    document = {"format": FORMAT, **_without_empty(asdict(spec))}
    document.pop("card", None)
    return tomli_w.dumps(document)


@lru_cache(maxsize=256)
def parse_spec(text: str) -> ModelSpec:
    """Parse the text of `model.toml`; `card` stays empty.

    Raises
    ------
    ModelError
        The text is not TOML, or a field is missing, unknown or out of range.
    """
    try:
        table = Table(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{SPEC_FILE} is not valid TOML: {error}.", code="model-toml-invalid") from error
    table.whole("format", low=FORMAT, high=FORMAT)
    spec = ModelSpec(
        id=table.text("id", pattern=ID_PATTERN, accepted="lower-case letters and digits joined by - . or _"),
        title=table.text("title", required=True),
        version=table.text("version", required=True),
        architecture=table.text("architecture", required=True),
        sha256=table.text("sha256", pattern=_SHA256, accepted="64 hexadecimal digits in lower case"),
        input=_input(table.table("input")),
        labels=tuple(_label(item) for item in table.tables("labels")),
        calibration=_calibration(table.table("calibration")),
        intended_use=_intended_use(table.table("intended_use")),
        licence=table.text("licence"),
        citation=table.text("citation"),
        metrics={name: _estimate(item) for name, item in table.table("metrics", required=False).each_table()},
        gate=_gate(table.table("gate")) if "gate" in table else None,
        members=table.whole("members", low=1, high=MOST_MEMBERS, default=1),
    )
    table.finish()
    _check_together(spec)
    return spec


# ── The parts of a spec ───────────────────────────────────────────────────────────────────────────────────────────


def _input(table: Table) -> InputSpec:
    rows, columns = table.numbers("size", length=2, low=1, whole=True)
    spec = InputSpec(
        size=(int(rows), int(columns)),
        channels=table.one_of("channels", (1, 3)),
        resize=table.one_of("resize", ("pad", "squash", "crop")),
        intensity_range=table.one_of("intensity_range", ("percentile", "window", "full")),
        mean=table.numbers("mean"),
        std=table.numbers("std", low=1e-6),
        percentiles=_pair(table.numbers("percentiles", length=2, low=0, high=100, default=(0.5, 99.5))),
        window=_window(table.table("window")) if "window" in table else None,
        colour=table.flag("colour", default=False),
        enhance=tuple(step for name in table.texts("enhance") for step in ENHANCEMENTS if step == name),
    )
    known = len(spec.enhance) == len(table.texts("enhance")) == len(set(spec.enhance))
    table.require(known, "enhance", f"each of {', '.join(ENHANCEMENTS)} at most once")
    table.require(not spec.colour or spec.channels == 3, "colour", "true only if channels is 3")
    table.require(not (spec.colour and spec.enhance), "enhance", "no step where colour is true")
    table.require(len(spec.mean) == spec.channels, "mean", f"{spec.channels} numbers, one for each channel")
    table.require(len(spec.std) == spec.channels, "std", f"{spec.channels} numbers, one for each channel")
    table.require(spec.percentiles[0] < spec.percentiles[1], "percentiles", "a lower and a higher number")
    windowed = spec.intensity_range == "window"
    table.require(windowed == (spec.window is not None), "window", 'a window exactly if intensity_range is "window"')
    table.finish()
    return spec


def _window(table: Table) -> WindowLevel:
    function = VoiFunction(table.one_of("function", tuple(VoiFunction), default=VoiFunction.LINEAR))
    window = WindowLevel(
        center=table.number("center"),
        width=table.number("width", low=1 if function is VoiFunction.LINEAR else 1e-6),
        function=function,
        explanation=table.text("explanation"),
    )
    table.finish()
    return window


def _label(table: Table) -> Label:
    label = Label(
        name=table.text("name", required=True),
        code=table.text("code"),
        operating_points=tuple(_operating_point(item) for item in table.tables("operating_points", required=False)),
        default_operating_point=table.text("default_operating_point"),
        is_finding=table.flag("is_finding", default=True),
        title=table.text("title"),
    )
    known = bool(label.operating_point) or not label.default_operating_point
    table.require(known, "default_operating_point", "the name of one of the label's operating points")
    names = [point.name for point in label.operating_points]
    table.require(len(set(names)) == len(names), "operating_points", "each name once")
    table.finish()
    return label


def _operating_point(table: Table) -> OperatingPoint:
    point = OperatingPoint(
        name=table.text("name", required=True),
        threshold=table.number("threshold", low=0, high=1),
        criterion=table.text("criterion", required=True),
        origin=table.text("origin", required=True),
        n=table.whole("n", low=0),
        sensitivity=_estimate(table.table("sensitivity")) if "sensitivity" in table else None,
        specificity=_estimate(table.table("specificity")) if "specificity" in table else None,
    )
    table.finish()
    return point


def _estimate(table: Table) -> Estimate:
    estimate = Estimate(
        value=table.number("value", allow_nan=True),
        low=table.number("low", allow_nan=True),
        high=table.number("high", allow_nan=True),
        undefined=table.text("undefined"),
    )
    explained = not math.isnan(estimate.value) or bool(estimate.undefined)
    table.require(explained, "undefined", "the reason why the value is not a number")
    table.finish()
    return estimate


def _calibration(table: Table) -> Calibration:
    calibration = Calibration(
        activation=table.one_of("activation", ("sigmoid", "softmax")),
        method=table.one_of("method", ("none", "temperature", "platt", "operating-point"), default="none"),
        temperature=table.number("temperature", low=1e-6, default=1.0),
        bias=table.numbers("bias", default=()),
        origin=table.text("origin"),
        thresholds=table.numbers("thresholds", low=0, high=1, default=()),
    )
    fits = bool(calibration.thresholds) == (calibration.method == "operating-point")
    table.require(fits, "thresholds", 'numbers exactly if method is "operating-point"')
    between = all(0 < threshold < 1 for threshold in calibration.thresholds)
    table.require(between, "thresholds", "numbers above 0 and below 1")
    table.finish()
    return calibration


def _intended_use(table: Table) -> IntendedUse:
    use = IntendedUse(
        summary=table.text("summary", required=True),
        not_for=table.text("not_for", required=True),
        modalities=table.texts("modalities"),
        body_parts=table.texts("body_parts"),
        view_positions=table.texts("view_positions"),
        min_age_years=table.number("min_age_years", low=0) if "min_age_years" in table else None,
        max_age_years=table.number("max_age_years", low=0) if "max_age_years" in table else None,
    )
    low, high = use.min_age_years or 0, math.inf if use.max_age_years is None else use.max_age_years
    table.require(low <= high, "max_age_years", "an age not below min_age_years")
    table.finish()
    return use


def _gate(table: Table) -> Gate:
    gate = Gate(
        sha256=table.text("sha256", pattern=_SHA256, accepted="64 hexadecimal digits in lower case"),
        usual=table.number("usual", low=0),
        limit=table.number("limit", low=0),
        origin=table.text("origin", required=True),
    )
    table.require(gate.usual <= gate.limit, "limit", "a distance not below usual")
    table.finish()
    return gate


def _check_together(spec: ModelSpec) -> None:
    names = [label.name for label in spec.labels]
    if len(set(names)) != len(names):
        raise bad_field("labels", f"names {names}", "each name once")
    for field in ("bias", "thresholds"):
        count = len(getattr(spec.calibration, field))
        if count not in (0, len(names)):
            raise bad_field(f"calibration.{field}", f"{count} numbers", f"none, or {len(names)}, one a label")
    if spec.calibration.activation == "softmax" and len(names) < 2:
        raise bad_field("calibration.activation", "“softmax” with one label", "“sigmoid” for a single label")


def _pair(numbers: tuple[float, ...]) -> tuple[float, float]:
    first, second = numbers
    return first, second


def _without_empty(value: Any) -> Any:
    """Leave out None and empty tuples, which TOML cannot hold or need not."""
    if isinstance(value, dict):
        return {key: _without_empty(item) for key, item in value.items() if item not in (None, (), {}, "")}
    if isinstance(value, list | tuple):
        return [_without_empty(item) for item in value]
    return value
