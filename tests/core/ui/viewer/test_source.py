"""The decoded pictures of a series: each decoded once, a bounded number kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from core.domain import Image, Series
from core.errors import StudyError
from core.ui.session import Bounded
from core.ui.viewer.source import PixelSource
from tests.core.ui.viewer.made_images import frame_of, image_of


class Counted:
    """A series whose frames count how often they are decoded."""

    def __init__(self, count: int, *, size: int = 8) -> None:
        self.decoded = [0] * count
        self.gate = threading.Event()
        self.gate.set()
        images = [image_of(np.full((size, size), i, np.uint8), uid=f"{i}") for i in range(count)]

        def load(i: int):
            self.gate.wait(5)
            self.decoded[i] += 1
            return images[i]

        self.series = Series(
            "s", "s", tuple(frame_of(image, load=lambda i=i: load(i)) for i, image in enumerate(images))
        )


def test_a_frame_is_decoded_once_and_remembered() -> None:
    counted = Counted(2)
    source = PixelSource(counted.series)
    assert source.image(1) is source.image(1)
    assert source.image(0).pixels[0, 0] == 0
    assert counted.decoded == [1, 1]


def test_what_several_ask_for_at_the_same_time_is_decoded_once() -> None:
    counted = Counted(1)
    counted.gate.clear()
    source = PixelSource(counted.series)
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(source.image, 0) for _ in range(4)]
        counted.gate.set()
        images = {id(each.result(timeout=60)) for each in asked}
    assert len(images) == 1
    assert counted.decoded == [1]


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    counted = Counted(3)
    source = PixelSource(counted.series, remembered_bytes=2 * 64)
    for index in (0, 1, 2, 2, 1, 0):
        source.image(index)
    assert counted.decoded == [2, 1, 1]


def test_a_failure_reaches_everybody_who_waits_and_is_not_remembered() -> None:
    attempts = []

    def load():
        attempts.append(1)
        if len(attempts) == 1:
            raise StudyError("The pixel data are cut off.", code="truncated-pixel-data")
        return image

    image = image_of(np.zeros((2, 2), np.uint8))
    source = PixelSource(Series("s", "s", (frame_of(image, load=load),)))
    with pytest.raises(StudyError):
        source.image(0)
    assert source.image(0) is image


@pytest.mark.parametrize("index", [-1, 2])
def test_there_are_no_frames_beyond_the_ends(index: int) -> None:
    with pytest.raises(IndexError):
        PixelSource(Counted(2).series).image(index)


def test_a_closed_source_holds_nothing_and_shows_nothing() -> None:
    images: Bounded[Image] = Bounded(10**6)
    counted = Counted(1)
    source = PixelSource(counted.series, images=images)
    source.image(0)
    assert len(images) == 1
    source.close()
    assert len(images) == 0
    with pytest.raises(IndexError):
        source.image(0)
