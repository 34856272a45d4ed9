"""The sidebar beside an open study: its series, the model to ask, its facts."""

from __future__ import annotations

from html import escape
from time import monotonic

import streamlit as st

from core import workflow
from core.deid import masked
from core.domain import ModelSpec, Series
from core.errors import CoreError
from core.ui.intake import show_left_out
from core.ui.picture import png_url, thumbnail
from core.ui.session import Desk, OpenStudy
from core.windowing import default_voi
from core.workflow import ModelChoice

NO_MODEL = ""
THUMBNAIL_SECONDS = 0.5
"""Time that one run of the page spends on thumbnails; the rest follows with the next run."""
BLANK = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def series_list(opened: OpenStudy) -> None:
    """Show the series of a study with a small picture of each; the chosen one is opened."""
    series = {each.uid: each for each in opened.study.series}
    st.session_state.series = opened.series_uid
    with st.container(key="series_list"):
        st.radio(
            "Series",
            list(series),
            format_func=lambda uid: f"![]({opened.thumbnails.get(uid) or BLANK}) {_plain(series[uid].title)}",
            captions=[_count_words(each) for each in series.values()],
            key="series",
            on_change=_open_series,
            args=(opened,),
        )


def _open_series(opened: OpenStudy) -> None:
    opened.series_uid = st.session_state.series


def _plain(title: str) -> str:
    """Take the signs out of a title that Markdown would act on."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]()<>#+!|~$:" else sign for sign in title)


def _count_words(series: Series) -> str:
    count = len(series.frames)
    what = "image" if count == 1 else "slices" if series.frames[0].position is not None else "frames"
    return f"{count} {what}" + (", localizer" if series.is_localizer else "")


def draw_thumbnails(opened: OpenStudy) -> bool:
    """Make the thumbnails that are missing, for a moment; return whether the list has to be shown again.

    They come after everything else: the image that is looked at must not wait for them.
    """
    missing = [series for series in opened.study.series if opened.thumbnails.get(series.uid) is None]
    end = monotonic() + THUMBNAIL_SECONDS
    for count, series in enumerate(missing):
        if count > 0 and monotonic() > end:
            break
        opened.thumbnails.put(series.uid, _thumbnail_url(opened, series))
    return bool(missing)


def _thumbnail_url(opened: OpenStudy, series: Series) -> str:
    frame = series.frames[len(series.frames) // 2]
    try:
        image = opened.images.get(frame.uid) or frame.load()
    except CoreError:
        return BLANK
    return png_url(thumbnail(image, default_voi(image)))


def model_choice(opened: OpenStudy) -> ModelSpec | None:
    """Show which model is asked, the proposed one at the head; return it, None for none."""
    choice = workflow.models_for(opened.series)
    chosen = opened.model_ids.setdefault(opened.series_uid, choice.proposed.id if choice.proposed else NO_MODEL)
    models = {spec.id: spec for spec in choice.models}
    st.session_state.model = chosen if chosen in models else NO_MODEL
    st.selectbox(
        "Model",
        _order(choice),
        format_func=lambda model_id: _model_words(models.get(model_id), choice),
        key="model",
        on_change=_choose_model,
        args=(opened,),
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


def _model_words(spec: ModelSpec | None, choice: ModelChoice) -> str:
    if spec is None:
        return "None: look only"
    is_proposed = choice.proposed is not None and choice.proposed.id == spec.id
    return f"Proposed: {spec.title}" if is_proposed else spec.title


def _choose_model(opened: OpenStudy) -> None:
    opened.model_ids[opened.series_uid] = st.session_state.model


def facts_panel(opened: OpenStudy) -> None:
    """Show what the header says, the identity masked until it is asked for."""
    series = opened.series
    with st.expander("Study facts", expanded=False, icon=":material/description:"):
        if not series.facts:
            st.caption("The file has no header that says more.")
            return
        reveal = any(fact.identifying for fact in series.facts) and st.checkbox("Show identity", key="reveal_identity")
        rows = (
            f"<dt>{escape(fact.label)}</dt><dd>{escape(fact.value)}</dd>"
            for fact in masked(series.facts, reveal=reveal)
        )
        st.html(f'<dl class="lb-facts">{"".join(rows)}</dl>')


def study_tools(desk: Desk) -> None:
    """Show what was left out, and the way to clear the desk."""
    show_left_out(desk.left_out)
    st.button("Close the study", on_click=desk.close, icon=":material/close:", key="close", width="stretch")
