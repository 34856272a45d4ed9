"""The empty desk: what to do, and what this is."""

from __future__ import annotations

import streamlit as st

from core import workflow
from core.ui.access import is_local
from core.ui.failure import show_error
from core.ui.intake import bring_a_study, show_left_out
from core.ui.session import Desk
from core.ui.side import list_damaged
from core.workflow import KnownModels

WHERE_IT_STAYS = {
    True: "Everything stays on this machine.",
    False: "It goes to this server and no further, and stays in its memory until you close it.",
}
"""For whoever sits in front of the machine, and for those who reach it from elsewhere."""


def invite(desk: Desk) -> None:
    """Invite to bring a study; say first why the last one could not be shown."""
    with st.container(key="invitation"):
        st.title("Drop a study here, or try a sample")
        st.caption(
            "DICOM images, series and multi-frame · NIfTI, MHA, NRRD · PNG, JPEG, TIFF, BMP · many files, a folder or "
            f"a zip. {WHERE_IT_STAYS[is_local()]}"
        )
        _say_why_not(desk)
        bring_a_study(desk)


def _say_why_not(desk: Desk) -> None:
    if desk.failure is not None:
        show_error(desk.failure)
    if desk.left_out:
        st.error("**Nothing in this upload can be shown.** The reasons are below.", icon=":material/error:")
        show_left_out(desk.left_out, expanded=True)


def list_the_models() -> None:
    """Say which models are ready, and what each is for."""
    known = workflow.known_models()
    with st.container(key="models"):
        _list(known)


def _list(known: KnownModels) -> None:
    st.subheader("Models on this desk")
    for spec in known.models:
        st.markdown(f"**{spec.title}**")
        st.caption(spec.intended_use.summary)
    if not known.models:
        st.caption("None. Images can be viewed; a model is a folder under weights/.")
    list_damaged(known)
