"""Two processes on the CPU that train one network together, against one that does it alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import TrainingError
from core.training.distributed import ALONE, Team, require_equal_shares, team_of_environment
from core.training.loop import Run
from tests.core.training.two_processes import FILMS, configuration, gradients

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what each of two processes found."""
    folder = tmp_path_factory.mktemp("two")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ended = subprocess.run(
        [*torchrun, "-m", "tests.core.training.two_processes", folder],
        cwd=CHECKOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    first, second = (torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    first["checkpoints"] = len(list((folder / "work").glob("*.checkpoint")))
    return first, second


def test_the_mean_of_their_gradients_is_that_of_one_process_with_the_whole_batch(
    both: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    alone = gradients(Run(configuration(tmp_path), FILMS))
    first, second = (one["gradients"] for one in both)
    assert torch.equal(first, second)
    assert float(alone.norm()) > 0.1
    torch.testing.assert_close(first, alone, rtol=1e-4, atol=1e-5 * float(alone.norm()))


def test_they_end_with_the_same_weights_and_figures(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    first, second = both
    assert len(first["epochs"]) == 2
    assert first["epochs"] == second["epochs"]
    assert all(torch.equal(value, second["weights"][key]) for key, value in first["weights"].items())


def test_the_first_loss_is_that_of_one_process(both: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path) -> None:
    # Before the first step all weights are the same; two later ones make one expect small differences only.
    alone = Run(configuration(tmp_path), FILMS).one_epoch()
    assert both[0]["epochs"][0][0] == pytest.approx(alone.loss, rel=0.02)


def test_one_leads(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    first, second = both
    assert (first["filled"], second["filled"]) == (True, False)
    assert first["agreed"] == second["agreed"] == "said by 0"
    assert first["checkpoints"] == 1
    assert first["told"][0] == "computed on the CPU by 2 processes in float32 (as configured)"
    assert any(line.startswith("epoch 2: loss") for line in first["told"])
    assert not any(line.startswith("epoch") for line in second["told"])


def test_shares_are_put_together_in_order(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert both[0]["gathered"] == both[1]["gathered"] == [[n] for n in range(7)]


def test_alone_there_is_nothing_to_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with team_of_environment("cpu") as team:
        assert team is ALONE
        assert team.leads
        values = np.arange(5)
        assert team.gather(team.share(values)).tolist() == values.tolist()
        assert team.agree("x") == "x"
        network = torch.nn.Linear(1, 1)
        assert team.together(network) is network


def test_a_share_is_every_nth_picture() -> None:
    assert Team(rank=1, size=3).share(np.arange(8)).tolist() == [1, 4, 7]
    assert not Team(rank=1, size=3).leads


@pytest.mark.parametrize(("batch", "watched", "what"), [(9, 10, "multiple of 2"), (8, 1, "fewer processes")])
def test_work_that_cannot_be_shared_is_an_error(batch: int, watched: int, what: str) -> None:
    with pytest.raises(TrainingError, match=what) as caught:
        require_equal_shares(Team(size=2), batch=batch, watched=watched)
    assert caught.value.code == "unequal-shares"
    require_equal_shares(ALONE, batch=batch, watched=watched)


def test_more_processes_than_graphics_cards_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "4", "RANK": "2", "LOCAL_RANK": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with (
        pytest.raises(TrainingError, match="more processes on this machine than graphics cards") as caught,
        team_of_environment("auto"),
    ):
        pass
    assert caught.value.code == "too-few-graphics-cards"
