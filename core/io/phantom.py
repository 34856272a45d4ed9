"""A chest radiograph that belongs to nobody: a phantom of simple bodies, ray-traced.

A patient made of ellipsoids (trunk, lungs, heart, vessels, diaphragm, vertebrae) and of tubes (ribs, clavicles, the
vessels of the lungs) stands between an X-ray source and a detector. For each pixel the rays' paths through them are
added up in closed form, attenuated after Beer and Lambert, and given scatter, quantum noise and detector blur.

Millimetres; x to the patient's left (right in the picture), y to the back, z to the head. The origin is the middle of
the chest. The view is posteroanterior: the source is behind the patient, the detector in front.

References
----------
Attenuation coefficients at about 60 keV: NIST XCOM, rounded.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from core.io.ray_tracing import (
    SOURCE_TO_DETECTOR_MM,
    SOURCE_TO_PATIENT_MM,
    Ellipsoid,
    Map,
    Rays,
    Tube,
    hull,
    overlap,
    paths_through,
)

if TYPE_CHECKING:
    from pydicom import Dataset

BITS_STORED = 12

MU_SOFT = 0.0200
MU_LUNG = 0.0052
MU_BONE = 0.0480
MU_CORTEX = 0.0660
MU_MARROW = 0.0260
"""Linear attenuation coefficients, 1/mm."""
LEAD = 5.0
"""Attenuation of the letters beside the patient."""
NOT_A_PATIENT = "synthetic, not a patient"


@dataclass(frozen=True, slots=True)
class Opacity:
    """A patch of consolidated lung: where its middle is, how far it reaches, and how much of the air it replaces."""

    x_mm: float = -72.0
    z_mm: float = -38.0
    radius_mm: float = 34.0
    density: float = 0.75


BODY = (
    Ellipsoid((0, 0, -110), (182, 106, 300)),  # trunk
    Ellipsoid((0, 8, 160), (58, 62, 140)),  # neck
    Ellipsoid((-84, 10, 70), (168, 84, 92), 10),  # shoulders
    Ellipsoid((84, 10, 70), (168, 84, 92), -10),
    Ellipsoid((-212, 14, -40), (46, 52, 190), 4),  # arms
    Ellipsoid((212, 14, -40), (46, 52, 190), -4),
)
LUNGS = (Ellipsoid((-70, 0, -10), (63, 88, 152), 8), Ellipsoid((70, 0, -10), (63, 88, 152), -8))
DIAPHRAGM = (Ellipsoid((-68, 0, -200), (80, 106, 112)), Ellipsoid((72, 0, -212), (80, 106, 112)))
MEDIASTINUM = (
    Ellipsoid((24, -24, -80), (61, 48, 47), 30),  # left ventricle
    Ellipsoid((-9, -14, -66), (35, 44, 46)),  # right atrium
    Ellipsoid((0, -8, -40), (32, 50, 60)),
    Ellipsoid((0, 10, 50), (23, 60, 150)),  # great vessels, oesophagus
    Ellipsoid((21, 12, 58), (18, 22, 18)),  # aortic knob
    Ellipsoid((20, -4, 20), (24, 24, 26)),  # pulmonary trunk
    Ellipsoid((-17, -2, 50), (13, 16, 62), 4),  # superior vena cava
)
AIRWAYS = (
    Ellipsoid((1, 12, 130), (8.5, 8.5, 85)),
    Ellipsoid((-18, 12, 42), (6, 6, 24), 40),
    Ellipsoid((24, 12, 40), (5.5, 5.5, 26), -52),
    Ellipsoid((78, -10, -124), (30, 26, 13), 8),  # stomach bubble
)
FLAT_BONES = (
    Ellipsoid((-138, 70, 50), (26, 2.2, 62), -14),  # scapulae
    Ellipsoid((138, 70, 50), (26, 2.2, 62), 14),
    Ellipsoid((-180, 12, 96), (23, 5, 24)),  # heads of the humerus
    Ellipsoid((180, 12, 96), (23, 5, 24)),
)


def synthetic_chest(*, opacity: Opacity | bool = False, seed: int = 0, size: int = 1024) -> NDArray[np.uint16]:
    """Return a posteroanterior chest radiograph of a phantom.

    Parameters
    ----------
    opacity : Opacity or bool
        A consolidation to put into a lung; True for one in the right lower zone.
    seed : int
        Of the branching of the vessels and of the noise: the same seed gives the same picture.
    size : int
        Rows and columns.

    Returns
    -------
    ndarray of uint16, (size, size)
        0 to 4095, MONOCHROME2: bone is bright, air dark.
    """
    # Apart from each other, so that the same seed with an opacity is the same patient under the same noise.
    anatomy, disease, noise = np.random.default_rng(seed).spawn(3)
    rays = Rays(size)
    bodies, air, bones = _soft_tissue(rays), _air(rays), _bones(rays)
    air -= np.clip(paths_through(rays, _vessels(anatomy)), 0, 0.7 * air)
    if opacity:
        patch = Opacity() if opacity is True else opacity
        air -= patch.density * np.clip(paths_through(rays, _patches(disease, patch)), 0, air)
    return _developed(_detected(MU_SOFT * bodies - (MU_SOFT - MU_LUNG) * air + bones, rays, noise))


def chest_dicom(*, opacity: Opacity | bool = False, seed: int = 0, size: int = 1024) -> bytes:
    """Return the phantom as a Digital X-Ray image for presentation, whose header says that it is no patient.

    References
    ----------
    DICOM PS3.3 A.26 (Digital X-Ray Image IOD), C.8.11.
    """
    pixels = synthetic_chest(opacity=opacity, seed=seed, size=size)
    dataset = _header(f"{opacity} {seed} {size}")
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelData = pixels.astype("<u2").tobytes()
    pitch = round(Rays(size).pitch, 6)
    dataset.ImagerPixelSpacing = dataset.PixelSpacing = [pitch, pitch]
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _header(entropy: str) -> Dataset:
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dataset, keyword, generate_uid(entropy_srcs=["Lightbox phantom", keyword, entropy]))
    for keyword, value in _ATTRIBUTES.items():
        setattr(dataset, keyword, value)
    return dataset


_ATTRIBUTES: dict[str, object] = {
    "SpecificCharacterSet": "ISO_IR 192",
    "ImageType": ["ORIGINAL", "PRIMARY"],
    "Modality": "DX",
    "Manufacturer": "Lightbox",
    "ManufacturerModelName": "ray-traced phantom",
    "PatientName": "SYNTHETIC^PHANTOM",
    "PatientID": "SYNTHETIC",
    "PatientBirthDate": "",
    "PatientSex": "",
    "StudyDate": "",
    "StudyTime": "",
    "StudyID": "",
    "AccessionNumber": "",
    "ReferringPhysicianName": "",
    "StudyDescription": NOT_A_PATIENT,
    "SeriesDescription": NOT_A_PATIENT,
    "ImageComments": f"{NOT_A_PATIENT}: ray-traced phantom",
    "QualityControlImage": "YES",
    "SeriesNumber": 1,
    "InstanceNumber": 1,
    "PresentationIntentType": "FOR PRESENTATION",
    "BodyPartExamined": "CHEST",
    "ViewPosition": "PA",
    "PatientOrientation": ["L", "F"],
    "ImageLaterality": "U",
    "DistanceSourceToDetector": SOURCE_TO_DETECTOR_MM,
    "DistanceSourceToPatient": SOURCE_TO_PATIENT_MM,
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16,
    "BitsStored": BITS_STORED,
    "HighBit": BITS_STORED - 1,
    "PixelRepresentation": 0,
    "PixelIntensityRelationship": "LOG",
    "PixelIntensityRelationshipSign": -1,
    "RescaleIntercept": 0,
    "RescaleSlope": 1,
    "RescaleType": "US",
    "PresentationLUTShape": "IDENTITY",
    "LossyImageCompression": "00",
    "BurnedInAnnotation": "NO",
    "WindowCenter": 2100,
    "WindowWidth": 3700,
    "WindowCenterWidthExplanation": "CHEST",
}


# ── The patient ───────────────────────────────────────────────────────────────────────────────────────────────────


def _soft_tissue(rays: Rays) -> Map:
    """Return the path through the body, air of the airways and the stomach left out."""
    path = rays.path(hull(rays, BODY))
    for airway in AIRWAYS:
        path -= rays.path(rays.through(airway))
    return path


def _bones(rays: Rays) -> Map:
    """Return what bones attenuate more than soft tissue, and the letters."""
    paths = np.maximum(paths_through(rays, _long_bones()), 0) + _spine(rays) + LEAD * _letters(rays.size)
    for bone in FLAT_BONES:
        paths += (MU_BONE - MU_SOFT) * rays.path(rays.through(bone))
    return paths


def _letters(size: int) -> Map:
    """Return 1 where letters of lead lie on the detector: the patient's left, and that there is no patient."""
    plate = Pillow.new("L", (size, size))
    draw = ImageDraw.Draw(plate)
    draw.text((0.025 * size, 0.02 * size), "SYNTHETIC", font=ImageFont.load_default(max(0.036 * size, 6)), fill=255)
    draw.text((0.9 * size, 0.1 * size), "L", font=ImageFont.load_default(max(0.06 * size, 6)), fill=255)
    return np.asarray(plate, dtype=np.float32) / 255


