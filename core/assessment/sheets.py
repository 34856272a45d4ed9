"""Sheets of A4 that are written from top to bottom: headings, lines, tables, charts and pictures, as one PDF.

Letters are matplotlib's DejaVu Sans, which has the signs of a report (≥, −, –), so nothing has to be installed.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from core.overlay import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_PT, HEIGHT_PT = 595.0, 842.0
"""Of A4."""
MARGIN_PT = 40.0
CHART_PT = 190.0
INK, QUIET, LINE, AMBER = "#1c2126", "#5b646e", "#d5dade", "#8a5300"
_POINTS_PER_INCH = 72
_LETTER = 0.56
"""Mean width of a letter of DejaVu Sans, in its size; wide enough that no line runs over."""
_LEADING = 1.35

Draw = Callable[["Axes"], None]


class Sheets:
    """A document that grows downwards; what does not fit goes onto the next sheet.

    Parameters
    ----------
    foot : str
        Stands at the foot of every sheet, before its number.
    """

    def __init__(self, foot: str) -> None:
        from matplotlib.backends.backend_pdf import PdfPages

        self._foot = foot
        self._stream = io.BytesIO()
        self._pdf: Any = PdfPages(self._stream, metadata={"Creator": "Lightbox", "Producer": "Lightbox"})
        self._count = 0
        self._figure: Figure | None = None
        self._down = 0.0

    def finish(self) -> bytes:
        """Return the document."""
        self._end_sheet()
        self._pdf.close()
        return self._stream.getvalue()

    # ── Words ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def heading(self, words: str, *, size: float = 12, keep: float = 40) -> None:
        """Write a heading; `keep` is the height of what may not be parted from it."""
        self._need(size * 2.5 + keep)
        self._down += size * 0.8
        self._write(words, MARGIN_PT, size=size, weight="bold", width=WIDTH_PT - 2 * MARGIN_PT)
        self._down += size * 0.3

    def line(self, words: str, *, size: float = 8.5, colour: str = INK) -> None:
        """Write a paragraph."""
        for part in _wrapped(words, WIDTH_PT - 2 * MARGIN_PT, size):
            self._need(size * _LEADING)
            self._put(part, MARGIN_PT, self._down, size=size, colour=colour)
            self._down += size * _LEADING
        self._down += size * 0.3

    def table(self, rows: Sequence[Sequence[str]], *, widths: Sequence[float], has_head: bool = True) -> None:
        """Write a table; `widths` are shares of the sheet's."""
        size, available = 7.5, WIDTH_PT - 2 * MARGIN_PT
        total = sum(widths)
        columns = [available * width / total for width in widths]
        for number, row in enumerate(rows):
            cells = [_wrapped(cell, width - 6, size) for cell, width in zip(row, columns, strict=True)]
            height = max(len(cell) for cell in cells) * size * _LEADING + 4
            self._need(height)
            self._rule()
            left = MARGIN_PT
            for place, (cell, width) in enumerate(zip(cells, columns, strict=True)):
                is_bold = (has_head and number == 0) or place == 0
                for at, part in enumerate(cell):
                    below = self._down + 2 + at * size * _LEADING
                    self._put(part, left, below, size=size, weight="bold" if is_bold else "normal")
                left += width
            self._down += height
        self._down += 6

    # ── Charts and pictures ───────────────────────────────────────────────────────────────────────────────────────

    def charts(self, draws: Sequence[Draw], *, across: int = 2, height: float = CHART_PT) -> None:
        """Draw charts side by side."""
        width = (WIDTH_PT - 2 * MARGIN_PT) / across
        for start in range(0, len(draws), across):
            self._need(height)
            for place, draw in enumerate(draws[start : start + across]):
                # Room for the title above, and for the numbers and names of the axes.
                axes = self._axes(MARGIN_PT + place * width + 34, 18, width - 46, height - 56)
                axes.tick_params(labelsize=6.5, colors=QUIET)
                axes.grid(alpha=0.25)
                draw(axes)
            self._down += height

    def pictures(self, pictures: Sequence[tuple[Picture | None, str]], *, across: int = 4) -> None:
        """Show pictures in rows, each with its words below."""
        width = (WIDTH_PT - 2 * MARGIN_PT) / across
        side, size = width - 8, 6.5
        for start in range(0, len(pictures), across):
            row = pictures[start : start + across]
            words = [_wrapped(caption, side, size) for _, caption in row]
            height = side + max(map(len, words)) * size * _LEADING + 10
            self._need(height)
            for place, ((picture, _), parts) in enumerate(zip(row, words, strict=True)):
                left = MARGIN_PT + place * width
                if picture is not None:
                    axes = self._axes(left, 0, side, side)
                    axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
                    axes.set_axis_off()
                for at, part in enumerate(parts):
                    below = self._down + side + 2 + at * size * _LEADING
                    self._put(part, left, below, size=size, colour=QUIET)
            self._down += height

    # ── Sheets ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _need(self, height: float) -> None:
        if self._figure is None or self._down + height > HEIGHT_PT - MARGIN_PT - 12:
            self._end_sheet()
            self._begin_sheet()

    def _begin_sheet(self) -> None:
        from matplotlib.figure import Figure

        self._figure = Figure(figsize=(WIDTH_PT / _POINTS_PER_INCH, HEIGHT_PT / _POINTS_PER_INCH))
        self._down, self._count = MARGIN_PT, self._count + 1
        self._put(f"{self._foot} · {self._count}", MARGIN_PT, HEIGHT_PT - 28, size=6.5, colour=QUIET)

    def _end_sheet(self) -> None:
        if self._figure is not None:
            self._pdf.savefig(self._figure)
        self._figure = None

    def _write(self, words: str, left: float, *, size: float, weight: str, width: float) -> None:
        for part in _wrapped(words, width, size * 1.08):
            self._put(part, left, self._down, size=size, weight=weight)
            self._down += size * _LEADING

    def _put(
        self, words: str, left: float, down: float, *, size: float, weight: str = "normal", colour: str = INK
    ) -> None:
        assert self._figure is not None
        self._figure.text(
            left / WIDTH_PT,
            1 - down / HEIGHT_PT,
            words,
            fontsize=size,
            weight=weight,
            color=colour,
            va="top",
            parse_math=False,
        )

    def _rule(self) -> None:
        from matplotlib.lines import Line2D

        assert self._figure is not None
        height = 1 - self._down / HEIGHT_PT
        ends = [MARGIN_PT / WIDTH_PT, 1 - MARGIN_PT / WIDTH_PT]
        self._figure.add_artist(Line2D(ends, [height, height], color=LINE, linewidth=0.5))

    def _axes(self, left: float, below: float, width: float, height: float) -> Axes:
        assert self._figure is not None
        top = self._down + below
        bottom = 1 - (top + height) / HEIGHT_PT
        return self._figure.add_axes((left / WIDTH_PT, bottom, width / WIDTH_PT, height / HEIGHT_PT))


def _wrapped(words: str, width: float, size: float) -> list[str]:
    return textwrap.wrap(words, max(4, int(width / (size * _LETTER)))) or [""]
