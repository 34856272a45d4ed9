from __future__ import annotations

from dataclasses import replace

from core.domain import Estimate
from core.models.metrics import ALL_LABELS, AMONG_FINDINGS, metrics_by_label, name_metrics
from tests.made_models import CHEST_SPEC, TUMOUR_SPEC

AREA, SHARE = Estimate(0.9, 0.8, 1.0), Estimate(0.7, 0.6, 0.8)


def test_names_lead_back_to_what_they_are_of() -> None:
    by_label = {label.name: {"auroc": AREA, "accuracy": SHARE} for label in TUMOUR_SPEC.labels}
    together = {ALL_LABELS: {"macro_auroc": AREA}, AMONG_FINDINGS: {"macro_auroc": SHARE}}
    metrics = name_metrics(by_label, together)
    assert list(metrics)[:4] == ["macro_auroc", "findings: macro_auroc", "Glioma: auroc", "Glioma: accuracy"]
    assert metrics_by_label(replace(TUMOUR_SPEC, metrics=metrics)) == {**together, **by_label}


def test_a_single_label_needs_no_name() -> None:
    metrics = name_metrics({"Pneumonia": {"auroc": AREA}}, {})
    assert metrics == {"auroc": AREA}
    single = replace(CHEST_SPEC, labels=CHEST_SPEC.labels[:1], metrics=metrics)
    assert metrics_by_label(single) == {"Pneumonia": {"auroc": AREA}}
