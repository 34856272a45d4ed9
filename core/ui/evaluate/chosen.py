"""Which cases are looked at: the surest mistakes, a cell of a matrix, or a bin of the histogram."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.assessment.gallery import cases_called, cases_in_cell, cases_scored
from core.assessment.outcome import Assessment, most_wrong
from core.evaluation.curves import HISTOGRAM_BINS
from core.reports.wording import label_title

CELLS = {
    (True, False): "Missed",
    (False, True): "False alarms",
    (True, True): "Found",
    (False, False): "Rightly negative",
}
"""Of a label's matrix, by what is shown and whether it is called; mistakes first."""


@dataclass(frozen=True, slots=True)
class MostWrong:
    """Cases that are called wrongly, the most confidently wrong first."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Cases that show a label or do not, and are called or not."""

    shown: bool
    called: bool


@dataclass(frozen=True, slots=True)
class Called:
    """Cases of one label that are called another, of labels that exclude each other."""

    shown: str
    called: str


@dataclass(frozen=True, slots=True)
class Scored:
    """Cases whose score lies in a range."""

    low: float
    high: float


Chosen = MostWrong | Cell | Called | Scored


def numbers_of(assessment: Assessment, label: str, chosen: Chosen) -> list[int]:
    """Return the cases by number, in the order in which they are worth a look."""
    if isinstance(chosen, Called):
        return cases_called(assessment, shown=chosen.shown, called=chosen.called)
    if isinstance(chosen, Scored):
        return cases_scored(assessment, label=label, low=chosen.low, high=chosen.high)
    if math.isnan(assessment.result.label(label).threshold):
        return []
    if isinstance(chosen, Cell):
        return cases_in_cell(assessment, label=label, shown=chosen.shown, called=chosen.called)
    return most_wrong(assessment, label)


def chosen_in_words(assessment: Assessment, chosen: Chosen) -> str:
    """Say which cases are looked at."""
    titles = {label.name: label_title(label) for label in assessment.labels}
    if isinstance(chosen, Called):
        if chosen.shown == chosen.called:
            return f"{titles[chosen.shown]}, called rightly"
        return f"{titles[chosen.shown]}, called {titles[chosen.called]}"
    if isinstance(chosen, Scored):
        return f"Scores from {chosen.low:g} to {chosen.high:g}"
    if isinstance(chosen, Cell):
        return CELLS[chosen.shown, chosen.called]
    return "Most confidently wrong"


def clicked_cell(assessment: Assessment, number: int) -> Chosen:
    """Return what the cell of this number shows, counted row by row as `confusion_figure` draws them."""
    if assessment.result.confusion_matrix is None:
        row, column = divmod(number, 2)
        return Cell(shown=bool(row), called=bool(column))
    names = assessment.result.confusion_matrix.names
    row, column = divmod(number, len(names))
    return Called(names[row], names[column])


def clicked_bin(number: int) -> Chosen:
    """Return what the bin of this number of a score histogram holds."""
    return Scored(number / HISTOGRAM_BINS, (number + 1) / HISTOGRAM_BINS)
