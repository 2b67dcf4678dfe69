"""The results of an evaluation in tabs: figures, photos, the map, curves, another model.

A tab or a moved threshold redraws this part alone; the photos are evaluated once for all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core.analysis import metrics, photo_overlap, predictions
from catdog_core.analysis.embedding import Embedding
from catdog_core.analysis.metrics import Calibration, ClassCurve, ThresholdMetrics
from catdog_core.analysis.photo_overlap import PhotoOverlap
from catdog_core.analysis.predictions import PredictionTable
from catdog_core.base.files import slugify, truncate_for_display
from catdog_core.export import report_text
from catdog_core.runs import Run, RunRecord
from catdog_core.server import loaded_models

from .. import captions, charts, format_text, gallery, state, widgets
from ..compare import seed_view
from ..data import edit_actions
from ..i18n import N_, escape, pgettext, t
from ..learn.glossary_view import show_terms
from ..session import page_state
from ..train import form_requests
from . import evaluate_cards, evaluate_charts, evaluate_map, model_picker, robustness_view
from .model_picker import GUESS_KEY, LIST_KEY, THRESHOLD_KEY, TRUTH_KEY, EvaluationSubject

_MATRIX_KEY, _CONFUSIONS_KEY, _OTHER_KEY = "evaluate_matrix", "evaluate_mix_ups", "evaluate_other"
_FEW_CLASSES = 6
"""With more classes the most frequent mistakes are listed as a table, with fewer as buttons."""
_MOST_BUTTONS = 3


_PHOTOS_KEY = "evaluate_photos"
"""The part of the page that a clicked cell brings into view."""
_TABS = {
    "overview": N_("Overview"),
    "mistakes": N_("Mistakes"),
    "map": N_("Map"),
    "curves": N_("Curves"),
    "versus": N_("Against another"),
    "robustness": N_("Robustness"),
}
"""By their names in the address, which `model_picker.follow_address` knows, too."""


@dataclass(frozen=True, eq=False)
class Results:
    """Whose answers they are, and what is worked out of them once, when a tab needs it."""

    subject: EvaluationSubject
    table: PredictionTable
    overlap: PhotoOverlap | None

    @cached_property
    def roc(self) -> list[ClassCurve]:
        """The ROC curve of each class."""
        return metrics.roc_curves(self.table)

    @cached_property
    def precision_recall(self) -> list[ClassCurve]:
        """The precision-recall curve of each class."""
        return metrics.precision_recall_curves(self.table)

    @cached_property
    def calibration(self) -> Calibration:
        """How far confidence is from accuracy."""
        return metrics.compute_calibration(self.table)

    @cached_property
    def embedding(self) -> Embedding | None:
        """What the map is drawn of, None where it was not computed yet."""
        return evaluate_map.read_embedding(self.subject)


def show_evaluation(subject: EvaluationSubject) -> None:
    """Draw what to keep in mind, and the results, or the button that gets them."""
    overlap = photo_overlap.count_overlap(subject.run, subject.dataset, subject.split)
    model_picker.show_cautions(subject, overlap)
    if st.query_params.get("tab") == "robustness":  # which needs no answers to the photos as is
        table = model_picker.read_answers(subject)
    else:
        table = model_picker.load_or_request_answers(subject)
        if table is None:
            return
        _freeze_gc_once()
    subject.fragment(_render_results, None if table is None else Results(subject, table, overlap))


@cache
def _freeze_gc_once() -> None:
    """Once scikit-learn is there: it would make each step of the threshold wait longer."""
    loaded_models.freeze_gc()


def _render_results(subject: EvaluationSubject, results: Results | None) -> None:
    tab = state.choose_tab({name: t(label) for name, label in _TABS.items()}, wrap=True)
    if tab == "robustness":
        with st.container(key=f"evaluate_tab_{tab}"):
            robustness_view.show_robustness(subject)
        return
    if results is None:
        st.rerun()  # the page offers the evaluation that the other tabs need
    table = results.table
    threshold = _threshold_slider(table)
    result = metrics.metrics_at_threshold(table, threshold)
    if tab in ("mistakes", "map", "curves"):  # the others show more of it
        st.caption(t("{right:,} of {n:,} predictions are correct.", right=result.right, n=result.n))
    with st.container(key=f"evaluate_tab_{tab}"):
        if tab == "mistakes":
            show_photos(subject, table, result, threshold)
        elif tab == "map":
            evaluate_map.show_map(subject, table, result.guesses, results.embedding)
        elif tab == "curves":
            _curve_charts(results, result, threshold)
        elif tab == "versus":
            show_comparison(subject, table, threshold)
        else:
            _summary_metrics(results, result)
            seed_view.show_seeds([subject.run], "evaluate")
            _matrix_section(table, result)
            _download_button(subject, table, result)


def _threshold_slider(table: PredictionTable) -> float:
    """The slider, where there are two classes, with ways to the middle and to the best."""
    if len(table.classes) != 2:
        return 0.5
    name = escape(truncate_for_display(table.classes[1], 40))
    best, _ = metrics.find_best_threshold(table)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        value = st.slider(
            t("Threshold: predict {name} above this probability", name=name),
            0.0,
            1.0,
            value=0.5,
            step=0.01,
            key=THRESHOLD_KEY,
            bind="query-params",
            width=520,
            help=t(
                "0.5 is usual. Raise it if predicting {name} by mistake is worse than missing "
                "one. Everything below updates.",
                name=name,
            ),
        )
        for key, to in (("half", 0.5), ("best", best)):
            label = t("Reset to 0.50") if key == "half" else t("Use best ({n:.2f})", n=to)
            st.button(label, key=f"evaluate_{key}", on_click=_set_threshold, args=(to,))
    return float(value)


def _set_threshold(value: float) -> None:
    st.session_state[THRESHOLD_KEY] = value


def _summary_metrics(results: Results, result: ThresholdMetrics) -> None:
    table, calibration = results.table, results.calibration
    low, high = result.interval
    gallery.metric_row(
        [
            (t("Accuracy"), f"{result.accuracy:.1%}"),
            (t("95% interval"), f"{low:.1%} – {high:.1%}"),
            (t("Wrong"), f"{result.n - result.right:,} / {result.n:,}"),
            (t("Mean loss"), f"{metrics.photo_losses(table).mean():.3f}"),
            (t("Calibration error"), f"{calibration.error:.1%}"),
            (t("By chance alone"), f"{calibration.perfect.error:.1%}"),
        ]
    )
    st.caption(report_text.describe_interval(result, results.overlap, t))
    if result.right > metrics.metrics_at_threshold(table).right:
        st.caption(
            t(
                "This threshold was chosen on these very photos. Expect slightly worse results on "
                "others."
            )
        )
    if table.unreadable:
        st.caption(
            t(
                "{n:,} files couldn't be read and are left out. The Data page shows why.",
                n=len(table.unreadable),
            )
        )


def _matrix_section(table: PredictionTable, result: ThresholdMetrics) -> None:
    sides = st.grid(2, min_column_width=340, gap="large")
    with sides.container():
        labels = _shown_labels(result)
        widgets.plot_figure(
            evaluate_charts.confusion_matrix_figure(
                result.confusion,
                table.classes,
                labels,
                opened_cell(table.classes),
                is_dark=st.context.theme.type == "dark",
            ),
            key=_MATRIX_KEY,
            on_select=lambda: choose_cell(table.classes),
            selection_mode="points",
            alt=t("Confusion matrix: actual classes in rows, predicted classes in columns"),
        )
        if len(labels) < len(table.classes):
            st.caption(
                t(
                    "The matrix shows the {n} of {total} classes with the most mistakes.",
                    n=len(labels),
                    total=len(table.classes),
                )
            )
        st.caption(
            captions.format_caption(
                evaluate_charts.MATRIX_HINT, evaluate_charts.matrix_caption(result, table.classes)
            )
        )
        if len(table.classes) <= _FEW_CLASSES:
            _mistake_buttons(table, result)
        show_terms("confusion-matrix", "accuracy", "class")
    with sides.container():
        _class_metrics_table(table, result)
        if len(table.classes) > _FEW_CLASSES:
            _confusions_table(table, result)


def _mistake_buttons(table: PredictionTable, result: ThresholdMetrics) -> None:
    """The most frequent mistakes as buttons: a chart can't be reached by the keyboard."""
    names = [escape(truncate_for_display(name, 30)) for name in table.classes]
    with st.container(horizontal=True, gap="small"):
        for truth, guess, count in metrics.confusions(result, _MOST_BUTTONS):
            st.button(
                t(
                    "{truth} predicted as {guess}: {n:,}",
                    truth=names[truth],
                    guess=names[guess],
                    n=count,
                ),
                key=f"evaluate_cell_{truth}_{guess}",
                on_click=_open_cell,
                args=(table.classes[truth], table.classes[guess]),
                icon=":material/photo_library:",
            )


