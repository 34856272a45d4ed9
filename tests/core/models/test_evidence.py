"""The evidence of a model: written, read back, and refused where it is not what it must be."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import ModelError
from core.evaluation import label_curves
from core.models.evidence import (
    EpochPoint,
    Evidence,
    format_evidence,
    parse_evidence,
    read_evidence,
    write_evidence,
)
from core.models.spec import EVIDENCE_FILE, write_model
from tests.made_evidence import evidence_for, tumour_spec
from tests.made_models import CHEST_SPEC

SPEC = replace(CHEST_SPEC, sha256="ab" * 32)
Document = dict[str, Any]


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return evidence_for(SPEC)


@pytest.fixture(scope="module")
def of_classes() -> Evidence:
    return evidence_for(replace(tumour_spec(), sha256=SPEC.sha256))


def test_what_is_written_is_read_back(evidence: Evidence, tmp_path: Path) -> None:
    write_evidence(tmp_path, evidence)
    back = read_evidence(tmp_path, SPEC)
    assert back is not None
    assert (back.measured_on, back.confusion) == (evidence.measured_on, evidence.confusion)
    assert back.learning is not None
    assert back.learning.epochs[0] == EpochPoint(1, 0.5, 0.8, 0.7, 0.6)
    assert math.isnan(back.learning.epochs[2].stress_mean)
    for ours, theirs in zip(evidence.labels, back.labels, strict=True):
        assert (theirs.name, theirs.calls, theirs.histogram) == (ours.name, ours.calls, ours.histogram)
        for name in ("thresholds", "false_positive_rate", "sensitivity", "low", "high"):
            assert getattr(theirs.roc, name) == pytest.approx(getattr(ours.roc, name), rel=1e-4)
        for name in ("thresholds", "recall", "precision", "average_precision"):
            assert getattr(theirs.precision_recall, name) == pytest.approx(
                getattr(ours.precision_recall, name), rel=1e-4
            )
        assert [one.observed for one in theirs.reliability.bins] == [one.observed for one in ours.reliability.bins]


def test_writing_what_was_read_changes_nothing(evidence: Evidence, of_classes: Evidence) -> None:
    for text in map(format_evidence, (evidence, of_classes)):
        assert format_evidence(parse_evidence(text)) == text


def test_the_matrix_of_classes_is_read_back(of_classes: Evidence) -> None:
    assert of_classes.confusion is not None
    assert parse_evidence(format_evidence(of_classes)).confusion == of_classes.confusion


def test_curves_that_are_undefined_keep_their_reason(tmp_path: Path) -> None:
    healthy = tuple(label_curves(label.name, [0, 0], [0.2, 0.3]) for label in SPEC.labels)
    write_evidence(tmp_path, Evidence(SPEC.sha256, "2 images", healthy))
    back = read_evidence(tmp_path, SPEC)
    assert back is not None
    assert back.labels[0].roc.undefined == "no case with the finding"
    assert back.labels[0].precision_recall.undefined == "no case with the finding"
    assert back.confusion is None
    assert back.learning is None


def test_a_folder_without_evidence_has_none(tmp_path: Path) -> None:
    assert read_evidence(tmp_path, SPEC) is None


def test_eighteen_labels_of_many_cases_stay_small() -> None:
    spec = replace(SPEC, labels=tuple(replace(SPEC.labels[0], name=f"Finding {n}") for n in range(18)))
    assert len(format_evidence(evidence_for(spec, n=20_000)).encode()) < 200_000


def test_evidence_of_other_weights_is_refused(evidence: Evidence, tmp_path: Path) -> None:
    write_evidence(tmp_path, replace(evidence, weights_sha256="cd" * 32))
    with pytest.raises(ModelError, match="other weights") as caught:
        read_evidence(tmp_path, SPEC)
    assert caught.value.code == "evidence-of-other-weights"


@pytest.mark.parametrize("labels", [SPEC.labels[:1], SPEC.labels[::-1]], ids=["one less", "another order"])
def test_evidence_of_other_labels_is_refused(evidence: Evidence, tmp_path: Path, labels: Any) -> None:
    write_evidence(tmp_path, evidence)
    with pytest.raises(ModelError) as caught:
        read_evidence(tmp_path, replace(SPEC, labels=labels))
    assert caught.value.code == "evidence-of-other-labels"


def test_an_operating_point_that_the_model_has_not_is_refused(evidence: Evidence, tmp_path: Path) -> None:
    first = replace(evidence.labels[0], calls={"unheard-of": next(iter(evidence.labels[0].calls.values()))})
    write_evidence(tmp_path, replace(evidence, labels=(first, *evidence.labels[1:])))
    with pytest.raises(ModelError) as caught:
        read_evidence(tmp_path, SPEC)
    assert caught.value.code == "evidence-of-other-labels"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000], ids=range(5))
def test_what_is_no_json_object_is_damaged(content: bytes, tmp_path: Path) -> None:
    (tmp_path / EVIDENCE_FILE).write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_evidence(tmp_path, SPEC)
    assert caught.value.code == "evidence-damaged"


def _put(*path: str | int, to: object) -> Callable[[Document], None]:
    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = to

    return change


def _drop(*path: str | int) -> Callable[[Document], None]:
    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        del document[path[-1]]

    return change


FAULTS = {
    "format": _put("format", to=2),
    "weights_sha256": _drop("weights_sha256"),
    "labels": _put("labels", to=[]),
    "labels[0].positives": _put("labels", 0, "positives", to=-1),
    "labels[0].roc": _drop("labels", 0, "roc"),
    "labels[0].roc.thresholds": _put("labels", 0, "roc", "thresholds", to=[0.1, 0.2]),
    "labels[0].roc.sensitivity": _put("labels", 0, "roc", "sensitivity", to=[0.1]),
    "labels[0].roc.high": _drop("labels", 0, "roc", "high"),
    "labels[0].roc.undefined": _put("labels", 0, "roc", to={"undefined": ""}),
    "labels[0].precision_recall.average_precision": _put(
        "labels", 0, "precision_recall", "average_precision", to=math.nan
    ),
    "labels[0].reliability[0].with_finding": _put("labels", 0, "reliability", 0, "with_finding", to=10**6),
    "labels[0].reliability": _put("labels", 0, "reliability", to=[]),
    "labels[0].histogram.without_finding": _put("labels", 0, "histogram", "without_finding", to=[1]),
    "labels[0].histogram": _put("labels", 0, "histogram", to={"with_finding": [1], "without_finding": [1]}),
    "labels[0].calls": _put("labels", 0, "calls", "sensitive", "true_positives", to=0),
    "confusion.counts": _put("confusion", "counts", to=[[1, 2]]),
    "confusion.names": _put("confusion", "names", to=["a"]),
    "learning.kept": _put("learning", "kept", to=4),
    "learning.epochs[0].loss": _put("learning", "epochs", 0, "loss", to="low"),
    "patients": _put("patients", to=["somebody"]),
}


@pytest.mark.parametrize("field", FAULTS)
def test_a_field_that_is_wrong_is_named(evidence: Evidence, of_classes: Evidence, field: str) -> None:
    document = json.loads(format_evidence(of_classes if field.startswith("confusion") else evidence))
    FAULTS[field](document)
    with pytest.raises(ModelError) as caught:
        parse_evidence(json.dumps(document))
    assert f"“{field}” of evidence.json" in caught.value.message


@pytest.mark.parametrize("counts", [None, [1, 2], [[1, -1], [0, 0]], [[1, 0.5], [0, 0]], "many"], ids=repr)
def test_a_matrix_of_anything_but_counts_is_refused(of_classes: Evidence, counts: object) -> None:
    document = json.loads(format_evidence(of_classes))
    document["confusion"]["counts"] = counts
    with pytest.raises(ModelError, match="whole numbers"):
        parse_evidence(json.dumps(document))


def test_new_weights_do_not_keep_the_evidence_of_the_old(evidence: Evidence, tmp_path: Path) -> None:
    import torch

    write_evidence(tmp_path, evidence)
    write_model(tmp_path, SPEC, {"weight": torch.zeros(1)}, card="# New\n")
    assert not (tmp_path / EVIDENCE_FILE).exists()
