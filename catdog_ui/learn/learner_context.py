"""What the demos of the Learn page share: the chosen dataset and run, a photo, small charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from catdog_core import runs
from catdog_core.base.errors import PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.palette import NEUTRAL, TRAIN, VALIDATION
from catdog_core.data import datasets
from catdog_core.data.datasets import Dataset, Item
from catdog_core.imaging.decode import Photo
from catdog_core.learn import run_facts
from catdog_core.learn.curriculum import QuizQuestion
from catdog_core.learn.run_facts import DatasetFacts, RunFacts
from catdog_core.runs import Run, RunRecord

from .. import format_text, gallery, state, widgets
from ..data import source_widgets
from ..i18n import escape, t
from ..session import page_state

SIZE = 150
"""Side of the photos shown, in pixels: what the notes' network takes."""
_TRIES = 20


@dataclass(frozen=True)
class LearnerContext:
    """The chosen dataset, the chosen run where it has an epoch, and their numbers.

    A run of which only its history is known has no `run_facts`: its photos and network are unknown.
    """

    dataset: Dataset | None
    run: RunRecord | None
    dataset_facts: DatasetFacts | None
    run_facts: RunFacts | None


def choose_context(ask: bool) -> LearnerContext:
    """Let the learner choose of what there is.

    Args:
        ask: offer the demo dataset where there is nothing yet.
    """
    available_datasets, trained = datasets.list_datasets(), runs.list_runs()
    dataset = run = None
    if available_datasets or trained:
        state.follow_run()  # of a run and another dataset in one address, the run counts
        with st.grid(2, min_column_width=260, gap="medium"):
            if available_datasets:
                dataset = state.choose_dataset(t("Your dataset"))
            if trained:
                run = state.choose_among_runs(
                    trained,
                    t("Your run"),
                    same_dataset=dataset is not None,
                    placeholder=t("No run on this dataset yet"),
                )
        if run is not None:
            _say_what_it_trained_on(run, dataset)
    elif ask:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(
                t(
                    "You see the course's numbers. The demo dataset adds photos to the other"
                    " sections."
                ),
                icon=":material/school:",
            )
            source_widgets.demo_button("learn_demo")
    if run is not None and not run.epochs:
        run = None
    return LearnerContext(
        dataset,
        run,
        run_facts.collect_dataset_facts(dataset) if dataset is not None else None,
        run_facts.collect_run_facts(run) if isinstance(run, Run) else None,
    )


def _say_what_it_trained_on(run: RunRecord, dataset: Dataset | None) -> None:
    """Say whose photos a run's numbers count, where they aren't all of the dataset beside it."""
    names = {
        "run": escape(format_text.model_name(run, 60)),
        "dataset": escape(truncate_for_display(run.dataset_name, 60)),
    }
    if dataset is None or not state.is_run_of(run, dataset):
        if run.dataset_name:
            st.caption(
                t(
                    "“{run}” was trained on “{dataset}”, which isn't in this lab. Its numbers "
                    "count those photos.",
                    **names,
                )
            )
        return
    count = len(dataset.items("train"))
    if run.train_photos not in (0, count):
        st.caption(
            t(
                "“{run}” was trained on {n:,} photos. “{dataset}” has {total:,} training photos.",
                n=run.train_photos,
                total=count,
                **names,
            )
        )


def tell_example(question: QuizQuestion, learner: LearnerContext) -> str:
    """What a question says of the learner's own numbers; empty where nothing of it holds."""
    for example in question.examples:
        facts: Mapping[str, Any] | None = (
            learner.dataset_facts if example.source == "dataset" else learner.run_facts
        )
        if facts is not None and example.holds(facts):
            return t(example.text, **escaped_facts(facts))
    return ""


def escaped_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts for a sentence that is rendered as Markdown: names are plain text in it."""
    return {key: escape(v) if isinstance(v, str) else v for key, v in facts.items()}


def current_photo(dataset: Dataset, size: int = SIZE) -> tuple[Item, Photo] | None:
    """The photo the page shows, (size, size, 3) uint8, with a button for another one."""
    items = dataset.items("train")
    start = page_state().learn.photo_index
    for step in range(min(_TRIES, len(items))):
        item = items[(start + step) * 37 % len(items)]
        photo = gallery.fitted_photo(item.path, size)
        if not isinstance(photo, PhotoError):
            return item, photo
    st.info(t("The first photos can't be read. The data check on the Data page says why."))
    return None


def another_photo_button() -> None:
    """A button that takes another photo of the dataset."""
    st.button(
        t("Another photo"),
        icon=":material/shuffle:",
        key="learn_another",
        on_click=_take_next_photo,
    )


def _take_next_photo() -> None:
    page_state().learn.photo_index += 1


_HEIGHT = 240  # pixels


def draw_curve(
    x: Sequence[float],
    y: Sequence[float],
    points: tuple[Sequence[float], Sequence[float]],
    titles: tuple[str, str],
    key: str,
    alt: str,
    x_range: Sequence[float] | None = None,
    y_range: Sequence[float] | None = None,
    joined: bool = True,
) -> None:
    """A curve and points, joined where there are several.

    Args:
        x: of the curve.
        y: of the curve.
        points: their x and y.
        titles: of the x and the y axis.
        key: of the chart.
        alt: what it shows, in a sentence.
        x_range: where the x axis begins and ends.
        y_range: where the y axis does.
        joined: whether a line joins the points.
    """
    figure = go.Figure()
    figure.add_scatter(x=x, y=y, mode="lines", line={"color": NEUTRAL, "width": 2})
    figure.add_scatter(
        x=points[0],
        y=points[1],
        mode="lines+markers" if joined else "markers",
        line={"color": TRAIN, "width": 1.5},
        marker={"color": TRAIN, "size": 10},
        cliponaxis=False,
    )
    figure.update_traces(hoverinfo="skip")
    figure.update_xaxes(range=x_range)
    figure.update_yaxes(range=y_range)
    _draw_chart(figure, titles, key, alt)


def draw_bars(
    names: Sequence[str], values: Sequence[float], own: int, title: str, key: str, alt: str
) -> None:
    """Horizontal bars on a logarithmic axis, the learner's own one in another colour.

    Args:
        names: of the bars, plain text.
        values: above 0.
        own: the place of the learner's own bar.
        title: of the axis.
        key: of the chart.
        alt: what it shows, in a sentence.
    """
    colors = [VALIDATION if index == own else NEUTRAL for index in range(len(names))]
    figure = go.Figure()
    figure.add_bar(
        x=values,
        y=names,
        orientation="h",
        marker={"color": colors},
        text=[f"{value:,.0f}" for value in values],
        hoverinfo="skip",
    )
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(autorange="reversed")
    _draw_chart(figure, (title, ""), key, alt)


def _draw_chart(figure: go.Figure, titles: tuple[str, str], key: str, alt: str) -> None:
    figure.update_layout(
        height=_HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
    )
    figure.update_xaxes(title={"text": titles[0]}, automargin=True)
    figure.update_yaxes(title={"text": titles[1]}, automargin=True)
    widgets.plot_figure(figure, key=key, alt=alt)
