"""What the header says of the patient and the examination: for the facts panel and for checks of the intended use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from core.domain import Acquisition, Fact, Notice
from core.io.dicom.attributes import items, numbers, text, texts
from core.io.dicom.groups import macro_or_dataset
from core.io.dicom.header import DicomFile

DAYS_PER_YEAR = 365.25
LONGEST_VALUE = 200
_AGE = re.compile(r"(\d{1,3})([DWMY]?)")
_AGE_UNIT_YEARS = {"D": 1 / DAYS_PER_YEAR, "W": 7 / DAYS_PER_YEAR, "M": 1 / 12, "Y": 1.0, "": 1.0}


# ── Acquisition ───────────────────────────────────────────────────────────────────────────────────────────────────


def read_acquisition(dataset: Dataset) -> Acquisition:
    """Return the facts that an intended use is checked against."""
    return Acquisition(
        modality=_code(dataset, "Modality"),
        body_part_examined=_code(dataset, "BodyPartExamined") or _anatomic_region(dataset),
        view_position=_code(dataset, "ViewPosition") or _view(dataset),
        patient_age_years=age_years(dataset),
        patient_sex=_code(dataset, "PatientSex"),
        manufacturer=_code(dataset, "Manufacturer"),
        presentation_intent_type=_code(dataset, "PresentationIntentType"),
    )


def _code(dataset: Dataset, keyword: str) -> str | None:
    value = text(dataset, keyword)
    return value.upper() if value else None


def _anatomic_region(dataset: Dataset) -> str | None:
    """Return the body part as newer objects give it, by the meaning of a code (PS3.3, 10.5)."""
    source = macro_or_dataset(dataset, 0, "FrameAnatomySequence")
    return next((_code(item, "CodeMeaning") for item in items(source, "AnatomicRegionSequence")), None)


def _view(dataset: Dataset) -> str | None:
    """Return AP or PA where only ViewCodeSequence says so (PS3.3, C.8.11.5.1; PS3.16, CID 4010)."""
    meanings = (_code(item, "CodeMeaning") or "" for item in items(dataset, "ViewCodeSequence"))
    views = {"ANTEROPOSTERIOR": "AP", "POSTEROANTERIOR": "PA"}
    return next((views.get(re.sub(r"[\W_]", "", meaning)) for meaning in meanings), None)


def age_years(dataset: Dataset) -> float | None:
    """Return the patient's age at the study: PatientAge, else from PatientBirthDate and the study's date."""
    stated = _AGE.fullmatch((text(dataset, "PatientAge") or "").upper().replace(" ", ""))
    if stated:
        return int(stated[1]) * _AGE_UNIT_YEARS[stated[2]]
    born = parse_date(text(dataset, "PatientBirthDate"))
    days = (
        parse_date(text(dataset, keyword)) for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
    )
    day = next((found for found in days if found is not None), None)
    if born is None or day is None or day < born:
        return None
    return (day - born).days / DAYS_PER_YEAR


def parse_date(value: str | None) -> date | None:
    """Return a DICOM date (YYYYMMDD, or YYYY.MM.DD of old); None where it is not one."""
    digits = re.sub(r"[.\-]", "", value or "")[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


# ── Title and warnings ────────────────────────────────────────────────────────────────────────────────────────────


def title_of(dataset: Dataset) -> str:
    """Return a title for a series: its description where that says more than the view, else "Chest, PA", "CT head"."""
    description = text(dataset, "SeriesDescription") or ""
    if description and not _names_patient(description, dataset) and not _words(description) <= _VIEW_WORDS:
        return description
    acquisition = read_acquisition(dataset)
    view = acquisition.view_position or ", ".join(sorted(_words(description) & _VIEWS)).upper()
    return ", ".join(filter(None, (_subject(acquisition), view))) or "Image"


def _subject(acquisition: Acquisition) -> str:
    """Name what is shown; of a radiograph the modality needs no words."""
    modality, part = acquisition.modality or "", acquisition.body_part_examined or ""
    region = _REGIONS.get(part, part.replace("_", " ").lower())
    if region and (not modality or modality in _RADIOGRAPHS):
        return region[:1].upper() + region[1:]
    return f"{modality} {region}".strip()


_RADIOGRAPHS = frozenset({"CR", "DX", "DR", "RG", "MG", "PX", "IO"})
_VIEWS = frozenset({"pa", "ap", "ll", "rl", "lat", "lateral", "lao", "rao", "cc", "mlo"})
_VIEW_WORDS = _VIEWS | {"view", "projection", "position", ""}
_REGIONS = {
    "CSPINE": "cervical spine",
    "TSPINE": "thoracic spine",
    "LSPINE": "lumbar spine",
    "SSPINE": "sacral spine",
    "WHOLEBODY": "whole body",
}
"""Terms of Body Part Examined (PS3.16, Annex L) that are run together."""


def _names_patient(value: str, dataset: Dataset) -> bool:
    """Return whether a text holds a word of the patient's name or ID."""
    identity = _words(*texts(dataset, "PatientName"), *texts(dataset, "PatientID"))
    return any(len(word) > 2 and word in identity for word in _words(value))


