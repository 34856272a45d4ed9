"""Charts: what is drawn is what was measured, and nothing is said by colour alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from core.domain import Estimate
from core.evaluation import ConfusionMatrix, label_curves
from core.models.evidence import EpochPoint, LearningCurves
from core.models.label_looks import NEUTRAL, label_looks
from core.reports import plots
from core.reports.plots import DrawnLabel
from tests.made_evidence import LEARNING, evidence_for, tumour_spec
from tests.made_models import CHEST_SPEC

BRAIN = tumour_spec()
AREA = Estimate(0.9916, 0.9863, 0.9969)


@pytest.fixture(scope="module")
def drawn() -> tuple[DrawnLabel, ...]:
    return plots.drawn_labels(BRAIN.labels, evidence_for(BRAIN).labels, {"glioma": AREA})


@pytest.fixture(scope="module")
def chest() -> DrawnLabel:
    return plots.drawn_labels(CHEST_SPEC.labels, evidence_for(CHEST_SPEC).labels)[0]


def every_figure(drawn: tuple[DrawnLabel, ...]) -> list[go.Figure]:
    return [
        plots.roc_figure(drawn, chosen="glioma"),
        plots.precision_recall_figure(drawn, chosen="glioma"),
        plots.reliability_figure(drawn[0]),
        plots.score_histogram_figure(drawn[0]),
        plots.confusion_figure(ConfusionMatrix(("a", "b"), ((1, 2), (0, 0))), title="Calls"),
        plots.learning_figure(LEARNING),
    ]


def trace(figure: go.Figure, name: str) -> go.Scatter:
    return next(each for each in figure.data if each.name == name)


def test_every_chart_has_a_title_and_every_axis_a_name(drawn: tuple[DrawnLabel, ...]) -> None:
    for figure in every_figure(drawn):
        assert figure.layout.title.text
        axes = [figure.layout[name] for name in figure.layout if name.startswith(("xaxis", "yaxis"))]
        named = [axis for axis in axes if axis.title.text]
        # Where two parts share their horizontal axis, it is named once.
        assert len(named) >= len(axes) - 1


def test_every_chart_leaves_ground_and_letters_to_the_page(drawn: tuple[DrawnLabel, ...]) -> None:
    for figure in every_figure(drawn):
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
        assert figure.layout.font.color is None


class TestRoc:
    def test_the_title_says_the_area_with_its_interval(self, drawn: tuple[DrawnLabel, ...]) -> None:
        figure = plots.roc_figure(drawn, chosen="glioma")
        assert figure.layout.title.text == "ROC curve: Glioma, AUROC 0.992 (0.986–0.997)"

    def test_a_label_has_the_same_colour_on_every_chart(self, drawn: tuple[DrawnLabel, ...]) -> None:
        looks = label_looks(BRAIN.labels)
        for one in drawn:
            colour = looks[one.label.name].colour
            for make in (plots.roc_figure, plots.precision_recall_figure):
                assert trace(make(drawn, chosen="glioma"), one.title).line.color == colour
            assert plots.reliability_figure(one).data[1].marker.color == colour
            assert plots.score_histogram_figure(one).data[1].marker.color == colour

    def test_the_operating_point_lies_where_it_called_these_cases(self, chest: DrawnLabel) -> None:
        figure = plots.roc_figure([chest], chosen="Pneumonia")
        mark, calls = trace(figure, "set for 95 % sensitivity (default)"), chest.curves.calls["sensitive"]
        assert mark.x == (1 - calls.specificity.value,)
        assert mark.y == (calls.sensitivity.value,)
        assert mark.marker.symbol == "diamond"
        # It lies on the curve.
        curve = trace(figure, "Pneumonia")
        assert np.interp(mark.x[0], curve.x, curve.y) == pytest.approx(mark.y[0], abs=0.05)

    def test_points_that_are_not_the_default_are_hollow(self, chest: DrawnLabel) -> None:
        other = replace(chest, label=replace(chest.label, default_operating_point=""))
        figure = plots.roc_figure([other], chosen="Pneumonia")
        assert trace(figure, "set for 95 % sensitivity").marker.symbol == "diamond-open"

    def test_the_band_goes_there_and_back(self, chest: DrawnLabel) -> None:
        band = trace(plots.roc_figure([chest], chosen="Pneumonia"), "95 % band")
        roc = chest.curves.roc
        assert band.y == (*roc.high, *reversed(roc.low))
        assert band.x == (*roc.false_positive_rate, *reversed(roc.false_positive_rate))

    def test_of_many_labels_the_legend_names_the_chosen_one(self) -> None:
        spec = replace(CHEST_SPEC, labels=tuple(replace(CHEST_SPEC.labels[0], name=f"f{n}") for n in range(9)))
        figure = plots.roc_figure(plots.drawn_labels(spec.labels, evidence_for(spec).labels), chosen="f3")
        assert [each.name for each in figure.data if each.showlegend and each.mode == "lines"] == ["F3"]

    def test_an_undefined_curve_says_why(self, chest: DrawnLabel) -> None:
        nobody = replace(chest, curves=label_curves("Pneumonia", [0, 0], [0.1, 0.2]))
        for figure in (
            plots.roc_figure([nobody], chosen="Pneumonia"),
            plots.precision_recall_figure([nobody], chosen="Pneumonia"),
        ):
            assert figure.layout.annotations[0].text == "Undefined: no case with the finding"


class TestCalibration:
    def test_shares_and_intervals_are_those_of_the_bins(self, chest: DrawnLabel) -> None:
        bins = chest.curves.reliability.bins
        observed, cases = plots.reliability_figure(chest).data[1:]
        assert observed.y == tuple(one.observed.value for one in bins)
        ends = np.array(observed.y) + observed.error_y.array
        assert ends == pytest.approx([one.observed.high for one in bins])
        assert np.array(observed.y) - observed.error_y.arrayminus == pytest.approx([one.observed.low for one in bins])
        assert cases.y == tuple(one.count for one in bins)

    def test_the_larger_bins_have_the_larger_marks(self, chest: DrawnLabel) -> None:
        counts = [one.count for one in chest.curves.reliability.bins]
        sizes = plots.reliability_figure(chest).data[1].marker.size
        assert np.argsort(sizes, kind="stable").tolist() == np.argsort(counts, kind="stable").tolist()

    def test_the_histogram_tells_both_kinds_apart_without_colour(self, chest: DrawnLabel) -> None:
        without, with_finding = plots.score_histogram_figure(chest).data
        assert (sum(without.y), sum(with_finding.y)) == (chest.curves.negatives, chest.curves.positives)
        assert without.marker.color == NEUTRAL
        assert without.marker.pattern.shape != with_finding.marker.pattern.shape

    def test_the_threshold_is_marked_and_written(self, chest: DrawnLabel) -> None:
        figure = plots.score_histogram_figure(chest)
        assert figure.layout.shapes[0].x0 == 0.41
        assert figure.layout.annotations[0].text == "called from 0.41"

    def test_without_an_operating_point_nothing_is_marked(self) -> None:
        effusion = plots.drawn_labels(CHEST_SPEC.labels, evidence_for(CHEST_SPEC).labels)[1]
        assert not plots.score_histogram_figure(effusion).layout.shapes


class TestConfusion:
    def test_cells_say_count_and_share_of_the_row(self) -> None:
        matrix = ConfusionMatrix(("a", "b"), ((3, 1), (0, 0)))
        figure = plots.confusion_figure(matrix, title="Calls")
        words = {(note.y, note.x): note.text for note in figure.layout.annotations}
        assert words["A", "A"] == "<b>3</b><br>75.0%"
        assert words["A", "B"] == "<b>1</b><br>25.0%"
        # Of no case there is no share, and no division by nothing.
        assert words["B", "B"] == "<b>0</b><br>0.0%"

    def test_the_calls_of_an_operating_point_become_a_matrix(self, chest: DrawnLabel) -> None:
        calls = chest.curves.calls["sensitive"]
        matrix = plots.calls_as_matrix(chest)
        assert matrix is not None
        assert matrix.names == ("no pneumonia", "pneumonia")
        assert matrix.counts[1] == (calls.false_negatives, calls.true_positives)

    def test_without_an_operating_point_there_are_no_calls(self) -> None:
        effusion = plots.drawn_labels(CHEST_SPEC.labels, evidence_for(CHEST_SPEC).labels)[1]
        assert plots.calls_as_matrix(effusion) is None


class TestLearning:
    def test_the_epoch_that_was_kept_is_marked(self) -> None:
        figure = plots.learning_figure(LEARNING)
        assert figure.layout.title.text == "Training: epoch 2 of 3 was kept"
        assert {shape.x0 for shape in figure.layout.shapes} == {2}
        assert trace(figure, "loss in training").y == (0.5, 0.4, 0.35)

    def test_what_was_not_tried_is_not_drawn(self) -> None:
        figure = plots.learning_figure(LearningCurves((EpochPoint(1, 0.5, 0.8),), kept=1))
        assert {each.name for each in figure.data} == {"validation", "loss in training"}
