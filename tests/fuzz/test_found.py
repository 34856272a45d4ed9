"""What the fuzzer found, each as a test that failed before it was mended."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import numpy as np

from core.assessment.labelled_set import open_set
from core.io import Source, load_study
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


def test_a_member_of_a_zip_without_a_name_ends_nothing(tmp_path: Path) -> None:
    content = made.zipped({"a/one.dcm": made.radiograph(48), "b/two.dcm": made.radiograph(64)})
    content = content.replace(b"a/one.dcm", b"\0/one.dcm")
    assert len(load_study([Source("zip", content)]).series) == 2
    (tmp_path / "set.zip").write_bytes(content)
    assert [one.path.as_posix() for one in open_set(tmp_path / "set.zip").examples] == ["b/two.dcm"]
