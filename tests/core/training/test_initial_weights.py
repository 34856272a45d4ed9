"""torchvision's weights, from an address on this machine: made-up ones in the layout of the real ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor

from core.errors import ModelError
from core.training.initial_weights import TORCHVISION, load_initial_weights, torchvision_weights
from tests.core.models.networks import seeded_network

ARCHITECTURE = "shufflenet_v2_x0_5"


@dataclass(frozen=True)
class Published:
    """A server's folder, and where the library keeps what it downloaded."""

    server: Path
    kept: Path
    state: dict[str, Tensor]
    name: str


def publish(content: object, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put a file where torchvision is made to download from, and return its name."""
    folder.mkdir()
    torch.save(content, folder / "file")
    digest = hashlib.sha256((folder / "file").read_bytes()).hexdigest()
    name = f"network-{digest[:8]}.pth"
    (folder / "file").rename(folder / name)
    url = (folder / name).as_uri()
    default = SimpleNamespace(url=url, get_state_dict=partial(torch.hub.load_state_dict_from_url, url))
    monkeypatch.setattr(torchvision.models, "get_model_weights", lambda _name: SimpleNamespace(DEFAULT=default))
    return name


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Published:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    state = seeded_network(ARCHITECTURE, labels=1000).state_dict()
    name = publish(state, tmp_path / "server", monkeypatch)
    return Published(tmp_path / "server", tmp_path / "home" / "hub" / "checkpoints", state, name)


def test_they_are_downloaded_once_and_all_but_the_last_layer_is_taken(
    published: Published, capsys: pytest.CaptureFixture[str]
) -> None:
    network = seeded_network(ARCHITECTURE, labels=2, seed=5)
    last = network.state_dict()["fc.weight"].clone()
    load_initial_weights(network, TORCHVISION, architecture=ARCHITECTURE)
    state = network.state_dict()
    assert torch.equal(state["conv1.0.weight"], published.state["conv1.0.weight"])
    assert torch.equal(state["fc.weight"], last)
    assert capsys.readouterr().out == ""
    (published.server / published.name).unlink()
    assert torchvision_weights(ARCHITECTURE).keys() == published.state.keys()


def test_without_a_network_it_is_said_what_to_download_and_where_to_put_it(published: Published) -> None:
    (published.server / published.name).unlink()
    with pytest.raises(ModelError, match="cannot be downloaded") as caught:
        torchvision_weights(ARCHITECTURE)
    assert caught.value.code == "weights-not-downloaded"
    assert (published.server / published.name).as_uri() in caught.value.hint
    assert str(published.kept / published.name) in caught.value.hint


def test_a_file_that_was_cut_off_is_named(published: Published) -> None:
    published.kept.mkdir(parents=True)
    (published.kept / published.name).write_bytes((published.server / published.name).read_bytes()[:5000])
    with pytest.raises(ModelError) as caught:
        torchvision_weights(ARCHITECTURE)
    assert caught.value.code == "weights-damaged"
    assert str(published.kept / published.name) in caught.value.hint


class Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("executed"),)


def test_code_in_a_file_is_not_run(published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    publish({"conv1.0.weight": Code()}, tmp_path / "other", monkeypatch)
    with pytest.raises(ModelError) as caught:
        torchvision_weights(ARCHITECTURE)
    assert caught.value.code == "weights-damaged"
    assert not (tmp_path / "executed").exists()


def test_names_of_old_densenets_are_brought_up_to_date(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = seeded_network("densenet121", labels=1000).state_dict()
    old = {
        key.replace(".norm1.", ".norm.1.").replace(".norm2.", ".norm.2.").replace(".conv1.", ".conv.1."): value
        for key, value in state.items()
    }
    assert old.keys() != state.keys()
    publish(old, tmp_path / "old", monkeypatch)
    assert torchvision_weights("densenet121").keys() == state.keys()


def test_an_architecture_without_weights_is_an_error() -> None:
    with pytest.raises(ModelError, match="small_cnn") as caught:
        torchvision_weights("small_cnn")
    assert caught.value.code == "no-torchvision-weights"


def test_none_leaves_the_random_ones() -> None:
    network = seeded_network(ARCHITECTURE)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    load_initial_weights(network, None, architecture=ARCHITECTURE)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
