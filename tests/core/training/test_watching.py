from __future__ import annotations

import io
import sys

import pytest

from core.training import command
from core.training.watching import Epoch, Lines, ProgressBar, Step, Watcher
from tests.core.training.materials import CONFIG

EPOCH = Epoch(2, 0.51234, plain=0.99, stress_mean=0.9, stress_worst=0.8, seconds=61.4)


def step(number: int, *, of: int = 8) -> Step:
    return Step(epoch=2, epochs=3, number=number, of=of, loss=0.25, learning_rate=1e-3, minutes_left=4.4)


def test_steps_are_counted_over_the_whole_run() -> None:
    assert step(3).done == 11


def test_the_epoch_is_chosen_by_what_was_asked_for() -> None:
    assert EPOCH.value("plain") == 0.99
    assert EPOCH.value("stress") == pytest.approx(0.85)


def test_lines_are_written_each_quarter_and_for_every_epoch() -> None:
    told: list[str] = []
    lines = Lines(told.append)
    for number in range(1, 9):
        lines.on_step(step(number))
    lines.on_epoch(EPOCH, best=True)
    assert told == [
        "epoch 2, step 2 of 8; at most 4 min left",
        "epoch 2, step 4 of 8; at most 4 min left",
        "epoch 2, step 6 of 8; at most 4 min left",
        "epoch 2, step 8 of 8; at most 4 min left",
        "epoch 2: loss 0.5123, validation AUROC 0.9900, under stress 0.9000 (worst 0.8000), 61 s (best so far)",
    ]


def test_a_bar_shows_how_far_and_how_long_and_leaves_a_line() -> None:
    screen = io.StringIO()
    bar = ProgressBar(screen)
    bar.say("reading")
    for number in range(1, 3):
        bar.on_step(step(number, of=2))
    drawn = screen.getvalue().replace("\r", "\n")
    assert "epoch 2 of 3 |" in drawn
    bar.on_epoch(EPOCH, best=False)
    bar.on_step(step(1))
    bar.close()
    written = screen.getvalue()
    assert written.startswith("reading\n")
    assert "loss 0.250, at most 4 min left" in written
    assert EPOCH.describe(best=False) + "\n" in written


class Screen(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_the_command_draws_a_bar_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> None:
    given: dict[str, object] = {}

    def train(_config: object, **options: object) -> str:
        given.update(options)
        return "weights/x"

    monkeypatch.setattr("core.training.run.train", train)
    monkeypatch.setattr(command, "config_from", lambda _options: CONFIG)
    monkeypatch.setattr(sys, "stderr", Screen(terminal=terminal))
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert command.run(command.argparse.Namespace()) == 0
    watchers: list[Watcher] = given.get("watchers") or []  # type: ignore[assignment]
    assert [type(one) for one in watchers] == ([ProgressBar] if terminal else [])
    given["progress"]("a message")  # type: ignore[operator]
    assert sys.stderr.getvalue() == "a message\n"
    assert sys.stdout.getvalue() == "weights/x\n"
