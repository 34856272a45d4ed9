"""How much memory a process has, as Linux tells it; NaN where nobody does."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path

MB = 1e6


def resident_mb(pid: int) -> float:
    """Return what a process has in memory now, in MB."""
    return _status_mb(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """Return the most that it ever had."""
    return _status_mb(pid, "VmHWM")


def settled_mb(pid: int, *, below: float, wait_s: float = 30) -> float:
    """Return what a process has in memory once it is below a limit, or after a while."""
    deadline = time.monotonic() + wait_s
    while (now := resident_mb(pid)) > below and time.monotonic() < deadline:
        time.sleep(0.5)
    return now


def _status_mb(pid: int, field: str) -> float:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return math.nan
    found = re.search(rf"^{field}:\s+(\d+) kB", status.read_text(), re.MULTILINE)
    return int(found[1]) * 1024 / MB if found else math.nan
