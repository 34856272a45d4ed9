"""The pictures of a report: the image, the heatmap over it, and the sheet with both that is taken along as PNG."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from core.domain import Explanation
from core.overlay import (
    Colour,
    Picture,
    as_rgb,
    colour_bar,
    crop_and_scale,
    encode_png,
    heatmap_on_grid,
    label_font,
    overlay,
    side_by_side,
    whole_image,
)
from core.reports.reading import (
    ReportInput,
    drawn_heatmap,
    heatmap_limits,
    heatmap_note,
    shown_voi,
    warnings_of,
)
from core.reports.wording import (
    MOST_LEADING,
    NOT_FOR_DIAGNOSIS,
    SYNTHETIC,
    headline,
    heatmap_in_words,
    sentence_case,
    statements,
    window_in_words,
)
from core.windowing import render

PICTURE_SIDE = 1024
"""Pixels on the longer side of each picture; smaller images are enlarged, so that the heatmap is smooth."""

_GROUND: Colour = (0, 0, 0)
_INK: Colour = (222, 222, 222)
_QUIET: Colour = (160, 160, 160)
_WARNING: Colour = (255, 179, 64)
_MARGIN = 24
_MIN_WIDTH = 1280


def image_picture(report: ReportInput) -> Picture:
    """Return the image as the reader had it on the screen, whole, on a grid of square pixels."""
    rendered = render(report.image, shown_voi(report), invert=report.invert)
    return crop_and_scale(rendered, max_side=PICTURE_SIDE, enlarge=True, spacing=report.image.spacing)


def overlay_picture(report: ReportInput, shown: Picture, explanation: Explanation) -> Picture:
    """Return the heatmap over the image, on the same grid."""
    region = whole_image(report.image.shape)
    return overlay(
        shown,
        heatmap_on_grid(explanation, (shown.shape[0], shown.shape[1]), region=region),
        opacity=report.opacity,
        limits=heatmap_limits(report),
        threshold=report.threshold,
        contour_level=report.contour_level,
        name=report.colours,
    )


def reading_png(report: ReportInput) -> bytes:
    """Write image and heatmap side by side, the answer in words above and how it was made below, as PNG.

    Raises
    ------
    ReportError
        The parts of the report do not belong together (when the input is made).
    """
    pictures = _pictures(report)
    width = max(pictures.shape[1], _MIN_WIDTH)
    parts = [_text(_head(report, width // 80), width), pictures, _text(_foot(report, width // 80), width)]
    return encode_png(_stacked(parts, width), level=6)


def _pictures(report: ReportInput) -> Picture:
    shown = image_picture(report)
    explanation = drawn_heatmap(report)
    if explanation is None:
        return as_rgb(shown)
    bar = colour_bar(
        heatmap_limits(report),
        name=report.colours,
        unit=explanation.unit,
        height=shown.shape[0],
        ink=_INK,
        ground=_GROUND,
    )
    both = side_by_side(shown, overlay_picture(report, shown, explanation), gap=_MARGIN // 2)
    return side_by_side(both, bar, gap=_MARGIN // 2)


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    size: int
    colour: Colour = _INK
    bold: bool = False

    @property
    def font(self) -> ImageFont.FreeTypeFont:
        return label_font(self.size, bold=self.bold)

    @property
    def height(self) -> int:
        return round(self.size * 1.5)


def _head(report: ReportInput, size: int) -> list[_Line]:
    """Return the answer: the call in words first, then what is behind it."""
    said = statements(report.prediction)[:MOST_LEADING]
    lines = [_Line(headline(report.prediction), round(1.5 * size), bold=True)]
    for statement in said:
        which = f"{statement.words}. " if len(said) > 1 else ""
        lines.append(_Line(f"{which}{sentence_case(statement.behind)}", size))
    lines += [_Line(notice.message, size, _WARNING) for notice in warnings_of(report)]
    return lines


def _foot(report: ReportInput, size: int) -> list[_Line]:
    """Return what the pictures show, who says so, and that it is not for diagnostic use."""
    explanation, model = drawn_heatmap(report), report.model
    evidence = heatmap_note(report)
    if explanation is not None:
        label = report.prediction.score(explanation.label_name).label
        limits, level = heatmap_limits(report), report.contour_level
        words = heatmap_in_words(explanation, label, limits, threshold=report.threshold, contour_level=level)
        evidence = f"Heatmap: {words}."
    frame = f"Frame {report.frame_number} of {report.frame_count}, " if report.frame_count > 1 else ""
    window = window_in_words(shown_voi(report), invert=report.invert)
    stamps = [NOT_FOR_DIAGNOSIS, *([SYNTHETIC] if report.is_synthetic else [])]
    lines = [
        _Line(f"Image: {frame}{window}. {evidence}", size),
        _Line(f"{model.title}, {model.id} version {model.version}. {report.created:%Y-%m-%d %H:%M %Z}", size, _QUIET),
        _Line(". ".join(stamps), size, _WARNING, bold=True),
    ]
    if report.include_identity:
        identity = (f"{fact.label}: {fact.value}" for fact in report.facts if fact.identifying)
        lines.append(_Line(" · ".join(identity), size, _QUIET))
    return lines


def _text(lines: list[_Line], width: int) -> Picture:
    """Set lines of text, broken at spaces where they are wider than the sheet."""
    broken = [piece for line in lines for piece in _broken(line, width - 2 * _MARGIN)]
    sheet = Pillow.new("RGB", (width, sum(line.height for line in broken) + _MARGIN), _GROUND)
    draw, y = ImageDraw.Draw(sheet), _MARGIN // 2
    for line in broken:
        draw.text((_MARGIN, y + line.height / 2), line.text, fill=line.colour, font=line.font, anchor="lm")
        y += line.height
    return np.array(sheet)


def _broken(line: _Line, width: int) -> list[_Line]:
    rows = [""]
    for word in line.text.split():
        longer = f"{rows[-1]} {word}".strip()
        if line.font.getlength(longer) <= width:
            rows[-1] = longer
        else:
            rows.append(word)
    return [replace(line, text=row) for row in rows if row]


def _stacked(parts: list[Picture], width: int) -> Picture:
    """Put pictures under each other, each in the middle of the width."""
    sheet = np.zeros((sum(part.shape[0] for part in parts), width, 3), np.uint8)
    top = 0
    for part in parts:
        left = (width - part.shape[1]) // 2
        sheet[top : top + part.shape[0], left : left + part.shape[1]] = part
        top += part.shape[0]
    return sheet
