"""From a file of a set to what a network is given, and to what is kept of the file: facts without identity."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from core.assessment.labelled_set import Files
from core.assessment.store import FileFacts, Store
from core.domain import Frame, Image, ModelSpec, Series
from core.errors import CoreError, StudyError
from core.io import Source, load_study
from core.models.suitability import check_intended_use
from core.windowing import LUMINANCE

if TYPE_CHECKING:
    from torch import Tensor

THUMB_SIDE = 64
_SAMPLED_SIDE = 512
_AGE_BANDS = ((1, "under 1 year"), (6, "1–5"), (13, "6–12"), (18, "13–17"), (40, "18–39"), (60, "40–59"), (80, "60–79"))
_OLDEST_BAND = "80 and over"

_SOURCES = ("io", "models", "windowing.py", "domain.py")
_LIBRARIES = ("numpy", "pillow", "pydicom", "SimpleITK", "torch", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "pyjpegls")


@cache
def code_version() -> str:
    """Return a digest of all code that an answer depends on: Lightbox's own and the versions of libraries.

    Nobody has to remember to raise a number: when a line of the readers changes, images are computed anew.
    """
    core = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for place in _SOURCES:
        path = core / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    digest.update(" ".join(f"{name} {version(name)}" for name in _LIBRARIES).encode())
    return digest.hexdigest()[:16]


def answer_version(spec: ModelSpec, device: str) -> str:
    """Return a digest of all that an answer to an image depends on, beside the image: model, settings, code."""
    gate = "" if spec.gate is None else spec.gate.sha256
    settings = (spec.sha256, spec.architecture, len(spec.labels), spec.input, gate, spec.intended_use, device)
    return hashlib.sha256(f"{settings!r}{code_version()}".encode()).hexdigest()


def answer_key(sha256: str, frame: int, of_model: str) -> str:
    """Return the key of the answer to a frame; `of_model` is its `answer_version`."""
    return hashlib.sha256(f"{sha256}:{frame}:{of_model}".encode()).hexdigest()


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class OpenedFile:
    """A file whose headers are read: its pictures, not decoded yet."""

    facts: FileFacts
    frames: tuple[tuple[Series, Frame], ...] = ()


def open_file(files: Files, name: str, store: Store) -> OpenedFile:
    """Read the bytes of a file, and its headers; a failure is in the facts. Without bytes there is no SHA-256."""
    try:
        content = files.read(name)
    except StudyError as error:
        return OpenedFile(FileFacts("", code=error.code, message=error.message))
    source = Source("file", content)
    try:
        study = load_study([source])
    except CoreError as error:
        return OpenedFile(FileFacts(source.digest, code=error.code, message=error.message))
    frames = tuple((series, frame) for series in study.series for frame in series.frames)
    if not frames:
        rejected = study.rejected[0]
        return OpenedFile(FileFacts(source.digest, code=rejected.code, message=rejected.message))
    return OpenedFile(_facts(source.digest, frames, store), frames)


def _facts(sha256: str, frames: tuple[tuple[Series, Frame], ...], store: Store) -> FileFacts:
    series = frames[0][0]
    said = {fact.keyword: fact.value for fact in series.facts}
    patient = said.get("PatientID", "")
    return FileFacts(
        sha256=sha256,
        frames=len(frames),
        patient=store.pseudonym("patient", patient) if patient else "",
        attributes=_attributes(series, said.get("InstitutionName", ""), store),
    )


def _attributes(series: Series, institution: str, store: Store) -> dict[str, str]:
    """Return what subgroups are made of; an institution is told from others, but not named."""
    how = series.acquisition
    found = {
        "Sex": how.patient_sex,
        "Age": None if how.patient_age_years is None else age_band(how.patient_age_years),
        "View": how.view_position,
        "Modality": how.modality,
        "Manufacturer": how.manufacturer,
        "Institution": f"site {store.pseudonym('institution', institution)[:4]}" if institution else None,
    }
    return {name: value for name, value in found.items() if value}


def age_band(years: float) -> str:
    """Return the band of an age in whole years."""
    return next((band for limit, band in _AGE_BANDS if years < limit), _OLDEST_BAND)


# ── Pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFrame:
    """A frame as the network is given it; `code` and `message` say why it cannot be, and `tensor` is then None.

    `notices` are the codes of what speaks against an answer.
    """

    number: int
    tensor: Tensor | None = None
    notices: tuple[str, ...] = ()
    code: str = ""
    message: str = ""


def prepare_frames(opened: OpenedFile, spec: ModelSpec, numbers: Iterable[int]) -> Iterator[PreparedFrame]:
    """Decode some pictures of a file one by one and prepare each as `core predict` does."""
    from core.models.preprocessing import to_tensor

    for number in numbers:
        series, frame = opened.frames[number]
        try:
            image = frame.load()
            notices = tuple(one.code for one in check_intended_use(spec, series.acquisition, image))
            yield PreparedFrame(number, to_tensor(image, spec.input).tensor, notices)
        except CoreError as error:
            yield PreparedFrame(number, code=error.code, message=error.message)


def thumb_of(opened: OpenedFile) -> tuple[bytes, CoreError | None]:
    """Return a small gray picture of the middle frame, THUMB_SIDE² bytes, by which copies are found; else the fault."""
    try:
        image = opened.frames[len(opened.frames) // 2][1].load()
    except CoreError as error:
        return b"", error
    return thumbnail(image).tobytes(), None


def thumbnail(image: Image) -> NDArray[np.uint8]:
    """Return a gray picture of THUMB_SIDE², squashed, from its darkest to its brightest value."""
    row_step, column_step = (max(1, side // _SAMPLED_SIDE) for side in image.shape)
    sampled = np.asarray(image.pixels[::row_step, ::column_step], dtype=np.float32)
    gray = sampled @ np.array(LUMINANCE, dtype=np.float32) if image.is_colour else sampled
    gray = np.nan_to_num(gray, posinf=0.0, neginf=0.0)
    small = np.asarray(Pillow.fromarray(gray).resize((THUMB_SIDE, THUMB_SIDE), Pillow.Resampling.BOX))
    low, high = float(small.min()), float(small.max())
    scaled = (small - low) / max(high - low, 1e-6) * 255
    upright = 255 - scaled if image.photometric_interpretation == "MONOCHROME1" else scaled
    return np.rint(upright).astype(np.uint8)
