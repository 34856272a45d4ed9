"""Picture files: PNG, JPEG, TIFF, BMP and GIF at the depth they were saved with.

A picture file does not say what its values mean. Gray ones are `Intensity.GRAY`, colour ones `Intensity.RGB`; a
resolution in dots per inch is that of a print, not of a patient, so `spacing` stays None.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from core.domain import Fact, Frame, Image, Intensity, Notice, Series
from core.errors import StudyError
from core.io.content import Kind, Source, identify
from core.io.isolation import decode_apart, prepare
from core.io.limits import DEFAULT_LIMITS, Limits
from core.io.picture import Page, list_pages, pages_of, pixels_of

BYTES_OF_PIXEL = 4
"""At most: 32 bits of gray, or three colours of 8."""


def read_raster(source: Source, limits: Limits = DEFAULT_LIMITS) -> Series:
    """Read the header of a picture file; its pixels are decoded when a frame is loaded.

    Pages of a TIFF and pictures of an animated GIF become frames. Pages of another size than the largest one
    (thumbnails, labels) are left out with a notice.

    Raises
    ------
    StudyError
        When the file is damaged, too small to be read or larger than `limits` allow.
    """
    kind = identify(source.content)
    prepare(pixels_of)
    pages = _pages_of_gif(source.content, limits) if kind is Kind.GIF else list_pages(source.content, kind, limits)
    shown, notices = _of_one_size(pages)
    digest = source.digest
    return Series(
        uid=digest,
        title=f"{kind} picture" if len(shown) == 1 else f"{kind}, {len(shown)} pictures",
        frames=tuple(_frame(source.content, kind, page, digest, limits) for page in shown),
        facts=_facts(kind, shown),
        notices=notices,
        source=source.name,
    )


def _pages_of_gif(content: bytes, limits: Limits) -> tuple[Page, ...]:
    decoded = decode_apart(pages_of, content, limits=limits, max_result_bytes=0, kind=Kind.GIF, bounds=asdict(limits))
    return tuple(
        Page(int(number), (int(rows), int(columns)), duration)
        for number, (rows, columns), duration in decoded.facts["pages"]
    )


def _of_one_size(pages: tuple[Page, ...]) -> tuple[tuple[Page, ...], tuple[Notice, ...]]:
    shape = max((page.shape for page in pages), key=lambda shape: shape[0] * shape[1])
    shown = tuple(page for page in pages if page.shape == shape)
    left_out = len(pages) - len(shown)
    if not left_out:
        return shown, ()
    message = f"The file holds {left_out} more pictures of another size; the largest size is shown."
    return shown, (Notice("pages-of-other-size", message),)


def _facts(kind: Kind, pages: tuple[Page, ...]) -> tuple[Fact, ...]:
    rows, columns = pages[0].shape
    return (
        Fact("FileFormat", "File format", str(kind)),
        Fact("Rows", "Rows", str(rows)),
        Fact("Columns", "Columns", str(columns)),
        Fact("NumberOfFrames", "Frames", str(len(pages))),
    )


def _frame(content: bytes, kind: Kind, page: Page, digest: str, limits: Limits) -> Frame:
    uid = f"{digest}:{page.number + 1}"
    return Frame(
        uid=uid,
        load=partial(_load, content, kind, page, uid, limits),
        shape=page.shape,
        instance_number=page.number + 1,
        frame_time_ms=float(page.duration_ms) if page.duration_ms else None,
    )


def _load(content: bytes, kind: Kind, page: Page, uid: str, limits: Limits) -> Image:
    decoded = decode_apart(
        pixels_of,
        content,
        limits=limits,
        max_result_bytes=page.shape[0] * page.shape[1] * BYTES_OF_PIXEL,
        kind=kind,
        page=page.number,
        bounds=asdict(limits),
    )
    pixels, facts = decoded.pixels, decoded.facts
    if pixels is None or pixels.shape[:2] != page.shape:
        raise StudyError(
            f"The pixels of this {kind} file are not of the size that its header says.",
            hint="Export the picture again, best as PNG or DICOM.",
            code="damaged-picture",
        )
    is_colour = pixels.ndim == 3
    return Image(
        pixels=pixels,
        intensity=Intensity.RGB if is_colour else Intensity.GRAY,
        photometric_interpretation="RGB" if is_colour else "MONOCHROME1" if facts["is_inverted"] else "MONOCHROME2",
        uid=uid,
        notices=tuple(Notice(str(code), str(message)) for code, message in facts["notices"]),
    )
