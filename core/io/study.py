"""From an upload to a study: every file is told apart by its content, read, and sorted into series."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from core.domain import Rejected, Study
from core.errors import StudyError
from core.io.content import RASTERS, Kind, Source, describe_stranger, identify
from core.io.limits import DEFAULT_LIMITS, Limits
from core.io.raster import read_raster

Progress = Callable[[int, int], None]


def load_study(files: Iterable[Source], *, limits: Limits = DEFAULT_LIMITS, progress: Progress | None = None) -> Study:
    """Read an upload: DICOM and picture files."""
    sources = tuple(files)
    if not sources:
        raise StudyError("No file was given.", hint="Choose at least one file.", code="no-files")
    dicom, series, rejected = [], [], []
    for done, source in enumerate(sources):
        if progress is not None:
            progress(done, len(sources))
        kind = identify(source.content)
        try:
            if kind is Kind.DICOM:
                from core.io.dicom.header import read_header

                dicom.append(read_header(source.content, name=source.name, limits=limits))
            elif kind in RASTERS:
                series.append(read_raster(source, limits))
            else:
                words = describe_stranger(source.content)
                raise StudyError(f"This is not a medical image: it is {words}.", code="not-a-medical-image")
        except StudyError as error:
            rejected.append(Rejected(source.name, error.code, error.message, error.hint))
    digest = hashlib.sha256("".join(sorted(source.digest for source in sources)).encode()).hexdigest()
    if dicom:
        from core.io.dicom.series import group_series

        series = [*group_series(dicom), *series]
    return Study(digest, tuple(series), tuple(rejected))


def load_path(path: Path, *, limits: Limits = DEFAULT_LIMITS, progress: Progress | None = None) -> Study:
    """Read a file, or every file of a folder."""
    paths: Iterator[Path] | list[Path] = sorted(path.rglob("*")) if path.is_dir() else [path]
    files = (Source(file.name, file.read_bytes()) for file in paths if file.is_file() and not file.name.startswith("."))
    return load_study(files, limits=limits, progress=progress)
