"""The sidebar beside an open study: its series, the model to ask, its facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from html import escape

import streamlit as st

from core import workflow
from core.deid import masked
from core.domain import ModelSpec, Series
from core.errors import CoreError
from core.models.proposal import Proposal
from core.ui import asking
from core.ui.controls import frame_word, tied
from core.ui.intake import show_left_out
from core.ui.picture import jpeg_url, thumbnail
from core.ui.session import Desk, OpenStudy
from core.windowing import default_voi
from core.workflow import KnownModels

NO_MODEL = ""
THUMBNAIL_PLACE = ".st-key-series_list [data-testid=stRadioGroup] > :nth-child({number}) label p::before"


def series_list(opened: OpenStudy) -> None:
    """Show the series of a study; the chosen one is opened. Their pictures follow with `draw_thumbnails`."""
    series = opened.study.series
    names = dict(zip((each.uid for each in series), told_apart([each.title for each in series]), strict=True))
    st.session_state.series = opened.series_uid
    with st.container(key="series_list"):
        st.radio(
            "Series",
            list(names),
            format_func=lambda uid: _plain(names[uid]),
            captions=[_count_words(each) for each in series],
            key="series",
            on_change=_open_series,
            args=(opened,),
        )


def _open_series(opened: OpenStudy) -> None:
    # The browser names what was chosen: a name that came too late belongs to another study.
    if any(series.uid == st.session_state.series for series in opened.study.series):
        opened.series_uid = st.session_state.series


def told_apart(titles: Sequence[str]) -> list[str]:
    """Give a number to each of the titles that occur more than once: a list must offer every name once."""
    seen: Counter[str] = Counter()
    told: list[str] = []
    for title in titles:
        seen[title] += 1
        told.append(title if titles.count(title) == 1 else f"{title} ({seen[title]})")
    return told


def _plain(title: str) -> str:
    """Take the signs out of a title that Markdown would act on."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]()<>#+!|~$:" else sign for sign in title)


def _count_words(series: Series) -> str:
    count = len(series.frames)
    what = "image" if count == 1 else f"{frame_word(series)}s"
    return f"{count} {what}" + (", localizer" if series.is_localizer else "")


def draw_thumbnails(opened: OpenStudy) -> None:
    """Put a small picture before the name of each series, one after the other as they are made.

    They come last on the page, as rules of style: the image that is looked at must not wait for them, and the list
    does not change when they arrive.
    """
    for number, series in enumerate(opened.study.series, start=1):
        url = opened.thumbnails.get(series.uid)
        if url is None:
            url = opened.thumbnails.put(series.uid, _thumbnail_url(opened, series))
        if url:
            rule = f"{THUMBNAIL_PLACE.format(number=number)} {{ background-image: url({url}) }}"
            st.html(f"<style>{rule}</style>")


def _thumbnail_url(opened: OpenStudy, series: Series) -> str:
    frame = series.frames[workflow.opening_index(series)]
    try:
        image = opened.images.get(frame.uid) or frame.load()
    except CoreError:
        return ""
    return jpeg_url(thumbnail(image, default_voi(image)))


@dataclass(frozen=True, slots=True)
class Asked:
    """The model to ask about the open series; None where none is.

    `proposal` may still be waited for; `is_awaited` says that it decides which model is asked.
    """

    spec: ModelSpec | None
    proposal: Future[Proposal]
    models: tuple[ModelSpec, ...]
    is_awaited: bool = False


def model_choice(opened: OpenStudy) -> Asked:
    """Show which model is asked, the proposed one at the head, and why it is proposed; return it."""
    known, proposal = workflow.known_models(), asking.proposal(opened)
    proposed = proposal.result().model if proposal.done() else None
    if proposal.done():
        opened.model_ids.setdefault(opened.series_uid, proposed.id if proposed is not None else NO_MODEL)
    models = {spec.id: spec for spec in known.models}
    titles = dict(zip(models, told_apart([spec.title for spec in known.models]), strict=True))
    chosen = opened.model_ids.get(opened.series_uid, NO_MODEL)
    st.session_state.model = chosen if chosen in models else NO_MODEL
    ids = _order(list(models), proposed)
    st.selectbox(
        "Model",
        ids,
        format_func=lambda model_id: titles.get(model_id, "None: look only"),
        key="model",
        on_change=_choose_model,
        args=(opened, ids),
    )
    asked = models.get(st.session_state.model)
    # The box shows the beginning of a title; here it is whole.
    title = "" if asked is None else f"**{_plain(titles[asked.id])}.** "
    st.caption(title + _plain(_why_proposed(proposal, asked)))
    list_damaged(known)
    is_awaited = opened.series_uid not in opened.model_ids
    return Asked(asked, proposal, known.models, is_awaited)


def _order(ids: list[str], proposed: ModelSpec | None) -> list[str]:
    first = [] if proposed is None or proposed.id not in ids else [proposed.id]
    return [*first, *(model_id for model_id in ids if model_id not in first), NO_MODEL]


def _why_proposed(proposal: Future[Proposal], asked: ModelSpec | None) -> str:
    if not proposal.done():
        return "Choosing: the picture is compared with what each model was trained on …"
    made = proposal.result()
    if made.model is None:
        return f"No model is proposed. {made.reason}"
    if asked is not None and made.model.id == asked.id:
        return f"Proposed. {made.reason}"
    return f"Proposed is: {made.model.title}."


def list_damaged(known: KnownModels) -> None:
    """Name the model folders that cannot be used, with the reasons."""
    if not known.damaged:
        return
    models = "1 model" if len(known.damaged) == 1 else f"{len(known.damaged)} models"
    with st.expander(f"{models} cannot be used", icon=":material/warning:"):
        for damaged in known.damaged:
            st.text(damaged.id)
            st.caption(str(damaged.error))


def _choose_model(opened: OpenStudy, ids: Collection[str]) -> None:
    if st.session_state.model in ids:
        opened.model_ids[opened.series_uid] = st.session_state.model
        # What was asked to be shown nevertheless was asked of the other model.
        opened.view.score_anyway = opened.view.evidence_anyway = False


def facts_panel(opened: OpenStudy) -> None:
    """Show what the header says, the identity masked until it is asked for."""
    series = opened.series
    with st.expander("Study facts", expanded=False, icon=":material/description:"):
        if not series.facts:
            st.caption("The file has no header that says more.")
            return
        reveal = any(fact.identifying for fact in series.facts) and st.checkbox(
            "Show identity", **tied(opened, "reveal_identity")
        )
        rows = (
            f"<dt>{escape(fact.label)}</dt><dd>{escape(fact.value)}</dd>"
            for fact in masked(series.facts, reveal=reveal)
        )
        st.html(f'<dl class="lb-facts">{"".join(rows)}</dl>')


def study_tools(desk: Desk) -> None:
    """Show what was left out, and the way to clear the desk."""
    show_left_out(desk.left_out)
    st.button("Close the study", on_click=desk.close, icon=":material/close:", key="close", width="stretch")
