"""The score of every image of a series, worked out in the background while the reader goes on looking."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from core.errors import CoreError, UnsuitableInputError
from core.ui.failure import log_calmly
from core.ui.session import Outcome

Scores = dict[str, float]
"""By the label's name; NaN where undefined."""


NO_NUMBER = "The model gave no number for this image."


class Scan:
    """Asks a model about each image of a series, one after the other.

    Parameters
    ----------
    count : int
        How many images the series has.
    read : callable
        Given the index of an image, returns what the model says of it.
    """

    def __init__(self, count: int, read: Callable[[int], Outcome]) -> None:
        self._answers: list[Scores | CoreError | None] = [None] * count
        self._read = read
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scan", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def cancel(self) -> None:
        """Stop after the image that is at work; what is known stays."""
        self._leave.set()

    @property
    def done(self) -> int:
        """How many images have an answer, be it a refusal."""
        return sum(answer is not None for answer in self._answers)

    @property
    def left(self) -> int:
        """About how many images it is worth asking (again): those without an answer, and failures that may pass."""
        return sum(answer is None or _may_pass(answer) for answer in self._answers)

    @property
    def is_running(self) -> bool:
        """Whether more is to come."""
        return self._thread.is_alive() and not self._leave.is_set()

    def values(self, label: str) -> list[float | None]:
        """Return the scores of a label in the order of the images; None where there is none (yet)."""
        known = (answer[label] if isinstance(answer, dict) else math.nan for answer in self._answers)
        return [None if math.isnan(value) else value for value in known]

    def reasons(self, label: str) -> dict[int, str]:
        """Return why images have no score of a label, by their index; what is still to be answered is left out."""
        told = {index: _reason(answer, label) for index, answer in enumerate(self._answers)}
        return {index: reason for index, reason in told.items() if reason}

    def resumed(self) -> Scan:
        """Return a scan, not begun, that asks about what is `left` and knows the rest."""
        again = Scan(len(self._answers), self._read)
        again._answers = [None if _may_pass(answer) else answer for answer in self._answers]
        return again

    def _run(self) -> None:
        for index, answer in enumerate(self._answers):
            if self._leave.is_set():
                return
            if answer is None:
                self._answers[index] = self._ask(index)

    def _ask(self, index: int) -> Scores | CoreError:
        try:
            outcome = self._read(index)
        except Exception as error:
            log_calmly(error)
            return CoreError("Something went wrong that Lightbox did not foresee.", code="unforeseen")
        if isinstance(outcome, CoreError):
            return outcome
        return {score.label.name: score.value for score in outcome.prediction.scores}


def _reason(answer: Scores | CoreError | None, label: str) -> str:
    if isinstance(answer, CoreError):
        return answer.message
    return NO_NUMBER if answer is not None and math.isnan(answer[label]) else ""


def _may_pass(answer: Scores | CoreError | None) -> bool:
    """Whether another try may help: an image without contrast stays one, a decoder that was too slow may be in time."""
    return isinstance(answer, CoreError) and not isinstance(answer, UnsuitableInputError)
