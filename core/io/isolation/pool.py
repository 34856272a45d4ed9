"""The application's side: a few workers, started when they are needed, replaced when they die."""

from __future__ import annotations

import atexit
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from core.domain import Pixels
from core.errors import StudyError
from core.io.isolation import wire
from core.io.limits import DEFAULT_LIMITS, GIB, Limits

Decoder = Callable[..., tuple[Pixels | None, Mapping[str, Any]]]
"""A function at the top of a module: `decoder(content, **options)` returns pixels, where there are any, and facts.

`content` is a memoryview; options and facts are plain data that JSON knows. It may raise `StudyError`.
"""

ROOT = Path(__file__).resolve().parents[3]
START_S = 60.0
"""How long a worker may take to start: it imports libraries, on a machine that may be busy."""
FAREWELL_S = 1.0

log = logging.getLogger("lightbox")

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}
"""One thread each: several workers side by side already use the cores, and threads take address space."""

_INHERITED = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH"),
    *("TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "WINDIR"),
)
"""What a process needs to start. The rest of the environment, which may hold secrets, is no business of a decoder."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What a decoder returned. `pixels` is None where it gives facts only."""

    pixels: Pixels | None
    facts: dict[str, Any]


class _LostWorkerError(Exception):
    """A worker ended before it replied. `is_late` where it was ended for taking too long."""

    def __init__(self, *, is_late: bool = False) -> None:
        super().__init__()
        self.is_late = is_late


