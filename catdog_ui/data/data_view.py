"""The Data page: what a dataset holds, and its parts, of which only the open one is worked out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st

from catdog_core import runs
from catdog_core.base.errors import PhotoError
from catdog_core.base.palette import SPLIT_COLORS
from catdog_core.data import cats_vs_dogs, datasets, unreadable
from catdog_core.data.datasets import Dataset
from catdog_core.data.preview import LAYOUT_MESSAGES, ignored_sentences
from catdog_core.imaging import decode

from .. import charts, permissions, photo_counts, similar_view, state, trash_view, widgets
from ..i18n import N_, escape, pgettext, t
from ..learn import lesson_note
from ..learn.glossary_view import show_terms
from ..startup import guard
from . import (
    audit_view,
    batch_view,
    edit_actions,
    label_view,
    loading_benchmark_view,
    recording_view,
    review_view,
    shards_view,
    sources,
    split_view,
)
from .source_widgets import SPLITS

_SOURCE_NAMES = {
    "demo": N_("drawn by the lab"),
    "folder": N_("a folder on this machine"),
    "zip": N_("an imported zip"),
    "tar": N_("an imported tar"),
    "photos": N_("single photos"),
    "camera": N_("recorded with a camera"),
    "download": N_("downloaded"),
    "tfds": N_("tensorflow_datasets"),
    "tfrecord": N_("imported TFRecords"),
    "url": N_("photos from a URL"),
}
_MAX_MEASURED = 2000
_MOST_NAMED = 12  # classes whose names fit below a chart
"""Photos whose size is looked up at most; the head of a file is enough for it."""


ADD_TARGET, LABELS_TARGET, CHECK_TARGET = "add", "labels", "labels-check"
"""Parts of the page that lessons lead to and that have no name in the address."""


def show_add_dataset(count: int) -> None:
    """Draw the sources, folded away once there are datasets."""
    lesson_note.show_lesson_note(ADD_TARGET)
    recording_view.offer_recording()
    if count:
        with st.expander(
            t("Add a dataset"),
            lesson_note.is_about(ADD_TARGET) or recording_view.SOURCE_PARAMETER in st.query_params,
            icon=":material/add_photo_alternate:",
            key=f"data_add_{count}",
        ):
            sources.show_sources()
        return
    st.info(
        t("There's no dataset yet. Start with the demo dataset, or add your own photos."),
        icon=":material/photo_library:",
    )
    sources.show_sources("primary")


def show_overview(dataset: Dataset) -> None:
    """Draw counts by class and split, sizes, label numbers, and how the folder was read."""
    for message, params in dataset.note.get("warnings", []):
        st.warning(t(message, **{name: escape(value) for name, value in params.items()}))
    counts = unreadable.count_readable(dataset)
    with st.grid(2, min_column_width=340, gap="large"):
        with st.container():
            widgets.plot_figure(
                _build_counts_chart(dataset, counts),
                key="data_counts",
                alt=t(
                    "Bar chart of photos per class and split, with the same numbers as the table"
                ),
            )
            show_terms("dataset", "split", "class")
        with st.container():
            _show_counts_table(dataset, counts)
            photo_counts.show_unreadable_link(dataset)
            _show_photo_sizes(dataset)
            _show_source(dataset)


def show_damaged_records() -> None:
    """Draw records that cannot be used, each with the reason and a button to delete it."""
    for name, error in datasets.list_damaged_datasets():
        with st.container(border=True):
            with guard():
                raise error
            if permissions.action_button(t("Delete record…"), f"damaged_{name}", "change data"):
                st.dialog(t("Delete this record?"))(_confirm_record_removal)(name)


def _confirm_record_removal(name: str) -> None:
    st.markdown(
        t(
            "What is left of “{name}” moves to the trash. You can restore it until the trash is "
            "emptied (Home page). Photos outside the workspace aren't touched.",
            name=escape(name),
        )
    )
    widgets.confirm_action("record_delete", t("Delete"), _remove_dataset, name)


def _build_counts_chart(dataset: Dataset, counts: dict[str, dict[str, int]]) -> go.Figure:
    figure = go.Figure()
    for split, row in counts.items():
        figure.add_bar(
            # Labels, not names, so that two names that look alike stay two bars.
            x=list(range(len(dataset.classes))),
            y=list(row.values()),
            name=t(SPLITS[split]),
            marker_color=SPLIT_COLORS[split],
            text=list(row.values()) if len(dataset.classes) <= _MOST_NAMED else None,
            customdata=[charts.short_name(name, 40) for name in dataset.classes],
            hovertemplate="%{customdata}: %{y}",
        )
    many = len(dataset.classes) > _MOST_NAMED
    names = [charts.short_name(name, 16) for name in dataset.classes]
    figure.update_layout(
        height=260,
        margin={"t": 40, "b": 0, "l": 0, "r": 0},
        bargap=0.35,
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        yaxis={"title": pgettext("count", "photos"), "rangemode": "tozero"},
        # Of many classes the axis shows the label numbers, which the table beside explains.
        xaxis={"title": t("Label")}
        if many
        else {"tickvals": [*range(len(names))], "ticktext": names},
    )
    return figure


def _show_counts_table(dataset: Dataset, counts: dict[str, dict[str, int]]) -> None:
    columns = {t(SPLITS[split]): list(row.values()) for split, row in counts.items()}
    totals = [sum(row[name] for row in counts.values()) for name in dataset.classes]
    widgets.show_table(
        {
            t("Label"): list(range(len(dataset.classes))),
            t("Class"): list(dataset.classes),
            **columns,
            t("All"): totals,
        },
        "data_table",
        t("Photos by class and split"),
        height=min(38 + 35 * len(dataset.classes), 260),
    )


def _show_photo_sizes(dataset: Dataset) -> None:
    sizes = _count_photo_sizes(dataset.fingerprint, dataset)
    if not sizes:
        return
    widths, heights = (sorted(side) for side in zip(*sizes.elements(), strict=True))
    if len(sizes) == 1:
        st.markdown(t("All photos are {w} × {h} px.", w=widths[0], h=heights[0]))
        return
    middle = len(widths) // 2
    st.markdown(
        t(
            "Photos are {w0} to {w1} px wide and {h0} to {h1} px high, median {w} × {h} px.",
            w0=widths[0],
            w1=widths[-1],
            h0=heights[0],
            h1=heights[-1],
            w=widths[middle],
            h=heights[middle],
        )
    )


@st.cache_data(max_entries=20, show_spinner=False)
def _count_photo_sizes(fingerprint: str, _dataset: Dataset) -> Counter[tuple[int, int]]:
    """How often each (width, height) occurs, over evenly spread photos of a large dataset."""
    items = _dataset.items()
    size_counts: Counter[tuple[int, int]] = Counter()
    for item in items[:: -(-len(items) // _MAX_MEASURED) or 1]:
        try:
            size_counts[decode.read_dimensions(item.path)] += 1
        except PhotoError:
            continue  # the check of all photos tells which and why
    return size_counts


def _show_source(dataset: Dataset) -> None:
    lines = [t("Source: {source}", source=t(_SOURCE_NAMES.get(dataset.source, dataset.source)))]
    if dataset.source == "folder":
        lines[0] += f", {escape(dataset.root)}"
    for message, params in dataset.note.get("explanations", []):
        lines.append(t(message, **{name: escape(value) for name, value in params.items()}))
    lines.append(
        t(LAYOUT_MESSAGES.get(dataset.note.get("layout", "split"), LAYOUT_MESSAGES["split"]))
    )
    for message, params in ignored_sentences(
        dataset.note.get("ignored", 0), dataset.note.get("left_out", "")
    ):
        values = {k: escape(v) if isinstance(v, str) else v for k, v in params.items()}
        lines.append(t(message, **values))
    if dataset.source == "download":
        lines += [t(cats_vs_dogs.ORIGIN), t(cats_vs_dogs.TERMS)]
    st.caption("  \n".join(lines))
    with st.container(horizontal=True):
        if dataset.source == recording_view.SOURCE:
            permissions.action_button(
                t("Record more"),
                "dataset_record",
                "change data",
                recording_view.record_more,
                dataset,
                icon="videocam",
                type="tertiary",
            )
        if permissions.action_button(
            t("Remove…"), "dataset_remove", "change data", icon="delete", type="tertiary"
        ):
            st.dialog(t("Remove this dataset?"))(_confirm_dataset_removal)(dataset)


def _confirm_dataset_removal(dataset: Dataset) -> None:
    st.markdown(t("**{name}** will be removed from the list.", name=escape(dataset.name)))
    if dataset.source == "folder":
        st.markdown(t("The photos in your folder stay untouched."))
    else:
        st.markdown(
            t(
                "Its photos move to the trash. You can restore them until the trash is emptied "
                "(Home page)."
            )
        )
    st.markdown(t("Runs trained on it and their models stay."))
    widgets.confirm_action("dataset_remove", t("Remove"), _remove_dataset, dataset.id)


def _remove_dataset(dataset_id: str) -> None:
    with guard():
        trash_view.remember_deleted(runs.remove_unused_dataset(dataset_id))
        st.query_params.pop("dataset", None)


def _show_benchmark_terms(_: Dataset) -> None:
    show_terms("latency", "tfrecord", "imagedatagenerator")


PARTS: dict[str, tuple[str, str, tuple[Callable[[Dataset], None], ...]]] = {
    "photos": (N_("Photos"), ":material/grid_view:", (batch_view.show_batch,)),
    "health": (
        N_("Data check"),
        ":material/health_and_safety:",
        (
            edit_actions.show_last_edit,
            audit_view.show_health,
            label_view.show_label_errors,
            edit_actions.show_edits,
        ),
    ),
    "review": (
        N_("Review"),
        ":material/keyboard:",
        (review_view.show_review, edit_actions.show_edits),
    ),
    "split": (
        N_("Split & labels"),
        ":material/label:",
        (
            edit_actions.show_last_edit,
            split_view.show_split,
            split_view.show_labels,
            edit_actions.show_edits,
        ),
    ),
    "tfrecord": (N_("TFRecord"), ":material/inventory_2:", (shards_view.show_tfrecord,)),
    "race": (
        N_("Loading benchmark"),
        ":material/sports_score:",
        (loading_benchmark_view.show_loading_benchmark, _show_benchmark_terms),
    ),
}
"""By their name in the address: name, icon, and what they draw."""


_TARGETS = {
    split_view.show_labels: LABELS_TARGET,
    label_view.show_label_errors: CHECK_TARGET,
}
"""Parts of a part that lessons lead to."""


def show_part(dataset: Dataset) -> None:
    """Choose a part, kept as ``?part=`` in the address, and draw it."""
    part = state.choose_tab(
        {name: f"{icon} {t(title)}" for name, (title, icon, _) in PARTS.items()}, "part"
    )
    lesson_note.show_lesson_note(part)
    for draw in PARTS[part][2]:
        if draw in _TARGETS:
            lesson_note.show_lesson_note(_TARGETS[draw])
        with guard():
            draw(dataset)
    similar_view.show_requested(dataset)
