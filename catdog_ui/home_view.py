"""The Home page: first steps, what is here, the pages, and the tour of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from catdog_core.base.errors import PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.data import datasets, unreadable
from catdog_core.data.datasets import Dataset
from catdog_core.imaging import decode
from catdog_core.runs import RunRecord, model_registry

from . import format_text, gallery, photo_counts, state
from .data import download_source, source_widgets
from .i18n import N_, escape, t
from .session import page_state
from .train import run_actions
from .widgets import page_link

_MAX_LISTED = 5
_PREVIEW_PHOTOS = 4
_DONE_MARK = ":green[:material/check_circle:]"
_PAGES = (
    (
        "pages/1_Data.py",
        N_("Data"),
        "photo_library",
        N_("See how many photos you have, how they look to a network, and which are faulty."),
    ),
    (
        "pages/2_Augment.py",
        N_("Augment"),
        "auto_awesome",
        N_(
            "Turn one photo into many. Rotate, shift, zoom and flip it, and see 20 variants at "
            "once."
        ),
    ),
    (
        "pages/3_Train.py",
        N_("Train"),
        "model_training",
        N_("Train a model and watch accuracy and loss live. Stop and resume anytime."),
    ),
    (
        "pages/4_Compare.py",
        N_("Compare"),
        "compare_arrows",
        N_("Compare training curves and see which runs overfit."),
    ),
    (
        "pages/5_Evaluate.py",
        N_("Evaluate"),
        "fact_check",
        N_("See which photos a model gets wrong, how sure it was, and what to do about them."),
    ),
    (
        "pages/6_Predict.py",
        N_("Predict"),
        "image_search",
        N_("Drop in photos to see the class and probability your model predicts."),
    ),
    (
        "pages/7_Export.py",
        N_("Export"),
        "ios_share",
        N_("Take a model with you to a phone, a web page, a notebook or another machine."),
    ),
    (
        "pages/8_Learn.py",
        N_("Learn"),
        "school",
        N_("Learn the terms in short sections with your own photos, questions and a glossary."),
    ),
)


@dataclass(frozen=True)
class Progress:
    """What of the way from nothing to an own prediction is done.

    Photos and runs are of the lab, the last two of the session.
    """

    has_photos: bool
    has_model: bool
    has_looked: bool
    has_predicted: bool

    @property
    def steps(self) -> tuple[bool, ...]:
        """Which steps of the tour are done, in their order."""
        return self.has_photos, self.has_model, self.has_looked, self.has_predicted


def measure_progress(
    available_datasets: Sequence[Dataset], trained: Sequence[RunRecord]
) -> Progress:
    """Return what is done of the steps and of the tour."""
    page = page_state()
    has_model = any(run.best_model for run in trained)
    if not has_model:
        page.visited_pages.clear()  # there was nothing to look at yet
    answers = page.background.get("predict_answers")
    return Progress(
        has_photos=bool(available_datasets),
        has_model=has_model,
        has_looked=has_model and bool(page.visited_pages & {"Compare", "Evaluate"}),
        has_predicted=answers is not None and answers.finished is not None,
    )


def show_steps(
    available_datasets: list[Dataset], trained: list[RunRecord], progress: Progress
) -> None:
    """The way from nothing to an own prediction, one button a step."""
    with st.grid(3, min_column_width=180, gap="medium"):
        with _step_card("1", t("Get photos"), progress.has_photos):
            _photos_step(available_datasets)
        with _step_card("2", t("Train a network"), progress.has_model):
            _train_step(available_datasets, trained)
        with _step_card("3", t("Try it on a photo"), progress.has_predicted):
            _predict_step(trained)


def show_datasets_and_runs(available_datasets: list[Dataset], trained: list[RunRecord]) -> None:
    """Draw the datasets and runs of this lab, each with a way to it."""
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(t("Datasets"), anchor=False)
        for dataset in available_datasets[:_MAX_LISTED]:
            _dataset_line(dataset)
        if available_datasets:
            _photo_preview(_selected_dataset(available_datasets))
        if not available_datasets:
            st.caption(t("None yet. The demo dataset is one click away."))
        _more_link(len(available_datasets), "pages/1_Data.py")
    with right:
        st.subheader(t("Runs"), anchor=False)
        for run in trained[:_MAX_LISTED]:
            _run_line(run)
        if not trained:
            st.caption(
                t("None yet. Each run is one training, and the lab keeps its curves and model.")
            )
        _more_link(len(trained), "pages/4_Compare.py")


def show_pages() -> None:
    """Say what each page is for, with a link."""
    st.subheader(t("What you can do here"), anchor=False)
    with st.grid(3, min_column_width=180, gap="medium"):
        for page, name, icon, about in _PAGES:
            with st.container(gap=None):
                page_link(page, t(name), icon)
                st.caption(t(about))


def _step_card(number: str, title: str, done: bool) -> st.delta_generator.DeltaGenerator:
    card = st.container(border=True, height="stretch")
    mark = _DONE_MARK if done else f":gray-badge[{number}]"
    card.markdown(f"##### {mark} {title}")
    return card


def _photos_step(available_datasets: list[Dataset]) -> None:
    if not any(dataset.id == datasets.DEMO_ID for dataset in available_datasets):
        st.caption(t("600 cartoon cats and dogs, ready in seconds. Nothing is downloaded."))
        source_widgets.demo_button("home_demo", "secondary" if available_datasets else "primary")
    else:
        st.caption(t("The demo dataset is ready. Explore it, or add your own photos."))
    download_source.show_background_jobs()
    if not download_source.has_class_dataset():
        download_source.class_button("home_class")
    if not available_datasets:
        page_link("pages/1_Data.py", t("Use your photos"))
        page_link("pages/1_Data.py", t("Use your camera"), "videocam", source="camera")
        return
    dataset = _selected_dataset(available_datasets)
    page_link("pages/1_Data.py", t("Explore “{name}”", name=_name(dataset)), dataset=dataset.id)


def _train_step(available_datasets: list[Dataset], trained: list[RunRecord]) -> None:
    dataset = _selected_dataset(available_datasets) if available_datasets else None
    count = run_actions.QUICK_TRAINING.epochs
    if dataset is None:
        st.caption(t("Train the course network for {n} epochs. Watch its curves grow.", n=count))
    else:
        st.caption(
            t(
                "Train the course network on “{name}” for {n} epochs. Watch its curves grow.",
                name=_name(dataset),
                n=count,
            )
        )
    run_actions.quick_train_button(
        dataset, "home_train", "primary" if available_datasets and not trained else "secondary"
    )
    page_link("pages/3_Train.py", t("Choose settings"), tab="new")


def _predict_step(trained: list[RunRecord]) -> None:
    own = next((run for run in trained if run.best_model), None)
    model = own or model_registry.load_default_run()
    caption = t("Drop in a photo to see its predicted class and how sure the network is.")
    if own is not None:
        caption += " " + t("Your newest model is “{name}”.", name=_name(own))
    elif model is not None:
        caption += " " + t("Until you train your own model, you can use the built-in one.")
    st.caption(caption)
    if st.button(
        t("Predict"),
        type="primary" if own else "secondary",
        icon=":material/image_search:",
        disabled=model is None,
        key="home_predict",
    ):
        query = state.run_query(own, **{"try": "1"}) if own else state.link_query()
        st.switch_page("pages/6_Predict.py", query_params=query)


def _name(what: Dataset | RunRecord) -> str:
    """The name of a dataset or run, for Markdown."""
    if isinstance(what, Dataset):
        return escape(truncate_for_display(what.name, 60))
    return escape(format_text.model_name(what, 60))


def _dataset_line(dataset: Dataset) -> None:
    counts = unreadable.count_readable(dataset)
    sums = {split: sum(row.values()) for split, row in counts.items()}
    with st.container(gap=None):
        page_link("pages/1_Data.py", _name(dataset), "photo_library", dataset=dataset.id)
        st.caption(
            t(
                "{classes}: {train:,} for training, {validation:,} for validation",
                classes=format_text.list_classes(dataset.classes),
                train=sums.get("train", 0),
                validation=sums.get("validation", 0),
            )
        )
        photo_counts.show_unreadable_link(dataset)


def _selected_dataset(available_datasets: list[Dataset]) -> Dataset:
    """The dataset of the address, else the newest."""
    requested_id = st.query_params.get("dataset")
    return next(
        (dataset for dataset in available_datasets if dataset.id == requested_id),
        available_datasets[0],
    )


def _photo_preview(dataset: Dataset) -> None:
    """A few photos of a dataset, taken evenly from all its classes."""
    items = dataset.items("train")
    some = items[:: max(1, len(items) // _PREVIEW_PHOTOS)][:_PREVIEW_PHOTOS]
    read = [(item, gallery.fitted_photo(item.path, 150)) for item in some]
    good = [(item, photo) for item, photo in read if not isinstance(photo, PhotoError)]
    if good:
        st.caption(t("Photos of “{name}”", name=_name(dataset)))
    gallery.image_grid(
        [decode.encode_photo(photo) for _, photo in good],
        tooltips=[item.file for item, _ in good],
        alts=[dataset.classes[item.label] for item, _ in good],
        columns=_PREVIEW_PHOTOS,
        least=50,
    )


def _run_line(run: RunRecord) -> None:
    word, color, icon = format_text.status_badge(run)
    best = format_text.best_epoch_row(run)
    with st.container(gap=None):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(
                "pages/3_Train.py",
                label=_name(run),
                icon=":material/model_training:",
                query_params=state.run_query(run, tab="runs"),
            )
            st.badge(word, color=color, icon=icon)  # type: ignore[arg-type]
        if best:
            st.caption(
                t(
                    "{model}, {n} epochs, best validation accuracy {accuracy}",
                    model=run.model or t("Imported history"),
                    n=len(run.epochs),
                    accuracy=format_text.format_percent(best.get("val_accuracy")),
                )
            )
        else:
            st.caption(t("No finished epoch yet"))


def _more_link(count: int, page: str) -> None:
    if count > _MAX_LISTED:
        page_link(page, t("and {n} more", n=count - _MAX_LISTED))


_TOUR_CLOSED = -1
_TOUR_STEPS = (
    (
        N_("Start with photos"),
        N_(
            "A network learns from examples. **Create demo dataset** draws 600 cats and dogs in a "
            "few seconds. You can add your own photos on the **Data** page."
        ),
        "pages/1_Data.py",
        N_("Data"),
    ),
    (
        N_("Train it"),
        N_(
            "**Train now** starts a short run. Watch its curves grow. You can leave the page, "
            "stop the run and resume it later."
        ),
        "pages/3_Train.py",
        N_("Train"),
    ),
    (
        N_("Look closely"),
        N_(
            "Does it learn or just memorize? **Compare** overlays runs and describes the "
            "difference. **Evaluate** shows which photos it gets wrong."
        ),
        "pages/5_Evaluate.py",
        N_("Evaluate"),
    ),
    (
        N_("Try it on a photo"),
        N_(
            "**Predict** shows the class of any photo and how sure the model is. **Learn** "
            "explains the terms with your own photos and runs."
        ),
        "pages/6_Predict.py",
        N_("Predict"),
    ),
)


def tour_button() -> None:
    """Draw a button that opens the tour, where it is closed."""
    if page_state().tour_step in (None, _TOUR_CLOSED):
        st.button(
            t("Take the tour"),
            icon=":material/tour:",
            type="tertiary",
            key="tour_open",
            on_click=_go_to_step,
            args=(0,),
        )


def show_tour(first_visit: bool, done: tuple[bool, ...]) -> None:
    """Draw the step the tour is at, if it is open; where one was just done, the next one to do.

    Args:
        first_visit: nothing has been made here yet: it is open until it is closed.
        done: which steps are done, in their order.
    """
    page = page_state()
    if page.tour_step is None:
        page.tour_step = _requested_step(0 if first_visit else _TOUR_CLOSED)
    elif page.tour_step != _TOUR_CLOSED and sum(done) > page.tour_done:
        page.tour_step = done.index(False) if False in done else len(done) - 1
    page.tour_done = sum(done)
    step = page.tour_step
    _write_step(step)
    if step == _TOUR_CLOSED:
        return
    title, text, path, name = _TOUR_STEPS[step]
    last = step == len(_TOUR_STEPS) - 1
    with st.container(border=True, key="tour"):
        with st.container(horizontal=True, vertical_alignment="center"):
            progress_label, head = t("{n} of {total}", n=step + 1, total=len(_TOUR_STEPS)), t(title)
            mark = f"{_DONE_MARK} " if done[step] else ""
            st.markdown(f":gray-badge[{progress_label}] {mark}**{head}**", width="stretch")
            st.button(
                t("Close tour"),
                icon=":material/close:",
                type="tertiary",
                key="tour_close",
                on_click=_go_to_step,
                args=(_TOUR_CLOSED,),
            )
        st.markdown(t(text))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                t("Back"),
                key="tour_back",
                disabled=step == 0,
                on_click=_go_to_step,
                args=(step - 1,),
            )
            st.button(
                t("Done") if last else t("Next"),
                key="tour_next",
                type="secondary",
                on_click=_go_to_step,
                args=(_TOUR_CLOSED if last else step + 1,),
            )
            page_link(path, t("Open {name}", name=t(name)))


def _go_to_step(step: int) -> None:
    page_state().tour_step = step
    _write_step(step)


def _requested_step(default: int) -> int:
    """The step of the address, which a reload in the middle of the tour brings back."""
    steps = {str(number + 1): number for number in range(len(_TOUR_STEPS))}
    return steps.get(st.query_params.get("tour", ""), default)


def _write_step(step: int) -> None:
    if step == _TOUR_CLOSED:
        st.query_params.pop("tour", None)
    elif st.query_params.get("tour") != str(step + 1):
        st.query_params["tour"] = str(step + 1)
