"""Reading a run's configuration from plain values, as a TOML file and the command line give them."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from core.domain import InputSpec
from core.errors import TrainingError
from core.training.config import DEFAULT_INPUT, TrainingConfig


def read_config(values: Mapping[str, Any]) -> TrainingConfig:
    """Build a configuration from plain values, as a TOML file holds them.

    Raises
    ------
    TrainingError
        A name is not known, a value is of the wrong kind, or `data` or `out` is missing.
    """
    config: TrainingConfig = _build(TrainingConfig, values, "the configuration")
    return config


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    TrainingError
        It is missing or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError("The configuration file cannot be read.", code="no-configuration") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"The configuration is not TOML: {error}.", code="bad-configuration") from error


def _build(kind: Any, values: Any, where: str) -> Any:
    if not isinstance(values, Mapping):
        raise _wrong(f"{where} is to be a table of values")
    known = typing.get_type_hints(kind)
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise _wrong(f"{where} has the unknown name “{unknown[0]}”; known are {', '.join(known)}")
    required = {entry.name for entry in dataclasses.fields(kind) if _is_required(entry)}
    if kind is InputSpec:
        values = {**_default_input(values.get("channels")), **values}
    missing = sorted(required - set(values))
    if missing:
        raise _wrong(f"{where} lacks “{missing[0]}”")
    return kind(**{name: _convert(known[name], value, name) for name, value in values.items()})


def _default_input(channels: object) -> dict[str, Any]:
    """Return what holds where a configuration says nothing of the input."""
    values = dataclasses.asdict(DEFAULT_INPUT)
    return {**values, "mean": values["mean"][:1], "std": values["std"][:1]} if channels == 1 else values


def _is_required(entry: dataclasses.Field[Any]) -> bool:
    return entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING


def _convert(kind: Any, value: Any, name: str) -> Any:
    """Turn a plain value into the annotated kind."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _convert(next(k for k in arguments if k is not type(None)), value, name)
    if dataclasses.is_dataclass(kind):
        return _build(kind, value, f"“{name}”")
    if origin is tuple:
        return _convert_list(arguments, value, name)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(_convert(Literal[tuple(kind)], value, name))
    if origin is Literal:
        if value not in arguments:
            raise _wrong(f"“{name}” is “{value}”; accepted are {', '.join(map(str, arguments))}")
        return value
    return _convert_plain(kind, value, name)


def _convert_list(arguments: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(f"“{name}” is to be a list")
    kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
    if len(kinds) != len(value):
        raise _wrong(f"“{name}” is to have {len(kinds)} values and has {len(value)}")
    return tuple(_convert(kind, item, name) for kind, item in zip(kinds, value, strict=True))


def _convert_plain(kind: Any, value: Any, name: str) -> Any:
    accepted = {Path: (str, Path), float: (int, float), int: (int,), str: (str,), bool: (bool,)}[kind]
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise _wrong(f"“{name}” is “{value}”; expected is {_PLAIN[kind]}")
    return kind(value)


_PLAIN = {Path: "a path", float: "a number", int: "a whole number", str: "text", bool: "true or false"}


def _wrong(what: str) -> TrainingError:
    return TrainingError(f"{what[0].upper()}{what[1:]}.", code="bad-configuration")
