"""DICOM files made in memory."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from core.io.dicom import DicomFile, read_header
from core.io.limits import Limits

SMALL = Limits(min_side=1)
"""The usual limits, except that pictures of a few pixels are welcome: their values can be worked out by hand."""

SERIES_UID = "1.2.826.0.1.3680043.10.1338.1"


def dataset_of(pixels: np.ndarray, *, is_colour: bool = False, **attributes: Any) -> Dataset:
    """Return an image, RGB where `is_colour`; `attributes` are set over what the array says, None deletes."""
    rows, columns = pixels.shape[-3:-1] if is_colour else pixels.shape[-2:]
    frames = pixels.size // (rows * columns * (3 if is_colour else 1))
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = "1.2.826.0.1.3680043.10.1338.2"
    dataset.SeriesInstanceUID = SERIES_UID
    dataset.Modality = "CT"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.SamplesPerPixel = 3 if is_colour else 1
    dataset.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        dataset.PlanarConfiguration = 0
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit = dataset.BitsAllocated - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = _even(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())
    dataset["PixelData"].VR = "OW"
    changed(dataset, **attributes)
    return dataset


def changed(dataset: Dataset, **attributes: Any) -> Dataset:
    """Set attributes of a dataset; None deletes."""
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def item(**attributes: Any) -> Dataset:
    """Return an item of a sequence."""
    return changed(Dataset(), **attributes)


def file_of(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Return the bytes of a file in Part 10 format."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CTImageStorage)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3")
    encapsulated = syntax not in (ImplicitVRLittleEndian, ExplicitVRBigEndian) and UID(syntax).is_encapsulated
    if encapsulated and "PixelData" in dataset:
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    target = BytesIO()
    dcmwrite(target, dataset, enforce_file_format=True)
    return target.getvalue()


def bare_of(dataset: Dataset, *, implicit: bool = False, little_endian: bool = True) -> bytes:
    """Return a dataset without preamble and file meta information."""
    target = BytesIO()
    dcmwrite(target, dataset, implicit_vr=implicit, little_endian=little_endian)
    return target.getvalue()


def read(content: bytes, *, name: str = "upload", limits: Limits = SMALL) -> DicomFile:
    """Read a header with limits that suit made files."""
    return read_header(content, name=name, limits=limits)


def image_file(
    pixels: np.ndarray, *, syntax: str = ExplicitVRLittleEndian, is_colour: bool = False, **attributes: Any
) -> DicomFile:
    """Return a made image, read."""
    return read(file_of(dataset_of(pixels, is_colour=is_colour, **attributes), syntax))


def compressed(dataset: Dataset, syntax: str, frames: list[bytes], *, has_bot: bool = False) -> bytes:
    """Return a file whose pixel data are these compressed frames, one fragment each."""
    dataset.PixelData = encapsulate(frames, has_bot=has_bot)
    return file_of(dataset, syntax)


def items_of(*values: bytes) -> bytes:
    """Return encapsulated pixel data of these items, the Basic Offset Table first."""
    parts = [struct.pack("<HHL", 0xFFFE, 0xE000, len(_even(value))) + _even(value) for value in values]
    return b"".join(parts) + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


def _even(content: bytes) -> bytes:
    return content + b"\0" * (len(content) % 2)
