"""The pieces of the Home page."""

from __future__ import annotations

import streamlit as st

from catdog_core import datasets, runs
from catdog_core.datasets import DEMO_ID
from catdog_core.settings import RECIPES

from . import phrases, startup
from .words import escape, t

_FIRST_EPOCHS = 8


def first_steps() -> None:
    """Three clicks from nothing to a prediction, each ticked off when it is done."""
    have = datasets.listing()
    made = runs.listing()
    ready = next((run for run in made if run.best_model), None)
    with st.grid(3, min_column_width=260):
        with st.container(border=True):
            _head(1, t("Get some photos"), bool(have))
            st.write(
                t("600 drawn cats and dogs, made here in a few seconds; your own photos later.")
            )
            if st.button(
                t("Make the demo dataset"),
                key="make_demo",
                type="secondary" if have else "primary",
                icon=":material/draw:",
                width="stretch",
                disabled=any(dataset.id == DEMO_ID for dataset in have),
            ):
                make_demo()
        with st.container(border=True):
            _head(2, t("Train the network"), ready is not None)
            st.write(
                t(
                    "{count} epochs of the class notes' network, about a minute or two; watch the"
                    " curves grow.",
                    count=_FIRST_EPOCHS,
                )
            )
            if st.button(
                t("Start a first training"),
                key="first_training",
                type="primary" if have and not ready else "secondary",
                icon=":material/model_training:",
                width="stretch",
                disabled=not have,
            ):
                _train_first(have)
        with st.container(border=True):
            _head(3, t("Ask it about a photo"), False)
            st.write(t("Drop in a photo, see cat or dog, and how sure the network is."))
            if st.button(
                t("Predict"),
                key="to_predict",
                type="primary" if ready else "secondary",
                icon=":material/image_search:",
                width="stretch",
                disabled=ready is None,
            ):
                st.switch_page("pages/6_Predict.py", query_params=startup.kept_params())


def make_demo() -> None:
    """Draw the demo dataset with a progress bar, choose it, and draw the page anew."""
    bar = st.progress(0.0, text=t("Drawing cats and dogs …"))
    dataset = datasets.create_demo(
        lambda done, total: bar.progress(done / total, text=t("Drawing cats and dogs …"))
    )
    st.query_params["dataset"] = dataset.id
    st.rerun()


def what_is_there() -> None:
    """The datasets and the newest runs, with links; nothing while there is nothing."""
    have, made = datasets.listing(), runs.listing()
    if not have:
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(t("Datasets"))
        for dataset in have[:6]:
            counts = dataset.counts()
            st.markdown(
                t(
                    "**{name}** · {classes} · {train} to train, {validation} to validate",
                    name=escape(dataset.name),
                    classes=escape(", ".join(dataset.classes[:6])),
                    train=sum(counts.get("train", {}).values()),
                    validation=sum(counts.get("validation", {}).values()),
                )
            )
        startup.link("pages/1_Data.py", t("Look at the photos"), ":material/photo_library:")
    with right:
        st.subheader(t("Runs"))
        if not made:
            st.caption(t("No training yet. Step 2 starts one."))
        for run in made[:6]:
            best = max((row["val_accuracy"] for row in run.epochs), default=None)
            text = f"**{escape(run.name or run.id)}** · {phrases.status_word(run.status)}"
            if best is not None:
                text += " · " + t("validation accuracy {best:.3f}", best=best)
            st.markdown(text)
        if made:
            startup.link("pages/4_Compare.py", t("Compare runs"), ":material/stacked_line_chart:")


def _head(number: int, title: str, done: bool) -> None:
    mark = ":green[:material/check_circle:]" if done else f":gray[{number}.]"
    st.markdown(f"#### {mark} {title}", anchors=False)


def _train_first(have: list[datasets.Dataset]) -> None:
    chosen = st.query_params.get("dataset")
    dataset = next((d for d in have if d.id == chosen), have[0])
    recipe = RECIPES["notes"].model_copy(update={"epochs": _FIRST_EPOCHS, "learning_rate": 3e-4})
    run = runs.create(dataset, recipe, None, name=t("My first training"))
    runs.start(run)
    st.switch_page(
        "pages/3_Train.py",
        query_params={**startup.kept_params(), "dataset": dataset.id, "run": run.name},
    )
