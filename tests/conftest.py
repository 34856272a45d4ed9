"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Set before NumPy and PyTorch are imported. Two test processes that each start a thread for every core wait for each
# other: the same tests then take three times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from tests.intake.cases import pytest_terminal_summary
from tests.made_models import write_chest_model

# A busy machine is no fault, and a run of CI says the same as the one before it.
settings.register_profile("lightbox", deadline=None, derandomize=True)
settings.load_profile("lightbox")

__all__ = ["pytest_terminal_summary"]

CHECKOUT = Path(__file__).resolve().parents[1]
LONGEST = ("tests/core/training/", "tests/core/models/", "tests/core/assessment/")
"""Folders whose files compute longest."""


class FromBothEnds(LoadFileScheduling):
    """Hands out files from the front of the queue, and every third process those at its back.

    So files that wait for a browser run beside files that compute, and few processes need a browser and a server.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        if int(node.gateway.id.removeprefix("gw")) % 3 == 2:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores: browser tests wait for their browser and server more than they compute."""
    return (os.cpu_count() or 1) + 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FromBothEnds:
    return FromBothEnds(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put browser tests first, what computes longest last, and short files between, where both ends meet."""

    def place(item: pytest.Item) -> int:
        if item.nodeid.startswith("tests/browser/"):
            return 0
        return 2 if item.nodeid.startswith(LONGEST) else 1

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests write, as the audit record of their readings, out of the user's own data folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_DATA", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real studies beside the checkout; skip where there is none."""
    folder = CHECKOUT.parent / "shared"
    if not (folder / "dicom").is_dir():
        pytest.skip("the real studies are not beside this checkout (../shared); tests on made data cover the rest")
    return folder


@pytest.fixture
def made_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of models that holds one made-up chest model, and let the application use it."""
    root = tmp_path / "weights"
    write_chest_model(root)
    monkeypatch.setenv("LIGHTBOX_WEIGHTS", str(root))
    return root
