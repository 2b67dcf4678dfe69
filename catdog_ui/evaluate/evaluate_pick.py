"""Whose answers the Evaluate page is about, and the pass that gets them in the background."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import streamlit as st

from catdog_core import datasets, jobs, runs
from catdog_core.datasets import Dataset
from catdog_core.errors import CatDogError
from catdog_core.files import shown
from catdog_core.insight import predictions, shipped
from catdog_core.insight.predictions import Table
from catdog_core.jobs import Job
from catdog_core.runs import Run

from .. import loaders, phrases, state, visitors, watch
from ..data.source_parts import SPLITS
from ..startup import guard
from ..words import escape, say, t
from . import evaluate_guests, evaluate_link


@dataclass(frozen=True)
class Subject:
    """A run's model and the photos it is asked about."""

    run: Run
    dataset: Dataset
    split: str

    @property
    def key(self) -> str:
        """Names the pass; one at a time."""
        return f"evaluate-{self.run.id}-{self.dataset.id}-{self.split}"

    @property
    def asked(self) -> tuple[Path, Dataset, str]:
        """The run's folder, the dataset and the part: what the core calls these."""
        return self.run.folder, self.dataset, self.split

    def written(self) -> int:
        """When the dataset's record was last written: it tells that it must be read anew."""
        path = datasets.root() / self.dataset.id / "dataset.json"
        return path.stat().st_mtime_ns if path.is_file() else 0


def choose() -> Subject | None:
    """Choose a run, photos that fit it and a part of them; None where there is none."""
    more = elsewhere()
    if not more and not runs.listing():
        st.info(t("There is no model to look at yet: it comes with a run's first whole epoch."))
        st.page_link(
            "pages/3_Train.py",
            label=t("Train one"),
            icon=":material/model_training:",
            query_params=state.query(),
        )
        evaluate_guests.door()
        return None
    if not datasets.listing():
        state.no_dataset()
        return None
    evaluate_link.follow()
    fields = st.grid(min_column_width=250, gap="medium")
    with fields.container():
        run = state.chosen_run(t("Model"), others=more)
    evaluate_guests.door()
    if run is None:
        return None
    guest = evaluate_guests.of(run)
    if guest is not None:
        evaluate_guests.care(guest)
    if run.best_model is None:
        st.info(t("This run has no model yet: one appears with the first whole epoch."))
        return None
    with fields.container():
        dataset = _dataset(run)
    if dataset is None:
        return None
    with fields.container():
        return Subject(run, dataset, _split(dataset))


def fitting(run: Run) -> list[Dataset]:
    """The datasets whose classes a run's model knows, its own first."""
    every = [d for d in datasets.listing() if set(d.classes) == set(run.classes)]
    return sorted(every, key=lambda dataset: not is_own(run, dataset))


def is_own(run: Run, dataset: Dataset) -> bool:
    """Whether a run was trained with this dataset, or with one of the very same photos."""
    return dataset.id == run.dataset_id or dataset.fingerprint == run.dataset_fingerprint


def others(run: Run) -> list[Run]:
    """All other models that tell the same classes apart, the newest runs first."""
    return [
        other
        for other in [*runs.listing(), *elsewhere()]
        if other.id != run.id and other.best_model and set(other.classes) == set(run.classes)
    ]


def elsewhere() -> list[Run]:
    """The models that were not trained here: the one that comes with the lab, uploaded ones."""
    ready = shipped.run()
    own = [replace(ready, name=t("default, comes with the lab"))] if ready else []
    return [*own, *evaluate_guests.runs()]


def title(run: Run) -> str:
    """A run's name with its time, or what the model that comes with the lab is called."""
    name = shown(run.name or run.id)
    return name if is_shipped(run) else f"{name} · {phrases.moment(run.created)}"


def is_shipped(run: Run) -> bool:
    """Whether this is the model that comes with the lab."""
    return run.folder == shipped.folder()


def answers(subject: Subject) -> Table | None:
    """What the model says of the photos; where that is not known, why, and how to find out."""
    found = predictions.read(subject.run.folder, subject.dataset, subject.split)
    if found.table is None or watch.is_running(subject.key):
        watch.job(subject.key, partial(_ask, subject, found.problem))
    return found.table


