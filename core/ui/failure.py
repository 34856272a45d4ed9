"""What a visitor sees when something fails: words they can act on, and nothing of how the program is made."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.errors import CoreError

log = logging.getLogger("lightbox")

UNFORESEEN = (
    "Something went wrong that Lightbox did not foresee. Your study is still open: try again, or close it and bring it "
    "anew. What happened is in the server's log, without anything from the study."
)


class StudyClosed(Exception):  # noqa: N818 - it is no error
    """A run of the page shows a study that was closed meanwhile; the next run, which closed it, is under way."""


def show_error(error: CoreError) -> None:
    """Show a failure that has a name, with what to do about it."""
    text = f"**{error.message}**" if not error.hint else f"**{error.message}** {error.hint}"
    st.error(text, icon=":material/error:")


@contextmanager
def calmly() -> Iterator[None]:
    """Answer in words whatever goes wrong inside; the page goes on after it.

    Streamlit would print the text of the exception into its log as well.
    """
    try:
        yield
    except Exception as error:
        answer_calmly(error)


def answer_calmly(error: Exception) -> bool:
    """Answer an exception that nobody foresaw.

    The log gets where it happened and its type: the text of an exception may quote a header, and with it a patient.

    Returns
    -------
    bool
        True: Streamlit's own display of the exception is not wanted.
    """
    if isinstance(error, StudyClosed):
        return True
    if isinstance(error, CoreError):
        show_error(error)
        return True
    log_calmly(error)
    what, _, then = UNFORESEEN.partition(". ")
    st.error(f"**{what}.** {then}", icon=":material/error:")
    return True


def log_calmly(error: Exception) -> None:
    """Write into the log where an exception happened, and its type alone."""
    log.error("Unforeseen %s at %s", type(error).__name__, _where(error))


def _where(error: Exception) -> str:
    """Return the chain of places the exception came through, innermost last."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    return " <- ".join(reversed(places[-6:]))
