"""The map of the penultimate layer: its chart, its caption, and what a click opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core.analysis import embedding, projections
from catdog_core.analysis.embedding import Embedding
from catdog_core.analysis.predictions import PredictionTable
from catdog_core.analysis.projections import LayoutMethod, Numbers
from catdog_core.base.files import truncate_for_display
from catdog_core.base.jobs import Job
from catdog_core.base.palette import CLASS_COLORS, NEUTRAL, ON_DARK, ON_LIGHT, class_color

from .. import charts, gallery, job_fragment, loaders, permissions, widgets
from ..i18n import N_, t
from ..learn.glossary_view import show_terms
from . import evaluate_cards
from .model_picker import EvaluationSubject

_METHOD_NAMES: dict[str, str] = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
_KEY = "evaluate_map"


def read_embedding(subject: EvaluationSubject) -> Embedding | None:
    """Return the embeddings of the photos, None where they were not computed yet."""
    return embedding.read_embedding(*subject.core_arguments)


def show_map(
    subject: EvaluationSubject,
    table: PredictionTable,
    guesses: NDArray[np.int64],
    embeddings: Embedding | None,
) -> None:
    """Draw the map; what is chosen on it redraws it alone, an edit the whole page."""
    if embeddings is None:
        job_fragment.watch_job(_embedding_job(subject), partial(_embedding_panel, subject))
    else:
        subject.fragment(_render_map, table, guesses, embeddings)


def _render_map(
    subject: EvaluationSubject,
    table: PredictionTable,
    guesses: NDArray[np.int64],
    embeddings: Embedding,
) -> None:
    method = _choose_method()
    xy = embedding.read_layout(*subject.core_arguments, method, embeddings)
    if xy is None:
        job_fragment.watch_job(
            _layout_job(subject, method), partial(_layout_panel, subject, method, embeddings)
        )
        return
    row_by_file = {file: row for row, file in enumerate(table.files)}
    drawn = [n for n, file in enumerate(embeddings.files) if file in row_by_file]
    rows = np.array([row_by_file[embeddings.files[n]] for n in drawn], np.int64)
    chosen = _map_chart(table, guesses, embeddings, xy[drawn], np.array(drawn, np.int64), rows)
    now = map_caption(embeddings, table, guesses, method)
    st.caption(f"{t(MAP_CAPTION)} **{now}**")
    if len(chosen):
        st.caption(t("Photos selected on the map: {n:,}", n=len(chosen)))
        evaluate_cards.show_photo_cards(subject, table, guesses, chosen, _KEY)


def _choose_method() -> LayoutMethod:
    names: dict[str, str] = {
        method: _METHOD_NAMES[method] for method in projections.available_methods()
    }
    key = f"{_KEY}_method"
    return cast(
        "LayoutMethod",
        widgets.choose_one(
            t("Layout"),
            names,
            key,
            default="pca",
            label_visibility="collapsed",
            persist_state="session",
        ),
    )


def _map_chart(
    table: PredictionTable,
    guesses: NDArray[np.int64],
    embeddings: Embedding,
    xy: Numbers,
    drawn: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Draw the map; the rows of the table that are chosen on it."""
    groups = point_groups(table, guesses)
    entries = [(truncate_for_display(name, 30), color, "dot") for name, color in groups.legend]
    st.html(charts.legend_html([*entries, (t("wrong prediction"), "", "cross")]))
    pictures = [embeddings.thumbnails[n] for n in drawn]
    state: Any = st.vega_lite_chart(
        chart_data(table, guesses, groups, pictures, xy, rows),
        chart_spec(groups, is_dark=st.context.theme.type == "dark"),
        width="stretch",
        key=_KEY,
        on_select="rerun",
        alt=t("Photo map: photos that look alike to the network are close together"),
    )
    show_terms("embedding", "dense", "class")
    return _selected_rows(state.selection if state else {}, xy, rows)