def _class_metrics_table(table: PredictionTable, result: ThresholdMetrics) -> None:
    """Precision, recall and F1 a class; a click on a column's head sorts by it."""
    columns = {
        t("Precision"): result.precision,
        t("Recall"): result.recall,
        t("F1"): result.f1,
    }
    widgets.show_table(
        {
            t("Class"): [truncate_for_display(name, 60) for name in table.classes],
            **{name: 100 * values for name, values in columns.items()},
            pgettext("count", "Photos"): result.support,
        },
        "evaluate_classes",
        t("Precision, recall and F1 for each class"),
        column_config={name: st.column_config.NumberColumn(format="%.1f%%") for name in columns},
        height="auto",
    )
    st.caption(
        captions.format_caption(
            report_text.FIGURES_TEXT, evaluate_charts.figures_caption(result, table.classes)
        )
    )


def _confusions_table(table: PredictionTable, result: ThresholdMetrics) -> None:
    """The most frequent mistakes as a list: with many classes easier to read than cells."""
    confusions = metrics.confusions(result)
    if not confusions:
        return
    names = [truncate_for_display(name, 60) for name in table.classes]
    widgets.show_table(
        {
            t("Actual class"): [names[truth] for truth, _, _ in confusions],
            t("Predicted class"): [names[guess] for _, guess, _ in confusions],
            pgettext("count", "Photos"): [count for _, _, count in confusions],
            t("Photos in class"): [int(result.support[truth]) for truth, _, _ in confusions],
        },
        _CONFUSIONS_KEY,
        t("Most frequent mistakes"),
        on_select=lambda: choose_confusion(table.classes, confusions),
        selection_mode="single-row",
        height="auto",
    )
    st.caption(
        captions.format_caption(
            evaluate_charts.CONFUSIONS_HINT, evaluate_charts.confusions_caption(result, confusions)
        )
    )


