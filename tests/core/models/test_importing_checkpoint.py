"""Reading somebody else's checkpoint: wrappings are opened, damage is named, no code is ever run."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from core.errors import ModelError
from core.models.importing.checkpoint import read_checkpoint
from core.models.importing.whole_module import read_whole_module


@pytest.fixture
def state() -> dict[str, Tensor]:
    """Return weights by name."""
    return {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.zeros(2)}


def saved(folder: Path, content: Any, **options: Any) -> Path:
    """Write what torch.save makes of `content`."""
    path = folder / "checkpoint.pth"
    torch.save(content, path, **options)
    return path


def refusal(path: Path) -> ModelError:
    """Return why a checkpoint is refused."""
    with pytest.raises(ModelError) as caught:
        read_checkpoint(path)
    return caught.value


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth", "a.pt", "a"])
def test_what_a_file_is_is_told_by_its_content(tmp_path: Path, state: dict[str, Tensor], name: str) -> None:
    save_file(state, tmp_path / name)
    assert read_checkpoint(tmp_path / name).state.keys() == state.keys()
    torch.save(state, tmp_path / name)
    assert read_checkpoint(tmp_path / name).state.keys() == state.keys()


def test_the_old_layout_of_torch_is_read(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = saved(tmp_path, {"state_dict": state}, _use_new_zipfile_serialization=False)
    found = read_checkpoint(path)
    assert all(torch.equal(found.state[key], value) for key, value in state.items())


@pytest.mark.parametrize(
    ("wrap", "note"),
    [
        (lambda state: state, ""),
        (lambda state: {"state_dict": state, "epoch": 3, "optimizer": {"lr": 0.1}}, "“state_dict”"),
        (lambda state: {"model": state, "best": torch.tensor(0.5)}, "“model”"),
        (lambda state: {"epoch": 1, "model": {"state_dict": state}}, "“model.state_dict”"),
    ],
)
def test_common_wrappings_are_opened_and_named(
    tmp_path: Path, state: dict[str, Tensor], wrap: Callable[[Any], Any], note: str
) -> None:
    found = read_checkpoint(saved(tmp_path, wrap(state)))
    assert found.state.keys() == state.keys()
    assert note in " ".join(found.notes)


@pytest.mark.parametrize(
    ("content", "words"), [({"epoch": 3, "lr": 0.1}, "“epoch”, “lr”"), ([1, 2], "no table"), ({}, "an empty table")]
)
def test_a_checkpoint_without_weights_says_what_it_holds(tmp_path: Path, content: Any, words: str) -> None:
    error = refusal(saved(tmp_path, content))
    assert error.code == "checkpoint-without-weights"
    assert words in error.message


def test_a_file_that_is_not_there_is_named_as_such(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere.pth").code == "checkpoint-missing"
    assert refusal(tmp_path).code == "checkpoint-missing"


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:3],
        lambda _content: b"",
        lambda _content: b"<html>Not found</html>",
        lambda content: bytes(255 - byte for byte in content[:4096]),
        lambda _content: pickle.dumps({"a": [1.0, 2.0]}, protocol=4),
    ],
)
@pytest.mark.parametrize("kind", ["safetensors", "zip", "old"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes], kind: str) -> None:
    path, state = tmp_path / "checkpoint", {"a": torch.arange(1000.0)}
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
    path.write_bytes(damage(path.read_bytes()))
    error = refusal(path)
    assert error.code == "checkpoint-unreadable"
    assert "safetensors" in error.hint


class Dangerous:
    """Makes a folder when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = str(place)

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.place,)


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("make", [lambda _place: nn.Linear(2, 2), Dangerous, lambda place: {"a": Dangerous(place)}])
def test_a_file_that_holds_code_is_refused_and_its_code_is_not_run(
    tmp_path: Path, make: Callable[[Path], Any], is_new: bool
) -> None:
    path = saved(tmp_path, make(tmp_path / "proof"), _use_new_zipfile_serialization=is_new)
    error = refusal(path)
    assert error.code == "checkpoint-holds-code"
    assert "was not run" in error.message
    assert "torch.save(model.state_dict()" in error.hint
    assert not (tmp_path / "proof").exists()


