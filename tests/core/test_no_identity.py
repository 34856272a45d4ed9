"""Text of a study is nowhere in what Lightbox says of it unasked: a marker in every text attribute is looked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from core.__main__ import main
from core.deid import masked
from core.domain import Series
from core.io import load_path
from core.models.proposal import why_not
from core.reports import ReportInput, reading_html, reading_json
from core.workflow import known_models, read_frame
from tests import made
from tests.made_models import MODEL_ID

MARKER = "ZQXVKJWY"
"""Long enough that it is not found by chance in pictures that are written in letters."""
TEXT = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"})
NEEDED = frozenset({"PhotometricInterpretation", "SpecificCharacterSet", "VOILUTFunction", "ImageType"})
"""Of these the values decide how the file is read; a wrong one is an error or a notice of its own."""


def marked(*, but: frozenset[str] = frozenset(), number: int = 1, **attributes: str) -> bytes:
    """Return a radiograph with the marker in every text attribute of the standard, but in some."""
    names = {
        keyword: f"{MARKER} {keyword[:7]}".upper() if vr != "PN" else f"{MARKER}^{keyword[:7]}"
        for tag, (vr, _, _, retired, keyword) in DicomDictionary.items()
        if vr in TEXT and tag >> 16 > 4 and not retired and keyword and keyword not in NEEDED | but
    }
    described = Dataset()
    described.CodeValue = described.CodeMeaning = f"{MARKER}MEANING"
    anatomy = {"AnatomicRegionSequence": Sequence([described]), "ViewCodeSequence": Sequence([described])}
    windows = {"WindowCenter": [1500, 900], "WindowWidth": [3000, 900]}
    others = {"PatientBirthDate": None, "PatientAge": "003Y", "InstanceNumber": number}
    return made.radiograph(64, **names | anatomy | windows | others | attributes)


@pytest.fixture(params=[frozenset(), frozenset({"Modality", "BodyPartExamined", "ViewPosition", "PatientSex"})])
def study(request: pytest.FixtureRequest, tmp_path: Path, made_weights: Path) -> Path:
    path = tmp_path / "film.dcm"
    path.write_bytes(marked(but=request.param))
    return path


def test_the_command_line_says_nothing_of_it(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--json"], [], ["--json", "--model", MODEL_ID], ["--model", MODEL_ID]):
        main(["predict", str(study), *arguments])
    said = capsys.readouterr()
    assert MODEL_ID in said.out
    assert MARKER not in said.out.upper() + said.err.upper()


def test_neither_do_titles_notices_windows_and_reasons(study: Path) -> None:
    (series,) = load_path(study).series
    image = series.frames[0].load()
    said = [
        series.title,
        *(notice.message for notice in (*series.notices, *image.notices)),
        *(voi.explanation for voi in image.voi),
        *(f"{fact.label} {fact.value}" for fact in masked(series.facts)),
        *(why_not(spec, series.acquisition) for spec in known_models().models),
    ]
    assert len(image.voi) == 2
    assert MARKER not in "\n".join(said).upper()


def test_reports_hold_it_only_when_it_was_asked_for(study: Path) -> None:
    (series,) = load_path(study).series
    assert not any(MARKER in text.upper() for text in reports(series, include_identity=False))
    assert all(MARKER in text.upper() for text in reports(series, include_identity=True))


def reports(series: Series, *, include_identity: bool) -> Iterator[str]:
    reading = read_frame(series, 0, model_id=MODEL_ID)
    report = ReportInput(
        image=reading.image,
        model=reading.model,
        prediction=reading.prediction,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        facts=series.facts,
        series_title=series.title,
    )
    report = replace(report, include_identity=include_identity)
    yield json.dumps(reading_json(report))
    yield reading_html(report)


@pytest.mark.parametrize(
    "fault",
    [
        {"PhotometricInterpretation": MARKER},
        {"Rows": 0},
        {"BitsAllocated": 7},
        {"SamplesPerPixel": 2},
        {"NumberOfFrames": 90000},
    ],
)
def test_errors_do_not_quote_it(
    fault: dict[str, object], tmp_path: Path, made_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "film.dcm"
    path.write_bytes(made.radiograph(64, PatientName=MARKER, SOPClassUID=f"1.2.{MARKER}", **fault))
    assert main(["predict", str(path), "--json"]) == 1
    said = capsys.readouterr()
    assert MARKER not in said.out + said.err
