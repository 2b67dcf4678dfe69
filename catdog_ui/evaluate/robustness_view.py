"""Accuracy of one to three models as photos are changed more and more: chart, words, examples.

The answers are kept in the runs' folders strength by strength, so the chart grows while a job
measures, in every window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import floor

import plotly.graph_objects as go
import streamlit as st

from catdog_core.analysis import group_comparison, robustness
from catdog_core.analysis.robustness import RobustnessCurve
from catdog_core.augmentation import photo_changes
from catdog_core.augmentation.photo_changes import CHANGES, ChangeName
from catdog_core.base.errors import PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.jobs import Job
from catdog_core.base.palette import class_color
from catdog_core.imaging import decode
from catdog_core.runs import Run, RunRecord, list_runs
from catdog_core.runs.final_evaluation import majority_share
from catdog_core.tuning import groups

from .. import (
    captions,
    charts,
    format_text,
    gallery,
    job_fragment,
    loaders,
    permissions,
    state,
    widgets,
)
from ..i18n import N_, escape, t
from ..learn.glossary_view import show_terms
from . import model_picker
from .model_picker import EvaluationSubject

_CHART_KEY = "robustness_chart"
_SIZE = 150  # pixels of an example photo of a model whose file alone is known
_BAND = 0.13  # opacity of an interval
_EXAMPLES = 6
HINT = N_(
    "Each line is a model's accuracy on the same photos, changed more and more. The area around"
    " it is the 95% confidence interval. A vertical band shows the range used in training. Click"
    " a point to see photos."
)


def show_robustness(subject: EvaluationSubject) -> None:
    """Draw the choices, and the curves or the button that measures them."""
    st.caption(
        t("See how accuracy changes as photos are rotated, blurred or darkened more and more.")
    )
    members = [subject.run, *_choose_others(subject)]
    labels = {str(name): t(change.label) for name, change in CHANGES.items()}
    change: ChangeName = state.choose_tab(  # type: ignore[assignment]
        labels, "change", draw=st.pills, label=t("Change"), label_visibility="visible"
    )
    ids = "-".join(run.id for run in members)
    key = f"robustness-{subject.dataset.id}-{subject.split}-{change}-{ids}"
    job_fragment.watch_job(key, partial(_panel, subject, members, change, key), seconds=1)


def _choose_others(subject: EvaluationSubject) -> list[RunRecord]:
    """Let the user choose models to compare with; of a paired experiment, begin with the other."""
    others = {run.id: run for run in model_picker.comparable_models(subject.run)}
    if not others:
        return []
    ready = [run for run in list_runs() if isinstance(run, Run) and run.group]
    group_id = subject.run.group.get("id")
    pairs = group_comparison.pair_by_seed([run for run in ready if run.group["id"] == group_id])
    twins = [run.id for pair in pairs if subject.run.id in {one.id for one in pair} for run in pair]
    chosen = state.choose_several_from_address(
        "with",
        {key: truncate_for_display(format_text.model_label(run)) for key, run in others.items()},
        t("Compare with"),
        default=[key for key in twins if key in others],
        most=robustness.MAX_MODELS - 1,
        placeholder=t("Choose models"),
        width=640,
    )
    return [others[key] for key in chosen]


def _panel(
    subject: EvaluationSubject,
    members: Sequence[RunRecord],
    change: ChangeName,
    key: str,
    job: Job | None,
) -> None:
    is_running = job is not None and job.status == "running"
    read = [(run, _read_curve(subject, run, change)) for run in members]
    wanted = set(map(float, CHANGES[change].strengths))
    is_complete = all(curve is not None and wanted <= set(curve.strengths) for _, curve in read)
    if is_running and job is not None:
        words = (
            t("{done:,} of {n:,} predictions · {rate:.0f} per second", done=job.done, n=job.total,
              rate=job.rate)
            if job.total
            else t("Loading the model…")
        )  # fmt: skip
        job_fragment.progress_row(job, words, f"stop_{key}")
    elif not is_complete:
        job_fragment.show_job_error(job)
        _measure_button(subject, members, change, key)
    known = [(run, curve) for run, curve in read if curve is not None]
    curves = robustness.align_curves([curve for _, curve in known])
    if not curves:
        return
    runs = [run for run, _ in known]
    names = _name_runs(runs)
    above = st.container()  # the chart marks what is chosen below it
    strength = _choose_strength(change, curves) if is_complete and not is_running else None
    with above:
        _show_chart(subject, runs, names, curves, strength)
    if strength is not None:
        _show_examples(subject, runs[0], names, curves, strength)
        _show_numbers(names, curves)


def _name_runs(runs: Sequence[RunRecord]) -> list[str]:
    """The names of runs beside each other; those of one experiment without its name."""
    if len({run.group.get("id") for run in runs}) == 1 and runs[0].group:
        return groups.short_names(runs)
    return format_text.name_runs(runs)


def _read_curve(
    subject: EvaluationSubject, run: RunRecord, change: ChangeName
) -> RobustnessCurve | None:
    outputs = model_picker.output_names(replace(subject, run=run))
    return robustness.read_curve(run.folder, subject.dataset, subject.split, change, outputs)


def _measure_button(
    subject: EvaluationSubject, members: Sequence[RunRecord], change: ChangeName, key: str
) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        permissions.action_button(
            t("Measure"),
            f"start_{key}",
            "run a job",
            job_fragment.start_job,
            key,
            partial(_measure, subject, members, change),
            icon="play_arrow",
            type="primary",
        )
        count = min(len(subject.dataset.items(subject.split)), robustness.MAX_PHOTOS)
        st.caption(
            t(
                "Each model predicts {n:,} photos at {strengths} strengths. You can stop anytime"
                " and continue later.",
                n=count,
                strengths=len(CHANGES[change].strengths),
            ),
            width="stretch",
        )


def _measure(
    subject: EvaluationSubject, members: Sequence[RunRecord], change: ChangeName, job: Job
) -> None:
    loaders.measure_robustness(
        [run.folder for run in members],
        subject.dataset,
        subject.split,
        change,
        job,
        subject.mapping,
    )


def _choose_strength(change: ChangeName, curves: Sequence[RobustnessCurve]) -> float:
    """Let the user choose a strength by a click or the keyboard, kept in the address."""
    names = {f"{s:g}": _strength_label(change, s) for s in curves[0].strengths}
    if st.query_params.get("strength") not in names:  # of another change
        st.query_params.pop("strength", None)
    telling = robustness.find_telling_strength(curves)
    return float(
        state.choose_tab(
            names,
            "strength",
            default="" if telling is None else f"{telling:g}",
            draw=st.pills,
            label=t("Strength"),
            label_visibility="visible",
        )
    )


def _strength_label(change: ChangeName, strength: float) -> str:
    if CHANGES[change].is_flip:
        return t("flipped") if strength else t("unchanged")
    return photo_changes.format_strength(change, strength)


def _open_strength() -> None:
    """Show the photos of the point that was clicked; the chart's callback."""
    points = st.session_state[_CHART_KEY].selection.points
    if points:
        st.query_params["strength"] = f"{points[0]['x']:g}"