def test_the_code_is_named(tmp_path: Path) -> None:
    assert "“torch.nn.modules.linear.Linear”" in refusal(saved(tmp_path, nn.Linear(2, 2))).message


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_program_of_torchscript_is_refused_as_code(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), tmp_path / "a.pt")
    assert refusal(tmp_path / "a.pt").code == "checkpoint-holds-code"


# ── Whole networks, for those whose publishers left no other way ──────────────────────────────────────────────────


class Net(nn.Module):
    """A network with every kind of content."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.ReLU(), nn.Identity())
        self.fc = nn.Linear(2, 2)
        self.tied = self.fc.weight
        self.register_buffer("thresholds", torch.tensor([0.25, float("nan")], dtype=torch.float64))
        self.register_buffer("absent", None)
        self.nothing: nn.Module | None = None
        self.names, self.others = ["a", "b"], {"a": {1, 2}, "b": (3, None)}


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_numbers_of_a_whole_network_are_those_of_its_state_dict(tmp_path: Path, is_new: bool) -> None:
    net = Net()
    content = saved(tmp_path, net, _use_new_zipfile_serialization=is_new).read_bytes()
    found, expected = read_whole_module(content), net.state_dict()
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=0, equal_nan=True)
        assert found[key].dtype == value.dtype


@pytest.mark.parametrize("is_new", [True, False])
def test_parts_of_larger_storages_are_cut_out(tmp_path: Path, is_new: bool) -> None:
    net = nn.Linear(3, 2, bias=False)
    net.weight = nn.Parameter(torch.arange(24.0).reshape(4, 6)[1:3, 1::2].T.contiguous().T)
    net.register_buffer("view", torch.arange(24.0).reshape(4, 6)[1:, ::2])
    found = read_whole_module(saved(tmp_path, net, _use_new_zipfile_serialization=is_new).read_bytes())
    assert torch.equal(found["weight"], net.weight)
    assert torch.equal(found["view"], torch.arange(24.0).reshape(4, 6)[1:, ::2])


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("place", ["attribute", "buffer", "child", "hook", "root"])
def test_code_in_a_whole_network_is_never_run(tmp_path: Path, place: str, is_new: bool) -> None:
    net, danger = nn.Linear(2, 2), Dangerous(tmp_path / "proof")
    tables = {"buffer": net._buffers, "child": net._modules, "hook": net._forward_hooks, "attribute": net.__dict__}
    if place in tables:
        tables[place]["danger"] = danger  # type: ignore[index]
    path = saved(tmp_path, danger if place == "root" else net, _use_new_zipfile_serialization=is_new)
    if place in ("attribute", "hook"):
        assert set(read_whole_module(path.read_bytes())) == {"weight", "bias"}
    else:
        with pytest.raises(ModelError) as caught:
            read_whole_module(path.read_bytes())
        assert caught.value.code == "checkpoint-unreadable"
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize(
    "program",
    [
        b"cos\nmkdir\n(S'proof'\ntR.",
        b"cbuiltins\neval\n(S'1/0'\ntR.",
        b"cbuiltins\ngetattr\n(ccollections\nOrderedDict\nS'fromkeys'\ntR.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(ctorch\nload\nK\x00K\x00K\x00tR.",
        b"(S'proof'\nios\nmkdir\n.",
        b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93\x8c\x05proof\x85R.",
        b"\x82\x01.",
    ],
)
def test_pickles_written_by_hand_do_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError) as caught:
        read_whole_module(program)
    assert caught.value.code == "checkpoint-unreadable"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.97])
def test_a_whole_network_that_breaks_off_is_refused(tmp_path: Path, share: float, is_new: bool) -> None:
    content = saved(tmp_path, nn.Linear(300, 300), _use_new_zipfile_serialization=is_new).read_bytes()
    with pytest.raises(ModelError) as caught:
        read_whole_module(content[: int(share * len(content))])
    assert caught.value.code == "checkpoint-unreadable"