def _air(rays: Rays) -> Map:
    """Return the path through the lungs: what neither the mediastinum, the diaphragm nor the spine takes of them."""
    mediastinum = hull(rays, MEDIASTINUM)
    air = -_spine_depth(rays)
    for lung, dome in zip(LUNGS, DIAPHRAGM, strict=True):
        inside = rays.through(lung)
        taken = rays.path(overlap(inside, mediastinum)) + rays.path(overlap(inside, rays.through(dome)))
        air = air + np.maximum(rays.path(inside) - taken, 0)
    return np.maximum(air, 0)


def _vessels(rng: np.random.Generator) -> list[Tube]:
    """Return the vessels of both lungs, branching from the hila."""
    return [tube for side in (-1, 1) for tube in _branching(rng, side)]


def _branching(rng: np.random.Generator, side: int) -> list[Tube]:
    angle = np.radians(np.concatenate([np.linspace(-84, 80, 11), [-70, -50]]) + rng.uniform(-7, 7, 13))
    heading = np.stack([side * np.cos(angle), rng.uniform(-0.5, 0.5, 13), np.sin(angle)], axis=1)
    start = np.array([side * 27.0, 4.0, 12.0 if side < 0 else 18.0]) + rng.normal(0, 5, heading.shape)
    along = np.linspace(0, 1, 48)[:, np.newaxis, np.newaxis]
    length = 25.0
    tubes = []
    for radius in (4.6, 3.5, 2.6, 1.9, 1.4, 1.0, 0.7, 0.7):
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        bend = rng.normal(0, 0.14, heading.shape)
        points = start + (heading * along + bend * along**2) * length * rng.uniform(0.7, 1.3, (len(start), 1))
        tubes.append(Tube(points.reshape(-1, 3).astype(np.float32), length / 48, radius, 1.0))
        heading = np.repeat(heading + 2 * bend, 2, axis=0) + rng.normal(0, 0.4, (2 * len(start), 3))
        start = np.repeat(points[-1], 2, axis=0)
        length *= 0.84
    return tubes


