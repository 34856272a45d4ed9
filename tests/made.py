"""Made-up studies, as the bytes of files: for tests and benchmarks that need input and no patient's.

Identity in them is invented and easy to search for: `PATIENT_NAME`, `PATIENT_ID`.
"""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

PATIENT_NAME = "Zebedee^Quill"
PATIENT_ID = "QZ-774411"
SERIES_UID = "1.2.826.0.1.3680043.8.498.77"


def chest_values(size: int = 512) -> NDArray[np.uint16]:
    """Return 12-bit values of a coarse chest, (size, size): bright middle, two dark lungs, a bright patch in one."""
    return _chest_values(size).copy()


@lru_cache(maxsize=8)
def _chest_values(size: int) -> NDArray[np.uint16]:
    row, column = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    body = 2600 * np.exp(-((column / 0.95) ** 6) - (row / 1.1) ** 8)
    lungs = sum(np.exp(-(((column - side) / 0.3) ** 4) - ((row + 0.1) / 0.6) ** 4) for side in (-0.45, 0.45))
    patch = np.exp(-(((column - 0.5) / 0.12) ** 2) - ((row - 0.2) / 0.12) ** 2)
    ribs = 120 * np.cos(row * 40 + np.abs(column) * 6)
    texture = np.random.default_rng(7).normal(0, 25, row.shape)
    return np.clip(400 + body - 1700 * lungs + 900 * patch + ribs * lungs + texture, 0, 4095).astype(np.uint16)


def dicom(pixels: NDArray[Any], attributes: Mapping[str, Any] | None = None) -> bytes:
    """Return a DICOM file with these gray pixels, (rows, columns) of uint16 or int16.

    `attributes` go on top; None as a value takes the attribute away.
    """
    dataset = _dataset(pixels)
    for keyword, value in (attributes or {}).items():
        if value is None:
            dataset.pop(keyword, None)
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    return written(dataset)


def written(dataset: Dataset) -> bytes:
    """Return the bytes of a data set that carries its file meta information."""
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def _dataset(pixels: NDArray[Any]) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{SERIES_UID}.1", f"{SERIES_UID}.2"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = PATIENT_NAME, PATIENT_ID, "20190314"
    dataset.StudyDate, dataset.Modality, dataset.PatientAge, dataset.PatientSex = "20240102", "DX", "004Y", "F"
    dataset.BodyPartExamined, dataset.ViewPosition = "CHEST", "AP"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.ImagerPixelSpacing = [0.2, 0.2]
    dataset.PixelData = np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder("<")).tobytes()
    return dataset


def radiograph(size: int = 512, **attributes: Any) -> bytes:
    """Return a child's chest radiograph, DX, MONOCHROME2, 12 bits."""
    return dicom(chest_values(size), attributes)


def radiograph_twins(size: int = 512) -> tuple[bytes, bytes]:
    """Return one radiograph as MONOCHROME2 and as MONOCHROME1 with inverted values: they must look the same."""
    window = {"WindowCenter": 1500, "WindowWidth": 3000}
    # Value 4095 - v under the mirrored centre; LINEAR's half steps (PS3.3 C.11.2.1.2.1) shift it by one.
    mirrored = {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 4096 - 1500, "WindowWidth": 3000}
    values = chest_values(size)
    return dicom(values, window), dicom((4095 - values).astype(np.uint16), mirrored)


def ct_series(slices: int = 12, size: int = 128, **attributes: Any) -> list[bytes]:
    """Return a CT series of a head-like ball, axial, 1 mm apart, in order of position; each slice holds its number.

    The gray step in the upper left corner of slice i is -1000 + 100 i HU (up to 3000).
    """
    row, column = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    files = []
    for index in range(slices):
        height = (2 * index - slices + 1) / slices
        radius = np.sqrt(row**2 + column**2 + height**2)
        hounsfield = np.select([radius < 0.75, radius < 0.85], [40 + 30 * np.cos(9 * row * (1 + height)), 900], -1000)
        hounsfield[: size // 8, : size // 8] = min(-1000 + 100 * index, 3000)
        files.append(dicom((hounsfield + 1024).astype(np.uint16), _ct_attributes(index) | attributes))
    return files


def _ct_attributes(index: int) -> dict[str, Any]:
    return {
        "SOPClassUID": CTImageStorage,
        "Modality": "CT",
        "BodyPartExamined": "HEAD",
        "ViewPosition": None,
        "ImagerPixelSpacing": None,
        "PixelSpacing": [0.9, 0.9],
        "SliceThickness": 1,
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "ImagePositionPatient": [-50, -50, float(index)],
        "InstanceNumber": index + 1,
        "FrameOfReferenceUID": f"{SERIES_UID}.3",
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
        "RescaleType": "HU",
        "WindowCenter": 40,
        "WindowWidth": 80,
    }


def report() -> bytes:
    """Return a DICOM object without any picture: a structured report."""
    dataset = _dataset(np.zeros((1, 1), np.uint16))
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(dataset, keyword)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    dataset.Modality = "SR"
    return written(dataset)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def png(pixels: NDArray[Any]) -> bytes:
    """Return a PNG: 8 or 16 bits after the dtype, gray or RGB after the shape."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """Return a JPEG of quality 95."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def nifti(values: NDArray[np.float32]) -> bytes:
    """Return a `.nii.gz` of a volume indexed (k, j, i), with 1 mm cells and an affine of LPS turned into RAS.

    Written by hand after the NIfTI-1 header (nifti1.h), so that it is independent of the reader under test.
    """
    slices, rows, columns = values.shape
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, columns, rows, slices, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 16, 32)  # datatype float32, bitpix
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)  # vox_offset
    struct.pack_into("<f", header, 112, 1)  # scl_slope
    struct.pack_into("<hh", header, 252, 0, 1)  # qform_code, sform_code
    struct.pack_into("<12f", header, 280, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0)
    header[344:348] = b"n+1\0"
    return gzip.compress(bytes(header) + np.ascontiguousarray(values, "<f4").tobytes(), mtime=0)


def ball_volume(size: int = 48) -> NDArray[np.float32]:
    """Return an MR-like volume (size, size, size): a bright ball with a brighter core."""
    axes = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j, -1 : 1 : size * 1j]
    radius = np.sqrt(sum(axis**2 for axis in axes))
    return np.select([radius < 0.3, radius < 0.8], [900.0, 400.0], 10.0).astype(np.float32)
