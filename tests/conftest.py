"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Set before NumPy and PyTorch are imported. Two test processes that each start a thread for every core wait for each
# other: the same tests then take three times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

from tests.intake.cases import pytest_terminal_summary
from tests.made_models import write_chest_model

# A busy machine is no fault, and a run of CI says the same as the one before it.
settings.register_profile("lightbox", deadline=None, derandomize=True)
settings.load_profile("lightbox")

__all__ = ["pytest_terminal_summary"]

CHECKOUT = Path(__file__).resolve().parents[1]


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