def _long_bones() -> list[Tube]:
    """Return ribs, clavicles and arms: cortex around marrow, so their edges are brighter than their middle."""
    lines = [(_rib(number, side), 5.6) for number in range(1, 11) for side in (-1, 1)]
    lines += [(line(side), radius) for side in (-1, 1) for line, radius in ((_clavicle, 5.6), (_humerus, 11.0))]
    tubes = []
    for points, radius in lines:
        step = float(np.linalg.norm(np.diff(points, axis=0), axis=1).mean())
        tubes.append(Tube(points, step, radius, MU_CORTEX - MU_SOFT))
        tubes.append(Tube(points, step, 0.78 * radius, MU_MARROW - MU_CORTEX))
    return tubes


def _rib(number: int, side: int) -> NDArray[np.float32]:
    """Return the middle line of a rib, from the spine around the side to its cartilage."""
    half_width = (54, 98, 119, 129, 135, 138, 139, 139, 137, 133)[number - 1]
    half_depth = (48, 70, 84, 92, 97, 99, 100, 101, 101, 99)[number - 1]
    top = (133, 122, 101, 76, 51, 26, 1, -24, -49, -73)[number - 1]
    drop = (36, 62, 84, 98, 108, 114, 118, 120, 120, 118)[number - 1]
    angle = np.radians(np.linspace(10, 142, 1500))
    fall = ((1 - np.cos(angle)) / 2) ** 0.95
    x = side * half_width * np.sin(angle) ** 0.85
    return np.stack([x, half_depth * np.cos(angle), top - drop * fall], axis=1).astype(np.float32)


