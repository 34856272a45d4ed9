"""Uploaded sets: on the disk for their evaluation, never outside of their folder, and gone with it."""

from __future__ import annotations

import io
import os
import shutil
import time
from pathlib import Path

import pytest

from core.assessment import jobs, uploads
from core.assessment.jobs import Request
from core.assessment.store import Store
from core.assessment.uploads import DRAFT_DAYS, KEPT_DAYS, Upload, forget_job, keep_upload, sweep
from core.errors import DatasetError
from tests.core.assessment.made_set import CHEST, OWNER, run_job

DAY_S = 86_400


def uploaded(store: Store, folder: Path) -> Upload:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return keep_upload(
        store, [(f"set/{path.relative_to(folder).as_posix()}", lambda path=path: path.open("rb")) for path in files]
    )


def age(path: Path, days: float) -> None:
    then = time.time() - days * DAY_S
    os.utime(path, (then, then))


def test_a_folder_is_kept_run_and_gone_with_its_evaluation(folder: Path, store: Store) -> None:
    upload = uploaded(store, folder)
    assert upload.folder.stat().st_mode & 0o077 == 0
    job = run_job(store, upload.path)
    other = run_job(store, upload.path)
    assert (job.done, other.computed) == (12, 0)
    forget_job(store, job.id, owner=OWNER)
    assert upload.path.is_dir(), "another evaluation needs it"
    with pytest.raises(DatasetError):
        forget_job(store, other.id, owner="somebody else")
    forget_job(store, other.id, owner=OWNER)
    assert not upload.folder.exists()


def test_a_zip_is_kept_as_it_is(folder: Path, store: Store, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "films"), "zip", folder))
    upload = keep_upload(store, [("films.zip", lambda: archive.open("rb"))])
    assert upload.path.read_bytes() == archive.read_bytes()
    assert run_job(store, upload.path).done == 12


@pytest.mark.parametrize("name", ["../../out.png", "/etc/out.png", "..\\..\\out.png", "a/../../../out.png"])
def test_no_name_leads_out_of_the_folder(store: Store, name: str) -> None:
    upload = keep_upload(store, [(name, lambda: io.BytesIO(b"film"))])
    found = list(store.folder.rglob("out.png"))
    assert len(found) == 1
    assert found[0].is_relative_to(upload.folder / "set")


def test_an_upload_without_files_is_none(store: Store) -> None:
    with pytest.raises(DatasetError):
        keep_upload(store, [(".DS_Store", lambda: io.BytesIO(b"")), ("..", lambda: io.BytesIO(b""))])


def test_a_full_disk_is_told_and_leaves_nothing(store: Store) -> None:
    class Full(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(28, "No space left on device")

    with pytest.raises(DatasetError) as caught:
        keep_upload(store, [("a/film.png", Full)])
    assert caught.value.code == "no-room"
    assert not list((store.folder / uploads.FOLDER).iterdir())


def test_what_nobody_needs_goes_and_what_a_job_needs_stays(folder: Path, store: Store) -> None:
    draft, waiting, fresh = (uploaded(store, folder) for _ in range(3))
    jobs.submit(store, Request(CHEST.id, waiting.path), owner=OWNER)
    for upload in (draft, waiting):
        age(upload.folder, DRAFT_DAYS + 0.1)
    sweep(store)
    assert [upload.folder.exists() for upload in (draft, waiting, fresh)] == [False, True, True]


def test_an_evaluation_of_an_upload_ends_after_its_days(folder: Path, store: Store) -> None:
    upload = uploaded(store, folder)
    kept, job = run_job(store, folder), run_job(store, upload.path)
    with store.transaction() as database:
        database.execute("UPDATE jobs SET created = created - ?", ((KEPT_DAYS + 0.1) * DAY_S,))
    age(upload.folder, KEPT_DAYS + 0.1)
    sweep(store)
    assert [one.id for one in jobs.list_jobs(store, owner=OWNER)] == [kept.id]
    assert job.id != kept.id
    assert not upload.folder.exists()
    assert folder.exists()
