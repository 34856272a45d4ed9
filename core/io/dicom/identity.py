"""What of a header may be shown unasked: known terms that are no part of the patient's identity.

See `core.io.dicom.terms` for why terms are listed rather than names.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from pydicom.dataset import Dataset

from core.domain import FREE_TEXT
from core.io.dicom.attributes import texts
from core.io.dicom.terms import folded, is_anatomical, is_joining, is_term, words_of

_IDENTITY = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "OtherPatientIDs",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientMotherBirthName",
    "PatientBirthDate",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "MilitaryRank",
    "MedicalRecordLocator",
    "AccessionNumber",
    "StudyID",
    "AdmissionID",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "NameOfPhysiciansReadingStudy",
    "PhysiciansOfRecord",
    "RequestingPhysician",
    "OperatorsName",
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "StationName",
)
"""Attributes that name a person, a place or a case."""

_SHORTEST = 3
"""Letters of a part of a name that is looked for across words; a shorter one is looked for as a word."""


def is_plain(value: str, dataset: Dataset) -> bool:
    """Whether a text is made of known terms alone, and none of them says whose examination it is."""
    return all(is_term(word) for word in words_of(value)) and not holds_identity(value, dataset)


def plain_words(value: str, dataset: Dataset) -> tuple[str, ...]:
    """Return the terms of a text that may be shown, in their order."""
    named = identity_of(dataset)
    kept = tuple(word for word in words_of(value) if is_term(word) and folded(word) not in named)
    return () if holds_identity(" ".join(kept), dataset) else kept


def plain_body_part(value: str | None) -> str | None:
    """Return a body part as far as it is one: its known terms, in upper case, or FREE_TEXT where it has none."""
    if not value:
        return None
    if is_body_part(value):
        return value.upper()
    return " ".join(word.upper() for word in words_of(value) if is_anatomical(word)) or FREE_TEXT


def is_body_part(value: str) -> bool:
    """Whether a text names parts of the body and nothing else."""
    words = words_of(value)
    return any(map(is_anatomical, (*words, value))) and all(is_anatomical(word) or is_joining(word) for word in words)


def plain_code(value: str | None, terms: Collection[str]) -> str | None:
    """Return a code in upper case where it is one of the terms, else FREE_TEXT; None where there is none."""
    if not value:
        return None
    return value.upper() if value.upper() in terms else FREE_TEXT


def holds_identity(value: str, dataset: Dataset) -> bool:
    """Whether a text holds a part of a name, ID, date of birth or place, however it is written or spread over words.

    That a known term happens to hold a short name (Han, enhanced) says nothing.
    """
    plain = [folded(word) for word in words_of(value)]
    joined = "".join(plain)
    terms = [word for word in plain if is_term(word)]
    return any(
        part in plain or (len(part) >= _SHORTEST and part in joined and not any(part in term for term in terms))
        for part in identity_of(dataset)
    )


def identity_of(dataset: Dataset) -> frozenset[str]:
    """Return the parts of all that identifies, each folded: words of names, whole IDs, the date of birth.

    Where institutions and physicians are named by terms of radiology ("Chest Clinic"), these say nothing.
    """
    found = _dates(dataset)
    for keyword in _IDENTITY:
        for value in texts(dataset, keyword):
            words = [word for word in words_of(value) if not is_joining(word)]
            parts = {folded(part) for part in (value, *words)} if words else set()
            found |= parts if keyword.startswith("Patient") else {part for part in parts if not is_term(part)}
    return frozenset(part for part in found if len(part) > 1)


def _dates(dataset: Dataset) -> set[str]:
    """Return the date of birth in the orders in which people write it."""
    digits = "".join(texts(dataset, "PatientBirthDate"))[:8]
    if not re.fullmatch(r"\d{8}", digits):
        return set()
    year, month, day = digits[:4], digits[4:6], digits[6:]
    return {head + tail for head in (day + month, month + day) for tail in (year, year[2:])} | {digits, digits[2:]}
