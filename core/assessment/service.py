"""What serves the evaluations of a process: one store, and one worker that takes up what waits in it."""

from __future__ import annotations

import logging
import threading
from functools import cache
from pathlib import Path

from core.assessment import uploads
from core.assessment.store import DATABASE, Store
from core.assessment.worker import Worker
from core.data_folder import data_folder
from core.errors import CoreError

log = logging.getLogger("lightbox")

_opening = threading.Lock()


def open_service(folder: Path) -> tuple[Store, Worker]:
    """Return the store of a folder and the worker that is at work on it, once for the process.

    Raises
    ------
    DatasetError
        As `Store`.
    """
    with _opening:
        return _opened(folder)


@cache
def _opened(folder: Path) -> tuple[Store, Worker]:
    """Open a store: what nobody needs is deleted, what waits is taken up."""
    store = Store(folder)
    uploads.sweep(store)
    worker = Worker(store)
    worker.start()
    return store, worker


def take_up_what_waits() -> None:
    """Go on with the evaluations of an earlier start, where there was one; a failure is told to the log."""
    folder = data_folder()
    if not (folder / DATABASE).exists():
        return
    try:
        open_service(folder)
    except (CoreError, OSError) as error:
        log.error("Evaluations that wait could not be taken up: %s.", type(error).__name__)
