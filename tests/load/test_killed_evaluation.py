"""An evaluation of a thousand images whose process is killed at any time: nothing is lost, nothing computed twice."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from core.assessment import jobs
from core.assessment.jobs import Job, Request, State
from core.assessment.outcome import assess
from core.assessment.scoring import BATCH
from core.assessment.store import DATA_VARIABLE, Store
from core.assessment.worker import run_next
from core.models.predict import Engine
from tests import made
from tests.core.assessment.made_set import CHEST, OWNER, write_models

COUNT = 1000
KILLS = 3
PATIENCE_S = 300

STARTS = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
"""Processes that find PyTorch imported already: only the work of each is its own."""
STARTS.set_forkserver_preload(["core.models.predict", "core.assessment.scoring"])


def run(variables: dict[str, str], given: Path) -> None:
    """Run the job that is next, counting in a file what the network is given: a byte for each image, at once."""
    os.environ.update(variables)
    answer, count = Engine.answer, os.open(given, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def counted(engine: Engine, batch: torch.Tensor) -> object:
        os.write(count, bytes(len(batch)))
        return answer(engine, batch)

    Engine.answer = counted  # type: ignore[assignment]
    run_next(Store())


def write_images(folder: Path) -> Path:
    """Write a thousand different images of 16 × 16 pixels, in two classes."""
    rng = np.random.default_rng(11)
    for number in range(COUNT):
        file = folder / ("normal", "pneumonia")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(made.png(rng.integers(0, 256, (16, 16), np.uint8)))
    return folder


def started(variables: dict[str, str], given: Path) -> BaseProcess:
    process = STARTS.Process(target=run, args=(variables, given))
    process.start()
    return process


def wait_for(store: Store, job: Job, process: BaseProcess, *, done: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while jobs.find_job(store, job.id, owner=OWNER).done < done:
        assert process.is_alive(), "it ended before"
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that cannot be caught")
def test_a_thousand_images_and_a_process_that_is_killed_at_any_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_models(tmp_path / "weights")
    variables = {"LIGHTBOX_WEIGHTS": str(tmp_path / "weights"), DATA_VARIABLE: str(tmp_path / "data")}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # A page that an earlier test ran is the main program still, and would be run once more by every process.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    store, given, chance = Store(), tmp_path / "given", random.Random(3)
    job = jobs.submit(store, Request(CHEST.id, write_images(tmp_path / "set")), owner=OWNER)
    kept = 0
    for _ in range(KILLS):
        process = started(variables, given)
        wait_for(store, job, process, done=kept + chance.randrange(1, COUNT // (KILLS + 1)))
        time.sleep(chance.uniform(0, 0.05))  # not always just after something was kept
        process.kill()
        process.join()
        found = jobs.find_job(store, job.id, owner=OWNER)
        assert kept < found.done < COUNT
        assert store.read("SELECT COUNT(*) FROM answers")[0][0] == found.computed == found.done
        kept = found.done
        with store.transaction() as database:
            database.execute("UPDATE jobs SET held_until = 0")  # as if the lease of the dead process were over
    last = started(variables, given)
    last.join()
    assert last.exitcode == 0
    ended = jobs.find_job(store, job.id, owner=OWNER)
    assert (ended.state, ended.done, ended.computed, ended.failed) == (State.DONE, COUNT, COUNT, 0)
    assert COUNT <= given.stat().st_size <= COUNT + KILLS * BATCH, "more than the batch at work was computed again"
    cases = assess(store, ended).cases
    assert len({case.file for case in cases}) == len({case.sha256 for case in cases}) == COUNT
