"""Everything that follows from a table of predictions, redrawn as the threshold moves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import streamlit as st

from catdog_core.exports import report_words
from catdog_core.files import shown, slug
from catdog_core.insight import predictions, scores
from catdog_core.insight.embedding import Embedding
from catdog_core.insight.predictions import Table
from catdog_core.insight.scores import Calibration, Curve, Result

from .. import charts, loaders, tiles
from ..learn.terms import terms
from ..startup import guard
from ..words import escape, t
from . import (
    evaluate_charts,
    evaluate_map,
    evaluate_photos,
    evaluate_pick,
    evaluate_versus,
)
from . import evaluate_words as words
from .evaluate_link import THRESHOLD
from .evaluate_pick import Subject

_FEW = 6
"""With more classes the most frequent mistakes are listed, too."""
_CONFIG = {"displaylogo": False, "displayModeBar": False}


@dataclass(frozen=True, eq=False)
class Curves:
    """What does not depend on the threshold, worked out once."""

    roc: list[Curve]
    precision_recall: list[Curve]
    calibration: Calibration


def show(subject: Subject, table: Table) -> None:
    """Draw the results of a table; a moved slider redraws this part alone."""
    with st.spinner(t("Working out the figures…")):
        curves = Curves(
            scores.roc(table), scores.precision_recall(table), scores.calibration(table)
        )
    _settle()
    evaluate_pick.cautions(subject)
    seen = evaluate_map.read(subject)
    st.fragment(_results)(subject, table, curves, seen, subject.written())


@cache
def _settle() -> None:
    """Once scikit-learn is there: it would make each step of the threshold wait longer."""
    loaders.settle()


def _results(
    subject: Subject, table: Table, curves: Curves, seen: Embedding | None, written: int
) -> None:
    with guard():  # what a fragment raises passes its page's guard by
        if subject.written() != written:
            st.rerun()  # something was decided about the photos
        threshold = _threshold(table)
        result = scores.at(table, threshold)
        _numbers(table, result, curves)
        _matrix(table, result)
        evaluate_photos.section(subject, table, result, threshold)
        evaluate_map.show(subject, table, result.guesses, seen)
        _curves(table, result, curves, threshold)
        evaluate_versus.show(subject, table, threshold)
        _download(subject, table, result)


def _threshold(table: Table) -> float:
    """The slider, where there are two classes, with ways to the middle and to the best."""
    if len(table.classes) != 2:
        return 0.5
    name = escape(shown(table.classes[1], 40))
    best, _ = scores.best_threshold(table)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        value = st.slider(
            t("Threshold: a photo is called {name} above this probability", name=name),
            0.0,
            1.0,
            value=0.5,
            step=0.01,
            key=THRESHOLD,
            bind="query-params",
            width=520,
            help=t(
                "A half is usual. Raise it where calling something {name} by mistake is worse"
                " than missing one; all below follows.",
                name=name,
            ),
        )
        for key, to in (("half", 0.5), ("best", best)):
            label = t("Back to 0.50") if key == "half" else t("Best here: {n:.2f}", n=to)
            st.button(label, key=f"evaluate_{key}", on_click=_set_threshold, args=(to,))
    return float(value)


def _set_threshold(value: float) -> None:
    st.session_state[THRESHOLD] = value


def _numbers(table: Table, result: Result, curves: Curves) -> None:
    low, high = result.interval
    tiles.show(
        [
            (t("Accuracy"), f"{result.accuracy:.1%}"),
            (t("95 % interval"), f"{low:.1%} – {high:.1%}"),
            (t("Wrong"), f"{result.n - result.right:,} / {result.n:,}"),
            (t("Mean loss"), f"{scores.losses(table).mean():.3f}"),
            (t("Calibration error"), f"{curves.calibration.error:.1%}"),
        ]
    )
    st.caption(report_words.interval(result, t))
    if table.unreadable:
        st.caption(
            t(
                "{n:,} files could not be read and are left out; the Data page tells why.",
                n=len(table.unreadable),
            )
        )


def _matrix(table: Table, result: Result) -> None:
    sides = st.grid(2, min_column_width=340, gap="large")
    with sides.container():
        labels = _shown_labels(result)
        st.plotly_chart(
            evaluate_charts.matrix(
                result.confusion,
                table.classes,
                labels,
                evaluate_photos.opened(table.classes),
                is_dark=st.context.theme.type == "dark",
            ),
            key="evaluate_matrix",
            on_select=lambda: evaluate_photos.choose_cell(table.classes),
            selection_mode="points",
            config=_CONFIG,
            alt=t("Confusion matrix: true classes as rows, answers as columns"),
        )
        if len(labels) < len(table.classes):
            st.caption(
                t(
                    "The {n} of {total} classes with most mistakes are drawn.",
                    n=len(labels),
                    total=len(table.classes),
                )
            )
        st.caption(f"{t(words.MATRIX)} **{words.matrix(result, table.classes)}**")
        terms("confusion-matrix", "accuracy", "class")
    with sides.container():
        _figures(table, result)
        if len(table.classes) > _FEW:
            _mix_ups(table, result)


def _figures(table: Table, result: Result) -> None:
    """Precision, recall and F1 a class; a click on a column's head sorts by it."""
    columns = {
        t("Precision"): result.precision,
        t("Recall"): result.recall,
        t("F1"): result.f1,
    }
    st.dataframe(
        {
            t("Class"): [shown(name, 60) for name in table.classes],
            **{name: 100 * values for name, values in columns.items()},
            t("Photos"): result.support,
        },
        hide_index=True,
        key="evaluate_classes",
        column_config={name: st.column_config.NumberColumn(format="%.1f%%") for name in columns},
        alt=t("Precision, recall and F1 of each class"),
    )
    st.caption(f"{t(words.FIGURES)} **{words.figures(result, table.classes)}**")


