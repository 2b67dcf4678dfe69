"""The network builder: blocks and their filters, and what else a network is made of."""

from __future__ import annotations

import streamlit as st

from catdog_core.controls import parse
from catdog_core.settings import NETWORKS, Network
from catdog_core.settings_network import MOST_BLOCKS, MOST_FILTERS

from .. import forms
from ..words import t

KEY = "network"
GROWTHS = (1.0, 1.25, 1.5, 2.0)
_FIRST = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)


def show() -> Network:
    """Draw the builder and return the network it stands at."""
    if f"{KEY}_blocks" not in st.session_state:
        fill(Network())
    with st.container(border=True, key="network_builder"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(t("**Your network**"), width="content")
            st.space("stretch")
            for name, preset in NETWORKS.items():
                st.button(
                    t("as {name}", name=name),
                    key=f"network_as_{name}",
                    on_click=fill,
                    args=(preset,),
                    type="tertiary",
                )
        filters = _filters()
        values = forms.form(Network, KEY, columns=2)
    return parse(Network, {**values, "filters": filters}, t("the form"))


def fill(network: Network) -> None:
    """Set the builder to a network before it is drawn."""
    grown = _grown(network.filters)
    st.session_state[f"{KEY}_blocks"] = len(network.filters)
    st.session_state[f"{KEY}_each"] = grown is None
    st.session_state[f"{KEY}_first"] = network.filters[0]
    st.session_state[f"{KEY}_growth"] = grown or 2.0
    for number, count in enumerate(network.filters):
        st.session_state[f"{KEY}_block_{number}"] = count
    forms.fill(Network, KEY, network.model_dump())


def _filters() -> tuple[int, ...]:
    """The filters of each block: a first number that grows, or each one by hand."""
    cells = st.grid(2, min_column_width=150)
    with cells:
        blocks = st.slider(
            t("Blocks"),
            1,
            MOST_BLOCKS,
            key=f"{KEY}_blocks",
            persist_state="session",
            help=t("Each is a convolution, and makes the map half as wide and high."),
        )
    with cells:
        each = st.toggle(
            t("Set the filters of each block"), key=f"{KEY}_each", persist_state="session"
        )
    if each:
        return _by_hand(blocks)
    with cells:
        options = sorted({*_FIRST, st.session_state[f"{KEY}_first"]})
        first = st.select_slider(
            t("Filters of the first block"),
            options,
            key=f"{KEY}_first",
            persist_state="session",
            help=t("Each filter looks for one pattern, everywhere in the photo."),
        )
    with cells:
        growth = st.select_slider(
            t("Growth"),
            GROWTHS,
            format_func=lambda factor: f"× {factor:g}",
            key=f"{KEY}_growth",
            persist_state="session",
            help=t("How many times as many filters the next block has."),
        )
    filters = Network.grown(blocks, first, growth).filters
    for number, count in enumerate(filters):  # by hand, one goes on from here
        st.session_state[f"{KEY}_block_{number}"] = count
    return filters


def _by_hand(blocks: int) -> tuple[int, ...]:
    cells = st.grid(4, min_column_width=80)
    found = []
    for number in range(blocks):
        key = f"{KEY}_block_{number}"
        st.session_state.setdefault(key, 128)
        with cells:
            found.append(
                st.number_input(
                    t("Block {n}", n=number + 1),
                    min_value=1,
                    max_value=MOST_FILTERS,
                    step=8,
                    key=key,
                    persist_state="session",
                )
            )
    return tuple(found)


def _grown(filters: tuple[int, ...]) -> float | None:
    """The growth that gives these filters, None where there is none."""
    for growth in reversed(GROWTHS):
        if Network.grown(len(filters), filters[0], growth).filters == filters:
            return growth
    return None
