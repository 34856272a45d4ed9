"""Slow work beside the page: decoding, asking models, and warming them up before anybody asks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as StillRunning
from functools import partial
from typing import TypeVar

from core import io, workflow
from core.domain import Image, ModelSpec, Series
from core.errors import CoreError
from core.models.proposal import Proposal
from core.ui.session import OpenStudy, Outcome
from core.workflow import Reading

T = TypeVar("T")
log = logging.getLogger("lightbox")

PATIENCE_S = 0.3
"""How long an answer may take before the page says what it waits for: shorter waits would only flicker."""

WARM_UP_DELAY_S = 0.3

_workers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="reading")
_decoders = ThreadPoolExecutor(max_workers=4, thread_name_prefix="decoding")
"""Apart from the others: an image is shown while its reader waits in line for the answer."""
_warmed: set[str] = set()
_warming = threading.Lock()


class Line:
    """Who waits for an answer, in the order in which they came; every thread may ask."""

    def __init__(self) -> None:
        self._tickets: list[object] = []
        self._lock = threading.Lock()

    def enter(self) -> object:
        """Stand at the end, and return a ticket."""
        ticket = object()
        with self._lock:
            self._tickets.append(ticket)
        return ticket

    def before(self, ticket: object) -> int:
        """Return how many came before and still wait; 0 for a ticket that was given back."""
        with self._lock:
            return self._tickets.index(ticket) if ticket in self._tickets else 0

    def leave(self, ticket: object) -> None:
        """Give a ticket back."""
        with self._lock:
            self._tickets.remove(ticket)


LINE = Line()
"""That of this process: its networks compute one answer at a time."""


def warm_up_in_background(spec: ModelSpec | None = None) -> None:
    """Load a model in the background, once per process, so that its first answer is as fast as its second.

    Parameters
    ----------
    spec : ModelSpec, optional
        All models, one after the other, when left out: somebody who looks at an empty page is about to bring a study,
        and a picture without a header is shown to each of them.
    """
    wanted = workflow.known_models().models if spec is None else (spec,)
    with _warming:
        cold = [each for each in wanted if each.sha256 not in _warmed]
        _warmed.update(each.sha256 for each in cold)
    if not cold:
        return
    # A moment later, so that the page is on its way before the import of PyTorch takes the processor.
    timer = threading.Timer(WARM_UP_DELAY_S, _warm_up, args=([each.id for each in cold],))
    timer.daemon = True
    timer.start()


def _warm_up(model_ids: Sequence[str]) -> None:
    io.warm_up()
    for model_id in model_ids:
        try:
            workflow.warm_up(model_id)
        except CoreError as error:
            # Whoever asks this model will be told; here it only did not get warm.
            log.warning("Model %s could not be warmed up: %s", model_id, error.code)


def decode(opened: OpenStudy, index: int, *, while_waiting: Callable[[], None]) -> Image:
    """Return a frame of the open series, decoded.

    Parameters
    ----------
    opened : OpenStudy
        Remembers the image.
    index : int
        From 0.
    while_waiting : callable
        Called once where it takes longer than a moment, to say so on the page.

    Raises
    ------
    StudyError
        Its pixels cannot be decoded.
    """
    frame = opened.series.frames[index]
    known = opened.images.get(frame.uid)
    if known is not None:
        return known
    return opened.images.put(frame.uid, _result(_decoders.submit(frame.load), while_waiting))


def ask(
    opened: OpenStudy, index: int, image: Image, spec: ModelSpec, *, while_waiting: Callable[[int], None]
) -> Outcome:
    """Return what a model says of a frame, or the reason why it says nothing.

    Parameters
    ----------
    opened : OpenStudy
        Remembers the outcome.
    index : int
        The frame of the open series, from 0.
    image : Image
        That frame, decoded.
    spec : ModelSpec
    while_waiting : callable
        Called where the answer takes longer than a moment, and again whenever fewer are before this one, with how many
        these are: to say so on the page.
    """
    key = f"{image.uid}/{spec.sha256}"
    known = opened.outcomes.get(key)
    if known is not None:
        return known
    ticket = LINE.enter()
    read = partial(_read, opened.series, index, image, spec, opened.owner)
    future = _workers.submit(_in_turn, ticket, read)
    return opened.outcomes.put(key, _in_line(future, ticket, while_waiting))


def proposal(opened: OpenStudy) -> Future[Proposal]:
    """Return which model is proposed for the open series; it takes a while where a picture has to be looked at."""
    known = opened.proposals.get(opened.series_uid)
    if known is None:
        series = opened.series
        seen = opened.images.get(series.frames[workflow.opening_index(series)].uid)
        known = opened.proposals[opened.series_uid] = _workers.submit(_propose, series, seen)
    wait([known], timeout=PATIENCE_S)
    return known


def _propose(series: Series, seen: Image | None) -> Proposal:
    by_header = workflow.propose(series)
    if by_header is not None:
        return by_header
    try:
        image = seen or series.frames[workflow.opening_index(series)].load()
    except CoreError as error:
        return Proposal(None, str(error))
    return workflow.propose_for_image(series, image)


def _result(future: Future[T], while_waiting: Callable[[], None]) -> T:
    try:
        return future.result(timeout=PATIENCE_S)
    except StillRunning:
        while_waiting()
        return future.result()


def _in_turn(ticket: object, read: Callable[[], T]) -> T:
    try:
        return read()
    finally:
        LINE.leave(ticket)


def _in_line(future: Future[T], ticket: object, while_waiting: Callable[[int], None]) -> T:
    told = None
    while True:
        try:
            return future.result(timeout=PATIENCE_S)
        except StillRunning:
            before = LINE.before(ticket)
            if before != told:
                while_waiting(before)
                told = before


def _read(series: Series, index: int, image: Image, spec: ModelSpec, reader: str) -> Outcome:
    try:
        reading: Reading = workflow.read_frame(series, index, model_id=spec.id, image=image, reader=reader)
    except CoreError as error:
        return error
    return reading
