"""The pieces of the Data page: what a dataset holds, and one batch of it as the model sees it."""

from __future__ import annotations

from collections import Counter
from html import escape as html_escape

import plotly.graph_objects as go
import streamlit as st

from catdog_core import datasets, images
from catdog_core.datasets import Dataset
from catdog_core.errors import PhotoError
from catdog_core.files import shown
from catdog_core.sources import class_set
from catdog_core.sources.preview import LAYOUTS

from .. import trash_view, visitors
from ..learn.terms import terms
from ..palette import SPLIT_COLORS
from ..startup import guard
from ..words import N_, escape, t
from . import sources
from .source_parts import SPLITS

_SOURCES = {
    "demo": N_("drawn by the lab"),
    "folder": N_("a folder of this machine"),
    "zip": N_("an imported zip"),
    "tar": N_("an imported tar"),
    "photos": N_("single photos"),
    "download": N_("downloaded"),
    "tfds": N_("tensorflow_datasets"),
    "tfrecord": N_("TFRecords from elsewhere"),
    "url": N_("photos from a URL"),
}
_MEASURED = 2000
"""Photos whose size is looked up at most; the head of a file is enough for it."""
_PLAIN = {"displaylogo": False, "displayModeBar": False}


def add(count: int) -> None:
    """The sources: folded away once there are datasets, and again when one was added."""
    if count:
        with st.expander(
            t("Add a dataset"), icon=":material/add_photo_alternate:", key=f"data_add_{count}"
        ):
            sources.panel()
        return
    st.info(
        t("There is no dataset yet. Start with the drawn one, or bring photos of your own."),
        icon=":material/photo_library:",
    )
    sources.panel("primary")


def overview(dataset: Dataset) -> None:
    """Counts per class and split, sizes, label numbers, and what was understood of the folder."""
    for message, params in dataset.note.get("warnings", []):
        st.warning(t(message, **{name: escape(value) for name, value in params.items()}))
    counts = dataset.counts()
    with st.grid(2, min_column_width=340, gap="large"):
        with st.container():
            st.plotly_chart(
                _bars(dataset, counts),
                key="data_counts",
                config=_PLAIN,
                alt=t("Bars: the photos of each class in each part, as the table tells them"),
            )
            terms("dataset", "split", "class")
        with st.container():
            _table(dataset, counts)
            _sizes(dataset)
            _about(dataset)


def damaged() -> None:
    """Records that cannot be used, each with its reason and a way to be rid of it."""
    for name, error in datasets.damaged():
        with st.container(border=True):
            with guard():
                raise error
            if st.button(
                t("Delete this record…"), key=f"damaged_{name}", **visitors.gate("change data")
            ):
                st.dialog(t("Delete this record?"))(_confirm_record)(name)


def _confirm_record(name: str) -> None:
    st.markdown(
        t(
            "What is left of “{name}” moves to the trash, from where it can be put back until the"
            " trash is emptied (Home page). Photos outside the workspace are not touched.",
            name=escape(name),
        )
    )
    with st.container(horizontal=True):
        if st.button(
            t("Delete"), type="primary", key="record_delete_sure", on_click=_remove, args=(name,)
        ):
            st.rerun()
        if st.button(t("Keep it"), key="record_delete_not"):
            st.rerun()


def _bars(dataset: Dataset, counts: dict[str, dict[str, int]]) -> go.Figure:
    figure = go.Figure()
    for split, row in counts.items():
        figure.add_bar(
            # Labels, not names, so that two names that look alike stay two bars.
            x=list(range(len(dataset.classes))),
            y=list(row.values()),
            name=t(SPLITS[split]),
            marker_color=SPLIT_COLORS[split],
            text=list(row.values()) if len(dataset.classes) <= 12 else None,
            hovertemplate="%{y}",
        )
    names = [html_escape(shown(name, 16)) for name in dataset.classes]
    figure.update_layout(
        height=260,
        margin={"t": 40, "b": 0, "l": 0, "r": 0},
        bargap=0.35,
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        yaxis={"title": t("photos"), "rangemode": "tozero"},
        xaxis={"tickvals": list(range(len(names))), "ticktext": names},
    )
    return figure