def cautions(subject: Subject) -> None:
    """What to keep in mind about figures on these photos."""
    run, dataset, split = subject.run, subject.dataset, subject.split
    if evaluate_guests.of(run) is not None:
        st.caption(t("Which photos this model has learnt from is not known here."))
    elif not is_own(run, dataset):
        st.caption(t("The model was trained with another dataset than this one."))
    elif split == "train":
        st.caption(
            t("The model has learnt from these very photos: on others, expect less than this.")
        )
    elif split == "validation":
        st.caption(t("The best epoch was chosen by these photos: on others, expect a little less."))
    learnt = _learnt(subject)
    if split != "train" and learnt:
        st.warning(
            t(
                "The model was trained with {n} of these photos, which lay in another part then:"
                " its figures are better than they should be.",
                n=learnt,
            ),
            icon=":material/warning:",
        )


def _dataset(run: Run) -> Dataset | None:
    found = {dataset.id: dataset for dataset in fitting(run)}
    if not found:
        st.info(
            t(
                "None of your datasets has the classes this model knows: {names}.",
                names=escape(shown(", ".join(run.classes), 120)),
            )
        )
        return None
    key = f"evaluate_dataset_{run.id}"
    if st.session_state.get(key) not in found:
        st.session_state.pop(key, None)
    chosen = st.selectbox(
        t("Photos of"),
        list(found),
        format_func=lambda key: shown(found[key].name),
        key=key,
        persist_state="session",
    )
    return found[chosen]


def _split(dataset: Dataset) -> str:
    counts = {split: sum(row.values()) for split, row in dataset.counts().items()}
    if st.session_state.get(evaluate_link.PART) not in counts:
        start = "validation" if "validation" in counts else next(iter(counts))
        st.session_state[evaluate_link.PART] = start
    split = str(
        st.segmented_control(
            t("Part"),
            list(counts),
            format_func=lambda split: f"{t(SPLITS[split])} {counts[split]:,}",
            required=True,
            key=evaluate_link.PART,
            persist_state="session",
        )
    )
    evaluate_link.keep(part=split)
    return split


def _learnt(subject: Subject) -> int:
    """How many of the photos the model was trained with, as far as can be told."""
    run, dataset = subject.run, subject.dataset
    if run.dataset_id != dataset.id or run.dataset_fingerprint == dataset.fingerprint:
        return 0
    try:
        then = datasets.as_of(dataset.id, run.dataset_fingerprint)
    except CatDogError:
        return 0
    trained = {item.file for item in then.items("train")}
    return sum(item.file in trained for item in dataset.items(subject.split))


def _ask(subject: Subject, problem: str, job: Job | None) -> None:
    """The button that begins a pass, or how far it is."""
    if job is not None and job.status == "running":
        part = job.done / job.total if job.total else 0.0
        told = (
            t(
                "{done:,} of {n:,} photos · {rate:.0f} photos/s",
                done=job.done,
                n=job.total,
                rate=job.rate,
            )
            if job.total
            else t("The model is being loaded…")
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(part, told)
            key = f"stop_{subject.key}"
            st.button(
                t("Stop"),
                icon=":material/stop:",
                key=key,
                on_click=job.stop,
                **visitors.gate(job.action),
            )
        return
    if job is not None and job.error is not None:
        (st.info if job.status == "stopped" else st.error)(escape(say(job.error)))
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        n = len(subject.dataset.items(subject.split))
        st.button(
            t("Ask it about the {n:,} photos", n=n),
            type="primary",
            icon=":material/play_arrow:",
            key=f"start_{subject.key}",
            **visitors.gate("run a job"),
            on_click=_start,
            args=(subject,),
        )
        once = t("One pass looks at each photo once; all below follows from it.")
        st.caption(f"{t(problem)} {once}", width="content")


def _start(subject: Subject) -> None:
    with guard():
        jobs.start(subject.key, partial(_work, subject))


def _work(subject: Subject, job: Job) -> None:
    loaders.evaluate(subject.run.folder, subject.dataset, subject.split, job)
