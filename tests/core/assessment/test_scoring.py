"""The engine: the same answers as one by one, nothing twice, nothing lost, nobody else's."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from core.assessment import jobs
from core.assessment.jobs import Job, Request, State
from core.assessment.outcome import assess
from core.assessment.service import open_service, take_up_what_waits
from core.assessment.store import Store
from core.assessment.worker import Worker, run_next
from core.audit import AuditLog
from core.audit.recording import NOT_RECORDED
from core.audit.verification import verify
from core.errors import DatasetError, ModelError, StudyError
from core.io import raster
from core.models.predict import OUT_OF_MEMORY, Engine, load_engine
from core.models.registry import find_model
from core.workflow import predict_path
from tests import made
from tests.core.assessment.made_set import BRAIN, CHEST, OWNER, run_job, write_set
from tests.serving import CHECKOUT


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the sizes of the batches that networks are given from here on."""
    sizes: list[int] = []
    answer = Engine.answer

    def counted(engine: Engine, batch: torch.Tensor) -> object:
        sizes.append(len(batch))
        return answer(engine, batch)

    monkeypatch.setattr(Engine, "answer", counted)
    return sizes


@pytest.mark.parametrize("model", [CHEST.id, BRAIN.id])
def test_scores_are_those_of_predict(folder: Path, store: Store, model: str) -> None:
    (folder / "normal" / "child.dcm").write_bytes(made.radiograph(256))
    job = run_job(
        store,
        folder,
        model=model,
        meanings={"normal": "Meningioma", "pneumonia": "Glioma"} if model == BRAIN.id else {},
    )
    assessment = assess(store, job)
    assert len(assessment.cases) == 13
    for case in assessment.cases:
        (answer,) = predict_path(folder / case.file, model_id=model)
        assert answer.reading is not None
        expected = [score.value for score in answer.reading.prediction.scores]
        np.testing.assert_allclose(case.scores, expected, atol=1e-5, rtol=0)


def test_a_second_run_computes_nothing(folder: Path, store: Store, computed: list[int]) -> None:
    first = run_job(store, folder)
    assert (first.state, first.done, first.total, first.computed) == (State.DONE, 12, 12, 12)
    assert sum(computed) == 12
    second = run_job(store, folder, owner="somebody else")
    assert (second.state, second.done, second.computed) == (State.DONE, 12, 0)
    assert sum(computed) == 12
    scores = [np.array([case.scores for case in assess(store, job).cases]) for job in (first, second)]
    np.testing.assert_array_equal(*scores)


def test_another_name_and_place_of_a_known_image_is_not_computed(
    folder: Path, store: Store, computed: list[int], tmp_path: Path
) -> None:
    run_job(store, folder)
    other = tmp_path / "other" / "normal"
    other.mkdir(parents=True)
    (other / "x.png").write_bytes((folder / "pneumonia" / "p100_0.png").read_bytes())
    run_job(store, tmp_path / "other")
    assert sum(computed) == 12


def test_another_model_and_a_changed_file_are_computed(folder: Path, store: Store, computed: list[int]) -> None:
    run_job(store, folder)
    run_job(store, folder, model=BRAIN.id)
    assert sum(computed) == 24
    content = (folder / "normal" / "p000_0.png").read_bytes()
    (folder / "normal" / "p000_1.png").write_bytes(content + b"\0")
    run_job(store, folder)
    assert sum(computed) == 25


def test_bad_files_are_counted_with_their_reasons(folder: Path, store: Store) -> None:
    (folder / "normal" / "note.txt").write_text("not an image")
    (folder / "normal" / "cut.png").write_bytes((folder / "normal" / "p000_0.png").read_bytes()[:200])
    (folder / "pneumonia" / "flat.png").write_bytes(made.png(np.full((64, 64), 7, np.uint8)))
    (folder / "pneumonia" / "copy.png").write_bytes((folder / "pneumonia" / "p100_0.png").read_bytes())
    for turn in range(2):
        job = run_job(store, folder)
        assert (job.state, job.total, job.done, job.failed) == (State.DONE, 16, 16, 3)
        assert job.computed == (12 if turn == 0 else 0)
        assessment = assess(store, job)
        assert {(one.file, one.code) for one in assessment.excluded} == {
            ("normal/note.txt", "not-a-medical-image"),
            ("normal/cut.png", "damaged-picture"),
            ("pneumonia/flat.png", "no-contrast"),
            ("pneumonia/p100_0.png", "duplicate-file"),
        }
        assert assessment.result.n == 12


