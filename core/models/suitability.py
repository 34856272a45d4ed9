"""Does a study belong to what a model is for? From the header alone, with a reason in words.

Each restriction of an intended use is one check: the header confirms it, comes near (PA where AP is meant),
contradicts it, or does not say. What contradicts is outside the intended use; what comes near or is not said is a
milder notice with its own code. For a model for children an unknown age becomes a contradiction where view or size of
the film are those of adults. A file without any header (PNG, JPEG) gets one notice instead of four.

Outside its intended use a model has scores and no calls, whatever its operating points are: `call_of`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.domain import FREE_TEXT, Acquisition, Image, IntendedUse, Intensity, ModelSpec, Notice, Prediction, Score

OUTSIDE_CODES = frozenset(
    {
        "modality-outside-intended-use",
        "body-part-outside-intended-use",
        "view-outside-intended-use",
        "age-outside-intended-use",
        "unknown-age-outside-intended-use",
        "colour-outside-intended-use",
        "unlike-training-images",
    }
)
"""Codes of the notices that say: the model is not for this image."""

_FRONTAL_VIEWS = frozenset({"AP", "PA"})
"""Views through the patient from front to back or back to front: the same picture, with another magnification."""

UNKNOWN_CODES = frozenset(
    {"modality-unknown", "body-part-unknown", "view-unknown", "age-unknown", "header-absent", "gate-absent"}
)
"""Codes of the milder notices: whether the model is for this image cannot be checked."""

_RADIOGRAPHY = frozenset({"CR", "DX", "DR", "RG"})
"""Projection radiographs. A model for one of them is for all: the plate differs, the picture does not. DR is no term
of PS3.3 C.7.3.1.1.1, but is written by older systems."""
_WITHOUT_MEANING = frozenset({"OT", "SC", "DOC", "PR"})
"""Values of Modality that do not say how the picture was made."""
_COLOUR_MODALITIES = frozenset(
    {"US", "IVUS", "ES", "XC", "GM", "SM", "OP", "OPT", "OCT", "DMS", "NM", "PT", "OT", "SC"}
)

_MODALITY_NAMES = {
    "CR": "a radiograph (CR)",
    "DX": "a radiograph (DX)",
    "DR": "a radiograph (DR)",
    "RG": "a radiograph (RG)",
    "CT": "a CT image",
    "MR": "an MR image",
    "US": "an ultrasound image",
    "MG": "a mammogram (MG)",
    "NM": "a nuclear medicine image (NM)",
    "PT": "a PET image (PT)",
    "XA": "an angiogram (XA)",
    "RF": "a fluoroscopy image (RF)",
    "PX": "a panoramic dental radiograph (PX)",
    "IO": "an intra-oral radiograph (IO)",
    "XC": "a photograph (XC)",
    "ES": "an endoscopy image (ES)",
}
_MODALITY_PLURALS = {"CT": "CT", "MR": "MR", "US": "ultrasound", "MG": "mammography", "PT": "PET"}

_REGIONS = {
    "CHEST": "chest",
    "THORAX": "chest",
    "LUNG": "chest",
    "TORA": "chest",
    "POITRINE": "chest",
    "BRUSTKORB": "chest",
    "POUMON": "chest",
    "POLMON": "chest",
    "PULMON": "chest",
    "HEAD": "head",
    "BRAIN": "head",
    "SKULL": "head",
    "CRANIUM": "head",
    "NECK": "neck",
    "BREAST": "breast",
    "MAMMA": "breast",
    "ABDOMEN": "abdomen",
    "ABD": "abdomen",
    "PELVIS": "pelvis",
    "WHOLEBODY": "whole body",
}
"""Region that a term of Body Part Examined (PS3.16 Annex L) names; combined terms (CHESTABDOMEN) name several."""

_OLDEST_YEARS = 150.0


@dataclass(frozen=True, slots=True)
class Check:
    """What the header says to one restriction of an intended use.

    `aspect` is the start of the notice's code, `message` a sentence for the notice, `found` the header's own words:
    "age 34 years, not 1 to 5".
    """

    aspect: str
    outcome: Literal["fits", "near", "outside", "unknown"]
    message: str = ""
    found: str = ""


def check_intended_use(spec: ModelSpec, acquisition: Acquisition, image: Image) -> tuple[Notice, ...]:
    """Compare how an image was made with what a model is for.

    Returns
    -------
    tuple of Notice
        What contradicts the intended use first (`is_outside_intended_use`), then what else speaks against an answer,
        then what could not be checked; empty where all is as intended.
    """
    use = spec.intended_use
    checks = [*header_checks(use, acquisition), *_colour_check(use, image)]
    if grown := _unlikely_age(use, checks, image):
        # It says all that the notices on view and age would.
        checks = [grown, *(check for check in checks if (check.aspect, check.outcome) not in _SAID_BY_UNLIKELY_AGE)]
    outside = _notices(checks, "outside", suffix="outside-intended-use")
    near = _notices(checks, "near", suffix="differs")
    unknown = _notices(checks, "unknown", suffix="unknown")
    if unknown and _says_nothing(acquisition):
        unknown = [_header_absent(use)]
    return (*outside, *near, *_raw_data(acquisition), *unknown)


def is_outside_intended_use(notice: Notice) -> bool:
    """Whether a notice says that the model is not for this image, rather than that something is not known."""
    return notice.code in OUTSIDE_CODES


def is_call_withheld(prediction: Prediction) -> bool:
    """Whether the image is so far from what the model is for that its scores must not be turned into calls."""
    return any(is_outside_intended_use(warning) for warning in prediction.warnings)


def call_of(prediction: Prediction, score: Score) -> bool | None:
    """Return the call of one of a prediction's scores; None where there is none, or where it is withheld."""
    return None if is_call_withheld(prediction) else score.call


