from __future__ import annotations

import numpy as np

from core.domain import Explanation, Extent, Image, Intensity, Spacing
from core.ui.figures import Corners, figure_html, heat_caption_html, note_box_html, plain_caption_html
from core.ui.heat import Heat


def test_a_figure_says_what_it_shows_and_that_it_is_not_diagnostic() -> None:
    html = figure_html("data:,", Corners("CT <HEAD>", "3 / 9", "W 80 L 40"), alt='A "head"', caption="<b>x</b>")
    assert 'alt="A &quot;head&quot;"' in html
    assert "CT &lt;HEAD&gt;" in html
    assert "3 / 9" in html
    assert "Not for diagnostic use" in html
    assert "<b>x</b>" in html
    assert "lb-synthetic" not in html


def test_a_synthetic_series_stands_out() -> None:
    assert "lb-synthetic" in figure_html("data:,", Corners("x", "", "", is_synthetic=True), alt="", caption="")


def test_unknown_spacing_is_said_to_be_unknown() -> None:
    pixels = np.zeros((3, 4), np.uint8)
    assert "uncalibrated" in plain_caption_html(Image(pixels, Intensity.GRAY, "MONOCHROME2", "u"))
    known = Image(pixels, Intensity.HU, "MONOCHROME2", "u", spacing=Spacing(0.5, 0.7, "PixelSpacing"))
    assert "4 × 3 · HU · 0.5 × 0.7 mm" in plain_caption_html(known)


def test_the_bar_has_its_range_in_absolute_values() -> None:
    values = np.array([[-3.0, 4.25]], np.float32)
    html = heat_caption_html(Heat(Explanation("Pneumonia", "CAM", values, Extent(0, 0, 4, 4), "raw score")))
    assert "Colours run from 0 to 4.25 raw score" in html
    assert "linear-gradient" in html


def test_words_stand_where_there_is_no_heatmap() -> None:
    assert "Negative: no heatmap shown" in heat_caption_html(Heat(None, "Negative: no heatmap shown"))
    assert "&lt;x&gt;" in note_box_html("<x>")
