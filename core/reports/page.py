"""The report as one HTML file that needs nothing else, and prints on one A4 page."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import __version__
from core.domain import Calibration, Explanation, Fact, Prediction, Score
from core.models.suitability import call_of
from core.overlay import Picture, colour_map, encode_png, ticks
from core.reports.picture import image_picture, overlay_picture
from core.reports.reading import (
    ReportInput,
    drawn_heatmap,
    heatmap_limits,
    heatmap_note,
    image_sha256,
    shown_facts,
    shown_voi,
    warnings_of,
)
from core.reports.template import read_template
from core.reports.wording import (
    MOST_LEADING,
    NOT_FOR_DIAGNOSIS,
    SYNTHETIC,
    Statement,
    accuracy_in_words,
    device_in_words,
    headline,
    heatmap_in_words,
    label_title,
    more_called,
    score_in_words,
    score_word,
    sentence_case,
    statements,
    threshold_in_words,
    told_call,
    window_in_words,
)

MOST_LABELS = 24
MOST_FACTS = 36
"""More than these does not fit one page beside pictures of a useful size: the rest is counted, and is in the JSON."""

_COLUMN_OF_LABELS = 8
"""More labels than this stand in two columns."""
_TYPE_SIZE_PT = 8.6
_SMALLEST_TYPE_PT = 5.0
_LINE_HEIGHT = 1.4
_SIGNS_OF_LINE = 100
_LINES_OF_FRAME = 14
"""What headings, captions and the gaps between the parts take, in lines."""
_TEXT_HEIGHT_PT = 600.0
"""Of the 842 points of the page: what is left by margins and by pictures of 60 mm; an estimate on the safe side."""
_FILM_WIDTH_MM = 80.0
_LONE_FILM_WIDTH_MM = 110.0
_CAPTION_HEIGHT_MM = 9.7


def reading_html(report: ReportInput) -> str:
    """Write the report as a self-contained HTML page: pictures inside, no script, no address of anything else.

    Raises
    ------
    ReportError
        The parts of the report do not belong together (when the input is made).
    """
    notices = _notices(report)
    return read_template(Path(__file__).with_name("reading.html.jinja")).render(
        title=f"{headline(report.prediction)} · Lightbox",
        stamp=NOT_FOR_DIAGNOSIS,
        synthetic=SYNTHETIC if report.is_synthetic else "",
        created=f"{report.created:%Y-%m-%d %H:%M %Z}",
        answer=_answer(report),
        labels=_labels(report.prediction),
        figures=_figures(report),
        notices=notices,
        facts=_facts(report),
        origin=_origin(report),
        type_size=f"{_type_size(report, notices.shown):.2f}pt",
    )


def _type_size(report: ReportInput, notices: tuple[str, ...]) -> float:
    """Return the size of the type in points: the usual one, or as much smaller as leaves the pictures their room.

    The page cannot grow and nothing may be cut off, so what there is to say is counted in lines beforehand.
    """
    sizes = (_TYPE_SIZE_PT - step / 10 for step in range(36))
    fitting = (size for size in sizes if _lines(report, notices, size) * size * _LINE_HEIGHT <= _TEXT_HEIGHT_PT)
    return next(fitting, _SMALLEST_TYPE_PT)


@dataclass(frozen=True, slots=True)
class _Notices:
    shown: tuple[str, ...]
    rest: str


def _notices(report: ReportInput) -> _Notices:
    """Return the reasons for caution, the most serious first, as many as fit the page in the smallest type."""
    messages = tuple(notice.message for notice in warnings_of(report))
    most = _TEXT_HEIGHT_PT / (_SMALLEST_TYPE_PT * _LINE_HEIGHT)
    counts = range(len(messages), 1, -1)
    fitting = (count for count in counts if _lines(report, messages[:count], _SMALLEST_TYPE_PT) <= most)
    shown = messages[: next(fitting, 1)]
    left_out = len(messages) - len(shown)
    return _Notices(shown, f"{left_out} more, less serious, are in the JSON of this result." if left_out else "")


def _lines(report: ReportInput, notices: tuple[str, ...], size: float) -> float:
    """Return about how many lines all takes with so many reasons for caution."""
    signs = int(_SIGNS_OF_LINE * _TYPE_SIZE_PT / size)
    columns = [[row.name for row in rows] for rows in _labels(report.prediction).columns]
    calls = statements(report.prediction)[:MOST_LEADING]
    said = [*notices, *(value for _, value in _origin(report))]
    facts = [f"{fact.label} {fact.value}" for fact in _facts(report).shown]
    return (
        _LINES_OF_FRAME
        + sum(2 + math.ceil(1.2 * len(call.behind) / signs) for call in calls)
        + max(sum(0.4 + math.ceil(len(name) * len(columns) / signs * 2.7) for name in names) for names in columns)
        + sum(math.ceil(len(text) / signs) for text in said)
        + sum(math.ceil(len(text) / signs * 2.7) for text in facts) / 2.6
    )


# ── The answer ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Call:
    """A call in words and what is behind it."""

    words: str
    behind: str
    measured: str


@dataclass(frozen=True, slots=True)
class _Answer:
    calls: tuple[_Call, ...]
    rest: str


def _answer(report: ReportInput) -> _Answer:
    said = statements(report.prediction)
    return _Answer(tuple(_call(statement) for statement in said[:MOST_LEADING]), more_called(said))


def _call(statement: Statement) -> _Call:
    point = None if statement.score is None else statement.score.label.operating_point
    return _Call(statement.words, sentence_case(statement.behind), accuracy_in_words(point) if point else "")


@dataclass(frozen=True, slots=True)
class _Row:
    """A label with its score; `percent` and `tick` are where bar and threshold end, None where there is none."""

    name: str
    number: str
    percent: float | None
    threshold: str
    tick: float | None
    call: str
    is_called: bool


@dataclass(frozen=True, slots=True)
class _Labels:
    heading: str
    columns: tuple[tuple[_Row, ...], ...]
    rest: str


def _labels(prediction: Prediction) -> _Labels:
    scores = prediction.scores
    kept = set(sorted(range(len(scores)), key=lambda index: scores[index].value, reverse=True)[:MOST_LABELS])
    rows = tuple(_row(prediction, score) for index, score in enumerate(scores) if index in kept)
    left_out = len(scores) - len(rows)
    rest = f"{left_out} more labels have lower scores." if left_out else ""
    half = -(-len(rows) // 2) if len(rows) > _COLUMN_OF_LABELS else len(rows)
    return _Labels(score_word(scores[0]).capitalize(), tuple(filter(None, (rows[:half], rows[half:]))), rest)


def _row(prediction: Prediction, score: Score) -> _Row:
    point = score.label.operating_point
    is_number = not math.isnan(score.value)
    return _Row(
        name=label_title(score.label),
        number=score_in_words(score.value) if is_number else "–",
        percent=100 * score.value if is_number else None,
        threshold=threshold_in_words(point.threshold) if point else "–",
        tick=100 * point.threshold if point else None,
        call=told_call(prediction, score),
        is_called=bool(call_of(prediction, score)),
    )


# ── The pictures ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Bar:
    """The colours from bottom to top as a data URL, and where the values stand, in percent from the top."""

    colours: str
    ticks: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Figures:
    """Pictures as data URLs; `overlay` is empty and `bar` None where no heatmap is drawn."""

    image: str
    image_caption: str
    overlay: str
    overlay_caption: str
    bar: _Bar | None
    height: str


def _figures(report: ReportInput) -> _Figures:
    shown = image_picture(report)
    explanation = drawn_heatmap(report)
    frame = f"Frame {report.frame_number} of {report.frame_count}. " if report.frame_count > 1 else ""
    return _Figures(
        image=_data_url(shown),
        image_caption=f"{frame}Window: {window_in_words(shown_voi(report), invert=report.invert)}.",
        overlay="" if explanation is None else _data_url(overlay_picture(report, shown, explanation)),
        overlay_caption=_overlay_caption(report, explanation),
        bar=None if explanation is None else _bar(report),
        height=f"{_film_height_mm(shown, is_alone=explanation is None):.1f}mm",
    )


def _overlay_caption(report: ReportInput, explanation: Explanation | None) -> str:
    if explanation is None:
        return heatmap_note(report)
    label = report.prediction.score(explanation.label_name).label
    limits, level = heatmap_limits(report), report.contour_level
    words = heatmap_in_words(explanation, label, limits, threshold=report.threshold, contour_level=level)
    return f"{words}."


def _film_height_mm(shown: Picture, *, is_alone: bool) -> float:
    """Return the height at which a film fills the width it has, with its caption."""
    width = _LONE_FILM_WIDTH_MM if is_alone else _FILM_WIDTH_MM
    return float(width * shown.shape[0] / shown.shape[1]) + _CAPTION_HEIGHT_MM


def _bar(report: ReportInput) -> _Bar:
    low, high = limits = heatmap_limits(report)
    colours = colour_map(np.linspace(high, low, 256)[:, None], name=report.colours, limits=limits)
    marks = tuple((f"{100 * (high - value) / (high - low):.2f}%", text) for value, text in ticks(limits))
    return _Bar(_data_url(colours), marks)


def _data_url(picture: Picture) -> str:
    return f"data:image/png;base64,{base64.b64encode(encode_png(picture, level=6)).decode('ascii')}"


# ── Where it comes from ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Facts:
    shown: tuple[Fact, ...]
    rest: str


def _facts(report: ReportInput) -> _Facts:
    facts = shown_facts(report)
    if report.include_identity and report.series_title:
        facts = (Fact("", "Series", report.series_title, identifying=True), *facts)
    left_out = len(facts) - MOST_FACTS
    rest = f"{left_out} more are in the header." if left_out > 0 else ""
    return _Facts(facts[:MOST_FACTS], rest)


def _origin(report: ReportInput) -> list[tuple[str, str]]:
    """Return what is needed to get the same answer again, as name and value."""
    model, prediction = report.model, report.prediction
    lines = [
        ("Model", f"{model.title}, {model.id} version {model.version}"),
        ("Intended use", model.intended_use.summary),
        ("Not for", model.intended_use.not_for),
        ("Calibration", _calibration(model.calibration)),
        (
            "Computed",
            f"in {prediction.seconds:.2g} s on the {device_in_words(prediction.device)}, Lightbox {__version__}",
        ),
        ("Licence", model.licence),
        ("SHA-256 of the model", model.sha256),
        ("SHA-256 of the image", image_sha256(report.image)),
    ]
    return [(name, value) for name, value in lines if value]


def _calibration(calibration: Calibration) -> str:
    if calibration.method == "none":
        return "none: the scores are not probabilities"
    if calibration.method == "operating-point":
        return "none: the scores are not probabilities, but are stretched so that each label’s operating point is 0.5"
    method = {"temperature": "temperature scaling", "platt": "Platt scaling"}[calibration.method]
    return f"{method}, fitted on {calibration.origin}" if calibration.origin else method
