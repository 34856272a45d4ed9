from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from core.errors import ModelError
from core.io import load_path
from core.models.provenance import image_hash, training_hashes, write_training_hashes
from core.models.spec import TRAINING_FILE, write_model
from tests.made import chest_values, dicom
from tests.made_models import CHEST_SPEC


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("one.dcm", "two.dcm", "copy.dcm")]
    for path, side in zip(paths, (64, 65, 64), strict=True):
        path.write_bytes(dicom(chest_values(side)))
    paths[2].write_bytes(paths[0].read_bytes())
    return paths


def test_the_list_holds_a_prefix_of_the_hash_of_every_file_once(files: list[Path], tmp_path: Path) -> None:
    write_training_hashes(tmp_path, files)
    expected = {hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in files}
    assert len(expected) == 2
    assert training_hashes(tmp_path) == expected
    assert (tmp_path / TRAINING_FILE).stat().st_size == 2 * 17


def test_a_picture_is_recognised_by_its_uid(files: list[Path], tmp_path: Path) -> None:
    write_training_hashes(tmp_path, files[:1])
    known = training_hashes(tmp_path)
    frames = [load_path(path).series[0].frames[0] for path in files]
    assert [image_hash(frame.uid) in known for frame in frames] == [True, False, True]
    assert image_hash(frames[0].load().uid) in known


def test_a_folder_without_a_list_knows_of_no_file(tmp_path: Path) -> None:
    assert training_hashes(tmp_path) == frozenset()


@pytest.mark.parametrize("text", ["0123456789abcde\n", "0123456789ABCDEF\n", "\n", "\xff"])
def test_a_damaged_list_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / TRAINING_FILE).write_text(text, encoding="latin-1")
    with pytest.raises(ModelError, match=TRAINING_FILE):
        training_hashes(tmp_path)


def test_the_list_of_a_former_model_goes(files: list[Path], tmp_path: Path) -> None:
    write_training_hashes(tmp_path, files)
    write_model(tmp_path, CHEST_SPEC, {}, card="# A card\n")
    assert training_hashes(tmp_path) == frozenset()
