"""Choosing a set: uploaded, or a folder of the server's; labels by folder or in a table. Beside it what was run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from typing import BinaryIO, Literal

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core import workflow
from core.assessment import places, uploads
from core.assessment.inspection import inspect_set
from core.assessment.jobs import Job, list_jobs
from core.assessment.labelled_set import find_table
from core.assessment.store import Store
from core.errors import CoreError
from core.ui.evaluate.looking import Look
from core.ui.evaluate.state import PARAMETER, Draft, owner
from core.ui.evaluate.words import HOW_A_SET_LOOKS, NO_MODEL, job_in_words, where_uploads_lie
from core.ui.failure import show_error
from core.ui.intake import forget_uploads

ZIP, FOLDER, SERVER = "Upload a zip", "Upload a folder", "Folder on the server"
BY_FOLDER, BY_TABLE = "The folder each image lies in", "A table (CSV)"


def choose_set(draft: Draft, store: Store) -> None:
    """Show the ways to choose a set, and the evaluations that there are."""
    st.title("Evaluate")
    st.caption(
        "How far can a model be trusted on your own cases? Bring images whose labels you know, and see how often it is "
        "right, how sure that is, and where it fails."
    )
    left, right = st.columns([58, 42], gap="large")
    with left:
        _choice(draft, store)
    with right:
        _list_jobs(store)


# ── The set ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _choice(draft: Draft, store: Store) -> None:
    models = {spec.id: spec for spec in workflow.known_models().models}
    if not models:
        st.info(NO_MODEL, icon=":material/info:")
        return
    draft.model_id = st.selectbox(
        "Model", list(models), format_func=lambda name: f"{models[name].title} ({models[name].version})", key="model"
    )
    roots = places.set_roots()
    ways = [ZIP, FOLDER, *([SERVER] if roots else [])]
    way = st.segmented_control("Images", ways, default=ZIP, required=True, key="way") if ways else ZIP
    labels = st.segmented_control(
        "Labels are told by", [BY_FOLDER, BY_TABLE], default=BY_FOLDER, required=True, key="labels_from"
    )
    table = _uploaded_table(draft) if labels == BY_TABLE else None
    if way == SERVER:
        _from_server(draft, store, table, by_table=labels == BY_TABLE)
    else:
        _from_upload(draft, store, table, way=way, by_table=labels == BY_TABLE)
    with st.expander("How a set looks", icon=":material/help:"):
        st.markdown(HOW_A_SET_LOOKS)


def _uploaded_table(draft: Draft) -> UploadedFile | None:
    return st.file_uploader("Table of labels", type="csv", key=f"table_{draft.uploads}")


def _from_upload(draft: Draft, store: Store, table: UploadedFile | None, *, way: str, by_table: bool) -> None:
    several: Literal[False, "directory"] = "directory" if way == FOLDER else False
    files = st.file_uploader(
        "A folder of images" if several else "A zip of images",
        type=None if several else "zip",
        accept_multiple_files=several,
        key=f"set_{way}_{draft.uploads}",
        disabled=by_table and table is None,
        help="Choose the table of labels first." if by_table and table is None else None,
    )
    st.caption(where_uploads_lie(store))
    chosen = files if isinstance(files, list) else [files] if files is not None else []
    if chosen and not (by_table and table is None):
        _take_in(draft, store, chosen, table)


def _take_in(draft: Draft, store: Store, files: Sequence[UploadedFile], table: UploadedFile | None) -> None:
    draft.uploads += 1
    try:
        with st.spinner("Writing the set to the disk"):
            draft.upload = uploads.keep_upload(store, [(file.name, _opener(file)) for file in files])
            draft.path = draft.upload.path
            if table is not None:
                draft.table = find_table(uploads.keep_table(draft.upload, _opener(table)))
    except CoreError as error:
        draft.clear()
        show_error(error)
        return
    finally:
        forget_uploads([*files, *([table] if table is not None else [])])
    draft.name = files[0].name.partition("/")[0]
    look_at(draft, store)
    st.rerun()


def _opener(file: UploadedFile) -> Callable[[], BinaryIO]:
    return lambda: BytesIO(file.getbuffer())


def _from_server(draft: Draft, store: Store, table: UploadedFile | None, *, by_table: bool) -> None:
    name = st.selectbox(
        "Folder or zip",
        places.list_sets(),
        index=None,
        key="server_set",
        placeholder="Type to search",
        accept_new_options=True,
    )
    st.caption("Nothing is copied: the images are read where they lie.")
    tables: tuple[str, ...] = ()
    try:
        path = places.find_set(name) if name else None
        tables = places.tables_of(path) if path is not None else ()
    except CoreError as error:
        show_error(error)
        return
    own = st.selectbox("Table of labels in it", tables, key="server_table") if by_table and tables else None
    ready = path is not None and (not by_table or own is not None or table is not None)
    if not st.button("Look at it", type="primary", disabled=not ready, key="look") or path is None or name is None:
        return
    try:
        draft.path, draft.name = path, name.rpartition("/")[2]
        if by_table and table is not None:
            draft.upload = uploads.empty_upload(store)
            draft.table = find_table(uploads.keep_table(draft.upload, _opener(table)))
        elif by_table and own is not None:
            draft.table = find_table(path / own)
    except CoreError as error:
        draft.clear()
        show_error(error)
        return
    look_at(draft, store)
    st.rerun()


def look_at(draft: Draft, store: Store) -> Look:
    """Begin to look at the set that was chosen; one that was begun is stopped."""
    if draft.look is not None:
        draft.look.stop()
    assert draft.path is not None
    draft.look = Look(
        partial(
            inspect_set,
            draft.path,
            model_id=draft.model_id,
            store=store,
            table=draft.table,
            patient_pattern=draft.patient_pattern,
        )
    )
    return draft.look


# ── What was run ──────────────────────────────────────────────────────────────────────────────────────────────────


def _list_jobs(store: Store) -> None:
    st.subheader("Your evaluations")
    own = list_jobs(store, owner=owner())
    if not own:
        st.caption("None yet. What is run here is listed here, until you delete it.")
        return
    titles = {spec.id: spec.title for spec in workflow.known_models().models}
    with st.container(height=420 if len(own) > 5 else "content", border=False, key="jobs"):
        for job in own:
            _entry(store, job, titles.get(job.request.model_id, job.request.model_id))


def _entry(store: Store, job: Job, model: str) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"entry_{job.id}"):
        with st.container(gap=None):
            st.markdown(f"**{model}**")
            st.caption(job_in_words(store, job, now=time.time()))
        st.button("Open", key=f"open_{job.id}", on_click=partial(open_job, job.id))
        with st.popover("Delete", icon=":material/delete:", key=f"delete_{job.id}"):
            st.markdown("Its figures go, and the set if it was uploaded. Saved operating points stay.")
            if st.button("Delete it", key=f"really_{job.id}", type="primary"):
                uploads.forget_job(store, job.id, owner=owner())
                st.rerun()


def open_job(job_id: str) -> None:
    """Let the address name a job."""
    st.query_params[PARAMETER] = job_id
