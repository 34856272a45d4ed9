from __future__ import annotations

import hashlib
import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import TiffImagePlugin

from core.domain import Image, Intensity, Series
from core.errors import StudyError
from core.io import Limits, Source
from core.io.picture import GRAY_TOLERANCE
from core.io.raster import read_raster

RNG = np.random.default_rng(3)
GRAY8 = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
GRAY16 = RNG.integers(0, 65536, (20, 30), dtype=np.uint16)
SMOOTH = np.tile(np.linspace(0, 255, 64), (48, 1)).astype(np.uint8)


def saved(pixels: NDArray[Any] | Pillow.Image, format_: str, **options: Any) -> bytes:
    picture = pixels if isinstance(pixels, Pillow.Image) else Pillow.fromarray(pixels)
    stream = io.BytesIO()
    picture.save(stream, format_, **options)
    return stream.getvalue()


def read(content: bytes, limits: Limits | None = None) -> Series:
    return read_raster(Source("upload", content), limits or Limits())


def image(content: bytes) -> Image:
    return read(content).frames[0].load()


def codes(picture: Image) -> list[str]:
    return [notice.code for notice in picture.notices]


def retagged(tiff: bytes, tag: int, value: int) -> bytes:
    """Replace the value of a tag of a little-endian TIFF that holds one unsigned short."""
    entry = tiff.index(struct.pack("<HHI", tag, 3, 1))
    return tiff[: entry + 8] + struct.pack("<H", value) + tiff[entry + 10 :]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_claiming(rows: int, columns: int) -> bytes:
    """Return a PNG whose header claims a size; its pixels are too few."""
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


class TestGray:
    @pytest.mark.parametrize("format_", ["PNG", "TIFF", "BMP", "GIF"])
    def test_eight_bits_come_through_unchanged(self, format_: str) -> None:
        picture = image(saved(GRAY8, format_))
        np.testing.assert_array_equal(picture.pixels, GRAY8)
        assert picture.pixels.dtype == np.uint8
        assert picture.intensity is Intensity.GRAY
        assert picture.photometric_interpretation == "MONOCHROME2"
        assert picture.notices == ()

    @pytest.mark.parametrize("format_", ["PNG", "TIFF"])
    def test_sixteen_bits_come_through_unchanged(self, format_: str) -> None:
        picture = image(saved(GRAY16, format_))
        np.testing.assert_array_equal(picture.pixels, GRAY16)
        assert picture.pixels.dtype == np.uint16
        assert picture.notices == ()

    def test_big_endian_tiff_comes_in_native_order(self) -> None:
        content = saved(Pillow.frombytes("I;16B", (30, 20), GRAY16.astype(">u2").tobytes()), "TIFF")
        assert content.startswith(b"MM")
        picture = image(content)
        np.testing.assert_array_equal(picture.pixels, GRAY16)
        assert picture.pixels.dtype == np.uint16
        assert picture.pixels.dtype.isnative

    def test_floating_point_tiff_keeps_nan(self) -> None:
        values = GRAY16.astype(np.float32) / 7 - 100
        values[3, 4] = np.nan
        picture = image(saved(values, "TIFF"))
        np.testing.assert_array_equal(picture.pixels, values)
        assert picture.pixels.dtype == np.float32

    def test_unsigned_32_bit_tiff_keeps_its_sign(self) -> None:
        values = np.full((20, 30), 3_000_000_000, dtype=np.uint32)
        content = retagged(saved(values.view(np.int32), "TIFF"), TiffImagePlugin.SAMPLEFORMAT, 1)
        np.testing.assert_array_equal(image(content).pixels, values)

    def test_signed_32_bit_tiff(self) -> None:
        values = np.arange(-300, 300, dtype=np.int32).reshape(20, 30)
        np.testing.assert_array_equal(image(saved(values, "TIFF")).pixels, values)

    def test_one_bit_becomes_black_and_white(self) -> None:
        picture = image(saved(Pillow.fromarray(GRAY8 > 127), "PNG"))
        np.testing.assert_array_equal(picture.pixels, np.where(GRAY8 > 127, 255, 0))

    def test_white_is_zero_of_eight_bits_is_inverted_by_pillow(self) -> None:
        content = retagged(saved(GRAY8, "TIFF"), TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 0)
        picture = image(content)
        assert picture.photometric_interpretation == "MONOCHROME2"
        np.testing.assert_array_equal(picture.pixels, 255 - GRAY8)

    def test_white_is_zero_of_sixteen_bits_is_said(self) -> None:
        content = retagged(saved(GRAY16, "TIFF"), TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 0)
        picture = image(content)
        assert picture.photometric_interpretation == "MONOCHROME1"
        np.testing.assert_array_equal(picture.pixels, GRAY16)

    def test_constant_image_opens(self) -> None:
        assert np.ptp(image(saved(np.full((40, 40), 7, np.uint8), "PNG")).pixels) == 0

    def test_pixels_can_be_written_to(self) -> None:
        for pixels in (GRAY8, GRAY16, np.dstack([GRAY8] * 3)):
            assert image(saved(pixels, "PNG")).pixels.flags.writeable


