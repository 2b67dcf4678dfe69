"""Which model the Evaluate page is about, on which photos; the pass that gets its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from catdog_core import runs
from catdog_core.analysis import class_matching, photo_overlap, predictions, training_domain
from catdog_core.analysis.photo_overlap import PhotoOverlap
from catdog_core.analysis.predictions import PredictionTable
from catdog_core.base.errors import CatDogError, PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.jobs import Job
from catdog_core.data import datasets, unreadable
from catdog_core.data.datasets import Dataset
from catdog_core.runs import ImportedHistory, RunRecord, model_registry, training_photos
from catdog_core.runs.model_registry import ImportedModel

from .. import (
    format_text,
    gallery,
    job_fragment,
    loaders,
    model_upload,
    permissions,
    photo_counts,
    state,
    trash_view,
    widgets,
)
from ..data.source_widgets import SPLITS
from ..i18n import escape, say, t
from ..session import page_state
from ..startup import guard, guarded_fragment
from ..train import run_actions


@dataclass(frozen=True)
class EvaluationSubject:
    """A run's model and the photos it is asked about.

    `mapping` holds classes of the dataset by the model's names, where these don't match.
    """

    run: RunRecord
    dataset: Dataset
    split: str
    mapping: Mapping[str, str] | None = None

    @property
    def key(self) -> str:
        """The key of the background job that asks the model; one runs at a time."""
        return f"evaluate-{self.run.id}-{self.dataset.id}-{self.split}"

    @property
    def core_arguments(self) -> tuple[Path, Dataset, str]:
        """The run's folder, the dataset and the split: what functions of the core take."""
        return self.run.folder, self.dataset, self.split

    def record_mtime(self) -> int:
        """Return when the dataset's record was last written, in ns: 0 where it is gone."""
        path = datasets.datasets_folder() / self.dataset.id / "dataset.json"
        return path.stat().st_mtime_ns if path.is_file() else 0

    def fragment(self, draw: Callable[..., None], *args: Any) -> None:
        """Draw a part of the page that redraws itself alone, the whole page after a decision.

        Args:
            draw: called with this subject and `args`.
            args: whatever else it needs.
        """
        guarded_fragment(_redraw)(self, self.record_mtime(), draw, *args)


def _redraw(
    subject: EvaluationSubject, record_mtime: int, draw: Callable[..., None], *args: Any
) -> None:
    # A button of a fragment redraws the fragment alone; after an edit of the dataset, all that the
    # page shows of it is out of date.
    if subject.record_mtime() != record_mtime:
        st.rerun()
    draw(subject, *args)


def choose_subject() -> EvaluationSubject | None:
    """Choose a run, photos that fit it and a part of them; None where there is none."""
    more = model_registry.list_other_models()
    if not more and not runs.list_runs():
        widgets.show_no_model(
            t("There's no model to evaluate yet. It appears after a run's first finished epoch.")
        )
        import_model()
        return None
    if not datasets.list_datasets():
        state.show_no_dataset()
        return None
    follow_address()
    fields = st.grid(min_column_width=250, gap="medium")
    with fields.container():
        run = state.choose_run(t("Model"), others=more, with_model=True)
    import_model()
    if run is None:
        return None
    if isinstance(run, ImportedModel):
        imported_model_actions(run)
    if isinstance(run, ImportedHistory):
        st.info(t("This is an imported history. It has no model to evaluate."))
        return None
    if run.best_model is None:
        st.info(t("This run has no model yet. It appears after the first finished epoch."))
        return None
    with fields.container():
        dataset = _choose_dataset(run)
    if dataset is None:
        return None
    with fields.container():
        split = _choose_split(dataset)
    match = class_matching.find_match(run.classes, dataset.classes)
    if match is None:
        mapping = _map_classes(run, dataset)
        return EvaluationSubject(run, dataset, split, mapping) if mapping else None
    if match.by == "similar names":
        st.caption(
            t(
                "Classes matched by name (model = dataset): {pairs}.",
                pairs=escape(truncate_for_display(match.text, 200)),
            )
        )
    return EvaluationSubject(run, dataset, split)


def fitting_datasets(run: RunRecord) -> list[Dataset]:
    """Return the datasets with as many classes as a run's model knows: its own first, then those
    whose classes match the model's by name."""
    every = [d for d in datasets.list_datasets() if len(d.classes) == len(run.classes)]

    def rank(dataset: Dataset) -> tuple[bool, bool, bool]:
        match = class_matching.find_match(run.classes, dataset.classes)
        is_its_own = training_photos.is_training_dataset(run, dataset)
        return not is_its_own, match is None, training_photos.find_domain(run) != dataset.domain

    return sorted(every, key=rank)