def _words(*values: str) -> set[str]:
    return {word.casefold() for value in values for word in re.split(r"[\W_]+", value)}


def series_notices(dataset: Dataset) -> tuple[Notice, ...]:
    """Return warnings that the header calls for."""
    notices: tuple[Notice, ...] = ()
    if _code(dataset, "BurnedInAnnotation") == "YES":
        notices += (_BURNED_IN,)
    if any(overlay in dataset for overlay in _OVERLAYS):
        notices += (_OVERLAY,)
    return notices


_OVERLAYS = tuple(BaseTag(0x60003000 + (number << 17)) for number in range(16))
_BURNED_IN = Notice(
    "burned-in-annotation",
    "The header says that text is burned into the pixels (BurnedInAnnotation): it may name the patient.",
)
_OVERLAY = Notice(
    "overlay-not-shown", "The file holds graphics to lay over the image (OverlayData), which are not shown here."
)


# ── Facts panel ───────────────────────────────────────────────────────────────────────────────────────────────────


def _plain(dataset: Dataset, keyword: str) -> str:
    return ", ".join(texts(dataset, keyword))


def _name(dataset: Dataset, keyword: str) -> str:
    written = (text(dataset, keyword) or "").split("=")  # alphabetic, ideographic, phonetic
    parts = next((group for group in written if group.strip("^ ")), "").split("^")
    family, given = parts[0].strip(), " ".join(part.strip() for part in parts[1:] if part.strip())
    return ", ".join(part for part in (family, given) if part)


def _date(dataset: Dataset, keyword: str) -> str:
    day = parse_date(text(dataset, keyword))
    return day.isoformat() if day else _plain(dataset, keyword)


def _time(dataset: Dataset, keyword: str) -> str:
    digits = (text(dataset, keyword) or "").replace(":", "")
    return f"{digits[:2]}:{digits[2:4]}" if re.match(r"\d{4}", digits) else ""


def _age(dataset: Dataset, _keyword: str) -> str:
    years = age_years(dataset)
    if years is None:
        return ""
    if years >= 2:
        return f"{int(years)} years"
    return f"{round(years * 12)} months" if years >= 1 / 6 else f"{round(years * DAYS_PER_YEAR)} days"


def _sex(dataset: Dataset, keyword: str) -> str:
    value = _code(dataset, keyword) or ""
    return {"M": "male", "F": "female", "O": "other"}.get(value, value)


