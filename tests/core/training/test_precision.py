from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from core.errors import TrainingError
from core.training.config import TrainingConfig
from core.training.loop import Run
from core.training.precision import Precision, choose_precision, seconds_per_step, training_device
from tests.core.models.networks import seeded_network
from tests.core.training.materials import CONFIG, STILL, material

CPU = torch.device("cpu")
FILMS = material(10, 10)


def run(work: Path, precision: str) -> Run:
    config: TrainingConfig = replace(CONFIG, architecture="small_cnn", augmentation=STILL, work=work)
    schedule = replace(config.schedule, batch=8, epochs=2, dropout=0.0, precision=precision, selection="plain")
    return Run(replace(config, schedule=schedule), FILMS)


def gradients(work: Path, precision: str) -> tuple[Tensor, Run]:
    one = run(work, precision)
    one.begin(lambda _message: None)
    one.compute_gradients(1, 0)
    return torch.cat([weight.grad.flatten() for weight in one.network.parameters()]), one


@pytest.mark.parametrize(("bits", "error"), [("bf16", 0.3), ("fp16", 0.03)])
def test_sixteen_bits_give_nearly_the_same_gradients_in_float32(tmp_path: Path, bits: str, error: float) -> None:
    # bfloat16 has 8 significant bits, float16 11; the pictures are noise, so that many values lie close together.
    full, _ = gradients(tmp_path, "off")
    half, one = gradients(tmp_path, bits)
    assert half.dtype == torch.float32
    assert not torch.equal(full, half)
    assert float((full - half).norm() / full.norm()) < error
    assert {weight.dtype for weight in one.network.parameters()} == {torch.float32}


@pytest.mark.parametrize(("bits", "dtype"), [("off", "float32"), ("bf16", "bfloat16"), ("fp16", "float16")])
def test_the_network_computes_with_what_was_asked_for(bits: str, dtype: str) -> None:
    network, precision = seeded_network("small_cnn"), Precision(bits)
    with precision.autocast(CPU):
        answer = network(torch.zeros(1, 3, 16, 16))
    assert answer.dtype == getattr(torch, dtype)
    assert dtype in str(precision)
    assert precision.scaler(CPU).is_enabled() == (bits == "fp16")


def test_a_step_that_overflows_is_left_out_and_the_scale_falls(tmp_path: Path) -> None:
    one = run(tmp_path, "fp16")
    one.begin(lambda _message: None)
    one.scaler.load_state_dict({**one.scaler.state_dict(), "scale": 1e38})
    before = {key: value.clone() for key, value in one.network.state_dict().items()}
    one.one_step(1, 0)
    assert all(torch.equal(value, before[key]) for key, value in one.network.state_dict().items())
    assert one.scaler.get_scale() < 1e38


@pytest.mark.parametrize(
    ("full", "half", "bits"), [(1.0, 0.5, "bf16"), (1.0, 0.9, "bf16"), (1.0, 0.95, "off"), (1.0, 2.0, "off")]
)
def test_the_faster_one_is_taken_where_it_is_worth_it(full: float, half: float, bits: str) -> None:
    def timed(_network: nn.Module, _example: Tensor, precision: Precision) -> float:
        return full if precision.bits == "off" else half

    chosen = choose_precision("auto", nn.Identity(), torch.zeros(1, 1, 8, 8), timed=timed)
    assert chosen.bits == bits
    assert chosen.reason == f"measured: {full:.2f} s in float32, {half:.2f} s with bf16, for a few pictures"


def test_measuring_leaves_the_network_as_it_is() -> None:
    network = seeded_network("resnet18").train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    assert seconds_per_step(network, torch.randn(2, 3, 32, 32), Precision("bf16")) > 0
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(weight.grad is None for weight in network.parameters())
    assert network.training


def test_a_resumed_run_keeps_what_was_measured_and_does_not_measure_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: object) -> Precision:
        return Precision("fp16", "measured before")

    monkeypatch.setattr("core.training.loop.choose_precision", measured)
    told: list[str] = []
    first = run(tmp_path, "auto")
    first.begin(told.append)
    first.scaler.load_state_dict({**first.scaler.state_dict(), "scale": 512.0})
    first.keep(first.one_epoch())
    monkeypatch.delattr("core.training.loop.choose_precision")
    second = run(tmp_path, "auto")
    second.begin(told.append)
    assert second.precision == Precision("fp16", "measured before")
    assert second.scaler.get_scale() == first.scaler.get_scale()
    assert told[0] == "computed on the CPU in float32 and float16 (measured before)"
    assert told[-1] == f"resumed after epoch 1; {told[0]}"


def test_a_graphics_card_that_is_not_there_is_an_error_only_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert training_device("auto") == training_device("cpu") == CPU
    with pytest.raises(TrainingError, match="graphics card") as caught:
        training_device("cuda")
    assert caught.value.code == "no-graphics-card"


def test_a_graphics_card_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert training_device("auto", local_rank=1) == training_device("cuda", local_rank=1) == torch.device("cuda:1")
    assert training_device("cpu") == CPU


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no graphics card with CUDA")
def test_a_run_on_a_graphics_card_ends_on_the_cpu(tmp_path: Path) -> None:
    from core.training.loop import fit

    config = run(tmp_path, "auto").config
    fitted = fit(config, FILMS, progress=lambda _message: None)
    assert next(fitted.network.parameters()).device == CPU
    assert "CPU" not in fitted.computed