def reasons_against(spec: ModelSpec, acquisition: Acquisition) -> tuple[str, ...]:
    """Name what in the header speaks against a model: "modality CT, not CR or DX"; empty where nothing does."""
    checks = header_checks(spec.intended_use, acquisition)
    return tuple(check.found for check in checks if check.outcome == "outside")


def subject_of(use: IntendedUse) -> str:
    """Name what a model is for: "radiographs (CR, DX) of the chest", or "images" where nothing is restricted."""
    return _what(use) + _where(use)


def _notices(checks: list[Check], outcome: str, *, suffix: str) -> list[Notice]:
    return [Notice(f"{check.aspect}-{suffix}", check.message) for check in checks if check.outcome == outcome]


# ── Checks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def header_checks(use: IntendedUse, acquisition: Acquisition) -> Iterator[Check]:
    """Compare each restriction of an intended use with the header."""
    if use.modalities:
        yield _modality(use, acquisition.modality)
    if use.body_parts:
        yield _body_part(use, acquisition.body_part_examined)
    if use.view_positions:
        yield _view(use, acquisition.view_position)
    if use.min_age_years is not None or use.max_age_years is not None:
        yield _age(use, acquisition.patient_age_years)


def _modality(use: IntendedUse, found: str | None) -> Check:
    if found is None or found in _WITHOUT_MEANING:
        given = "does not say" if found is None else f"(Modality {found}) does not tell"
        return Check("modality", "unknown", f"The file {given} how the image was made; {_is_for(use)}.")
    if _modalities(found) & frozenset().union(*(_modalities(value) for value in use.modalities)):
        return Check("modality", "fits", found=found)
    name = _MODALITY_NAMES.get(found, f"an image of {_quoted(found, 'the modality', 'a modality')}")
    listed = _listed(use.modalities)
    against = f"{_quoted(found, 'modality', 'a modality')}, not {listed}"
    return Check("modality", "outside", f"This is {name}; {_is_for(use)}.", against)


