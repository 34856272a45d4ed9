"""Compressed pixels: fragments and offset tables, headers of codestreams, damage."""

from __future__ import annotations

import struct

import jpeg_ls
import numpy as np
import pytest
from openjpeg.utils import encode_array as encode_jpeg2000
from pydicom.dataset import Dataset
from pydicom.pixels.encoders.base import RLELosslessEncoder
from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from core.errors import StudyError
from core.io.dicom import decode_frame
from core.io.dicom.codestream import repair_jpeg, repair_jpeg2000
from core.io.dicom.syntax import CODECS, Family, codec_of
from tests.core.io.dicom.made import compressed, dataset_of, file_of, items_of, read

FRAMES = np.random.default_rng(3).integers(0, 4096, (3, 33, 40), np.uint16)


def jpeg2000(frame: np.ndarray) -> bytes:
    return encode_jpeg2000(frame, bits_stored=8 * frame.itemsize)


def jpegls(frame: np.ndarray) -> bytes:
    return bytes(jpeg_ls.encode_array(frame.view(np.uint16)))  # JPEG-LS knows no sign


def rle(frame: np.ndarray) -> bytes:
    dataset = dataset_of(frame)
    return RLELosslessEncoder.encode(
        frame.tobytes(),
        rows=frame.shape[0],
        columns=frame.shape[1],
        samples_per_pixel=1,
        bits_allocated=16,
        bits_stored=16,
        pixel_representation=dataset.PixelRepresentation,
        photometric_interpretation="MONOCHROME2",
        number_of_frames=1,
        encoding_plugin="pydicom",
    )


CODERS = [(JPEG2000Lossless, jpeg2000), (JPEGLSLossless, jpegls), (RLELossless, rle)]


def decoded(content: bytes, index: int = 0) -> np.ndarray:
    return decode_frame(read(content), index).pixels


def refusal(content: bytes, index: int = 0) -> StudyError:
    with pytest.raises(StudyError) as caught:
        decode_frame(read(content), index)
    return caught.value


# ── Decoders ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("syntax", "encode"), CODERS)
def test_lossless_pixels_come_back_exactly(syntax, encode):
    np.testing.assert_array_equal(decoded(compressed(dataset_of(FRAMES[0]), syntax, [encode(FRAMES[0])])), FRAMES[0])


@pytest.mark.parametrize(("syntax", "encode"), CODERS)
def test_signed_pixels_keep_their_sign(syntax, encode):
    signed = FRAMES[0].astype(np.int16) - 2048
    content = compressed(dataset_of(signed), syntax, [encode(signed)])
    np.testing.assert_array_equal(decoded(content), signed)


def test_every_syntax_has_one_decoder_and_it_is_not_gdcm():
    plugins = {syntax: codec.plugin for syntax, codec in CODECS.items() if codec.family is not Family.NATIVE}
    assert set(plugins.values()) == {"pylibjpeg", "pyjpegls"}
    assert {syntax for syntax, plugin in plugins.items() if plugin == "pyjpegls"} == {
        JPEGLSLossless,
        JPEGLSNearLossless,
    }
    assert codec_of(HTJ2KLossless).family is Family.JPEG_2000


# ── Fragments ─────────────────────────────────────────────────────────────────────────────────────────────────────


def fragmented(table: bytes, fragments: list[bytes], **attributes: object) -> bytes:
    dataset = dataset_of(FRAMES, PixelData=items_of(table, *fragments), **attributes)
    return file_of(dataset, JPEG2000Lossless)


def halves(frame: np.ndarray) -> list[bytes]:
    content = jpeg2000(frame)
    middle = len(content) // 4 * 2
    return [content[:middle], content[middle:]]


@pytest.mark.parametrize("has_bot", [False, True])
def test_one_fragment_for_each_frame(has_bot):
    content = compressed(dataset_of(FRAMES), JPEG2000Lossless, list(map(jpeg2000, FRAMES)), has_bot=has_bot)
    for index in range(3):
        np.testing.assert_array_equal(decoded(content, index), FRAMES[index])


