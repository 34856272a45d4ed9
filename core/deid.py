"""What a study says about the patient, kept out of sight until somebody asks for it.

Which facts are identifying is decided where they are read (`Fact.identifying`); here they are masked on the screen and
left out of anything that is taken along.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from core.domain import Fact

MASK = "••••"
"""Stands for a value that is there and not shown; it has the same length for every value."""


def masked(facts: Iterable[Fact], *, reveal: bool = False) -> tuple[Fact, ...]:
    """Return the facts with identifying values hidden behind a mask, for the screen.

    The lines stay, so that the reader sees what the header holds. An empty value stays empty: it hides nothing.

    Parameters
    ----------
    facts : iterable of Fact
    reveal : bool
        Return them as they are.
    """
    return tuple(fact if reveal or not fact.identifying or not fact.value else _hidden(fact) for fact in facts)


def without_identity(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Return only the facts that do not identify the patient, for exports."""
    return tuple(fact for fact in facts if not fact.identifying)


def _hidden(fact: Fact) -> Fact:
    return replace(fact, value=MASK)
