"""Tables and figures as the text of a card holds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from core.domain import Estimate


def format_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def format_estimate(estimate: Estimate) -> str:
    """Return "0.987 (0.981–0.993)", or why there is no such figure."""
    if np.isnan(estimate.value):
        return f"undefined: {estimate.undefined}"
    if np.isnan(estimate.low):
        return f"{estimate.value:.4f} (no interval: {estimate.undefined})"
    return f"{estimate.value:.4f} ({estimate.low:.4f}–{estimate.high:.4f})"