def _table(dataset: Dataset, counts: dict[str, dict[str, int]]) -> None:
    columns = {t(SPLITS[split]): list(row.values()) for split, row in counts.items()}
    totals = [sum(row[name] for row in counts.values()) for name in dataset.classes]
    st.dataframe(
        {
            t("Label"): list(range(len(dataset.classes))),
            t("Class"): list(dataset.classes),
            **columns,
            t("All"): totals,
        },
        hide_index=True,
        height=min(38 + 35 * len(dataset.classes), 260),
        key="data_table",
        alt=t("Photos by class and split"),
    )


def _sizes(dataset: Dataset) -> None:
    sizes = _measure(dataset.fingerprint, dataset)
    if not sizes:
        return
    widths, heights = (sorted(side) for side in zip(*sizes.elements(), strict=True))
    if len(sizes) == 1:
        st.markdown(t("All photos have {w} × {h} px.", w=widths[0], h=heights[0]))
        return
    middle = len(widths) // 2
    st.markdown(
        t(
            "Photos are {w0} to {w1} px wide and {h0} to {h1} px high, {w} × {h} px in the middle.",
            w0=widths[0],
            w1=widths[-1],
            h0=heights[0],
            h1=heights[-1],
            w=widths[middle],
            h=heights[middle],
        )
    )


@st.cache_data(max_entries=20, show_spinner=False)
def _measure(fingerprint: str, _dataset: Dataset) -> Counter[tuple[int, int]]:
    """How often each (width, height) occurs, over evenly spread photos of a large dataset."""
    items = _dataset.items()
    found: Counter[tuple[int, int]] = Counter()
    for item in items[:: -(-len(items) // _MEASURED) or 1]:
        try:
            found[images.dimensions(item.path)] += 1
        except PhotoError:
            continue  # the check of all photos tells which and why
    return found


def _about(dataset: Dataset) -> None:
    lines = [t("Source: {source}", source=t(_SOURCES.get(dataset.source, dataset.source)))]
    if dataset.source == "folder":
        lines[0] += f", {escape(dataset.root)}"
    lines.append(t(LAYOUTS.get(dataset.note.get("layout", "split"), LAYOUTS["split"])))
    if dataset.note.get("ignored"):
        lines.append(t("{n} other files are left out.", n=dataset.note["ignored"]))
    if dataset.source == "download":
        lines += [t(class_set.ORIGIN), t(class_set.TERMS)]
    st.caption("  \n".join(lines))
    if st.button(
        t("Remove…"),
        icon=":material/delete:",
        type="tertiary",
        key="dataset_remove",
        **visitors.gate("change data"),
    ):
        st.dialog(t("Remove this dataset?"))(_confirm)(dataset)


def _confirm(dataset: Dataset) -> None:
    st.markdown(t("**{name}** will no longer be listed.", name=escape(dataset.name)))
    if dataset.source == "folder":
        st.markdown(t("The photos in your folder stay where they are, untouched."))
    else:
        st.markdown(
            t(
                "Its photos move to the trash, from where they can be put back until the trash is"
                " emptied (Home page)."
            )
        )
    st.markdown(t("Runs trained on it, and their models, are kept."))
    with st.container(horizontal=True):
        if st.button(
            t("Remove"),
            type="primary",
            key="dataset_remove_sure",
            on_click=_remove,
            args=(dataset.id,),
        ):
            st.rerun()
        if st.button(t("Keep it"), key="dataset_remove_not"):
            st.rerun()


def _remove(dataset_id: str) -> None:
    with guard():
        trash_view.deleted(datasets.remove(dataset_id))
        st.query_params.pop("dataset", None)
