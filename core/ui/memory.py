"""Giving memory back to the system when a study is closed.

The C library keeps what was freed for its own next use, and after a series of several hundred slices that is several
hundred megabytes, which hold a patient's pixels.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from typing import Final

DELAY_S: Final = 1.0
"""By then the run that closed the study has ended, and with it the last names for what was open."""


def give_back_soon() -> None:
    """Return what is not in use any more to the system, a moment from now."""
    timer = threading.Timer(DELAY_S, _give_back)
    timer.daemon = True
    timer.start()


def _give_back() -> None:
    gc.collect()
    if sys.platform == "linux":
        # Of the GNU C library alone; others return memory by themselves.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
