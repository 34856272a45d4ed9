"""The harness, not the clock: no test here depends on how long anything takes."""

from __future__ import annotations

import json
import math
import types

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks.measure import Figure, interleaved, median_ratio, medians


@pytest.fixture
def made_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    def figures() -> list[Figure]:
        print("a library that talks")
        return [
            Figure("view_ms", 12.3456789, "file → view", target=150),
            Figure("start_s", 2.5, "start", target=2),
            Figure("cam_over_forward", 1.02, "CAM"),
            Figure("errors", math.nan, "not measured"),
        ]

    module = types.SimpleNamespace(figures=figures)
    monkeypatch.setattr(command, "BENCHMARKS", {"made": "Made up"})
    monkeypatch.setattr(command.importlib, "import_module", lambda name: {"tests.benchmarks.made": module}[name])


def test_candidates_take_turns_after_a_warm_up() -> None:
    calls: list[str] = []
    times = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repetitions=3, warm_up=1)
    assert "".join(calls) == "abbaabba"
    assert {name: len(values) for name, values in times.items()} == {"a": 3, "b": 3}


def test_medians_and_ratios_by_hand() -> None:
    times = {"a": [1.0, 8.0, 3.0], "b": [2.0, 2.0, 2.0]}
    assert medians(times) == {"a": 3.0, "b": 2.0}
    assert median_ratio(times, "a", "b") == 1.5  # of 0.5, 4, 1.5


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("start_s", "s"),
        ("view_2048_ms", "ms"),
        ("peak_mb", "MB"),
        ("cam_over_forward", "×"),
        ("ratio", "×"),
        ("wrong", ""),
    ],
)
def test_units_are_in_the_names(name: str, unit: str) -> None:
    assert Figure(name, 1.0, "").unit == unit


@pytest.mark.usefixtures("made_benchmark")
def test_json_is_one_object_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["made", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "view_ms": 12.3457,
        "start_s": 2.5,
        "cam_over_forward": 1.02,
        "errors": None,
    }


@pytest.mark.usefixtures("made_benchmark")
def test_the_table_has_units_and_targets(capsys: pytest.CaptureFixture[str]) -> None:
    command.main([])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Made up"
    assert lines[3].split() == ["view_ms", "12.3", "ms", "≤", "150", "ms", "met", "file", "→", "view"]
    assert lines[4].split() == ["start_s", "2.5", "s", "≤", "2", "s", "missed", "start"]


def test_figures_of_the_same_name_are_refused() -> None:
    with pytest.raises(ValueError, match="ratio"):
        command.as_object([Figure("ratio", 1, ""), Figure("ratio", 2, "")])


def test_every_benchmark_named_is_there() -> None:
    for name in command.BENCHMARKS:
        assert callable(command.importlib.import_module(f"tests.benchmarks.{name}").figures)


# Small sizes, once each: that everything runs and has its name, whatever the clock says.
def test_read_measures_what_it_promises() -> None:
    from tests.benchmarks import read

    figures = [
        *read.view(size=64, repetitions=1),
        *read.evidence(repetitions=1, warm_up=0),
        *read.first_slice(slices=3, size=32, repetitions=1),
    ]
    assert set(command.as_object(figures)) >= {
        "view_64_ms",
        "view_step_64_ms",
        "cam_all_labels_over_forward",
        "grad_cam_package_over_forward",
        "first_slice_3_ms",
        "simpleitk_whole_series_ms",
    }
    assert all(figure.value > 0 for figure in figures)


def test_evaluate_measures_what_it_promises() -> None:
    from tests.benchmarks import evaluate

    figures = evaluate.statistics(n=1000, repetitions=1)
    assert set(command.as_object(figures)) >= {
        "auroc_interval_1e3_s",
        "bootstrap_2000_1e3_s",
        "usual_bootstrap_2000_1e3_s",
        "bootstrap_over_usual",
    }
    assert all(figure.value > 0 for figure in figures)


def test_the_peer_of_evaluate_measures_the_same() -> None:
    from tests.benchmarks import evaluate

    one = evaluate.made_set(500)
    usual = evaluate.usual_metrics(one.truth, one.score)
    ours, _ = evaluate.bootstrap(one.cases)
    assert ours.of_labels[0]["auroc"].value == pytest.approx(usual[0])
    assert ours.of_labels[0]["brier"].value == pytest.approx(usual[-1])


def test_a_figure_may_have_to_reach_its_target() -> None:
    assert [Figure("ratio", value, "", at_least=3).is_met for value in (2.9, 3.0)] == [False, True]
    assert "≥ 3 ×  met" in command.as_table([Figure("ratio", 3.5, "", at_least=3)])


def test_a_labelled_set_is_measured_beside_the_usual_pipeline() -> None:
    from tests.benchmarks import labelled_set

    figures = [
        *labelled_set.pipeline(images=4, size=64, repetitions=1, warm_up=0),
        *labelled_set.memory(sizes=(4,)),
    ]
    assert set(command.as_object(figures)) == {
        "images_per_second",
        "usual_pipeline_images_per_second",
        "ratio",
        "second_run_images_per_second",
        "peak_memory_mb_4",
    }
    assert all(figure.value > 0 for figure in figures)


def test_the_first_page_of_a_bare_app_comes() -> None:
    from tests.benchmarks.first_page import BARE_APP, made_app_s

    assert made_app_s(BARE_APP) > 0


def test_a_page_that_fails_is_not_measured() -> None:
    from tests.benchmarks.first_page import made_app_s

    with pytest.raises(RuntimeError, match="division"):
        made_app_s("1 / 0")
