"""What a training is going to be: its sums, its schedule, how long it takes, a rate to try."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import log10

import plotly.graph_objects as go
import streamlit as st

from catdog_core import runs
from catdog_core.base.errors import CatDogError
from catdog_core.base.jobs import Job
from catdog_core.base.palette import TRAIN, VALIDATION
from catdog_core.config import Augmentation, Training, schedules
from catdog_core.data.datasets import Dataset
from catdog_core.models import architecture, backbones
from catdog_core.training import lr_finder, speed_probe, time_estimate

from .. import captions, format_text, job_fragment, permissions, widgets
from ..i18n import N_, escape, say, t
from ..learn.glossary_view import show_terms


def show_plan(training: Training, dataset: Dataset, augmentation: Augmentation | None) -> None:
    """Draw it. Raises SettingsError for a network that cannot be."""
    backbones.refuse_transfer_settings(training, augmentation)
    rows = architecture.list_training_layers(training, len(dataset.classes))
    _show_network(training, rows)
    _show_loss(len(dataset.classes), augmentation, training.label_smoothing)
    if training.model == backbones.TRANSFER:
        _show_feature_passes(training, dataset, augmentation)
    _show_steps(training, dataset)
    _show_schedule(training, dataset)


def _show_network(training: Training, rows: list[architecture.LayerRow]) -> None:
    st.caption(t(architecture.MODEL_DESCRIPTIONS[training.model]))
    counted = architecture.count_operations(rows)
    table = {
        t("Layer"): [f"{row.kind} {row.detail}".strip() for row in rows],
        t("Output"): [" × ".join(f"{n:,}" for n in row.output_shape) for row in rows],
        t("Parameters"): [f"{row.parameters:,}" for row in rows],
    }
    if counted is not None:
        table[t("Multiply-adds")] = [_format_count(row.operations or 0) for row in rows]
    widgets.show_table(
        table, "train_layers", t("Layers of the network with output shapes and parameters")
    )
    text = t("**{n} parameters** in total", n=f"{architecture.count_parameters(rows):,}")
    if counted is not None:
        text += ", " + t("**{n} multiply-adds** per photo", n=_format_count(counted))
    st.markdown(text)


def _format_count(count: int) -> str:
    """A large number at a glance: "116 M"."""
    if count >= 1_000_000_000:
        return f"{count / 1e9:.2f} G"
    if count >= 1_000_000:
        return f"{count / 1e6:.1f} M"
    return f"{count / 1e3:.1f} k" if count >= 10_000 else f"{count:,}"


def _show_loss(classes: int, augmentation: Augmentation | None, smoothing: float) -> None:
    """The loss that fits the labels, and why."""
    mixes = augmentation is not None and augmentation.mixes
    shares = mixes or smoothing > 0
    why = {
        ("binary_crossentropy", False): t("two classes, one sigmoid unit, labels 0 or 1"),
        ("binary_crossentropy", True): t(
            "labels are the two mixed photos' proportions, such as 0.7, which this loss accepts too"
        ),
        ("categorical_crossentropy", True): t(
            "labels are the mixed photos' proportions, but the sparse loss takes only numbers"
        ),
        ("sparse_categorical_crossentropy", False): t(
            "labels are class numbers, with one softmax unit per class"
        ),
    }
    smooth = t("labels are smoothed to class proportions, such as 0.95")
    name = architecture.loss_name(classes, shares)
    reason = smooth if smoothing and not mixes else why[name, mixes]
    st.caption(t("Loss: `{name}` ({why}).", name=name, why=reason))


def _show_feature_passes(
    training: Training, dataset: Dataset, augmentation: Augmentation | None
) -> None:
    """What is computed once, before the first epoch."""
    counts = time_estimate.count_photos(training, dataset)
    passes = backbones.count_feature_passes(training, augmentation)
    st.caption(
        t(
            "First, the pretrained network looks at {train} × {looks} training and {validation} "
            "validation photos, {n} in total. The lab keeps the results for later runs.",
            train=f"{counts['train']:,}",
            looks=passes,
            validation=f"{counts['validation']:,}",
            n=f"{counts['train'] * passes + counts['validation']:,}",
        )
    )


def _show_steps(training: Training, dataset: Dataset) -> None:
    """How many steps the settings come to, as a sum one can follow."""
    counts = time_estimate.count_photos(training, dataset)
    lines = [
        _describe_steps(
            t("Training"),
            counts["train"],
            training.batch_size,
            training.steps(counts["train"]),
            training.steps_per_epoch,
            training.count_shown(training.steps(counts["train"]), counts["train"]),
        ),
        _describe_steps(
            t("Validation"),
            counts["validation"],
            training.batch_size,
            training.validation_batches(counts["validation"]),
            training.validation_steps,
            min(
                training.validation_batches(counts["validation"]) * training.batch_size,
                counts["validation"],
            ),
        ),
        t(
            "Total: {epochs} epochs × {steps} steps = {n} weight updates",
            epochs=training.epochs,
            steps=training.steps(counts["train"]),
            n=f"{training.epochs * training.steps(counts['train']):,}",
        ),
    ]
    st.caption("\n".join(f"- {line}" for line in lines))


def _describe_steps(
    split: str, photos: int, batch: int, steps: int, requested_steps: int | None, seen: int
) -> str:
    if requested_steps and seen != steps * batch:
        return t(
            "{split}: {steps} steps of up to {batch}, about {seen} photos per epoch, of {photos}",
            split=split,
            steps=f"{steps:,}",
            batch=batch,
            seen=f"{seen:,}",
            photos=f"{photos:,}",
        )
    if requested_steps:
        return t(
            "{split}: {steps} steps × {batch} = {seen} photos per epoch, of {photos}",
            split=split,
            steps=f"{steps:,}",
            batch=batch,
            seen=f"{seen:,}",
            photos=f"{photos:,}",
        )
    if photos % batch == 0:
        return t(
            "{split}: {photos} photos / {batch} = {steps} steps",
            split=split,
            photos=f"{photos:,}",
            batch=batch,
            steps=f"{steps:,}",
        )
    return t(
        "{split}: {photos} photos / {batch} = {exact}, rounded up to {steps} steps, the last with "
        "{rest}",
        split=split,
        photos=f"{photos:,}",
        batch=batch,
        exact=f"{photos / batch:,.1f}",
        steps=f"{steps:,}",
        rest=f"{photos % batch:,}",
    )


def _show_schedule(training: Training, dataset: Dataset) -> None:
    """The learning rate over the plan, drawn where it changes."""
    if schedules.is_constant(training):
        return
    steps = training.steps(time_estimate.count_photos(training, dataset)["train"])
    points = schedules.learning_rate_curve(training, steps)
    widgets.plot_figure(
        schedule_chart(points),
        key="train_rates",
        config={"displaylogo": False, "displayModeBar": False, "staticPlot": True},
        alt=t("Chart of learning rate by step. The text below describes it."),
    )
    st.caption(captions.format_caption(captions.SCHEDULE_HINT, captions.schedule_caption(points)))
    show_terms("learning-rate", "optimizer", "step")
    if training.schedule == "plateau":
        st.caption(
            t(
                "This assumes validation loss keeps falling. Whenever it stops, the learning rate "
                "is halved."
            )
        )


RATE_JOB, SPEED_JOB = "find-rate", "time-steps"
PHASES = {
    "starting": N_("Loading TensorFlow. This takes a few seconds…"),
    "packing": N_("Preparing the photos: {done:,} of {n:,}"),
    "steps": N_("Step {done} of {n}"),
    "timing": N_("Timing a few steps…"),
}
_TIMING_HELP = N_(
    "Times a few steps on this computer, without training anything, and estimates the total."
)
_SEARCH_HELP = N_(
    "Takes up to 100 steps at rising learning rates and shows where the loss falls. It runs in a "
    "separate process and doesn't change any run."
)


@dataclass(frozen=True)
class ProbeSettings:
    """What a short trial of a training is made of."""

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
class RateSearch:
    """A search for a learning rate, as far as it is."""

    settings: ProbeSettings
    points: list[tuple[float, float]] = field(default_factory=list)
    suggestion: lr_finder.RateSuggestion | None = None


def show_duration(probe_settings: ProbeSettings) -> None:
    """Say how long the training will take here, or draw a button that finds out."""
    if probe_settings.training.model == backbones.TRANSFER:
        st.caption(
            t("The network looks at each photo once, which takes longest. The rest takes seconds."),
            width="content",
        )
        return
    estimate = time_estimate.estimate_training(
        probe_settings.training,
        probe_settings.augmentation,
        probe_settings.dataset,
        runs.list_runs(),
    )
    if estimate is None:
        job_fragment.watch_job(SPEED_JOB, partial(_show_timing, probe_settings))
        return
    text = t(
        "**{epochs} epochs: about {time}**",
        epochs=probe_settings.training.epochs,
        time=format_text.format_duration(estimate.seconds),
    )
    source = (
        t("At the speed of “{run}” on this computer.", run=escape(estimate.run.name))
        if estimate.run is not None
        else t("Based on a few steps timed on this computer.")
    )
    with st.container(key="train_estimate", width="content"):
        st.markdown(":material/timer: " + text, help=source, width="content")


def show_rate_finder(probe_settings: ProbeSettings, use: Callable[[float], None]) -> None:
    """Draw the learning-rate finder: a button, its curve, the suggestion and a button to use it.

    Args:
        probe_settings: the settings to try with.
        use: called with the rate to take over.
    """
    if probe_settings.training.model == backbones.TRANSFER:
        st.caption(
            t(
                "There's no learning rate search for this model. It trains only its last layers, "
                "after looking at the photos once. The lab keeps what it saw, so another try "
                "takes seconds."
            )
        )
        return
    job_fragment.watch_job(RATE_JOB, partial(_show_finder, probe_settings, use))


def _show_timing(probe_settings: ProbeSettings, job: Job | None) -> None:
    if job is not None and job.status == "running":
        _show_probe_progress(job)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        permissions.action_button(
            t("Estimate time"),
            "train_time",
            "run a job",
            job_fragment.start_job,
            SPEED_JOB,
            partial(_time_steps, probe_settings),
            icon="timer",
            help=t(_TIMING_HELP),
        )
        if job is not None and job.error is not None:
            st.caption(escape(say(job.error)))


def _time_steps(probe_settings: ProbeSettings, job: Job) -> None:
    speed = speed_probe.probe_speed(
        probe_settings.dataset,
        probe_settings.training,
        probe_settings.augmentation,
        lambda line: _update_job(job, line),
    )
    time_estimate.store_speed(
        time_estimate.speed_key(probe_settings.training, probe_settings.augmentation), speed
    )


def _show_finder(
    probe_settings: ProbeSettings, use: Callable[[float], None], job: Job | None
) -> None:
    running = job is not None and job.status == "running"
    with st.container(horizontal=True, vertical_alignment="center"):
        if running:
            assert job is not None
            job_fragment.stop_button(job, "train_rate_stop")
        else:
            permissions.action_button(
                t("Find learning rate"),
                "train_rate_find",
                "run a job",
                job_fragment.start_job,
                RATE_JOB,
                partial(_search_rate, probe_settings),
                icon="query_stats",
                help=t(_SEARCH_HELP),
            )
    if job is None:
        return
    if running:
        _show_probe_progress(job)
    if job.status == "failed" and job.error is not None:
        st.warning(escape(say(job.error)), icon=":material/query_stats:")
    if isinstance(job.result, RateSearch):
        _show_search_result(probe_settings, job.result, use)


def _search_rate(probe_settings: ProbeSettings, job: Job) -> RateSearch:
    search = job.result = RateSearch(probe_settings)

    def tell(line: speed_probe.ProbeEvent) -> None:
        if "rate" in line:
            search.points.append((line["rate"], line["loss"]))
        _update_job(job, line)

    search.suggestion = speed_probe.probe_learning_rates(
        probe_settings.dataset, probe_settings.training, probe_settings.augmentation, tell
    )
    return search


def _show_search_result(
    probe_settings: ProbeSettings, search: RateSearch, use: Callable[[float], None]
) -> None:
    if search.points:
        suggestion = search.suggestion
        smoothed = lr_finder.smooth_losses([loss for _, loss in search.points])
        widgets.plot_figure(
            search_chart(search.points, smoothed, suggestion.rate if suggestion else None),
            key="train_rate_chart",
            alt=t("Chart of loss by learning rate. The text below describes it."),
        )
        now = captions.rate_search_caption(search.points, smoothed)
        st.caption(captions.format_caption(captions.RATE_SEARCH_HINT, now))
        show_terms("learning-rate", "loss", "gradient")
    if search.suggestion is None:
        return
    why = (
        t(
            "The loss falls here. **{rate:g}** is a good starting point.",
            rate=search.suggestion.rate,
        )
        if search.suggestion.falls
        else t(
            "The loss fell too little to see in so few steps. **{rate:g}** is a tenth of where it "
            "starts to rise.",
            rate=search.suggestion.rate,
        )
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(why, width="stretch")
        if st.button(
            t("Use {rate:g}", rate=search.suggestion.rate),
            key="train_rate_use",
            icon=":material/check:",
            on_click=use,
            args=(search.suggestion.rate,),
        ):
            st.rerun()  # the form lies outside this part of the page
    if search.settings.key != probe_settings.key:
        st.caption(t("Other settings have changed since. Search again to be sure."))


def _update_job(job: Job, line: speed_probe.ProbeEvent) -> None:
    job.tell(line.get("phase", "steps"), line.get("done", 0), line.get("total", 0))
    if job.stopped():
        raise CatDogError("Stopped.")


def _show_probe_progress(job: Job) -> None:
    text = t(PHASES.get(job.phase, PHASES["starting"]), done=job.done, n=job.total)
    st.progress(min(job.done / job.total, 1.0) if job.total else 0.0, text)


CHART_HEIGHT = 170
"""Pixels."""


def schedule_chart(points: Sequence[tuple[float, float]]) -> go.Figure:
    """Return a chart of the learning rate over the epochs: (epoch from 0, rate)."""
    figure = go.Figure()
    figure.add_scatter(
        x=[epoch for epoch, _ in points],
        y=[rate for _, rate in points],
        mode="lines",
        line={"color": TRAIN, "width": 2.5},
    )
    _set_rate_layout(figure, t("Learning rate by epoch"), CHART_HEIGHT)
    figure.update_xaxes(title={"text": t("Epoch")}, rangemode="tozero", automargin=True)
    figure.update_yaxes(rangemode="tozero", tickformat="~g", nticks=4, automargin=True)
    return figure


def search_chart(
    points: Sequence[tuple[float, float]], smoothed: Sequence[float], chosen: float | None
) -> go.Figure:
    """Return a chart of the losses of a search: (rate, loss), and the rate to use, if found."""
    rates = [rate for rate, _ in points]
    figure = go.Figure()
    figure.add_scatter(
        x=rates,
        y=[loss for _, loss in points],
        mode="lines",
        name=t("Step loss"),
        line={"color": TRAIN, "width": 1},
        opacity=0.4,
    )
    figure.add_scatter(
        x=rates,
        y=list(smoothed),
        mode="lines",
        name=t("Smoothed"),
        line={"color": TRAIN, "width": 2.5},
    )
    if chosen is not None:
        figure.add_vline(x=chosen, line={"color": VALIDATION, "width": 2, "dash": "dash"})
        figure.add_annotation(
            x=log10(chosen),  # plotly places lines by value, but annotations by the axis' exponent
            y=1,
            yref="y domain",
            text=f"{chosen:g}",
            font={"color": VALIDATION},
            showarrow=False,
            xanchor="left",
            yanchor="top",
        )
    _set_rate_layout(figure, t("Loss as the learning rate rises"), 1.5 * CHART_HEIGHT)
    figure.update_xaxes(
        type="log",
        title={"text": t("Learning rate")},
        exponentformat="power",
        dtick=1,
        automargin=True,
    )
    low, high = min(smoothed), max(smoothed)
    margin = max(0.15 * (high - low), 0.01)
    figure.update_yaxes(range=[low - margin, high + margin], nticks=5, automargin=True)
    return figure


def _set_rate_layout(figure: go.Figure, title: str, height: float) -> None:
    figure.update_layout(
        title={"text": title},
        height=height,
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        showlegend=False,
        hovermode="x unified",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
