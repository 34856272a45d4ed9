"""What one visitor has before them on the page Evaluate, and the way to the jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from core.assessment import jobs, uploads
from core.assessment.jobs import Job, Request
from core.assessment.outcome import Assessment, assess
from core.assessment.service import open_service
from core.assessment.store import Store
from core.assessment.uploads import Upload
from core.data_folder import data_folder
from core.domain import OperatingPoint
from core.evaluation import Subgroups
from core.models.registry import find_model
from core.training.config import LabelTable
from core.ui.access import current_user
from core.ui.evaluate.chosen import Chosen, MostWrong
from core.ui.evaluate.looking import Look
from core.ui.offers import Offer
from core.ui.session import Bounded

PARAMETER = "job"
ASSESSMENTS = 3
GROUPS = 20
PICTURES = 400
"""Pictures of cases that are kept: some twenty kilobytes each."""


@dataclass(slots=True, eq=False)
class Draft:
    """A set that was chosen and has not been run yet.

    Attributes
    ----------
    model_id : str
    path : Path or None
        None until a set was chosen.
    name : str
        What its owner calls it, for the screen.
    upload : Upload or None
        Where it lies if it was uploaded; a set of the server's has one if its table was.
    meanings : dict of str to str
        What was said of the set's labels.
    look : Look or None
        What is found in it.
    uploads : int
        How many were taken in: the number of the uploader, so that each begins empty.
    """

    model_id: str = ""
    path: Path | None = None
    name: str = ""
    upload: Upload | None = None
    table: LabelTable | None = None
    patient_pattern: str = ""
    meanings: dict[str, str] = field(default_factory=dict)
    look: Look | None = None
    uploads: int = 0

    def clear(self) -> None:
        """Let go of the set, and delete it if it was uploaded for this alone."""
        if self.look is not None:
            self.look.stop()
        if self.upload is not None:
            uploads.discard(self.upload)
        self.path, self.upload, self.table, self.look, self.name = None, None, None, None, ""
        self.patient_pattern, self.meanings = "", {}

    def request(self) -> Request:
        """Return what is to be run."""
        assert self.path is not None
        return Request(self.model_id, self.path, self.table, dict(self.meanings), self.patient_pattern)


@dataclass(slots=True, eq=False)
class Table:
    """What one visitor looks at in the outcome of one job.

    Attributes
    ----------
    label : str
        The label that is looked at.
    points : dict of str to OperatingPoint
        Where labels are called, by name; the model's own where a label is not named.
    chosen : Chosen
        The cases that are looked at.
    pages : dict of str to int
        Which part of a gallery's cases is on the screen, from 0, by what tells the gallery from others.
    """

    label: str = ""
    chosen: Chosen = field(default_factory=MostWrong)
    pages: dict[str, int] = field(default_factory=dict)
    points: dict[str, OperatingPoint] = field(default_factory=dict)

    def choose(self, chosen: Chosen) -> None:
        """Look at other cases, from the first of them."""
        self.chosen, self.pages = chosen, {}


@dataclass(slots=True, eq=False)
class Bench:
    """One visitor's page Evaluate."""

    draft: Draft = field(default_factory=Draft)
    tables: dict[str, Table] = field(default_factory=dict)
    assessments: Bounded[Assessment] = field(default_factory=lambda: Bounded(ASSESSMENTS))
    pictures: Bounded[str] = field(default_factory=lambda: Bounded(PICTURES))
    groups: Bounded[Subgroups] = field(default_factory=lambda: Bounded(GROUPS))
    offers: Bounded[Offer] = field(default_factory=lambda: Bounded(2))

    def table(self, job_id: str) -> Table:
        """Return what is looked at of a job."""
        return self.tables.setdefault(job_id, Table())


def open_bench() -> Bench:
    """Return this visitor's page."""
    if "bench" not in st.session_state:
        st.session_state.bench = Bench()
    bench: Bench = st.session_state.bench
    return bench


def owner() -> str:
    """Return whose evaluations are shown."""
    return current_user().id


def open_store() -> Store:
    """Return the store of this server, whose worker is at work."""
    return open_service(data_folder())[0]


def start(store: Store, draft: Draft) -> Job:
    """Queue what was chosen; the set belongs to the job from now on."""
    job = jobs.submit(store, draft.request(), owner=owner())
    draft.upload = None
    draft.clear()
    wake_worker(store)
    return job


def wake_worker(store: Store) -> None:
    """Let the worker see at once that there is something to do."""
    open_service(store.folder)[1].start()


def assessment_of(bench: Bench, store: Store, job: Job) -> Assessment:
    """Return the outcome of a job, worked out once for as long as nothing of it changes.

    Raises
    ------
    DatasetError, ModelError
        As `core.assessment.outcome.assess`.
    """
    model = find_model(job.request.model_id)
    key = f"{job.id}/{job.done}/{job.state}/{hash((model.sha256, model.labels))}"
    known = bench.assessments.get(key)
    return known or bench.assessments.put(key, assess(store, job))