def comparable_models(run: RunRecord) -> list[RunRecord]:
    """Return all other models that tell the same classes apart, the newest runs first."""
    return [
        other
        for other in model_registry.list_models()
        if other.id != run.id and class_matching.find_match(other.classes, run.classes)
    ]


def load_or_request_answers(subject: EvaluationSubject) -> PredictionTable | None:
    """Return the answers to the photos; where there are none yet, draw how to get them."""
    stored_predictions = _read_stored(subject)
    if stored_predictions.table is None or job_fragment.is_running(subject.key):
        job_fragment.watch_job(
            subject.key, partial(_pass_panel, subject, stored_predictions.problem)
        )
    return stored_predictions.table


def read_answers(subject: EvaluationSubject) -> PredictionTable | None:
    """Return the answers to the photos, None where there are none yet."""
    return _read_stored(subject).table


def _read_stored(subject: EvaluationSubject) -> predictions.StoredPredictions:
    return predictions.read_predictions(
        subject.run.folder, subject.dataset, subject.split, output_names(subject)
    )


def show_cautions(subject: EvaluationSubject, overlap: PhotoOverlap | None) -> None:
    """Say what to keep in mind about figures on these photos.

    Args:
        subject: the model and the photos.
        overlap: how many of them had a part in making the model; None where it is unknown.
    """
    is_expected = subject.split == "train" and subject.dataset.id == subject.run.dataset_id
    for remark in photo_overlap.describe_overlap(overlap):
        text = t(remark.message, **remark.params)
        if remark.id == "trained" and not is_expected:
            st.warning(text, icon=":material/warning:")
        else:
            st.caption(text)
    if notice := training_domain.describe_domain(subject.run, [subject.dataset.domain]):
        st.warning(t(notice), icon=":material/warning:")


def _choose_dataset(run: RunRecord) -> Dataset | None:
    fitting = fitting_datasets(run)
    if not fitting:
        st.info(
            t(
                "None of your datasets has the classes this model knows: {names}.",
                names=escape(truncate_for_display(", ".join(run.classes), 120)),
            )
        )
        return None
    return state.choose_dataset(among=fitting, follow_run=False)


def _choose_split(dataset: Dataset) -> str:
    counts = {split: sum(row.values()) for split, row in unreadable.count_readable(dataset).items()}
    names = {split: f"{t(SPLITS[split])} {count:,}" for split, count in counts.items()}
    split = state.choose_tab(
        names, "part", "validation", label=t("Split"), label_visibility="visible"
    )
    photo_counts.show_unreadable_link(dataset)
    return split


def _map_classes(run: RunRecord, dataset: Dataset) -> dict[str, str] | None:
    """Draw a form that maps the model's classes to the dataset's; None while it is incomplete."""
    stored = predictions.read_output_names(run.folder, dataset)
    st.info(
        t(
            "The dataset has other class names than the model ({names}). Choose the model's class "
            "for each class of the dataset.",
            names=escape(truncate_for_display(", ".join(run.classes), 120)),
        )
    )
    chosen: dict[str, str] = {}
    with st.grid(min_column_width=200, gap="small"):
        for number, name in enumerate(dataset.classes):
            known = stored.get(name)
            theirs = st.selectbox(
                escape(truncate_for_display(name, 60)),
                run.classes,
                index=run.classes.index(known) if known in run.classes else None,
                format_func=lambda each: truncate_for_display(each, 60),
                key=f"evaluate_map_{run.id}_{dataset.id}_{number}",
                placeholder=t("Class of the model"),
                persist_state="session",
            )
            if theirs is not None:
                chosen[name] = theirs
    if len(chosen) < len(dataset.classes):
        return None
    if len(set(chosen.values())) < len(chosen):
        st.warning(t("Choose each class of the model once."))
        return None
    return {theirs: name for name, theirs in chosen.items()}


def output_names(subject: EvaluationSubject) -> list[str] | None:
    """Return the model's names of the dataset's classes where the user mapped them, else None."""
    if subject.mapping is None:
        return None
    names = {ours: theirs for theirs, ours in subject.mapping.items()}
    return [names[name] for name in subject.dataset.classes]


def _pass_panel(subject: EvaluationSubject, problem: str, job: Job | None) -> None:
    """The button that begins a pass, or how far it is."""
    if job is not None and job.status == "running":
        progress_text = (
            t(
                "{done:,} of {n:,} photos · {rate:.0f} photos/s",
                done=job.done,
                n=job.total,
                rate=job.rate,
            )
            if job.total
            else t("Loading the model…")
        )
        job_fragment.progress_row(job, progress_text, f"stop_{subject.key}")
        return
    job_fragment.show_job_error(job)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        n = unreadable.count_photos(subject.dataset, subject.split).readable
        permissions.action_button(
            t("Evaluate {n:,} photos", n=n),
            f"start_{subject.key}",
            "run a job",
            job_fragment.start_job,
            subject.key,
            partial(_run_pass, subject),
            icon="play_arrow",
            type="primary",
        )
        once = t("The model looks at each photo once. All results come from this pass.")
        st.caption(f"{t(problem)} {once}", width="content")


