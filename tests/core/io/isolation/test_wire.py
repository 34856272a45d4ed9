from __future__ import annotations

import io
import json
import os
import struct
from collections.abc import Iterator

import numpy as np
import pytest

from core.errors import StudyError
from core.io.isolation import wire, worker
from core.io.isolation.pool import understood
from core.io.limits import Limits
from tests.core.io.isolation import misbehaving

Pipe = tuple[io.FileIO, io.FileIO]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reading, writing = os.pipe()
    with io.FileIO(reading, "rb") as receiver, io.FileIO(writing, "wb") as sender:
        yield receiver, sender


def received(pipe: Pipe, content: bytes, *, max_body_bytes: int = 100) -> tuple[wire.Head, memoryview]:
    receiver, sender = pipe
    sender.write(content)
    sender.close()
    return wire.receive(receiver, max_body_bytes=max_body_bytes)


def message(head: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<IQ", len(head), len(body)) + head + body


def test_a_message_arrives_as_it_was_sent(pipe: Pipe) -> None:
    receiver, sender = pipe
    wire.send(sender, {"number": 1, "nan": float("nan")}, b"\1\2\3")
    head, body = wire.receive(receiver, max_body_bytes=3)
    assert (head["number"], head["nan"] != head["nan"], bytes(body)) == (1, True, b"\1\2\3")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 5,
        message(b"{}", b"12345678901")[:-1],
        message(b"{}", b"x" * 101),
        message(b"not json"),
        message(b"[1]"),
        message(b"[" * 5000),
        message(b"\xff\xfe"),
        struct.pack("<IQ", 2**32 - 1, 0),
        struct.pack("<IQ", 2, 2**63) + b"{}",
    ],
    ids=["none", "short", "cut", "too long", "no JSON", "no object", "too deep", "no text", "long head", "huge body"],
)
def test_what_is_no_message_is_told(pipe: Pipe, content: bytes) -> None:
    with pytest.raises(wire.BrokenWireError):
        received(pipe, content)


def test_nobody_reads(pipe: Pipe) -> None:
    receiver, sender = pipe
    receiver.close()
    with pytest.raises(wire.BrokenWireError):
        wire.send(sender, {}, b"x")


@pytest.mark.parametrize("dtype", ["uint8", ">u2", "<i4", "float64", "bool"])
def test_pixels_arrive_as_they_were(dtype: str) -> None:
    pixels = np.arange(24).reshape(2, 3, 4).astype(dtype)[:, ::2]
    head, body = wire.describe(pixels)
    back = wire.as_pixels(json.loads(json.dumps(head)), body)
    np.testing.assert_array_equal(back, pixels)
    assert back.dtype == pixels.dtype


@pytest.mark.parametrize(
    "head",
    [
        {},
        {"dtype": "O", "shape": [1, 1]},
        {"dtype": "<U1", "shape": [1, 1]},
        {"dtype": "nonsense", "shape": [1, 8]},
        {"dtype": "u1", "shape": [8]},
        {"dtype": "u1", "shape": [3, 3]},
        {"dtype": "u1", "shape": [-1, -8]},
        {"dtype": "u1", "shape": "88"},
        {"dtype": "u1", "shape": [1e999, 1]},
    ],
)
def test_pixels_that_are_not_as_described_are_told(head: wire.Head) -> None:
    with pytest.raises(wire.BrokenWireError):
        wire.as_pixels(head, memoryview(bytes(8)))


class TestAnswer:
    """What a worker puts into its reply, seen from inside."""

    def answer(self, name: str) -> tuple[wire.Head, bytes]:
        head, body = worker.answer(f"{misbehaving.__name__}:{name}", memoryview(b"\1\2"), {})
        return head, bytes(body)

    def test_pixels(self) -> None:
        head, body = self.answer("obey")
        assert (head["shape"], head["dtype"], body) == ([1, 2], "|u1", b"\1\2")

    def test_facts_alone(self) -> None:
        head, body = self.answer("tell_environment")
        assert (set(head), body) == ({"facts"}, b"")

    def test_refusal(self) -> None:
        assert self.answer("refuse") == ({"refusal": ["Nothing to see.", "Look elsewhere.", "made-up"]}, b"")

    def test_failure_without_its_words(self) -> None:
        assert self.answer("fail") == ({"failure": "RuntimeError"}, b"")

    def test_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def starve(_content: memoryview) -> misbehaving.Result:
            raise MemoryError

        monkeypatch.setattr(misbehaving, "obey", starve)
        assert self.answer("obey") == ({"out_of_memory": True}, b"")


def test_limits_of_a_request_end_with_it() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    with worker.limited(memory_bytes=Limits().max_decoding_bytes, seconds=60):
        pass
    assert resource.getrlimit(resource.RLIMIT_AS) == before


@pytest.mark.parametrize("reply", [{}, {"facts": [1]}, {"refusal": "short"}, {"refusal": ["one", "two"]}])
def test_a_reply_that_makes_no_sense_is_told(reply: wire.Head) -> None:
    with pytest.raises(wire.BrokenWireError):
        understood(reply, memoryview(b""), Limits())


def test_a_refusal_is_made_of_text_only() -> None:
    with pytest.raises(StudyError) as caught:
        understood({"refusal": [1, None, ["code"]]}, memoryview(b""), Limits())
    assert (caught.value.message, caught.value.hint) == ("1", "None")
