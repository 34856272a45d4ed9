"""From a labelled folder or table to what a run learns from: pictures, labels and their division."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import TrainingError
from core.training.cache import Pictures, cached_pictures
from core.training.calibration import Activation
from core.training.config import ClassLabel, TrainingConfig
from core.training.dataset import Example, find_examples
from core.training.label_table import read_label_table
from core.training.material import Material
from core.training.shortcuts import elongation_offsets
from core.training.split import Division, Part, divide

Progress = Callable[[str], None]

NOTHING = "none"
"""Name of the stratum of pictures that show none of the labels, where the configuration names none."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The data of a run, read and divided.

    Attributes
    ----------
    pictures : Pictures
    labels : tuple of ClassLabel
    division : Division
    material : Material
    classes : tuple of str
        Names of the strata of the material.
    outputs : str
        Whether labels exclude each other, and how that is known: a sentence.
    """

    pictures: Pictures
    labels: tuple[ClassLabel, ...]
    division: Division
    material: Material
    classes: tuple[str, ...]
    outputs: str

    def describe(self) -> str:
        """Say how many pictures are used for what."""
        sizes = ", ".join(f"{len(self.division.of(part))} for {part.name.lower()}" for part in Part)
        left_out, joined = len(self.pictures.left_out), len(self.division.joined)
        unused, coloured = len(self.division.unused()), self.pictures.coloured
        facts = [
            f"{sizes}; {left_out} files left out; {joined} near-identical pairs of different patients kept together",
            f"{unused} not trained on, being known to validation or test" if unused else "",
            f"{coloured} in colour, read as their luminance" if coloured else "",
        ]
        return "; ".join(fact for fact in facts if fact) + f". {self.outputs}"

    def files_learnt_from(self) -> tuple[Path, ...]:
        """Return the files of training and validation, each once."""
        chosen = (*self.division.of(Part.TRAINING), *self.division.of(Part.VALIDATION))
        return tuple(sorted({self.pictures.examples[index].path for index in chosen}))


def prepare(config: TrainingConfig, *, progress: Progress) -> Prepared:
    """Read the labelled folder or table and divide it by patient.

    Raises
    ------
    DatasetError
        The data cannot be used as they are.
    TrainingError
        The configuration and the data contradict each other.
    """
    pictures = cached_pictures(
        listed_examples(config),
        spec=replace(config.input, channels=1, mean=(0.0,), std=(1.0,)),
        size=config.working_size,
        folder=config.work_folder,
        progress=progress,
    )
    labels = labels_of(config, sorted({name for one in pictures.examples for name in one.labels}))
    targets = targets_of(labels, pictures.examples)
    activation, outputs = activation_of(config, targets)
    names = strata_of(targets, [label.folder for label in labels], config.absence or NOTHING)
    division = divide(
        [one.patient for one in pictures.examples],
        names,
        pictures.pixels,
        validation_share=config.split.validation_share,
        test_share=config.split.test_share,
        seed=config.seed,
        given=[one.part for one in pictures.examples],
        targets=targets if is_multi_label(targets) else None,
    )
    classes, strata = np.unique(names, return_inverse=True)
    material = Material(
        pixels=pictures.pixels,
        targets=targets,
        strata=strata.astype(np.int64),
        training=division.of(Part.TRAINING),
        validation=division.of(Part.VALIDATION),
        activation=activation,
        elongation=_elongation(config, pictures, strata, division),
    )
    return Prepared(pictures, labels, division, material, tuple(classes.tolist()), outputs)


def listed_examples(config: TrainingConfig) -> tuple[Example, ...]:
    """Return the files that the table names, where there is one; else those of the folder."""
    pattern = config.split.patient_pattern
    if config.table is None:
        return find_examples(config.data, patient_pattern=pattern)
    return read_label_table(config.table, root=config.data, patient_pattern=pattern)


# ── Labels ────────────────────────────────────────────────────────────────────────────────────────────────────────


def labels_of(config: TrainingConfig, names: Sequence[str]) -> tuple[ClassLabel, ...]:
    """Return the labels in the order of the network's outputs, each with its folder, or name in the table, filled in.

    Of a table, labels may be picked: pictures then count as showing none of the others.

    Raises
    ------
    TrainingError
        A label or the absence names a class that is not there, or a class folder has no label.
    """
    given = config.labels or tuple(ClassLabel(name) for name in names if name != config.absence)
    labels = tuple(replace(label, folder=label.folder or label.name) for label in given)
    named = {label.folder for label in labels} | ({config.absence} - {""})
    odd = named - set(names) if config.table else named ^ set(names)
    if odd:
        raise TrainingError(
            f"The labels and the data differ: “{min(odd)}” is in one and not in the other.",
            hint="Name every class folder as a label or as the absence of all.",
            code="labels-differ",
        )
    return labels


def targets_of(labels: Sequence[ClassLabel], examples: Sequence[Example]) -> NDArray[np.float64]:
    """Return 1 where a picture shows a label, (pictures, labels)."""
    return np.array([[label.folder in one.labels for label in labels] for one in examples], dtype=np.float64)


def is_multi_label(targets: NDArray[np.float64]) -> bool:
    """Return whether a picture shows several labels."""
    return bool((targets.sum(axis=1) > 1).any())


def activation_of(config: TrainingConfig, targets: NDArray[np.float64]) -> tuple[Activation, str]:
    """Return whether the outputs are independent or exclusive, and a sentence that says why.

    Raises
    ------
    TrainingError
        They are to be exclusive, and a picture shows several labels or none; or there is nothing to tell apart.
    """
    shown = targets.sum(axis=1)
    several, nothing = int((shown > 1).sum()), int((shown == 0).sum())
    found = f"{several} pictures show several, {nothing} none"
    if config.outputs == "exclusive" and several + nothing:
        raise TrainingError(
            f"The labels are to exclude each other, but {found} of them.",
            hint="Choose independent outputs, or correct the labels.",
            code="not-exclusive",
        )
    if config.outputs == "independent" or several + nothing:
        why = "as chosen" if config.outputs == "independent" else "as the data say"
        return "sigmoid", f"The labels are independent of each other, {why}: {found} of them."
    if targets.shape[1] < 2:
        raise TrainingError(
            "Every picture shows the same single label, so there is nothing to tell apart.",
            hint="Add pictures without the label.",
            code="one-class",
        )
    return "softmax", "The labels exclude each other: every picture shows one."


def strata_of(targets: NDArray[np.float64], names: Sequence[str], nothing: str) -> list[str]:
    """Return the name by which each picture is drawn and counted: the rarest label that it shows."""
    rarity = np.argsort(targets.sum(axis=0), kind="stable")
    order = [(names[label], targets[:, label] == 1) for label in rarity]
    strata = np.full(len(targets), nothing, dtype=object)
    for name, shows in reversed(order):
        strata[shows] = name
    return [str(name) for name in strata]


def _elongation(
    config: TrainingConfig, pictures: Pictures, strata: NDArray[np.int64], division: Division
) -> NDArray[np.float64]:
    if not config.augmentation.balance_proportions:
        return np.zeros(len(strata))
    return elongation_offsets(pictures.shapes, strata, division.of(Part.TRAINING))
