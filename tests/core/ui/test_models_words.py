"""What is said of a model, in words and tables."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from core.domain import Estimate, IntendedUse
from core.models.metrics import metrics_by_label
from core.ui.models_view import card_sections
from core.ui.models_words import (
    ages_in_words,
    auroc_in_words,
    labels_in_words,
    metrics_html,
    network_in_words,
    operating_points_html,
    origins_html,
    size_in_words,
    table_html,
    use_in_words,
    weights_state_html,
)
from tests.made_evidence import evidence_for, tumour_spec
from tests.made_models import CHEST_SPEC, write_chest_model

AREA = Estimate(0.9916, 0.9863, 0.9969)
SINGLE = replace(CHEST_SPEC, labels=CHEST_SPEC.labels[:1], metrics={"auroc": AREA, "accuracy": Estimate(0.9, 0.8, 1.0)})


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(1, 5, "1 to 5 years"), (18, None, "18 years or older"), (None, 5, "up to 5 years"), (None, None, "any age")],
)
def test_ages_are_said_in_words(low: float | None, high: float | None, words: str) -> None:
    assert ages_in_words(IntendedUse("", "", min_age_years=low, max_age_years=high)) == words


def test_the_use_is_said_in_words() -> None:
    assert use_in_words(CHEST_SPEC.intended_use) == "Radiographs (CR, DX) of the chest, 1 to 5 years"


def test_many_labels_are_counted() -> None:
    many = replace(CHEST_SPEC, labels=tuple(replace(CHEST_SPEC.labels[0], name=f"f{n}") for n in range(18)))
    assert labels_in_words(many) == "F0, F1, F2, F3 and 14 more"
    assert labels_in_words(CHEST_SPEC) == "Pneumonia, Effusion"


def test_a_size_is_in_millions_of_bytes() -> None:
    assert size_in_words(9_066_876) == "9.1 MB"


def test_networks_that_answer_together_are_counted() -> None:
    assert network_in_words(CHEST_SPEC) == CHEST_SPEC.architecture
    assert network_in_words(replace(CHEST_SPEC, members=4)) == f"4 × {CHEST_SPEC.architecture}"


class TestFigures:
    def test_a_single_label_has_an_interval(self) -> None:
        assert auroc_in_words(SINGLE) == "0.992 (0.986–0.997)"

    def test_several_labels_have_a_range(self) -> None:
        spec = replace(tumour_spec(), metrics={"glioma: auroc": AREA, "pituitary: auroc": Estimate(0.9, 0.8, 1.0)})
        assert auroc_in_words(spec) == "0.900 to 0.992 over 2 labels"

    def test_what_was_not_measured_is_said(self) -> None:
        assert auroc_in_words(replace(CHEST_SPEC, metrics={})) == "not measured"
        undefined = Estimate(math.nan, math.nan, math.nan, "no case")
        assert auroc_in_words(replace(SINGLE, metrics={"auroc": undefined})) == "not measured"

    def test_figures_of_all_labels_together_have_a_row_of_their_own(self) -> None:
        spec = replace(tumour_spec(), metrics={"accuracy": AREA, "glioma: auroc": AREA, "no tumour: auroc": AREA})
        assert {name: list(own) for name, own in metrics_by_label(spec).items()} == {
            "": ["accuracy"],
            "glioma": ["auroc"],
            "no tumour": ["auroc"],
        }
        html = metrics_html(spec)
        assert '<th scope="row">All labels together</th><td>0.992 (0.986–0.997)</td></tr>' in html
        assert '<th scope="row">No tumour</th><td>0.992 (0.986–0.997)</td></tr>' in html

    def test_the_mean_of_the_labels_stands_for_them_in_the_list(self) -> None:
        spec = replace(tumour_spec(), metrics={"macro_auroc": AREA, "glioma: auroc": AREA, "pituitary: auroc": AREA})
        assert auroc_in_words(spec) == f"0.992 (0.986–0.997), mean of {len(spec.labels)} labels"

    def test_figures_among_the_findings_have_a_row_too(self) -> None:
        spec = replace(tumour_spec(), metrics={"accuracy": AREA, "findings: accuracy": Estimate(0.9, 0.8, 1.0)})
        assert '<th scope="row">Only images with a finding</th><td>0.900 (0.800–1.000)</td></tr>' in metrics_html(spec)

    def test_an_undefined_figure_says_why(self) -> None:
        undefined = Estimate(math.nan, math.nan, math.nan, "no case with the finding")
        assert "undefined: no case with the finding" in metrics_html(replace(SINGLE, metrics={"auroc": undefined}))

    def test_a_figure_of_no_known_name_is_shown_too(self) -> None:
        assert '<th scope="col">readers\' choice</th>'.replace("'", "&#x27;") in metrics_html(
            replace(SINGLE, metrics={"readers' choice": AREA})
        )

    def test_without_figures_there_is_no_table(self) -> None:
        assert metrics_html(replace(CHEST_SPEC, metrics={})) == ""


class TestOperatingPoints:
    def test_the_test_part_stands_beside_where_it_was_set(self) -> None:
        point = replace(CHEST_SPEC.labels[0].operating_points[0], sensitivity=AREA, specificity=AREA)
        spec = replace(SINGLE, labels=(replace(SINGLE.labels[0], operating_points=(point,)),))
        evidence = evidence_for(spec)
        html = operating_points_html(spec, evidence)
        measured = evidence.labels[0].calls["sensitive"].sensitivity
        assert "95 % sensitivity (default)" in html
        assert "Sensitivity where it was set" in html
        assert f"{measured.value:.3f} ({measured.low:.3f}–{measured.high:.3f})" in html

    def test_what_nobody_measured_has_no_column(self) -> None:
        html = operating_points_html(SINGLE, None)
        assert "0.410" in html
        assert "Sensitivity" not in html

    def test_every_point_says_where_it_comes_from(self) -> None:
        row = '<th scope="row">Pneumonia</th><td>95 % sensitivity</td><td>Set on 521 made-up images</td>'
        assert row in origins_html(SINGLE.labels)

    def test_without_operating_points_there_is_no_table(self) -> None:
        none = replace(SINGLE, labels=(replace(SINGLE.labels[0], operating_points=(), default_operating_point=""),))
        assert operating_points_html(none, None) == ""
        assert origins_html(none.labels) == ""


class TestWeights:
    @pytest.fixture(autouse=True)
    def root(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("LIGHTBOX_WEIGHTS", str(tmp_path))
        return tmp_path

    def test_as_written(self, root: Path) -> None:
        assert "✓ Weights as written" in weights_state_html(write_chest_model(root))

    def test_changed(self, root: Path) -> None:
        spec = write_chest_model(root)
        with (root / spec.id / "model.safetensors").open("ab") as file:
            file.write(b"!")
        assert "⚠ Weights not as written" in weights_state_html(spec)

    def test_gone(self, root: Path) -> None:
        assert "cannot be read" in weights_state_html(CHEST_SPEC)


def test_nothing_of_a_table_is_taken_for_html() -> None:
    assert "<b>" not in table_html(["<b>"], [["<b>", "<b>"]])


class TestCard:
    def test_it_is_divided_at_its_headings(self) -> None:
        card = "# Title\n\nHead.\n\n## Data\n\nOne.\n\n### Part\n\nTwo.\n\n## Empty\n\n## Known failures\n\n- Three.\n"
        assert card_sections(card) == {"Data": "One.\n\n### Part\n\nTwo.", "Known failures": "- Three."}

    def test_a_picture_in_it_is_not_fetched(self) -> None:
        assert card_sections("## Data\n\n![here](https://example.org/x.png)\n")["Data"].startswith("[here]")

    def test_a_card_without_sections_has_none(self) -> None:
        assert card_sections("# Title\n") == {}
