"""Fixtures: a made-up set, made-up models and a store that nobody else uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.assessment.store import DATA_VARIABLE, Store
from tests.core.assessment.made_set import write_models, write_set


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "weights"
    write_models(root)
    monkeypatch.setenv("LIGHTBOX_WEIGHTS", str(root))
    return root


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    return Store()


@pytest.fixture
def folder(tmp_path: Path, models: Path) -> Path:
    return write_set(tmp_path / "set")
