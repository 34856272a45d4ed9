"""Studies to try the reading desk with: a phantom made by code, and small public files that pydicom brings along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from core.domain import Notice, Study
from core.errors import StudyError
from core.io.content import Source
from core.io.importing import import_dicom
from core.io.phantom import NOT_A_PATIENT, chest_dicom
from core.io.study import load_study


@dataclass(frozen=True, slots=True)
class Sample:
    """A study to try. `title` and `description` say in plain English what one sees."""

    id: str
    title: str
    description: str
    is_synthetic: bool = False


SAMPLES = (
    Sample(
        "chest-clear",
        "Chest radiograph, clear lungs",
        f"Posteroanterior view, {NOT_A_PATIENT}: a phantom, ray-traced by this program.",
        is_synthetic=True,
    ),
    Sample(
        "chest-opacity",
        "Chest radiograph, opacity in the right lung",
        f"Posteroanterior view, {NOT_A_PATIENT}: the same phantom with a consolidation in the right lower zone.",
        is_synthetic=True,
    ),
    Sample("ct-head", "CT of the head", "One axial slice through the base of the skull, in Hounsfield units."),
    Sample("ct-vertebra", "CT of a thoracic vertebra", "A small cut-out of an axial slice, in Hounsfield units."),
    Sample("mr-liver", "MR of the abdomen", "One axial slice with a lesion in the liver."),
    Sample("bone-scan", "Bone scan", "Nuclear medicine, whole body, from the front."),
    Sample("ultrasound-doppler", "Power Doppler of a lymph node", "One ultrasound picture in colour."),
    Sample("echocardiogram", "Echocardiogram", "An ultrasound clip of 30 frames in colour."),
)

_BUNDLED = {
    "ct-head": "J2K_pixelrep_mismatch.dcm",
    "ct-vertebra": "CT_small.dcm",
    "mr-liver": "examples_overlay.dcm",
    "bone-scan": "JPGExtended.dcm",
    "ultrasound-doppler": "examples_rgb_color.dcm",
    "echocardiogram": "examples_ybr_color.dcm",
}
"""Files inside pydicom's installed package: public, anonymous, and there without a network."""

_SYNTHETIC = Notice("synthetic", f"This picture is {NOT_A_PATIENT}: it was made by a program to try the desk with.")


def load_sample(sample_id: str) -> Study:
    """Load a sample by its id.

    Raises
    ------
    StudyError
        When there is no such sample, or its file is not in the installation.
    """
    sample = next((sample for sample in SAMPLES if sample.id == sample_id), None)
    if sample is None:
        known = ", ".join(sample.id for sample in SAMPLES)
        raise StudyError("There is no such sample.", hint=f"There are: {known}.", code="no-such-sample")
    import_dicom()
    content = _phantom(has_opacity=sample_id == "chest-opacity") if sample.is_synthetic else _bundled(sample_id)
    return _labelled(load_study([Source(f"{sample.id}.dcm", content)]), sample)


def _labelled(study: Study, sample: Sample) -> Study:
    """Return the study under the sample's title, and, where it is synthetic, with the words that say so."""
    title = f"{sample.title} ({NOT_A_PATIENT})" if sample.is_synthetic else sample.title
    words = (_SYNTHETIC,) if sample.is_synthetic else ()
    series = tuple(replace(one, title=title, notices=(*words, *one.notices)) for one in study.series)
    return replace(study, series=series, is_synthetic=sample.is_synthetic)


@cache
def _phantom(*, has_opacity: bool) -> bytes:
    return chest_dicom(opacity=has_opacity)


def _bundled(sample_id: str) -> bytes:
    from pydicom.data import get_testdata_file

    path = get_testdata_file(_BUNDLED[sample_id], download=False)
    if path is None:
        raise StudyError(
            "The file of this sample is not in the installation.",
            hint="Install pydicom again, with its test files.",
            code="sample-missing",
        )
    return Path(path).read_bytes()