def _body_part(use: IntendedUse, found: str | None) -> Check:
    if found is None:
        return Check("body-part", "unknown", f"The file does not say which part of the body it shows; {_is_for(use)}.")
    if _regions(found) & frozenset().union(*(_regions(value) for value in use.body_parts)):
        return Check("body-part", "fits", found=found)
    message = f"The file says that it shows {_quoted(found, '', 'a body part')} (Body Part Examined); {_is_for(use)}."
    against = f"{_quoted(found, 'body part', 'a body part')}, not {_listed(use.body_parts)}"
    return Check("body-part", "outside", message, against)


def _view(use: IntendedUse, found: str | None) -> Check:
    accepted = _listed(use.view_positions)
    if found is None:
        return Check("view", "unknown", f"The file does not name the view; the model is for {accepted}.")
    if found in use.view_positions:
        return Check("view", "fits", found=found)
    message = f"The view is {_quoted(found, '', 'one')} (View Position); the model is for {accepted}."
    both_frontal = found in _FRONTAL_VIEWS and bool(_FRONTAL_VIEWS & set(use.view_positions))
    outcome: Literal["near", "outside"] = "near" if both_frontal else "outside"
    return Check("view", outcome, message, f"{_quoted(found, 'view', 'a view')}, not {accepted}")


def _age(use: IntendedUse, found: float | None) -> Check:
    if found is None or not 0 <= found <= _OLDEST_YEARS:
        return Check("age", "unknown", f"The file does not give the patient's age; {_is_for(use)}.")
    low = use.min_age_years if use.min_age_years is not None else 0.0
    high = use.max_age_years if use.max_age_years is not None else _OLDEST_YEARS
    # "Up to 5 years" holds until the sixth birthday.
    if low <= found < math.floor(high) + 1:
        return Check("age", "fits", found=_years(found))
    message = f"The patient is {_years(found)} old; {_is_for(use)}."
    return Check("age", "outside", message, f"age {_years(found)}, not {_ages(use)}")


_SAID_BY_UNLIKELY_AGE = frozenset({("view", "near"), ("age", "unknown")})
_ADULT_YEARS = 18
_ADULT_FILM_CM = (30.0, 35.0)
"""Shorter and longer side of an image from which on it has the size of an adult's film, 35 × 43 cm, or nearly so."""


def _unlikely_age(use: IntendedUse, checks: Iterable[Check], image: Image) -> Check | None:
    """Check a model for children where the age is unknown: other evidence may say that this is no small child.

    Small children are examined lying, AP, on small films; PA, standing before the detector, is how adults are.
    """
    outcomes = {check.aspect: check.outcome for check in checks}
    if outcomes.get("age") != "unknown" or not _is_for_children(use):
        return None
    signs = []
    if outcomes.get("view") == "near":
        signs.append("the view is PA (View Position), which is usual for adults")
    if (sides := _sides_cm(image)) and all(side >= least for side, least in zip(sides, _ADULT_FILM_CM, strict=True)):
        signs.append(f"the image covers {sides[0]:.0f} × {sides[1]:.0f} cm, the size of an adult's film")
    if not signs:
        return None
    message = f"The file does not give the patient's age, and {' and '.join(signs)}; {_is_for(use)}."
    return Check("unknown-age", "outside", message)


def _is_for_children(use: IntendedUse) -> bool:
    """Whether a model is for children alone."""
    return use.max_age_years is not None and use.max_age_years < _ADULT_YEARS


def unknown_age_rule(use: IntendedUse) -> str:
    """Say for a model's card what is done with images of unknown age; empty where that is nothing special."""
    if not _is_for_children(use):
        return ""
    return (
        "What the header contradicts gets a score and no call; what it leaves open gets a caution. Where it does not "
        "give the age, a PA film, or one of the size of an adult's (30 × 35 cm or more), gets no call either."
    )


