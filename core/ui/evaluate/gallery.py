"""A gallery of cases, a page at a time: pictures, what is said of them, and the way to the page Read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from core.errors import CoreError
from core.overlay import as_rgb
from core.reports.wording import label_title, score_in_words
from core.ui.evaluate.state import Bench, Table
from core.ui.failure import show_error
from core.ui.picture import jpeg_url
from core.ui.session import open_desk

READ = Path(__file__).resolve().parents[3] / "pages" / "read.py"
PAGE_SIZE = 12
CARD_PX = 236


@dataclass(frozen=True, slots=True, eq=False)
class _Gallery:
    """What a page of cases is drawn from; see `show_gallery`."""

    bench: Bench
    assessment: Assessment
    label: str
    files: Files
    beside: str = ""
    more: Mapping[int, str] = field(default_factory=dict)


def show_gallery(
    bench: Bench,
    table: Table,
    assessment: Assessment,
    numbers: Sequence[int],
    *,
    title: str,
    beside: str = "",
    more: Mapping[int, str] | None = None,
) -> None:
    """Show a page of cases, pictures at once and evidence as it comes, and the ways to the others.

    Parameters
    ----------
    numbers : sequence of int
        All the cases that were chosen.
    title : str
        What they are.
    beside : str
        Tells galleries of one page apart.
    more : mapping of int to str, optional
        What else is said of cases, by number.
    """
    with_heat = _head(table, len(numbers), title=title, beside=beside)
    first = table.pages.get(beside, 0) * PAGE_SIZE
    shown = numbers[first : first + PAGE_SIZE]
    if not shown:
        st.caption("There is no such case.")
        return
    try:
        with opened_files(assessment.job) as files:
            gallery = _Gallery(bench, assessment, table.label, files, beside, more or {})
            places = _cards(gallery, shown)
            for number, place in zip(shown, places, strict=True) if with_heat else ():
                _draw(gallery, number, place, with_heat=True)
    except CoreError as error:
        show_error(error)


def _head(table: Table, count: int, *, title: str, beside: str) -> bool:
    """Show which part of the cases is on the page, and the ways to the others; return whether heatmaps are wanted."""
    last = max(0, -(-count // PAGE_SIZE) - 1)
    page = table.pages[beside] = min(table.pages.get(beside, 0), last)
    first = page * PAGE_SIZE
    with st.container(horizontal=True, vertical_alignment="center", key=f"row_gallery{beside}"):
        st.markdown(
            f"**{title}**: " + (f"{first + 1:,}–{min(first + PAGE_SIZE, count):,} of {count:,}" if count else "none")
        )
        for words, icon, step, is_end in (("Previous", "left", -1, page == 0), ("Next", "right", 1, page == last)):
            st.button(
                words,
                icon=f":material/chevron_{icon}:",
                disabled=is_end,
                key=f"{words.lower()}{beside}",
                on_click=partial(_turn, table, beside, step),
            )
        return bool(st.toggle("Heatmaps", value=True, key=f"gallery_heat{beside}"))


def _turn(table: Table, beside: str, step: int) -> None:
    table.pages[beside] = table.pages.get(beside, 0) + step


def _cards(gallery: _Gallery, shown: Sequence[int]) -> list[DeltaGenerator]:
    places = []
    with st.container(horizontal=True, key=f"gallery{gallery.beside}"):
        for number in shown:
            with st.container(border=True, width=CARD_PX, gap="xsmall", key=f"card{gallery.beside}_{number}"):
                places.append(st.empty())
                _draw(gallery, number, places[-1], with_heat=False)
                more = gallery.more.get(number, "")
                st.html(caption_html(gallery.assessment, gallery.label, number, more=more))
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


def caption_html(assessment: Assessment, label: str, number: int, *, more: str = "") -> str:
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
        escape(more),
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
