from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from core.domain import InputSpec, VoiFunction, WindowLevel
from core.errors import TrainingError
from core.training.command import PLACES, add_arguments, config_from
from core.training.config import ClassLabel, LabelTable, TrainingConfig
from core.training.config_file import read_config, read_toml

MINIMAL = {"data": "films", "out": "weights/one"}
TOML = """
title = "A title"
absence = "clear"
seed = 7
[[labels]]
name = "Opacity"
folder = "opaque"
title = "Opacity in the lung"
[input]
size = [64, 64]
[schedule]
epochs = 3
learning_rate = 1
[augmentation]
kept = [0.8, 1.0]
[[words.history]]
configuration = "larger"
result = "no better"
"""


def parsed(*arguments: str) -> TrainingConfig:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return config_from(parser.parse_args(arguments))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(TOML, encoding="utf-8")
    return path


def test_a_file_fills_the_configuration(file: Path) -> None:
    config = read_config({**read_toml(file), **MINIMAL})
    assert config.labels == (ClassLabel("Opacity", "opaque", title="Opacity in the lung"),)
    assert isinstance(config.input, InputSpec)
    assert (config.input.size, config.input.channels) == ((64, 64), 3)
    assert (config.schedule.epochs, config.schedule.learning_rate) == (3, 1.0)
    assert isinstance(config.schedule.learning_rate, float)
    assert config.augmentation.kept == (0.8, 1.0)
    assert config.words.history[0].result == "no better"
    assert config.data == Path("films")


def test_the_command_line_wins_over_the_file(file: Path) -> None:
    config = parsed("films", "--config", str(file), "--out", "weights/two", "--seed", "9", "--size", "32", "48")
    assert (config.seed, config.title, config.schedule.epochs) == (9, "A title", 3)
    assert config.input.size == (32, 48)
    assert config.out == Path("weights/two")


def test_a_table_can_be_named_on_the_command_line() -> None:
    options = [
        "--labels-csv",
        "l.csv",
        "--label-columns",
        "a",
        "b",
        "--split-column",
        "set",
        "--outputs",
        "independent",
    ]
    config = parsed("films", "--out", "weights/two", *options, "--enhance", "n4", "clahe")
    assert config.table == LabelTable(Path("l.csv"), labels=("a", "b"), split="set")
    assert config.outputs == "independent"
    assert config.input.enhance == ("n4", "clahe")


def test_a_window_and_a_single_channel_can_be_named_on_the_command_line() -> None:
    window = ["--intensity-range", "window", "--window-center", "-600", "--window-width", "1500"]
    config = parsed("films", "--out", "weights/two", *window, "--channels", "1", "--test-share", "0.3")
    assert config.input.window == WindowLevel(-600, 1500)
    assert (config.input.intensity_range, config.input.mean, config.input.std) == ("window", (0.5,), (0.5,))
    assert config.split.test_share == 0.3


def test_the_function_of_a_window_is_one_of_the_standard() -> None:
    window = {"center": 40, "width": 80, "function": "SIGMOID"}
    assert read_config({**MINIMAL, "input": {"window": window}}).input.window == WindowLevel(
        40, 80, VoiFunction.SIGMOID
    )
    with pytest.raises(TrainingError, match="accepted are LINEAR, LINEAR_EXACT, SIGMOID"):
        read_config({**MINIMAL, "input": {"window": {**window, "function": "CUBIC"}}})


def test_every_option_has_its_place_in_the_configuration() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = set(vars(parser.parse_args(["films"]))) - {"config"}
    assert options == set(PLACES)


def test_the_id_is_the_name_of_the_folder() -> None:
    config = read_config(MINIMAL)
    assert config.id == "one"
    assert config.work_folder == Path(".training/one")


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"data": "films"}, "lacks “out”"),
        ({**MINIMAL, "epochs": 3}, "unknown name “epochs”"),
        ({**MINIMAL, "seed": "one"}, "“seed” is “one”; expected is a whole number"),
        ({**MINIMAL, "seed": True}, "whole number"),
        ({**MINIMAL, "input": {"resize": "stretch"}}, "accepted are pad, squash"),
        ({**MINIMAL, "input": {"size": [64]}}, "is to have 2 values and has 1"),
        ({**MINIMAL, "table": {"path": "image"}}, "“table” lacks “file”"),
        ({**MINIMAL, "input": {"enhance": ["sharpen"]}}, "accepted are clahe, median"),
        ({**MINIMAL, "labels": "Opacity"}, "“labels” is to be a list"),
        ({**MINIMAL, "labels": [{"code": "x"}]}, "lacks “name”"),
        ({**MINIMAL, "schedule": 3}, "is to be a table"),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, object], what: str) -> None:
    with pytest.raises(TrainingError, match=what) as caught:
        read_config(values)
    assert caught.value.code == "bad-configuration"


def test_a_file_that_is_missing_or_no_toml_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as missing:
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("seed = = 1", encoding="utf-8")
    with pytest.raises(TrainingError) as bad:
        read_toml(tmp_path / "bad.toml")
    assert (missing.value.code, bad.value.code) == ("no-configuration", "bad-configuration")


def test_listing_the_options_loads_no_torch() -> None:
    import subprocess
    import sys

    code = (
        "import argparse, sys; from core.training.command import add_arguments; "
        "add_arguments(argparse.ArgumentParser()); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
