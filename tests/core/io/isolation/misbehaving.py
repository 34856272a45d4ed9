"""Decoders that do what no decoder should; they are run in workers, by name."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import StudyError

Result = tuple[np.ndarray | None, dict[str, Any]]


def obey(content: memoryview, *, factor: int = 1) -> Result:
    return np.frombuffer(content, np.uint8).reshape(1, -1) * factor, {"pid": os.getpid()}


def crash(content: memoryview) -> Result:
    ctypes.string_at(0)
    raise AssertionError("a null pointer was read")


def give_up(content: memoryview) -> Result:
    os.abort()


def leave(content: memoryview) -> Result:
    os._exit(0)


def hang(content: memoryview) -> Result:
    while True:
        time.sleep(1)


def hang_in_c(content: memoryview) -> Result:
    # Holds the interpreter's lock, as a C extension in an endless loop does: no Python thread runs any more.
    ctypes.PyDLL(None).pause()
    raise AssertionError("the process went on")


def eat_memory(content: memoryview) -> Result:
    eaten = []
    while True:
        eaten.append(np.ones(2**24, np.uint8))


def refuse(content: memoryview) -> Result:
    raise StudyError("Nothing to see.", hint="Look elsewhere.", code="made-up")


def fail(content: memoryview) -> Result:
    raise RuntimeError("Zebedee^Quill")


def answer_at_length(content: memoryview) -> Result:
    return np.zeros((1000, 1000), np.uint8), {}


def print_first(content: memoryview) -> Result:
    """Print as libraries do, which must not get between the messages."""
    sys.stdout.write("some warning")
    os.write(1, b"\xff" * 100)
    sys.stdout.flush()
    return obey(content)


def babble(content: memoryview) -> Result:
    """Write bytes of no meaning into the pipe of replies, as a worker that was taken over might."""
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, b"\x80\x04\x95" * 100)
        except OSError:
            continue
    signal.pause()
    return None, {}


def write_a_file(content: memoryview, *, path: str) -> Result:
    Path(path).write_bytes(content)
    return None, {}


def tell_environment(content: memoryview) -> Result:
    return None, dict(os.environ)
