"""A run that is killed for good, and taken up again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch

from core.training.checkpoint import read_checkpoint
from core.training.config import TrainingConfig
from core.training.config_file import read_config, read_toml
from core.training.loop import fit
from core.training.preparation import prepare
from tests.core.training.films import labelled_folder

CHECKOUT = Path(__file__).resolve().parents[3]
TOML = """
architecture = "small_cnn"
absence = "clear"
threads = 1  # sums over several threads are not the same twice
working_size = [36, 36]
[input]
size = [32, 32]
channels = 1
mean = [0.5]
std = [0.5]
[split]
patient_pattern = '^(p\\d+)_'
validation_share = 0.2
test_share = 0.2
[schedule]
epochs = 5
epoch_images = 256
batch = 16
head_steps = 2
warm_up_steps = 2
patience = 9
selection = "plain"
"""


def configuration(folder: Path, *, work: str) -> TrainingConfig:
    values = read_toml(folder / "run.toml")
    return read_config({**values, "data": folder / "films", "out": folder / "weights" / "one", "work": folder / work})


def kill_in_epoch(number: int, folder: Path, *, work: str) -> None:
    """Train in another process, and kill it in the middle of an epoch."""
    config = configuration(folder, work=work)
    command = [sys.executable, "-m", "core", "train", config.data, "--config", folder / "run.toml"]
    process = subprocess.Popen(
        [*command, "--out", config.out, "--work", config.work_folder],
        cwd=CHECKOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if line.startswith(f"epoch {number}, step"):
                process.kill()
    assert process.returncode < 0, "".join(said)


def weights_of(config: TrainingConfig, told: list[str]) -> dict[str, torch.Tensor]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        material = prepare(config, progress=told.append).material
        return fit(config, material, progress=told.append).network.state_dict()
    finally:
        torch.set_num_threads(before)


def test_a_killed_run_ends_with_the_weights_of_one_that_was_left_alone(tmp_path: Path) -> None:
    labelled_folder(tmp_path / "films", patients=10)
    (tmp_path / "run.toml").write_text(TOML, encoding="utf-8")

    kill_in_epoch(2, tmp_path, work="killed")

    assert not (tmp_path / "weights").exists()
    (checkpoint,) = (tmp_path / "killed").glob("*.checkpoint")
    stored = read_checkpoint(checkpoint)
    assert stored is not None
    done = len(stored["epochs"])
    assert 1 <= done < 5

    told: list[str] = []
    resumed = weights_of(configuration(tmp_path, work="killed"), told)
    assert any(message.startswith(f"resumed after epoch {done};") for message in told)
    assert not any(message.startswith(f"epoch {done}:") for message in told)
    whole = weights_of(configuration(tmp_path, work="alone"), told)
    assert resumed.keys() == whole.keys()
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)