def _shown_labels(result: ThresholdMetrics) -> list[int]:
    """The classes there is room for: those with most mistakes, in their order."""
    wrong = result.confusion.sum(axis=0) + result.confusion.sum(axis=1)
    wrong = wrong - 2 * result.confusion.diagonal()
    worst = sorted(range(len(wrong)), key=lambda label: -wrong[label])
    return sorted(worst[: evaluate_charts.MOST_CLASSES])


def _curve_charts(results: Results, result: ThresholdMetrics, threshold: float) -> None:
    table = results.table
    with st.spinner(t("Calculating results…")):
        roc, precision_recall, calibration = (
            results.roc,
            results.precision_recall,
            results.calibration,
        )
    labels = evaluate_charts.drawn_classes(roc or precision_recall)
    if len(table.classes) == 2:
        labels = [0, 1]
    colors = evaluate_charts.line_colors(table.classes, labels)
    st.html(
        charts.legend_html(
            [(truncate_for_display(table.classes[n], 30), colors[n], "line") for n in labels]
        )
    )
    drawn = [
        [curve for curve in class_curves if curve.label in colors]
        for class_curves in (roc, precision_recall)
    ]
    if len(labels) < len(table.classes):
        st.caption(
            t(
                "The charts show the {n} of {total} classes that are hardest to tell apart. They "
                "have the smallest area under the ROC curve.",
                n=len(labels),
                total=len(table.classes),
            )
        )
    grid = st.grid(2, min_column_width=340, gap="large")
    parts = []
    if len(table.classes) == 2:
        name = escape(truncate_for_display(table.classes[1], 40))
        how = t(evaluate_charts.HISTOGRAM_HINT, name=name)
        figure = evaluate_charts.histogram_figure(table, threshold)
        parts.append(
            ("spread", figure, how, evaluate_charts.histogram_caption(table, result, threshold))
        )
    parts += [
        (
            "calibration",
            evaluate_charts.calibration_figure(calibration),
            t(evaluate_charts.CALIBRATION_HINT),
            evaluate_charts.calibration_caption(calibration),
        ),
        (
            "roc",
            evaluate_charts.roc_figure(drawn[0], table, result, colors),
            t(evaluate_charts.ROC_HINT),
            evaluate_charts.roc_caption(roc, table, result),
        ),
        (
            "pr",
            evaluate_charts.precision_recall_figure(drawn[1], table, result, colors),
            t(evaluate_charts.PRECISION_RECALL_HINT),
            evaluate_charts.precision_recall_caption(precision_recall, table),
        ),
    ]
    for key, figure, how, now in parts:
        with grid.container():
            widgets.plot_figure(figure, key=f"evaluate_{key}", alt=how)
            st.caption(f"{how} **{now}**")
    show_terms("roc", "calibration", "threshold", "precision", "recall")


