"""From an upload to a study: every file is told apart by its content, read, and sorted into series."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain import Rejected, Series, Study
from core.errors import StudyError
from core.io.archive import is_clutter, unpack
from core.io.content import RASTERS, VOLUMES, Kind, Source, gzip_head, has_preamble, identify, inflate_gzip, refusal
from core.io.importing import import_dicom
from core.io.isolation import prepare
from core.io.limits import DEFAULT_LIMITS, MIB, Budget, Limits, OverBudgetError
from core.io.picture import pixels_of
from core.io.raster import read_raster
from core.io.volume import read_volume
from core.io.volume_pair import HEADERS, Halves

if TYPE_CHECKING:
    from core.io.dicom.header import DicomFile

Progress = Callable[[int, int], None]
"""Told how many files were read, and of how many; the latter grows when an archive is opened."""


def load_study(files: Iterable[Source], *, limits: Limits = DEFAULT_LIMITS, progress: Progress | None = None) -> Study:
    """Read everything that one upload brought; pixels are decoded later, frame by frame.

    Zip archives and gzip files are unpacked in memory. DICOM files are sorted into series; every picture file and
    every time point of a volume, which may be two files, is a series of its own. What cannot be used, or holds no
    picture, is named in `Study.rejected`; where that is everything, the study has no series. Files that operating
    systems leave behind (`.DS_Store`, `__MACOSX`) are passed over.

    Parameters
    ----------
    files : iterable of Source
        The files, in the order in which their series are to be shown.
    limits : Limits
        What the upload may ask of the machine.
    progress : callable, optional
        Called with the number of files read and the number known so far.

    Raises
    ------
    StudyError
        When there is nothing at all to read, or the upload as a whole is over its budget.
    """
    sources = tuple(files)
    wanted = [source for source in sources if not is_clutter(source.name)] if len(sources) > 1 else sources
    intake = _Intake(limits, progress, expected=len(wanted))
    for source in wanted:
        intake.take(source, prefix=f"{source.name}/" if len(wanted) > 1 else "")
    return intake.study()


def load_path(path: Path, *, limits: Limits = DEFAULT_LIMITS, progress: Progress | None = None) -> Study:
    """Read a file, a zip archive, or all files of a folder and its subfolders, hidden ones left out.

    The names of sources are relative to `path`.

    Raises
    ------
    StudyError
        When the path does not exist or holds nothing to read, or as `load_study` does.
    """
    if path.is_file():
        return _load_paths([path], root=path.parent, limits=limits, progress=progress)
    if path.is_dir():
        files = _visible_files(path)
        if not files:
            raise StudyError("The folder holds no files.", hint="Check the path.", code="no-files")
        return _load_paths(files, root=path, limits=limits, progress=progress)
    raise StudyError("There is no such file or folder.", hint="Check the path.", code="not-found")


def warm_up() -> None:
    """Start a decoder before the first study comes, and import what reads DICOM; for a thread in the background."""
    import_dicom()
    from core.io.dicom.decoder import decode_pixels

    prepare(decode_pixels, pixels_of)


def _visible_files(folder: Path) -> list[Path]:
    """Return the files below a folder, sorted; links to folders are not followed, so there are no endless loops."""
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and not is_clutter(path.relative_to(folder).as_posix())
    )


def _load_paths(paths: list[Path], *, root: Path, limits: Limits, progress: Progress | None) -> Study:
    intake = _Intake(limits, progress, expected=len(paths))
    for path in paths:
        name = path.relative_to(root).as_posix()
        try:
            source = _read_file(path, name, limits)
        except StudyError as error:
            intake.reject(name, error)
        else:
            intake.take(source, prefix=f"{name}/" if len(paths) > 1 else "")
    return intake.study()


def _read_file(path: Path, name: str, limits: Limits) -> Source:
    """Return a file's bytes; its size is checked first, so that no file is read that would be refused."""
    try:
        _check_size(path.stat().st_size, limits)
        return Source(name, path.read_bytes())
    except OSError:
        raise StudyError(
            "The file could not be read from the disk.", hint="Check its permissions.", code="unreadable"
        ) from None


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.max_file_bytes:
        raise StudyError(
            f"The file has {size / MIB:,.0f} MiB; up to {limits.max_file_bytes / MIB:,.0f} MiB are accepted.",
            hint="Bring a smaller file.",
            code="file-too-large",
        )


