from __future__ import annotations

from types import SimpleNamespace

import pytest

from core.domain import Series, Study
from core.ui import side
from core.ui.session import OpenStudy, View
from core.ui.side import told_apart


@pytest.mark.parametrize(
    ("titles", "told"),
    [
        ([], []),
        (["CT HEAD", "CT CHEST"], ["CT HEAD", "CT CHEST"]),
        (["CT", "MR", "CT", "CT"], ["CT (1)", "MR", "CT (2)", "CT (3)"]),
    ],
)
def test_titles_that_are_the_same_are_numbered(titles: list[str], told: list[str]) -> None:
    assert told_apart(titles) == told


def test_a_choice_that_came_too_late_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = OpenStudy(Study("0", (Series("a", "CT", ()), Series("b", "MR", ()))), "a", model_ids={"b": "chest"})
    opened.views["b"] = View(score_anyway=True)
    for series, model in (("gone", "gone"), ("b", "gone"), ("b", "")):
        monkeypatch.setattr(side.st, "session_state", SimpleNamespace(series=series, model=model))
        side._open_series(opened)
        side._choose_model(opened, ["chest", ""])
        if series == "gone":
            assert opened.series_uid == "a"
            assert opened.model_ids == {"b": "chest"}
    assert opened.series_uid == "b"
    assert opened.model_ids == {"b": ""}
    # Another model has to be asked anew for a score that it should not give.
    assert not opened.view.score_anyway
