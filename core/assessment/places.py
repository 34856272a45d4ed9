"""Sets that lie on the server: folders and zips below the roots that its owner allows, and nothing outside of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from core.errors import DatasetError

ROOTS_VARIABLE = "LIGHTBOX_SETS"
"""Environment variable that names the roots, separated as the system's PATH is; without it there are none."""
MOST_LISTED = 500
_DEEPEST = 3


def set_roots() -> tuple[Path, ...]:
    """Return the roots that exist, with every link resolved."""
    named = filter(None, os.environ.get(ROOTS_VARIABLE, "").split(os.pathsep))
    return tuple(dict.fromkeys(path.resolve() for path in map(Path, named) if path.is_dir()))


def list_sets() -> tuple[str, ...]:
    """Return the names of what may be a set below the roots: folders that hold folders or a table, and zips.

    The first `MOST_LISTED` are listed; `find_set` finds the others as well.
    """
    found = (name for root in set_roots() for name in _below(root, root, depth=1))
    return tuple(islice(found, MOST_LISTED))


def find_set(name: str) -> Path:
    """Return the folder or zip of a name: that of its root, and the way from there on.

    Raises
    ------
    DatasetError
        There is none, or it lies outside of the roots, be it by a link.
    """
    first, _, rest = name.strip().strip("/").partition("/")
    for root in set_roots():
        path = (root / rest).resolve()
        if first == root.name and path.is_relative_to(root) and path.exists():
            return path
    raise DatasetError(
        "There is no such folder below those that this server may open.",
        hint="Choose one of the list, or upload the set.",
        code="no-such-set",
    )


def tables_of(path: Path) -> tuple[str, ...]:
    """Return the names of the CSV files that lie in a folder itself."""
    if not path.is_dir():
        return ()
    return tuple(sorted(file.name for file in path.glob("*.csv") if _is_inside(file, path)))


def _below(folder: Path, root: Path, *, depth: int) -> Iterator[str]:
    for path in _entries(folder):
        if path.name.startswith(".") or not _is_inside(path, root):
            continue
        name = f"{root.name}/{path.relative_to(root).as_posix()}"
        if path.suffix.lower() == ".zip" and path.is_file():
            yield name
        elif path.is_dir():
            if _may_be_set(path):
                yield name
            if depth < _DEEPEST:
                yield from _below(path, root, depth=depth + 1)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_dir() or entry.name.endswith(".zip"))
    except OSError:
        return []


def _may_be_set(folder: Path) -> bool:
    try:
        return any(entry.is_dir() or entry.name.lower().endswith(".csv") for entry in os.scandir(folder))
    except OSError:
        return False


def _is_inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())