def test_a_fault_of_a_busy_machine_is_not_kept(
    folder: Path, store: Store, computed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = raster.decode_apart

    def late(*_: object, **__: object) -> object:
        raise StudyError("Decoding took too long.", code="decoding-timeout")

    monkeypatch.setattr(raster, "decode_apart", late)
    job = run_job(store, folder)
    assert (job.state, job.done, job.failed, sum(computed)) == (State.DONE, 12, 12, 0)
    with pytest.raises(DatasetError, match="took too long"):
        assess(store, job)
    monkeypatch.setattr(raster, "decode_apart", decode)
    assert run_job(store, folder).failed == 0
    assert sum(computed) == 12


def test_a_fault_of_the_program_is_one_files_alone(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    decode, calls = raster.decode_apart, []

    def faulty(*given: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise ZeroDivisionError("p000_0.png")
        return decode(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(raster, "decode_apart", faulty)
    job = run_job(store, folder)
    assert (job.state, job.done, job.failed) == (State.DONE, 12, 1)
    assert [one.code for one in assess(store, job).excluded] == ["program-fault"]
    assert "ZeroDivisionError" in caplog.text
    assert "p000_0" not in caplog.text
    assert run_job(store, folder).failed == 0


def test_copies_with_different_labels_are_both_left_out(folder: Path, store: Store) -> None:
    (folder / "normal" / "copy.png").write_bytes((folder / "pneumonia" / "p100_0.png").read_bytes())
    excluded = assess(store, run_job(store, folder)).excluded
    assert {(one.file, one.code) for one in excluded} == {
        ("normal/copy.png", "contradicting-labels"),
        ("pneumonia/p100_0.png", "contradicting-labels"),
    }


def test_each_slice_of_a_volume_is_a_case_of_one_patient(folder: Path, store: Store, computed: list[int]) -> None:
    (folder / "normal" / "volume.nii.gz").write_bytes(made.nifti(made.ball_volume(20)))
    assessment = assess(store, run_job(store, folder))
    slices = [case for case in assessment.cases if case.file.endswith("volume.nii.gz")]
    rejected = [one for one in assessment.excluded if one.file.endswith("volume.nii.gz")]
    assert len(slices) + len(rejected) == 20
    assert len(slices) > 10
    assert len({case.patient for case in slices}) == 1
    assert assessment.result.is_clustered


# ── Stopping ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cancelled_job_stops_and_keeps_what_it_has(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch, computed: list[int]
) -> None:
    monkeypatch.setattr("core.assessment.scoring.BATCH", 2)
    job = jobs.submit(store, Request(CHEST.id, folder), owner=OWNER)
    answer = Engine.answer

    def cancelling(engine: Engine, batch: torch.Tensor) -> object:
        jobs.cancel(store, job.id, owner=OWNER)
        return answer(engine, batch)

    monkeypatch.setattr(Engine, "answer", cancelling)
    assert run_next(store)
    stopped = jobs.find_job(store, job.id, owner=OWNER)
    assert stopped.state is State.CANCELLED
    assert 0 < stopped.done < 12
    assert not run_next(store)
    excluded = assess(store, stopped).excluded
    assert {one.code for one in excluded} == {"not-computed"}
    assert len(excluded) == 12 - stopped.done
    monkeypatch.setattr(Engine, "answer", answer)
    jobs.resume(store, job.id, owner=OWNER)
    assert run_next(store)
    assert jobs.find_job(store, job.id, owner=OWNER).state is State.DONE
    assert sum(computed) == 12


def test_what_a_batch_gave_and_its_count_are_kept_together_or_not_at_all(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = jobs.note_progress

    def fail_at_the_second_batch(database: sqlite3.Connection, job: Job, **counts: object) -> bool:
        kept = database.execute("SELECT COUNT(*) FROM answers").fetchone()[0]
        goes_on = note(database, job, **counts)  # type: ignore[arg-type]
        if kept > 8:
            raise RuntimeError("as if the process ended before its transaction")
        return goes_on

    monkeypatch.setattr(jobs, "note_progress", fail_at_the_second_batch)
    job = run_job(store, folder)
    assert job.state == State.FAILED
    assert 0 < job.computed == job.done == store.read("SELECT COUNT(*) FROM answers")[0][0] < 12


def test_a_job_that_is_cancelled_while_its_model_is_loaded_computes_nothing(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch, computed: list[int]
) -> None:
    job = jobs.submit(store, Request(CHEST.id, folder), owner=OWNER)

    def loaded(model_id: str) -> Engine:
        jobs.cancel(store, job.id, owner=OWNER)
        return load_engine(find_model(model_id))

    monkeypatch.setattr("core.models.predict.engine", loaded)
    assert run_next(store)
    stopped = jobs.find_job(store, job.id, owner=OWNER)
    assert (stopped.state, stopped.total, stopped.done, stopped.message) == (State.CANCELLED, 12, 0, "")
    assert computed == []


def test_a_queued_job_can_be_cancelled(folder: Path, store: Store) -> None:
    job = jobs.submit(store, Request(CHEST.id, folder), owner=OWNER)
    assert jobs.cancel(store, job.id, owner=OWNER).state is State.CANCELLED
    assert not run_next(store)


DYING = """
import os, signal, sys
from core.assessment import scoring
from core.assessment.store import Store
from core.assessment.worker import run_next
from core.models.predict import OUT_OF_MEMORY, Engine, load_engine
from core.models.registry import find_model

scoring.BATCH = 2
batches, within = int(sys.argv[1]), sys.argv[2] == "within"
answer, put_cases, computed = Engine.answer, scoring.put_cases, []

def counted(engine, batch):
    computed.append(len(batch))
    if not within and len(computed) > batches:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(engine, batch)

def put(database, job, rows):
    put_cases(database, job, rows)
    if within and len(computed) > batches:
        os.kill(os.getpid(), signal.SIGKILL)  # all is written, and nothing of it is committed

Engine.answer, scoring.put_cases = counted, put
run_next(Store())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_run_that_is_killed_twice_goes_on_where_it_was(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch, computed: list[int]
) -> None:
    job = jobs.submit(store, Request(CHEST.id, folder), owner=OWNER)
    kept = [0]
    for batches, where in ((1, "within"), (2, "between")):
        ran = subprocess.run(
            [sys.executable, "-c", DYING, str(batches), where],
            cwd=CHECKOUT,
            env=os.environ.copy(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == -signal.SIGKILL, ran.stderr
        kept.append(store.read("SELECT COUNT(*) FROM answers")[0][0])
        assert jobs.find_job(store, job.id, owner=OWNER).state is State.RUNNING
        assert not run_next(store), "the lease of the dead process holds"
        with store.transaction() as database:
            database.execute("UPDATE jobs SET held_until = 0")  # as if its time were over
    # Batches of two; where reading is slow, one may be computed half full.
    assert 1 <= kept[1] <= 2
    assert kept[1] + 2 <= kept[2] <= kept[1] + 4
    assert run_next(store)
    after = jobs.find_job(store, job.id, owner=OWNER)
    assert (after.state, after.done) == (State.DONE, 12)
    assert sum(computed) == 12 - kept[2], "what was kept is not computed again"
    assert assess(store, after).result.n == 12


def limited_to(size: int) -> None:
    import resource  # not on Windows

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


FULL = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from core.assessment import scoring
from core.assessment.store import Store
from core.assessment.worker import run_next
from core.errors import DatasetError
scoring.BATCH = 2
try:
    run_next(Store())
except DatasetError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for files")
def test_a_disk_without_room_stops_a_run_in_words_and_what_was_kept_stays(
    tmp_path: Path, models: Path, store: Store, computed: list[int]
) -> None:
    folder = write_set(tmp_path / "set", each=20)
    job = jobs.submit(store, Request(CHEST.id, folder), owner=OWNER)
    room = max(path.stat().st_size for path in store.folder.iterdir()) + 200_000
    ran = subprocess.run(
        [sys.executable, "-c", FULL],
        cwd=CHECKOUT,
        env=os.environ.copy(),
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: limited_to(room),
    )
    ended = jobs.find_job(store, job.id, owner=OWNER)
    assert "disk with Lightbox's data is full" in ran.stdout + ended.message
    assert ended.state is not State.DONE
    assert "Traceback" not in ran.stderr
    kept = store.read("SELECT COUNT(*) FROM answers")[0][0]
    assert 0 < kept < 40
    again = run_job(store, folder)
    assert (again.state, again.done) == (State.DONE, 40)
    assert sum(computed) == 40 - kept


def test_a_model_folder_that_is_damaged_meanwhile_harms_no_run(
    folder: Path, models: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, spec = Engine.answer, (models / CHEST.id / "model.toml").read_bytes()

    def damage(engine: Engine, batch: torch.Tensor) -> object:
        (models / CHEST.id / "model.toml").write_bytes(b"[damaged")
        (models / CHEST.id / "model.safetensors").write_bytes(b"damaged")
        return answer(engine, batch)

    monkeypatch.setattr(Engine, "answer", damage)
    job = run_job(store, folder)
    assert (job.state, job.done, job.failed) == (State.DONE, 12, 0)
    with pytest.raises(ModelError, match=r"model\.toml"):
        assess(store, job)
    assert run_job(store, folder).state is State.FAILED
    (models / CHEST.id / "model.toml").write_bytes(spec)
    assert assess(store, job).result.n == 12


def test_a_graphics_card_without_memory_is_told_to_the_owner(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = Engine._compute

    def small(engine: Engine, batch: torch.Tensor) -> object:
        if engine.device.type != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return compute(engine, batch)

    expected = assess(store, run_job(store, folder))
    monkeypatch.setattr(Engine, "_compute", small)
    on_card = load_engine(find_model(CHEST.id), device="cpu")
    on_card.device = torch.device("cuda")  # as if it lay there
    monkeypatch.setattr("core.models.predict.engine", lambda _: on_card)
    job = run_job(store, folder)
    assert (job.state, job.done, job.message) == (State.DONE, 12, OUT_OF_MEMORY.message)
    assert [case.scores for case in assess(store, job).cases] == [case.scores for case in expected.cases]


RUNNER = "from core.assessment.store import Store; from core.assessment.worker import run_next; run_next(Store())"


def test_two_processes_share_the_jobs_of_one_store(tmp_path: Path, models: Path, store: Store) -> None:
    own = [jobs.submit(store, Request(CHEST.id, write_set(tmp_path / name)), owner=name).id for name in "ab"]
    assert store.read("SELECT COUNT(*) FROM jobs") == [(2,)]
    runners = [subprocess.Popen([sys.executable, "-c", RUNNER], cwd=CHECKOUT) for _ in range(2)]
    assert [runner.wait(120) for runner in runners] == [0, 0]
    ended = [jobs.find_job(store, job_id, owner=name) for job_id, name in zip(own, "ab", strict=True)]
    assert [(job.state, job.done) for job in ended] == [(State.DONE, 12)] * 2
    assert verify(AuditLog()).rows == 2
    assert {assess(store, job).result.n for job in ended} == {12}


def test_a_stopped_worker_leaves_its_job_to_the_next(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.assessment.scoring.BATCH", 1)
    job = jobs.submit(store, Request(CHEST.id, folder), owner=OWNER)
    first, has_begun = Worker(store), threading.Event()
    answer = Engine.answer

    def slow(engine: Engine, batch: torch.Tensor) -> object:
        has_begun.set()
        time.sleep(0.05)
        return answer(engine, batch)

    monkeypatch.setattr(Engine, "answer", slow)
    first.start()
    assert has_begun.wait(300)
    first.stop()
    assert jobs.find_job(store, job.id, owner=OWNER).state is State.RUNNING
    second = Worker(store)
    second.start()
    deadline = time.monotonic() + 300
    while jobs.find_job(store, job.id, owner=OWNER).state is not State.DONE:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    second.stop()


# ── Jobs ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_jobs_of_two_users_queue_and_each_sees_their_own(folder: Path, store: Store) -> None:
    first = jobs.submit(store, Request(CHEST.id, folder), owner="a")
    second = jobs.submit(store, Request(BRAIN.id, folder), owner="b")
    assert [jobs.jobs_before(store, job) for job in (first, second)] == [0, 1]
    assert [job.id for job in jobs.list_jobs(store, owner="a")] == [first.id]
    with pytest.raises(DatasetError):
        jobs.find_job(store, second.id, owner="a")
    with pytest.raises(DatasetError):
        jobs.forget(store, second.id, owner="a")
    assert run_next(store)
    assert jobs.find_job(store, first.id, owner="a").state is State.DONE
    assert jobs.find_job(store, second.id, owner="b").state is State.QUEUED
    with pytest.raises(DatasetError):
        jobs.cancel(store, second.id, owner="a")
    assert jobs.find_job(store, second.id, owner="b").state is State.QUEUED


def test_an_evaluation_is_one_row_of_the_audit_record(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTBOX_DATA", str(store.folder))
    job = run_job(store, folder)
    (row,) = AuditLog().rows()
    said = json.loads(row.entry.answer)
    assert (row.entry.what, row.entry.model_id, said["evaluated"], said["left_out"]) == ("evaluation", CHEST.id, 12, 0)
    assert said["images"] == sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.png"))
    assert row.entry.who == AuditLog().pseudonym(OWNER)
    assert json.loads(row.entry.settings)["job"] == job.id
    (store.folder / "audit.sqlite").write_bytes(b"damaged" * 999)
    job = run_job(store, folder)
    assert (job.state, job.message) == (State.DONE, NOT_RECORDED.message)
    assert NOT_RECORDED.message in [notice.message for notice in assess(store, job).notices]
    monkeypatch.setenv("LIGHTBOX_AUDIT", "refuse")
    job = run_job(store, folder)
    assert job.state is State.FAILED
    assert "held back" in job.message


def test_a_job_that_dies_after_its_row_is_recorded_once(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs.submit(store, Request(CHEST.id, folder), owner=OWNER)

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(jobs, "end", dies)
        with pytest.raises(KeyboardInterrupt):
            run_next(store)
    assert jobs.find_job(store, job.id, owner=OWNER).state is State.RUNNING
    with store.transaction() as database:
        database.execute("UPDATE jobs SET held_until = 0")  # as if its time were over
    assert run_next(store)
    assert jobs.find_job(store, job.id, owner=OWNER).state is State.DONE
    assert len(list(AuditLog().rows())) == 1
    run_job(store, folder)
    assert len(list(AuditLog().rows())) == 2, "another evaluation of the same images is another row"
    assert not verify(AuditLog()).fault


def test_what_an_earlier_start_left_is_taken_up_without_a_page(folder: Path, store: Store) -> None:
    job = jobs.submit(store, Request(CHEST.id, folder), owner=OWNER)
    take_up_what_waits()
    deadline = time.monotonic() + 120
    while not jobs.find_job(store, job.id, owner=OWNER).has_ended:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert jobs.find_job(store, job.id, owner=OWNER).state is State.DONE
    open_service(store.folder)[1].stop()


def test_where_nothing_was_evaluated_nothing_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTBOX_DATA", str(tmp_path / "none"))
    take_up_what_waits()
    assert not (tmp_path / "none").exists()


def test_a_job_is_taken_once(folder: Path, store: Store) -> None:
    job = jobs.submit(store, Request(CHEST.id, folder), owner=OWNER)
    claimed = jobs.claim(store, holder="one")
    assert claimed is not None
    assert claimed.id == job.id
    assert jobs.claim(Store(store.folder), holder="another") is None


def test_jobs_of_the_command_line_are_left_to_it(folder: Path, store: Store) -> None:
    job = jobs.submit(store, Request(CHEST.id, folder), owner=jobs.COMMAND_LINE)
    assert not run_next(store)
    assert jobs.claim(store, holder="it", job_id=job.id) is not None
    jobs.forget_abandoned(store, owner=jobs.COMMAND_LINE)
    assert len(jobs.list_jobs(store, owner=jobs.COMMAND_LINE)) == 1, "it is held"
    jobs.let_go(store, job, holder="it")
    jobs.forget_abandoned(store, owner=jobs.COMMAND_LINE)
    assert jobs.list_jobs(store, owner=jobs.COMMAND_LINE) == ()


def test_a_job_that_cannot_run_says_why(folder: Path, store: Store) -> None:
    job = run_job(store, folder / "nowhere")
    assert job.state is State.FAILED
    assert "no such folder" in job.message
    assert run_job(store, folder, model="nothing").state is State.FAILED


def test_a_request_survives_the_database(folder: Path, store: Store, tmp_path: Path) -> None:
    from core.training.config import LabelTable

    table = LabelTable(tmp_path / "t.csv", "file", ("a", "b"), "who")
    request = Request(CHEST.id, folder, table, {"x": ""}, r"^p\d", "youden")
    assert jobs.submit(store, request, owner=OWNER).request == request


def test_neither_names_nor_patients_are_in_the_store_or_the_log(
    folder: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "normal" / f"{made.PATIENT_NAME}.dcm").write_bytes(made.radiograph(128, InstitutionName="St Elsewhere"))
    (folder / "normal" / f"{made.PATIENT_ID}.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with caplog.at_level(logging.DEBUG):
        job = run_job(store, folder)
    assert (job.state, job.failed) == (State.DONE, 1)
    store.read("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = b"".join(path.read_bytes() for path in store.folder.iterdir())
    for secret in (made.PATIENT_NAME, made.PATIENT_ID, "Zebedee", "Elsewhere", "p000_0.png"):
        assert secret.encode() not in kept
        assert secret not in caplog.text
    case = next(case for case in assess(store, job).cases if case.file.endswith(".dcm"))
    assert case.attributes["Sex"] == "F"
    assert case.attributes["Age"] == "1–5"
    assert case.attributes["Institution"].startswith("site ")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_the_store_is_for_its_user_alone(store: Store) -> None:
    assert store.folder.stat().st_mode & 0o077 == 0
    assert (store.folder / "evaluations.sqlite").stat().st_mode & 0o077 == 0