class _Intake:
    """What has been read of one upload so far."""

    def __init__(self, limits: Limits, progress: Progress | None, *, expected: int) -> None:
        self._limits = limits
        self._progress = progress
        self._expected = expected
        self._done = 0
        self._budget = Budget(limits)
        self._digests: set[str] = set()
        self._dicom: list[DicomFile] = []
        self._series: list[Series] = []
        self._rejected: list[Rejected] = []
        self._halves = Halves(limits)

    def take(self, source: Source, *, prefix: str) -> None:
        """Read one file of the upload, or everything in it where it is an archive; `prefix` goes before those names."""
        try:
            for entry in self._unpacked(source, prefix):
                self._read(entry)
        except OverBudgetError:
            raise
        except StudyError as error:
            self.reject(source.name, error)

    def reject(self, name: str, error: StudyError) -> None:
        """Note a file that cannot be used."""
        self._rejected.append(Rejected(name, error.code, error.message, error.hint))
        self._step()

    def study(self) -> Study:
        """Return the study; nothing is taken afterwards."""
        self._halves.join(self._read_volume, self._reject_half)
        if not self._digests and not self._rejected:
            raise StudyError("No files were given.", hint="Choose one or more image files.", code="no-files")
        return Study(
            sha256=hashlib.sha256("\n".join(sorted(self._digests)).encode()).hexdigest(),
            series=(*self._dicom_series(), *self._series),
            rejected=tuple(self._rejected),
            size_bytes=self._budget.spent_bytes,
        )

    def _unpacked(self, source: Source, prefix: str) -> Iterator[Source | Rejected]:
        _check_size(len(source.content), self._limits)
        if identify(source.content) is not Kind.ZIP:
            self._budget.spend(len(source.content))
            yield source
            return
        for entry in unpack(source, limits=self._limits, budget=self._budget, announce=self._expect):
            yield replace(entry, name=prefix + entry.name)

    def _expect(self, members: int) -> None:
        """Expect that many files in place of their archive."""
        self._expected += members - 1

    def _read(self, entry: Source | Rejected) -> None:
        if isinstance(entry, Rejected):
            self._rejected.append(entry)
            self._step()
            return
        try:
            self._sort(self._inflated(entry))
        except OverBudgetError:
            raise
        except StudyError as error:
            self._digests.add(entry.digest)
            self.reject(entry.name, error)
        else:
            self._step()

    def _inflated(self, source: Source) -> Source:
        """Return what a gzip file holds; any other file as it is."""
        if identify(source.content) is not Kind.GZIP:
            return source
        head = gzip_head(source.content)
        if identify(head) in {Kind.OTHER, Kind.ZIP, Kind.GZIP}:  # refused before the rest of it takes memory
            raise refusal(head)
        content = inflate_gzip(source.content, max_bytes=self._limits.max_inflated_bytes)
        self._budget.spend(len(content) - len(source.content), files=0)
        return Source(source.name, content)

    def _sort(self, source: Source) -> None:
        kind = identify(source.content)
        if kind is Kind.DICOM:
            self._take_dicom(source)
        elif kind in HEADERS:
            self._halves.keep_header(source)
        elif kind in RASTERS:
            self._note(source.digest)
            self._series.append(read_raster(source, self._limits))
        elif kind in VOLUMES:
            self._read_volume(source)
        elif kind is Kind.OTHER:
            self._halves.keep_voxels(source, refusal(source.content))
        else:
            raise refusal(source.content)

    def _read_volume(self, source: Source) -> None:
        self._note(source.digest)
        self._series.extend(read_volume(source, self._limits))

    def _reject_half(self, source: Source, error: StudyError) -> None:
        self._digests.add(source.digest)
        self._rejected.append(Rejected(source.name, error.code, error.message, error.hint))

    def _take_dicom(self, source: Source) -> None:
        import_dicom()
        from core.io.dicom.header import read_header

        try:
            file = read_header(source.content, name=source.name, limits=self._limits, digest=source.digest)
        except StudyError as error:
            if has_preamble(source.content):
                raise
            self._halves.keep_voxels(source, error)  # a few small numbers look like the start of a data set
            return
        self._dicom.append(file)
        self._digests.add(source.digest)  # copies are named in the series that they belong to

    def _dicom_series(self) -> tuple[Series, ...]:
        if not self._dicom:
            return ()
        from core.io.dicom.series import group_series

        return group_series(self._dicom)

    def _note(self, digest: str) -> None:
        """Remember a file by its content; a second copy would be a second series under the same name."""
        if digest in self._digests:
            raise StudyError("The same file, byte for byte, is in the upload twice.", code="duplicate-file")
        self._digests.add(digest)

    def _step(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, max(self._expected, self._done))
