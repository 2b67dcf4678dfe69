"""An experiment on the Compare page: what its runs do, what they showed, and its buttons."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from catdog_core import runs
from catdog_core.outcomes import contrast, experiments, histories
from catdog_core.outcomes.experiments import Group
from catdog_core.runs import Run

from .. import charts, curve_words, phrases, trash_view, verdict, visitors
from ..learn.terms import terms
from ..palette import TRAIN, VALIDATION
from ..startup import guard
from ..words import N_, escape, t
from . import experiment_charts, experiment_form, group_pick, sweep_runs, sweep_status

POLL = 2.0
"""Seconds between two looks at the runs of an experiment that trains."""
STATUS: dict[str, tuple[str, str, str]] = {
    # status: (word, Streamlit colour, icon)
    "running": (N_("training"), "blue", ":material/play_circle:"),
    "stopped": (N_("paused"), "gray", ":material/pause_circle:"),
    "done": (N_("done"), "green", ":material/check_circle:"),
}
_BARE = {"displaylogo": False, "displayModeBar": False}


def show(groups: Sequence[Group]) -> None:
    """The experiment that is chosen, and the form of a new one."""
    if groups:
        group = group_pick.pick(groups)
        with st.container(border=True):
            panel(group)
    with guard(), st.container(border=True):
        st.subheader(t("A new experiment"), anchor=False)
        experiment_form.show()


def panel(group: Group) -> None:
    """Show an experiment; until it is done, look again every two seconds.

    Also while nothing trains: between two of its runs there is a moment without any.
    """
    every = POLL if group.status != "done" else None
    st.fragment(_panel, run_every=every)(group.id, group.status)


def _panel(key: str, drawn_as: str) -> None:
    with guard():
        runs.reap_children()
        group = experiments.load(key)
        if group.status != drawn_as:
            st.rerun()
        driven = sweep_status.load(key)
        if driven is None:
            header(group)
        else:
            sweep_status.header(driven)
            sweep_status.facts(driven)
        if group.kind == "twin" and len(group.runs) > 1:
            _twins(group)
        else:
            _small_data(group)
        _members(group)
        remove_button(group, is_busy=bool(driven and driven.is_active))


def header(group: Group) -> None:
    """Name, status and buttons of an experiment, and how far it is."""
    word, color, icon = STATUS[group.status]
    done = sum(run.status == "done" for run in group.runs)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape(group.name), anchor=False, width="content")
        st.badge(t(word), color=color, icon=icon)  # type: ignore[arg-type]
        st.space("stretch")
        if group.active:
            st.button(
                t("Stop the experiment"),
                icon=":material/stop:",
                key="group_stop",
                **visitors.gate("manage run", group.runs[0].owner),
                on_click=_act,
                args=("stop", group.id),
            )
        elif group.waiting:
            st.button(
                t("Start") if not done and not any(r.epochs for r in group.runs) else t("Go on"),
                icon=":material/play_arrow:",
                type="primary",
                key="group_start",
                **visitors.gate("manage run", group.runs[0].owner),
                on_click=_act,
                args=("start", group.id),
            )
    parts = sum(_part(run) for run in group.runs) / len(group.runs)
    text = t("{done} of {n} runs are done", done=done, n=len(group.runs))
    if group.active:
        text += " · " + t("training: {name}", name=escape(group.active.name))
    if group.status != "done":
        st.progress(min(parts, 1.0), text)
    _gone(group)


def _gone(group: Group) -> None:
    """Say why an experiment stands still whose training process is gone: nothing starts by itself
    after a process that was killed, as one that ran out of memory would be killed again."""
    gone = next((run for run in group.runs if run.status == "lost"), None)
    if gone is not None and not group.active:
        st.warning(
            t(
                "The training process of “{name}” is gone, for example because the machine was"
                " switched off or had no memory left. The experiment stands still since. Press Go"
                " on: that run goes on after its last whole epoch, then the others follow.",
                name=escape(gone.name),
            ),
            icon=":material/power_off:",
        )


def _act(action: str, key: str) -> None:
    with guard():
        (experiments.stop if action == "stop" else experiments.start)(key)


def _part(run: Run) -> float:
    """How much of a run is behind it, 0..1."""
    if run.status in ("done", "failed", "damaged"):
        return 1.0
    return len(run.epochs) / run.training.epochs if run.training else 0.0


def _twins(group: Group) -> None:
    pair = list(zip(group.runs, (t("Plain"), t("Augmented")), strict=False))
    found = [histories.of_run(run) for run, _ in pair]
    for said in contrast.twins(*group.runs[:2]):
        st.markdown(t(said.message, **said.params))
    for (_, title), judged in zip(pair, found, strict=True):
        with st.container(horizontal=True, vertical_alignment="top", gap="small"):
            _, color, icon = verdict.KINDS[judged.kind]
            st.badge(f"{title}: {verdict.word(judged)}", color=color, icon=icon)  # type: ignore[arg-type]
            st.caption(verdict.sentence(judged), width="stretch")
    if not any(run.epochs for run in group.runs):
        return
    st.html(
        charts.legend(
            [
                (t("Training"), TRAIN, "line"),
                (t("Validation"), VALIDATION, "line"),
                (t("Gap"), TRAIN, "band"),
            ]
        )
    )
    curves = [
        (_curve(run), title, judged.since) for (run, title), judged in zip(pair, found, strict=True)
    ]
    metrics: tuple[charts.Metric, ...] = ("accuracy", "loss")
    for column, metric in zip(st.columns(2), metrics, strict=True):
        with column:
            figure, told = experiment_charts.twins(metric, curves), curve_words.alt(metric)
            st.plotly_chart(figure, key=f"twins_{metric}", config=_BARE, alt=told)
            now = curve_words.twins(metric, curves[0][0], curves[1][0])
            st.caption(curve_words.told(curve_words.TWINS[metric], now))
    terms("twin", "gap", "augmentation", "confidence-interval")
    st.caption(
        t(
            "Intervals hold with 95 % confidence and count the validation photos as the chance."
            " Both runs met the same ones, so in truth they are a little narrower."
        )
    )


def _curve(run: Run) -> charts.Curve:
    planned = run.training.epochs if run.training else len(run.epochs)
    return charts.Curve(epochs=run.epochs, planned=planned, classes=max(len(run.classes), 2))


def _small_data(group: Group) -> None:
    found = contrast.points(group.runs)
    if not found:
        st.info(t("The curve begins with the first whole epoch of the first run."))
        return
    names = {line: line_name(line) for line in dict.fromkeys(point.line for point in found)}
    st.html(
        charts.legend(
            [(name, charts.run_color(number), "line") for number, name in enumerate(names.values())]
        )
    )
    figure = experiment_charts.against_data(found, names, max(len(group.runs[0].classes), 2))
    told = t("Chart of accuracy against training photos; the words below tell what it shows")
    st.plotly_chart(figure, key="against_data", config=_BARE, alt=told)
    st.caption(curve_words.told(curve_words.DATA, curve_words.against_data(found, names)))
    terms("dataset", "augmentation", "confidence-interval", "transfer")
    sentences = [t(said.message, **said.params) for said in contrast.growth(found)]
    for base, other, said in contrast.ahead(found):
        words = {"base": names[base.line], "other": names[other.line]}
        sentences.append(t(said.message, **{**said.params, **words}))
    if sentences:
        st.markdown("\n".join(f"- {sentence}" for sentence in sentences))
    st.caption(
        t(
            "Bars are 95 % intervals (Wilson) of the best epoch's validation accuracy; open marks"
            " are runs that are not done. The best epoch was chosen on the same photos, so all"
            " points lie a little high, and alike."
        )
    )


def line_name(line: tuple[str, bool]) -> str:
    """A line of the curve: the network, plain or augmented."""
    model, is_augmented = line
    if is_augmented:
        return t("{model}, augmented", model=model)
    return t("{model}, plain", model=model)


def _members(group: Group) -> None:
    rows = [run for run in group.runs if run.training]
    st.dataframe(
        {
            t("Run"): [run.name for run in rows],
            t("Photos"): [run.train_photos for run in rows],
            t("Status"): [_status(group, run) for run in rows],
            t("Epochs"): [f"{len(r.epochs)} / {r.training.epochs}" for r in rows if r.training],
            t("Best validation accuracy"): [_best(run) for run in rows],
            t("Verdict"): [verdict.word(histories.of_run(run)) for run in rows],
            t("Duration"): [phrases.duration(run.duration) for run in rows],
        },
        hide_index=True,
        height="content",
        key="group_runs",
        alt=t("The runs of the experiment with their results"),
    )
    if st.button(
        t("Their curves side by side"),
        icon=":material/stacked_line_chart:",
        key="group_curves",
        on_click=sweep_runs.lay_over,
        args=([run.id for run in rows],),
    ):
        st.rerun()  # the whole page, not the panel alone


def remove_button(group: Group, is_busy: bool = False) -> None:
    """Delete an experiment, after a question, unless it trains or is about to."""
    if st.button(
        t("Delete the sweep…") if group.kind == "sweep" else t("Delete the experiment…"),
        icon=":material/delete:",
        type="tertiary",
        key="group_delete",
        **visitors.gate(
            "manage run", group.runs[0].owner, disabled=is_busy or group.active is not None
        ),
    ):
        is_sweep = group.kind == "sweep"
        title = t("Delete this sweep?") if is_sweep else t("Delete this experiment?")
        st.dialog(title)(_confirm)(group)


def _confirm(group: Group) -> None:
    st.write(
        t(
            "“{name}” and its {n} runs with their models will be moved to the trash, from where"
            " they can be put back until the trash is emptied (Home page).",
            name=escape(group.name),
            n=len(group.runs),
        )
    )
    with st.container(horizontal=True):
        if st.button(
            t("Delete"), type="primary", key="group_delete_sure", on_click=_remove, args=(group.id,)
        ):
            st.rerun()
        if st.button(t("Keep it"), key="group_delete_not"):
            st.rerun()


def _remove(key: str) -> None:
    with guard():
        trash_view.deleted(experiments.remove(key))
        st.query_params.pop("group", None)


def _status(group: Group, run: Run) -> str:
    if group.active and run in group.waiting and not run.epochs:
        return t("waiting")
    return phrases.status(run)


def _best(run: Run) -> str:
    best = phrases.best_row(run)
    return phrases.percent(best.get("val_accuracy") if best else None)
