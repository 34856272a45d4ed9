"""The command line of evaluations: `python -m core evaluate FOLDER --model ID --out DIR`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import CoreError, DatasetError, ReportError

if TYPE_CHECKING:
    from core.assessment.inspection import SetInspection
    from core.assessment.jobs import Job, Request
    from core.assessment.outcome import Assessment
    from core.assessment.store import Store

_POLL_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of an evaluation."""
    parser.add_argument("data", metavar="FOLDER", help="a folder, or a zip, with a folder of images for each label")
    parser.add_argument("--model", required=True, metavar="ID", help="the model to evaluate")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the report is written")
    table = parser.add_argument_group("labels from a table, in place of folders")
    table.add_argument("--labels-csv", type=Path, metavar="F", help="a row for each image; its paths start from FOLDER")
    table.add_argument("--path-column", metavar="NAME", help="of the image file; default: told by its name")
    table.add_argument("--label-columns", nargs="+", metavar="NAME", help="names of labels, or columns of 0 and 1")
    table.add_argument("--patient-column", metavar="NAME", help="who the patient is")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="NAME=LABEL",
        help="what a label of the set means; NAME= for none of the model's labels, NAME=skip to leave its images out",
    )
    parser.add_argument("--patient-pattern", default="", metavar="RE", help="finds the patient in a file's name")
    parser.add_argument("--operating-point", default="", metavar="NAME", help="where to call; default: the model's own")


def run(options: argparse.Namespace) -> int:
    """Inspect, compute, and write the report; the exit status is 0."""
    from core.assessment import jobs
    from core.assessment.files import inspect_request
    from core.assessment.outcome import assess, labels_at
    from core.assessment.store import Store
    from core.models.registry import find_model

    _require_writable(options.out)
    labels_at(find_model(options.model), options.operating_point)
    store, request = Store(), _request(options)
    with _bar("inspecting") as bar:
        inspection = inspect_request(store, request, progress=bar)
    _tell(inspection)
    with _bar("evaluating") as bar:
        job = _computed(store, request, bar)
    assessment = assess(store, job)
    write_outcome(options.out, assessment, inspection)
    jobs.forget(store, job.id, owner=jobs.COMMAND_LINE)
    sys.stdout.write(f"{_summary(assessment)}\n")
    return 0


def write_outcome(folder: Path, assessment: Assessment, inspection: SetInspection) -> None:
    """Write the report, the table of cases and the figures into a folder, which is made where it is not there."""
    from core.assessment.files import outcome_files

    files = outcome_files(assessment, inspection)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise _not_writable() from error


def _request(options: argparse.Namespace) -> Request:
    from core.assessment.jobs import Request

    return Request(
        model_id=options.model,
        path=Path(options.data).resolve(),
        table=_table(options),
        meanings=dict(_meaning(text) for text in options.map),
        patient_pattern=options.patient_pattern,
        operating_point=options.operating_point,
    )


def _table(options: argparse.Namespace) -> Any:
    from core.assessment.labelled_set import find_table
    from core.training.config import LabelTable

    if options.labels_csv is None:
        return None
    file = options.labels_csv.resolve()
    if options.path_column and options.label_columns:
        return LabelTable(file, options.path_column, tuple(options.label_columns), options.patient_column or "")
    found = find_table(file)
    return replace(
        found,
        path=options.path_column or found.path,
        labels=tuple(options.label_columns or found.labels),
        patient=options.patient_column or found.patient,
    )


def _meaning(text: str) -> tuple[str, str]:
    name, sign, label = text.rpartition("=")
    if not sign or not name:
        raise DatasetError(
            f"--map was given “{text}”; NAME=LABEL is accepted.", hint="For example --map normal=", code="bad-map"
        )
    return name, label


def _computed(store: Store, request: Request, bar: Callable[[int, int], None]) -> Job:
    """Run the job of a request in this process, and return it when it has ended; Ctrl-C cancels it."""
    from core.assessment import jobs
    from core.assessment.worker import run_claimed

    holder = jobs.process_name()
    owner = jobs.COMMAND_LINE
    jobs.forget_abandoned(store, owner=owner)
    job = jobs.submit(store, request, owner=owner)
    claimed = jobs.claim(store, holder=holder, job_id=job.id)
    assert claimed is not None
    failures: list[CoreError] = []

    def compute() -> None:
        try:
            run_claimed(store, claimed, holder=holder)
        except CoreError as error:
            failures.append(error)

    thread = threading.Thread(target=compute, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_POLL_S)
            job = jobs.find_job(store, job.id, owner=owner)
            bar(job.done, job.total)
    except KeyboardInterrupt:
        jobs.cancel(store, job.id, owner=owner)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        thread.join()
        raise
    if failures:
        raise failures[0]
    job = jobs.find_job(store, job.id, owner=owner)
    if job.state is not jobs.State.DONE:
        raise DatasetError(job.message or "The evaluation was stopped.", code="evaluation-failed")
    if job.message:
        sys.stderr.write(f"  ! {job.message}\n")
    return job


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what moves a bar on standard error."""
    from tqdm import tqdm

    with tqdm(total=0, desc=title, unit=" files", file=sys.stderr, leave=False) as bar:

        def move(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield move


def _tell(inspection: SetInspection) -> None:
    sys.stderr.write(
        f"{inspection.files} files, {inspection.images} images of {inspection.patients} patients. Who a patient "
        f"is was told by {inspection.patient_from}.\n"
    )
    for one in inspection.labels:
        sys.stderr.write(f"  {one.meaning.name}: {one.files} files\n")
    for notice in inspection.notices:
        sys.stderr.write(f"  ! {notice.message}\n")
    sys.stderr.flush()


def _summary(assessment: Assessment) -> str:
    from core.reports.wording import estimate_in_numbers

    lines = [f"{assessment.result.n} images evaluated, {len(assessment.excluded)} left out"]
    for label in assessment.result.labels:
        figures = ", ".join(
            f"{name} {estimate_in_numbers(label.metrics[name])}" for name in ("auroc", "sensitivity", "specificity")
        )
        lines.append(f"{label.name}: {figures}")
    return "\n".join(lines)


def _require_writable(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise _not_writable()


def _not_writable() -> ReportError:
    return ReportError("The report cannot be written there.", hint="Name a folder with --out.", code="not-writable")