def _download_button(
    subject: EvaluationSubject, table: PredictionTable, result: ThresholdMetrics
) -> None:
    st.download_button(
        t("Download CSV"),
        data=partial(
            predictions.encode_predictions_csv, table, result.guesses, for_spreadsheet=True
        ),
        file_name=f"{slugify(subject.run.name)}-{slugify(subject.dataset.name)}-{subject.split}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="evaluate_csv",
    )


_PHOTO_LISTS = {
    "loss": N_("Highest loss"),
    "uncertain": N_("Least certain"),
    "wrong": N_("Most confident mistakes"),
    "cell": N_("Matrix cell"),
}


def show_photos(
    subject: EvaluationSubject, table: PredictionTable, result: ThresholdMetrics, threshold: float
) -> None:
    """Draw the lists of photos that tell most, one at a time."""
    with st.container(key=_PHOTOS_KEY):
        _photo_lists(subject, table, result, threshold)
    if isinstance(subject.run, Run):  # not of a model from elsewhere
        _train_again(subject)
    evaluation = page_state().evaluate
    if evaluation.is_cell_clicked:
        evaluation.is_cell_clicked = False
        widgets.scroll_into_view(_PHOTOS_KEY)


def _photo_lists(
    subject: EvaluationSubject, table: PredictionTable, result: ThresholdMetrics, threshold: float
) -> None:
    st.session_state.setdefault(LIST_KEY, "loss")  # a click on the matrix sets it, too
    kind = widgets.choose_one(
        t("Photos"),
        {name: t(text) for name, text in _PHOTO_LISTS.items()},
        LIST_KEY,
        label_visibility="collapsed",
        wrap=True,
        persist_state="session",
    )
    if kind == "cell":
        rows, caption = _choose_cell(table, result)
    else:
        model_picker.keep_in_address(truth=None, called=None)
        rows = metrics.rank_photos(table, kind, threshold)  # type: ignore[arg-type]
        caption = evaluate_charts.ranked_caption(kind, table, rows, threshold)
    st.caption(caption)
    edit_actions.show_last_edit(subject.dataset)
    evaluate_cards.show_photo_cards(subject, table, result.guesses, rows, _list_key(kind))


def _list_key(kind: str) -> str:
    """The key of a list of photos, one of `_PHOTO_LISTS`."""
    return f"evaluate_{kind}"


def clicked_selection(key: str) -> Any:
    """Return what was clicked on a chart or table."""
    return st.session_state[key].selection


def choose_cell(classes: Sequence[str]) -> None:
    """Open the cell of the matrix that was clicked; the chart's callback."""
    points = clicked_selection(_MATRIX_KEY).points
    if points:
        truth, guess = points[0]["customdata"][:2]
        _open_cell(classes[int(truth)], classes[int(guess)])


def choose_confusion(classes: Sequence[str], listed: Sequence[tuple[int, int, int]]) -> None:
    """Open the cell of the mistake whose line was clicked; the table's callback."""
    for row in clicked_selection(_CONFUSIONS_KEY).rows:
        truth, guess, _ = listed[row]
        _open_cell(classes[truth], classes[guess])


def _open_cell(truth: str, guess: str) -> None:
    st.session_state[TRUTH_KEY], st.session_state[GUESS_KEY] = truth, guess
    st.session_state[LIST_KEY] = "cell"
    st.query_params["tab"] = "mistakes"
    page_state().evaluate.is_cell_clicked = True
    # Another cell has other photos: they are shown from the first page on.
    st.session_state.pop(evaluate_cards.page_key(_list_key("cell")), None)


def opened_cell(classes: Sequence[str]) -> tuple[int, int] | None:
    """Return the cell that is open, as (true class, answer)."""
    if st.session_state.get(LIST_KEY) != "cell":
        return None
    names = (st.session_state.get(key) for key in (TRUTH_KEY, GUESS_KEY))
    labels = [classes.index(name) for name in names if name in classes]
    return (labels[0], labels[1]) if len(labels) == 2 else None


