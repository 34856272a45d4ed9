"""The way in that a user has: bytes become a study, a study's frame becomes an image, a model is asked."""

from __future__ import annotations

import pytest

from core.domain import Image, Series, Study
from core.errors import CoreError, StudyError
from core.io import Source, load_study
from core.workflow import Reading, read_frame
from tests.made_models import MODEL_ID


def brought(*contents: bytes) -> Study:
    """Bring files as one upload."""
    return load_study([Source(f"upload {number}", content) for number, content in enumerate(contents, 1)])


def series_of(*contents: bytes) -> Series:
    """Bring files that are one series."""
    study = brought(*contents)
    assert study.rejected == ()
    (series,) = study.series
    return series


def shown(*contents: bytes, frame: int = 0) -> Image:
    """Return the image that a reader sees."""
    return series_of(*contents).frames[frame].load()


def refused(content: bytes) -> StudyError:
    """Return why a file is refused: when it is brought, or when its pixels are wanted."""
    study = brought(content)
    if study.rejected:
        (rejected,) = study.rejected
        assert study.series == ()
        return StudyError(rejected.message, hint=rejected.hint, code=rejected.code)
    with pytest.raises(StudyError) as caught:
        study.series[0].frames[0].load()
    return caught.value


def asked(*contents: bytes) -> Reading:
    """Ask the made-up model; the test needs the fixture `made_weights`."""
    return read_frame(series_of(*contents), 0, model_id=MODEL_ID)


def not_answered(content: bytes) -> CoreError:
    """Return why the model gives no answer."""
    with pytest.raises(CoreError) as caught:
        asked(content)
    return caught.value


def codes(image: Image) -> set[str]:
    """Return what is noted about an image, beside that it is uncalibrated."""
    return {notice.code for notice in image.notices} - {"uncalibrated", "spacing-at-detector"}
