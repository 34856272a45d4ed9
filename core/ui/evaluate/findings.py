"""What a set holds, before anything runs: counts, what its labels mean, and what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.assessment.inspection import LabelCount, SetInspection
from core.assessment.mapping import ABSENCE, LEFT_OUT
from core.assessment.store import Store
from core.domain import ModelSpec
from core.reports.wording import label_title
from core.ui.answer import notices_html
from core.ui.evaluate.choosing import look_at
from core.ui.evaluate.looking import Look
from core.ui.evaluate.state import PARAMETER, Draft, start
from core.ui.evaluate.words import held_in_words, notices_to_show
from core.ui.failure import show_error

MOST_NAMED = 200
"""Files that a list names; of more it says how many there are."""
_POLL_S = 1.0


def show_findings(draft: Draft, store: Store) -> None:
    """Show what was found, or how far the looking is."""
    st.button("Another set", icon=":material/arrow_back:", key="another_set", on_click=draft.clear)
    st.title(f"What the set holds: {draft.name}")
    look = draft.look or look_at(draft, store)
    look.wait(_POLL_S)
    if look.failure is not None:
        show_error(look.failure)
    elif look.found is not None:
        _show_found(draft, store, look.found)
    else:
        _show_progress(look)


@st.fragment(run_every=_POLL_S)
def _show_progress(look: Look) -> None:
    if look.is_over:
        st.rerun()
    share = look.done / look.total if look.total else 0.0
    st.progress(min(share, 1.0), text=f"Looking at file {look.done:,} of {look.total:,}" if look.total else "Listing")
    st.caption("Every file is opened once, so that nothing surprises during the run. The second time it is quick.")


def _show_found(draft: Draft, store: Store, found: SetInspection) -> None:
    st.markdown(held_in_words(found))
    left, right = st.columns([56, 44], gap="large")
    with left:
        said = _meanings(draft, found)
        found = found.with_meanings(said)
        draft.meanings = dict(said)
        _run_button(draft, store, found)
    with right:
        st.subheader("Before you run it")
        st.html(notices_html(notices_to_show(found), title="Keep in mind"))
        _lists(found)
        _patients(draft, store, found)


# ── What labels mean ──────────────────────────────────────────────────────────────────────────────────────────────


def _meanings(draft: Draft, found: SetInspection) -> dict[str, str]:
    """Show each label of the set with what it means to the model; return what differs from the guesses."""
    st.subheader("What its labels mean to the model")
    said: dict[str, str] = {}
    options = _options(found.model)
    for one in found.labels:
        chosen = _row(one, options, found.model, said_before=draft.meanings.get(one.meaning.name))
        # A guess that stays as it is stays a guess; the report says so.
        if chosen != one.meaning.target or one.meaning.name in draft.meanings:
            said[one.meaning.name] = chosen
    return said


def _options(model: ModelSpec) -> list[str]:
    """Return what a label can mean; absence only to a model that knows of it."""
    normal = [label for label in model.labels if not label.is_finding]
    can_be_absent = model.calibration.activation != "softmax" and not normal
    return [*(label.name for label in model.labels), *([ABSENCE] if can_be_absent else []), LEFT_OUT]


def _row(one: LabelCount, options: Sequence[str], model: ModelSpec, *, said_before: str | None) -> str:
    titles = {label.name: label_title(label) for label in model.labels}
    titles |= {ABSENCE: "None of the model's findings", LEFT_OUT: "Leave these images out"}
    target = one.meaning.target if said_before is None else said_before
    left, right = st.columns([45, 55], vertical_alignment="center")
    left.markdown(f"**{_plain(one.meaning.name)}**  \n{one.readable:,} of {one.files:,} images can be read")
    chosen: str = right.selectbox(
        f"What “{one.meaning.name}” means",
        options,
        index=options.index(target) if target in options else len(options) - 1,
        format_func=titles.__getitem__,
        key=f"meaning_{model.id}_{one.meaning.name}",
        label_visibility="collapsed",
    )
    if chosen == one.meaning.target and said_before is None:
        if one.meaning.is_guess:
            right.caption(f":orange[**Guessed**]: {one.meaning.reason}. Correct it if it is wrong.")
        elif one.meaning.kind == "unknown":
            right.caption(f":orange[**Not known**]: {one.meaning.reason}.")
    return chosen


def _plain(text: str) -> str:
    return "".join(f"\\{sign}" if sign in "*_`[]:$~<>#" else sign for sign in text)


def _run_button(draft: Draft, store: Store, found: SetInspection) -> None:
    used = sum(one.readable for one in found.labels if one.meaning.kind in ("label", "absence"))
    if not used:
        st.warning("No image would be evaluated: say what at least one label means.", icon=":material/warning:")
    if st.button("Run the evaluation", type="primary", icon=":material/play_arrow:", disabled=not used, key="run"):
        st.query_params[PARAMETER] = start(store, draft).id
        st.rerun()


# ── Lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lists(found: SetInspection) -> None:
    lists = {
        "Cannot be read": [f"{one.file}: {one.message}" for one in found.unreadable],
        "Exact copies": [" = ".join(names) for names in found.copies],
        "Pairs that are nearly the same": [" ≈ ".join(pair) for pair in found.near_copies],
        "Used to train the model": list(found.in_training),
        "Without a label": list(found.unlabelled),
    }
    for words, names in lists.items():
        if names:
            with st.expander(f"{words} ({len(names):,})"):
                st.text("\n".join(names[:MOST_NAMED]))
                if len(names) > MOST_NAMED:
                    st.caption(f"and {len(names) - MOST_NAMED:,} more")


def _patients(draft: Draft, store: Store, found: SetInspection) -> None:
    with st.expander("Who is which patient"):
        st.markdown(
            f"Told by {found.patient_from}. Images of one patient are not independent; the intervals allow for that."
        )
        pattern = st.text_input(
            "Pattern that finds the patient in a file's name (regular expression)",
            value=draft.patient_pattern,
            key="patient_pattern",
            placeholder=r"^(person\d+_\w+)_",
        )
        if pattern != draft.patient_pattern:
            draft.patient_pattern = pattern
            look_at(draft, store)
            st.rerun()
