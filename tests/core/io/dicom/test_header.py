"""Headers: what is read, what is refused, in which words, and before how much memory is taken."""

from __future__ import annotations

import struct
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    MPEG2MPML,
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    RTPlanStorage,
)

from core.errors import StudyError
from core.io.dicom import decode_frame, looks_like_dataset
from core.io.limits import Limits
from tests.core.io.dicom.made import SMALL, bare_of, changed, compressed, dataset_of, file_of, image_file, item, read

RAMP = np.arange(16 * 20, dtype=np.uint16).reshape(16, 20)


def refusal(content: bytes, limits: Limits = SMALL) -> StudyError:
    with pytest.raises(StudyError) as caught:
        read(content, limits=limits)
    return caught.value


def made(**attributes: object) -> bytes:
    return file_of(dataset_of(RAMP, **attributes))


# ── What is no image ──────────────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_file_is_refused():
    assert refusal(b"").code == "empty-file"


@pytest.mark.parametrize(
    "content",
    [
        b"To whom it may concern, " * 20,
        np.random.default_rng(1).bytes(5000),
        b"\0" * 600,
        b"\x08",
        b"DICM" + bytes(500),
    ],
    ids=["text", "random", "zeros", "one byte", "mark in the wrong place"],
)
def test_bytes_that_are_no_dicom_are_refused(content):
    assert refusal(content).code == "not-dicom"


def test_a_report_is_named():
    report = changed(dataset_of(RAMP, PixelData=None), SOPClassUID=BasicTextSRStorage)
    error = refusal(file_of(report))
    assert (error.code, error.message) == ("not-an-image", "This is not an image: Basic Text SR.")


def test_a_plan_is_named():
    plan = changed(dataset_of(RAMP, PixelData=None), SOPClassUID=RTPlanStorage)
    assert refusal(file_of(plan)).message == "This is not an image: RT Plan."


def test_an_image_without_pixels_is_told_from_what_is_no_image():
    error = refusal(made(PixelData=None))
    assert error.code == "no-pixel-data"
    assert error.message.startswith("This CT Image has no pixels")


# ── Impossible headers ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("attributes", "code", "words"),
    [
        ({"Rows": 0}, "invalid-image-size", "Rows is 0"),
        ({"Columns": None}, "invalid-image-size", "Columns is missing"),
        ({"Rows": 65535, "Columns": 65535}, "image-too-large", "65535 × 65535"),
        ({"Rows": 9000, "Columns": 9000}, "truncated-pixel-data", "need 162000000 bytes, and the file holds 640"),
        ({"NumberOfFrames": 2_000_000_000}, "invalid-number-of-frames", "NumberOfFrames is 2000000000"),
        ({"NumberOfFrames": -1}, "invalid-number-of-frames", "NumberOfFrames is -1"),
        ({"BitsStored": 17}, "invalid-bits", "BitsStored is 17, but must be from 1 to BitsAllocated, which is 16"),
        ({"BitsStored": 0}, "invalid-bits", "BitsStored is 0"),
        ({"BitsAllocated": 12}, "invalid-bits", "BitsAllocated is 12"),
        ({"BitsAllocated": None}, "invalid-bits", "BitsAllocated is missing"),
        ({"SamplesPerPixel": 4}, "unsupported-samples-per-pixel", "SamplesPerPixel is 4"),
        ({"PhotometricInterpretation": "RGB"}, "unsupported-photometric-interpretation", "it is RGB"),
        ({"PhotometricInterpretation": "CMYK"}, "unsupported-photometric-interpretation", "it is CMYK"),
        ({"PixelData": b""}, "empty-pixel-data", "empty"),
        ({"PixelData": RAMP.tobytes()[:-2]}, "truncated-pixel-data", "need 640 bytes, and the file holds 638"),
    ],
)
def test_an_impossible_header_is_refused_in_words(attributes, code, words):
    error = refusal(made(**attributes))
    assert error.code == code
    assert words in error.message


