"""Series: what belongs together, its order, and the faults of a stack."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from itertools import pairwise
from math import cos, radians, sin

import numpy as np
import pytest
from pydicom.sequence import Sequence

from core.domain import Series
from core.io.dicom import DicomFile, decode_frame, group_series
from core.windowing import render
from tests.core.io.dicom.made import SERIES_UID, dataset_of, file_of, item, read

AXIAL = [1, 0, 0, 0, 1, 0]
SAGITTAL = [0, 1, 0, 0, 0, -1]
PIXELS = np.zeros((2, 3), np.uint16)


def slice_at(z: float | None, *, number: int | None = None, name: str = "", **attributes: object) -> DicomFile:
    """Return an axial slice; its single value tells it apart, since equal files count once."""
    placed = {} if z is None else {"ImagePositionPatient": [0, 0, z], "ImageOrientationPatient": AXIAL}
    if number is not None:
        placed["InstanceNumber"] = number
    attributes.setdefault("ImageComments", name or str((z, number)))
    return read(file_of(dataset_of(PIXELS, **placed | attributes)), name=name)


def only(files: SequenceOf[DicomFile]) -> Series:
    (series,) = group_series(files)
    return series


def codes(series: Series) -> list[str]:
    return [notice.code for notice in series.notices]


def heights(series: Series) -> list[float]:
    return [frame.position.origin_mm[2] for frame in series.frames if frame.position]


# ── What belongs together ─────────────────────────────────────────────────────────────────────────────────────────


def test_slices_of_one_series_belong_together():
    assert len(only([slice_at(z) for z in (0, 5, 10)]).frames) == 3


def test_no_files_are_no_series():
    assert group_series([]) == ()


@pytest.mark.parametrize(
    "attributes",
    [
        {"SeriesInstanceUID": SERIES_UID + "9"},
        {"ImageOrientationPatient": SAGITTAL},
        {"Modality": "MR"},
        {"BodyPartExamined": "CHEST"},
        {"ViewPosition": "LATERAL"},
        {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        {"PatientID": "another"},
        {"PatientName": "Another^One"},
        {"StudyInstanceUID": SERIES_UID + "8"},
        {"PatientAge": "062Y"},
        {"PresentationIntentType": "FOR PROCESSING"},
    ],
    ids=[
        *("series", "orientation", "modality", "body part", "view", "localizer"),
        *("patient", "name", "study", "age", "intent"),
    ],
)
def test_slices_that_differ_in_kind_stand_apart(attributes):
    assert len(group_series([slice_at(0), slice_at(5, **attributes)])) == 2


def test_both_polarities_of_one_series_stand_apart_and_that_is_said():
    """One window would show half of them wrong: the centre of one is the mirrored centre of the other."""
    values = np.array([[0, 100, 4095], [5, 6, 7]], np.uint16)
    bright = read(file_of(dataset_of(values, Modality="DX", WindowCenter=100, WindowWidth=50)))
    inverted = {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 3996, "WindowWidth": 50}
    dark = read(file_of(dataset_of(4095 - values, Modality="DX", **inverted)))
    one, other = group_series([bright, dark])
    assert [codes(series) for series in (one, other)] == [["both-polarities"]] * 2
    assert [series.notices[0].message.partition("high values are ")[2].split()[0] for series in (one, other)] == [
        "bright",
        "dark",
    ]
    shown = [render(image, image.voi[0]).tolist() for image in (series.frames[0].load() for series in (one, other))]
    assert np.abs(np.subtract(*shown)).max() <= 6, "LINEAR of an odd centre differs by one step of the window"


def test_another_matrix_size_stands_apart():
    other = read(file_of(dataset_of(np.zeros((4, 4), np.uint16))))
    assert [series.frames[0].shape for series in group_series([slice_at(None), other])] == [(2, 3), (4, 4)]


def test_nearly_equal_orientations_belong_together():
    """Scanners round direction cosines differently from slice to slice."""
    tilted = [1, 0, 0, 0, 0.99999, 0.0044]
    assert len(group_series([slice_at(0), slice_at(5, ImageOrientationPatient=tilted)])) == 1


def test_localizers_come_last_and_are_marked():
    files = [slice_at(0, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), slice_at(5)]
    assert [series.is_localizer for series in group_series(files)] == [False, True]


def test_files_without_a_series_stand_alone():
    files = [slice_at(z, SeriesInstanceUID=None) for z in (0, 5)]
    assert [len(series.frames) for series in group_series(files)] == [1, 1]


def test_a_file_given_twice_counts_once_and_is_noted():
    series = only([slice_at(0), slice_at(5), slice_at(0)])
    assert (len(series.frames), codes(series)) == (2, ["repeated-files"])


def test_the_identity_of_a_series_is_that_of_its_content():
    files = [slice_at(z) for z in (0, 5, 10)]
    assert only(files).uid == only(files[::-1]).uid != only(files[:2]).uid


def test_a_series_remembers_what_its_owner_called_it():
    assert only([slice_at(0, name="scan/1.dcm")]).source == "scan/1.dcm"


# ── Order ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_slices_are_ordered_by_position_whatever_their_numbers():
    series = only([slice_at(z, number=int(100 - z)) for z in (10, 0, 15, 5)])
    assert heights(series) == [0, 5, 10, 15]
    assert series.notices == ()


def test_sagittal_slices_are_ordered_along_their_own_normal():
    """Row direction y, column direction -z: the normal is -x, so the order runs from +x to -x."""
    files = [
        slice_at(0, ImageOrientationPatient=SAGITTAL, ImagePositionPatient=[x, 0, 0], ImageComments=str(x))
        for x in (-4, 4, 0)
    ]
    assert [frame.position.origin_mm[0] for frame in only(files).frames] == [4, 0, -4]


def test_slices_without_positions_are_ordered_by_number_and_that_is_named():
    series = only([slice_at(None, number=number) for number in (3, 1, 2)])
    assert [frame.instance_number for frame in series.frames] == [1, 2, 3]
    assert codes(series) == ["missing-positions"]
    assert "3 of 3 slices" in series.notices[0].message


def test_one_missing_position_is_enough_to_fall_back():
    series = only([slice_at(5, number=2), slice_at(None, number=1, ImageOrientationPatient=AXIAL)])
    assert [frame.instance_number for frame in series.frames] == [1, 2]
    assert codes(series) == ["missing-positions"]


def test_without_numbers_the_names_decide():
    names = ["b", "c", "a"]
    series = only([slice_at(None, name=name, ImageComments=name) for name in names])
    expected = {name: only([slice_at(None, name=name, ImageComments=name)]).frames[0].uid for name in names}
    assert [frame.uid for frame in series.frames] == [expected[name] for name in sorted(names)]


def test_radiographs_without_positions_need_no_notice():
    series = only([slice_at(None, number=number, Modality="DX") for number in (1, 2)])
    assert series.notices == ()


@pytest.mark.parametrize("orientation", [[1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0], [2, 0, 0, 0, 2, 0], [1, 0, 0]])
def test_an_impossible_orientation_is_none(orientation):
    assert only([slice_at(0, ImageOrientationPatient=orientation)]).frames[0].position is None


# ── Faults of the stack ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_even_stack_has_no_faults():
    assert only([slice_at(2.5 * step) for step in range(10)]).notices == ()


def test_doubled_positions_are_named_and_kept():
    series = only([slice_at(z, number=number) for number in (1, 2) for z in (0, 5, 10)])
    assert (len(series.frames), codes(series)) == (6, ["doubled-positions"])
    assert series.notices[0].message.startswith("3 of 6 slices lie where another one does")


def test_missing_slices_are_counted_and_placed():
    series = only([slice_at(5.0 * step) for step in range(12) if step not in (4, 5, 9)])
    assert codes(series) == ["missing-slices"]
    assert "About 3 slices are missing, the first between slices 4 and 5: 15.0 mm" in series.notices[0].message
    assert "where 5.0 mm are usual" in series.notices[0].message


def test_a_change_of_spacing_midway_is_no_gap():
    """Head CT: thin slices through the skull base, thick ones above."""
    heights_mm = [*np.arange(0, 40, 4.0), *np.arange(40, 110, 7.0)]
    assert codes(only([slice_at(z) for z in heights_mm])) == ["non-uniform-spacing"]


def test_uneven_spacing_is_named_with_its_range():
    series = only([slice_at(z) for z in (0, 5, 10, 16, 21)])
    assert codes(series) == ["non-uniform-spacing"]
    assert "5.00 to 6.00 mm" in series.notices[0].message


def test_rounded_positions_are_even_enough():
    assert only([slice_at(round(step / 3, 2)) for step in range(20)]).notices == ()


def sheared(degrees: float) -> list[DicomFile]:
    """Slices of a tilted gantry: the table moves along z, the normal leans by the angle."""
    orientation = [1, 0, 0, 0, cos(radians(degrees)), -sin(radians(degrees))]
    return [slice_at(5.0 * step, ImageOrientationPatient=orientation, GantryDetectorTilt=degrees) for step in range(5)]


def test_a_tilted_gantry_is_named_with_its_angle():
    series = only(sheared(18.5))
    assert codes(series) == ["gantry-tilt"]
    assert "tilted by 18.5°" in series.notices[0].message
    assert all(a < b for a, b in pairwise(heights(series)))


def test_half_a_degree_is_no_tilt():
    assert only(sheared(0.4)).notices == ()


def test_a_tilt_in_the_header_counts_where_positions_are_missing():
    series = only([slice_at(None, number=number, GantryDetectorTilt=-12) for number in (1, 2)])
    assert codes(series) == ["missing-positions", "gantry-tilt"]


def test_a_tilt_that_was_corrected_is_not_named():
    assert only([slice_at(z, GantryDetectorTilt=15) for z in (0, 5, 10)]).notices == ()


# ── Multi-frame ───────────────────────────────────────────────────────────────────────────────────────────────────


def clip(**attributes: object) -> Series:
    return only([read(file_of(dataset_of(np.arange(24, dtype=np.uint8).reshape(4, 2, 3), **attributes)))])


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"FrameTime": 40}, [40, 40, 40, 40]),
        ({"FrameTimeVector": [0, 10, 20, 30]}, [10, 20, 30, 30]),
        ({"RecommendedDisplayFrameRate": 25}, [40, 40, 40, 40]),
        ({"CineRate": 50}, [20, 20, 20, 20]),
        ({"RecommendedDisplayFrameRate": 25, "CineRate": 50}, [40, 40, 40, 40]),
        ({"FrameTime": 0, "CineRate": 10}, [100, 100, 100, 100]),
        ({"FrameTimeVector": [0, 10]}, [None] * 4),
        ({"FrameTimeVector": [0, 10, -5, 10]}, [None] * 4),
        ({}, [None] * 4),
    ],
)
def test_the_time_to_the_next_frame(attributes, expected):
    assert [frame.frame_time_ms for frame in clip(**attributes).frames] == expected


def test_frames_of_a_clip_keep_their_order_and_load_their_own_pixels():
    series = clip(Modality="US")
    assert [int(frame.load().pixels[0, 0]) for frame in series.frames] == [0, 6, 12, 18]
    assert [frame.instance_number for frame in series.frames] == [1, 2, 3, 4]
    assert series.frames[1].load().uid == series.frames[1].uid
    assert series.notices == ()


def test_a_multi_frame_file_stands_apart_from_its_series():
    many = read(file_of(dataset_of(np.zeros((4, 2, 3), np.uint16))))
    assert [len(series.frames) for series in group_series([slice_at(None), many])] == [1, 4]


def test_frames_of_an_enhanced_object_are_ordered_by_position():
    dataset = dataset_of(np.arange(12, dtype=np.uint16).reshape(3, 2, 2))
    dataset.PerFrameFunctionalGroupsSequence = Sequence(
        item(PlanePositionSequence=[item(ImagePositionPatient=[0, 0, z])]) for z in (10, 0, 5)
    )
    dataset.SharedFunctionalGroupsSequence = Sequence(
        [item(PlaneOrientationSequence=[item(ImageOrientationPatient=AXIAL)])]
    )
    file = read(file_of(dataset))
    series = only([file])
    assert heights(series) == [0, 5, 10]
    assert [frame.uid for frame in series.frames] == [f"{file.digest}:{number}" for number in (2, 3, 1)]
    np.testing.assert_array_equal(series.frames[0].load().pixels, decode_frame(file, 1).pixels)


def test_dose_planes_lie_where_their_offsets_say():
    attributes = {"ImagePositionPatient": [1, 2, 3], "ImageOrientationPatient": AXIAL}
    series = clip(Modality="RTDOSE", GridFrameOffsetVector=[0, 2.5, 5, 7.5], **attributes)
    assert heights(series) == [3, 5.5, 8, 10.5]


def test_absolute_dose_offsets_are_positions():
    attributes = {"ImagePositionPatient": [1, 2, -40], "ImageOrientationPatient": AXIAL}
    series = clip(Modality="RTDOSE", GridFrameOffsetVector=[-40, -35, -30, -25], **attributes)
    assert heights(series) == [-40, -35, -30, -25]


def test_one_position_for_many_frames_is_nobodys():
    series = clip(Modality="NM", ImagePositionPatient=[1, 2, 3], ImageOrientationPatient=AXIAL)
    assert {frame.position for frame in series.frames} == {None}
