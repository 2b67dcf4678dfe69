"""Groups of runs on the Compare page: the one that is chosen, live, and the form of a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from catdog_core import runs
from catdog_core.analysis import (
    accuracy_gap,
    diagnose,
    group_comparison,
    histories,
    seed_runs,
    sweep_table,
)
from catdog_core.analysis.diagnose import Remark
from catdog_core.base.palette import TRAIN, VALIDATION
from catdog_core.runs import Run
from catdog_core.tuning import groups, plans, ray_session
from catdog_core.tuning.grid import Grid, Range, searchable_fields
from catdog_core.tuning.groups import Group, TrialStatus

from .. import captions, charts, final_evaluation_view, format_text, permissions, state, trash_view
from ..i18n import N_, escape, t
from ..learn.glossary_view import show_terms
from ..startup import guard
from ..train import train_advice
from . import group_charts, group_form, run_table

POLL_SECONDS = 2.0
"""Seconds between two looks at the runs of a group that trains."""
TRIAL_STATUS_NAMES: dict[TrialStatus, str] = {
    "waiting": N_("waiting"),
    "running": N_("training"),
    "done": N_("done"),
    "pruned": N_("ended early"),
    "stopped": N_("stopped"),
    "failed": N_("failed"),
}
_COVERAGE_REMARKS = ("one_seed", "seed_limit", "seeds")
_PLOTLY_CONFIG = {"displaylogo": False, "displayModeBar": False}


def render_groups(all_groups: Sequence[Group]) -> None:
    """Draw the group that is chosen; without any, say how to make one."""
    if not all_groups:
        st.info(t("There's no experiment yet. Create one to see what one change does."))
        st.button(
            t("New experiment"),
            icon=":material/science:",
            type="primary",
            key="group_first",
            on_click=_open_form,
        )
        return
    group = _choose_group(all_groups)
    # Between two runs that train one after another there is a moment without any.
    is_quiet = group.status == "done" or (_uses_ray(group) and not group.is_active)
    panel = st.fragment(_group_panel, run_every=None if is_quiet else POLL_SECONDS)
    panel(group.id, group.status)


def _open_form() -> None:
    st.query_params["tab"] = "new"


def _choose_group(all_groups: Sequence[Group]) -> Group:
    """Let the user choose; the choice is kept in the address as ``group=id``."""
    by_id = {group.id: group for group in all_groups}
    names = {group.id: _group_label(group) for group in all_groups}
    return by_id[state.choose_from_address("group", names, t("Experiment"), width=520)]


def _group_label(group: Group) -> str:
    kind = t(plans.KIND_TITLES.get(group.kind, group.kind))
    owner = format_text.run_owner(group.runs[0])
    parts = [f"{kind}: {group.name}", owner, format_text.format_timestamp(group.runs[0].created)]
    return " · ".join(part for part in parts if part)


def _group_panel(key: str, drawn_as: str) -> None:
    with guard():
        runs.reap_children()
        group = groups.load_group(key)
        if group.status != drawn_as:
            st.rerun()
        _group_header(group)
        _show_problem(group)
        _group_facts(group)
        if group.kind == "sweep":
            run_table.show_parallel_coordinates(group.runs, "group", _table_columns(group))
        else:
            if group.kind == "repeat":
                _seed_results(group)
            elif group.kind == "twin" and group_comparison.pair_by_seed(group.runs):
                _paired_results(group)
            else:
                _small_data_results(group)
            table = sweep_table.build_sweep_table(group.runs)
            rows, most = range(len(table.runs)), len(charts.RUN_SYMBOLS)
            run_table.show_result_table(table, rows, "group", _table_columns(group), first=most)
            final_evaluation_view.show_measure_button(group.runs)
        _remove_button(group)


def _group_header(group: Group) -> None:
    """Name, status and buttons of a group, and how far it is."""
    word, color, icon = format_text.STATUS_BADGES[group.status]
    permission = permissions.permission_kwargs("manage run", group.runs[0].owner)
    with st.container(horizontal=True, vertical_alignment="center"):
        owner = format_text.run_owner(group.runs[0])
        title = f"{group.name} · {owner}" if owner else group.name
        st.subheader(escape(title), anchor=False, width="content")
        st.badge(t(word), color=color, icon=icon)  # type: ignore[arg-type]
        st.space("stretch")
        if group.is_active:
            st.button(
                t("Stop experiment"),
                icon=":material/stop:",
                key="group_stop",
                on_click=_run_action,
                args=(groups.stop_group, group.id),
                **permission,
            )
        elif group.left if _uses_ray(group) else group.waiting:
            is_new = not any(run.epochs for run in group.runs)
            st.button(
                t("Start") if is_new else t("Resume"),
                icon=":material/play_arrow:",
                type="primary",
                key="group_start",
                on_click=_run_action,
                args=(groups.start_driver if _uses_ray(group) else groups.start_group, group.id),
                **permission,
            )
    counts = {word: group.count(status) for status, word in TRIAL_STATUS_NAMES.items()}
    parts = [t("{n} runs", n=len(group.runs)), *(f"{t(w)}: {n}" for w, n in counts.items() if n)]
    if group.is_active and not group.driven and group.active:
        names = group_charts.short_run_names(group.runs)
        parts.append(t("Training: {name}", name=escape(names[group.active.id])))
    if group.status == "done":
        st.caption(" · ".join(parts))
    else:
        st.progress(group.share_done, " · ".join(parts))


def _uses_ray(group: Group) -> bool:
    """Whether a group goes on by its driver; without Ray its runs train one after another."""
    return group.cluster is not None and ray_session.is_installed()


def _run_action(action: Any, key: str) -> None:
    with guard():
        action(key)


def _show_problem(group: Group) -> None:
    """Why a group stands still, or waits."""
    lost = next((run for run in group.runs if run.status == "lost"), None)
    if group.status == "queued":
        st.caption(t("It starts when the training before it ends and Ray is running."))
    elif group.error:
        message, params = group.error.get("message", ""), group.error.get("params", {})
        st.error(escape(t(str(message), **params)), icon=":material/error:")
    elif group.status == "stalled":
        st.warning(t("The process running this sweep isn't responding. It might be stuck."))
    elif group.status == "lost":
        st.warning(
            t(
                "The process running this sweep is gone, for example because the computer was "
                "switched off. Press Resume. Finished trials count, and the others continue after "
                "their last finished epoch."
            ),
            icon=":material/power_off:",
        )
    elif lost and not group.is_active:  # nothing starts by itself after a process that was killed
        st.warning(
            t(
                "The training process of “{name}” is gone, so the experiment is paused. The "
                "computer might have been switched off or run out of memory. Press Resume. That "
                "run continues after its last finished epoch, then the others follow.",
                name=escape(group_charts.short_run_names(group.runs)[lost.id]),
            ),
            icon=":material/power_off:",
        )
    if group.cluster and group.left and not group.is_active:
        group_form.show_missing_ray()


def _group_facts(group: Group) -> None:
    """What a group tries, what it costs and how long it will take."""
    parts = []
    if group.core_seconds:
        is_over = not group.is_active and not group.left
        cost = _format_cost(group.core_seconds)
        parts.append(
            t("Cost: {cost}", cost=cost) if is_over else t("Cost so far: {cost}", cost=cost)
        )
    if group.is_active and group.eta is not None:
        parts.append(t("about {time} left", time=format_text.format_duration(group.eta)))
    if group.cluster:
        is_here = group.cluster.address == ray_session.LOCAL
        where = t("this machine") if is_here else escape(group.cluster.address)
        parts.append(t("Trains on: {where}", where=where))
        if group.cluster.at_once:
            parts.append(t("at most {n} at once", n=group.cluster.at_once))
    if parts:
        about = t("A core-minute is one processor used for one minute by a training trial.")
        st.caption(" · ".join(parts), help=about if group.cluster else None)
    if group.grid:
        epochs = max((run.training.epochs for run in group.runs if run.training), default=1)
        st.caption(_grid_text(group.grid, epochs))


def _format_cost(core_seconds: float) -> str:
    """What was spent: processors times time."""
    if core_seconds < 36000:
        minutes = core_seconds / 60
        return t("{n} core-minutes", n=f"{minutes:.1f}" if minutes < 10 else f"{minutes:,.0f}")
    return t("{n:,.1f} core-hours", n=core_seconds / 3600)


def _grid_text(grid: Grid, epochs: int) -> str:
    """What a sweep tries, and when it ends trials early, as Markdown."""
    descriptions = []
    for part, choices in (("settings", grid.settings), ("augmentation", grid.augmentation)):
        for name, choice in choices.items():
            label = t(searchable_fields(part)[name][1].label)
            if isinstance(choice, Range):
                words = t("{low:g} to {high:g}", low=choice.low, high=choice.high)
                words = t("{range}, log scale", range=words) if choice.log else words
            else:
                words = ", ".join(map(_format_choice, choice))
            descriptions.append(f"{label}: {words}")
    what = "; ".join(descriptions)
    how = (
        t("All combinations of {what}.", what=what)
        if grid.samples is None
        else t(
            "{n} combinations of {what}, drawn with seed {seed}.",
            n=grid.samples,
            seed=grid.seed,
            what=what,
        )
    )
    return f"{how} {group_form.asha_text(grid.asha, epochs)}" if grid.asha else how


def _format_choice(value: Any) -> str:
    if isinstance(value, bool):
        return t("on") if value else t("off")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _table_columns(group: Group) -> run_table.ExtraColumns:
    """What the table tells of each run beside its settings and results."""
    gap_kind = accuracy_gap.shared_kind(group.runs)
    gap_title = t(accuracy_gap.GAP_COLUMNS[gap_kind])
    columns_by_run: dict[str, dict[str, run_table.CellValue]] = {}
    for run in group.runs:
        trial = group.trials[run.id]
        columns_by_run[run.id] = {t("Status"): t(TRIAL_STATUS_NAMES[trial.status])}
        if group.kind != "sweep":
            columns_by_run[run.id][t("Verdict")] = captions.verdict_word(
                histories.diagnose_run(run)
            )
            gap = accuracy_gap.measure_gap(run, gap_kind)
            columns_by_run[run.id][gap_title] = format_text.format_gap(gap)
        if group.cluster:
            cost = trial.core_seconds / 60
            columns_by_run[run.id] |= {t("Attempts"): trial.tries, t("Core-minutes"): cost}
    return columns_by_run


def _paired_results(group: Group) -> None:
    remarks = group_comparison.compare_paired_runs(group.runs)
    if group.is_active and any(remark.id == "wait" for remark in remarks):
        text = t("The comparison appears once both runs have {n} epochs.", n=diagnose.MIN_EPOCHS)
        st.info(text, icon=":material/hourglass_empty:")
        remarks = [remark for remark in remarks if remark.id != "wait"]
    for remark in remarks:
        if remark.id not in _COVERAGE_REMARKS:
            st.markdown(t(remark.message, **remark.params))
    _show_coverage(remarks)
    titles = (t("Not augmented"), t("Augmented"))
    pair = list(zip(_choose_pair(group), titles, strict=True))
    judged = [histories.diagnose_run(run) for run, _ in pair]
    for (run, title), verdict in zip(pair, judged, strict=True):
        if not run.epochs:
            continue
        with st.container(gap="xxsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                _, color, icon = captions.VERDICTS[verdict.kind]
                st.badge(f"{title}: {captions.verdict_word(verdict)}", color=color, icon=icon)  # type: ignore[arg-type]
                train_advice.show_next_steps(run, verdict)
            st.caption(captions.verdict_sentence(verdict))
    if not any(run.epochs for run in group.runs):
        return
    lines = ((t("Training"), TRAIN, "line"), (t("Validation"), VALIDATION, "line"))
    st.html(charts.legend_html([*lines, (t("Gap of the curves"), TRAIN, "band")]))
    curves = [
        (_learning_curve(run), title, verdict.since)
        for (run, title), verdict in zip(pair, judged, strict=True)
    ]
    metrics: tuple[charts.Metric, ...] = ("accuracy", "loss")
    for column, metric in zip(st.columns(2), metrics, strict=True):
        with column:
            figure, alt_text = (
                group_charts.paired_figure(metric, curves),
                captions.chart_alt(metric),
            )
            st.plotly_chart(figure, key=f"twins_{metric}", config=_PLOTLY_CONFIG, alt=alt_text)
            now = captions.paired_caption(metric, curves[0][0], curves[1][0])
            st.caption(captions.format_caption(captions.PAIRED_HINTS[metric], now))
    show_terms("twin", "gap", "augmentation", "confidence-interval")
    plain, augmented = (run for run, _ in pair)
    if plain.best_model and augmented.best_model:
        st.page_link(
            "pages/5_Evaluate.py",
            label=t("Compare robustness"),
            icon=":material/rotate_right:",
            query_params=state.run_query(plain, tab="robustness", **{"with": augmented.id}),
        )


def _choose_pair(group: Group) -> tuple[Run, Run]:
    """Return the pair whose curves are drawn; with several seeds, let the user choose."""
    pairs = {pair[0].training.seed: pair for pair in group_comparison.pair_by_seed(group.runs)}
    seeds = list(pairs)
    if len(seeds) == 1:
        return pairs[seeds[0]]
    seed = st.segmented_control(
        t("Curves of seed"),
        seeds,
        default=seeds[0],
        required=True,
        key=f"group_seed_{group.id}",
    )
    return pairs[seed]


def _show_coverage(remarks: Sequence[Remark]) -> None:
    """Say below the results what their intervals cover."""
    texts = [t(r.message, **r.params) for r in remarks if r.id in _COVERAGE_REMARKS]
    if texts:
        st.caption(" ".join(texts))


def _learning_curve(run: Run) -> charts.LearningCurve:
    return charts.LearningCurve(
        epochs=run.epochs,
        planned=run.training.epochs,
        guess_accuracy=run.guess_accuracy,
        guess_loss=run.guess_loss,
    )


def _small_data_results(group: Group) -> None:
    points = group_comparison.learning_curve_points(group.runs)
    if not points:
        st.info(t("The curve appears after the first run's first finished epoch."))
        return
    names = {
        line: t("{model}, augmented", model=line[0])
        if line[1]
        else t("{model}, not augmented", model=line[0])
        for line in dict.fromkeys(point.line for point in points)
    }
    lines = [(name, charts.run_color(n), "line") for n, name in enumerate(names.values())]
    st.html(charts.legend_html(lines))
    figure = group_charts.data_size_figure(points, names, group.runs[0].guess_accuracy)
    alt_text = t("Chart of accuracy by number of training photos. The text below describes it.")
    st.plotly_chart(figure, key="against_data", config=_PLOTLY_CONFIG, alt=alt_text)
    st.caption(
        captions.format_caption(captions.DATA_SIZE_HINT, captions.data_size_caption(points, names))
    )
    show_terms("dataset", "augmentation", "confidence-interval", "transfer")
    sentences = [
        t(message.message, **message.params)
        for message in group_comparison.describe_learning_curve(points)
    ]
    for base, other, message in group_comparison.compare_lines(points):
        words = {"base": names[base.line], "other": names[other.line]}
        sentences.append(t(message.message, **{**message.params, **words}))
    for line, message in group_comparison.compare_gaps_by_size(group.runs):
        sentences.append(t(message.message, **{**message.params, "line": names[line]}))
    if sentences:
        st.markdown("\n".join(f"- {sentence}" for sentence in sentences))
        _show_coverage(group_comparison.describe_point_seeds(points))
    st.caption(
        t(
            "Bars are 95% confidence intervals (Wilson) of the best epoch's validation accuracy. "
            "Open marks are unfinished runs. The best epoch was chosen on the same photos, so all "
            "points are slightly and equally too high."
        )
    )
    if any(len(point.by_seed) > 1 for point in points):
        st.caption(t("If a point has several seeds, its bar also covers the spread across seeds."))


def _seed_results(group: Group) -> None:
    """What the seeds reached so far, with those of the run that was repeated."""
    remarks = seed_runs.describe_seeds(group.runs[:1], runs.list_runs())
    for remark in remarks:
        (st.caption if remark.id == "meaning" else st.markdown)(
            escape(t(remark.message, **remark.params))
        )
    if not remarks:
        st.info(t("The result appears after the first finished run."))


def _remove_button(group: Group) -> None:
    """Delete a group, after a question, unless it trains or is about to."""
    if st.button(
        t("Delete experiment…"),
        icon=":material/delete:",
        type="tertiary",
        key="group_delete",
        **permissions.permission_kwargs(
            "manage run", group.runs[0].owner, disabled=group.is_active
        ),
    ):
        st.dialog(t("Delete this experiment?"))(_confirm_remove)(group)


def _confirm_remove(group: Group) -> None:
    st.write(
        t(
            "“{name}”, its {n} runs, and their models will move to the trash. You can restore "
            "them on the Home page until you empty the trash.",
            name=escape(group.name),
            n=len(group.runs),
        )
    )
    with st.container(horizontal=True):
        if st.button(
            t("Delete"),
            type="primary",
            key="group_delete_sure",
            on_click=_remove_group,
            args=(group.id,),
        ):
            st.rerun()
        if st.button(t("Cancel"), key="group_delete_not"):
            st.rerun()


def _remove_group(key: str) -> None:
    with guard():
        trash_view.remember_deleted(groups.remove_group(key))
        st.query_params.pop("group", None)
