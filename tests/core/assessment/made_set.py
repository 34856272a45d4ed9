"""A labelled folder of made-up films, a made-up model for them, and a store of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from core.assessment import jobs
from core.assessment.jobs import Job, Request
from core.assessment.store import Store
from core.assessment.worker import run_next
from core.domain import InputSpec, IntendedUse
from tests.core.training.films import film, write
from tests.made_models import CHEST_SPEC, TUMOUR_SPEC, write_chest_model

OWNER = "somebody"
SMALL = InputSpec((32, 32), 3, "squash", "percentile", (0.5,) * 3, (0.5,) * 3)
NO_LIMITS = IntendedUse("Tests.", "Patients.")
CHEST = replace(CHEST_SPEC, input=SMALL, intended_use=NO_LIMITS)
BRAIN = replace(TUMOUR_SPEC, input=SMALL, intended_use=NO_LIMITS)


def write_models(root: Path) -> None:
    """Write two models: independent labels, and labels that exclude each other."""
    write_chest_model(root, CHEST)
    write_chest_model(root, BRAIN)


def write_set(folder: Path, *, each: int = 6, names: tuple[str, str] = ("normal", "pneumonia")) -> Path:
    """Write films of two classes; a patient `p03` has the films `p03_0.png` and `p03_1.png`."""
    rng = np.random.default_rng(5)
    for number, name in enumerate(names):
        for index in range(each):
            file = folder / name / f"p{number}{index // 2:02}_{index % 2}.png"
            write(file, film(rng, opacity=bool(number)))
    return folder


def run_job(store: Store, path: Path, *, model: str = CHEST.id, owner: str = OWNER, **request: object) -> Job:
    """Submit a job, run it to its end and return it."""
    job = jobs.submit(store, Request(model, path, **request), owner=owner)  # type: ignore[arg-type]
    assert run_next(store)
    return jobs.find_job(store, job.id, owner=owner)
