"""The page of models in a browser: found, opened, linked to, and readable on both screens and in both themes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from core.models.evidence import read_evidence
from core.models.registry import find_model, model_folder
from tests.browser.desk import ANSWER_TIMEOUT_MS, Desk
from tests.browser.test_layout import SCREENS, choose_light, has_horizontal_scrollbar

Picture = Callable[[str], None]
SHIPPED = "cxr-pneumonia-pediatric"


def true_positives() -> str:
    """Return what the confusion matrix of the shipped model shows in one of its cells."""
    spec = find_model(SHIPPED)
    evidence = read_evidence(model_folder(spec), spec)
    assert evidence is not None
    (label,) = evidence.labels
    return str(label.calls["youden"].true_positives)


INK = {"dark": "rgb(228, 231, 234)", "light": "rgb(28, 33, 38)"}
QUIET = {"dark": "rgb(169, 177, 185)", "light": "rgb(84, 93, 102)"}


@pytest.mark.parametrize(
    ("screen", "theme"),
    list(zip(SCREENS, INK, strict=True)),
    ids=lambda each: each if isinstance(each, str) else each[0],
)
def test_a_model_is_chosen_and_shown_with_its_charts(
    desk: Desk, picture: Picture, screen: tuple[int, int], theme: str
) -> None:
    page = desk.page
    page.set_viewport_size({"width": screen[0], "height": screen[1]})
    if theme == "light":
        choose_light(desk)
    page.get_by_role("link", name="Models").click()
    desk.sees("Pneumonia in children, chest radiograph")
    desk.sees("The field “id” of model.toml holds nothing")
    expect(page.get_by_text("checking …")).to_have_count(0)
    assert not has_horizontal_scrollbar(page)
    picture("list")

    page.locator(f".st-key-open_{SHIPPED} button").click()
    expect(page).to_have_url(re.compile(rf"/models\?model={SHIPPED}$"))
    desk.sees("✓ Weights as written")
    for title in ("ROC curve: Pneumonia", "Precision and recall", "Calibration", "Scores", "Calls at", "Training"):
        chart = page.locator(".js-plotly-plot .gtitle", has_text=title)
        # The first chart brings the library that draws them all.
        expect(chart).to_be_visible(timeout=ANSWER_TIMEOUT_MS)
    # The theme of Streamlit leaves them pale in the light.
    cell = page.locator(".js-plotly-plot text.annotation-text", has_text=true_positives())
    expect(cell).to_have_css("fill", INK[theme])
    expect(page.locator(".js-plotly-plot .x2title").first).to_have_css("fill", QUIET[theme])
    assert not has_horizontal_scrollbar(page)
    picture("model")


def test_an_address_leads_to_the_model_and_the_way_back_to_the_list(desk: Desk) -> None:
    desk.open(f"/models?model={SHIPPED}")
    desk.sees("Must not be used for")
    desk.press("All models")
    desk.sees("Open one to see what it is for")
    expect(desk.page).to_have_url(re.compile(r"/models$"))
    desk.page.go_back()
    desk.sees("Must not be used for")
