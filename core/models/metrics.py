"""How the figures of a model are named in `model.toml`, and found there again.

auroc                     of the only label
glioma: auroc             of one of several
macro_auroc               of all labels together
findings: macro_auroc     of all labels together, on the images alone that show a finding
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.domain import Estimate, Label, ModelSpec

ALL_LABELS = ""
AMONG_FINDINGS = "findings"
"""Owners of figures that are not of one label; a label of that name comes first."""


def name_metrics(
    by_label: Mapping[str, Mapping[str, Estimate]], together: Mapping[str, Mapping[str, Estimate]]
) -> dict[str, Estimate]:
    """Name the figures for `model.toml`; `together` holds those of `ALL_LABELS` and `AMONG_FINDINGS`."""
    single = len(by_label) == 1
    owners = {**together, **{ALL_LABELS if single else label: own for label, own in by_label.items()}}
    return {
        f"{owner}: {name}" if owner else name: estimate
        for owner, own in owners.items()
        for name, estimate in own.items()
    }


def metrics_by_label(spec: ModelSpec) -> dict[str, dict[str, Estimate]]:
    """Sort the figures of a model by label name, or by `ALL_LABELS` and `AMONG_FINDINGS`."""
    sorted_metrics: dict[str, dict[str, Estimate]] = {}
    for key, estimate in spec.metrics.items():
        owner, figure = _owner(key, spec.labels)
        sorted_metrics.setdefault(owner, {})[figure] = estimate
    return sorted_metrics


def _owner(key: str, labels: Sequence[Label]) -> tuple[str, str]:
    for name in (*(label.name for label in labels), AMONG_FINDINGS):
        if key.startswith(f"{name}: "):
            return name, key.removeprefix(f"{name}: ")
    return (labels[0].name if len(labels) == 1 else ALL_LABELS), key
