"""Who is told how a run goes on, step by step: lines of text, or a bar on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TextIO


@dataclass(frozen=True, slots=True)
class Step:
    """One step of training: the `number`-th of `of` steps of an epoch, both counted from 1.

    `learning_rate` is that of the network's body; `minutes_left` is for the whole run, if it does not stop early.
    """

    epoch: int
    epochs: int
    number: int
    of: int
    loss: float
    learning_rate: float
    minutes_left: float

    @property
    def done(self) -> int:
        """Steps since the beginning of the run."""
        return (self.epoch - 1) * self.of + self.number


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch gave: training loss and AUROC on validation, as it is and under stress.

    `checking_seconds` of the `seconds` went into validation.
    """

    number: int
    loss: float
    plain: float
    stress_mean: float
    stress_worst: float
    seconds: float
    checking_seconds: float = 0.0

    def value(self, selection: str) -> float:
        """Return the figure by which the epoch is chosen."""
        if selection == "last":
            return float(self.number)
        return (self.stress_mean + self.stress_worst) / 2 if selection == "stress" else self.plain

    def describe(self, *, best: bool) -> str:
        """Say in a line what the epoch gave."""
        mark = " (best so far)" if best else ""
        return (
            f"epoch {self.number}: loss {self.loss:.4f}, validation AUROC {self.plain:.4f}, "
            f"under stress {self.stress_mean:.4f} (worst {self.stress_worst:.4f}), {self.seconds:.0f} s{mark}"
        )


class Watcher(Protocol):
    """Is told of every step and epoch."""

    def on_step(self, step: Step) -> None:
        """Take notice of a step."""

    def on_epoch(self, epoch: Epoch, *, best: bool) -> None:
        """Take notice of an epoch, and whether its weights are the best so far."""

    def close(self) -> None:
        """Let go of files and of the screen; nothing more will happen."""


class Lines:
    """Says in lines of text what happens: each quarter of an epoch, and what each epoch gave."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell

    def on_step(self, step: Step) -> None:
        """Say each quarter of an epoch how long the rest will take."""
        if step.number % max(1, step.of // 4) == 0:
            left = f"at most {step.minutes_left:.0f} min left"
            self.tell(f"epoch {step.epoch}, step {step.number} of {step.of}; {left}")

    def on_epoch(self, epoch: Epoch, *, best: bool) -> None:
        """Say what the epoch gave."""
        self.tell(epoch.describe(best=best))

    def close(self) -> None:
        """Do nothing."""


class ProgressBar:
    """Draws a bar for each epoch on a terminal, with the time that the run will still take.

    Parameters
    ----------
    stream : file
        The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._bar: Any = None

    def say(self, message: str) -> None:
        """Write a line above the bar."""
        from tqdm import tqdm

        tqdm.write(message, file=self.stream)

    def on_step(self, step: Step) -> None:
        """Move the bar on."""
        from tqdm import tqdm

        if self._bar is None:
            title, layout = f"epoch {step.epoch} of {step.epochs}", "{desc} |{bar}| {n_fmt}/{total_fmt}{postfix}"
            self._bar = tqdm(total=step.of, desc=title, file=self.stream, bar_format=layout, leave=False)
        self._bar.update(1)
        # The last one stays while validation is looked at.
        is_last = step.number == step.of
        self._bar.set_postfix_str(f"loss {step.loss:.3f}, at most {step.minutes_left:.0f} min left", refresh=is_last)

    def on_epoch(self, epoch: Epoch, *, best: bool) -> None:
        """Replace the bar by a line that says what the epoch gave."""
        self.close()
        self.say(epoch.describe(best=best))

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
