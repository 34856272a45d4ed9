"""The files that an evaluation is taken along in, the same from the page and from the command."""

from __future__ import annotations

import json

from core.assessment.inspection import Progress, SetInspection, inspect_set
from core.assessment.jobs import Request
from core.assessment.outcome import Assessment
from core.assessment.record import as_record, predictions_csv
from core.assessment.store import Store


def inspect_request(store: Store, request: Request, *, progress: Progress | None = None) -> SetInspection:
    """Look at the set of a request; what was looked at before is not opened again.

    Raises
    ------
    DatasetError, ModelError
        As `inspect_set`.
    """
    return inspect_set(
        request.path,
        model_id=request.model_id,
        store=store,
        table=request.table,
        patient_pattern=request.patient_pattern,
        meanings=request.meanings,
        progress=progress,
    )


def outcome_files(assessment: Assessment, inspection: SetInspection) -> dict[str, bytes]:
    """Return the report, the table of cases and the figures as files by name.

    Parameters
    ----------
    assessment : Assessment
    inspection : SetInspection
        What was found in the set before the run.
    """
    from core.assessment.pdf import assessment_pdf
    from core.assessment.report import assessment_html

    record = json.dumps(as_record(assessment), indent=2, ensure_ascii=False, allow_nan=False)
    return {
        "report.html": assessment_html(assessment, inspection).encode(),
        "report.pdf": assessment_pdf(assessment, inspection),
        "predictions.csv": predictions_csv(assessment).encode(),
        "report.json": f"{record}\n".encode(),
    }
