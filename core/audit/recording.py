"""What is written into the audit record, and what happens when it cannot be.

A row is written before its answer is given. Where that fails, the answer is given with a warning, since a reader who
waits for it is better served with it than without; `LIGHTBOX_AUDIT=refuse` gives no answer instead.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from core import __version__
from core.audit.entry import Entry
from core.audit.log import AuditLog
from core.domain import ModelSpec, Notice, Prediction
from core.errors import AuditError
from core.models.suitability import call_of

log = logging.getLogger("lightbox")

POLICY_VARIABLE: Final = "LIGHTBOX_AUDIT"
"""Environment variable that says what happens to answers that cannot be recorded: "warn" or "refuse"."""
NOT_RECORDED = Notice(
    "not-recorded",
    "This answer is not in the audit record, which could not be written. Tell whoever runs this server.",
)


def refuses(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether an answer that cannot be recorded is not given.

    Raises
    ------
    ValueError
        The setting is neither "warn" nor "refuse": what was meant must not be passed over.
    """
    policy = environment.get(POLICY_VARIABLE, "warn")
    if policy not in {"warn", "refuse"}:
        raise ValueError(f"{POLICY_VARIABLE} is {policy!r}; it must be warn or refuse.")
    return policy == "refuse"


def record_reading(prediction: Prediction, *, reader: str) -> tuple[Notice, ...]:
    """Record a model's answer to an image; return what the reader is to be told where that fails.

    Parameters
    ----------
    prediction : Prediction
    reader : str
        A `User`, or how the user is known to whoever lets them in: a number stands for them in the record.

    Raises
    ------
    AuditError
        It cannot be written, and `LIGHTBOX_AUDIT=refuse`.
    """
    sha256, _, frame = prediction.image_uid.partition(":")
    labels = [score.label for score in prediction.scores]
    points = {label.name: label.operating_point for label in labels}
    entry = Entry(
        at=_now(),
        who=reader,
        what="reading",
        input_sha256=sha256,
        frame=int(frame or 1),
        model_id=prediction.model_id,
        model_version=prediction.model_version,
        model_sha256=prediction.model_sha256,
        settings=_json(
            {
                "operating_points": {
                    name: None if point is None else {"name": point.name, "threshold": point.threshold}
                    for name, point in points.items()
                },
                "software": __version__,
                "device": prediction.device,
            }
        ),
        answer=_json(
            {
                score.label.name: {"score": _number(score.value), "call": call_of(prediction, score)}
                for score in prediction.scores
            }
        ),
    )
    return _append(entry)


def record_evaluation(
    spec: ModelSpec, *, job: str, user: str, operating_point: str, images: Sequence[str], left_out: int
) -> tuple[Notice, ...]:
    """Record an evaluation that has ended, as one row; return what its owner is to be told where that fails.

    Parameters
    ----------
    spec : ModelSpec
    job : str
        Number of the evaluation, by which one that was recorded before its process died is not recorded again.
    user : str
        As in `record_reading`.
    operating_point : str
        Name; empty for each label's default.
    images : sequence of str
        SHA-256 of each file that has an answer.
    left_out : int
        How many images have none.

    Raises
    ------
    AuditError
        It cannot be written, and `LIGHTBOX_AUDIT=refuse`.
    """
    hashes = sorted(images)
    entry = Entry(
        at=_now(),
        who=user,
        what="evaluation",
        input_sha256=hashlib.sha256("\n".join(hashes).encode()).hexdigest(),
        frame=0,
        model_id=spec.id,
        model_version=spec.version,
        model_sha256=spec.sha256,
        settings=_json({"job": job, "operating_point": operating_point or None, "software": __version__}),
        answer=_json({"evaluated": len(hashes), "left_out": left_out, "images": hashes}),
    )
    return _append(entry, once=job)


def _append(entry: Entry, *, once: str = "") -> tuple[Notice, ...]:
    is_strict = refuses()
    try:
        AuditLog().append(entry, once=once)
    except AuditError as error:
        log.error("An answer could not be recorded: %s.", type(error.__cause__).__name__)
        if is_strict:
            raise AuditError(
                "The answer is held back: it could not be written to the audit record.",
                hint=error.hint,
                code=error.code,
            ) from error
        return (NOT_RECORDED,)
    return ()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, allow_nan=False)
