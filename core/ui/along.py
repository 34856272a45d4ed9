"""Controls beside the subject: the score of every image of a series, and another series or a prior to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core import io
from core.domain import ModelSpec, Series, Study
from core.errors import CoreError, StudyError
from core.ui.asking import scan_of, start_scan
from core.ui.controls import frame_word, tied
from core.ui.failure import show_error
from core.ui.intake import forget_uploads
from core.ui.scan import Scan
from core.ui.session import OpenStudy
from core.ui.side import told_apart

NONE = ""


def scan_controls(opened: OpenStudy, spec: ModelSpec) -> None:
    """Show the way to the scores of all images of the series: begin, how far it is, stop, go on.

    It is one button throughout: in place of one, a second would stand beside the first until the page is drawn anew,
    and move under the hand.
    """
    count = len(opened.series.frames)
    scan = scan_of(opened, spec)
    if count < 2 or (scan is not None and not scan.is_running and not scan.left):
        return
    word = frame_word(opened.series)
    is_running = scan is not None and scan.is_running
    st.button(
        _scan_words(scan, count, word),
        key="scan",
        on_click=scan.cancel if scan is not None and is_running else partial(start_scan, opened, spec),
        icon=":material/stop:" if is_running else ":material/show_chart:",
        help=f"Asks the model about all {count} {word}s, while you go on reading.",
    )


def _scan_words(scan: Scan | None, count: int, word: str) -> str:
    if scan is None:
        return f"Score every {word}"
    return f"Stop scoring ({scan.done} of {count})" if scan.is_running else f"Score the {scan.left} left"


def bring_a_prior(opened: OpenStudy) -> None:
    """Show the uploader for an earlier study of the patient, to be looked at next to this one."""
    with st.expander("Compare with a prior", icon=":material/compare:"):
        files = st.file_uploader("Files or zip of a prior", accept_multiple_files=True, key=f"prior_{opened.priors}")
        if files:
            _take_in_prior(opened, files)
        elif opened.prior is not None:
            st.caption("It is listed under the images, at “Compare with”.")
            if _patient_ids(opened.prior) != _patient_ids(opened.study):
                st.warning("Its patient ID is not that of the open study.", icon=":material/warning:")


def _patient_ids(study: Study) -> set[str]:
    facts = (fact for series in study.series for fact in series.facts)
    return {fact.value for fact in facts if fact.keyword == "PatientID"}


def _take_in_prior(opened: OpenStudy, files: Sequence[UploadedFile]) -> None:
    opened.priors += 1
    try:
        prior = io.load_study([io.Source(file.name, file.getvalue()) for file in files])
    except CoreError as error:
        show_error(error)
        return
    finally:
        forget_uploads(files)
    if not prior.series:
        show_error(_nothing_to_show(prior))
        return
    opened.prior = prior
    opened.view.compared = prior.series[0].uid
    st.rerun()


def _nothing_to_show(prior: Study) -> StudyError:
    """Return the error that says why, by the first file that says it."""
    reason = prior.rejected[0].message if prior.rejected else ""
    hint = f"{reason} Bring its images.".lstrip()
    return StudyError("Nothing in this prior can be shown.", hint=hint, code="empty-prior")


def compare_control(opened: OpenStudy) -> Series | None:
    """Show the choice of another series to look at next to the open one; return the one that is chosen."""
    others = [series for series in opened.study.series if series.uid != opened.series_uid]
    priors = opened.prior.series if opened.prior is not None else ()
    if not others and not priors:
        return None
    titles = told_apart([*(each.title for each in others), *(f"Prior: {each.title}" for each in priors)])
    names = dict(zip((each.uid for each in (*others, *priors)), titles, strict=True))
    view = opened.view
    if view.compared not in names:
        view.compared = NONE
    st.selectbox(
        "Compare with",
        [NONE, *names],
        format_func=lambda uid: names.get(uid, "Nothing"),
        **tied(view, "compared"),
    )
    return next((series for series in (*others, *priors) if series.uid == view.compared), None)