def _run_pass(subject: EvaluationSubject, job: Job) -> None:
    loaders.evaluate_run(*subject.core_arguments, job, subject.mapping)


def import_model() -> None:
    """Draw a form for a model file: uploaded, checked, its classes named, then chosen above."""
    state = page_state().evaluate
    if state.import_error is not None:
        st.error(escape(say(state.import_error)), icon=":material/error:")
        state.import_error = None
    name = t("Import a model file")
    with st.expander(name, icon=":material/upload_file:", key="evaluate_guest"), guard():
        uploaded_model = model_upload.upload_model(
            "evaluate", [d.classes for d in datasets.list_datasets()], "run a job"
        )
        if uploaded_model is None:
            st.caption(
                t(
                    "You can evaluate a model from another program or lab like a run. The model "
                    "and its predictions stay in the workspace."
                )
            )
            return
        _check_scales(uploaded_model)
        permissions.action_button(
            t("Evaluate model"),
            "evaluate_guest_keep",
            "run a job",
            model_upload.keep_model,
            uploaded_model,
            icon="fact_check",
        )


def _check_scales(uploaded_model: model_upload.UploadedModel) -> None:
    """Draw what the model answers to photos of a dataset that fits it with each scale."""
    model = uploaded_model.model
    fitting = [d for d in datasets.list_datasets() if len(d.classes) == len(model.classes)]
    if uploaded_model.scale_panel is None or not fitting:
        return
    dataset = fitting[0]
    items = dataset.items("validation") or dataset.items()
    step = -(-len(items) // model_upload.MAX_CHECK_PHOTOS)
    fitted = [(item.label, gallery.fitted_photo(item.path, model.size)) for item in items[::step]]
    good = [(label, photo) for label, photo in fitted if not isinstance(photo, PhotoError)]
    match = class_matching.find_match(model.classes, dataset.classes)
    model_upload.show_scale_check(
        uploaded_model,
        [photo for _, photo in good],
        [match.columns[label] for label, _ in good] if match else None,
        (dataset.id, dataset.fingerprint, model.classes),
    )


def imported_model_actions(imported: ImportedModel) -> None:
    """Draw how a model from elsewhere is asked, and the button that deletes it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(format_text.describe_imported_model(imported), width="stretch")
        with st.popover(t("Rename"), icon=":material/edit:", type="tertiary"):
            run_actions.show_model_name_form(imported)
        permissions.action_button(
            t("Delete model"),
            "evaluate_guest_delete",
            "manage run",
            _remove_model,
            imported,
            icon="delete",
            owner=imported.owner,
            type="tertiary",
        )


def _remove_model(imported: ImportedModel) -> None:
    try:
        trash_view.remember_deleted(model_registry.remove_imported_model(imported))
    except CatDogError as error:
        page_state().evaluate.import_error = error


TRUTH_KEY, GUESS_KEY, LIST_KEY = (f"evaluate_{name}" for name in ("truth", "guess", "list"))
"""The keys of the page's widgets whose values `keep` writes into the address."""
THRESHOLD_KEY = "threshold"
"""The key of the slider, and its name in the address, to which it is bound: written by hand, each
step would be one of the browser's history, too."""
_ADDRESS_NAMES = {"truth": TRUTH_KEY, "called": GUESS_KEY}


def follow_address() -> None:
    """Set the page's widgets by its address, where that is not what this session put there.

    Whether there are such classes is for the widgets to check.
    """
    query_params = {
        name: st.query_params[name] for name in _ADDRESS_NAMES if name in st.query_params
    }
    known = page_state().evaluate.known_address
    for name, text in query_params.items():
        if text != known.get(name):
            st.session_state[_ADDRESS_NAMES[name]] = text
    if {"truth", "called"} <= query_params.keys() and query_params != known:
        st.session_state[LIST_KEY] = "cell"
        if "tab" not in st.query_params:  # a link of an earlier version
            st.query_params["tab"] = "mistakes"
    page_state().evaluate.known_address = query_params


def keep_in_address(**values: str | None) -> None:
    """Write values into the address by their names there; None takes one out."""
    known = page_state().evaluate.known_address
    for name, value in values.items():
        if value is None:
            st.query_params.pop(name, None)
            known.pop(name, None)
        else:
            if st.query_params.get(name) != value:
                st.query_params[name] = value
            known[name] = value
