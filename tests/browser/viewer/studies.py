"""Studies of every kind for the viewer's tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.data import get_testdata_file
from pydicom.uid import EnhancedMRImageStorage

from tests.core.io.dicom.made import dataset_of, file_of


def ultrasound() -> Path:
    """Return a clip in colour, an example that comes with pydicom."""
    return Path(str(get_testdata_file("examples_ybr_color.dcm")))


def multi_frame_mr(frames: int = 5) -> bytes:
    """Return an enhanced MR image with several frames, signed, in a VOI LUT's sigmoid."""
    row, column = np.mgrid[-1:1:200j, -1:1:180j]
    slices = [(900 * np.cos(3 * row + i) * np.sin(4 * column) - 100).astype(np.int16) for i in range(frames)]
    attributes = {"WindowCenter": 0, "WindowWidth": 1200, "VOILUTFunction": "SIGMOID", "Modality": "MR"}
    return file_of(dataset_of(np.stack(slices), SOPClassUID=EnhancedMRImageStorage, **attributes))


def with_graphics() -> bytes:
    """Return an image with an overlay plane: a frame of 50 × 40 pixels from row 101 and column 61 on."""
    row, column = np.mgrid[0:300, 0:260]
    dataset = dataset_of((row * 4 + column).astype(np.uint16), WindowCenter=700, WindowWidth=1400)
    plane = np.ones((50, 40), np.uint8)
    plane[2:-2, 2:-2] = 0
    packed = np.packbits(plane.reshape(-1), bitorder="little").tobytes()
    for element, vr, value in (
        (0x0010, "US", 50),
        (0x0011, "US", 40),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [101, 61]),
        (0x0100, "US", 1),
        (0x0102, "US", 0),
        (0x3000, "OW", packed),
    ):
        dataset.add_new((0x6000, element), vr, value)
    return file_of(dataset)
