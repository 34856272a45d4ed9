"""One model as a page: what it is for and not for, how good it is, where it fails, whose it is."""

from __future__ import annotations

import re

import streamlit as st

from core.domain import Calibration, ModelSpec, Notice
from core.errors import ModelError
from core.models.evidence import Evidence, read_evidence
from core.models.registry import model_folder, weights_size
from core.ui.answer import notices_html
from core.ui.models_charts import show_charts
from core.ui.models_words import (
    CHECKING,
    ages_in_words,
    facts_html,
    label_aurocs,
    labels_in_words,
    metrics_html,
    network_in_words,
    operating_points_html,
    origins_html,
    size_in_words,
    weights_state_html,
)

TOLD_ABOVE = frozenset({"Intended use", "Not for", "Operating points"})
"""Sections of a card that the page tells in its own way, from `model.toml`."""
OPEN = frozenset({"Data", "Known failures", "Not measured", "What is not known", "What was assumed", "Reproduce"})
"""Sections that are read by everybody; the others wait until they are opened."""
LAST = "Licence and citation"


def show_model(spec: ModelSpec) -> None:
    """Show everything that is known about a model."""
    left, right = st.columns([62, 38], gap="medium")
    with left:
        st.title(spec.title)
        st.caption(f"{spec.id}, version {spec.version}")
        st.text(spec.intended_use.summary)
        st.html(notices_html([Notice("not-for", spec.intended_use.not_for)], title="Must not be used for"))
    with right:
        st.html(facts_html(_facts(spec)))
        place = st.empty()
        place.html(CHECKING)
    evidence = _evidence(spec)
    _figures(spec, evidence)
    _operating_points(spec, evidence)
    _card(spec)
    place.html(weights_state_html(spec))


def _facts(spec: ModelSpec) -> dict[str, str]:
    use, (rows, columns) = spec.intended_use, spec.input.size
    return {
        "Modality": ", ".join(use.modalities) or "any",
        "Body part": ", ".join(use.body_parts) or "any",
        "View": ", ".join(use.view_positions) or "any",
        "Age": ages_in_words(use),
        "Labels": labels_in_words(spec),
        "Scores": _scores_in_words(spec.calibration),
        "Network": f"{network_in_words(spec)}, input {rows} × {columns}, {size_in_words(weights_size(spec))}",
        "Licence": spec.licence or "not known",
        "Citation": spec.citation,
        "SHA-256": spec.sha256,
    }


def _scores_in_words(calibration: Calibration) -> str:
    if not calibration.gives_probabilities:
        return "Not calibrated: they are not probabilities"
    return f"Probabilities, calibrated on {calibration.origin.partition(',')[0]}"


def _evidence(spec: ModelSpec) -> Evidence | ModelError | None:
    try:
        return read_evidence(model_folder(spec), spec)
    except ModelError as error:
        return error


# ── Figures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _figures(spec: ModelSpec, evidence: Evidence | ModelError | None) -> None:
    st.header("How good it is")
    if isinstance(evidence, Evidence):
        st.caption(
            f"Measured on {evidence.measured_on}, which nothing was fitted to; 95 % intervals in brackets. "
            "Sensitivity, specificity and accuracy are those of the default operating point."
        )
    st.html(metrics_html(spec) or "<p>Nothing was measured here, and no figure came with the model.</p>")
    if isinstance(evidence, Evidence):
        show_charts(spec, evidence, label_aurocs(spec))
    elif evidence is not None:
        st.html(notices_html([Notice(evidence.code, str(evidence))], title="No charts"))
    else:
        st.html(notices_html([Notice("no-evidence", _why_no_charts(spec))], title="No charts", kind="lb-notes"))


def _why_no_charts(spec: ModelSpec) -> str:
    if spec.metrics:
        return (
            "The curves behind these figures are not in the model's folder; the command “python -m core measure” puts "
            "them there."
        )
    return (
        "How its scores are spread over images with and without each finding is not known. Run it on labelled images "
        "of your own before you rely on it."
    )


def _operating_points(spec: ModelSpec, evidence: Evidence | ModelError | None) -> None:
    st.header("Operating points")
    table = operating_points_html(spec, evidence if isinstance(evidence, Evidence) else None)
    if not table:
        st.text("There are none, so this model calls nothing positive or negative: it has scores only.")
        return
    st.html(table)
    with st.expander("Where they come from", expanded=len(spec.labels) == 1):
        st.html(origins_html(spec.labels))


# ── Card ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _card(spec: ModelSpec) -> None:
    sections = card_sections(spec.card)
    last = sections.pop(LAST, "")
    closed = {title: text for title, text in sections.items() if title not in OPEN | TOLD_ABOVE}
    for title, text in sections.items():
        if title in OPEN:
            st.header(title)
            st.markdown(text)
    if closed:
        st.header("More from the card")
    for title, text in closed.items():
        with st.expander(title):
            st.markdown(text)
    if last:
        st.header(LAST)
        st.markdown(last)


def card_sections(card: str) -> dict[str, str]:
    """Return the sections of a card by their headings of the second level; pictures become links.

    A card is somebody's text: a picture in it would be fetched from wherever it says.
    """
    _head, *parts = re.split(r"^## +(.+?) *$", card, flags=re.MULTILINE)
    texts = (text.strip().replace("![", "[") for text in parts[1::2])
    return {title: text for title, text in zip(parts[::2], texts, strict=True) if text}
