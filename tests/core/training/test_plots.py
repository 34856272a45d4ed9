"""The charts in a model folder: there, small, and of what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from core.domain import ModelSpec
from core.evaluation import label_curves
from core.models.evidence import Evidence
from core.training.plots import draw_plots, write_plots
from tests.made_evidence import evidence_for, tumour_spec
from tests.made_models import CHEST_SPEC


@pytest.mark.parametrize("spec", [CHEST_SPEC, tumour_spec()], ids=lambda spec: spec.id)
def test_charts_are_written_and_small(spec: ModelSpec, tmp_path: Path) -> None:
    write_plots(tmp_path, spec, evidence_for(spec))
    files = {path.name: path for path in (tmp_path / "plots").iterdir()}
    assert set(files) == {"roc.png", "calibration.png", "curves.png"}
    for path in files.values():
        assert path.stat().st_size < 60_000
        assert Image.open(path).size == (600, 460)


def test_the_lines_are_those_of_the_evidence() -> None:
    evidence = evidence_for(CHEST_SPEC)
    axes = draw_plots(CHEST_SPEC, evidence)["roc.png"].axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    for curves in evidence.labels:
        assert tuple(lines[curves.name].get_xdata()) == curves.roc.false_positive_rate
        assert tuple(lines[curves.name].get_ydata()) == curves.roc.sensitivity


def test_what_is_not_known_is_not_drawn(tmp_path: Path) -> None:
    healthy = tuple(label_curves(label.name, [0, 0], [0.2, 0.3]) for label in CHEST_SPEC.labels)
    evidence = Evidence("0" * 64, "2 images", healthy)
    write_plots(tmp_path, CHEST_SPEC, evidence)
    assert not (tmp_path / "plots" / "curves.png").exists()
    assert len(draw_plots(CHEST_SPEC, evidence)["roc.png"].axes[0].get_lines()) == 1


def test_a_chart_of_a_former_training_does_not_stay(tmp_path: Path) -> None:
    evidence = evidence_for(CHEST_SPEC)
    write_plots(tmp_path, CHEST_SPEC, evidence)
    write_plots(tmp_path, CHEST_SPEC, replace(evidence, learning=None))
    assert not (tmp_path / "plots" / "curves.png").exists()