def _choose_cell(table: PredictionTable, result: ThresholdMetrics) -> tuple[NDArray[np.int64], str]:
    """Let the user choose a cell also without a mouse; its rows and what it is."""
    start = np.unravel_index(int(_mistake_counts(result).argmax()), result.confusion.shape)
    fields = st.grid(min_column_width=170, gap="small", width=480)
    picked = []
    for key, title, class_index in zip(
        (TRUTH_KEY, GUESS_KEY), (t("Actual class"), t("Predicted class")), start, strict=True
    ):
        if st.session_state.get(key) not in table.classes:
            st.session_state[key] = table.classes[int(class_index)]
        with fields.container():
            name = st.selectbox(
                title,
                list(table.classes),
                format_func=lambda name: truncate_for_display(name, 60),
                key=key,
                persist_state="session",
            )
        picked.append(table.classes.index(name))
    truth, guess = picked
    model_picker.keep_in_address(truth=table.classes[truth], called=table.classes[guess])
    rows = np.flatnonzero((table.labels == truth) & (result.guesses == guess))
    rows = rows[np.argsort(-table.probabilities[rows, guess], kind="stable")]
    caption = t(
        "The model predicts {guess} for {n:,} photos of {truth}, the most confident first.",
        n=len(rows),
        truth=escape(truncate_for_display(table.classes[truth], 40)),
        guess=escape(truncate_for_display(table.classes[guess], 40)),
    )
    return rows, caption


def _mistake_counts(result: ThresholdMetrics) -> NDArray[np.int64]:
    wrong = result.confusion.copy()
    np.fill_diagonal(wrong, 0)
    return wrong


def _train_again(subject: EvaluationSubject) -> None:
    """The way to a new run with the same settings on the photos as they are now."""
    changed = subject.dataset.fingerprint != subject.run.dataset_fingerprint
    run_folder = str(
        subject.run.folder
    )  # the model that comes with the lab is none of the workspace
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        if st.button(
            t("Retrain and compare"),
            type="primary" if changed else "secondary",
            icon=":material/model_training:",
            key="evaluate_again",
        ):
            page_state().evaluate.run_to_compare = subject.run.id
            form_requests.open_form(run=run_folder, dataset=subject.dataset.id)
        st.caption(
            t(
                "The Train page opens with these settings and the photos as you left them. No "
                "files change, and you can undo every decision here or on the Data page. When the "
                "new run has its first epoch, choose it above. Compare it with this one in the tab "
                "Against another."
            ),
            width="stretch",
        )


_COMPARISON_LISTS = {
    "fixed": N_("Only the other model is right"),
    "broken": N_("Only this model is right"),
    "neither": N_("Both models are wrong"),
}


def show_comparison(subject: EvaluationSubject, table: PredictionTable, threshold: float) -> None:
    """Draw a comparison with another model: counts, a sentence and the photos."""
    other = _choose_other(subject)
    if other is None:
        return
    second = model_picker.load_or_request_answers(replace(subject, run=other))
    if second is None:
        return
    comparison = metrics.compare_models(table, second, threshold)
    gallery.metric_row(
        [
            (t("Both right"), f"{len(comparison.both):,}"),
            (t("Only “{name}” right", name=_short_name(other)), f"{len(comparison.only_second):,}"),
            (
                t("Only “{name}” right", name=_short_name(subject.run)),
                f"{len(comparison.only_first):,}",
            ),
            (t("Both wrong"), f"{len(comparison.neither):,}"),
        ]
    )
    st.markdown(evaluate_charts.comparison_caption(comparison, subject.run.name, other.name))
    if len(table.classes) == 2:
        st.caption(t("Both models use the threshold above, {n:.2f}.", n=threshold))
    seed_view.show_seeds([subject.run, other], "versus")
    rows = {
        "fixed": comparison.only_second,
        "broken": comparison.only_first,
        "neither": comparison.neither,
    }
    kind = widgets.choose_one(
        t("Photos"),
        {name: f"{t(_COMPARISON_LISTS[name])} ({len(some):,})" for name, some in rows.items()},
        "evaluate_versus_list",
        default="fixed",
        label_visibility="collapsed",
        wrap=True,
        persist_state="session",
    )
    guesses = metrics.predicted_labels(table, threshold)
    evaluate_cards.show_photo_cards(subject, table, guesses, rows[kind], f"versus_{kind}")


def _choose_other(subject: EvaluationSubject) -> RunRecord | None:
    runs_by_id = {run.id: run for run in model_picker.comparable_models(subject.run)}
    if not runs_by_id:
        st.caption(t("There's no other model for these classes yet. Train one to compare."))
        return None
    widgets.reset_unknown_choice(_OTHER_KEY, runs_by_id)
    before = page_state().evaluate.run_to_compare
    key = st.selectbox(
        t("Other model"),
        list(runs_by_id),
        index=list(runs_by_id).index(before) if before in runs_by_id else 0,
        format_func=lambda key: format_text.model_label(runs_by_id[key]),
        key=_OTHER_KEY,
        width=420,
        persist_state="session",
    )
    return runs_by_id[key]


def _short_name(run: RunRecord) -> str:
    return format_text.model_name(run, 24)
