"""Dividing patients, never pictures, into training, validation and test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from core.errors import DatasetError

HASH_SIDE = 16
NEAR_BITS = 32
"""Two pictures of whose 256 hash bits at most so many differ are suspected to be the same one."""
SAME_CORRELATION = 0.98
"""And are taken for the same one where their reduced pictures correlate at least so much."""


class Part(IntEnum):
    """What a picture is used for."""

    TRAINING = 0
    VALIDATION = 1
    TEST = 2


UNUSED = -1
"""In place of a `Part`: a training picture that is left out because validation or test know its patient."""


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """Which picture belongs where.

    Attributes
    ----------
    part : ndarray of int, (N,)
        Values of `Part`, or `UNUSED`.
    group : ndarray of int, (N,)
        Patient, after patients that share a picture were joined.
    joined : tuple of (int, int)
        Pairs of near-identical pictures of different patients.
    given : frozenset of Part
        Parts that are the data set's own; the others were drawn.
    crossing : tuple of (int, int)
        Pairs of near-identical pictures that the data set itself has in different parts.
    """

    part: NDArray[np.int64]
    group: NDArray[np.int64]
    joined: tuple[tuple[int, int], ...]
    given: frozenset[Part] = frozenset()
    crossing: tuple[tuple[int, int], ...] = ()

    def of(self, part: Part) -> NDArray[np.int64]:
        """Return the indices of the pictures in a part."""
        return np.flatnonzero(self.part == part)

    def unused(self) -> NDArray[np.int64]:
        """Return the indices of the pictures that are not trained on, because validation or test know their patient."""
        return np.flatnonzero(self.part == UNUSED)


def divide(
    patients: Sequence[str],
    classes: Sequence[str],
    pixels: NDArray[np.uint8],
    *,
    validation_share: float,
    test_share: float,
    seed: int,
    given: Sequence[Part | None] = (),
    targets: NDArray[np.float64] | None = None,
) -> Division:
    """Divide pictures so that neither a patient nor a near-identical picture is in two parts.

    Parameters
    ----------
    given : sequence of Part or None, optional
        The part that the data set itself names for each picture, None where it names none. Validation and test stay
        as they are given; one that is missing is drawn from the other pictures. Those whose patient, or a copy of
        whose pictures, is in a given validation or test are not trained on.
    targets : ndarray, (N, labels), optional
        1 where a picture shows a label; for pictures that show several, whose `classes` do not say it all.

    Raises
    ------
    DatasetError
        A class does not reach every part: it has too few patients.
    """
    pairs = near_duplicates(pixels)
    group = join_groups(patients, pairs)
    across = tuple((a, b) for a, b in pairs if patients[a] != patients[b])
    own = _given_parts(given, len(patients))
    parts_given = frozenset(Part(number) for number in np.unique(own[own != UNUSED]))
    shares = {Part.VALIDATION: validation_share, Part.TEST: test_share}
    wanted = {one: 0.0 if one in parts_given else shares[one] for one in shares}

    def drawn(free: NDArray[np.int64]) -> NDArray[np.int64]:
        validation, test = wanted[Part.VALIDATION], wanted[Part.TEST]
        if targets is not None:
            return draw_label_parts(group[free], targets[free], validation_share=validation, test_share=test, seed=seed)
        own_classes = np.asarray(classes)[free].tolist()
        return draw_parts(group[free], own_classes, validation_share=validation, test_share=test, seed=seed)

    part = _completed(own, group, drawn)
    crossing = tuple((a, b) for a, b in pairs if own[a] != own[b] and UNUSED not in (own[a], own[b]))
    division = Division(part, group, across, parts_given, crossing)
    require_no_leak(division, patients, pairs)
    if targets is None:
        _require_every_class(division, classes)
    else:
        _require_every_label(division, targets)
    return division


def _given_parts(given: Sequence[Part | None], n: int) -> NDArray[np.int64]:
    """Return the given parts as numbers, `UNUSED` where there is none."""
    return np.array([UNUSED if one is None else one for one in given] if given else [UNUSED] * n, dtype=np.int64)


def _completed(
    given: NDArray[np.int64],
    group: NDArray[np.int64],
    drawn: Callable[[NDArray[np.int64]], NDArray[np.int64]],
) -> NDArray[np.int64]:
    """Keep the given validation and test, and draw what is missing from the patients who are in neither."""
    held_out = np.isin(given, (Part.VALIDATION, Part.TEST))
    part = np.where(held_out, given, UNUSED)
    free = np.flatnonzero(~np.isin(group, group[held_out]))
    part[free] = drawn(free)
    return part


def draw_parts(
    group: NDArray[np.int64], classes: Sequence[str], *, validation_share: float, test_share: float, seed: int
) -> NDArray[np.int64]:
    """Draw a part for each group, so that each part holds about its share of the pictures of every class."""
    names = np.asarray(classes)
    part = np.full(len(group), Part.TRAINING, dtype=np.int64)
    taken = np.zeros(len(group), dtype=bool)
    rng = np.random.default_rng([seed, 0])
    for name in np.unique(names):
        wanted = {Part.TEST: test_share, Part.VALIDATION: validation_share}
        own = np.flatnonzero((names == name) & ~taken)
        order = rng.permutation(np.unique(group[own]))
        sizes = np.array([np.count_nonzero(group[own] == one) for one in order])
        middle = (np.cumsum(sizes) - sizes / 2) / max(1, sizes.sum())
        low = 0.0
        for target, share in wanted.items():
            members = np.isin(group, order[(middle >= low) & (middle < low + share)]) & ~taken
            part[members] = target
            low += share
        taken |= np.isin(group, order)
    return part


def draw_folds(group: NDArray[np.int64], classes: Sequence[str], *, folds: int, seed: int) -> NDArray[np.int64]:
    """Draw a fold, 0 to `folds` - 1, for each group, so that each fold holds about as much of every class."""
    names, fold = np.asarray(classes), np.full(len(group), UNUSED, dtype=np.int64)
    rng = np.random.default_rng([seed, 14])
    for name in np.unique(names):
        own = np.flatnonzero((names == name) & (fold == UNUSED))
        order = rng.permutation(np.unique(group[own]))
        sizes = np.array([np.count_nonzero(group[own] == one) for one in order])
        middle = (np.cumsum(sizes) - sizes / 2) / max(1, sizes.sum())
        for number in range(folds):
            fold[np.isin(group, order[(middle * folds).astype(int) == number])] = number
    return fold


def draw_label_parts(
    group: NDArray[np.int64],
    targets: NDArray[np.float64],
    *,
    validation_share: float,
    test_share: float,
    seed: int,
) -> NDArray[np.int64]:
    """Draw a part for each group, so that each part holds about its share of every label and of the unlabelled.

    The rarest label that is left is shared out first: each of its groups goes to the part that still lacks most of it.

    References
    ----------
    .. [1] Sechidis, Tsoumakas, Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011, algorithm 1.
    """
    shares = np.array([1 - validation_share - test_share, validation_share, test_share])
    marks = np.column_stack([targets, targets.sum(axis=1) == 0])
    groups, member = np.unique(group, return_inverse=True)
    held = np.zeros((len(groups), marks.shape[1]))
    np.add.at(held, member, marks)
    lacking = np.outer(np.where(shares > 0, shares, -np.inf), np.maximum(held.sum(axis=0), 1e-9))
    order = np.random.default_rng([seed, 0]).permutation(len(groups))
    part = np.full(len(groups), UNUSED, dtype=np.int64)
    while (part == UNUSED).any():
        left = held[part == UNUSED].sum(axis=0)
        rarest = int(np.argmin(np.where(left > 0, left, np.inf)))
        for one in order[(part[order] == UNUSED) & (held[order, rarest] > 0)]:
            # Of parts that lack as many of the label, the one that lacks most pictures.
            part[one] = max(Part, key=lambda p: (lacking[p, rarest], lacking[p].sum()))
            lacking[part[one]] -= held[one]
    return part[member]


def join_groups(patients: Sequence[str], pairs: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """Return a number for each patient, the same one for those that share a near-identical picture."""
    _, group = np.unique(np.asarray(patients), return_inverse=True)
    group = group.astype(np.int64)
    for a, b in pairs:
        group[group == group[b]] = group[a]
    return group


def require_no_leak(division: Division, patients: Sequence[str], pairs: Iterable[tuple[int, int]]) -> None:
    """Check that no patient and no pair of near-identical pictures is in two parts.

    Between validation and test that were both given with the data set, that is the data set's own fault: it is
    reported, and does not touch what is trained on.

    Raises
    ------
    DatasetError
        One is.
    """
    part = division.part.copy()
    if division.given >= {Part.VALIDATION, Part.TEST}:
        part[part == Part.TEST] = Part.VALIDATION
    _, number = np.unique(np.asarray(patients), return_inverse=True)
    parts_of_patient = np.zeros((number.max() + 1, len(Part)), dtype=bool)
    used = part != UNUSED
    parts_of_patient[number[used], part[used]] = True
    torn = int(np.count_nonzero(parts_of_patient.sum(axis=1) > 1))
    crossing = sum(part[a] != part[b] for a, b in pairs if used[a] and used[b])
    if torn or crossing:
        raise DatasetError(
            f"The division leaks: {torn} patients and {crossing} near-identical pictures are in two parts.",
            hint="Keep all pictures of a patient, and all copies of a picture, in one part.",
            code="leak",
        )


def _require_every_class(division: Division, classes: Sequence[str]) -> None:
    names = np.asarray(classes)
    for name in np.unique(names):
        reached = set(division.part[names == name].tolist())
        absent = [part.name.lower() for part in Part if part not in reached]
        if absent:
            raise DatasetError(
                f"The class “{name}” has too few patients: none is left for {absent[0]}.",
                hint="Add patients, or change the shares of validation and test.",
                code="too-few-patients",
            )


def _require_every_label(division: Division, targets: NDArray[np.float64]) -> None:
    for part in Part:
        own = targets[division.of(part)]
        shown = own.sum(axis=0)
        if not len(own) or (shown == 0).any() or (shown == len(own)).any():
            raise DatasetError(
                f"A label has too few patients with it, or without it: none is left for {part.name.lower()}.",
                hint="Leave rare labels out, add patients, or change the shares of validation and test.",
                code="too-few-patients",
            )


# ── Near-identical pictures ───────────────────────────────────────────────────────────────────────────────────────


def near_duplicates(pixels: NDArray[np.uint8]) -> tuple[tuple[int, int], ...]:
    """Return the pairs of pictures that are copies of one another but for size, exposure or compression.

    A hash of the low frequencies proposes pairs, and the correlation of the reduced pictures confirms them, since
    chest films of different children have similar low frequencies.
    """
    reduced = _reduced(pixels)
    bits = perceptual_hash(reduced)
    return tuple((a, b) for a, b in _near_pairs(bits) if _correlation(reduced[a], reduced[b]) >= SAME_CORRELATION)


def perceptual_hash(pictures: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Hash each picture, (N, side, side), to 256 bits: which low frequencies are above their median.

    References
    ----------
    .. [1] Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010, section 3.2.1.
    """
    from scipy.fft import dctn

    low = np.asarray(dctn(pictures, axes=(1, 2), norm="ortho"))[:, :HASH_SIDE, :HASH_SIDE].reshape(len(pictures), -1)
    return np.asarray(low > np.median(low[:, 1:], axis=1, keepdims=True), dtype=np.bool_)


def _reduced(pixels: NDArray[np.uint8], side: int = 64) -> NDArray[np.float32]:
    """Average each picture down to at most `side` × `side`; memory-mapped pictures are read one by one."""
    rows, columns = (np.linspace(0, length, min(side, length) + 1).astype(int) for length in pixels.shape[1:])
    areas = np.outer(np.diff(rows), np.diff(columns))
    means = [
        np.add.reduceat(np.add.reduceat(one.astype(np.float32), rows[:-1], axis=0), columns[:-1], axis=1) / areas
        for one in pixels
    ]
    return np.asarray(means, dtype=np.float32)


def _near_pairs(bits: NDArray[np.bool_]) -> Iterable[tuple[int, int]]:
    """Yield pairs (a < b) whose hashes differ in at most `NEAR_BITS` bits."""
    signs = np.where(bits, 1, -1).astype(np.float32)
    width = bits.shape[1]
    for start in range(0, len(bits), 512):
        differing = (width - signs[start : start + 512] @ signs.T) / 2
        for row, column in np.argwhere(differing <= NEAR_BITS):
            if start + row < column:
                yield int(start + row), int(column)


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    if not a.std() or not b.std():
        return 0.0
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])