class _Worker:
    """One process, used by one thread at a time."""

    def __init__(self, modules: tuple[str, ...] = ()) -> None:
        self._process = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-B", "-m", "core.io.isolation.worker", *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders complain there; what matters comes as a reply
            bufsize=0,
            cwd=ROOT,
            env={name: os.environ[name] for name in _INHERITED if name in os.environ} | _ENVIRONMENT,
        )
        self._is_ready = False
        self._is_late = False

    @property
    def is_usable(self) -> bool:
        """Whether it can be asked."""
        return not self._is_late and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def ask(
        self, head: wire.Head, content: wire.Body, *, seconds: float, max_reply_bytes: int
    ) -> tuple[wire.Head, memoryview]:
        """Send one request and return the reply.

        Raises
        ------
        _LostWorkerError
            When the worker dies, is too slow, or replies what it should not.
        """
        if not self._is_ready:
            with self._within(START_S):
                wire.receive(self._replies, max_body_bytes=0)
            self._is_ready = True
        with self._within(seconds):
            wire.send(self._requests, head, content)
            return wire.receive(self._replies, max_body_bytes=max_reply_bytes)

    def stop(self) -> int:
        """End the process, hard where it does not end by itself, and return its exit status."""
        self._requests.close()  # at the end of its input a worker ends
        try:
            self._process.wait(timeout=0 if self._is_late else FAREWELL_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._replies.close()
        return self._process.wait()

    def kill(self) -> int:
        """End the process at once."""
        self._process.kill()
        return self.stop()

    @property
    def _requests(self) -> Any:
        return self._process.stdin

    @property
    def _replies(self) -> Any:
        return self._process.stdout

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """End the process after so many seconds: reading from a pipe knows no time limit on every system."""
        watchdog = threading.Timer(seconds, self._end_late)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield
        except wire.BrokenWireError:
            raise _LostWorkerError(is_late=self._is_late) from None
        finally:
            watchdog.cancel()

    def _end_late(self) -> None:
        self._is_late = True
        self._process.kill()


class Pool:
    """Workers that threads share. None is started before it is needed.

    Parameters
    ----------
    size : int
        How many there may be at a time; whoever comes when all are at work waits.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(size)
        self._idle: list[_Worker] = []
        self._is_prepared = False

    def decode(
        self, decoder: Decoder, content: wire.Body, *, limits: Limits, max_result_bytes: int, **options: Any
    ) -> Decoded:
        """Run a decoder in a worker.

        Parameters
        ----------
        decoder : callable
            See `Decoder`.
        content : bytes or memoryview
            What it decodes.
        limits : Limits
            Its time and memory.
        max_result_bytes : int
            The most that the pixels can have, as the header says.
        **options
            For the decoder: plain data.

        Raises
        ------
        StudyError
            The decoder's own, or that it crashed, took too long or too much memory.
        """
        head = {
            "decoder": f"{decoder.__module__}:{decoder.__qualname__}",
            "options": options,
            "memory_bytes": limits.max_decoding_bytes,
            "seconds": limits.max_decoding_seconds,
        }
        with self._places:
            worker = self._take()
            try:
                reply, body = worker.ask(
                    head, content, seconds=limits.max_decoding_seconds, max_reply_bytes=max_result_bytes
                )
                decoded = understood(reply, body, limits)
            except (_LostWorkerError, wire.BrokenWireError) as lost:
                raise self._replaced(worker, limits, is_late=getattr(lost, "is_late", False)) from None
            except StudyError:
                self._give_back(worker)
                raise
            except BaseException:  # somewhere inside a reply, as by Ctrl-C: the next one would read the rest of it
                worker.kill()
                raise
            self._give_back(worker)
        return decoded

    def prepare(self, *decoders: Decoder) -> None:
        """Start a first worker where there is none, without waiting for it to have imported what it needs."""
        with self._lock:
            if not self._is_prepared:
                self._is_prepared = True
                self._idle.append(_Worker(tuple(decoder.__module__ for decoder in decoders)))

    def close(self) -> None:
        """End all workers that wait; those at work end with the application."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._is_prepared = False
        for worker in idle:
            worker.stop()

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that wait for work."""
        with self._lock:
            return tuple(worker.pid for worker in self._idle)

    def _take(self) -> _Worker:
        """Return the worker that was used last, whose libraries are loaded, or a new one."""
        with self._lock:
            self._is_prepared = True
            while self._idle:
                worker = self._idle.pop()
                if worker.is_usable:
                    return worker
                worker.stop()
        try:
            return _Worker()
        except OSError as error:
            raise StudyError(
                "The pixels cannot be decoded, because no process could be started for it: this computer is out of "
                "memory or of processes.",
                hint="Close other programs and try again.",
                code="decoder-unavailable",
            ) from error

    def _give_back(self, worker: _Worker) -> None:
        if not worker.is_usable:
            worker.kill()
            return
        with self._lock:
            self._idle.append(worker)

    def _replaced(self, worker: _Worker, limits: Limits, *, is_late: bool) -> StudyError:
        """Bury a worker, and return what that means for the file. The next file gets a new one."""
        status = worker.kill()
        log.warning("A decoder %s (exit status %d).", "was ended for taking too long" if is_late else "died", status)
        if is_late:
            return StudyError(
                f"Decoding the pixels took more than {limits.max_decoding_seconds:g} s and was stopped.",
                hint="The file is probably damaged; export it again, best uncompressed.",
                code="decoding-timeout",
            )
        return StudyError(
            "The decoder of these pixels crashed; nothing else was harmed.",
            hint="The file is probably damaged; export it again, best uncompressed.",
            code="decoder-crashed",
        )


def understood(reply: wire.Head, body: memoryview, limits: Limits) -> Decoded:
    """Return what a worker replied, or raise what it refused with."""
    if "refusal" in reply:
        refusal = reply["refusal"]
        if not (isinstance(refusal, list) and len(refusal) == 3):
            raise wire.BrokenWireError
        message, hint, code = map(str, refusal)
        raise StudyError(message, hint=hint, code=code)
    if "out_of_memory" in reply:
        raise StudyError(
            f"Decoding the pixels needs more than {limits.max_decoding_bytes / GIB:g} GiB of memory, which is the most "
            "that one picture is given.",
            hint="The file is probably damaged; export it again, best uncompressed.",
            code="decoding-out-of-memory",
        )
    if "failure" in reply:
        log.warning("A decoder failed with %s.", str(reply["failure"])[:80].encode("ascii", "replace").decode())
        raise StudyError(
            "The pixels cannot be decoded: they are damaged.", hint="Export the file again.", code="damaged-pixel-data"
        )
    facts = reply.get("facts")
    if not isinstance(facts, dict):
        raise wire.BrokenWireError
    return Decoded(wire.as_pixels(reply, body) if "dtype" in reply else None, cast("dict[str, Any]", facts))


# ── The pool of this process ──────────────────────────────────────────────────────────────────────────────────────


@cache
def _pool() -> Pool:
    pool = Pool(DEFAULT_LIMITS.max_decoders)
    atexit.register(pool.close)
    return pool


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # the workers of the parent process answer the parent


def decode_apart(
    decoder: Decoder, content: wire.Body, *, limits: Limits, max_result_bytes: int, **options: Any
) -> Decoded:
    """Run a decoder in a worker of this process's pool; see `Pool.decode`."""
    return _pool().decode(decoder, content, limits=limits, max_result_bytes=max_result_bytes, **options)


def prepare(*decoders: Decoder) -> None:
    """Start a worker in the background where none was needed before; see `Pool.prepare`."""
    _pool().prepare(*decoders)


def close() -> None:
    """End the workers of this process's pool, where it has any."""
    _pool().close()