def test_a_text_for_the_number_of_frames_is_refused():
    content = made(NumberOfFrames=1).replace(b"IS\x02\x001 ", b"IS\x02\x001A")
    assert refusal(content).code == "invalid-number-of-frames"


@pytest.mark.parametrize(("rows", "columns"), [(65535, 65535), (9999, 9999)])
def test_a_large_claim_over_a_small_file_is_refused_before_memory_is_taken(rows, columns):
    content = file_of(dataset_of(np.zeros((64, 64), np.uint16), Rows=rows, Columns=columns))
    read(made())  # imports and caches
    tracemalloc.start()
    refusal(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_pixel_element_of_4_gib_in_a_small_file_is_cut_short():
    content = made()
    at = content.index(b"\xe0\x7f\x10\x00OW\0\0") + 8
    content = content[:at] + struct.pack("<L", 0xFFFFFFFE) + content[at + 4 : -2]
    assert refusal(content).code == "truncated-pixel-data"


def test_small_pictures_are_below_the_usual_limits():
    content = file_of(dataset_of(np.zeros((1, 1), np.uint16)))
    error = refusal(content, Limits(min_side=16))
    assert (error.code, error.message) == (
        "image-too-small",
        "The image is too small to read: Rows is 1, and at least 16 are needed.",
    )


def test_a_file_over_the_limit_is_refused():
    assert refusal(made(), Limits(max_file_bytes=100)).code == "file-too-large"


# ── Encodings ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_transfer_syntax_is_named():
    content = compressed(dataset_of(RAMP), JPEG2000Lossless, [b"frame"]).replace(
        b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.4.66"
    )
    error = refusal(content)
    assert error.code == "unsupported-transfer-syntax"
    assert "1.2.840.10008.1.2.4.66" in error.message


def test_a_video_is_named():
    error = refusal(compressed(dataset_of(RAMP), MPEG2MPML, [b"frame"]))
    assert error.code == "unsupported-transfer-syntax"
    assert error.message.startswith("The pixels are a video (MPEG2 Main Profile / Main Level")


@pytest.mark.parametrize(
    ("implicit", "little_endian"), [(True, True), (False, True), (False, False)], ids=["implicit", "explicit", "big"]
)
def test_a_dataset_without_preamble_is_read(implicit, little_endian):
    dataset = dataset_of(RAMP)
    if not little_endian:
        dataset.PixelData = RAMP.astype(">u2").tobytes()
    content = bare_of(dataset, implicit=implicit, little_endian=little_endian)
    assert looks_like_dataset(content)
    np.testing.assert_array_equal(decode_frame(read(content), 0).pixels, RAMP)


def test_deflated_is_inflated():
    file = image_file(RAMP, syntax=DeflatedExplicitVRLittleEndian)
    np.testing.assert_array_equal(decode_frame(file, 0).pixels, RAMP)


def _deflated(body: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    plain = file_of(dataset_of(RAMP), DeflatedExplicitVRLittleEndian)
    start = 132 + 12 + struct.unpack_from("<L", plain, 140)[0]
    return plain[:start] + compressor.compress(body) + compressor.flush()


def test_a_deflate_bomb_is_stopped_at_the_limit():
    bomb = _deflated(b"\0" * 200_000_000)
    assert len(bomb) < 300_000
    tracemalloc.start()
    error = refusal(bomb, Limits(max_inflated_bytes=1_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.code == "inflates-too-far"
    assert peak < 5_000_000


def test_a_damaged_deflate_stream_is_refused():
    content = bytearray(file_of(dataset_of(RAMP), DeflatedExplicitVRLittleEndian))
    start = 132 + 12 + struct.unpack_from("<L", content, 140)[0]
    content[start] = 0xFF
    assert refusal(bytes(content)).code == "damaged-header"


def _nested(depth: int, *, undefined_length: bool) -> bytes:
    """Return a file with a private sequence that holds itself `depth` deep, written by hand: pydicom would recurse."""
    tag = struct.pack("<HH", 0x0009, 0x1001) + b"SQ\0\0"
    inner = b""
    for _ in range(depth):
        if undefined_length:
            opening = tag + b"\xff\xff\xff\xff" + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
            inner = opening + inner + struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
        else:
            held = struct.pack("<HHL", 0xFFFE, 0xE000, len(inner)) + inner
            inner = tag + struct.pack("<L", len(held)) + held
    plain = made()
    at = plain.index(b"\x20\x00\x0e\x00UI")
    return plain[:at] + inner + plain[at:]


@pytest.mark.parametrize("depth", [70, 1500, 20_000])
def test_sequences_nested_too_deep_are_refused(depth):
    assert refusal(_nested(depth, undefined_length=True)).code == "sequences-too-deep"


def test_sequences_of_usual_depth_are_read():
    np.testing.assert_array_equal(decode_frame(read(_nested(20, undefined_length=True)), 0).pixels, RAMP)


def test_deep_sequences_of_known_length_cost_nothing():
    """They are skipped as one value, since nothing in them is asked for."""
    np.testing.assert_array_equal(decode_frame(read(_nested(1500, undefined_length=False)), 0).pixels, RAMP)


# ── What is accepted and noted ────────────────────────────────────────────────────────────────────────────────────


def test_an_ordinary_file_has_no_notices():
    assert read(made()).notices == ()


def test_a_missing_photometric_interpretation_is_assumed():
    file = read(made(PhotometricInterpretation=None))
    assert file.layout.photometric_interpretation == "MONOCHROME2"
    assert [notice.code for notice in file.notices] == ["photometric-interpretation-assumed"]


def test_trailing_bytes_in_the_pixel_data_are_noted():
    file = read(made(PixelData=RAMP.tobytes() + b"junk"))
    assert [notice.code for notice in file.notices] == ["trailing-bytes"]
    np.testing.assert_array_equal(decode_frame(file, 0).pixels, RAMP)


def test_bytes_after_the_dataset_are_noted():
    file = read(made() + b"\0" * 100)
    assert [notice.code for notice in file.notices] == ["trailing-bytes"]


def test_elements_after_the_pixels_are_no_trailing_bytes():
    dataset = dataset_of(RAMP)
    dataset.DataSetTrailingPadding = b"\0" * 20
    assert read(file_of(dataset)).notices == ()


def test_an_executable_in_the_preamble_does_not_matter():
    content = made()
    np.testing.assert_array_equal(decode_frame(read(b"MZ" + b"\x90" * 126 + content[128:]), 0).pixels, RAMP)


def test_zero_frames_are_one():
    assert read(made(NumberOfFrames=0)).layout.frames == 1


def test_the_content_is_kept_and_not_copied():
    content = made()
    assert read(content).pixel_data.obj is content


def test_a_given_digest_is_taken_over_and_a_missing_one_computed():
    assert len(read(made()).digest) == 64
    from core.io.dicom import read_header

    assert read_header(made(), name="", limits=SMALL, digest="abc").digest == "abc"


# ── Identity ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_neither_errors_nor_logs_nor_warnings_name_the_patient(caplog, capfd):
    secret = "Doe^Zebulon"
    attributes = {"PatientName": secret, "PatientBirthDate": "Zebulon!", "InstitutionName": secret * 20}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")  # pydicom complains while the file is written
        contents = [made(**attributes, **fault) for fault in ({"Rows": 0}, {"PixelData": b""}, {"BitsStored": 40})]
    words = [str(refusal(content)) for content in contents]
    words += [repr(read(made(PatientName=secret), name=secret)), caplog.text, *capfd.readouterr()]
    words += [str(warning.message) for warning in caught]
    assert not any("Zebulon" in word for word in words)


def test_nested_items_do_not_hide_the_patient_from_repr():
    dataset = dataset_of(RAMP, PatientName="Doe^Zebulon")
    dataset.RequestAttributesSequence = Sequence([item(RequestedProcedureDescription="Zebulon")])
    assert isinstance(dataset, Dataset)
    assert "Zebulon" not in repr(read(file_of(dataset, ExplicitVRLittleEndian)))
