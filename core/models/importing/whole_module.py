"""Take the weights out of a network that was pickled as a whole, without running any of its code.

Such a file names classes and functions and asks for them to be called. The reader of `torch.load(weights_only=True)`
refuses it, in the layout from before PyTorch 1.6 even where every class is known. Here every name of the file stands
for an inert record, which keeps what it is given and does nothing; the exceptions are the types of numbers and two
recipes for tensors, which are written down and followed only after the whole file has been read. So nothing of the
file is ever imported or called, whatever it names.

References
----------
Python documentation, `pickle`, "Restricting Globals". The two layouts are those of `torch.serialization`:
`_legacy_save` and `_save`.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.models.importing.checkpoint import unreadable

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
}

_Content = Callable[[str], bytes]
"""From the key of a storage to its bytes."""


@dataclass(frozen=True, slots=True)
class _Storage:
    dtype: torch.dtype
    key: str


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How a tensor lies in its storage."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Inert:
    """Stands for everything that a file names: can be made, called and filled, and does nothing."""

    __slots__ = ("state",)
    state: Mapping[str, Any]

    def __new__(cls, *_arguments: object) -> _Inert:
        record = super().__new__(cls)
        record.state = {}
        return record

    def __init__(self, *_arguments: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        self.state = state if isinstance(state, dict) else {}

    def __setitem__(self, _key: object, _value: object) -> None: ...

    def append(self, _value: object) -> None:
        """Take an item of a list."""

    def extend(self, _values: object) -> None:
        """Take items of a list."""

    def add(self, _value: object) -> None:
        """Take an item of a set."""


def read_whole_module(content: bytes) -> dict[str, Tensor]:
    """Return the parameters and buffers of a pickled network, by their names in its state dict.

    Raises
    ------
    ModelError
        The bytes are damaged, or hold something else than a network.
    """
    try:
        root, storage = _zipped(content) if content[:2] == b"PK" else _legacy(content)
        return {name: _tensor(recipe, storage) for name, recipe in _recipes(root)}
    except Exception as error:  # a damaged pickle can raise anything
        raise unreadable("not a whole network of PyTorch") from error


def _zipped(content: bytes) -> tuple[Any, _Content]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    pickled = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
    folder = pickled.removesuffix("data.pkl") + "data/"
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
        raise ValueError("torch.save does not compress")
    return _Reader(io.BytesIO(archive.read(pickled))).load(), lambda key: archive.read(folder + key)


def _legacy(content: bytes) -> tuple[Any, _Content]:
    file = io.BytesIO(content)
    if _Reader(file).load() != _LEGACY_MAGIC:
        raise ValueError("not a file of torch.save")
    _version, _system = _Reader(file).load(), _Reader(file).load()
    reader = _Reader(file)
    root = reader.load()
    keys = _Reader(file).load()
    item_sizes = {storage.key: storage.dtype.itemsize for storage in reader.storages}
    storages = {key: _legacy_storage(file, item_sizes[key]) for key in keys}
    return root, storages.__getitem__


def _legacy_storage(file: io.BytesIO, item_size: int) -> bytes:
    count = int.from_bytes(file.read(8), "little")
    return file.read(count * item_size)


class _Reader(pickle.Unpickler):
    """Unpickles records; knows no class of any module."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: list[_Storage] = []

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for, which is never what it names."""
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _recipe,
            ("torch._utils", "_rebuild_tensor"): _recipe,
            ("torch._utils", "_rebuild_parameter"): _parameter,
        }
        return known.get((module, name), _Inert)

    def persistent_load(self, pid: Any) -> Any:
        """Note a storage; of a class that is saved with its source, return what stands for it."""
        kind, first, key, *rest = pid
        if kind == "module":
            return first
        if len(rest) == 3 and rest[2] is not None:
            raise ValueError("storages that are views of others are not known")
        storage = _Storage(first, key)
        self.storages.append(storage)
        return storage


def _recipe(storage: _Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_rest: object) -> _Recipe:
    return _Recipe(storage, offset, tuple(size), tuple(stride))


def _parameter(data: _Recipe, *_rest: object) -> _Recipe:
    return data


def _recipes(layer: _Inert, prefix: str = "") -> Iterator[tuple[str, _Recipe]]:
    for part in ("_parameters", "_buffers"):
        for name, recipe in layer.state[part].items():
            if recipe is not None:
                yield prefix + name, recipe
    for name, child in layer.state["_modules"].items():
        if child is not None:
            yield from _recipes(child, f"{prefix}{name}.")


def _tensor(recipe: _Recipe, storage: _Content) -> Tensor:
    values = torch.frombuffer(bytearray(storage(recipe.storage.key)), dtype=recipe.storage.dtype)
    return values.as_strided(recipe.size, recipe.stride, recipe.offset).clone()