def _selected_rows(selection: Any, xy: Numbers, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of points that were clicked or lie in the rectangle that was drawn."""
    clicked = {int(point["row"]) for point in selection.get("points", []) if "row" in point}
    inside = np.isin(rows, list(clicked))
    area = selection.get("area") or {}
    if {"x", "y"} <= set(area):
        within = [
            (xy[:, axis] >= min(area[name])) & (xy[:, axis] <= max(area[name]))
            for axis, name in enumerate("xy")
        ]
        inside |= within[0] & within[1]
    return rows[inside]


def _embedding_panel(subject: EvaluationSubject, job: Job | None) -> None:
    """The button that lets the model look again, or how far that is."""
    if job is not None and job.status == "running":
        text = t("{done:,} of {n:,} photos", done=job.done, n=job.total)
        job_fragment.progress_row(job, text, f"stop_look_{_KEY}")
        return
    job_fragment.show_job_error(job)
    permissions.action_button(
        t("Draw map"),
        f"{_KEY}_look",
        "run a job",
        job_fragment.start_job,
        _embedding_job(subject),
        partial(_compute_embedding, subject),
        icon="scatter_plot",
    )
    st.caption(
        t(
            "The map shows which photos the network finds alike. The saved predictions lack the "
            "values for it, so the model looks at {n:,} photos again.",
            n=min(len(subject.dataset.items(subject.split)), embedding.MAX_PHOTOS),
        )
    )


def _embedding_job(subject: EvaluationSubject) -> str:
    return f"look-{subject.key}"


def _compute_embedding(subject: EvaluationSubject, job: Job) -> None:
    loaders.compute_run_embeddings(*subject.core_arguments, job)


def _layout_panel(
    subject: EvaluationSubject, method: LayoutMethod, embeddings: Embedding, job: Job | None
) -> None:
    """The button that begins a layout, or that it is at work."""
    name = _METHOD_NAMES[method]
    if job is not None and job.status == "running":
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(
                1.0, t("Drawing the {name} map of {n:,} photos…", name=name, n=len(embeddings))
            )
            job_fragment.stop_button(job, f"stop_{_KEY}_{method}")
        return
    job_fragment.show_job_error(job)
    permissions.action_button(
        t("Draw {name} map", name=name),
        f"{_KEY}_{method}",
        "run a job",
        job_fragment.start_job,
        _layout_job(subject, method),
        partial(_compute_layout, subject, method, embeddings),
        icon="scatter_plot",
    )
    st.caption(
        t(
            "It groups similar photos and pulls groups apart, which PCA can't do. The distance "
            "between groups means nothing. It takes seconds to minutes, and the result is saved."
        )
    )


def _compute_layout(
    subject: EvaluationSubject, method: LayoutMethod, embeddings: Embedding, job: Job
) -> None:
    xy = projections.compute_layout_in_subprocess(embeddings.parts, method, job.stopped)
    embedding.write_layout(*subject.core_arguments, method, embeddings, xy)


def _layout_job(subject: EvaluationSubject, method: LayoutMethod) -> str:
    return f"map-{method}-{subject.key}"


HEIGHT = 460
"""Pixels."""


@dataclass(frozen=True)
class PointGroups:
    """Groups of classes on the map: the (name, colour) of each, and each class's group."""

    legend: tuple[tuple[str, str], ...]
    group_of_class: tuple[int, ...]


def point_groups(table: PredictionTable, guesses: NDArray[np.int64]) -> PointGroups:
    """Return a colour a class, or of many classes: the six with most mistakes, and the rest."""
    count = len(table.classes)
    if count <= len(CLASS_COLORS):
        legend = [(name, class_color(label)) for label, name in enumerate(table.classes)]
        return PointGroups(tuple(legend), tuple(range(count)))
    wrong = table.labels != guesses
    mistakes = np.bincount(table.labels[wrong], minlength=count)
    mistakes += np.bincount(guesses[wrong], minlength=count)
    first = sorted(np.argsort(-mistakes, kind="stable")[: len(CLASS_COLORS) - 1].tolist())
    legend = [(table.classes[label], CLASS_COLORS[n]) for n, label in enumerate(first)]
    groups = [first.index(label) if label in first else len(first) for label in range(count)]
    rest = t("{n} other classes", n=count - len(first))
    return PointGroups((*legend, (rest, NEUTRAL)), tuple(groups))


def chart_data(
    table: PredictionTable,
    guesses: NDArray[np.int64],
    grouped: PointGroups,
    pictures: Sequence[bytes],
    xy: Numbers,
    rows: NDArray[np.int64],
) -> dict[str, list[Any]]:
    """Return the points by column: N photos of a table by row number, pictures and positions."""
    names = [truncate_for_display(name, 40) for name in table.classes]
    labels, called = table.labels[rows], guesses[rows]
    shares = table.probabilities[rows, called]
    return {
        "row": rows.tolist(),
        "x": xy[:, 0].astype(float).tolist(),
        "y": xy[:, 1].astype(float).tolist(),
        "group": [grouped.group_of_class[label] for label in labels],
        "wrong": (labels != called).astype(int).tolist(),
        "file": [truncate_for_display(table.files[row], 60) for row in rows],
        "truth": [names[label] for label in labels],
        "called": [f"{names[c]}, {p:.1%}" for c, p in zip(called, shares, strict=True)],
        "picture": [gallery.data_uri(picture) for picture in pictures],
    }


def chart_spec(grouped: PointGroups, is_dark: bool) -> dict[str, Any]:
    """Return the Vega-Lite chart of such points, which are clicked or framed by a rectangle."""
    axis = {"title": None, "labels": False, "ticks": False, "grid": False, "domain": False}
    position_channel = {
        "type": "quantitative",
        "axis": axis,
        "scale": {"zero": False, "nice": False, "padding": 12},
    }
    is_wrong = "datum.wrong === 1"
    colors = [color for _, color in grouped.legend]
    return {
        "height": HEIGHT,
        "mark": {"type": "point", "filled": True, "cursor": "pointer"},
        "params": [
            {"name": "points", "select": {"type": "point", "fields": ["row"]}},
            {"name": "area", "select": {"type": "interval", "encodings": ["x", "y"]}},
        ],
        "encoding": {
            "x": {"field": "x", **position_channel},
            "y": {"field": "y", **position_channel},
            "order": {"field": "wrong", "type": "quantitative"},  # mistakes lie on top
            "color": {
                "field": "group",
                "type": "nominal",
                "scale": {"domain": list(range(len(colors))), "range": colors},
                "legend": None,
            },
            "shape": {
                "field": "wrong",
                "type": "nominal",
                "scale": {"domain": [0, 1], "range": ["circle", "cross"]},
                "legend": None,
            },
            "size": {"condition": {"test": is_wrong, "value": 130}, "value": 42},
            "stroke": {
                "condition": {"test": is_wrong, "value": ON_DARK if is_dark else ON_LIGHT},
                "value": None,
            },
            "strokeWidth": {"value": 1},
            "opacity": {
                "condition": {"param": "points", "value": 1, "empty": False},
                "value": 0.8,
            },
            "tooltip": [
                {"field": "file", "title": "title"},  # the two names that Vega's tooltip knows
                {"field": "picture", "title": "image"},
                {"field": "truth", "title": t("Actual class")},
                {"field": "called", "title": t("Predicted class")},
            ],
        },
        "config": {"view": {"stroke": None}},
    }


MAP_CAPTION = N_(
    "Each point is a photo. The more alike the values that reach the network's last layer, the "
    "closer the points. The color is the actual class, and a cross is a wrong prediction. Hover "
    "over a point to see its photo. Click it, or draw a rectangle, to open photos below."
)


def map_caption(
    embeddings: Embedding, table: PredictionTable, guesses: NDArray[np.int64], method: str
) -> str:
    """Say how well the classes part on a map, and how many photos lie in another class."""
    rows = {file: row for row, file in enumerate(table.files)}
    around = embedding.neighbour_labels(embeddings, table.files, table.labels.tolist())
    pairs = [
        (rows[f], c) for f, c in zip(embeddings.files, around, strict=True) if f in rows and c >= 0
    ]
    if not pairs:
        return t("There are too few photos for a map.")
    row_indices, near = (np.array(column) for column in zip(*pairs, strict=True))
    labels = table.labels[row_indices]
    usual = float(np.square(np.bincount(labels) / len(labels)).sum())
    text = t(
        "For {share:.1%} of {n:,} photos, most of the {k} nearest neighbors are in the same "
        "class. By chance it would be {usual:.0%}.",
        share=float((near == labels).mean()),
        n=len(row_indices),
        k=embeddings.nearest.shape[1],
        usual=usual,
    )
    wrong = guesses[row_indices] != labels
    if wrong.any():
        text += " " + _lost_neighbours(int(wrong.sum()), int((wrong & (near != labels)).sum()))
    if method == "pca":
        text += " " + t(
            "The two directions explain {share:.0%} of the variance of the {values:,} values.",
            share=float(embeddings.shares[:2].sum()),
            values=embeddings.values,
        )
    if len(row_indices) < len(table):
        text += " " + t(
            "The map shows {n:,} of {total:,} photos.", n=len(row_indices), total=len(table)
        )
    return text


def _lost_neighbours(wrong: int, lost: int) -> str:
    """Whether wrong answers lie among another class on the map, or at a border drawn badly."""
    if not lost:
        return t(
            "All wrongly predicted photos ({wrong:,}) are near other photos of their class. The "
            "last layer puts its boundary in a bad place.",
            wrong=wrong,
        )
    return t(
        "Wrong predictions near photos of another class: {lost:,} of {wrong:,}. The network sees "
        "no difference there, or the label is wrong.",
        wrong=wrong,
        lost=lost,
    )
