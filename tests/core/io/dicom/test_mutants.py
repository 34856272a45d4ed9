"""Damaged files: whatever is done to the bytes, reading ends with an image or with a `CoreError`, and soon."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from pydicom.data import get_testdata_files

from core.domain import Image
from core.errors import CoreError
from core.io.dicom import group_series, read_header
from core.io.limits import Limits

LIMITS = Limits(min_side=1, max_pixels_per_frame=4_000_000, max_inflated_bytes=2**25)
SEEDS = (
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "image_dfl.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_rle_2frame.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_jls_lossy_line.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "JPGExtended.dcm",
    "examples_palette.dcm",
    "liver_1frame.dcm",
    "rtdose.dcm",
    "reportsi.dcm",
)
MUTANTS_OF_EACH = 30
LENGTHS = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\x01\0\0\0")


def mutant(content: bytes, chance: random.Random) -> bytes:
    """Return a copy with a few bytes, lengths or pieces changed; half of the changes fall on the header."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        reach = min(len(changed), 2500) if chance.random() < 0.5 else len(changed)
        at = chance.randrange(140, max(reach, 141))
        kind = chance.random()
        if kind < 0.6:
            changed[at : at + 1] = bytes([chance.randrange(256)])
        elif kind < 0.75:
            changed[at : at + 4] = chance.choice(LENGTHS)
        elif kind < 0.85:
            del changed[at : at + chance.randrange(1, 40)]
        elif kind < 0.95:
            changed[at:at] = chance.randbytes(chance.randrange(1, 20))
        else:
            del changed[at:]
    return bytes(changed)


def outcome(content: bytes) -> list[Image] | CoreError:
    try:
        file = read_header(content, name="mutant", limits=LIMITS)
        return [frame.load() for series in group_series([file]) for frame in series.frames[:2]]
    except CoreError as error:
        return error


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SEEDS)
def test_a_mutant_is_an_image_or_a_core_error(name):
    path = next(Path(found) for found in get_testdata_files() if found.endswith(f"/{name}"))
    content, chance = path.read_bytes(), random.Random(name)
    for _ in range(MUTANTS_OF_EACH):
        result = outcome(mutant(content, chance))
        assert result.code and result.message if isinstance(result, CoreError) else result
