from __future__ import annotations

import logging

import pytest
from streamlit.testing.v1 import AppTest

from core.ui.failure import answer_calmly


def test_the_log_says_where_but_not_what(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise RuntimeError("PatientName Zebedee^Quill is not what was expected")
    except RuntimeError as error:
        caught = error
    with caplog.at_level(logging.ERROR):
        assert answer_calmly(caught) is True
    assert "RuntimeError" in caplog.text
    assert "test_failure.py" in caplog.text
    assert "Zebedee" not in caplog.text


def page_with_a_fault() -> None:
    import streamlit as st

    from core.ui.failure import calmly

    with calmly():
        st.write("before")
        raise KeyError("Zebedee^Quill")
    st.write("after")


def page_with_a_known_failure() -> None:
    from core.errors import StudyError
    from core.ui.failure import calmly

    with calmly():
        raise StudyError("The file is empty.", hint="Copy it again.", code="empty-file")


def test_an_unforeseen_failure_is_a_calm_sentence_and_the_page_goes_on() -> None:
    page = AppTest.from_function(page_with_a_fault).run()
    assert [element.value for element in page.markdown] == ["before", "after"]
    assert "did not foresee" in page.error[0].value
    assert "Zebedee" not in page.error[0].value
    assert not page.exception


def test_a_failure_with_a_name_is_told_with_its_hint() -> None:
    page = AppTest.from_function(page_with_a_known_failure).run()
    assert page.error[0].value == "**The file is empty.** Copy it again."


def page_of_a_study_that_is_closed_meanwhile() -> None:
    import streamlit as st

    from core.domain import Study
    from core.ui.failure import calmly
    from core.ui.session import OpenStudy

    with calmly():
        opened = OpenStudy(Study("0" * 64, series=()), series_uid="gone")
        st.write(opened.series.title)


def test_a_run_that_a_closed_study_overtook_ends_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    page = AppTest.from_function(page_of_a_study_that_is_closed_meanwhile).run()
    assert not page.error
    assert not page.markdown
    assert [record for record in caplog.records if record.name == "lightbox"] == []
