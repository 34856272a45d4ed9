"""Cases 48 to 51: what makes a series, and in which order."""

from __future__ import annotations

import random

import numpy as np
from pydicom.uid import EnhancedCTImageStorage

from core.domain import Series, WindowLevel
from core.windowing import render
from tests import made
from tests.core.io.dicom.made import dataset_of, file_of, item
from tests.intake.door import brought, series_of

LOCALIZER = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}


def heights(series: Series) -> list[float]:
    return [frame.position.origin_mm[2] for frame in series.frames if frame.position is not None]


def codes(series: Series) -> list[str]:
    return [notice.code for notice in series.notices]


def test_case_48_mixed_series_with_a_localizer() -> None:
    head = made.ct_series(5, 32)
    scout = made.ct_series(1, 32, **LOCALIZER)
    other = made.ct_series(3, 32, SeriesInstanceUID="1.2.3.4", BodyPartExamined="CHEST")
    mixed = [*scout, *head, *other]
    random.Random(1).shuffle(mixed)
    study = brought(*mixed, made.report())
    assert sorted(len(series.frames) for series in study.series) == [1, 3, 5]
    assert [series.is_localizer for series in study.series] == [False, False, True]
    assert [rejected.code for rejected in study.rejected] == ["not-an-image"]


def test_case_49_unsorted_slices() -> None:
    slices = made.ct_series(12, 32)
    random.Random(2).shuffle(slices)
    series = series_of(*slices)
    assert heights(series) == list(range(12))
    # The gray step in the corner says which slice it is.
    steps = [int(frame.load().pixels[0, 0]) for frame in series.frames]
    assert steps == [-1000 + 100 * index for index in range(12)]
    assert series.notices == ()


def at(*places: float, **attributes: object) -> list[bytes]:
    """Return slices of a series at these places along the patient, in mm."""
    return [
        made.ct_series(1, 32, ImagePositionPatient=[-50, -50, place], InstanceNumber=number, **attributes)[0]
        for number, place in enumerate(places, 1)
    ]


def test_case_50_doubled_positions_gaps_and_gantry_tilt() -> None:
    doubled = series_of(*at(0, 1, 2, 2, 3))
    assert codes(doubled) == ["doubled-positions"]
    assert "do not make one volume" in doubled.notices[0].message
    gap = series_of(*at(0, 1, 2, 3, 6, 7, 8, 9))
    assert codes(gap) == ["missing-slices"]
    assert "About 2 slices are missing, the first between slices 4 and 5" in gap.notices[0].message
    tilted = [
        made.ct_series(1, 32, ImagePositionPatient=[-50, -50 + 0.2 * place, float(place)])[0] for place in range(6)
    ]
    (notice,) = series_of(*tilted).notices
    assert notice.code == "gantry-tilt"
    assert "11.3°" in notice.message  # arctan 0.2


def test_case_51_enhanced_multi_frame_with_a_window_for_each() -> None:
    frames = np.repeat(np.arange(100, dtype=np.uint16).reshape(1, 10, 10), 2, axis=0)
    windows = [
        item(FrameVOILUTSequence=[item(WindowCenter=center, WindowWidth=10, VOILUTFunction="LINEAR_EXACT")])
        for center in (25, 75)
    ]
    dataset = dataset_of(frames, SOPClassUID=EnhancedCTImageStorage, PerFrameFunctionalGroupsSequence=windows)
    images = [frame.load() for frame in series_of(file_of(dataset)).frames]
    assert [voi.center for image in images for voi in image.voi if isinstance(voi, WindowLevel)] == [25, 75]
    grays = [render(image).ravel() for image in images]
    assert [int(np.searchsorted(gray, 128)) for gray in grays] == [25, 75]
