"""Sets on the server: what lies below the roots is offered, and nothing else is opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.assessment.places import ROOTS_VARIABLE, find_set, list_sets, set_roots, tables_of
from core.errors import DatasetError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "sets"
    for folder in ("films/normal", "films/pneumonia", "deep/er/one/a", ".hidden/a"):
        (root / folder).mkdir(parents=True)
    (root / "packed.zip").write_bytes(b"PK")
    (root / "flat").mkdir()
    (root / "flat" / "labels.csv").write_text("path,labels\n")
    secret = tmp_path / "secret"
    (secret / "a").mkdir(parents=True)
    (root / "link").symlink_to(secret)
    monkeypatch.setenv(ROOTS_VARIABLE, os.pathsep.join([str(root), str(tmp_path / "not-there")]))
    return root


def test_without_a_setting_there_is_no_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ROOTS_VARIABLE, raising=False)
    assert (set_roots(), list_sets()) == ((), ())
    with pytest.raises(DatasetError):
        find_set("etc")


def test_folders_of_folders_tables_and_zips_are_listed(root: Path) -> None:
    assert list_sets() == (
        "sets/deep",
        "sets/deep/er",
        "sets/deep/er/one",
        "sets/films",
        "sets/flat",
        "sets/packed.zip",
    )
    assert find_set("sets/films") == root / "films"
    assert tables_of(root / "flat") == ("labels.csv",)


@pytest.mark.parametrize("name", ["sets/../secret", "sets/link", "secret", "/etc", "sets/none", "..", "sets/link/a"])
def test_nothing_outside_of_the_roots_is_opened(root: Path, name: str) -> None:
    with pytest.raises(DatasetError) as caught:
        find_set(name)
    assert caught.value.code == "no-such-set"
    assert str(root.parent) not in str(caught.value)
