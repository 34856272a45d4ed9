"""Damaged labelled sets: zips with folders of classes, and tables of labels, as an evaluation takes them in."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from core.assessment.labelled_set import LabelledSet, find_table, open_set
from core.assessment.reading import open_file
from core.assessment.store import Store
from core.errors import CoreError
from tests import made
from tests.fuzz.intake import LIMITS, Tally
from tests.fuzz.mutants import changed

TABLE = (
    "path,labels,patient,age\n"
    "normal/a.png,,p1,34\n"
    'disease/b.png,"pneumonia|effusion",p2,7\n'
    '"disease/c.png",pneumonia;effusion,p2,\n'
    "disease/d.dcm,Größe,p3,81\n"
)


@cache
def _archive() -> bytes:
    gray = np.add.outer(np.arange(24), np.arange(24)).astype(np.uint8)
    names = ("normal/a.png", "disease/b.png", "disease/c.png")
    files = {name: made.png(np.roll(gray, number)) for number, name in enumerate(names)}
    return made.zipped(files | {"disease/d.dcm": made.radiograph(48)})


def run_sets(seed: int, numbers: Iterable[int]) -> Tally:
    """Open damaged sets one after the other and read what is left of their files."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "data")
        for number in numbers:
            began = time.monotonic()
            chance = random.Random(f"set {seed}:{number}")
            try:
                _take_in(Path(folder), chance, store, tally)
            except CoreError as error:
                tally.codes[error.code] += 1
                tally.refused += 1
            except Exception as error:  # the very thing that is looked for
                tally.crashes.append(f"set {number}: {type(error).__name__}: {error}")
            tally.slowest = max(tally.slowest, (time.monotonic() - began, number))
        store.close()
    return tally


def _take_in(folder: Path, chance: random.Random, store: Store, tally: Tally) -> None:
    archive, table = folder / "set.zip", folder / "table.csv"
    is_table = chance.random() < 0.5
    archive.write_bytes(_archive() if is_table else changed(_archive(), chance))
    table.write_bytes(changed(TABLE.encode(), chance) if is_table else TABLE.encode())
    labelled = open_set(archive, table=find_table(table) if is_table else None, limits=LIMITS)
    try:
        tally.shown += _readable(labelled, store, tally) > 0
    finally:
        labelled.files.close()


def _readable(labelled: LabelledSet, store: Store, tally: Tally) -> int:
    opened = [open_file(labelled.files, one.path.as_posix(), store) for one in labelled.examples]
    tally.codes.update(one.facts.code for one in opened if one.facts.code)
    readable = sum(not one.facts.code for one in opened)
    tally.refused += readable == 0
    return readable
