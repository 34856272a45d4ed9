"""Attributes of a dataset, read tolerantly: what cannot be understood counts as missing.

Headers in the wild hold text in number fields, three values where one belongs, and values that no VR allows. Each
accessor returns a value of one Python type, or its empty value; none raises.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue


def value_of(dataset: Dataset, keyword: str) -> Any:
    """Return the value of an attribute as pydicom reads it; None where it is missing, empty or unreadable."""
    try:
        value = dataset.get(keyword)
    except Exception:  # pydicom converts on access, and a hostile value may raise nearly anything
        return None
    return None if isinstance(value, str | bytes) and not value else value


def values_of(dataset: Dataset, keyword: str) -> tuple[Any, ...]:
    """Return all values of an attribute; empty where it is missing, empty or unreadable."""
    value = value_of(dataset, keyword)
    if value is None:
        return ()
    if isinstance(value, MultiValue | list | tuple):
        return tuple(value)
    return (value,)


def text(dataset: Dataset, keyword: str) -> str | None:
    """Return the first value as stripped text, None where there is none."""
    return next(iter(texts(dataset, keyword)), None)


def texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """Return all values as stripped text, empty ones left out."""
    stripped = (str(value).strip(" \0\r\n\t") for value in values_of(dataset, keyword))
    return tuple(value for value in stripped if value)


def number(dataset: Dataset, keyword: str) -> float | None:
    """Return the first value as a finite number, None where it is not one."""
    return next(iter(_finite(values_of(dataset, keyword)[:1])), None)


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """Return all values as finite numbers; empty where any of them is not one."""
    values = values_of(dataset, keyword)
    finite = tuple(_finite(values))
    return finite if len(finite) == len(values) else ()


def integer(dataset: Dataset, keyword: str) -> int | None:
    """Return the first value as a whole number, None where it is not one."""
    value = number(dataset, keyword)
    return None if value is None or value != int(value) else int(value)


def items(dataset: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """Return the items of a sequence; empty where it is missing or is no sequence."""
    return tuple(value for value in values_of(dataset, keyword) if isinstance(value, Dataset))


def _finite(values: Iterable[Any]) -> Iterable[float]:
    for value in values:
        try:
            result = float(value)
        except (TypeError, ValueError, OverflowError, ArithmeticError):
            continue
        if math.isfinite(result):
            yield result
