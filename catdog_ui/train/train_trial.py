"""What can be tried before a training starts: how long it takes, which learning rate fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st

from catdog_core import jobs, runs
from catdog_core.datasets import Dataset
from catdog_core.errors import CatDogError
from catdog_core.jobs import Job
from catdog_core.networks import backbones
from catdog_core.settings import Augmentation, Training
from catdog_core.training import estimate, lr_finder, trial

from .. import curve_words, phrases, visitors, watch
from ..learn.terms import terms
from ..startup import guard
from ..words import N_, escape, say, t
from . import rate_chart

RATES, SPEED = "find-rate", "time-steps"
PHASES = {
    "starting": N_("Loading TensorFlow; this takes a few seconds…"),
    "packing": N_("Preparing the photos: {done:,} of {n:,}"),
    "steps": N_("Step {done} of {n}"),
    "timing": N_("Timing a few steps…"),
}
_RECKONS = N_("Takes a few steps on this machine, without training anything, and reckons.")
_SEARCHES = N_(
    "Takes up to 100 steps of ever higher rates, in a process of its own and without touching any"
    " run, and shows where the loss falls."
)


@dataclass(frozen=True)
class Asked:
    """What a trial is made of."""

    dataset: Dataset
    training: Training
    augmentation: Augmentation | None

    @property
    def key(self) -> tuple[object, ...]:
        """What must stay the same for its outcome to hold; the learning rate need not."""
        return (
            self.dataset.fingerprint,
            self.training.model_copy(update={"learning_rate": 1e-3, "epochs": 1}),
            self.augmentation,
        )


@dataclass
class Search:
    """A search for a learning rate, as far as it is."""

    asked: Asked
    points: list[tuple[float, float]] = field(default_factory=list)
    found: lr_finder.Found | None = None


def duration(asked: Asked) -> None:
    """How long the training will take here, or a button that finds out."""
    if asked.training.model == backbones.TRANSFER:
        st.caption(t("Each photo is looked at once, which takes longest; the rest takes seconds."))
        return
    counts = estimate.photos(asked.training, asked.dataset)
    earlier = estimate.from_runs(asked.training, asked.augmentation, counts, runs.listing())
    speed = estimate.measured(estimate.kind(asked.training, asked.augmentation))
    if earlier is not None:
        text = t(
            "**{epochs} epochs: about {time} here**, at the speed of “{run}”.",
            epochs=asked.training.epochs,
            time=phrases.duration(earlier[0]),
            run=escape(earlier[1].name),
        )
    elif speed is not None:
        seconds = estimate.seconds(asked.training, counts, speed)
        text = t(
            "**{epochs} epochs: about {time} here**, from a few timed steps.",
            epochs=asked.training.epochs,
            time=phrases.duration(seconds),
        )
    else:
        watch.job(SPEED, partial(_timing, asked))
        return
    with st.container(key="train_estimate"):
        st.markdown(":material/timer: " + text)


def rate(asked: Asked, use: Callable[[float], None]) -> None:
    """The learning-rate finder: its button, its curve, its suggestion and a button to use it.

    Args:
        asked: the settings to try with.
        use: called with the rate to take over.
    """
    if asked.training.model == backbones.TRANSFER:
        st.caption(
            t(
                "No learning rate is searched for here: the photos are looked at first and only"
                " the last layers learn from what was seen, so there are no steps of the whole"
                " network to try. What was seen is kept: another try takes seconds."
            )
        )
        return
    watch.job(RATES, partial(_finder, asked, use))


def _timing(asked: Asked, job: Job | None) -> None:
    if job is not None and job.status == "running":
        _progress(job)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            t("How long will it take?"),
            icon=":material/timer:",
            key="train_time",
            on_click=_begin,
            args=(SPEED, partial(_time, asked)),
            **visitors.gate("run a job", help=t(_RECKONS)),
        )
        if job is not None and job.error is not None:
            st.caption(escape(say(job.error)))


def _begin(key: str, work: jobs.Work) -> None:
    with guard():
        jobs.start(key, work)


def _time(asked: Asked, job: Job) -> None:
    speed = trial.speed(
        asked.dataset, asked.training, asked.augmentation, lambda line: _note(job, line)
    )
    estimate.remember(estimate.kind(asked.training, asked.augmentation), speed)


def _finder(asked: Asked, use: Callable[[float], None], job: Job | None) -> None:
    running = job is not None and job.status == "running"
    with st.container(horizontal=True, vertical_alignment="center"):
        if running:
            assert job is not None
            st.button(
                t("Stop"),
                icon=":material/stop:",
                key="train_rate_stop",
                on_click=job.stop,
                **visitors.gate(job.action),
            )
        else:
            st.button(
                t("Find a learning rate"),
                icon=":material/query_stats:",
                key="train_rate_find",
                on_click=_begin,
                args=(RATES, partial(_search, asked)),
                **visitors.gate("run a job", help=t(_SEARCHES)),
            )
    if job is None:
        return
    if running:
        _progress(job)
    if job.status == "failed" and job.error is not None:
        st.warning(escape(say(job.error)), icon=":material/query_stats:")
    if isinstance(job.result, Search):
        _outcome(asked, job.result, use)


def _search(asked: Asked, job: Job) -> Search:
    search = job.result = Search(asked)

    def tell(line: dict[str, Any]) -> None:
        if "rate" in line:
            search.points.append((line["rate"], line["loss"]))
        _note(job, line)

    search.found = trial.rates(asked.dataset, asked.training, asked.augmentation, tell)
    return search


def _outcome(asked: Asked, search: Search, use: Callable[[float], None]) -> None:
    if search.points:
        found = search.found
        smoothed = lr_finder.smooth([loss for _, loss in search.points])
        st.plotly_chart(
            rate_chart.search(search.points, smoothed, found.rate if found else None),
            key="train_rate_chart",
            config={"displaylogo": False, "displayModeBar": False},
            alt=t("Chart of loss against learning rate; the words below tell what it shows"),
        )
        now = curve_words.search(search.points, smoothed)
        st.caption(curve_words.told(curve_words.SEARCH, now))
        terms("learning-rate", "loss", "gradient")
    if search.found is None:
        return
    why = (
        t("The loss falls here: **{rate:g}** is a good one to begin with.", rate=search.found.rate)
        if search.found.falls
        else t(
            "The loss fell too little to see in so few steps; **{rate:g}** is a tenth of where it"
            " begins to rise.",
            rate=search.found.rate,
        )
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(why, width="stretch")
        if st.button(
            t("Use {rate:g}", rate=search.found.rate),
            key="train_rate_use",
            icon=":material/check:",
            on_click=use,
            args=(search.found.rate,),
        ):
            st.rerun()  # the form lies outside this part of the page
    if search.asked.key != asked.key:
        st.caption(t("Other settings have changed since: search again to be sure."))


def _note(job: Job, line: dict[str, Any]) -> None:
    job.tell(line.get("phase", "steps"), line.get("done", 0), line.get("total", 0))
    if job.stopped():
        raise CatDogError("Stopped.")


def _progress(job: Job) -> None:
    text = t(PHASES.get(job.phase, PHASES["starting"]), done=job.done, n=job.total)
    st.progress(min(job.done / job.total, 1.0) if job.total else 0.0, text)
