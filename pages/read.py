"""Read: from a study to an answer with its evidence."""

import streamlit as st

from core.ui.access import require_access
from core.ui.along import bring_a_prior
from core.ui.asking import warm_up_in_background
from core.ui.intake import bring_a_study
from core.ui.invitation import invite, list_the_models
from core.ui.room import reading_room
from core.ui.session import open_desk
from core.ui.shelf import keep_watch
from core.ui.side import draw_thumbnails, facts_panel, model_choice, series_list, study_tools

require_access()
desk = open_desk()

# An empty place takes the other state off the screen at once, rather than when the whole script has run.
if desk.opened is None:
    with st.sidebar:
        list_the_models()
        st.empty()
    invite(desk)
    st.empty()
    warm_up_in_background()
else:
    with st.sidebar:
        st.empty()
        with st.container(key="study"):
            bring_a_study(desk)
            study_tools(desk)
            series_list(desk.opened)
            asked = model_choice(desk.opened)
            bring_a_prior(desk.opened)
            facts_panel(desk.opened)
    st.empty()
    warm_up_in_background(asked.spec)
    with st.container(key="room"):
        reading_room(desk.opened, asked)
    draw_thumbnails(desk.opened)
    keep_watch(desk.opened)
