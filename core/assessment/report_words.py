"""What a report of an evaluation says, in words and rows: the same for every form that it takes.

The order is that of CLAIM and STARD-AI. No file's name and no patient is in it: cases are numbers, which
`predictions.csv` resolves for its owner.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import __version__
from core.assessment.gallery import case_image, opened_files, picture_of
from core.assessment.inspection import SetInspection
from core.assessment.labelled_set import Files
from core.assessment.outcome import Assessment, meaning_in_words, most_wrong
from core.domain import Calibration, Label
from core.errors import CoreError
from core.evaluation import METRICS
from core.overlay import Picture
from core.reports.wording import estimate_in_numbers, label_title, label_words, score_in_words

if TYPE_CHECKING:
    from core.evaluation import Subgroups

MOST_SHOWN = 12
"""Pictures in the gallery of failures."""
MOST_DRAWN = 6
"""Labels whose charts are in a report; the figures of all are."""
_SUBGROUP_DRAWS = 400

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """A case that is called wrongly; the picture is None where the file cannot be had any more."""

    picture: Picture | None
    caption: str


@dataclass(frozen=True, slots=True, eq=False)
class ReportWords:
    """Everything that a report says, but for its charts.

    Attributes
    ----------
    title : str
    flow : list of (str, str)
        From files to cases: a number and its words.
    excluded : list of (int, str, str)
        How many, code, reason.
    found : list of str
        What was found before the run.
    truth_from : str
    meanings : list of (str, str, str)
        What the set says, what it is taken for, and "guessed" or nothing.
    model, overall, points : list of (str, str)
        Names and values.
    label_titles : list of str
        The columns of `metrics`.
    metrics : list of (str, str, str, list of str)
        Title, meaning, kind of interval, a cell for each label.
    limits : list of str
    """

    title: str
    flow: list[tuple[str, str]]
    excluded: list[tuple[int, str, str]]
    found: list[str]
    truth_from: str
    meanings: list[tuple[str, str, str]]
    model: list[tuple[str, str]]
    label_titles: list[str]
    metrics: list[tuple[str, str, str, list[str]]]
    overall: list[tuple[str, str]]
    points: list[tuple[str, str]]
    limits: list[str]


def report_words(assessment: Assessment, inspection: SetInspection | None = None) -> ReportWords:
    """Gather what a report says."""
    return ReportWords(
        title=f"{assessment.model.title}: evaluation on {assessment.result.n} images",
        flow=_flow(assessment),
        excluded=_excluded(assessment),
        found=[notice.message for notice in inspection.notices] if inspection is not None else [],
        truth_from=assessment.truth_from,
        meanings=_meanings(assessment),
        model=_model(assessment),
        label_titles=[label_title(label) for label in assessment.labels],
        metrics=_metrics(assessment),
        overall=_overall(assessment),
        points=[_point(label) for label in assessment.labels],
        limits=_limits(assessment),
    )


# ── Data and reference ────────────────────────────────────────────────────────────────────────────────────────────


def _flow(assessment: Assessment) -> list[tuple[str, str]]:
    """Return the boxes of the flow from files to cases: a number and its words."""
    result = assessment.result
    boxes = [
        (f"{assessment.listed}", "files in the set"),
        (f"− {len(assessment.excluded)}", "left out, for the reasons below"),
        (f"{result.n}", f"images of {result.patients} patients evaluated"),
    ]
    if len(result.labels) <= MOST_DRAWN:
        boxes.append((" / ".join(str(label.positives) for label in result.labels), _shown_words(assessment)))
    return boxes


def _shown_words(assessment: Assessment) -> str:
    return f"of them show {' / '.join(label_words(label) for label in assessment.labels)}"


def _excluded(assessment: Assessment) -> list[tuple[int, str, str]]:
    counts = Counter(one.code for one in assessment.excluded)
    messages = {one.code: one.message for one in assessment.excluded}
    return [(count, code, messages[code]) for code, count in counts.most_common()]


def _meanings(assessment: Assessment) -> list[tuple[str, str, str]]:
    labels = assessment.labels
    return [(one.name, meaning_in_words(one, labels), "guessed" if one.is_guess else "") for one in assessment.meanings]


def _model(assessment: Assessment) -> list[tuple[str, str]]:
    model, job = assessment.model, assessment.job
    lines = [
        ("Model", f"{model.title} ({model.id})"),
        ("Version", model.version),
        ("SHA-256 of the weights", model.sha256),
        ("Architecture", model.architecture),
        ("Intended use", model.intended_use.summary),
        ("Not for", model.intended_use.not_for),
        ("Calibration", _calibration(model.calibration)),
        ("Computed", f"{job.done} files in {job.seconds:.1f} s, {job.computed} images anew; Lightbox {__version__}"),
    ]
    return [(name, value) for name, value in lines if value]


def _calibration(calibration: Calibration) -> str:
    words = {
        "none": "not calibrated: scores are no probabilities",
        "operating-point": "scores are spread around the operating point: they are no probabilities",
        "temperature": "by one temperature for all labels",
        "platt": "by a temperature and an offset for each label (Platt)",
    }
    known = words[calibration.method]
    return f"{known}, fitted on {calibration.origin}" if calibration.origin else known


# ── Figures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _metrics(assessment: Assessment) -> list[tuple[str, str, str, list[str]]]:
    return [
        (
            metric.title,
            metric.meaning,
            metric.interval,
            [estimate_in_numbers(label.metrics[name]) for label in assessment.result.labels],
        )
        for name, metric in METRICS.items()
    ]


def _overall(assessment: Assessment) -> list[tuple[str, str]]:
    result = assessment.result
    lines = [("Accuracy, all labels", estimate_in_numbers(result.accuracy))]
    if len(result.averaged) > 1:
        lines.append((f"AUROC, mean of {len(result.averaged)} labels", estimate_in_numbers(result.macro["auroc"])))
    return lines


def _point(label: Label) -> tuple[str, str]:
    point = label.operating_point
    if point is None:
        return label_title(label), "no operating point, so nothing is called"
    words = f"score ≥ {point.threshold:.4f} (“{point.name}”), set for {point.criterion} on {point.origin} (n {point.n})"
    return label_title(label), words


@dataclass(frozen=True, slots=True, eq=False)
class GroupWords:
    """What a report says of the groups of one attribute; `rows` hold one label in one group each."""

    subgroups: Subgroups
    rows: list[Row]
    tests: list[str]


def subgroup_words(assessment: Assessment) -> Iterator[GroupWords]:
    """Measure the groups of every attribute, and say what came of it."""
    titles = {label.name: label_title(label) for label in assessment.labels}
    for attribute in assessment.attributes:
        found = assessment.subgroups(attribute, draws=_SUBGROUP_DRAWS)
        rows = [
            (
                group.name,
                titles[own.name],
                f"{own.positives} / {own.negatives}",
                *(estimate_in_numbers(own.metrics[name]) for name in ("auroc", "sensitivity", "specificity")),
                own.warning,
            )
            for group in found.groups
            for own in group.labels
        ]
        tests = [f"{titles[test.label]}, {METRICS[test.metric].title}: {test.reading}" for test in found.tests]
        yield GroupWords(found, rows, tests)


# ── Failures and limits ───────────────────────────────────────────────────────────────────────────────────────────


def failures(assessment: Assessment) -> list[Failure]:
    """Return the most confidently wrong cases, those of each label in turn."""
    queues = [(label, most_wrong(assessment, label.name)) for label in assessment.labels]
    longest = max((len(queue) for _, queue in queues), default=0)
    turns = [(label, queue[turn]) for turn in range(longest) for label, queue in queues if turn < len(queue)]
    with opened_files(assessment.job) as files:
        return [_failure(assessment, label, number, files) for label, number in turns[:MOST_SHOWN]]


def _failure(assessment: Assessment, label: Label, number: int, files: Files) -> Failure:
    case = assessment.cases[number]
    index = [own.name for own in assessment.labels].index(label.name)
    verdict = "missed" if assessment.result.cases.truth[number, index] == 1 else "false alarm"
    score = score_in_words(case.scores[index])
    caption = f"Case {number + 1}: {label_title(label)} {verdict}, score {score}"
    try:
        return Failure(picture_of(case_image(files, case)), caption)
    except CoreError:
        return Failure(None, caption)


def _limits(assessment: Assessment) -> list[str]:
    result = assessment.result
    fixed = [
        "The figures hold for images like those of this set; PPV and NPV for its share of findings alone.",
        "The labels of the set are taken as they are: errors in them count as errors of the model.",
        f"Intervals are of 95 %; those that are resampled rest on {result.draws} draws with seed {result.seed}.",
    ]
    if not result.is_clustered:
        fixed.append("Every image counts as a patient of its own, as nothing says otherwise or none has several.")
    if any(math.isnan(label.threshold) for label in result.labels):
        fixed.append("Labels without an operating point are not called.")
    return [notice.message for notice in (*assessment.notices, *result.notices)] + fixed
