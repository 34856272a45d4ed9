"""Attributes of one frame: its own functional group, else the shared one, else the dataset itself.

References
----------
DICOM PS3.3, C.7.6.16 (Multi-frame Functional Groups Module).
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from core.io.dicom.attributes import items, value_of


def macro(dataset: Dataset, index: int, sequence: str) -> Dataset | None:
    """Return the item of a functional group macro that holds for a frame; None where there is none."""
    for group in (_per_frame(dataset, index), next(iter(items(dataset, "SharedFunctionalGroupsSequence")), None)):
        found = items(group, sequence) if group is not None else ()
        if found:
            return found[0]
    return None


def macro_or_dataset(dataset: Dataset, index: int, sequence: str) -> Dataset:
    """Return the item of a functional group macro that holds for a frame, else the dataset."""
    return macro(dataset, index, sequence) or dataset


def _per_frame(dataset: Dataset, index: int) -> Dataset | None:
    sequence = value_of(dataset, "PerFrameFunctionalGroupsSequence")
    try:
        group = sequence[index] if sequence is not None else None
    except (IndexError, TypeError):
        return None
    return group if isinstance(group, Dataset) else None
