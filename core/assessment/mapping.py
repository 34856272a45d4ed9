"""What the names of a set mean to a model: a guess that is shown as one, and can be overridden.

A name of the set becomes one of the model's labels, the absence of all of them, or nothing, in which case its images
are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.domain import Label, ModelSpec
from core.errors import DatasetError

ABSENCE = ""
"""In place of a label: images of this name show none of the model's labels."""
LEFT_OUT = "skip"
"""In place of a label: images of this name are not evaluated."""

Kind = Literal["label", "absence", "left out", "unknown"]

_NORMAL = frozenset(
    {
        *("normal", "healthy", "control", "negative", "none", "no", "clear", "unremarkable", "background", "absent"),
        *("nothing", "regular", "wnl"),
    }
)
"""Names, as `_bare` leaves them, that stand for the absence of every finding."""
_DISEASE = frozenset({"finding", "disease", "abnormality", "tumor", "lesion", "mass", "cancer", "nodule", "pathology"})
_NEGATIONS = re.compile(r"^(non|not|no|without|absent|negative(for)?)(?=.{3,})")
_CLOSE = 0.85
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name of a set means to a model.

    Attributes
    ----------
    name : str
        As the set has it.
    kind : {"label", "absence", "left out", "unknown"}
    label : str
        The model's label that is shown or, where only this one is said to be absent, that is not.
    is_guess : bool
        Whether it was neither said by the user nor plain from equal names.
    reason : str
        Why, in words.
    """

    name: str
    kind: Kind
    label: str = ""
    is_guess: bool = False
    reason: str = ""

    @property
    def target(self) -> str:
        """What a user would say to get this meaning: a label, `ABSENCE` or `LEFT_OUT`."""
        return {"label": self.label, "absence": ABSENCE}.get(self.kind, LEFT_OUT)


def meanings_of(names: Sequence[str], model: ModelSpec, said: Mapping[str, str] | None = None) -> tuple[Meaning, ...]:
    """Return what each name means: what the user said, else a guess from its words.

    Parameters
    ----------
    names : sequence of str
    model : ModelSpec
    said : mapping of str to str, optional
        Of names to a label of the model, `ABSENCE` or `LEFT_OUT`.

    Raises
    ------
    DatasetError
        What was said names something that the set or the model does not have.
    """
    said = said or {}
    _require_known(names, model, said)
    return tuple(_said(name, said[name], model) if name in said else _guess(name, model) for name in names)


def truth_of(
    labels: Sequence[Sequence[str]], meanings: Sequence[Meaning], model: ModelSpec
) -> tuple[NDArray[np.float64], list[str]]:
    """Return what the cases show, and why some cannot be used.

    A label that the set has no name for is not known to be absent: its truth is NaN, except in images that are said to
    show nothing at all.

    Parameters
    ----------
    labels : sequence of sequence of str
        The names that the set gives each case; none is the absence of all labels that the set names.

    Returns
    -------
    truth : ndarray of float64, (N, L)
        1, 0, or NaN where it is not known.
    reasons : list of str, (N,)
        Why a case has to be left out: a code, empty where it has not.
    """
    by_name = {meaning.name: meaning for meaning in meanings}
    index = {label.name: place for place, label in enumerate(model.labels)}
    named = np.array([any(one.label == label.name for one in meanings) for label in model.labels], dtype=bool)
    is_exclusive = model.calibration.activation == "softmax"
    rest = 0.0 if is_exclusive else np.nan
    truth = np.tile(np.where(named, 0.0, rest), (len(labels), 1))
    reasons = []
    for row, own in zip(truth, labels, strict=True):
        means = [by_name[name] for name in own]
        if means and all(one.kind == "absence" and not one.label for one in means):
            row[np.isnan(row)] = 0.0
        row[[index[one.label] for one in means if one.kind == "label"]] = 1.0
        reasons.append(_reason(means, row, is_exclusive=is_exclusive))
    return truth, reasons


def _reason(means: Sequence[Meaning], row: NDArray[np.float64], *, is_exclusive: bool) -> str:
    if any(one.kind == "unknown" for one in means):
        return "unknown-label"
    if any(one.kind == "left out" for one in means):
        return "label-left-out"
    if is_exclusive and row.sum() != 1:
        return "not-one-label"
    return ""


def _require_known(names: Sequence[str], model: ModelSpec, said: Mapping[str, str]) -> None:
    for name, target in said.items():
        if name not in names:
            raise DatasetError(f"The set has no label “{name}”; it has {', '.join(names)}.", code="no-such-set-label")
        if target not in (ABSENCE, LEFT_OUT, *(label.name for label in model.labels)):
            raise DatasetError(
                f"The model has no label “{target}”; it has {', '.join(label.name for label in model.labels)}.",
                hint=f"Say NAME=LABEL, NAME= for the absence of all of them, or NAME={LEFT_OUT} to leave images out.",
                code="no-such-label",
            )


def _said(name: str, target: str, model: ModelSpec) -> Meaning:
    if any(label.name == target for label in model.labels):
        return Meaning(name, "label", target, reason="as you said")
    if target == LEFT_OUT:
        return Meaning(name, "left out", reason="as you said")
    normal = _normal_label(model)
    if normal is not None:
        return Meaning(name, "label", normal.name, reason="as you said")
    if model.calibration.activation == "softmax":
        return Meaning(name, "unknown", reason=_NO_ABSENCE)
    return Meaning(name, "absence", reason="as you said")


# ── Guessing ──────────────────────────────────────────────────────────────────────────────────────────────────────

_NO_ABSENCE = "the model has no label for images without a finding"


def _guess(name: str, model: ModelSpec) -> Meaning:
    for find, reason in _GUESSES:
        found = [label for label in model.labels if find(name, label)]
        if len(found) == 1:
            return Meaning(name, "label", found[0].name, is_guess=bool(reason), reason=reason)
    negated = _negated(name, model)
    if negated is None and not _sounds_normal(name):
        return Meaning(name, "unknown", reason="the model has no label like it")
    normal = _normal_label(model)
    if normal is not None:
        return Meaning(name, "label", normal.name, is_guess=True, reason="it sounds like the absence of findings")
    if model.calibration.activation == "softmax":
        return Meaning(name, "unknown", reason=_NO_ABSENCE)
    label = "" if negated is None else negated.name
    return Meaning(name, "absence", label, is_guess=True, reason="it sounds like the absence of what the model finds")


def _is_equal(name: str, label: Label) -> bool:
    return name == label.name


def _is_alike(name: str, label: Label) -> bool:
    return bool(_bare(name)) and _bare(name) in (_bare(label.name), _bare(label.title))


def _is_part(name: str, label: Label) -> bool:
    """Whether one name begins with or holds all words of the other, as "COVID" and "COVID-19" do."""
    if _NEGATIONS.match(_bare(name)) or _bare(name) in _NORMAL:
        return False
    own, words = _bare(name), _words(name)
    return any(
        min(len(own), len(_bare(other))) >= _SHORTEST
        and (
            own.startswith(_bare(other))
            or _bare(other).startswith(own)
            or words <= _words(other)
            or _words(other) <= words
        )
        for other in (label.name, label.title)
        if other
    )


def _is_close(name: str, label: Label) -> bool:
    own, other = _bare(name), _bare(label.name)
    if _NEGATIONS.match(own) or own in _NORMAL or min(len(own), len(other)) < _SHORTEST:
        return False
    return SequenceMatcher(a=own, b=other).ratio() >= _CLOSE


_GUESSES = (
    (_is_equal, ""),
    (_is_alike, "the same word, written otherwise"),
    (_is_part, "it shares words with the label"),
    (_is_close, "it is spelt much like the label"),
)
"""In the order in which they are tried; the first is no guess."""


def _sounds_normal(name: str) -> bool:
    bare = _bare(name)
    return bare in _NORMAL or _NEGATIONS.sub("", bare) in _DISEASE


def _negated(name: str, model: ModelSpec) -> Label | None:
    """Return the label that a name denies, as "NonCOVID" does."""
    bare = _bare(name)
    rest = _NEGATIONS.sub("", bare)
    if rest == bare:
        return None
    return next((label for label in model.labels if _begins_alike(rest, _bare(label.name))), None)


def _begins_alike(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _normal_label(model: ModelSpec) -> Label | None:
    """Return the one label that is no finding."""
    normal = [label for label in model.labels if not label.is_finding]
    return normal[0] if len(normal) == 1 else None


def _bare(name: str) -> str:
    """Return a name without case, signs, British spelling and the s of a plural."""
    letters = "".join(_pieces(name))
    for british, american in (("tumour", "tumor"), ("oedema", "edema"), ("haem", "hem"), ("anaem", "anem")):
        letters = letters.replace(british, american)
    return letters[:-1] if len(letters) > _SHORTEST and letters.endswith("s") and letters[-2] not in "si" else letters


def _words(name: str) -> frozenset[str]:
    return frozenset(_bare(word) for word in _pieces(name))


def _pieces(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", name.casefold())
