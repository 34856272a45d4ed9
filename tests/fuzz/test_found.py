"""What the fuzzer found, each as a test that failed before it was mended."""

from __future__ import annotations

import gzip
import warnings

import numpy as np

from core.windowing import render
from tests import made
from tests.intake.door import shown

SIGNALLING_NAN = b"\x01\x00\x80\x7f"
"""As a 32-bit float, low byte first: most processors complain when it is used."""


def test_signalling_nan_in_a_volume_is_like_any_other() -> None:
    content = bytearray(gzip.decompress(made.nifti(made.ball_volume(16))))
    content[352:356] = SIGNALLING_NAN
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = shown(gzip.compress(bytes(content)))
        gray = render(image)
    assert np.isnan(image.pixels).sum() == 1
    assert gray[np.isnan(image.pixels)].tolist() == [0]
