"""The page Evaluate: choose a labelled set, look at what it holds, run a model over it, read what came of it.

    choose ─→ findings ─→ running (?job=ID) ─→ outcome: figures, cases, subgroups, comparison, report

The address names the job, so a refresh, another tab and a restarted server find it again.
"""

from core.ui.evaluate.page import evaluate_page

__all__ = ["evaluate_page"]
