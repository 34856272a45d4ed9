"""Attributes of one frame: its own functional group, else the shared one, else the dataset itself.

References
----------
DICOM PS3.3, C.7.6.16 (Multi-frame Functional Groups Module).
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from core.io.dicom.attributes import items


def macro(dataset: Dataset, index: int, sequence: str) -> Dataset | None:
    """Return the item of a functional group macro that holds for a frame; None where there is none."""
    per_frame = items(dataset, "PerFrameFunctionalGroupsSequence")[index : index + 1]
    for group in (*per_frame, *items(dataset, "SharedFunctionalGroupsSequence")[:1]):
        if found := items(group, sequence):
            return found[0]
    return None


def macro_or_dataset(dataset: Dataset, index: int, sequence: str) -> Dataset:
    """Return the item of a functional group macro that holds for a frame, else the dataset."""
    found = macro(dataset, index, sequence)
    return dataset if found is None else found
