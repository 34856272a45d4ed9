"""A process that decodes: it answers one request after the other until the application hangs up.

`python -m core.io.isolation.worker [MODULE]` imports MODULE before the first request comes.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from core.errors import StudyError
from core.io.isolation import wire

GRACE_S = 5.0
"""The application ends a worker that is late. This much later a worker ends itself: the application has gone."""


def main(arguments: list[str]) -> None:
    """Answer requests until the pipe is closed."""
    requests, replies = _take_pipes()
    _restrict()
    for module in arguments:
        importlib.import_module(module)
    wire.send(replies, {"ready": True})
    while True:
        try:
            head, body = wire.receive(requests, max_body_bytes=sys.maxsize)
        except wire.BrokenWireError:
            return
        with limited(memory_bytes=head["memory_bytes"], seconds=head["seconds"]):
            reply, pixels = answer(head["decoder"], body, head["options"])
        wire.send(replies, reply, pixels)


def answer(decoder: str, content: memoryview, options: dict[str, Any]) -> tuple[wire.Head, wire.Body]:
    """Decode, and put the outcome into a message: pixels and facts, or a refusal."""
    module, _, name = decoder.partition(":")
    try:
        pixels, facts = getattr(importlib.import_module(module), name)(content, **options)
        if pixels is None:
            return {"facts": facts}, b""
        description, body = wire.describe(pixels)
    except StudyError as error:
        return {"refusal": [error.message, error.hint, error.code]}, b""
    except MemoryError:
        return {"out_of_memory": True}, b""
    except Exception as error:  # what decoders raise has no end; the words may hold identity, so only the type goes on
        return {"failure": type(error).__name__}, b""
    return {"facts": facts, **description}, body


def _take_pipes() -> tuple[FileIO, FileIO]:
    """Keep the pipes to the application for itself, so that no decoder that prints gets between the messages."""
    requests, replies = os.dup(0), os.dup(1)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(silence, stream)
    return FileIO(requests, "rb"), FileIO(replies, "wb")


def _restrict() -> None:
    """Give up what a decoder has no need of: files to write, memory dumps that hold a patient's pixels."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the application decides when to stop
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@contextmanager
def limited(*, memory_bytes: int, seconds: float) -> Iterator[None]:
    """Bound what one request may take: address space beyond what is in use, and time.

    Memory is bounded on Linux alone: macOS ignores the limit and Windows has none. There the sizes that headers claim
    are the only bound, as they are everywhere for the size of the result.
    """
    if sys.platform == "win32":
        yield
        return
    import resource

    if sys.platform == "linux":
        before = resource.getrlimit(resource.RLIMIT_AS)
        most = _address_space() + memory_bytes
        if before[0] == resource.RLIM_INFINITY or most < before[0]:
            resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    signal.setitimer(signal.ITIMER_REAL, seconds + GRACE_S)  # SIGALRM ends the process, whatever it is in
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_AS, before)


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main(sys.argv[1:])
