"""How a run's models do on clean photos: the sentences, and the button that measures it later."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from zlib import crc32

import streamlit as st

from catdog_core.analysis import accuracy_gap
from catdog_core.base.errors import CatDogError
from catdog_core.base.jobs import Job
from catdog_core.runs import Run, RunRecord
from catdog_core.training import run_evaluation

from . import job_fragment, permissions
from .i18n import escape, t


def show_final_evaluation(run: RunRecord) -> None:
    """Draw how a run's models do on clean photos, or the button that measures it."""
    remarks = accuracy_gap.describe_final_evaluation(run)
    if not remarks:
        show_measure_button([run])
        return
    sentences = [
        t(
            remark.message,
            **{k: escape(v) if isinstance(v, str) else v for k, v in remark.params.items()},
        )
        for remark in remarks
    ]
    title = t("**On clean photos** (diamonds in the charts)")
    st.caption("\n".join([f"{title}\n", *(f"- {sentence}" for sentence in sentences)]))


def show_measure_button(runs: Sequence[RunRecord]) -> None:
    """Draw a button that measures the gap on clean photos of runs that lack it, if any can.

    Args:
        runs: the runs shown; each is evaluated in turn.
    """
    missing = [
        run
        for run in runs
        if isinstance(run, Run)
        and run.final_evaluation is None
        and run.best_model is not None
        and not run.is_active
    ]
    if not missing:
        return
    key = f"measure_gap_{crc32(','.join(run.id for run in missing).encode())}"
    job_fragment.watch_job(key, partial(_show_job, missing, key))


def _show_job(missing: Sequence[Run], key: str, job: Job | None) -> None:
    """Draw the button that begins the evaluation, or how far it is."""
    if job is not None and job.status == "running":
        text = (
            t("{done:,} of {n:,} photos", done=job.done, n=job.total)
            if job.total
            else t("Loading the model…")
        )
        job_fragment.progress_row(job, text, f"stop_{key}")
        return
    job_fragment.show_job_error(job)
    with st.container(horizontal=True, vertical_alignment="center"):
        permissions.action_button(
            t("Measure the gap on clean photos"),
            key,
            "run a job",
            job_fragment.start_job,
            key,
            partial(_evaluate_runs, [run.folder for run in missing]),
            icon="straighten",
        )
        st.caption(
            t(
                "The curves measure training while the weights still change, and with "
                "augmentation and dropout on, if you use them. This measures training and "
                "validation the same way."
            ),
            width="content",
        )


def _evaluate_runs(run_dirs: Sequence[Path], job: Job) -> None:
    """Evaluate runs one after another; what is done stays when the job is stopped."""

    def progress(done: int, total: int) -> None:
        job.tell("", done, total)
        if job.stopped():
            raise CatDogError("The evaluation was stopped. Start it again when you like.")

    for run_dir in run_dirs:
        run_evaluation.evaluate_in_subprocess(run_dir, progress)
