"""Sets that were uploaded: kept on this machine's disk for their evaluation, and deleted with it.

They lie in the folder `uploads` of the data folder, each in a folder of its own that this user alone can read. One
that no evaluation needs goes after a day, one of an evaluation that nobody deleted after `KEPT_DAYS`.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.assessment import jobs
from core.assessment.jobs import Job
from core.assessment.store import Store
from core.errors import DatasetError
from core.io.archive import is_clutter

FOLDER = "uploads"
KEPT_DAYS = 7
DRAFT_DAYS = 1
_DAY_S = 86_400.0
_ZIP, _SET, _TABLE = "set.zip", "set", "labels.csv"


@dataclass(frozen=True, slots=True)
class Upload:
    """A set that was uploaded, in a folder of its own."""

    folder: Path

    @property
    def path(self) -> Path:
        """The zip, or the folder of files."""
        archive = self.folder / _ZIP
        return archive if archive.is_file() else self.folder / _SET

    @property
    def table(self) -> Path:
        """Where its table of labels lies, if it has one."""
        return self.folder / _TABLE


Named = tuple[str, Callable[[], BinaryIO]]
"""A file's name, from the folder that was chosen on, and what opens it."""


def keep_upload(store: Store, files: Iterable[Named]) -> Upload:
    """Write what was uploaded to the disk: one zip, or the files of a folder.

    Raises
    ------
    DatasetError
        There is nothing in it, or no room for it.
    """
    upload = Upload(store.folder / FOLDER / uuid.uuid4().hex)
    own = [(_safe(name), opened) for name, opened in files if not is_clutter(name)]
    own = [(name, opened) for name, opened in own if name.parts]
    if not own:
        raise DatasetError(
            "There is no file in what was uploaded.", hint="Choose a zip or a folder of images.", code="no-data"
        )
    is_zip = len(own) == 1 and own[0][0].suffix.lower() == ".zip"
    try:
        upload.folder.mkdir(parents=True, mode=0o700)
        for name, opened in own:
            _write(upload.folder / _ZIP if is_zip else upload.folder / _SET / name, opened)
    except OSError as error:
        shutil.rmtree(upload.folder, ignore_errors=True)
        raise _no_room() from error
    return upload


def keep_table(upload: Upload, opened: Callable[[], BinaryIO]) -> Path:
    """Write the table of labels beside an upload, and return where it lies; DatasetError as `keep_upload`."""
    try:
        _write(upload.table, opened)
    except OSError as error:
        raise _no_room() from error
    return upload.table


def empty_upload(store: Store) -> Upload:
    """Make a folder for the table of a set that lies on the server; DatasetError as `keep_upload`."""
    upload = Upload(store.folder / FOLDER / uuid.uuid4().hex)
    try:
        upload.folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise _no_room() from error
    return upload


def discard(upload: Upload) -> None:
    """Delete an upload."""
    shutil.rmtree(upload.folder, ignore_errors=True)


def is_upload(store: Store, job: Job) -> bool:
    """Whether the set of a job was uploaded."""
    return job.request.path.is_relative_to(store.folder / FOLDER)


def forget_job(store: Store, job_id: str, *, owner: str) -> None:
    """Delete a job and, unless another one needs it, its upload.

    Raises
    ------
    DatasetError
        The owner has no such job.
    """
    own = _folders_of(store, jobs.find_job(store, job_id, owner=owner))
    jobs.forget(store, job_id, owner=owner)
    for folder in own - _needed(store):
        discard(Upload(folder))


def sweep(store: Store) -> None:
    """Delete uploads that no evaluation came of within a day, and evaluations of uploads after `KEPT_DAYS`."""
    for job in jobs.every_job(store):
        if job.has_ended and _folders_of(store, job) and time.time() - job.created > KEPT_DAYS * _DAY_S:
            jobs.forget(store, job.id, owner=job.owner)
    root = store.folder / FOLDER
    found = set(root.iterdir()) if root.is_dir() else set()
    for folder in found - _needed(store):
        if time.time() - folder.stat().st_mtime > DRAFT_DAYS * _DAY_S:
            discard(Upload(folder))


def _needed(store: Store) -> set[Path]:
    return {folder for job in jobs.every_job(store) for folder in _folders_of(store, job)}


def _folders_of(store: Store, job: Job) -> set[Path]:
    """Return the folders of uploads that a job reads: of its set and of its table."""
    root, request = store.folder / FOLDER, job.request
    files = [request.path] if request.table is None else [request.path, request.table.file]
    return {root / file.relative_to(root).parts[0] for file in files if file.is_relative_to(root)}


def _safe(name: str) -> PurePosixPath:
    """Return a name that stays inside its folder; one without parts where nothing is left of it."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return PurePosixPath(*(part.replace(":", "_").replace("\0", "_") for part in parts))


def _write(path: Path, opened: Callable[[], BinaryIO]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("wb") as file, opened() as stream:
        shutil.copyfileobj(stream, file, 2**20)


def _no_room() -> DatasetError:
    return DatasetError(
        "The set could not be written to the disk of the server.",
        hint="There may be no room left. Delete evaluations that are not needed, or choose a folder on the server.",
        code="no-room",
    )
