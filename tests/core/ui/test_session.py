from __future__ import annotations

import numpy as np
import pytest

from core.domain import Frame, Image, Intensity, Rejected, Series, Study
from core.ui.session import Bounded, Desk, OpenStudy, View


def image(uid: str) -> Image:
    return Image(np.zeros((4, 4), np.uint8), Intensity.GRAY, "MONOCHROME2", uid)


def series(uid: str, *, frames: int = 1, is_localizer: bool = False) -> Series:
    made = tuple(Frame(f"{uid}:{n}", lambda n=n: image(f"{uid}:{n}"), (4, 4)) for n in range(frames))
    return Series(uid, "A series", made, is_localizer=is_localizer)


class TestBounded:
    def test_forgets_what_was_used_longest_ago(self) -> None:
        cache: Bounded[int] = Bounded(10, weigh=lambda entry: entry)
        cache.put("a", 4)
        cache.put("b", 5)
        assert cache.get("a") == 4
        cache.put("c", 3)
        assert (cache.get("a"), cache.get("b"), cache.get("c")) == (4, None, 3)

    def test_the_last_entry_is_kept_however_heavy(self) -> None:
        cache: Bounded[int] = Bounded(10, weigh=lambda entry: entry)
        cache.put("small", 1)
        cache.put("large", 99)
        assert len(cache) == 1
        assert cache.get("large") == 99

    def test_an_entry_that_is_replaced_weighs_once(self) -> None:
        cache: Bounded[int] = Bounded(10, weigh=lambda entry: entry)
        for _ in range(5):
            cache.put("a", 6)
        cache.put("b", 4)
        assert len(cache) == 2

    def test_dropping_what_is_not_there_is_no_fault(self) -> None:
        cache: Bounded[int] = Bounded(1)
        cache.drop("nothing")
        assert len(cache) == 0


class TestDesk:
    def test_a_localizer_is_not_what_is_opened_first(self) -> None:
        desk = Desk()
        desk.open(Study("0", (series("scout", is_localizer=True), series("chest"))))
        assert desk.opened is not None
        assert desk.opened.series.uid == "chest"

    def test_a_study_of_localizers_only_is_opened_nevertheless(self) -> None:
        desk = Desk()
        desk.open(Study("0", (series("scout", is_localizer=True),)))
        assert desk.opened is not None
        assert desk.opened.series.uid == "scout"

    def test_an_upload_without_pictures_leaves_the_desk_clear_and_says_why(self) -> None:
        desk = Desk()
        desk.open(Study("0", (series("chest"),)))
        desk.open(Study("1", (), (Rejected("a", "empty-file", "The file is empty."),)))
        assert desk.opened is None
        assert [each.code for each in desk.left_out] == ["empty-file"]

    def test_closing_keeps_nothing_but_the_count_of_uploads(self) -> None:
        desk = Desk(uploads=3)
        desk.open(Study("0", (series("chest"),), (Rejected("a", "empty-file", "The file is empty."),)))
        desk.close()
        assert (desk.opened, desk.left_out, desk.failure, desk.uploads) == (None, (), None, 3)


class TestOpenStudy:
    @pytest.mark.parametrize(("frames", "first"), [(1, 1), (2, 2), (3, 2), (28, 15)])
    def test_a_stack_opens_in_its_middle(self, frames: int, first: int) -> None:
        stack = series("stack", frames=frames)
        assert OpenStudy(Study("0", (stack,)), "stack").view.frame == first

    def test_each_series_keeps_how_it_was_looked_at(self) -> None:
        opened = OpenStudy(Study("0", (series("a"), series("b"))), "a")
        opened.view.invert = True
        opened.series_uid = "b"
        assert not opened.view.invert
        opened.series_uid = "a"
        assert opened.view.invert


def test_reset_brings_back_the_files_own_window_and_the_whole_image() -> None:
    view = View(frame=7, preset="Manual", invert=True, zoom=3.0, across=10, down=90, label="Pneumonia")
    view.reset()
    assert (view.preset, view.invert, view.zoom, view.across, view.down) == ("", False, 1.0, 50, 50)
    assert (view.frame, view.label) == (7, "Pneumonia")
