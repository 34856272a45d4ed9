"""The cases: which of them are looked at, the surest mistakes first."""

from __future__ import annotations

import streamlit as st

from core.assessment.outcome import Assessment
from core.assessment.store import Store
from core.reports.wording import label_title
from core.ui.evaluate.chosen import CELLS, Called, Cell, Chosen, MostWrong, Scored, chosen_in_words, numbers_of
from core.ui.evaluate.gallery import show_gallery
from core.ui.evaluate.state import Bench, Table


def show_cases(bench: Bench, _store: Store, table: Table, assessment: Assessment) -> None:
    """Show the choice of cases, and a page of them."""
    _choose(table, assessment)
    numbers = numbers_of(assessment, table.label, table.chosen)
    show_gallery(bench, table, assessment, numbers, title=chosen_in_words(assessment, table.chosen))


def _choose(table: Table, assessment: Assessment) -> None:
    """Show what can be chosen without a mouse as well: the cells of the matrix, each with its number."""
    if isinstance(table.chosen, Called) and assessment.result.confusion_matrix is None:
        table.chosen = MostWrong()
    ways: list[Chosen] = [MostWrong(), *(Cell(shown=shown, called=called) for shown, called in CELLS)]
    if assessment.result.confusion_matrix is not None:
        ways.append(table.chosen if isinstance(table.chosen, Called) else _first_mistake(assessment))
    if isinstance(table.chosen, Scored):
        ways.append(table.chosen)
    titles = [f"{chosen_in_words(assessment, way)} ({_count(assessment, table.label, way)})" for way in ways]
    place = st.segmented_control(
        "Cases",
        range(len(ways)),
        default=ways.index(table.chosen),
        required=True,
        format_func=titles.__getitem__,
        key=f"cases_{assessment.job.id}_{table.label}_{hash((table.chosen, tuple(ways)))}",
        label_visibility="collapsed",
    )
    if ways[place] != table.chosen:
        table.choose(ways[place])
        st.rerun(scope="fragment")
    if isinstance(table.chosen, Called):
        _choose_called(table, assessment, table.chosen)


def _count(assessment: Assessment, label: str, way: Chosen) -> str:
    return f"{len(numbers_of(assessment, label, way)):,}"


def _first_mistake(assessment: Assessment) -> Called:
    """Return the cell beside the diagonal that holds the most cases."""
    matrix = assessment.result.confusion_matrix
    assert matrix is not None
    cells = [
        (count, row, column)
        for row, counts in enumerate(matrix.counts)
        for column, count in enumerate(counts)
        if row != column
    ]
    _, row, column = max(cells)
    return Called(matrix.names[row], matrix.names[column])


def _choose_called(table: Table, assessment: Assessment, chosen: Called) -> None:
    titles = {label.name: label_title(label) for label in assessment.labels}
    names = list(titles)
    with st.container(horizontal=True):
        shown, called = (
            st.selectbox(
                words, names, names.index(name), format_func=titles.__getitem__, key=f"{key}_{chosen}", width=240
            )
            for words, name, key in (
                ("The set says", chosen.shown, "shown"),
                ("The model calls", chosen.called, "called"),
            )
        )
    if (shown, called) != (chosen.shown, chosen.called):
        table.choose(Called(shown, called))
        st.rerun(scope="fragment")