def _show_chart(
    subject: EvaluationSubject,
    runs: Sequence[RunRecord],
    names: Sequence[str],
    curves: Sequence[RobustnessCurve],
    strength: float | None,
) -> None:
    change = curves[0].change
    ranges = [_trained_range(run, change) for run in runs]
    entries = [(name, charts.run_color(number), "line") for number, name in enumerate(names)]
    entries += [
        (t("Range used to train “{name}”", name=name), charts.run_color(number), "band")
        for number, (name, trained) in enumerate(zip(names, ranges, strict=True))
        if trained is not None
    ]
    st.html(charts.legend_html(entries))
    counts = [int((curves[0].labels == n).sum()) for n in range(len(subject.dataset.classes))]
    figure = robustness_figure(curves, names, ranges, majority_share(counts), strength)
    finding = describe_finding(curves, names)
    widgets.plot_figure(
        figure,
        key=_CHART_KEY,
        on_select=_open_strength,
        selection_mode="points",
        alt=t("Chart of accuracy by strength of the change. The text below describes it."),
    )
    st.caption(captions.format_caption(HINT, escape(finding)))
    st.caption(_count_text(subject, curves[0]))
    show_terms("augmentation", "confidence-interval", "accuracy", key="robustness_terms")


def _count_text(subject: EvaluationSubject, curve: RobustnessCurve) -> str:
    total = len(subject.dataset.items(subject.split))
    text = t("Measured on {n:,} of {total:,} photos.", n=len(curve), total=total)
    if len(curve) == total:
        text = t("Measured on {n:,} photos.", n=total)
    if curve.unreadable:
        text += " " + t(
            "{n:,} files couldn't be read and are left out. The Data page shows why.",
            n=len(curve.unreadable),
        )
    return text


