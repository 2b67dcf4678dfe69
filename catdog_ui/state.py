"""What the user is looking at, a dataset and a run: kept in the URL and across the pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from catdog_core import runs
from catdog_core.base.files import truncate_for_display
from catdog_core.data import datasets
from catdog_core.data.datasets import Dataset
from catdog_core.runs import RunRecord

from . import format_text
from .i18n import t
from .session import page_state

_WIDTH = 420  # pixels; narrower where the page is
CARRIED_PARAMS = ("lang", "dataset", "run", "runs", "done")
"""Query parameters every link between pages takes along."""


def link_query(**changes: str) -> dict[str, str]:
    """Return the query of a link to another page: what is carried, with some values changed."""
    query_params = {
        name: st.query_params[name] for name in CARRIED_PARAMS if name in st.query_params
    }
    return {**query_params, **changes}


def choose_dataset(label: str = "") -> Dataset | None:
    """Let the user choose a dataset; where there is none, say what to do and return None."""
    datasets_by_id = {dataset.id: dataset for dataset in datasets.list_datasets()}
    if not datasets_by_id:
        show_no_dataset()
        return None
    names = _unique_names({key: dataset.name for key, dataset in datasets_by_id.items()})
    key = _select_with_url(
        "dataset",
        list(datasets_by_id),
        label or t("Dataset"),
        lambda key: truncate_for_display(names[key]),
    )
    return datasets_by_id[key]


def show_no_dataset() -> None:
    """Say what to do where there is no dataset yet."""
    st.info(
        t(
            "There's no dataset yet. Create the demo dataset or add your own photos on the Data "
            "page."
        ),
        icon=":material/photo_library:",
    )
    st.page_link(
        "pages/1_Data.py",
        label=t("Open Data"),
        icon=":material/arrow_forward:",
        query_params=link_query(),
    )


def choose_run(
    label: str = "", others: Sequence[RunRecord] = (), with_model: bool = False
) -> RunRecord | None:
    """Let the user choose a run; None where there is none yet.

    Args:
        label: above the box.
        others: what stands below the workspace's runs, such as the model that comes with the lab.
        with_model: begin with the newest one that has a model, not with the newest.
    """
    runs_by_id = {run.id: run for run in [*runs.list_runs(), *others]}
    if not runs_by_id:
        st.info(t("There's no run yet. Start one on the Train page."))
        return None
    names = _unique_names({key: format_text.model_name(run) for key, run in runs_by_id.items()})
    ready = [key for key, run in runs_by_id.items() if with_model and run.best_model is not None]
    key = _select_with_url(
        "run",
        list(runs_by_id),
        label or t("Run"),
        lambda key: truncate_for_display(names[key]),
        default=ready[0] if ready else "",
    )
    return runs_by_id[key]


def choose_tab(
    names: Mapping[str, str], parameter: str = "tab", default: str = "", **options: Any
) -> str:
    """Let the user choose a part of a page, kept as ``?tab=`` in its address; return its name.

    The address leads: a click writes it before the page is drawn, so that a reload, a copied link
    and the browser's back button show the same. `st.tabs` would write the tab's translated label.

    Args:
        names: label of each tab, with its icon, by its name in the address.
        parameter: the name in the address.
        default: the tab of an address without one; the first one if empty.
        options: others of `st.segmented_control`.
    """
    key = f"tab_{parameter}"

    def write_address() -> None:
        st.query_params[parameter] = st.session_state[key]

    requested = st.query_params.get(parameter)
    known = requested in names
    st.session_state[key] = requested if known else default or next(iter(names))
    options = {"label_visibility": "collapsed", "label": t("Page section"), **options}
    chosen = st.segmented_control(
        options=list(names),
        format_func=names.__getitem__,
        required=True,
        key=key,
        on_change=write_address,
        **options,
    )
    return str(chosen)


def _select_with_url(
    kind: str, options: list[str], label: str, name: Callable[[str], str], default: str = ""
) -> str:
    """A select box, whose options are plain text, with the URL's ``?kind=`` as its value.

    The box and the URL can both change between two runs of a page: the user picks, or a link or
    the browser's back button leads elsewhere. The choice as this session last knew it tells which.
    A box belongs to one page, so the choice is kept beside it and given to the next page's.
    """
    key = f"chosen_{kind}"
    requested, known = st.query_params.get(kind), page_state().known_address.get(kind)
    picked = st.session_state.get(key)
    if requested is not None and requested != known and requested not in options:
        st.toast(t("The item in this link no longer exists, so the newest one is shown."))
    led = requested if requested != known else None
    value = next((v for v in (led, picked, known) if v in options), None)
    value = value or default or options[0]
    st.session_state[key] = value
    value = st.selectbox(label, options, format_func=name, key=key, width=_WIDTH)
    page_state().known_address[kind] = value
    if requested != value:
        st.query_params[kind] = value
    return value


def _unique_names(names: dict[str, str]) -> dict[str, str]:
    """Names by id, with the end of the id added to those that occur twice."""
    every = list(names.values())
    return {
        key: f"{name} · {key[-8:]}" if every.count(name) > 1 else name
        for key, name in names.items()
    }
