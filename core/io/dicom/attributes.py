"""Attributes of a dataset, read tolerantly: what cannot be understood counts as missing.

Headers in the wild hold text in number fields, three values where one belongs, and values that no VR allows. Each
accessor returns values of one Python type, or its empty value; none raises.

Plain VRs are decoded here from the raw bytes. That takes a tenth of the time of pydicom's general way, which matters
for 300 slices, and leaves the dataset unchanged, so that frames can be decoded from several threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from struct import Struct
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag

_PADDING = " \0\r\n\t"


def values_of(dataset: Dataset, keyword: str) -> tuple[Any, ...]:
    """Return all values of an attribute; empty where it is missing, empty or unreadable."""
    tag, usual_vr = _dictionary(keyword)
    element: DataElement | RawDataElement | None = dataset.get_item(tag, keep_deferred=True)
    if isinstance(element, RawDataElement):
        decode = _PLAIN.get(element.VR or usual_vr)
        if decode is not None:
            return decode(element) if element.value else ()
    return () if element is None else _as_tuple(_converted(dataset, tag))


def text(dataset: Dataset, keyword: str) -> str | None:
    """Return the first value as stripped text, None where there is none."""
    return next(iter(texts(dataset, keyword)), None)


def texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """Return all values as stripped text, empty ones left out."""
    stripped = (str(value).strip(_PADDING) for value in values_of(dataset, keyword))
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
    return None if value is None or value % 1 else int(value)


def items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    """Return the items of a sequence; empty where it is missing or is no sequence."""
    values = _converted(dataset, _dictionary(keyword)[0])
    return values if isinstance(values, DicomSequence) else ()


def by_tag(dataset: Dataset, group: int, element: int) -> Any:
    """Return the value of an attribute without a keyword of its own, as of repeating groups; None where unreadable."""
    return _converted(dataset, BaseTag((group << 16) + element))


@cache
def _dictionary(keyword: str) -> tuple[BaseTag, str]:
    """Return tag and VR of a keyword of the standard's dictionary."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return BaseTag(tag), dictionary_VR(tag)


def _converted(dataset: Dataset, tag: BaseTag) -> Any:
    """Return a value as pydicom reads it; None where it is missing or unreadable."""
    try:
        return dataset[tag].value if tag in dataset else None
    except Exception:  # pydicom converts on access, and a hostile value may raise nearly anything
        return None


def _as_tuple(value: Any) -> tuple[Any, ...]:
    if value is None or (isinstance(value, str | bytes) and not value):
        return ()
    return tuple(value) if isinstance(value, MultiValue | list | tuple) else (value,)


def _finite(values: Iterable[Any]) -> Iterable[float]:
    for value in values:
        try:
            result = float(value)
        except (TypeError, ValueError, OverflowError, ArithmeticError):
            continue
        if math.isfinite(result):
            yield result


# ── Plain VRs, PS3.5 6.2 ──────────────────────────────────────────────────────────────────────────────────────────


def _plain_text(element: RawDataElement) -> tuple[str, ...]:
    """Decode a VR of the default character repertoire."""
    return tuple(value.strip(_PADDING) for value in (element.value or b"").decode("latin-1").split("\\"))


def _plain_numbers(element: RawDataElement, *, little: Struct, big: Struct) -> tuple[float, ...]:
    layout, content = little if element.is_little_endian else big, element.value or b""
    return tuple(value for (value,) in layout.iter_unpack(content)) if len(content) % layout.size == 0 else ()


_PLAIN: Mapping[str, Callable[[RawDataElement], tuple[Any, ...]]] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"), _plain_text),
    **{
        vr: partial(_plain_numbers, little=Struct("<" + code), big=Struct(">" + code))
        for vr, code in {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d"}.items()
    },
}