def test_frames_in_fragments_are_told_by_their_end_markers():
    content = fragmented(b"", [part for frame in FRAMES for part in halves(frame)])
    for index in range(3):
        np.testing.assert_array_equal(decoded(content, index), FRAMES[index])


def _offsets() -> tuple[list[int], list[bytes]]:
    """Return where each frame begins, counted from the header of the first fragment, and all fragments."""
    offsets, fragments, position = [], [], 0
    for frame in FRAMES:
        offsets.append(position)
        for part in halves(frame):
            fragments.append(part + b"\0" * (len(part) % 2))
            position += 8 + len(fragments[-1])
    return offsets, fragments


def test_frames_in_fragments_are_told_by_the_basic_offset_table():
    offsets, fragments = _offsets()
    content = fragmented(struct.pack("<3L", *offsets), fragments)
    for index in range(3):
        np.testing.assert_array_equal(decoded(content, index), FRAMES[index])


def test_frames_in_fragments_are_told_by_the_extended_offset_table():
    offsets, fragments = _offsets()
    content = fragmented(b"", fragments, ExtendedOffsetTable=struct.pack("<3Q", *offsets))
    for index in range(3):
        np.testing.assert_array_equal(decoded(content, index), FRAMES[index])


def test_a_frame_in_many_fragments_is_put_together():
    content = jpeg2000(FRAMES[0])
    parts = [content[at : at + 64] for at in range(0, len(content), 64)]
    dataset = dataset_of(FRAMES[0], PixelData=items_of(b"", *parts))
    np.testing.assert_array_equal(decoded(file_of(dataset, JPEG2000Lossless)), FRAMES[0])


def test_a_missing_sequence_delimiter_does_not_matter():
    content = compressed(dataset_of(FRAMES[0]), JPEG2000Lossless, [jpeg2000(FRAMES[0])])
    np.testing.assert_array_equal(decoded(content[:-8]), FRAMES[0])


def test_fewer_frames_than_announced_are_refused():
    content = fragmented(b"", halves(FRAMES[0]) + halves(FRAMES[1]))
    error = refusal(content)
    assert error.code == "truncated-pixel-data"
    assert "announces 3 frames (NumberOfFrames), but the pixel data hold 2" in error.message


def test_a_fragment_that_reaches_beyond_the_file_is_refused():
    content = compressed(dataset_of(FRAMES[0]), JPEG2000Lossless, [jpeg2000(FRAMES[0])])
    assert refusal(content[:-100]).code == "truncated-pixel-data"


def test_fragments_that_do_not_follow_each_other_are_refused():
    data = items_of(b"", jpeg2000(FRAMES[0]))
    dataset = dataset_of(FRAMES[0], PixelData=data[:-8] + b"garbage!" * 2)
    assert refusal(file_of(dataset, JPEG2000Lossless)).code == "damaged-pixel-data"


@pytest.mark.parametrize("items", [[b""], [b"", b""], []], ids=["table only", "empty fragment", "nothing"])
def test_no_fragments_are_no_pixels(items):
    data = items_of(*items)
    dataset = dataset_of(FRAMES[0], PixelData=data if items else items_of(b""))
    assert refusal(file_of(dataset, JPEG2000Lossless)).code == "empty-pixel-data"


def test_compressed_pixels_under_an_uncompressed_syntax_are_recognised():
    content = compressed(dataset_of(FRAMES[0]), JPEG2000Lossless, [jpeg2000(FRAMES[0])])
    syntax = ExplicitVRLittleEndian.encode() + b"\0"
    mislabelled = content.replace(JPEG2000Lossless.encode(), syntax.ljust(22, b"\0"))
    file = read(mislabelled)
    assert [notice.code for notice in file.notices] == ["encoding-assumed"]
    np.testing.assert_array_equal(decode_frame(file, 0).pixels, FRAMES[0])


def test_unknown_compressed_pixels_under_an_uncompressed_syntax_are_refused():
    content = compressed(dataset_of(FRAMES[0]), JPEG2000Lossless, [b"no known codestream."])
    syntax = ExplicitVRLittleEndian.encode().ljust(22, b"\0")
    assert refusal(content.replace(JPEG2000Lossless.encode(), syntax)).code == "unknown-encoding"


