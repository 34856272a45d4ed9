"""The sidebar beside an open study: its series, the model to ask, its facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from html import escape

import streamlit as st

from core import workflow
from core.deid import masked
from core.domain import ModelSpec, Series
from core.errors import CoreError
from core.ui.controls import tied
from core.ui.intake import show_left_out
from core.ui.picture import jpeg_url, thumbnail
from core.ui.session import Desk, OpenStudy
from core.windowing import default_voi
from core.workflow import ModelChoice

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
    what = "image" if count == 1 else "slices" if series.frames[0].position is not None else "frames"
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
    frame = series.frames[len(series.frames) // 2]
    try:
        image = opened.images.get(frame.uid) or frame.load()
    except CoreError:
        return ""
    return jpeg_url(thumbnail(image, default_voi(image)))


def model_choice(opened: OpenStudy) -> ModelSpec | None:
    """Show which model is asked, the proposed one at the head; return it, None for none."""
    choice = workflow.models_for(opened.series)
    chosen = opened.model_ids.setdefault(opened.series_uid, choice.proposed.id if choice.proposed else NO_MODEL)
    models = {spec.id: spec for spec in choice.models}
    titles = dict(zip(models, told_apart([spec.title for spec in choice.models]), strict=True))
    st.session_state.model = chosen if chosen in models else NO_MODEL
    ids = _order(choice)
    st.selectbox(
        "Model",
        ids,
        format_func=lambda model_id: _model_words(model_id, titles, choice.proposed),
        key="model",
        on_change=_choose_model,
        args=(opened, ids),
    )
    list_damaged(choice)
    return models.get(st.session_state.model)


def list_damaged(choice: ModelChoice) -> None:
    """Name the model folders that cannot be used, with the reasons."""
    if not choice.damaged:
        return
    models = "1 model" if len(choice.damaged) == 1 else f"{len(choice.damaged)} models"
    with st.expander(f"{models} cannot be used", icon=":material/warning:"):
        for damaged in choice.damaged:
            st.text(damaged.id)
            st.caption(str(damaged.error))


def _order(choice: ModelChoice) -> list[str]:
    ids = [spec.id for spec in choice.models]
    if choice.proposed is not None:
        ids.remove(choice.proposed.id)
        ids.insert(0, choice.proposed.id)
    return [*ids, NO_MODEL]


def _model_words(model_id: str, titles: Mapping[str, str], proposed: ModelSpec | None) -> str:
    if model_id not in titles:
        return "None: look only"
    is_proposed = proposed is not None and proposed.id == model_id
    return f"Proposed: {titles[model_id]}" if is_proposed else titles[model_id]


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