def _mix_ups(table: Table, result: Result) -> None:
    """The most frequent mistakes as a list: with many classes easier to read than cells."""
    found = scores.mix_ups(result)
    if not found:
        return
    names = [shown(name, 60) for name in table.classes]
    st.dataframe(
        {
            t("Truly"): [names[truth] for truth, _, _ in found],
            t("Called"): [names[guess] for _, guess, _ in found],
            t("Photos"): [count for _, _, count in found],
            t("of"): [int(result.support[truth]) for truth, _, _ in found],
        },
        hide_index=True,
        key="evaluate_mix_ups",
        on_select=lambda: evaluate_photos.choose_mix_up(table.classes, found),
        selection_mode="single-row",
        alt=t("The most frequent mistakes"),
    )
    st.caption(f"{t(words.MIX_UPS)} **{words.mix_ups(result, found)}**")


def _shown_labels(result: Result) -> list[int]:
    """The classes there is room for: those with most mistakes, in their order."""
    wrong = result.confusion.sum(axis=0) + result.confusion.sum(axis=1)
    wrong = wrong - 2 * result.confusion.diagonal()
    worst = sorted(range(len(wrong)), key=lambda label: -wrong[label])
    return sorted(worst[: evaluate_charts.MOST])


def _curves(table: Table, result: Result, curves: Curves, threshold: float) -> None:
    st.subheader(t("At every threshold"), anchor=False)
    labels = evaluate_charts.drawn(curves.roc or curves.precision_recall)
    if len(table.classes) == 2:
        labels = [0, 1]
    colors = evaluate_charts.line_colors(table.classes, labels)
    st.html(charts.legend([(shown(table.classes[n], 30), colors[n], "line") for n in labels]))
    drawn = [
        [curve for curve in found if curve.label in colors]
        for found in (curves.roc, curves.precision_recall)
    ]
    if len(labels) < len(table.classes):
        st.caption(
            t(
                "The {n} of {total} classes hardest to tell from the others are drawn: those with"
                " the smallest area under the ROC curve.",
                n=len(labels),
                total=len(table.classes),
            )
        )
    grid = st.grid(2, min_column_width=340, gap="large")
    parts = []
    if len(table.classes) == 2:
        name = escape(shown(table.classes[1], 40))
        how = t(words.SPREAD, name=name)
        figure = evaluate_charts.spread(table, threshold)
        parts.append(("spread", figure, how, words.spread(table, result, threshold)))
    parts += [
        (
            "calibration",
            evaluate_charts.calibration(curves.calibration, table),
            t(words.CALIBRATION),
            words.calibration(curves.calibration, table),
        ),
        (
            "roc",
            evaluate_charts.roc(drawn[0], table, result, colors),
            t(words.ROC),
            words.roc(curves.roc, table, result),
        ),
        (
            "pr",
            evaluate_charts.precision_recall(drawn[1], table, result, colors),
            t(words.PR),
            words.precision_recall(curves.precision_recall, table),
        ),
    ]
    for key, figure, how, now in parts:
        with grid.container():
            st.plotly_chart(figure, key=f"evaluate_{key}", config=_CONFIG, alt=how)
            st.caption(f"{how} **{now}**")
    terms("roc", "calibration", "threshold", "precision", "recall")


def _download(subject: Subject, table: Table, result: Result) -> None:
    st.download_button(
        t("Download the table as CSV"),
        data=partial(predictions.encoded, table, result.guesses, for_spreadsheet=True),
        file_name=f"{slug(subject.run.name)}-{slug(subject.dataset.name)}-{subject.split}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="evaluate_csv",
    )
