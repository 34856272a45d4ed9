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
