"""Slow work beside the page: decoding, asking models, and warming them up before anybody asks."""

from __future__ import annotations

import atexit
import functools
import gc
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as StillRunning
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

from core import io, workflow
from core.domain import Image, ModelSpec, Series
from core.errors import CoreError
from core.models.proposal import Proposal
from core.ui.failure import StudyClosed
from core.ui.scan import Scan
from core.ui.session import OpenStudy, Outcome
from core.ui.viewer import PixelSource
from core.workflow import Reading

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

    def enter(self, ticket: object) -> None:
        """Stand at the end, with a ticket."""
        with self._lock:
            self._tickets.append(ticket)

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
    spare_libraries_from_collection()


@functools.cache
def spare_libraries_from_collection() -> None:
    """Leave what is in memory now, PyTorch and the other libraries above all, out of every later garbage collection.

    Streamlit collects after each run of a page, and nothing else runs meanwhile: a third of a second for the half
    million objects that the libraries bring along and never give up.
    """
    gc.collect()
    gc.freeze()
    # At the end the libraries look for what was left behind, and would complain of all of it.
    atexit.register(gc.unfreeze)


def source_of(opened: OpenStudy, series: Series | None = None) -> PixelSource:
    """Return where the pictures of a series come from, the open one's unless another one is named."""
    series = series or opened.series
    if series.uid not in opened.sources:
        opened.sources[series.uid] = PixelSource(series, images=opened.images)
    return opened.sources[series.uid]


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
    known = opened.images.get(opened.series.frames[index].uid)
    if known is not None:
        return known
    future = _decoders.submit(source_of(opened).image, index)
    try:
        return future.result(timeout=PATIENCE_S)
    except StillRunning:
        while_waiting()
        return future.result()


@dataclass(frozen=True, slots=True)
class Waiting:
    """There is no answer yet; so many readers come before."""

    before: int


def is_overtaken() -> bool:
    """Whether something waits for this run of the page to end, which the reader has done or a clock has asked for.

    Streamlit leaves a run by itself where the whole page is to run again, whenever the session's state is looked at.
    What is done inside a fragment waits for the end of the run: whoever waits in one has to ask.
    """
    context = get_script_run_ctx()
    if context is None or context.script_requests is None:
        return False
    st.session_state.get("desk")
    return context.script_requests._state is ScriptRequestType.RERUN


def answer(opened: OpenStudy, index: int, spec: ModelSpec, *, patience_s: float | None = None) -> Outcome | Waiting:
    """Return what a model says of a frame of the open series, or the reason why it says nothing.

    Parameters
    ----------
    opened : OpenStudy
        Remembers the outcome.
    index : int
        The frame, from 0.
    spec : ModelSpec
    patience_s : float, optional
        How long to wait for it; `PATIENCE_S` when left out.

    Returns
    -------
    Outcome or Waiting
        `Waiting` where the model is still at work: ask again.

    Raises
    ------
    StudyClosed
        The study was closed meanwhile.
    """
    key = f"{opened.series.frames[index].uid}/{spec.sha256}"
    known = opened.outcomes.get(key)
    if known is not None:
        return known
    future = opened.asked.get(key)
    if future is None:
        _put_off_others(opened)
        future = opened.asked[key] = _question(opened, index, spec)
    wait([future], timeout=PATIENCE_S if patience_s is None else patience_s)
    if not future.done():
        return Waiting(LINE.before(future))
    if future.cancelled():
        raise StudyClosed
    opened.asked.pop(key, None)
    return opened.outcomes.put(key, future.result())


def _question(opened: OpenStudy, index: int, spec: ModelSpec) -> Future[Outcome]:
    future = _workers.submit(_read, opened.series, index, source_of(opened), spec, opened.owner)
    LINE.enter(future)
    # Called at once where it is done already.
    future.add_done_callback(LINE.leave)
    return future


def _put_off_others(opened: OpenStudy) -> None:
    """Take back what was asked about images that are not looked at any more and has not begun; keep what is done."""
    for key, other in list(opened.asked.items()):
        if other.cancel():
            del opened.asked[key]
        elif other.done() and not other.exception():
            opened.outcomes.put(key, opened.asked.pop(key).result())


def ask(opened: OpenStudy, index: int, spec: ModelSpec, *, while_waiting: Callable[[int], None]) -> Outcome:
    """Return what a model says of a frame, however long it takes; see `answer`.

    `while_waiting` is called where the answer takes longer than a moment, and again whenever fewer are before this one,
    with how many these are: to say so on the page.
    """
    told = None
    while isinstance(outcome := answer(opened, index, spec), Waiting):
        if outcome.before != told:
            while_waiting(outcome.before)
            told = outcome.before
    return outcome


def scan_of(opened: OpenStudy, spec: ModelSpec | None) -> Scan | None:
    """Return the scores along the open series, where they were asked for."""
    return None if spec is None else opened.scans.get(_scan_key(opened, spec))


def start_scan(opened: OpenStudy, spec: ModelSpec) -> None:
    """Ask a model about every image of the open series, in the background; one series of a study at a time.

    What was stopped before, or has failed, is asked about again; what is known stays.
    """
    for other in opened.scans.values():
        other.cancel()
    key = _scan_key(opened, spec)
    before = opened.scans.get(key)
    scan = opened.scans[key] = _new_scan(opened, spec) if before is None else before.resumed()
    scan.start()


def _new_scan(opened: OpenStudy, spec: ModelSpec) -> Scan:
    # The thread must not hold the study itself, which may be closed meanwhile.
    series, source, owner = opened.series, source_of(opened), opened.owner
    return Scan(len(series.frames), lambda index: _read(series, index, source, spec, owner))


def _scan_key(opened: OpenStudy, spec: ModelSpec) -> str:
    return f"{opened.series_uid}/{spec.sha256}"


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


def _read(series: Series, index: int, source: PixelSource, spec: ModelSpec, reader: str) -> Outcome:
    try:
        image = source.image(index)
        reading: Reading = workflow.read_frame(series, index, model_id=spec.id, image=image, reader=reader)
    except CoreError as error:
        return error
    return reading
