"""From a located frame to an image: stored pixels, modality LUT, and everything needed to show them right."""

from __future__ import annotations

from dataclasses import replace

from core.domain import Image, Intensity, Notice, Pixels
from core.errors import StudyError
from core.io.dicom.colour import to_rgb
from core.io.dicom.graphics import read_graphics
from core.io.dicom.header import DicomFile
from core.io.dicom.modality import intensity_of, padding_of, read_modality
from core.io.dicom.palette import apply_palette
from core.io.dicom.spacing import read_spacing
from core.io.dicom.stored import read_stored
from core.io.dicom.voi import read_voi

COLOURS_NOT_SHOWN = Notice(
    "colours-not-shown",
    "The file holds a colour table to lay over its gray values (Supplemental Palette), which is not applied here.",
)


def frame_uid(file: DicomFile, index: int) -> str:
    """Return the key of a frame: digest of the file and number of the frame, counted from 1 as DICOM does."""
    return f"{file.digest}:{index + 1}"


def decode_frame(file: DicomFile, index: int) -> Image:
    """Decode one frame.

    Parameters
    ----------
    file : DicomFile
        With a checked header.
    index : int
        Of the frame, from 0.

    Returns
    -------
    Image
        Gray pixels after the modality LUT, or RGB.

    Raises
    ------
    StudyError
        Where the pixels are damaged, or there is no such frame.
    """
    if not 0 <= index < file.layout.frames:
        raise StudyError(f"There is no frame {index + 1}; the file holds {file.layout.frames}.", code="no-such-frame")
    stored, photometric, repairs = read_stored(file, index)
    notices = file.notices + repairs
    return replace(_image(file, index, stored, photometric, notices), graphics=read_graphics(file, index))


def _image(file: DicomFile, index: int, stored: Pixels, photometric: str, notices: tuple[Notice, ...]) -> Image:
    if photometric == "PALETTE COLOR":
        return _colour(file, index, apply_palette(stored, file), notices)
    if file.layout.samples_per_pixel == 3:
        return _colour(file, index, to_rgb(stored, photometric, bits=file.layout.bits_stored), notices)
    return _gray(file, index, stored, notices)


def _colour(file: DicomFile, index: int, pixels: Pixels, notices: tuple[Notice, ...]) -> Image:
    spacing, spacing_notices = read_spacing(file.dataset, index)
    return Image(
        pixels=pixels,
        intensity=Intensity.RGB,
        photometric_interpretation="RGB",
        uid=frame_uid(file, index),
        spacing=spacing,
        notices=notices + spacing_notices,
    )


def _gray(file: DicomFile, index: int, stored: Pixels, notices: tuple[Notice, ...]) -> Image:
    transform, modality_notices = read_modality(file, index)
    voi, voi_notices = read_voi(file, index, can_be_negative=transform.can_be_negative)
    spacing, spacing_notices = read_spacing(file.dataset, index)
    if "RedPaletteColorLookupTableDescriptor" in file.dataset:
        notices += (COLOURS_NOT_SHOWN,)
    is_inverse = file.layout.photometric_interpretation == "MONOCHROME1"
    return Image(
        pixels=transform.apply(stored),
        intensity=intensity_of(file, index, transform),
        photometric_interpretation="MONOCHROME1" if is_inverse else "MONOCHROME2",
        uid=frame_uid(file, index),
        spacing=spacing,
        voi=voi,
        padding=padding_of(file, transform, dtype=stored.dtype),
        stored_range=None if file.layout.is_float else transform.range,
        notices=notices + modality_notices + voi_notices + spacing_notices,
    )
