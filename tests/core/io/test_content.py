from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import StudyError
from core.io.content import Kind, Source, describe_stranger, identify, inflate_gzip, refusal
from tests import made


def nifti_header(magic: bytes, *, order: str = "<") -> bytes:
    header = bytearray(352)
    struct.pack_into(order + "i", header, 0, 348)
    header[344:348] = magic
    return bytes(header)


KNOWN = {
    "DICOM": (made.radiograph(32), Kind.DICOM),
    "PNG": (made.png(np.zeros((4, 4), np.uint8)), Kind.PNG),
    "JPEG": (made.jpeg(np.zeros((4, 4), np.uint8)), Kind.JPEG),
    "TIFF, little endian": (b"II*\x00\x08\x00\x00\x00", Kind.TIFF),
    "TIFF, big endian": (b"MM\x00*\x00\x00\x00\x08", Kind.TIFF),
    "BigTIFF": (b"II+\x00\x08\x00\x00\x00", Kind.TIFF),
    "GIF": (b"GIF89a\x01\x00", Kind.GIF),
    "BMP": (b"BM" + b"\0" * 12 + struct.pack("<I", 40) + b"\0" * 36, Kind.BMP),
    "zip": (made.zipped({"a": b"b"}), Kind.ZIP),
    "empty zip": (made.zipped({}), Kind.ZIP),
    "gzip": (gzip.compress(b"x"), Kind.GZIP),
    "NIfTI-1": (nifti_header(b"n+1\0"), Kind.NIFTI),
    "NIfTI-1, big endian": (nifti_header(b"n+1\0", order=">"), Kind.NIFTI),
    "NIfTI-2": (struct.pack("<i", 540) + b"n+2\0\r\n\x1a\n" + b"\0" * 532, Kind.NIFTI),
    "NIfTI pair": (nifti_header(b"ni1\0"), Kind.NIFTI_PAIR),
    "Analyze": (nifti_header(b"\0\0\0\0"), Kind.ANALYZE),
    "MetaImage": (b"ObjectType = Image\nNDims = 3\nElementDataFile = LOCAL\n\0\0", Kind.METAIMAGE),
    "MetaImage header": (b"NDims = 3\nElementDataFile = pixels.raw\n", Kind.METAIMAGE_HEADER),
    "NRRD": (b"NRRD0004\ntype: short\n\n\0\0", Kind.NRRD),
    "NRRD header": (b"NRRD0005\r\ntype: short\r\ndata file: pixels.raw\r\n\r\n", Kind.NRRD_HEADER),
    "nothing": (b"", Kind.EMPTY),
    "text": (b"Impression: no acute disease.", Kind.OTHER),
}


@pytest.mark.parametrize(("content", "kind"), KNOWN.values(), ids=KNOWN.keys())
def test_content_decides(content: bytes, kind: Kind) -> None:
    assert identify(content) is kind


def test_executable_in_the_preamble_is_still_dicom() -> None:
    content = b"MZ" + made.radiograph(32)[2:]
    assert identify(content) is Kind.DICOM


@pytest.mark.parametrize("meta", [True, False], ids=["from its file meta information", "from its data set"])
def test_dicom_without_preamble(*, meta: bool) -> None:
    content = made.radiograph(32)[132:]
    if not meta:
        length = struct.unpack_from("<I", content, 8)[0]
        content = content[12 + length :]
    assert identify(content) is Kind.DICOM


@pytest.mark.parametrize(
    "start",
    [
        b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 100" + b"\0" * 20,  # implicit, little endian
        b"\x00\x08\x00\x05CS\x00\x0aISO_IR 100" + b"\0" * 20,  # explicit, big endian
    ],
)
def test_dicom_without_preamble_in_other_encodings(start: bytes) -> None:
    assert identify(start) is Kind.DICOM


@pytest.mark.parametrize(
    "content",
    [
        b"\x08\x00\x05\x00XX\x0a\x00" + b"\xff" * 20,  # neither a value representation nor a length
        b"\x08\x00\x05\x00\x0b\x00\x00\x00" + b"\0" * 20,  # an odd length
        b"\x08\x00\x05\x00\xf0\x00\x00\x00" + b"\0" * 20,  # a length beyond the file
        b"\x08\x00\x05\x00",
        b"BM is the beginning of a sentence",
        b"NDims = 3",
        b"ElementDataFile = LOCAL\nNDims = 3",
    ],
)
def test_resemblance_is_not_enough(content: bytes) -> None:
    assert identify(content) is Kind.OTHER


def test_dicomdir_is_named() -> None:
    content = made.radiograph(32).replace(b"1.2.840.10008.5.1.4.1.1.1.1\0", b"1.2.840.10008.1.3.10\0\0\0\0\0\0\0\0", 1)
    assert identify(content) is Kind.DICOMDIR
    assert refusal(content).code == "dicomdir"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"%PDF-1.7\n", "a PDF document"),
        (b"MZ\x90\x00", "a Windows program"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP picture"),
        (b"\0\0\0\x18ftypmp42", "a video (MP4)"),
        (b"\0\0\0\x18ftypheic", "a HEIC picture"),
        ("Befund: unauffällig".encode(), "text"),
        ("ä".encode() * 4095 + b"x", "text"),
        ("Befund".encode("utf-16"), "text"),
        (b"\x01\x02\x03\x04", "bytes of no known format"),
        (b"plain until here \x80\x81\x82\x83 then", "bytes of no known format"),
    ],
)
def test_strangers_are_described(content: bytes, words: str) -> None:
    assert describe_stranger(content) == words
    error = refusal(content)
    assert error.code == "not-a-medical-image"
    assert words in error.message
    assert "DICOM" in error.hint


@pytest.mark.parametrize("kind", ["NIfTI pair", "Analyze", "MetaImage header", "NRRD header"])
def test_header_without_its_pixels_is_told_apart(kind: str) -> None:
    error = refusal(KNOWN[kind][0])
    assert error.code == "missing-pixel-file"
    assert "second file" in error.message
    assert error.hint


def test_empty_file_is_told_apart() -> None:
    assert refusal(b"").code == "empty-file"


@given(st.binary(max_size=600))
def test_any_bytes_are_some_kind(content: bytes) -> None:
    assert isinstance(identify(content), Kind)
    assert describe_stranger(content)


def test_source_shows_neither_name_nor_content() -> None:
    assert repr(Source("Doe^Jane.dcm", b"Jane")) == "Source()"


class TestGzip:
    def test_inflated(self) -> None:
        assert inflate_gzip(gzip.compress(b"pixels" * 99), max_bytes=594) == b"pixels" * 99

    def test_bomb_stops_at_the_limit(self) -> None:
        bomb = gzip.compress(b"\0" * 10_000_000)
        with pytest.raises(StudyError) as caught:
            inflate_gzip(bomb, max_bytes=2**20)
        assert caught.value.code == "inflates-too-large"

    @pytest.mark.parametrize("damage", [lambda content: content[:-12], lambda content: content[:20] + b"\xff" * 40])
    def test_damage(self, damage: object) -> None:
        content = gzip.compress(np.random.default_rng(0).bytes(5000))
        with pytest.raises(StudyError) as caught:
            inflate_gzip(damage(content), max_bytes=2**20)  # type: ignore[operator]
        assert caught.value.code == "damaged-archive"


def test_every_file_of_pydicom_with_pixels_is_dicom() -> None:
    import pydicom

    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    others = {path.name for path in folder.glob("*.dcm") if identify(path.read_bytes()) is not Kind.DICOM}
    assert others == {"no_meta.dcm"}  # a stray byte stands before its first element
