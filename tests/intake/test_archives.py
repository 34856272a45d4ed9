"""Cases 45 to 47: archives, and weights that come as archives of code."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import ModelError
from core.io import Limits, Source, load_study
from core.models import predict
from core.models.importing.checkpoint import read_checkpoint
from core.workflow import read_frame
from tests import made
from tests.intake.door import brought, series_of
from tests.made_models import MODEL_ID

PICTURE = made.png(np.arange(4096, dtype=np.uint16).reshape(64, 64))


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_case_45_names_that_climb_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    names = ["../../climbed.png", str(tmp_path / "absolute.png"), "..\\..\\windows.png", "/etc/climbed.png"]
    # Each picture another one, for copies count once.
    study = brought(zipped({name: made.png(np.full((20, 20), at, np.uint8)) for at, name in enumerate(names)}))
    assert len(study.series) == 4
    for series in study.series:
        assert series.frames[0].load().shape == (20, 20)
        assert ".." not in series.source
        assert not series.source.startswith(("/", "\\"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not Path("/etc/climbed.png").exists()


def test_case_46_zip_bombs() -> None:
    by_ratio = brought(zipped({"bomb.dcm": bytes(100 * 2**20)}))
    by_number = brought(zipped({f"{number}.dcm": bytes(2**20) for number in range(100)}))
    nested = brought(zipped({"inner.zip": zipped({"a.png": PICTURE})}))
    codes = [[rejected.code for rejected in study.rejected] for study in (by_ratio, by_number, nested)]
    assert codes == [["zip-bomb"], ["zip-bomb"], ["nested-archive"]]

    def limited(limits: Limits, files: dict[str, bytes]) -> list[str]:
        study = load_study([Source("upload.zip", zipped(files))], limits=limits)
        return [rejected.code for rejected in study.rejected]

    noise = np.random.default_rng(0).bytes(5000)
    assert limited(Limits(max_file_bytes=6000), {"a": noise * 2}) == ["file-too-large"]
    assert limited(Limits(max_files=3), {str(number): noise for number in range(4)}) == ["too-many-files"]


class _RunsCode:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("code-was-run",)


def test_case_47_pickled_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_weights: Path) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint = tmp_path / "hostile.pth"
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        torch.save(_RunsCode(), checkpoint, **options)
        with pytest.raises(ModelError) as caught:
            read_checkpoint(checkpoint)
        assert caught.value.code == "checkpoint-holds-code"
        assert "save the weights alone" in caught.value.hint
    checkpoint.write_bytes(pickle.dumps(_RunsCode()))
    with pytest.raises(ModelError) as caught:
        read_checkpoint(checkpoint)
    assert caught.value.code == "checkpoint-unreadable"
    assert not (tmp_path / "code-was-run").exists()
    monkeypatch.setattr(predict, "_engines", {})  # else one that another test loaded would answer
    weights = made_weights / MODEL_ID / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(ModelError) as caught:
        read_frame(series_of(made.radiograph(64)), 0, model_id=MODEL_ID)
    assert caught.value.code == "weights-hash-differs"
