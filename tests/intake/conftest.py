"""What holds for every case."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.made import PATIENT_ID, PATIENT_NAME


@pytest.fixture(autouse=True)
def no_identity_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a file brings, the log does not name the patient."""
    yield
    assert not any(identity in caplog.text for identity in (*PATIENT_NAME.split("^"), PATIENT_ID))
