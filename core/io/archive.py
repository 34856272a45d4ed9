"""Zip archives: members are read in memory, under caps, and never written to disk or opened by their names."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from core.domain import Rejected
from core.errors import StudyError
from core.io.content import Kind, Source, identify, refusal
from core.io.limits import Budget, Limits

MOST_MEMBERS = 200_000
"""Of an archive that is read from disk; each costs memory for its name and place only."""

_CHUNK = 2**20
_DIRECTORY_ENTRY = b"PK\x01\x02"
_ENCRYPTED = 0x1
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""zipfile bounds the output of these two while it reads; of bzip2 and LZMA it does not."""

_CLUTTER_FOLDERS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"})
_CLUTTER_FILES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db"})
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


def is_clutter(name: str) -> bool:
    """Whether a name is one that operating systems leave behind: hidden files, thumbnails, `__MACOSX`."""
    parts = name.replace("\\", "/").split("/")
    hidden = any(part.startswith(".") and part not in {".", ".."} for part in parts)
    return hidden or parts[-1].lower() in _CLUTTER_FILES or not _CLUTTER_FOLDERS.isdisjoint(parts)


def unpack(
    source: Source, *, limits: Limits, budget: Budget, announce: Callable[[int], None] = lambda _: None
) -> Iterator[Source | Rejected]:
    """Yield the files of a zip archive one by one; a member that cannot be had is yielded as `Rejected`.

    Each is named by its place in the archive, for show only. `budget` is charged for every member; `announce` is told
    how many there are, before the first is read.

    Raises
    ------
    StudyError
        When the archive as a whole is broken, or listed files are too many or a bomb.
    OverBudgetError
        When the upload goes over its budget.
    """
    with _opened(source, limits) as archive:
        members = _members(archive)
        if not members:
            raise StudyError("The zip archive holds no files.", hint="Pack it again.", code="empty-archive")
        announce(len(members))
        for member in members:
            name = _name_to_show(member.filename)
            try:
                content = _read(archive, member, limits)
                if identify(content) is Kind.ZIP:
                    raise refusal(content)
            except StudyError as error:
                yield Rejected(name, error.code, error.message, error.hint)
                continue
            budget.spend(len(content))
            yield Source(name, content)


class ZipFolder:
    """A zip archive on disk, read like a folder: one member at a time, so that its size costs no memory.

    Threads may share one. The sizes that members claim are checked before they are read, as `unpack` does.

    Attributes
    ----------
    names : tuple of str
        Of the members, with "/" between folders; clutter is left out.

    Raises
    ------
    StudyError
        When the archive is damaged or a bomb, or holds more than `MOST_MEMBERS`.
    """

    def __init__(self, path: Path, *, limits: Limits) -> None:
        self._limits = limits
        try:
            self._archive = zipfile.ZipFile(path)
        except _DAMAGE:
            raise _damaged("The zip archive is damaged or cut short.") from None
        _check_archive(self._archive, path.stat().st_size, limits)
        self._members = {
            member.filename.replace("\\", "/"): member for member in _members(self._archive) if member.filename
        }
        self.names = tuple(self._members)
        if len(self.names) > MOST_MEMBERS:
            raise StudyError(
                f"The zip archive holds {len(self.names)} files; up to {MOST_MEMBERS} are read.",
                hint="Split it into smaller archives.",
                code="too-many-files",
            )

    def read(self, name: str) -> bytes:
        """Return a member's bytes; KeyError where there is none of this name.

        Raises
        ------
        StudyError
            It is damaged, encrypted or too large.
        """
        return _read(self._archive, self._members[name], self._limits)

    def checksum(self, name: str) -> tuple[int, int]:
        """Return what the archive says of a member's content: CRC-32 and size; KeyError where there is no such one."""
        member = self._members[name]
        return member.CRC, member.file_size

    def close(self) -> None:
        """Let go of the file."""
        self._archive.close()


