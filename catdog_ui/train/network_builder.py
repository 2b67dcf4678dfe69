"""The builder of a network of one's own: its blocks, and the layers on top of them."""

from __future__ import annotations

import streamlit as st

from catdog_core.base.field_specs import parse_settings
from catdog_core.config import NETWORKS, Network
from catdog_core.config.network import MOST_BLOCKS, MOST_FILTERS

from .. import forms
from ..i18n import t

_NETWORK_KEY = "network"
_BLOCKS_KEY, _EACH_KEY, _FIRST_KEY, _GROWTH_KEY = (
    f"{_NETWORK_KEY}_{name}" for name in ("blocks", "each", "first", "growth")
)
GROWTHS = (1.0, 1.25, 1.5, 2.0)
_FIRST_FILTERS = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)


def network_fields() -> Network:
    """Draw the builder and return the network it stands at."""
    if _BLOCKS_KEY not in st.session_state:
        fill_network(Network())
    with st.container(border=True, key="network_builder"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(t("**Your network**"), width="content")
            st.space("stretch")
            for name, preset in NETWORKS.items():
                st.button(
                    t("Use {name}", name=name),
                    key=f"network_as_{name}",
                    on_click=fill_network,
                    args=(preset,),
                    type="tertiary",
                )
        filters = _show_filter_fields()
        values = forms.settings_form(Network, _NETWORK_KEY, columns=2)
    return parse_settings(Network, {**values, "filters": filters}, t("the form"))


def _block_key(number: int) -> str:
    """The key of the field with the filters of a block, counted from 0."""
    return f"{_NETWORK_KEY}_block_{number}"


def fill_network(network: Network) -> None:
    """Set the builder to a network before it is drawn."""
    grown = _find_growth(network.filters)
    st.session_state[_BLOCKS_KEY] = len(network.filters)
    st.session_state[_EACH_KEY] = grown is None
    st.session_state[_FIRST_KEY] = network.filters[0]
    st.session_state[_GROWTH_KEY] = grown or 2.0
    for number, count in enumerate(network.filters):
        st.session_state[_block_key(number)] = count
    forms.fill_form(Network, _NETWORK_KEY, network.model_dump())


def _show_filter_fields() -> tuple[int, ...]:
    """The filters of each block: a first number that grows, or each one by hand."""
    cells = st.grid(2, min_column_width=150)
    with cells:
        blocks = st.slider(
            t("Blocks"),
            1,
            MOST_BLOCKS,
            key=_BLOCKS_KEY,
            persist_state="session",
            help=t("Each block is a convolution and halves the feature map's width and height."),
        )
    with cells:
        each = st.toggle(t("Set filters per block"), key=_EACH_KEY, persist_state="session")
    if each:
        return _show_block_fields(blocks)
    with cells:
        options = sorted({*_FIRST_FILTERS, st.session_state[_FIRST_KEY]})
        first = st.select_slider(
            t("First-block filters"),
            options,
            key=_FIRST_KEY,
            persist_state="session",
            help=t("Each filter looks for one pattern across the photo."),
        )
    with cells:
        growth = st.select_slider(
            t("Filter growth"),
            GROWTHS,
            format_func=lambda factor: f"× {factor:g}",
            key=_GROWTH_KEY,
            persist_state="session",
            help=t("The factor by which the number of filters grows from block to block."),
        )
    filters = Network.grown(blocks, first, growth).filters
    for number, count in enumerate(filters):  # by hand, one goes on from here
        st.session_state[_block_key(number)] = count
    return filters


def _show_block_fields(blocks: int) -> tuple[int, ...]:
    cells = st.grid(4, min_column_width=80)
    filters = []
    for number in range(blocks):
        key = _block_key(number)
        st.session_state.setdefault(key, 128)
        with cells:
            filters.append(
                st.number_input(
                    t("Block {n}", n=number + 1),
                    min_value=1,
                    max_value=MOST_FILTERS,
                    step=8,
                    key=key,
                    persist_state="session",
                )
            )
    return tuple(filters)


def _find_growth(filters: tuple[int, ...]) -> float | None:
    """The growth that gives these filters, None where there is none."""
    for growth in reversed(GROWTHS):
        if Network.grown(len(filters), filters[0], growth).filters == filters:
            return growth
    return None
