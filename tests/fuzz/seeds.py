"""What mutants are made of: real files and made ones, of every kind that is read."""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813
from PIL import Image as Pillow
from pydicom.data import get_testdata_files
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from core.io import Source, load_study
from tests import made

CHECKOUT = Path(__file__).resolve().parents[2]
REAL = CHECKOUT.parent / "shared" / "dicom"
LARGEST = 300_000
"""Bytes. Larger seeds cost time and hold no other code than small ones."""
WITHOUT_PICTURE = 6
"""How many seeds may be reports, plans and the like: they are refused at once, however they are damaged."""


@cache
def seeds() -> dict[str, bytes]:
    """Return the files by name, always in the same order."""
    found = [*_bundled(), *_pictures(), *_volumes(), *_made(), *_real()]
    small = {name: content for name, content in found if 0 < len(content) <= LARGEST}
    others = [name for name, content in small.items() if not _has_picture(content)]
    for name in others[WITHOUT_PICTURE:]:
        del small[name]
    return small


def _has_picture(content: bytes) -> bool:
    return bool(load_study([Source("seed", content)]).series)


def _bundled() -> Iterator[tuple[str, bytes]]:
    for path in sorted(map(Path, get_testdata_files())):
        if path.is_file() and "dicomdirtests" not in path.parts and path.suffix in {".dcm", ""}:
            yield f"pydicom/{path.name}", path.read_bytes()


def _real() -> Iterator[tuple[str, bytes]]:
    """Yield studies beside the checkout, where there are any: three small files of each folder."""
    for folder in sorted(path for path in [REAL, *REAL.rglob("*")] if path.is_dir()):
        files = sorted(path for path in folder.iterdir() if path.is_file() and path.stat().st_size <= LARGEST)
        for path in files[:3]:
            yield path.relative_to(REAL.parent).as_posix(), path.read_bytes()


def _made() -> Iterator[tuple[str, bytes]]:
    slices = made.ct_series(3, 48)
    yield "made/radiograph", made.radiograph(64)
    yield "made/report", made.report()
    for syntax in (JPEG2000Lossless, JPEGLSLossless, RLELossless, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian):
        yield f"made/{syntax.name}", _encoded(slices[0], syntax)
    yield "made/series.zip", made.zipped({f"{number}.dcm": content for number, content in enumerate(slices)})
    yield "made/slice.gz", gzip.compress(slices[1], mtime=0)


def _encoded(content: bytes, syntax: pydicom.uid.UID) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(content))
    if syntax.is_encapsulated:
        dataset.compress(syntax, generate_instance_uid=False)
    else:
        dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        dataset["PixelData"].VR = "OW"
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def _pictures() -> Iterator[tuple[str, bytes]]:
    gray = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)
    colour = np.dstack([gray, gray[::-1], np.roll(gray, 9, axis=1)])
    exif = Pillow.Exif()
    exif[0x0112] = 6
    kinds: list[tuple[str, str, np.ndarray, dict[str, object]]] = [
        ("gray.png", "PNG", gray, {}),
        ("deep.png", "PNG", gray.astype(np.uint16) * 257, {}),
        ("alpha.png", "PNG", np.dstack([colour, gray]), {}),
        ("turned.jpg", "JPEG", colour, {"exif": exif}),
        ("progressive.jpg", "JPEG", gray, {"progressive": True}),
        ("lzw.tif", "TIFF", colour, {"compression": "tiff_lzw"}),
        ("jpeg.tif", "TIFF", colour, {"compression": "jpeg"}),
        ("deflate.tif", "TIFF", gray.astype(np.uint16) * 257, {"compression": "tiff_adobe_deflate"}),
        ("float.tif", "TIFF", gray.astype(np.float32), {}),
        ("fax.tif", "TIFF", gray > 50, {"compression": "group4"}),
        ("gray.bmp", "BMP", gray, {}),
        ("colour.bmp", "BMP", colour, {}),
    ]
    for name, format_, pixels, options in kinds:
        yield f"made/{name}", _saved(Pillow.fromarray(pixels), format_, **options)
    frames = [Pillow.fromarray(np.roll(gray, step, axis=0)) for step in (0, 5, 10)]
    yield "made/clip.gif", _saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=40)
    yield "made/pages.tif", _saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    yield "made/cmyk.jpg", _saved(Pillow.fromarray(colour).convert("CMYK"), "JPEG")


def _saved(picture: Pillow.Image, format_: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format_, **options)
    return stream.getvalue()


def _volumes() -> Iterator[tuple[str, bytes]]:
    whole = sitk.GetImageFromArray(np.arange(10 * 12 * 14, dtype=np.int16).reshape(10, 12, 14))
    fractions = sitk.Cast(whole, sitk.sitkFloat32)
    times = sitk.JoinSeries(whole, whole + 1)
    for name, image, compressed in (
        ("whole.nii", whole, False),
        ("fractions.nii.gz", fractions, True),
        ("times.nii", times, False),
        ("whole.mha", whole, False),
        ("packed.mha", fractions, True),
        ("whole.nrrd", whole, False),
        ("packed.nrrd", fractions, True),
    ):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            sitk.WriteImage(image, str(path), compressed)
            yield f"made/{name}", path.read_bytes()
