"""Models from elsewhere on the Evaluate page: brought in, named, let go."""

from __future__ import annotations

import streamlit as st

from catdog_core import datasets
from catdog_core.errors import CatDogError
from catdog_core.files import shown
from catdog_core.insight import guests
from catdog_core.insight.guests import Guest
from catdog_core.runs import Run

from .. import foreign, trash_view, visitors
from ..startup import guard
from ..words import escape, say, t

_SAID = "evaluate_guest_said"


def runs() -> list[Run]:
    """The models from elsewhere, as the page's choice of models takes them."""
    return [guest.run for guest in guests.listing()]


def of(run: Run) -> Guest | None:
    """The model from elsewhere that stands behind a run, if one does."""
    return guests.of(run.folder)


def door() -> None:
    """The way in for a model file: uploaded, checked, told its classes, then chosen above."""
    problem = st.session_state.pop(_SAID, None)
    if problem is not None:
        st.error(escape(say(problem)), icon=":material/error:")
    name = t("A model file from elsewhere")
    with st.expander(name, icon=":material/upload_file:", key="evaluate_guest"), guard():
        found = foreign.upload("evaluate", [d.classes for d in datasets.listing()], "run a job")
        if found is None:
            st.caption(
                t(
                    "A model of another program or another lab is asked about your photos as"
                    " a run is. It is kept in the workspace, with its answers."
                )
            )
            return
        st.button(
            t("Evaluate this model"),
            type="primary",
            icon=":material/fact_check:",
            key="evaluate_guest_keep",
            **visitors.gate("run a job"),
            on_click=_keep,
            args=(found,),
        )


def care(guest: Guest) -> None:
    """How a chosen model from elsewhere is asked, and the way to let it go."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            t(
                "From elsewhere: it takes values of {scale} and calls its outputs, in their order,"
                " {names}.",
                scale=guest.scale.replace("..", "–"),
                names=escape(shown(", ".join(guest.classes), 120)),
            ),
            width="stretch",
        )
        st.button(
            t("Delete this model"),
            type="tertiary",
            icon=":material/delete:",
            key="evaluate_guest_delete",
            **visitors.gate("manage run", guest.owner),
            on_click=_remove,
            args=(guest,),
        )


def _keep(found: foreign.Upload) -> None:
    try:
        guest = guests.keep(found.data, found.name, found.model.classes, found.scale)
    except CatDogError as error:
        st.session_state[_SAID] = error
    else:
        st.query_params["run"] = guest.folder.name


def _remove(guest: Guest) -> None:
    try:
        trash_view.deleted(guests.remove(guest))
    except CatDogError as error:
        st.session_state[_SAID] = error
