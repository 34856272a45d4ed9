"""A small crowd at the real server, and that the comparison finds what it looks for. The large one is a benchmark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.audit.log import AuditLog
from core.audit.verification import verify
from tests.load.crowd import alone, crowd, is_same, studies, write_model
from tests.load.visitor import Visitor, VisitorError
from tests.serving import CHECKOUT, Server, serve

FILES = studies(3, size=128)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("load")
    write_model(folder / "weights", FILES)
    settings = {"LIGHTBOX_WEIGHTS": str(folder / "weights"), "LIGHTBOX_DATA": str(folder / "data")}
    with serve(CHECKOUT / "streamlit_app.py", folder=folder / "server", environment=settings) as server:
        yield server


@pytest.fixture(scope="module")
def expected(server: Server) -> list[dict[str, Any]]:
    return alone(server.url, FILES)


def test_readers_at_the_same_time_get_the_answers_of_readers_alone(
    server: Server, expected: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    calls = [[label["call"] for label in answer["labels"]] for answer in expected]
    assert len({json.dumps(each) for each in calls}) > 1, "studies with one and the same answer would prove nothing"
    assert len({json.dumps(answer["heatmap"]) for answer in expected}) == len(FILES)
    outcome = crowd(server.url, FILES, expected, visitors=3)
    assert outcome.errors == []
    assert (outcome.readings, outcome.wrong) == (9, 0)
    log = AuditLog(server.log.parents[1] / "data")
    assert verify(log).fault == ""
    read = [row.entry.input_sha256 for row in log.rows()]
    assert sorted(map(read.count, {answer["image"]["sha256"] for answer in expected})) == [4, 4, 4]
    assert len(read) == 12


def test_another_ones_answer_would_be_found(expected: list[dict[str, Any]]) -> None:
    first, second = expected[:2]
    assert is_same(first, json.loads(json.dumps(first)))
    assert not is_same(first, second)
    assert not is_same(first, {**first, "heatmap": second["heatmap"]})
    assert not is_same(first, {**first, "labels": second["labels"]})


def test_a_refusal_is_an_error(server: Server) -> None:
    visitor = Visitor(server.url)
    visitor.open()
    with pytest.raises(VisitorError, match="failure"):
        visitor.read(b"no picture at all")
    visitor.close()


def test_what_was_uploaded_is_nowhere_on_the_disk(server: Server, tmp_path: Path) -> None:
    folder = server.log.parents[1]
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".safetensors")
    assert not any(content[400:800] in kept for content in FILES)
