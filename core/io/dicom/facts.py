"""What the header says of the patient and the examination: for the facts panel and for checks of the intended use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from pydicom.dataset import Dataset

from core.domain import FREE_TEXT, Acquisition, Fact, Notice
from core.io.dicom.attributes import integer, items, numbers, text, texts
from core.io.dicom.graphics import graphics_notices
from core.io.dicom.groups import macro_or_dataset
from core.io.dicom.header import DicomFile
from core.io.dicom.identity import (
    holds_identity,
    is_body_part,
    is_plain,
    plain_body_part,
    plain_code,
    plain_words,
)
from core.io.dicom.terms import MODALITIES, VIEWS, folded, is_joining, is_of_maker, words_of

DAYS_PER_YEAR = 365.25
LONGEST_VALUE = 200
SEXES = frozenset({"M", "F", "O"})
INTENTS = frozenset({"FOR PRESENTATION", "FOR PROCESSING"})
POSITIONS = ("HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL", "LFP", "LFS", "RFP", "RFS", "AFDR", "AFDL")
_AGE = re.compile(r"(\d{1,3})([DWMY]?)")
_AGE_UNIT_YEARS = {"D": 1 / DAYS_PER_YEAR, "W": 7 / DAYS_PER_YEAR, "M": 1 / 12, "Y": 1.0, "": 1.0}


# ── Acquisition ───────────────────────────────────────────────────────────────────────────────────────────────────


def read_acquisition(dataset: Dataset) -> Acquisition:
    """Return the facts that an intended use is checked against."""
    return Acquisition(
        modality=plain_code(text(dataset, "Modality"), MODALITIES),
        body_part_examined=plain_body_part(text(dataset, "BodyPartExamined") or _anatomic_region(dataset)),
        view_position=plain_code(text(dataset, "ViewPosition"), VIEWS) or _view(dataset),
        patient_age_years=age_years(dataset),
        patient_sex=plain_code(text(dataset, "PatientSex"), SEXES),
        manufacturer=_manufacturer(dataset),
        presentation_intent_type=plain_code(text(dataset, "PresentationIntentType"), INTENTS),
    )


def _manufacturer(dataset: Dataset) -> str | None:
    value = text(dataset, "Manufacturer")
    return None if value is None else FREE_TEXT if holds_identity(value, dataset) else value.upper()


def _anatomic_region(dataset: Dataset) -> str | None:
    """Return the body part as newer objects give it, by the meaning of a code (PS3.3, 10.5)."""
    source = macro_or_dataset(dataset, 0, "FrameAnatomySequence")
    return next((text(item, "CodeMeaning") for item in items(source, "AnatomicRegionSequence")), None)


def _view(dataset: Dataset) -> str | None:
    """Return AP or PA where only ViewCodeSequence says so (PS3.3, C.8.11.5.1; PS3.16, CID 4010)."""
    meanings = (text(item, "CodeMeaning") or "" for item in items(dataset, "ViewCodeSequence"))
    views = {"anteroposterior": "AP", "posteroanterior": "PA"}
    return next((views.get(folded(meaning)) for meaning in meanings), None)


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
    """Return a title for a series: its description where that says more than the view, else "Chest, PA", "CT head".

    Of a description that holds free text, the known terms are put behind: "MR head, T2 FLAIR".
    """
    acquisition, description = read_acquisition(dataset), text(dataset, "SeriesDescription") or ""
    is_all_view = all(folded(word) in _VIEW_WORDS for word in words_of(description))
    if is_plain(description, dataset) and not is_all_view:
        return " ".join(description.split())
    kept = plain_words(description, dataset)
    view = known(acquisition.view_position) or ", ".join(sorted({*map(folded, kept)} & _VIEWS)).upper()
    title = ", ".join(filter(None, (_subject(acquisition), view)))
    said = {*map(folded, words_of(title)), *_VIEW_WORDS, *_GENERAL_WORDS}
    more = [word for word in kept if len(word) > 1 and not is_joining(word) and folded(word) not in said]
    return ", ".join(filter(None, (title, " ".join(more)))) or "Image"


def _subject(acquisition: Acquisition) -> str:
    """Name what is shown; of a radiograph the modality needs no words."""
    modality, part = known(acquisition.modality), known(acquisition.body_part_examined)
    region = _REGIONS.get(part, part.replace("_", " ").lower())
    if region and (not modality or modality in _RADIOGRAPHS):
        return region[:1].upper() + region[1:]
    return f"{modality} {region}".strip()


def known(value: str | None) -> str:
    """Return a value that may be quoted; empty where there is none."""
    return "" if value is None or value == FREE_TEXT else value


_RADIOGRAPHS = frozenset({"CR", "DX", "DR", "RG", "MG", "PX", "IO"})
_VIEWS = frozenset({"pa", "ap", "ll", "rl", "lat", "lateral", "lao", "rao", "cc", "mlo"})
_VIEW_WORDS = _VIEWS | {"view", "projection", "position", ""}
_GENERAL_WORDS = frozenset({"scan", "image", "images", "series", "study", "exam", "year", "result", "results"})
_REGIONS = {
    "CSPINE": "cervical spine",
    "TSPINE": "thoracic spine",
    "LSPINE": "lumbar spine",
    "SSPINE": "sacral spine",
    "WHOLEBODY": "whole body",
}
"""Terms of Body Part Examined (PS3.16, Annex L) that are run together."""


def series_notices(dataset: Dataset) -> tuple[Notice, ...]:
    """Return warnings that the header calls for."""
    notices: tuple[Notice, ...] = ()
    if (text(dataset, "BurnedInAnnotation") or "").upper() == "YES":
        notices += (_BURNED_IN,)
    return notices + graphics_notices(dataset)


_BURNED_IN = Notice(
    "burned-in-annotation",
    "The header says that text is burned into the pixels (BurnedInAnnotation): it may name the patient.",
)


# ── Facts panel ───────────────────────────────────────────────────────────────────────────────────────────────────


def _plain(dataset: Dataset, keyword: str) -> str:
    return ", ".join(texts(dataset, keyword))


def _name(dataset: Dataset, keyword: str) -> str:
    written = (text(dataset, keyword) or "").split("=")  # alphabetic, ideographic, phonetic
    parts = next((group for group in written if group.strip("^ ")), "").split("^")
    family, given = parts[0].strip(), " ".join(part.strip() for part in parts[1:] if part.strip())
    return ", ".join(part for part in (family, given) if part)


def _whole(dataset: Dataset, keyword: str) -> str:
    value = integer(dataset, keyword)
    return "" if value is None else str(value)


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
    value = (text(dataset, keyword) or "").upper()
    return {"M": "male", "F": "female", "O": "other"}.get(value, value)


def _unit(unit: str) -> Callable[[Dataset, str], str]:
    def formatted(dataset: Dataset, keyword: str) -> str:
        values = numbers(dataset, keyword)
        return f"{' × '.join(f'{value:g}' for value in values)}{unit}" if values else ""

    return formatted


Shown = Callable[[str, Dataset], bool]
"""Tells whether a value may be shown unasked."""


def _never(_value: str, _dataset: Dataset) -> bool:
    return False


def _always(_value: str, _dataset: Dataset) -> bool:
    return True


def _body_part(value: str, _dataset: Dataset) -> bool:
    return is_body_part(value)


def _maker(value: str, dataset: Dataset) -> bool:
    return all(map(is_of_maker, words_of(value))) and not holds_identity(value, dataset)


def _one_of(*terms: str) -> Shown:
    return lambda value, _dataset: value.upper() in terms


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the panel, identifying unless `shown`; `macro` is the group that holds it in multi-frame objects."""

    keyword: str
    label: str
    shown: Shown
    formatted: Callable[[Dataset, str], str] = _plain
    macro: str = ""


