"""Identity stays out of sight until asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.deid import MASK, masked, without_identity
from core.domain import Fact

NAME = Fact("PatientName", "Patient", "Zebedee^Quill", identifying=True)
EMPTY = Fact("PatientID", "Patient ID", "", identifying=True)
MODALITY = Fact("Modality", "Modality", "DX")


def test_identifying_values_are_masked_and_their_lines_stay():
    hidden = masked([NAME, MODALITY])
    assert hidden == (Fact("PatientName", "Patient", MASK, identifying=True), MODALITY)


def test_values_are_shown_when_asked_for():
    assert masked([NAME, MODALITY], reveal=True) == (NAME, MODALITY)


def test_an_empty_value_is_not_made_to_look_like_a_hidden_one():
    assert masked([EMPTY]) == (EMPTY,)


def test_exports_do_not_even_name_the_line():
    assert without_identity([NAME, MODALITY, EMPTY]) == (MODALITY,)


facts = st.builds(Fact, st.text(), st.text(), st.text(), st.booleans())


@given(st.lists(facts))
def test_no_identifying_value_comes_through(given_facts):
    assert {fact.value for fact in masked(given_facts) if fact.identifying} <= {MASK, ""}
    assert [fact.label for fact in masked(given_facts)] == [fact.label for fact in given_facts]
    assert list(without_identity(given_facts)) == [fact for fact in given_facts if not fact.identifying]