class TestGrayInColour:
    @pytest.mark.parametrize("quality", [10, 50, 75, 95])
    @pytest.mark.parametrize("subsampling", [0, 2])
    def test_radiograph_saved_as_rgb_jpeg_is_gray(self, quality: int, subsampling: int) -> None:
        content = saved(np.dstack([SMOOTH] * 3), "JPEG", quality=quality, subsampling=subsampling)
        picture = image(content)
        assert picture.intensity is Intensity.GRAY
        np.testing.assert_array_equal(picture.pixels, np.asarray(Pillow.open(io.BytesIO(content)))[..., 0])

    def test_difference_within_tolerance_is_gray_and_beyond_is_colour(self) -> None:
        colour = np.dstack([GRAY8 // 2] * 3)
        colour[5, 6, 2] += GRAY_TOLERANCE
        assert image(saved(colour, "PNG")).intensity is Intensity.GRAY
        colour[5, 6, 2] += 1
        assert image(saved(colour, "PNG")).intensity is Intensity.RGB

    def test_gray_palette_is_gray(self) -> None:
        picture = Pillow.fromarray(GRAY8 // 64).convert("P")
        picture.putpalette([value for level in (10, 90, 170, 250) for value in (level,) * 3])
        decoded = image(saved(picture, "PNG"))
        assert decoded.intensity is Intensity.GRAY
        np.testing.assert_array_equal(decoded.pixels, np.array([10, 90, 170, 250])[GRAY8 // 64])


class TestColour:
    COLOUR = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)

    @pytest.mark.parametrize("format_", ["PNG", "TIFF", "BMP"])
    def test_rgb(self, format_: str) -> None:
        picture = image(saved(self.COLOUR, format_))
        np.testing.assert_array_equal(picture.pixels, self.COLOUR)
        assert picture.intensity is Intensity.RGB
        assert picture.photometric_interpretation == "RGB"

    def test_palette(self) -> None:
        picture = Pillow.fromarray(GRAY8 // 128).convert("P")
        picture.putpalette([200, 10, 10, 10, 10, 200])
        expected = np.array([[200, 10, 10], [10, 10, 200]])[GRAY8 // 128]
        np.testing.assert_array_equal(image(saved(picture, "GIF")).pixels, expected)

    def test_transparency_is_laid_on_black(self) -> None:
        alpha = np.full((20, 30), 255, np.uint8)
        alpha[:, :10] = 0
        alpha[:, 10:20] = 51  # a fifth
        picture = image(saved(np.dstack([self.COLOUR, alpha]), "PNG"))
        np.testing.assert_array_equal(picture.pixels[:, :10], 0)
        np.testing.assert_array_equal(picture.pixels[:, 10:20], np.rint(self.COLOUR[:, 10:20] / 5))
        np.testing.assert_array_equal(picture.pixels[:, 20:], self.COLOUR[:, 20:])
        assert codes(picture) == ["transparency-removed"]

    def test_opaque_alpha_is_nothing_to_mention(self) -> None:
        picture = image(saved(np.dstack([self.COLOUR, np.full((20, 30), 255, np.uint8)]), "PNG"))
        np.testing.assert_array_equal(picture.pixels, self.COLOUR)
        assert picture.notices == ()

    def test_gray_with_alpha_stays_gray(self) -> None:
        alpha = np.where(np.arange(30) < 15, 0, 255).astype(np.uint8) * np.ones((20, 1), np.uint8)
        picture = image(saved(Pillow.merge("LA", [Pillow.fromarray(GRAY8), Pillow.fromarray(alpha)]), "PNG"))
        assert picture.intensity is Intensity.GRAY
        np.testing.assert_array_equal(picture.pixels, np.where(alpha == 255, GRAY8, 0))
        assert codes(picture) == ["transparency-removed"]

    def test_cmyk_jpeg(self) -> None:
        red = Pillow.new("CMYK", (32, 32), (0, 255, 255, 0))
        picture = image(saved(red, "JPEG", quality=95))
        assert picture.intensity is Intensity.RGB
        np.testing.assert_allclose(picture.pixels.reshape(-1, 3).mean(axis=0), (255, 0, 0), atol=6)
        assert codes(picture) == ["cmyk-converted"]

    def test_sixteen_bits_of_colour_lose_depth_with_a_notice(self) -> None:
        rows = b"".join(b"\0" + (value.astype(np.uint16) * 257).astype(">u2").tobytes() for value in self.COLOUR)
        header = struct.pack(">IIBBBBB", 30, 20, 16, 2, 0, 0, 0)
        body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
        picture = image(b"\x89PNG\r\n\x1a\n" + body)
        np.testing.assert_array_equal(picture.pixels, self.COLOUR)
        assert codes(picture) == ["depth-reduced"]


class TestOrientation:
    @pytest.mark.parametrize(
        ("orientation", "turned"),
        [
            (2, np.fliplr),
            (3, lambda stored: np.rot90(stored, 2)),
            (4, np.flipud),
            (5, np.transpose),
            (6, lambda stored: np.rot90(stored, -1)),
            (7, lambda stored: np.rot90(stored, 2).T),
            (8, np.rot90),
        ],
    )
    @pytest.mark.parametrize("format_", ["PNG", "TIFF"])
    def test_exif_orientation_is_applied(self, orientation: int, turned: Any, format_: str) -> None:
        exif = Pillow.Exif()
        exif[0x0112] = orientation
        series = read(saved(GRAY8, format_, exif=exif))
        picture = series.frames[0].load()
        np.testing.assert_array_equal(picture.pixels, turned(GRAY8))
        assert series.frames[0].shape == picture.shape
        assert codes(picture) == ["exif-orientation"]

    def test_rotated_jpeg(self) -> None:
        exif = Pillow.Exif()
        exif[0x0112] = 6
        series = read(saved(SMOOTH, "JPEG", exif=exif, quality=95))
        assert series.frames[0].shape == (64, 48)
        np.testing.assert_allclose(series.frames[0].load().pixels, np.rot90(SMOOTH, -1), atol=4)

    def test_upright_is_nothing_to_mention(self) -> None:
        exif = Pillow.Exif()
        exif[0x0112] = 1
        assert image(saved(GRAY8, "PNG", exif=exif)).notices == ()


class TestFrames:
    def test_animated_gif(self) -> None:
        pictures = [Pillow.fromarray(np.full((20, 20), value, np.uint8)) for value in (10, 120, 230)]
        content = saved(pictures[0], "GIF", save_all=True, append_images=pictures[1:], duration=[40, 80, 120])
        series = read(content)
        assert [frame.frame_time_ms for frame in series.frames] == [40, 80, 120]
        # Out of order, for each frame is decoded for itself.
        assert [int(series.frames[index].load().pixels[0, 0]) for index in (2, 0, 1)] == [230, 10, 120]
        assert series.title == "GIF, 3 pictures"

    def test_multi_page_tiff(self) -> None:
        pages = [Pillow.fromarray(GRAY16 // (index + 1)) for index in range(4)]
        series = read(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
        for index, frame in enumerate(series.frames):
            np.testing.assert_array_equal(frame.load().pixels, GRAY16 // (index + 1))
        assert [frame.instance_number for frame in series.frames] == [1, 2, 3, 4]

    def test_thumbnail_page_is_left_out_and_named(self) -> None:
        pages = [Pillow.fromarray(GRAY8[:10, :10]), Pillow.fromarray(GRAY8)]
        series = read(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
        assert len(series.frames) == 1
        np.testing.assert_array_equal(series.frames[0].load().pixels, GRAY8)
        assert [notice.code for notice in series.notices] == ["pages-of-other-size"]

    def test_too_many_frames(self) -> None:
        pictures = [Pillow.fromarray(np.full((20, 20), value, np.uint8)) for value in range(0, 250, 50)]
        content = saved(pictures[0], "GIF", save_all=True, append_images=pictures[1:])
        with pytest.raises(StudyError) as caught:
            read(content, Limits(max_frames=4))
        assert caught.value.code == "too-many-frames"
        assert len(read(content, Limits(max_frames=5)).frames) == 5

    def test_uid_is_digest_and_number(self) -> None:
        content = saved(GRAY8, "PNG")
        series = read(content)
        digest = hashlib.sha256(content).hexdigest()
        assert series.frames[0].uid == series.frames[0].load().uid == f"{digest}:1"
        assert series.uid == digest


class TestRefusal:
    def test_thirty_thousand_squared(self) -> None:
        with pytest.raises(StudyError) as caught:
            read(png_claiming(30_000, 30_000))
        assert caught.value.code == "image-too-large"
        assert "50 million" in caught.value.message

    def test_own_limit_lies_under_pillows(self) -> None:
        with pytest.raises(StudyError, match="8000 × 8000") as caught:
            read(png_claiming(8_000, 8_000))
        assert caught.value.code == "image-too-large"

    @pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1)])
    def test_too_small(self, shape: tuple[int, int]) -> None:
        with pytest.raises(StudyError) as caught:
            read(saved(np.zeros(shape, np.uint8), "PNG"))
        assert caught.value.code == "image-too-small"

    @pytest.mark.parametrize("format_", ["PNG", "JPEG", "TIFF", "BMP", "GIF"])
    def test_truncated_pixels(self, format_: str) -> None:
        noise = RNG.integers(0, 256, (200, 200), dtype=np.uint8)
        content = saved(noise, format_)
        with pytest.raises(StudyError) as caught:
            image(content[: len(content) // 2])
        assert caught.value.code == "damaged-picture"

    @pytest.mark.parametrize("format_", ["PNG", "JPEG", "TIFF", "BMP", "GIF"])
    def test_truncated_header(self, format_: str) -> None:
        with pytest.raises(StudyError) as caught:
            image(saved(GRAY8, format_)[:20])
        assert caught.value.code == "damaged-picture"

    def test_message_holds_no_name(self) -> None:
        with pytest.raises(StudyError) as caught:
            read_raster(Source("Doe^Jane.png", saved(GRAY8, "PNG")[:20]))
        assert "Jane" not in str(caught.value)


def test_resolution_for_print_is_no_pixel_spacing() -> None:
    picture = image(saved(GRAY8, "PNG", dpi=(300, 300)))
    assert picture.spacing is None
    assert picture.notices == ()


def test_header_is_read_without_decoding() -> None:
    # Half of the pixels are missing, which shows only when the frame is loaded.
    content = saved(RNG.integers(0, 256, (200, 100), dtype=np.uint8), "PNG")
    assert read(content[: len(content) // 2]).frames[0].shape == (200, 100)
