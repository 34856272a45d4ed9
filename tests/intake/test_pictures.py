"""Cases 38 to 44: picture files."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow

from core.domain import Intensity
from tests import made
from tests.intake.door import brought, codes, refused, series_of, shown

GRAY = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)


def saved(picture: Pillow.Image, format_: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format_, **options)
    return stream.getvalue()


def test_case_38_png_of_16_bits() -> None:
    deep = (GRAY * 21).astype(np.uint16)  # 0 to 64491
    image = shown(made.png(deep))
    assert image.pixels.dtype == np.uint16
    np.testing.assert_array_equal(image.pixels, deep)


def test_case_39_png_with_alpha() -> None:
    red_under_glass = np.zeros((20, 30, 4), np.uint8)
    red_under_glass[..., 0] = 255  # of pixels that nobody can see
    red_under_glass[:, 10:] = (40, 80, 120, 255)
    image = shown(made.png(red_under_glass))
    np.testing.assert_array_equal(image.pixels[:, :10], 0)
    np.testing.assert_array_equal(image.pixels[:, 10:], np.broadcast_to([40, 80, 120], (20, 20, 3)))
    assert codes(image) == {"transparency-removed"}


def test_case_40_cmyk_jpeg() -> None:
    image = shown(saved(Pillow.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG", quality=95))
    assert image.intensity is Intensity.RGB
    np.testing.assert_allclose(image.pixels.reshape(-1, 3).mean(axis=0), (255, 0, 0), atol=6)
    assert codes(image) == {"cmyk-converted"}


def test_case_41_exif_rotation() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn clockwise
    smooth = np.add.outer(np.arange(48) * 4, np.arange(64)).astype(np.uint8)
    series = series_of(saved(Pillow.fromarray(smooth), "JPEG", exif=exif, quality=95))
    image = series.frames[0].load()
    assert series.frames[0].shape == image.shape == (64, 48)
    np.testing.assert_allclose(image.pixels, np.rot90(smooth, -1), atol=4)
    assert codes(image) == {"exif-orientation"}


def test_case_42_animated_gif() -> None:
    pictures = [Pillow.fromarray(np.full((20, 20), value, np.uint8)) for value in (10, 120, 230)]
    series = series_of(saved(pictures[0], "GIF", save_all=True, append_images=pictures[1:], duration=[40, 80, 120]))
    assert [frame.frame_time_ms for frame in series.frames] == [40, 80, 120]
    assert [int(series.frames[index].load().pixels[0, 0]) for index in (2, 0, 1)] == [230, 10, 120]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def test_case_43_png_of_30000_squared() -> None:
    row = b"\0" + bytes(30000 // 8)
    pixels = zlib.compress(row * 30000, 6)
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", 30000, 30000, 1, 0, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    assert len(content) < 120_000
    (rejected,) = brought(content).rejected  # by its header: nothing was decoded yet
    assert rejected.code == "image-too-large"
    assert "up to 50 million" in rejected.message


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1])
def test_case_44_truncated_png(kept: float) -> None:
    noise = np.random.default_rng(1).integers(0, 2**16, (200, 200), np.uint16)
    content = made.png(noise)
    assert refused(content[: int(len(content) * kept)]).code == "damaged-picture"