def _clavicle(side: int) -> NDArray[np.float32]:
    along = np.linspace(0, 1, 1200)
    x = side * (16 + 140 * along)
    y = -62 + 74 * along
    z = 88 + 36 * along + 8 * np.sin(2 * np.pi * along)
    return np.stack([x, y, z], axis=1).astype(np.float32)


def _humerus(side: int) -> NDArray[np.float32]:
    along = np.linspace(0, 1, 1500)
    return np.stack([side * (184 + 26 * along), 12 + 0 * along, 92 - 290 * along], axis=1).astype(np.float32)


def _spine_depth(rays: Rays) -> Map:
    """Return the path through the column of the vertebral bodies, 36 mm wide and 26 mm deep."""
    return 26 * np.sqrt(np.maximum(1 - (rays.x / 18) ** 2, 0)) * np.ones_like(rays.z)


def _spine(rays: Rays) -> Map:
    """Return what vertebrae attenuate more than soft tissue: bodies between discs, pedicles, spinous processes."""
    phase = np.mod(rays.z + 6, 24.0) - 12
    body = 1 / (1 + np.exp((np.abs(phase) - 9.2) / 0.7))
    paths = _spine_depth(rays) * (0.4 + 0.6 * body)
    pedicles = sum(np.exp(-(((rays.x - x) / 3.2) ** 2) - ((phase - 3) / 4.2) ** 2) for x in (-11, 11))
    process = np.exp(-((rays.x / 2.6) ** 2) - ((phase + 5) / 6.0) ** 2)
    return np.asarray(0.008 * paths + 0.10 * pedicles + 0.13 * process, dtype=np.float32)


def _patches(rng: np.random.Generator, opacity: Opacity) -> list[Tube]:
    """Return a consolidation: many soft patches, denser towards the middle."""
    middle = np.array([opacity.x_mm, 0.0, opacity.z_mm])
    spread = np.array([0.42, 0.42, 0.36]) * opacity.radius_mm
    patches = []
    for share, count in ((0.34, 26), (0.22, 60), (0.12, 140)):
        radius = share * opacity.radius_mm
        points = (middle + rng.normal(size=(count, 3)) * spread).astype(np.float32)
        # A ball holds as much as 4/3 of its radius of a tube.
        patches.append(Tube(points, 4 / 3 * radius, radius, 0.4))
    return patches


# ── The detector ──────────────────────────────────────────────────────────────────────────────────────────────────


def _detected(path: Map, rays: Rays, rng: np.random.Generator) -> Map:
    """Return the signal of the detector, 1 where nothing is in the way: primary rays, scatter, noise, blur."""
    primary = np.exp(-path)
    signal = primary + 0.5 * _scatter(primary * (path > 0.3), 40 / rays.pitch)
    photons = 9000.0 * (rays.pitch / 0.4) ** 2
    noisy = signal + np.sqrt(signal / photons) * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.maximum(_blurred(noisy), 1e-4)


def _scatter(primary: Map, sigma: float) -> Map:
    """Return the picture blurred by a wide Gaussian, `sigma` in pixels, by way of a coarse picture of 64²."""
    cells = np.array_split(np.arange(len(primary)), 64)
    first = [cell[0] for cell in cells]
    counts = np.array([len(cell) for cell in cells])
    coarse = np.add.reduceat(np.add.reduceat(primary, first, axis=0), first, axis=1) / np.outer(counts, counts)
    middle = np.array([cell.mean() for cell in cells])
    weights = np.exp(-((np.arange(len(primary))[:, np.newaxis] - middle) ** 2) / (2 * sigma**2))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights @ coarse @ weights.T, dtype=np.float32)


def _blurred(picture: Map) -> Map:
    """Return the picture blurred a little, as light spreads in a scintillator: 1 2 1 down and across."""
    padded = np.pad(picture, 1, mode="edge")
    down = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    blurred: Map = (down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]) / 4
    return blurred


def _developed(signal: Map) -> NDArray[np.uint16]:
    """Return 12-bit values: the logarithm of attenuation after a film-like curve, steepest in the lungs."""
    white = 2**BITS_STORED - 1
    density = 1 / (1 + np.exp((-np.log(signal) - 1.62) / -0.68))
    return np.asarray(np.rint(density * white), dtype=np.uint16)