def _trained_range(run: RunRecord, change: ChangeName) -> tuple[float, float] | None:
    if not isinstance(run, Run):
        return None
    return photo_changes.find_trained_range(change, run.augmentation, run.training.image_size)


def describe_finding(
    curves: Sequence[RobustnessCurve], names: Sequence[str], strength: float | None = None
) -> str:
    """Return what curves show at a strength; may be empty.

    By default that is the strength that shows most, and where two curves cross is said, too.
    """
    at = robustness.find_telling_strength(curves) if strength is None else strength
    remarks = robustness.describe_curves(curves, names, at)
    if strength is not None:
        remarks = [remark for remark in remarks if remark.id != "crossing"]
    if at is None or not remarks:
        return ""
    change = curves[0].change
    point = photo_changes.format_strength(change, at, t(CHANGES[change].label))
    return f"{point}: " + " ".join(t(remark.message, **remark.params) for remark in remarks)


def robustness_figure(
    curves: Sequence[RobustnessCurve],
    names: Sequence[str],
    ranges: Sequence[tuple[float, float] | None],
    guess: float,
    strength: float | None = None,
) -> go.Figure:
    """Return accuracy against the strength of a change, a line and its interval a model.

    Args:
        curves: of the same photos and change; strengths may be missing yet.
        names: of the models; they may hold anything.
        ranges: the strengths each model trained with, None for none.
        guess: accuracy of always predicting the largest class.
        strength: the one that is chosen, marked by a line.
    """
    change = CHANGES[curves[0].change]
    figure = go.Figure()
    lowest = guess
    for number, (curve, trained) in enumerate(zip(curves, ranges, strict=True)):
        color = charts.run_color(number)
        if trained is not None:
            figure.add_vrect(
                x0=max(trained[0], change.strengths[0]),
                x1=min(trained[1], change.strengths[-1]),
                fillcolor=color,
                opacity=_BAND,
                line_width=0,
                layer="below",
            )
        x = list(curve.strengths)
        ends = [curve.interval(one) for one in x]
        lowest = min([lowest, *(low for low, _ in ends)])
        figure.add_scatter(
            x=[*x, *reversed(x)],
            y=[*(high for _, high in ends), *(low for low, _ in reversed(ends))],
            mode="lines",
            fill="toself",
            fillcolor=color,
            opacity=_BAND,
            line={"width": 0},
            hoverinfo="skip",
        )
    for number, (curve, name) in enumerate(zip(curves, names, strict=True)):
        figure.add_scatter(
            x=list(curve.strengths),
            y=[curve.accuracy(one) for one in curve.strengths],
            mode="lines+markers",
            name=charts.short_name(name, 40),
            line={"color": charts.run_color(number), "width": 2.5},
            marker={"symbol": charts.RUN_SYMBOLS[number], "size": 10},
            hovertemplate="%{y:.1%}",
        )
    first, last = change.strengths[0], change.strengths[-1]
    pad = 0.03 * (last - first)
    figure.update_layout(
        charts.BASE_LAYOUT,
        title={"text": t(change.label)},
        height=charts.HEIGHT + 20,
        margin={"t": 44},
        hovermode="x unified",
        clickmode="event+select",
        dragmode=False,
    )
    ticks = {"tickvals": [0, 1], "ticktext": [t("unchanged"), t("flipped")]}
    figure.update_xaxes(
        title={"text": t(change.axis)},
        range=[first - (0.3 if change.is_flip else pad), last + (0.3 if change.is_flip else pad)],
        fixedrange=True,
        automargin=True,
        **(ticks if change.is_flip else {"tickformat": ".0%"} if "%" in change.text else {}),
    )
    figure.update_yaxes(
        title={"text": t("Accuracy")},
        range=[floor(10 * lowest) / 10 - 0.02, 1.01],
        tickformat=".0%",
        fixedrange=True,
        automargin=True,
    )
    charts.mark_guessing(figure, guess)
    if strength is not None:
        figure.add_vline(x=strength, line={"color": "rgba(128,128,128,0.75)", "dash": "dash"})
    return figure


