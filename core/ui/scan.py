"""The score of every image of a series, worked out in the background while the reader goes on looking."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from core.errors import CoreError
from core.ui.session import Outcome

Scores = dict[str, float]
"""By the label's name; NaN where undefined."""


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
        self.scores: list[Scores | None] = [None] * count
        self.done = 0
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
    def is_running(self) -> bool:
        """Whether more is to come."""
        return self._thread.is_alive() and not self._leave.is_set()

    @property
    def is_whole(self) -> bool:
        """Whether every image was asked about."""
        return self.done == len(self.scores)

    def values(self, label: str) -> list[float | None]:
        """Return the scores of a label in the order of the images; None where there is none (yet)."""
        known = (math.nan if scores is None else scores[label] for scores in self.scores)
        return [None if math.isnan(value) else value for value in known]

    def _run(self) -> None:
        for index in range(len(self.scores)):
            if self._leave.is_set():
                return
            outcome = self._read(index)
            if not isinstance(outcome, CoreError):
                self.scores[index] = {score.label.name: score.value for score in outcome.prediction.scores}
            self.done = index + 1
