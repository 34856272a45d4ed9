"""Cases 26 to 37: compressed pixels, encodings, and files that are not what they seem."""

from __future__ import annotations

import logging
import random
import struct
import tracemalloc
import zlib
from datetime import UTC, datetime
from pathlib import Path

import jpeg_ls
import numpy as np
import pytest
from openjpeg.utils import encode_array
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from core.deid import MASK, masked, without_identity
from core.domain import Fact
from core.reports import ReportInput, reading_html, reading_json, reading_png
from tests import made
from tests.core.io.dicom.made import bare_of, compressed, dataset_of, file_of
from tests.intake.door import asked, codes, refused, series_of, shown

PICTURE = np.random.default_rng(3).integers(0, 4096, (64, 48), np.uint16)


def jpeg2000() -> bytes:
    return encode_array(PICTURE, photometric_interpretation=2, bits_stored=12)


def test_case_26_jpeg_2000_that_claims_65000_squared() -> None:
    frame = bytearray(jpeg2000())
    size = frame.index(b"\xff\x51") + 6  # Xsiz and Ysiz, T.800 A.5.1
    struct.pack_into(">2I", frame, size, 65000, 65000)
    error = refused(compressed(dataset_of(PICTURE), JPEG2000Lossless, [bytes(frame)]))
    assert error.code == "size-mismatch"
    assert "65000 × 65000" in error.message
    assert "the header says 64 × 48" in error.message


def test_case_27_rle_that_claims_60000_squared() -> None:
    segments = struct.pack("<16L", 2, 64, 66, *[0] * 13) + b"\x81\0\x81\0"
    dataset = dataset_of(PICTURE, Rows=60000, Columns=60000)
    error = refused(compressed(dataset, RLELossless, [segments]))
    assert error.code == "image-too-large"
    assert "at most 100 million" in error.message


