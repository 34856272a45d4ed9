"""One row of the audit record, and how it hangs on the row before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass
from typing import Literal

START = "0" * 64
"""What the first row hangs on."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one row says; every field is part of its hash.

    Attributes
    ----------
    at : str
        UTC, ISO 8601 to the millisecond, with a Z.
    who : str
        A role, or a number for a user, from which the user cannot be told.
    what : {"reading", "evaluation"}
    input_sha256 : str
        Of the file; of an evaluation, over the sorted SHA-256 of its images, which stand in `answer`.
    frame : int
        From 1; 0 for an evaluation.
    settings : str
        JSON: operating points, software, device.
    answer : str
        JSON: score and call of each label; of an evaluation, what it came to and the SHA-256 of its images.
    """

    at: str
    who: str
    what: Literal["reading", "evaluation"]
    input_sha256: str
    frame: int
    model_id: str
    model_version: str
    model_sha256: str
    settings: str
    answer: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands in the record."""

    number: int
    entry: Entry
    previous: str
    sha256: str


def chained(number: int, entry: Entry, previous: str) -> Row:
    """Return the row that an entry becomes behind the row with the SHA-256 `previous`."""
    return Row(number, entry, previous, row_sha256(number, entry, previous))


def row_sha256(number: int, entry: Entry, previous: str) -> str:
    """Return the SHA-256 over the row before, the number and the content.

    JSON, because fields that were only put one behind the other could be divided anew without changing the hash.
    """
    content = json.dumps([previous, number, *astuple(entry)], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()
