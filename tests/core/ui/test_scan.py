"""Scores along a series: asked for one after the other, in the background, until somebody stops it."""

from __future__ import annotations

import math
import threading
from types import SimpleNamespace
from typing import Any

from core.errors import StudyError, UnsuitableInputError
from core.ui.scan import Scan


def outcome(value: float) -> Any:
    score = SimpleNamespace(label=SimpleNamespace(name="Fracture"), value=value)
    return SimpleNamespace(prediction=SimpleNamespace(scores=(score,)))


def finished(scan: Scan) -> Scan:
    scan.start()
    scan._thread.join(timeout=30)
    assert not scan.is_running
    return scan


def test_every_image_gets_its_score_and_what_is_undefined_is_none() -> None:
    values = [0.1, math.nan, 0.9]
    scan = finished(Scan(3, lambda index: outcome(values[index])))
    assert scan.values("Fracture") == [0.1, None, 0.9]
    assert scan.reasons("Fracture") == {1: "The model gave no number for this image."}
    assert (scan.done, scan.left) == (3, 0)


def test_an_image_that_cannot_be_read_leaves_a_gap() -> None:
    refusal = UnsuitableInputError("The image has no contrast.", code="no-contrast")
    scan = finished(Scan(3, lambda index: refusal if index == 1 else outcome(0.5)))
    assert scan.values("Fracture") == [0.5, None, 0.5]
    assert scan.reasons("Fracture") == {1: "The image has no contrast."}
    assert (scan.done, scan.left) == (3, 0), "asking again would not help"


def test_what_failed_may_be_asked_again_and_what_is_known_stays() -> None:
    asked: list[int] = []

    def read(index: int) -> Any:
        asked.append(index)
        if index == 1 and asked.count(1) == 1:
            return StudyError("Decoding took too long.", code="decoding-timeout")
        if index == 2 and asked.count(2) == 1:
            raise ZeroDivisionError("of a patient")
        return outcome(0.5)

    scan = finished(Scan(4, read))
    assert scan.values("Fracture") == [0.5, None, None, 0.5]
    assert scan.reasons("Fracture").keys() == {1, 2}
    assert "patient" not in str(scan.reasons("Fracture"))
    assert scan.left == 2
    again = finished(scan.resumed())
    assert asked == [0, 1, 2, 3, 1, 2]
    assert again.values("Fracture") == [0.5] * 4
    assert (again.reasons("Fracture"), again.left) == ({}, 0)


def test_it_stops_when_it_is_cancelled_and_keeps_what_is_known() -> None:
    began, may_go_on = threading.Event(), threading.Event()

    def read(index: int) -> Any:
        began.set()
        assert may_go_on.wait(timeout=30)
        return outcome(0.25)

    scan = Scan(4, read)
    scan.start()
    assert began.wait(timeout=30)
    assert scan.is_running
    scan.cancel()
    assert not scan.is_running
    may_go_on.set()
    scan._thread.join(timeout=30)
    assert scan.values("Fracture") == [0.25, None, None, None]
    assert (scan.done, scan.left) == (1, 3)