# ── Codestreams against the header ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("syntax", "encode"), CODERS[:2])
def test_a_frame_of_another_size_is_refused_before_it_is_decoded(syntax, encode):
    error = refusal(compressed(dataset_of(FRAMES[0]), syntax, [encode(np.zeros((64, 48), np.uint16))]))
    assert error.code == "size-mismatch"
    assert "64 × 48 pixels" in error.message
    assert "33 × 40" in error.message


def test_a_jpeg_2000_frame_that_claims_65000_squared_is_refused():
    content = bytearray(jpeg2000(FRAMES[0]))
    content[8:16] = struct.pack(">LL", 65000, 65000)
    error = refusal(compressed(dataset_of(FRAMES[0]), JPEG2000, [bytes(content)]))
    assert (error.code, "65000 × 65000" in error.message) == ("size-mismatch", True)


def test_colour_where_the_header_says_gray_is_refused():
    rgb = encode_jpeg2000(np.zeros((33, 40, 3), np.uint8), bits_stored=8, photometric_interpretation=1)
    assert refusal(compressed(dataset_of(FRAMES[0]), JPEG2000, [rgb])).code == "size-mismatch"


def test_too_few_rle_segments_are_refused():
    content = bytearray(rle(FRAMES[0]))
    content[0] = 1
    assert refusal(compressed(dataset_of(FRAMES[0]), RLELossless, [bytes(content)])).code == "damaged-pixel-data"


@pytest.mark.parametrize(("syntax", "encode"), CODERS)
def test_half_a_frame_is_refused(syntax, encode):
    content = encode(FRAMES[0])
    error = refusal(compressed(dataset_of(FRAMES[0]), syntax, [content[: len(content) // 2]]))
    assert error.code == "damaged-pixel-data"


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEG2000, JPEGLSLossless, RLELossless])
@pytest.mark.parametrize("frame", [b"", b"\0\0", b"\xff\xd8\xff\xd9", b"\xff\x4f\xff\x51", bytes(80), b"no picture"])
def test_bytes_that_are_no_codestream_are_refused(syntax, frame):
    dataset: Dataset = dataset_of(FRAMES[0].astype(np.uint8))
    dataset.PixelData = items_of(b"", frame)
    assert refusal(file_of(dataset, syntax)).code in ("damaged-pixel-data", "empty-pixel-data")


# ── Repairs ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_comment_after_the_last_tile_is_cut_off():
    content = jpeg2000(FRAMES[0])
    assert content.endswith(b"\xff\xd9")
    padded = content[:-2] + b"\xff\x64\x00\x0b\x00\x01PADDING" + b"\xff\xd9"
    assert repair_jpeg2000(padded) == (content, True)
    image = decode_frame(read(compressed(dataset_of(FRAMES[0]), JPEG2000Lossless, [padded])), 0)
    np.testing.assert_array_equal(image.pixels, FRAMES[0])
    assert "codestream-repaired" in [notice.code for notice in image.notices]


def test_a_sound_jpeg_2000_codestream_is_left_alone():
    content = jpeg2000(FRAMES[0])
    assert repair_jpeg2000(content) == (content, False)
    assert repair_jpeg2000(content + b"\0") == (content + b"\0", False)


def scan(spectrum: bytes, *, frame: int = 0xC1) -> bytes:
    """Return the headers of a JPEG of one component."""
    frame_header = struct.pack(">BBHBHHBBBB", 0xFF, frame, 11, 12, 20, 24, 1, 0, 17, 0)
    return b"\xff\xd8" + frame_header + b"\xff\xda\x00\x08\x01\x00\x00" + spectrum + b"\x00" + b"scan data\xff\xd9"


def test_a_sequential_scan_that_ends_at_0_is_made_to_end_at_63():
    assert repair_jpeg(scan(b"\x00\x00")) == (scan(b"\x00\x3f"), True)


@pytest.mark.parametrize("content", [scan(b"\x00\x3f"), scan(b"\x00\x00", frame=0xC2), b"\xff\xd8\xff\xd9", b""])
def test_other_scans_are_left_alone(content):
    assert repair_jpeg(content) == (content, False)
