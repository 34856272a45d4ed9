"""Looking at a set beside the page's script: what is found of a file is kept, so nothing is looked at twice."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from core.assessment.inspection import Progress, SetInspection
from core.errors import CoreError, DatasetError

log = logging.getLogger("lightbox")


class _Stopped(Exception):  # noqa: N818 - nothing went wrong
    """The look is not wanted any more."""


class Inspect(Protocol):
    """Looks at a set, telling how far it is."""

    def __call__(self, *, progress: Progress) -> SetInspection:
        """Return what the set holds."""


class Look:
    """An inspection that runs in a thread of its own.

    Attributes
    ----------
    done, total : int
        Files.
    found : SetInspection or None
        None until all of them were looked at.
    failure : CoreError or None
        Why the set cannot be used.
    """

    def __init__(self, inspect: Inspect) -> None:
        self.done, self.total = 0, 0
        self.found: SetInspection | None = None
        self.failure: CoreError | None = None
        self._inspect = inspect
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="looking-at-a-set", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether there is something to show."""
        return self.found is not None or self.failure is not None

    def stop(self) -> None:
        """Stop after the file at hand."""
        self._is_stopped.set()

    def wait(self, seconds: float) -> bool:
        """Wait until it is over, for some time; return whether it is."""
        self._thread.join(seconds)
        return self.is_over

    def _run(self) -> None:
        try:
            self.found = self._inspect(progress=self._advance)
        except _Stopped:
            return
        except CoreError as error:
            self.failure = error
        except Exception as error:  # its words may hold identity
            log.error("A set could not be looked at: %s.", type(error).__name__)
            self.failure = DatasetError(
                "The set could not be looked at, by a fault of Lightbox's own.",
                hint="Try again; the server's log has more.",
                code="program-fault",
            )

    def _advance(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self._is_stopped.is_set():
            raise _Stopped