_ROWS = (
    _Row("PatientName", "Patient", _never, formatted=_name),
    _Row("PatientID", "Patient ID", _never),
    _Row("OtherPatientIDs", "Other patient IDs", _never),
    _Row("PatientBirthDate", "Born", _never, formatted=_date),
    _Row("PatientAddress", "Address", _never),
    _Row("PatientTelephoneNumbers", "Telephone", _never),
    _Row("PatientAge", "Age", _always, formatted=_age),
    _Row("PatientSex", "Sex", _one_of("MALE", "FEMALE", "OTHER"), formatted=_sex),
    _Row("AccessionNumber", "Accession number", _never),
    _Row("StudyID", "Study ID", _never),
    _Row("StudyInstanceUID", "Study UID", _never),
    _Row("SeriesInstanceUID", "Series UID", _never),
    _Row("StudyDate", "Study date", _never, formatted=_date),
    _Row("StudyTime", "Study time", _never, formatted=_time),
    _Row("AcquisitionDate", "Acquired on", _never, formatted=_date),
    _Row("InstitutionName", "Institution", _never),
    _Row("InstitutionAddress", "Institution's address", _never),
    _Row("StationName", "Station", _never),
    _Row("ReferringPhysicianName", "Referring physician", _never, formatted=_name),
    _Row("PerformingPhysicianName", "Performing physician", _never, formatted=_name),
    _Row("NameOfPhysiciansReadingStudy", "Reading physician", _never, formatted=_name),
    _Row("OperatorsName", "Operator", _never, formatted=_name),
    _Row("DeviceSerialNumber", "Device serial number", _never),
    _Row("StudyDescription", "Study", _never),
    _Row("SeriesDescription", "Series", is_plain),
    _Row("ProtocolName", "Protocol", is_plain),
    _Row("ImageComments", "Comments", _never),
    _Row("Modality", "Modality", _one_of(*MODALITIES)),
    _Row("BodyPartExamined", "Body part", _body_part),
    _Row("ViewPosition", "View", _one_of(*VIEWS)),
    _Row("ImageLaterality", "Side", _one_of("L", "R", "U", "B")),
    _Row("PatientPosition", "Patient position", _one_of(*POSITIONS)),
    _Row("SeriesNumber", "Series number", _always, formatted=_whole),
    _Row("Manufacturer", "Manufacturer", _maker),
    _Row("ManufacturerModelName", "Model", is_plain),
    _Row("MagneticFieldStrength", "Field strength", _always, formatted=_unit(" T")),
    _Row("RepetitionTime", "Repetition time (TR)", _always, formatted=_unit(" ms")),
    _Row("EchoTime", "Echo time (TE)", _always, formatted=_unit(" ms")),
    _Row("InversionTime", "Inversion time (TI)", _always, formatted=_unit(" ms")),
    _Row("FlipAngle", "Flip angle", _always, formatted=_unit("°")),
    _Row("KVP", "Tube voltage", _always, formatted=_unit(" kV")),
    _Row("XRayTubeCurrent", "Tube current", _always, formatted=_unit(" mA")),
    _Row("Exposure", "Exposure", _always, formatted=_unit(" mAs")),
    _Row("ConvolutionKernel", "Reconstruction kernel", is_plain),
    _Row("ContrastBolusAgent", "Contrast agent", is_plain),
    _Row("GantryDetectorTilt", "Gantry tilt", _always, formatted=_unit("°")),
    _Row("SliceThickness", "Slice thickness", _always, formatted=_unit(" mm"), macro="PixelMeasuresSequence"),
    _Row("SpacingBetweenSlices", "Spacing between slices", _always, formatted=_unit(" mm")),
    _Row("PixelSpacing", "Pixel spacing", _always, formatted=_unit(" mm"), macro="PixelMeasuresSequence"),
    _Row("ImagerPixelSpacing", "Pixel spacing at the detector", _always, formatted=_unit(" mm")),
    _Row("PresentationIntentType", "Intended for", _one_of(*INTENTS)),
    _Row("DoseUnits", "Dose unit", _one_of("GY", "RELATIVE")),
    _Row("DoseGridScaling", "Dose of a step", _always),
)


def facts_of(file: DicomFile) -> tuple[Fact, ...]:
    """Return the facts of a file that its header states, for the panel."""
    return tuple(_facts(file))


def _facts(file: DicomFile) -> Iterator[Fact]:
    for row in _ROWS:
        source = macro_or_dataset(file.dataset, 0, row.macro) if row.macro else file.dataset
        value = row.formatted(source, row.keyword)
        if value:
            is_identifying = not row.shown(value, file.dataset)
            yield Fact(row.keyword, row.label, value[:LONGEST_VALUE], is_identifying)
    layout = file.layout
    yield Fact("Rows", "Matrix", f"{layout.rows} × {layout.columns}")
    yield Fact("BitsStored", "Bits stored", f"{layout.bits_stored} of {layout.bits_allocated}")
    yield Fact("PhotometricInterpretation", "Photometric interpretation", layout.photometric_interpretation)
    yield Fact("TransferSyntaxUID", "Encoding", file.syntax.name)
    if layout.frames > 1:
        yield Fact("NumberOfFrames", "Frames", str(layout.frames))
