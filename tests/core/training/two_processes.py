"""What each of several processes does in `test_distributed`: `torchrun … -m tests.core.training.two_processes FOLDER`.

Every process leaves in the folder what it found.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from core.training.config import TrainingConfig
from core.training.distributed import Team, team_of_environment
from core.training.loop import Run, fit
from core.training.watching import Lines
from tests.core.training.materials import CONFIG, STILL, material

FILMS = material(24, 15)


def configuration(folder: Path) -> TrainingConfig:
    schedule = replace(
        CONFIG.schedule, epochs=2, batch=8, epoch_images=24, head_steps=0, dropout=0.0, selection="plain"
    )
    return replace(
        CONFIG,
        architecture="shufflenet_v2_x0_5",
        augmentation=STILL,
        device="cpu",
        work=folder / "work",
        schedule=schedule,
    )


def gradients(run: Run) -> torch.Tensor:
    run.compute_gradients(1, 0)
    return torch.cat([weight.grad.flatten() for weight in run.network.parameters() if weight.grad is not None])


def fill_cache(folder: Path) -> bool:
    """Do what may be done once only; return whether this process did it."""
    if (folder / "cache").exists():
        return False
    (folder / "cache").mkdir()
    return True


def all_of_it(folder: Path, team: Team) -> dict[str, object]:
    with team.leader_first():
        filled = fill_cache(folder)
    config, told = configuration(folder), []
    result: dict[str, object] = {"filled": filled, "gradients": gradients(Run(config, FILMS, team=team))}
    result["gathered"] = team.gather(team.share(np.arange(7)[:, None])).tolist()
    result["agreed"] = team.agree(f"said by {team.rank}")
    fitted = fit(config, FILMS, progress=told.append, watchers=[Lines(told.append)] if team.leads else [], team=team)
    result["weights"] = fitted.network.state_dict()
    result["epochs"] = [(epoch.loss, epoch.plain) for epoch in fitted.epochs]
    result["told"] = told
    return result


if __name__ == "__main__":
    here = Path(sys.argv[1])
    torch.set_num_threads(1)
    with team_of_environment("cpu") as joined:
        torch.save(all_of_it(here, joined), here / f"{joined.rank}.pt")
