"""A table of a TOML or JSON document, read field by field; every fault names the field."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from core.errors import ModelError

_T = TypeVar("_T", bound=str | int)


def bad_field(field: str, found: str, accepted: str, *, file: str = "model.toml") -> ModelError:
    """Return the error for a field that holds what it must not."""
    return ModelError(
        f"The field “{field}” of {file} holds {found}; accepted is {accepted}.",
        hint="Correct the field, or copy the model folder again from where it came.",
        code="model-field-invalid",
    )


class Table:
    """A table of a document whose fields are asked for by name and type.

    Parameters
    ----------
    values : mapping
        As `tomllib` or `json` returns it.
    path : str
        Of the table in the document, for messages: `"labels[0]."`.
    file : str
        Name of the document, for messages.
    """

    def __init__(self, values: Mapping[str, Any], path: str = "", *, file: str = "model.toml") -> None:
        self._values = values
        self._path = path
        self._file = file
        self._asked: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def finish(self) -> None:
        """Raise where a field was never asked for: a misspelt name would otherwise pass as absent."""
        unknown = sorted(set(self._values) - self._asked)
        if unknown:
            raise ModelError(
                f"The field “{self._path}{unknown[0]}” of {self._file} is not known.",
                hint=f"Known there are: {', '.join(sorted(self._asked))}.",
                code="model-field-unknown",
            )

    def require(self, holds: bool, name: str, accepted: str) -> None:  # noqa: FBT001 a condition reads best unnamed
        """Raise unless a condition between fields holds."""
        if not holds:
            raise self._bad(name, accepted)

    def text(
        self, name: str, *, required: bool = False, pattern: re.Pattern[str] | None = None, accepted: str = "text"
    ) -> str:
        """Return a string; absent or empty is an error only where `required`, or where there is a pattern."""
        value = self._get(name, "")
        fits = isinstance(value, str) and (bool(value.strip()) or not required)
        if not fits or (pattern is not None and not pattern.fullmatch(value)):
            raise self._bad(name, accepted if pattern else "text that is not empty" if required else "text")
        return str(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings; absent is empty."""
        value = self._get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise self._bad(name, "a list of texts")
        return tuple(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise self._bad(name, "true or false")
        return value

    def one_of(self, name: str, choices: tuple[_T, ...], *, default: _T | None = None) -> Any:
        """Return one of the choices."""
        value = self._get(name, default)
        if isinstance(value, bool) or value not in choices:
            raise self._bad(name, " or ".join(_shown(choice) for choice in choices))
        return value

    def whole(self, name: str, *, low: int, high: float = math.inf, default: int | None = None) -> int:
        """Return a whole number from `low` to `high`; without a default it must be there."""
        value = self._get(name, default)
        if not _is_whole(value) or not low <= value <= high:
            raise self._bad(name, f"a whole number {_range(low, high)}")
        return int(value)

    def number(
        self,
        name: str,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        default: float | None = None,
        allow_nan: bool = False,
    ) -> float:
        """Return a number from `low` to `high`."""
        value = self._get(name, default)
        if allow_nan and isinstance(value, float) and math.isnan(value):
            return value
        if not _is_number(value) or not low <= value <= high:
            raise self._bad(name, f"a number {_range(low, high)}")
        return float(value)

    def numbers(
        self,
        name: str,
        *,
        length: int | None = None,
        low: float = -math.inf,
        high: float = math.inf,
        whole: bool = False,
        default: tuple[float, ...] | None = None,
    ) -> tuple[float, ...]:
        """Return a list of numbers, each from `low` to `high`."""
        value = self._get(name, None if default is None else list(default))
        fits = _is_whole if whole else _is_number
        kind = f"{length or 'some'} {'whole ' if whole else ''}numbers, each {_range(low, high)}"
        if not isinstance(value, list) or (length is not None and len(value) != length):
            raise self._bad(name, kind)
        if not all(fits(item) and low <= item <= high for item in value):
            raise self._bad(name, kind)
        return tuple(int(item) if whole else float(item) for item in value)

    def matrix(self, name: str) -> tuple[tuple[int, ...], ...]:
        """Return a list of lists of counts."""
        value = self._get(name, None)
        rows = value if isinstance(value, list) else [None]
        if not all(isinstance(row, list) and all(_is_whole(item) and item >= 0 for item in row) for row in rows):
            raise self._bad(name, "lists of whole numbers from 0")
        return tuple(tuple(int(item) for item in row) for row in rows if row is not None)

    def table(self, name: str, *, required: bool = True) -> Table:
        """Return the table below this one."""
        value = self._get(name, None if required else {})
        if not isinstance(value, dict):
            raise self._bad(name, f"a table, [{self._path}{name}]")
        return Table(value, f"{self._path}{name}.", file=self._file)

    def tables(self, name: str, *, required: bool = True) -> tuple[Table, ...]:
        """Return the tables of an array, at least one where `required`."""
        value = self._get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value) or (required and not value):
            raise self._bad(name, f"tables, [[{self._path}{name}]]")
        return tuple(Table(item, f"{self._path}{name}[{index}].", file=self._file) for index, item in enumerate(value))

    def each_table(self) -> Iterator[tuple[str, Table]]:
        """Yield every field of this table as a table below it."""
        for name in self._values:
            yield name, self.table(name)

    def _get(self, name: str, default: object) -> Any:
        self._asked.add(name)
        return self._values.get(name, default)

    def _bad(self, name: str, accepted: str) -> ModelError:
        return bad_field(self._path + name, _shown(self._values.get(name)), accepted, file=self._file)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _range(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return "of any size"
    if math.isinf(high):
        return f"from {low:g}"
    return f"{low:g}" if low == high else f"from {low:g} to {high:g}"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = f"“{value}”" if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
