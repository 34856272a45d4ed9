"""Bringing a study: uploader, samples, and words about what could not be used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import streamlit as st
from starlette.formparsers import MultiPartParser
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core import io
from core.domain import Rejected
from core.errors import CoreError
from core.io.limits import DEFAULT_LIMITS
from core.ui.session import Desk

FILES, FOLDER = "Files or zip", "Folder"


def keep_uploads_off_the_disk() -> None:
    """Let uploads be received in memory: Starlette would write what is longer than 1 MB into a temporary file."""
    MultiPartParser.spool_max_size = DEFAULT_LIMITS.max_total_bytes


def bring_a_study(desk: Desk) -> None:
    """Show uploader and samples; a study that was brought is put on the desk, and the page begins anew."""
    with st.container(horizontal=True, horizontal_alignment="distribute", gap="xsmall", key="ways"):
        kind = st.segmented_control(
            "What the button chooses",
            [FILES, FOLDER],
            default=FILES,
            required=True,
            key="kind",
            label_visibility="collapsed",
        )
        sample = st.menu_button("Try a sample", io.SAMPLES, format_func=_title, key="sample")
    several: Literal[True, "directory"] = "directory" if kind == FOLDER else True
    files = st.file_uploader(
        "Drop files, a folder or a zip",
        accept_multiple_files=several,
        key=f"upload_{desk.uploads}",
    )
    if files:
        _take_in(desk, files)
    elif sample:
        _open_sample(desk, sample)


def _title(sample: io.Sample) -> str:
    return sample.title


def _take_in(desk: Desk, files: Sequence[UploadedFile]) -> None:
    bar = st.progress(0.0, text="Reading the files")

    def show_progress(done: int, total: int) -> None:
        bar.progress(done / max(total, 1), text=f"Reading file {min(done + 1, total)} of {total}")

    try:
        study = io.load_study([io.Source(file.name, file.getvalue()) for file in files], progress=show_progress)
        desk.open(study)
    except CoreError as error:
        desk.close()
        desk.failure = error
    finally:
        desk.uploads += 1
        forget_uploads(files)
    st.rerun()


def forget_uploads(files: Iterable[UploadedFile]) -> None:
    """Let go of the uploads: Streamlit would keep a second hold on their bytes until the visitor leaves."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        for file in files:
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def _open_sample(desk: Desk, sample: io.Sample) -> None:
    try:
        with st.spinner("Preparing the sample"):
            study = io.load_sample(sample.id)
        desk.open(study)
    except CoreError as error:
        desk.close()
        desk.failure = error
    st.rerun()


def show_left_out(rejected: Sequence[Rejected], *, expanded: bool = False) -> None:
    """List the files of an upload that could not be used, with the reasons.

    Many archives name files after patients: their names are shown to whoever asks.
    """
    if not rejected:
        return
    files = "1 file" if len(rejected) == 1 else f"{len(rejected)} files"
    with st.expander(f"{files} left out", icon=":material/warning:", expanded=expanded):
        with_names = st.toggle("Show file names", key="left_out_names", help="They may name a patient.")
        for number, each in enumerate(rejected, start=1):
            st.text(each.name if with_names else f"File {number}")
            st.caption(" ".join(filter(None, (each.message, each.hint))))