def _unit(unit: str) -> Callable[[Dataset, str], str]:
    def formatted(dataset: Dataset, keyword: str) -> str:
        values = numbers(dataset, keyword)
        return f"{' × '.join(f'{value:g}' for value in values)}{unit}" if values else ""

    return formatted


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the panel; `macro` is the functional group that holds the attribute in multi-frame objects."""

    keyword: str
    label: str
    identifying: bool = False
    formatted: Callable[[Dataset, str], str] = _plain
    macro: str = ""


_ROWS = (
    _Row("PatientName", "Patient", identifying=True, formatted=_name),
    _Row("PatientID", "Patient ID", identifying=True),
    _Row("OtherPatientIDs", "Other patient IDs", identifying=True),
    _Row("PatientBirthDate", "Born", identifying=True, formatted=_date),
    _Row("PatientAddress", "Address", identifying=True),
    _Row("PatientTelephoneNumbers", "Telephone", identifying=True),
    _Row("PatientAge", "Age", formatted=_age),
    _Row("PatientSex", "Sex", formatted=_sex),
    _Row("AccessionNumber", "Accession number", identifying=True),
    _Row("StudyID", "Study ID", identifying=True),
    _Row("StudyInstanceUID", "Study UID", identifying=True),
    _Row("SeriesInstanceUID", "Series UID", identifying=True),
    _Row("StudyDate", "Study date", identifying=True, formatted=_date),
    _Row("StudyTime", "Study time", identifying=True, formatted=_time),
    _Row("AcquisitionDate", "Acquired on", identifying=True, formatted=_date),
    _Row("InstitutionName", "Institution", identifying=True),
    _Row("InstitutionAddress", "Institution's address", identifying=True),
    _Row("StationName", "Station", identifying=True),
    _Row("ReferringPhysicianName", "Referring physician", identifying=True, formatted=_name),
    _Row("PerformingPhysicianName", "Performing physician", identifying=True, formatted=_name),
    _Row("NameOfPhysiciansReadingStudy", "Reading physician", identifying=True, formatted=_name),
    _Row("OperatorsName", "Operator", identifying=True, formatted=_name),
    _Row("DeviceSerialNumber", "Device serial number", identifying=True),
    _Row("StudyDescription", "Study", identifying=True),
    _Row("SeriesDescription", "Series"),
    _Row("ProtocolName", "Protocol"),
    _Row("ImageComments", "Comments", identifying=True),
    _Row("Modality", "Modality"),
    _Row("BodyPartExamined", "Body part"),
    _Row("ViewPosition", "View"),
    _Row("ImageLaterality", "Side"),
    _Row("PatientPosition", "Patient position"),
    _Row("SeriesNumber", "Series number"),
    _Row("Manufacturer", "Manufacturer"),
    _Row("ManufacturerModelName", "Model"),
    _Row("MagneticFieldStrength", "Field strength", formatted=_unit(" T")),
    _Row("RepetitionTime", "Repetition time (TR)", formatted=_unit(" ms")),
    _Row("EchoTime", "Echo time (TE)", formatted=_unit(" ms")),
    _Row("InversionTime", "Inversion time (TI)", formatted=_unit(" ms")),
    _Row("FlipAngle", "Flip angle", formatted=_unit("°")),
    _Row("KVP", "Tube voltage", formatted=_unit(" kV")),
    _Row("XRayTubeCurrent", "Tube current", formatted=_unit(" mA")),
    _Row("Exposure", "Exposure", formatted=_unit(" mAs")),
    _Row("ConvolutionKernel", "Reconstruction kernel"),
    _Row("ContrastBolusAgent", "Contrast agent"),
    _Row("GantryDetectorTilt", "Gantry tilt", formatted=_unit("°")),
    _Row("SliceThickness", "Slice thickness", formatted=_unit(" mm"), macro="PixelMeasuresSequence"),
    _Row("SpacingBetweenSlices", "Spacing between slices", formatted=_unit(" mm")),
    _Row("PixelSpacing", "Pixel spacing", formatted=_unit(" mm"), macro="PixelMeasuresSequence"),
    _Row("ImagerPixelSpacing", "Pixel spacing at the detector", formatted=_unit(" mm")),
    _Row("PresentationIntentType", "Intended for"),
    _Row("DoseUnits", "Dose unit"),
    _Row("DoseGridScaling", "Dose of a step"),
)


def facts_of(file: DicomFile) -> tuple[Fact, ...]:
    """Return the facts of a file that its header states, for the panel."""
    return tuple(_facts(file))


def _facts(file: DicomFile) -> Iterator[Fact]:
    for row in _ROWS:
        source = macro_or_dataset(file.dataset, 0, row.macro) if row.macro else file.dataset
        value = row.formatted(source, row.keyword)
        if value:
            yield Fact(
                row.keyword, row.label, value[:LONGEST_VALUE], row.identifying or _names_patient(value, file.dataset)
            )
    layout = file.layout
    yield Fact("Rows", "Matrix", f"{layout.rows} × {layout.columns}")
    yield Fact("BitsStored", "Bits stored", f"{layout.bits_stored} of {layout.bits_allocated}")
    yield Fact("PhotometricInterpretation", "Photometric interpretation", layout.photometric_interpretation)
    yield Fact("TransferSyntaxUID", "Encoding", file.syntax.name)
    if layout.frames > 1:
        yield Fact("NumberOfFrames", "Frames", str(layout.frames))
