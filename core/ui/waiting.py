"""What the server does by itself once it runs: evaluations that an earlier start left go on, whoever comes or not."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streamlit import App

AFTER_S = 5.0
"""The first page comes first: what an evaluation needs is imported when that is likely to be on the screen."""


@asynccontextmanager
async def going_on_with_evaluations(_app: App) -> AsyncIterator[None]:
    """Take up what waits some seconds after the server's start; Streamlit enters this as the server starts."""
    timer = threading.Timer(AFTER_S, _take_up)
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


def _take_up() -> None:
    from core.assessment.service import take_up_what_waits

    take_up_what_waits()
