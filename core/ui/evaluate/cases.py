"""The cases: a gallery of those that were chosen, the surest mistakes first; each opens on the page Read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.assessment.gallery import (
    case_image,
    case_study,
    find_frame,
    heated_picture_of,
    opened_files,
    picture_of,
)
from core.assessment.labelled_set import Files
from core.assessment.outcome import Assessment, Case
from core.assessment.store import Store
from core.errors import CoreError
from core.overlay import as_rgb
from core.reports.wording import label_title, score_in_words
from core.ui.evaluate.chosen import CELLS, Called, Cell, Chosen, MostWrong, Scored, chosen_in_words, numbers_of
from core.ui.evaluate.state import Bench, Table
from core.ui.failure import show_error
from core.ui.picture import jpeg_url
from core.ui.session import open_desk

READ = Path(__file__).resolve().parents[3] / "pages" / "read.py"
PAGE_SIZE = 12
CARD_PX = 236


def show_cases(bench: Bench, _store: Store, table: Table, assessment: Assessment) -> None:
    """Show the choice of cases, and a page of them."""
    _choose(table, assessment)
    numbers = numbers_of(assessment, table.label, table.chosen)
    with_heat = _head(table, assessment, len(numbers))
    show_gallery(bench, table, assessment, numbers, with_heat=with_heat)


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
        table.chosen, table.page = ways[place], 0
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
        table.chosen, table.page = Called(shown, called), 0
        st.rerun(scope="fragment")


def _head(table: Table, assessment: Assessment, count: int) -> bool:
    """Show which part of the cases is on the page, and the ways to the others; return whether heatmaps are wanted."""
    pages = max(1, -(-count // PAGE_SIZE))
    table.page = min(table.page, pages - 1)
    first = table.page * PAGE_SIZE
    with st.container(horizontal=True, vertical_alignment="center", key="row_gallery"):
        st.markdown(
            f"**{chosen_in_words(assessment, table.chosen)}**: "
            + (f"{first + 1:,}–{min(first + PAGE_SIZE, count):,} of {count:,}" if count else "none")
        )
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            disabled=not table.page,
            key="previous",
            on_click=partial(_turn, table, -1),
        )
        st.button(
            "Next",
            icon=":material/chevron_right:",
            disabled=table.page >= pages - 1,
            key="next",
            on_click=partial(_turn, table, 1),
        )
        return bool(st.toggle("Heatmaps", value=True, key="gallery_heat"))


def _turn(table: Table, step: int) -> None:
    table.page += step


# ── The gallery ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class _Gallery:
    """What a page of cases is drawn from; `beside` tells galleries of one page apart."""

    bench: Bench
    assessment: Assessment
    label: str
    files: Files
    beside: str


def show_gallery(
    bench: Bench, table: Table, assessment: Assessment, numbers: Sequence[int], *, with_heat: bool, beside: str = ""
) -> None:
    """Show a page of cases: pictures at once, evidence as it comes.

    Parameters
    ----------
    numbers : sequence of int
        All the cases that were chosen.
    beside : str
        Tells galleries of one page apart.
    """
    shown = numbers[table.page * PAGE_SIZE : (table.page + 1) * PAGE_SIZE]
    if not shown:
        st.caption("There is no such case.")
        return
    try:
        with opened_files(assessment.job) as files:
            gallery = _Gallery(bench, assessment, table.label, files, beside)
            places = _cards(gallery, shown)
            for number, place in zip(shown, places, strict=True) if with_heat else ():
                _draw(gallery, number, place, with_heat=True)
    except CoreError as error:
        show_error(error)


def _cards(gallery: _Gallery, shown: Sequence[int]) -> list[DeltaGenerator]:
    places = []
    with st.container(horizontal=True, key=f"gallery{gallery.beside}"):
        for number in shown:
            with st.container(border=True, width=CARD_PX, gap="xsmall", key=f"card{gallery.beside}_{number}"):
                places.append(st.empty())
                _draw(gallery, number, places[-1], with_heat=False)
                st.html(caption_html(gallery.assessment, gallery.label, number))
                if st.button("Open on Read", key=f"read{gallery.beside}_{number}", icon=":material/radiology:"):
                    open_on_read(gallery.assessment, gallery.assessment.cases[number], gallery.files)
    return places


def _draw(gallery: _Gallery, number: int, place: DeltaGenerator, *, with_heat: bool) -> None:
    """Show a case; one that was shown with its evidence before keeps that until it is drawn anew."""
    pictures, case = gallery.bench.pictures, gallery.assessment.cases[number]
    plain = f"{case.sha256}/{case.frame}"
    heated = f"{plain}/{gallery.assessment.model.sha256}/{gallery.label}"
    wanted = heated if with_heat else plain
    url = pictures.get(wanted)
    if url is None:
        url = pictures.put(wanted, _picture_url(gallery, case, with_heat=with_heat))
    alt = f"Case {number + 1}{', with heatmap' if with_heat else ''}"
    place.html(f'<div class="lb-case"><img src="{url}" alt="{alt}"></div>' if url else _NO_PICTURE)


_NO_PICTURE = (
    '<div class="lb-case"><p>The picture cannot be shown: the file is not there any more, or was changed.</p></div>'
)


def _picture_url(gallery: _Gallery, case: Case, *, with_heat: bool) -> str:
    """Return a picture; plain also where nothing speaks for the label, empty where the file cannot be had."""
    try:
        image = case_image(gallery.files, case)
    except CoreError:
        return ""
    try:
        heated = heated_picture_of(gallery.assessment, image, label=gallery.label) if with_heat else None
    except CoreError:
        heated = None
    return jpeg_url(as_rgb(picture_of(image)) if heated is None else heated)


def caption_html(assessment: Assessment, label: str, number: int) -> str:
    """Say what a case is said to show, what the model says, and whether it is wrong."""
    case, result = assessment.cases[number], assessment.result
    index = [own.name for own in assessment.labels].index(label)
    truth, own = result.cases.truth[number, index], result.labels[index]
    verdict = ""
    if own.calls is not None and truth in (0, 1):
        verdict = _VERDICTS[bool(truth), bool(case.scores[index] >= own.threshold)]
    parts = [
        f"<b>{escape(verdict)}</b>" if verdict else "",
        f"{escape(label_title(assessment.labels[index]))}: score {score_in_words(case.scores[index])}",
        f"The set says: {escape(', '.join(case.names)) or 'nothing'}",
        f'<span title="{escape(case.file)}">{escape(case.file.rpartition("/")[2])}</span>',
        "⚠ the model learnt from it" if case.in_training else "",
        "⚠ outside the intended use" if case.is_withheld else "",
    ]
    lines = "".join(f"<li>{part}</li>" for part in parts if part)
    return f'<ul class="lb-of-case">{lines}</ul>'


_VERDICTS = {
    (True, False): "✗ Missed",
    (False, True): "✗ False alarm",
    (True, True): "✓ Found",
    (False, False): "✓ Rightly negative",
}


def open_on_read(assessment: Assessment, case: Case, files: Files) -> None:
    """Put a case on the desk, with the model that was evaluated, and go there."""
    study = case_study(files, case)
    series, index = find_frame(study, case)
    desk = open_desk()
    desk.open(study)
    if desk.opened is not None:
        desk.opened.series_uid = series.uid
        desk.opened.view.frame = index + 1
        desk.opened.model_ids[series.uid] = assessment.model.id
    st.switch_page(READ)