class _Counted(io.BytesIO):
    """An archive that counts the entries of its directory as zipfile reads it, in one piece.

    zipfile itself would build an object for each of millions of them before we see one.
    """

    def __init__(self, content: bytes, limits: Limits) -> None:
        super().__init__(content)
        self._limits = limits
        self.is_counting = True

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        if self.is_counting and part.count(_DIRECTORY_ENTRY) > self._limits.max_files:
            raise StudyError(
                f"The zip archive lists more than {self._limits.max_files} files.",
                hint="Split it into smaller archives.",
                code="too-many-files",
            )
        return part


@contextmanager
def _opened(source: Source, limits: Limits) -> Iterator[zipfile.ZipFile]:
    content = _Counted(source.content, limits)
    try:
        archive = zipfile.ZipFile(content)
    except _DAMAGE:
        raise _damaged("The zip archive is damaged or cut short.") from None
    content.is_counting = False
    with archive:
        _check_archive(archive, len(source.content), limits)
        yield archive


def _check_archive(archive: zipfile.ZipFile, size: int, limits: Limits) -> None:
    """Refuse bombs made of many members, overlapping ones among them, and documents that are zip archives inside."""
    members = archive.infolist()
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise StudyError("This is not a medical image: it is an Office document.", code="not-a-medical-image")
    unpacked = sum(member.file_size for member in members)
    if unpacked > limits.most_unpacked(size):
        raise _bomb("The zip archive", limits)


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    # `ZipInfo.is_dir` fails where a name is empty, as it is when it begins with a zero byte.
    members = (member for member in archive.infolist() if not member.filename.endswith("/"))
    return [member for member in members if not is_clutter(member.filename)]


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits) -> bytes:
    """Return a member's bytes; its header's claims are checked before, the size again while it is inflated."""
    _check_claims(member, limits)
    pieces: list[bytes] = []
    size = 0
    try:
        with archive.open(member) as stream:
            while piece := stream.read(_CHUNK):
                size += len(piece)
                if size > limits.max_file_bytes:
                    raise _too_large(limits)
                pieces.append(piece)
    except _DAMAGE:
        # Not chained: zipfile's messages hold the member's name.
        raise _damaged("This file of the archive is damaged.") from None
    return b"".join(pieces)


def _check_claims(member: zipfile.ZipInfo, limits: Limits) -> None:
    if member.flag_bits & _ENCRYPTED:
        raise StudyError(
            "This file of the archive is encrypted.", hint="Unpack it with its password first.", code="encrypted"
        )
    if member.compress_type not in _METHODS:
        raise StudyError(
            f"This file of the archive is packed with method {member.compress_type}; 0 and 8 (deflate) are read.",
            hint="Pack it again as an ordinary zip archive.",
            code="unsupported-archive",
        )
    if member.file_size > limits.max_file_bytes:
        raise _too_large(limits)
    if member.file_size > limits.most_unpacked(member.compress_size):
        raise _bomb("This file of the archive", limits)


def _name_to_show(name: str) -> str:
    """Return a member's name without the parts that climb or start at a root, and without control characters."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in {"/", "..", "."}]
    return "".join(character for character in "/".join(parts) if character.isprintable())[-255:]


def _bomb(what: str, limits: Limits) -> StudyError:
    return StudyError(
        f"{what} would unpack to more than {limits.max_zip_ratio:g} times its size, as zip bombs do.",
        hint="If it is genuine, bring its files unpacked.",
        code="zip-bomb",
    )


def _too_large(limits: Limits) -> StudyError:
    return StudyError(
        f"This file of the archive unpacks to more than {limits.max_file_bytes // 2**20} MiB.",
        hint="Bring a smaller file.",
        code="file-too-large",
    )


def _damaged(message: str) -> StudyError:
    return StudyError(message, hint="Make the archive again, or bring the files unpacked.", code="damaged-archive")
