"""Pictures of a set that are nearly the same, found among any number of them with little memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from core.assessment.reading import THUMB_SIDE, code_version
from core.assessment.store import Store
from core.training.split import NEAR_BITS, SAME_CORRELATION, perceptual_hash

_CHUNK = 128
_BLOCK = 64


def near_copies(names: Mapping[str, str], store: Store) -> Iterator[tuple[str, str]]:
    """Yield pairs of names of files whose pictures are the same but for size, exposure or compression.

    A hash of low frequencies proposes pairs and the correlation of small pictures confirms them, as for training; here
    only the hashes are in memory, 32 bytes a file.

    Parameters
    ----------
    names : mapping of str to str
        By the SHA-256 of the files, each once.
    """
    hashes = list(names)
    kept, bits = _hashed(hashes, store)
    words = bits.view(np.uint64)
    for start in range(0, len(words), _BLOCK):
        differing = np.bitwise_count(words[start : start + _BLOCK, None] ^ words[None, start:]).sum(axis=2)
        for row, column in np.argwhere(differing <= NEAR_BITS):
            one, other = start + int(row), start + int(column)
            if one < other and _is_same(kept[one], kept[other], store):
                yield names[kept[one]], names[kept[other]]


def _hashed(hashes: list[str], store: Store) -> tuple[list[str], NDArray[np.uint8]]:
    kept, bits = [], [np.empty((0, 32), np.uint8)]
    for start in range(0, len(hashes), _CHUNK):
        chunk = [(one, _thumb(one, store)) for one in hashes[start : start + _CHUNK]]
        found = [(one, thumb) for one, thumb in chunk if thumb is not None and thumb.std() > 0]
        if found:
            kept += [one for one, _ in found]
            pictures = np.stack([thumb for _, thumb in found]).astype(np.float32)
            bits.append(np.packbits(perceptual_hash(pictures), axis=1))
    return kept, np.ascontiguousarray(np.concatenate(bits))


def _thumb(sha256: str, store: Store) -> NDArray[np.uint8] | None:
    content = store.thumb_of(sha256, code_version())
    return np.frombuffer(content, np.uint8).reshape(THUMB_SIDE, THUMB_SIDE) if content else None


def _is_same(one: str, other: str, store: Store) -> bool:
    first, second = _thumb(one, store), _thumb(other, store)
    if first is None or second is None:
        return False
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1]) >= SAME_CORRELATION
