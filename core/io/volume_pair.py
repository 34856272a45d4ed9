"""Volumes in two files, header and voxels apart: MetaImage (.mhd), NIfTI (.hdr and .img) and NRRD (.nhdr).

A header is told by its content. Its voxels are bytes of no known format: those that it names or, where it names none
that came with it, the only ones of exactly the size that it claims. Both become one file of the same kind, so that
there is one way to read volumes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.errors import StudyError
from core.io.content import Kind, Source, identify, refusal
from core.io.limits import Limits
from core.io.volume_header import claimed_bytes

HEADERS = frozenset({Kind.NIFTI_PAIR, Kind.METAIMAGE_HEADER, Kind.NRRD_HEADER})


class Halves:
    """The halves of volumes that an upload has brought so far.

    Of the bytes of no known format as many are kept as one volume may have; more are refused at once.
    """

    def __init__(self, limits: Limits) -> None:
        self._most_bytes = limits.max_volume_bytes
        self._headers: list[Source] = []
        self._voxels: dict[Source, StudyError] = {}

    def keep_header(self, source: Source) -> None:
        """Keep a header whose voxels are elsewhere."""
        self._headers.append(source)

    def keep_voxels(self, source: Source, error: StudyError) -> None:
        """Keep bytes that may be voxels; `error` is what they are refused with where no header asks for them.

        Raises
        ------
        StudyError
            `error`, where there is no room for them.
        """
        if sum(len(kept.content) for kept in self._voxels) + len(source.content) > self._most_bytes:
            raise error
        self._voxels[source] = error

    def join(self, take: Callable[[Source], None], refuse: Callable[[Source, StudyError], None]) -> None:
        """Give every joined volume to `take`, and every half that is left over to `refuse` with the reason."""
        for header in self._headers:
            try:
                take(self._joined(header))
            except StudyError as error:
                refuse(header, error)
        for left, reason in self._voxels.items():
            refuse(left, reason)
        self._headers, self._voxels = [], {}

    def _joined(self, header: Source) -> Source:
        half = _read_half(header)
        voxels = _partner(half, tuple(self._voxels))
        if voxels is None:
            raise refusal(header.content)
        del self._voxels[voxels]
        return Source(header.name, half.head + voxels.content[half.skip :])


@dataclass(frozen=True, slots=True)
class _Half:
    """A header: `head` is that of one file with everything, which goes on with the voxels after `skip` bytes of theirs.

    `size` is how many bytes of voxels the header claims, None where they are compressed.
    """

    name: str
    head: bytes
    partner: str
    skip: int
    size: int | None


def _read_half(header: Source) -> _Half:
    """Read a header.

    Raises
    ------
    StudyError
        It is damaged, or spreads its voxels over several files.
    """
    kind = identify(header.content)
    rewrite = {
        Kind.NIFTI_PAIR: _nifti,
        Kind.METAIMAGE_HEADER: _metaimage,
        Kind.NRRD_HEADER: _nrrd,
    }[kind]
    try:
        single, head, partner, skip = rewrite(header)
    except (struct.error, ValueError, IndexError):
        raise refusal(header.content) from None
    return _Half(header.name, head, partner, skip, claimed_bytes(head, single))


def _partner(half: _Half, candidates: Sequence[Source]) -> Source | None:
    """Return the file that a header names in its own folder, else the only one of exactly the right size."""
    wanted = _beside(half.name, half.partner)
    named = [one for one in candidates if _path(one.name) == wanted]
    fitting = [one for one in candidates if half.size is not None and len(one.content) - half.skip == half.size]
    found = named or fitting
    return found[0] if len(found) == 1 else None


def _path(name: str) -> str:
    return str(PurePosixPath(name.replace("\\", "/"))).casefold()


def _beside(name: str, partner: str) -> str:
    return _path(str(PurePosixPath(name.replace("\\", "/")).with_name(PurePosixPath(partner.replace("\\", "/")).name)))


# ── One header for both halves ────────────────────────────────────────────────────────────────────────────────────

_Rewritten = tuple[Kind, bytes, str, int]
"""Kind of the joined file, its head, the name of the voxels' file, and how many bytes of that to pass over."""


def _nifti(header: Source) -> _Rewritten:
    """Make a NIfTI header that of one file: another magic, and voxels after the header (NIfTI-1.1, vox_offset)."""
    content = header.content
    order = "<" if content[0] else ">"
    is_first = int.from_bytes(content[:4], "little" if content[0] else "big") == 348
    size, place, code = (348, 108, "f") if is_first else (540, 168, "q")
    head = bytearray(content[:size].ljust(size + 4, b"\0"))
    (skip,) = struct.unpack_from(order + code, head, place)
    struct.pack_into(order + code, head, place, size + 4)
    magic = 344 if is_first else 4
    head[magic : magic + 3] = b"n+1" if is_first else b"n+2"
    partner = str(PurePosixPath(header.name.replace("\\", "/")).with_suffix(".img"))
    return Kind.NIFTI, bytes(head), partner, _skip(skip)


def _metaimage(header: Source) -> _Rewritten:
    lines = header.content.decode("latin-1").splitlines()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    kept = [line for line in lines if not re.match(r"\s*(ElementDataFile|HeaderSize)\s*=", line)]
    head = "".join(f"{line}\n" for line in (*kept, "ElementDataFile = LOCAL")).encode("latin-1")
    return Kind.METAIMAGE, head, _one_name(fields["ElementDataFile"]), _skip(int(fields.get("HeaderSize", "0")))


def _nrrd(header: Source) -> _Rewritten:
    lines = re.split(r"\r?\n", header.content.decode("latin-1").rstrip())
    fields = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    if fields.get("line skip", "0") != "0":
        raise ValueError("lines to pass over")
    kept = [line for line in lines if not re.match(r"(data ?file|byte skip|line skip)\s*:", line, re.IGNORECASE)]
    name = fields["data file"] if "data file" in fields else fields["datafile"]
    head = "".join(f"{line}\n" for line in (*kept, "")).encode("latin-1")
    return Kind.NRRD, head, _one_name(name), _skip(int(fields.get("byte skip", "0")))


def _one_name(name: str) -> str:
    if not name or name.split(maxsplit=1)[0].upper() == "LIST" or "%" in name:
        raise ValueError("several files")
    return name


def _skip(value: float) -> int:
    if not 0 <= value < 2**31:
        raise ValueError("no place in a file")
    return int(value)