def _sides_cm(image: Image) -> tuple[float, float] | None:
    """Return what an image covers at the detector, shorter side first; None where that is unknown."""
    if image.spacing is None or image.intensity is not Intensity.RADIOGRAPH:
        return None
    height, width = image.shape[0] * image.spacing.row_mm / 10, image.shape[1] * image.spacing.column_mm / 10
    return min(height, width), max(height, width)


def _colour_check(use: IntendedUse, image: Image) -> Iterator[Check]:
    if use.modalities and not _COLOUR_MODALITIES & set(use.modalities) and _has_colour(image):
        yield Check(
            "colour",
            "outside",
            f"This is a picture in colour (a photograph, a screenshot or an overlay); {_is_for(use)}.",
        )


def _has_colour(image: Image) -> bool:
    """Whether one pixel in a hundred is plainly coloured; less is a mark, or what JPEG makes of gray."""
    if not image.is_colour:
        return False
    rows, columns = (max(1, side // 256) for side in image.shape)
    sample = image.pixels[::rows, ::columns].astype(np.int16)
    return bool(np.mean(np.ptp(sample, axis=2) > 24) > 0.01)


def _raw_data(acquisition: Acquisition) -> Iterator[Notice]:
    if acquisition.presentation_intent_type == "FOR PROCESSING":
        yield Notice(
            "raw-detector-data",
            "These are raw data of the detector (Presentation Intent Type FOR PROCESSING), which look unlike the "
            "processed images that models are trained on. Choose the image FOR PRESENTATION of the same study.",
        )


def _says_nothing(acquisition: Acquisition) -> bool:
    return acquisition == Acquisition()


def _header_absent(use: IntendedUse) -> Notice:
    return Notice(
        "header-absent",
        "The file has no header, so how the image was made, of which part of the body and of whom cannot be checked; "
        f"{_is_for(use)}.",
    )


# ── Terms and words ───────────────────────────────────────────────────────────────────────────────────────────────


def _quoted(found: str, term: str, text: str) -> str:
    """Quote what the header says where it is a term; free text may name the patient, so it is only spoken of."""
    return f"{text} that it names in free text" if found == FREE_TEXT else f"{term} {found}".strip()


def _modalities(value: str) -> frozenset[str]:
    return _RADIOGRAPHY if value in _RADIOGRAPHY else frozenset({value})


def _regions(value: str) -> frozenset[str]:
    """Return the regions that a Body Part Examined names; of a term that is not known, the term itself."""
    term = re.sub(r"[^A-Z]", "", value.upper())
    return frozenset(region for name, region in _REGIONS.items() if name in term) or frozenset({term})


def _is_for(use: IntendedUse) -> str:
    return f"the model is for {subject_of(use)}{_whom(use)}"


def _what(use: IntendedUse) -> str:
    if not use.modalities:
        return "images"
    if set(use.modalities) <= _RADIOGRAPHY:
        return f"radiographs ({', '.join(use.modalities)})"
    return f"{_listed([_MODALITY_PLURALS.get(value, value) for value in use.modalities])} images"


def _where(use: IntendedUse) -> str:
    regions = sorted(frozenset().union(*(_regions(value) for value in use.body_parts)))
    return f" of the {_listed([region.lower() for region in regions])}" if regions else ""


def _whom(use: IntendedUse) -> str:
    if use.min_age_years is None and use.max_age_years is None:
        return ""
    between = use.min_age_years is not None and use.max_age_years is not None
    return f", patients {'aged' if between else 'of'} {_ages(use)}"


def _ages(use: IntendedUse) -> str:
    low, high = use.min_age_years, use.max_age_years
    if low is not None and high is not None:
        return f"{low:g} to {high:g} years"
    return f"{low:g} years or older" if low is not None else f"up to {high:g} years"


def _years(age: float) -> str:
    if age < 2:
        months = int(age * 12)
        if months == 0:
            return "less than a month"
        return f"{months} month{'s' if months != 1 else ''}"
    return f"{int(age)} years"


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