def _show_examples(
    subject: EvaluationSubject,
    first: RunRecord,
    names: Sequence[str],
    curves: Sequence[RobustnessCurve],
    strength: float,
) -> None:
    """Photos changed as much as that, with each model's answer."""
    change = curves[0].change
    size = first.training.image_size if isinstance(first, Run) else _SIZE
    short = [charts.shorten(name, 14) for name in names]
    classes = subject.dataset.classes
    images, lines, colors = [], [], []
    for row in robustness.choose_examples(curves, strength, _EXAMPLES):
        file, truth = curves[0].files[row], int(curves[0].labels[row])
        photo = gallery.fitted_photo(subject.dataset.root / file, size)
        if isinstance(photo, PhotoError):
            continue
        changed = photo_changes.apply_change(photo, change, strength, file, robustness.SEED)
        images.append(decode.encode_photo(changed))
        answers = []
        for name, curve in zip(short, curves, strict=True):
            at = curve.strengths.index(strength)
            guess = int(curve.guesses[at, row])
            answers.append(
                f"{'✓' if guess == truth else '✗'} {name}: {charts.shorten(classes[guess], 12)}"
                f" {curve.confidences[at, row]:.0%}"
            )
        lines.append("\n".join([truncate_for_display(classes[truth], 30), *answers]))
        colors.append(class_color(truth))
    finding = describe_finding(curves, names, strength)
    st.markdown(f"**{escape(finding)}**" if finding else t("**Unchanged photos**"))
    gallery.image_grid(images, captions=lines, columns=_EXAMPLES, colors=colors, least=140)
    st.caption(
        t(
            "These are the changed photos as the models saw them. ✓ marks a correct prediction,"
            " ✗ a wrong one. Photos on which the models differ come first."
        )
        if len(curves) > 1
        else t(
            "These are the changed photos as the model saw them. ✓ marks a correct prediction, ✗"
            " a wrong one. Photos it gets wrong only when changed come first."
        )
    )


def _show_numbers(names: Sequence[str], curves: Sequence[RobustnessCurve]) -> None:
    """The points of the chart as a table, for those who do not see it."""
    with st.expander(t("Numbers"), icon=":material/table:"):
        columns: dict[str, object] = {
            t("Strength"): [_strength_label(curves[0].change, s) for s in curves[0].strengths]
        }
        for name, curve in zip(names, curves, strict=True):
            columns[name] = [
                f"{curve.accuracy(s):.1%} ({{:.1%}} – {{:.1%}})".format(*curve.interval(s))
                for s in curve.strengths
            ]
        widgets.show_table(columns, "robustness_numbers", t("Accuracy at each strength"))
