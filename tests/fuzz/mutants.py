"""Damaged copies of files: bytes, lengths, pieces and ends, each a function of a seed and a number."""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from tests import made
from tests.fuzz.seeds import seeds

HEAD = 2500
"""Bytes at the beginning on which half of the changes fall: they are the ones that mean something."""
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged file, and what it was made of."""

    number: int
    origin: str
    content: bytes


def mutant(seed: int, number: int) -> Mutant:
    """Return the same mutant for the same seed and number, where the same files are at hand."""
    chance = random.Random(f"{seed}:{number}")
    origin = chance.choice(list(seeds()))
    content = seeds()[origin]
    if content.startswith(b"\x1f\x8b") and chance.random() < 0.7:
        return Mutant(number, origin, gzip.compress(changed(gzip.decompress(content), chance), 1, mtime=0))
    return Mutant(number, origin, _wrapped(_repaired(changed(content, chance), chance), chance))


def changed(content: bytes, chance: random.Random) -> bytes:
    """Return a damaged copy."""
    copy = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        reach = min(len(copy), HEAD) if chance.random() < 0.5 else len(copy)
        at = chance.randrange(max(reach, 1))
        chance.choices(_CHANGES, _WEIGHTS)[0](copy, at, chance)
    return bytes(copy)


Change = Callable[[bytearray, int, random.Random], None]


def _byte(changed: bytearray, at: int, chance: random.Random) -> None:
    changed[at : at + 1] = bytes([chance.randrange(256)])


def _bit(changed: bytearray, at: int, chance: random.Random) -> None:
    changed[at : at + 1] = bytes(value ^ 1 << chance.randrange(8) for value in changed[at : at + 1])


def _number(changed: bytearray, at: int, chance: random.Random) -> None:
    """Put a number where a length may be: of two or four bytes, either end first."""
    size = chance.choice((2, 4))
    value = chance.choice(_NUMBERS) % (1 << 8 * size)
    changed[at : at + size] = value.to_bytes(size, chance.choice(("little", "big")))


def _digits(changed: bytearray, _at: int, chance: random.Random) -> None:
    """Change a number that is written as text, as in headers of volumes and DICOM's IS and DS."""
    places = [at for at, value in enumerate(changed[:HEAD]) if chr(value).isdigit()]
    if places:
        changed[chance.choice(places)] = ord(chance.choice("0123456789-.eE"))


def _cut_out(changed: bytearray, at: int, chance: random.Random) -> None:
    del changed[at : at + chance.randrange(1, 200)]


def _insert(changed: bytearray, at: int, chance: random.Random) -> None:
    changed[at:at] = chance.randbytes(chance.randrange(1, 40))


def _double(changed: bytearray, at: int, chance: random.Random) -> None:
    length = chance.randrange(1, 400)
    changed[at:at] = changed[at : at + length]


def _truncate(changed: bytearray, at: int, _chance: random.Random) -> None:
    del changed[at:]


def _splice(changed: bytearray, at: int, chance: random.Random) -> None:
    """Go on as another file does from here."""
    changed[at:] = chance.choice(list(seeds().values()))[at:]


_CHANGES: tuple[Change, ...] = (_byte, _bit, _number, _digits, _cut_out, _insert, _double, _truncate, _splice)
_WEIGHTS = (30, 10, 20, 8, 8, 6, 6, 8, 4)


def _repaired(content: bytes, chance: random.Random) -> bytes:
    """Give half of the PNG files right check sums again, or none would come further than to them."""
    if not content.startswith(b"\x89PNG") or chance.random() < 0.5:
        return content
    repaired, at = bytearray(content), 8
    while at + 12 <= len(repaired):
        (length,) = struct.unpack_from(">L", repaired, at)
        end = at + 8 + length
        if end + 4 > len(repaired):
            break
        struct.pack_into(">L", repaired, end, zlib.crc32(repaired[at + 4 : end]))
        at = end + 4
    return bytes(repaired)


def _wrapped(content: bytes, chance: random.Random) -> bytes:
    """Put one of twenty into a zip and one into a gzip file, whole or damaged themselves."""
    die = chance.random()
    if die < 0.05:
        packed = made.zipped({"a/b.dcm": content, "c": content[: len(content) // 2]})
    elif die < 0.1:
        packed = gzip.compress(content, 1, mtime=0)
    else:
        return content
    return changed(packed, chance) if chance.random() < 0.5 else packed
