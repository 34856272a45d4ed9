"""What TensorBoard itself reads from the log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from core.training.tensorboard_log import TensorBoardLog
from core.training.watching import Epoch, Step

STEPS = 3


def sheet(folder: Path) -> Path:
    path = folder / "sheet.png"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)
    return path


def steps_of(log: TensorBoardLog, epoch: int, *, until: int = STEPS, loss: float = 0.5) -> None:
    for number in range(1, until + 1):
        log.on_step(Step(epoch, 4, number, STEPS, loss / number, 1e-3 * epoch, 1.0))


def epoch_of(log: TensorBoardLog, epoch: int) -> None:
    log.on_epoch(Epoch(epoch, 0.4 / epoch, 0.9 + epoch / 100, 0.8, 0.7, 10.0), best=True)


def read(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder)).Reload()


def test_losses_rates_aurocs_and_pictures_are_there(tmp_path: Path) -> None:
    log = TensorBoardLog(tmp_path / "log", examples=sheet(tmp_path))
    for epoch in (1, 2):
        steps_of(log, epoch)
        epoch_of(log, epoch)
    log.close()
    found = read(tmp_path / "log")
    assert [event.step for event in found.Scalars("training/loss")] == [1, 2, 3, 4, 5, 6]
    assert [event.value for event in found.Scalars("training/loss")][:3] == pytest.approx([0.5, 0.25, 0.5 / 3])
    assert [event.value for event in found.Scalars("training/learning rate")][::3] == pytest.approx([1e-3, 2e-3])
    plain = found.Scalars("validation AUROC/as it is")
    assert [(event.step, event.value) for event in plain] == [(3, pytest.approx(0.91)), (6, pytest.approx(0.92))]
    assert {"validation AUROC/under stress, mean", "validation AUROC/worst"} <= set(found.Tags()["scalars"])
    (picture,) = found.Images("augmentation")
    assert (picture.width, picture.height) == (8, 8)


def test_what_a_killed_run_wrote_after_its_last_epoch_is_struck_out(tmp_path: Path) -> None:
    killed = TensorBoardLog(tmp_path / "log", examples=sheet(tmp_path))
    steps_of(killed, 1)
    epoch_of(killed, 1)
    steps_of(killed, 2, until=2, loss=99.0)
    killed.close()
    resumed = TensorBoardLog(tmp_path / "log", examples=sheet(tmp_path))
    steps_of(resumed, 2)
    epoch_of(resumed, 2)
    resumed.close()
    losses = read(tmp_path / "log").Scalars("training/loss")
    assert [event.step for event in losses] == [1, 2, 3, 4, 5, 6]
    assert max(event.value for event in losses) == pytest.approx(0.5)


def test_nothing_is_written_where_nothing_is_trained(tmp_path: Path) -> None:
    TensorBoardLog(tmp_path / "log", examples=sheet(tmp_path)).close()
    assert not (tmp_path / "log").exists()
