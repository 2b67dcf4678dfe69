"""Which experiment or sweep is shown: a box on the Compare page, kept in the address."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from catdog_core.outcomes import experiments
from catdog_core.outcomes.experiments import Group

from .. import phrases
from ..words import t


def pick(groups: Sequence[Group], label: str = "", kind: str = "group") -> Group:
    """Let the user choose an experiment; the choice is kept in the URL as ``group=id``.

    Args:
        groups: what to choose from.
        label: above the box.
        kind: tells the choice among experiments from that among sweeps.
    """
    by_id = {group.id: group for group in groups}
    chosen, known = f"chosen_{kind}", f"known_{kind}"
    asked = st.query_params.get("group")
    if asked in by_id and asked != st.session_state.get(known):
        st.session_state[chosen] = asked  # a link, or a new one, leads there
    if st.session_state.get(chosen) not in by_id:
        st.session_state[chosen] = groups[0].id
    key = st.selectbox(
        label or t("Experiment"),
        list(by_id),
        format_func=lambda key: _label(by_id[key]),
        key=chosen,
        width=520,
    )
    st.session_state[known] = st.query_params["group"] = key
    return by_id[key]


def _label(group: Group) -> str:
    kind = t(experiments.NAMES.get(group.kind, group.kind))
    return f"{kind}: {group.name} · {phrases.moment(group.runs[0].created)}"
