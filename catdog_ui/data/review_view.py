"""Review by keyboard on the Data page: which photos, in which order, beside whose predictions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core.analysis import class_matching, predictions, review_queue
from catdog_core.base.files import truncate_for_display
from catdog_core.base.jobs import Job
from catdog_core.data.datasets import Dataset
from catdog_core.runs import RunRecord, model_registry

from .. import format_text, job_fragment, loaders, permissions, review, state
from ..i18n import N_, t
from ..session import page_state
from . import label_view

if TYPE_CHECKING:
    from catdog_core.analysis.label_errors import LabelErrors

Answers = Mapping[str, NDArray[np.float64]]

_LISTS = {
    "uncertain": (N_("Least certain"), ":material/contrast:"),
    "suspects": (N_("Likely wrong labels"), ":material/label_off:"),
    "class": (N_("One class"), ":material/label:"),
    "all": (N_("All photos"), ":material/photo_library:"),
}
_NO_MODEL = "none"


def show_review(dataset: Dataset) -> None:
    """Draw the choice of a list, and its review."""
    st.subheader(t("Review photos by keyboard"), anchor=False)
    st.caption(
        t(
            "Look at one photo at a time and press a key to decide. Every decision is saved"
            " immediately, and no file is ever changed."
        )
    )
    names = {name: f"{icon} {t(title)}" for name, (title, icon) in _LISTS.items()}
    kind = state.choose_tab(names, "list", "all", label=t("Photos to review"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = _choose_class(dataset) if kind == "class" else None
        run = None
        if kind != "suspects":
            run = _choose_model(dataset, is_needed=kind == "uncertain")
    answers: Answers = {}
    files: list[str] | None = None
    check = 0
    if kind == "suspects":
        found = label_view.check_labels(dataset)
        if found is None:
            return
        check = page_state().data.label_checks.get(dataset.id, 0)
        answers = _answers_of_suspects(found, len(dataset.classes))
        files = list(answers)
    elif run is not None:
        answers = predictions.read_answers(run.folder, dataset)[0]
        if not _has_answers(dataset, run, answers):
            return
    elif kind == "uncertain":
        st.info(t("There's no model for these classes yet. Train one, or review all photos."))
        return
    choice = (dataset.id, kind, label, run.id if run else "", len(answers), check)
    # No fragment: after a restart of the server, its reruns would be of one that nobody knows.
    _show_queue(dataset, choice, label, answers, files, kind == "uncertain")


def _answers_of_suspects(found: LabelErrors, classes: int) -> Answers:
    """What the check of labels predicts for its suspects, the most suspicious first."""
    answers = {}
    for suspect in found.suspects:
        answers[suspect.item.file] = row = np.zeros(classes)
        row[suspect.item.label] = suspect.probability
        row[suspect.guess] = suspect.guess_probability
    return answers


def _show_queue(
    dataset: Dataset,
    choice: tuple[object, ...],
    label: int | None,
    answers: Answers,
    files: list[str] | None,
    by_doubt: bool,
) -> None:
    """Draw the review; its list stays the same while decisions change the dataset."""
    kept = page_state().data
    if kept.review is None or kept.review[0] != choice:
        queue = review_queue.build_queue(dataset, label, answers, files, by_doubt)
        kept.review = (choice, queue)
    queue = kept.review[1]
    if queue.total > len(queue.photos):
        st.caption(
            t(
                "This list shows {n:,} of {total:,} photos. The others follow when you finish it.",
                n=len(queue.photos),
                total=queue.total,
            )
        )
    review.show_review(
        "/".join(map(str, choice)),
        {"dataset": dataset.id},
        dataset.classes,
        queue.photos,
        _finish,
    )


def _finish() -> None:
    page_state().data.review = None


def _choose_class(dataset: Dataset) -> int:
    names = {str(number): name for number, name in enumerate(dataset.classes)}
    shown = {key: truncate_for_display(name) for key, name in names.items()}
    return int(state.choose_from_address("label", shown, t("Class"), width=260))


def _choose_model(dataset: Dataset, is_needed: bool) -> RunRecord | None:
    """Draw the choice of whose predictions stand beside the photos."""
    fitting = {
        run.id: run
        for run in model_registry.list_models()
        if class_matching.find_match(run.classes, dataset.classes)
    }
    names = {key: truncate_for_display(format_text.model_name(run)) for key, run in fitting.items()}
    if not is_needed:
        names = {_NO_MODEL: t("No model"), **names}
    if not names:
        return None
    chosen = state.choose_from_address("model", names, t("Predictions by"), width=360)
    return fitting.get(chosen)


def _has_answers(dataset: Dataset, run: RunRecord, answers: Answers) -> bool:
    """Return whether a model has predicted a dataset's photos; else draw how to have it do so."""
    key = f"review-{run.id}-{dataset.id}"
    _, unreadable = predictions.read_answers(run.folder, dataset)
    missing = {item.file for item in dataset.items()} - answers.keys() - unreadable
    if not missing and not job_fragment.is_running(key):
        return True
    job_fragment.watch_job(key, partial(_draw_pass, key, dataset, run, len(missing)))
    return False


def _draw_pass(key: str, dataset: Dataset, run: RunRecord, missing: int, job: Job | None) -> None:
    if job is not None and job.status == "running":
        text = t("{done:,} of {n:,}", done=job.done, n=job.total) if job.total else ""
        job_fragment.progress_row(job, text or t("Loading the model…"), f"stop_{key}")
        return
    job_fragment.show_job_error(job)
    permissions.action_button(
        t("Predict {n:,} photos", n=missing),
        f"start_{key}",
        "run a job",
        job_fragment.start_job,
        key,
        partial(_predict_all, dataset, run),
        icon="play_arrow",
        type="primary",
    )


def _predict_all(dataset: Dataset, run: RunRecord, job: Job) -> None:
    for split in dataset.counts():
        loaders.evaluate_run(run.folder, dataset, split, job)
