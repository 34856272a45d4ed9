"""The page of models as Streamlit runs it, without a browser."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.models.evidence import write_evidence
from core.models.spec import EVIDENCE_FILE
from tests.conftest import CHECKOUT
from tests.made_evidence import evidence_for, metrics_for, tumour_spec
from tests.made_models import CHEST_SPEC, MODEL_ID, write_chest_model

PAGE = CHECKOUT / "pages" / "models.py"
TIMEOUT_S = 120
CARD = """\
# Made-up brain model

## Intended use

Told above.

## Data

400 made-up images, divided by patient.

## Known failures

- Everything real.

## History

One try.
"""


@pytest.fixture
def measured_weights(made_weights: Path) -> Path:
    """Return a folder with a chest model of which nothing was measured and a brain model with evidence."""
    spec = replace(tumour_spec(), metrics=metrics_for(tumour_spec()))
    written = write_chest_model(made_weights, spec)
    folder = made_weights / spec.id
    write_evidence(folder, evidence_for(written))
    (folder / "card.md").write_text(CARD)
    return made_weights


def opened(model: str | None = None) -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=TIMEOUT_S)
    if model is not None:
        page.query_params["model"] = model
    return page.run()


def words(page: AppTest) -> str:
    html = "\n".join(element.proto.body for element in page.get("html"))
    return unescape(re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", html)))


def charts(page: AppTest) -> list[str]:
    return [json.loads(element.proto.spec)["layout"]["title"]["text"] for element in page.get("plotly_chart")]


def test_every_model_is_listed_with_what_matters(measured_weights: Path) -> None:
    page = opened()
    assert not page.exception
    said = words(page)
    for part in (
        "Made-up brain model",
        "made-brain, version 0.0.1",
        "MR images of the head, any age",
        "Glioma, Meningioma, Pituitary, No tumour",
        "over 4 labels",
        "shufflenet_v2_x0_5, 1.4 MB",
        "Made-up chest model",
        "not measured",
    ):
        assert part in said
    assert said.count("✓ Weights as written") == 2


def test_a_model_is_opened_and_left_again(measured_weights: Path) -> None:
    page = opened()
    page.button(key="open_made-brain").click().run()
    assert page.query_params["model"] in ("made-brain", ["made-brain"])
    assert page.title[0].value == "Made-up brain model"
    page.button(key="all_models").click().run()
    assert "model" not in page.query_params
    assert page.title[0].value == "Models"


def test_a_model_is_found_by_its_address_with_everything_about_it(measured_weights: Path) -> None:
    page = opened("made-brain")
    assert not page.exception
    said = words(page)
    for part in ("Must not be used for", "Patients.", "✓ Weights as written", "SHA-256", "0.400"):
        assert part in said
    assert "Measured on 400 made-up images" in page.caption[1].value
    assert [header.value for header in page.header] == [
        "How good it is",
        "Operating points",
        "Data",
        "Known failures",
        "More from the card",
    ]
    assert [expander.label for expander in page.expander] == ["Where they come from", "History"]
    assert any("Everything real" in element.value for element in page.markdown)
    assert not any("Told above" in element.value for element in page.markdown)


def test_the_charts_are_those_of_the_chosen_label(measured_weights: Path) -> None:
    page = opened("made-brain")
    titles = charts(page)
    assert len(titles) == 6
    assert titles[0].startswith("ROC curve: Glioma, AUROC 0.")
    page.selectbox(key="charts_label").select("pituitary").run()
    assert not page.exception
    assert charts(page)[0].startswith("ROC curve: Pituitary, AUROC 0.")
    assert charts(page)[4:] == ["Calls by the highest score", "Training: epoch 2 of 3 was kept"]


def test_of_a_model_without_evidence_it_is_said_what_is_not_known(made_weights: Path) -> None:
    write_chest_model(made_weights, replace(CHEST_SPEC, metrics={}))
    page = opened(MODEL_ID)
    assert not page.exception
    assert not charts(page)
    assert "Nothing was measured here, and no figure came with the model." in words(page)
    assert "is not known" in words(page)


def test_without_operating_points_nothing_is_called(made_weights: Path) -> None:
    labels = tuple(replace(label, operating_points=(), default_operating_point="") for label in CHEST_SPEC.labels)
    write_chest_model(made_weights, replace(CHEST_SPEC, labels=labels))
    assert any("calls nothing positive or negative" in element.value for element in opened(MODEL_ID).text)


def test_damaged_evidence_is_named_and_stops_nothing(measured_weights: Path) -> None:
    (measured_weights / "made-brain" / EVIDENCE_FILE).write_text("{")
    page = opened("made-brain")
    assert not page.exception
    assert "evidence.json is damaged" in words(page)
    assert any(header.value == "Known failures" for header in page.header)


def test_a_damaged_model_is_named_with_the_reason_and_stops_nothing(measured_weights: Path) -> None:
    shutil.copytree(measured_weights / "made-brain", measured_weights / "broken")
    (measured_weights / "broken" / "model.safetensors").unlink()
    page = opened()
    assert not page.exception
    said = words(page)
    assert "This model cannot be used The model folder is incomplete: model.safetensors is missing." in said
    # Sound ones come first.
    assert said.index("broken") > said.index("Made-up chest model")
    page = opened("broken")
    assert page.title[0].value == "broken"
    assert "model.safetensors is missing" in words(page)


def test_changed_weights_are_told(measured_weights: Path) -> None:
    with (measured_weights / "made-brain" / "model.safetensors").open("ab") as file:
        file.write(b"!")
    for page in (opened(), opened("made-brain")):
        assert "⚠ Weights not as written" in words(page)


def test_an_address_of_no_model_says_so_and_leads_back(measured_weights: Path) -> None:
    page = opened("<script>alert(1)</script>")
    assert "There is no model of that name here" in page.error[0].value
    page.button(key="all_models").click().run()
    assert page.title[0].value == "Models"


def test_without_any_model_it_is_said_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTBOX_WEIGHTS", str(tmp_path / "none"))
    page = opened()
    assert not page.exception
    assert page.subheader[0].value == "No model on this desk"
    assert "python -m core train" in page.markdown[0].value


def test_a_server_that_others_can_reach_shows_the_reason_and_nothing_else(
    made_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamlit.get_option", {"server.address": "0.0.0.0"}.get)
    page = opened()
    assert "others can reach it" in page.error[0].value
    assert not page.title
    assert not page.get("html")