def test_case_28_corrupt_jpeg_2000() -> None:
    frame = jpeg2000()
    for broken in (frame[: len(frame) // 3], frame[:200] + b"\xff" * 400 + frame[600:], frame[:60] + b"\0" * 4000):
        error = refused(compressed(dataset_of(PICTURE), JPEG2000Lossless, [broken]))
        assert error.code in {"damaged-pixel-data", "decoder-crashed"}
    np.testing.assert_array_equal(
        shown(compressed(dataset_of(PICTURE), JPEG2000Lossless, [frame])).pixels, PICTURE
    )  # the application goes on


def test_case_29_corrupt_jpeg_ls() -> None:
    frame = bytes(jpeg_ls.encode_array(PICTURE))
    np.testing.assert_array_equal(shown(compressed(dataset_of(PICTURE), JPEGLSLossless, [frame])).pixels, PICTURE)
    for broken in (frame[: len(frame) // 2], frame[:40] + b"\xff\xff" * 50 + frame[140:], frame[:-300]):
        assert refused(compressed(dataset_of(PICTURE), JPEGLSLossless, [broken])).code == "damaged-pixel-data"


def test_case_30_unknown_and_video_transfer_syntaxes() -> None:
    video = refused(compressed(dataset_of(PICTURE), MPEG2MPML, [b"\0\0\1\xb3" * 8]))
    assert video.code == "unsupported-transfer-syntax"
    assert "MPEG2 Main Profile" in video.message
    content = compressed(dataset_of(PICTURE), MPEG2MPML, [b"\0" * 8])
    unknown = refused(content.replace(b"1.2.840.10008.1.2.4.100", b"1.2.840.10008.1.2.4.999"))
    assert (unknown.code, "1.2.840.10008.1.2.4.999" in unknown.message) == ("unsupported-transfer-syntax", True)


@pytest.mark.parametrize(("implicit", "little_endian"), [(True, True), (False, True), (False, False)])
def test_case_31_no_preamble_and_no_meta_information(implicit: bool, little_endian: bool) -> None:
    dataset = dataset_of(PICTURE)
    if not little_endian:
        dataset.PixelData = PICTURE.astype(">u2").tobytes()
    bare = bare_of(dataset, implicit=implicit, little_endian=little_endian)
    np.testing.assert_array_equal(shown(bare).pixels, PICTURE)
    # The same bytes behind tags that begin no data set.
    assert refused(b"\x44\x44\x55\x55" + bare[4:]).code == "not-a-medical-image"


MARK = b"EXECUTABLE-MARK"


def test_case_32_a_program_in_the_preamble(made_weights: Path, caplog: pytest.LogCaptureFixture) -> None:
    plain = made.radiograph(64)
    content = b"MZ\x90\0" + MARK + plain[4 + len(MARK) :]
    with caplog.at_level(logging.WARNING, logger="lightbox"):
        image = shown(content)
    np.testing.assert_array_equal(image.pixels, shown(plain).pixels)
    assert codes(image) == {"executable-preamble"}
    assert "begins like a Windows program" in caplog.text
    report = _report(content)
    exports = [reading_png(report), reading_html(report).encode(), str(reading_json(report)).encode()]
    assert all(exports)
    assert not any(MARK in export for export in exports)


def _report(content: bytes) -> ReportInput:
    reading = asked(content)
    created = datetime(2026, 1, 2, tzinfo=UTC)
    return ReportInput(
        image=reading.image,
        model=reading.model,
        prediction=reading.prediction,
        created=created,
        facts=reading.series.facts,
    )


def test_case_33_empty_text_and_random_bytes() -> None:
    assert refused(b"").code == "empty-file"
    text = refused(b"Dear colleague, please find enclosed the report.\n")
    assert (text.code, text.message) == ("not-a-medical-image", "This is not a medical image: it is text.")
    for seed in range(20):
        assert refused(random.Random(seed).randbytes(5000)).code == "not-a-medical-image"


def _deflate_bomb() -> bytes:
    """Return a deflated DICOM file of 1 MB that becomes 1 GiB: one block of zeros again and again."""
    plain = file_of(dataset_of(PICTURE), DeflatedExplicitVRLittleEndian)
    start = 132 + 12 + struct.unpack_from("<L", plain, 140)[0]
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = compressor.compress(bytes(2**20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return plain[:start] + block * 1024 + compressor.flush()


def test_case_34_a_deflate_bomb() -> None:
    bomb = _deflate_bomb()
    assert 1_000_000 < len(bomb) < 1_100_000
    tracemalloc.start()
    error = refused(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.code == "inflates-too-far"
    assert peak < 500_000_000


def test_case_35_sequences_1500_deep() -> None:
    tag = struct.pack("<HH", 0x0009, 0x1001) + b"SQ\0\0" + b"\xff" * 4
    opening = tag + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    closing = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    plain = file_of(dataset_of(PICTURE))
    at = plain.index(b"\x20\x00\x0e\x00UI")
    error = refused(plain[:at] + opening * 1500 + closing * 1500 + plain[at:])
    assert (error.code, "64 deep" in error.message) == ("sequences-too-deep", True)


def test_case_36_four_gib_of_pixels_in_a_small_file() -> None:
    content = bytearray(made.dicom(PICTURE))
    length = content.index(b"\xe0\x7f\x10\x00OW") + 8
    assert int.from_bytes(content[length : length + 4], "little") == PICTURE.nbytes
    for claimed in (0xFFFFFFFE, 0xFFFFFFFF):
        content[length : length + 4] = claimed.to_bytes(4, "little")
        assert refused(bytes(content[:-2])).code in {"truncated-pixel-data", "damaged-pixel-data", "unknown-encoding"}


def test_case_37_burned_in_annotation_and_private_tags() -> None:
    dataset = dataset_of(PICTURE, PatientName=made.PATIENT_NAME, PatientID=made.PATIENT_ID, BurnedInAnnotation="YES")
    dataset.private_block(0x0029, "ACME", create=True).add_new(0x01, "LO", "Quill, Zebedee")
    content = file_of(dataset)
    series = series_of(content)
    assert "burned-in-annotation" in [notice.code for notice in series.notices]
    assert _texts(masked(series.facts)).count(MASK) >= 2
    for facts in (masked(series.facts), without_identity(series.facts)):
        assert not any(word in _texts(facts) for word in ("Quill", "Zebedee", made.PATIENT_ID, "ACME"))
    assert "Zebedee, Quill" in _texts(masked(series.facts, reveal=True))


def _texts(facts: tuple[Fact, ...]) -> str:
    return "\n".join(f"{fact.label}: {fact.value}" for fact in facts)
