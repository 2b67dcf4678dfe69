"""What charts of trainings show and what a run's verdict says, in sentences from their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from catdog_core.analysis.diagnose import Remark, Verdict
from catdog_core.analysis.group_comparison import LearningCurvePoint
from catdog_core.base.files import truncate_for_display
from catdog_core.export import report_text

from . import charts
from .charts import LearningCurve, Metric, Row
from .i18n import N_, escape, t

LIVE_HINTS: dict[str, str] = {
    "accuracy": N_(
        "Higher means more correct predictions. The band is the gap: what the network knows only "
        "about its training photos. The dotted line shows the accuracy of always predicting the "
        "largest class."
    ),
    "loss": N_(
        "Loss is the mean of −ln of the actual class's probability. Lower is better. Where "
        "validation rises while training falls, the network overfits."
    ),
}
OVERLAY_HINTS: dict[str, str] = {
    "accuracy": N_(
        "Each run has its own color and symbol. Solid lines are validation, dotted lines are "
        "training. Higher is better. A ring marks where overfitting starts."
    ),
    "loss": N_(
        "Loss of the same runs. Lower is better. A solid line that rises while the dotted one "
        "falls means overfitting."
    ),
}
PAIRED_HINTS: dict[str, str] = {
    "accuracy": N_(
        "Without augmentation above, with augmentation below, on the same axes. The band is the "
        "gap between training and validation accuracy."
    ),
    "loss": N_("Loss of the same two runs. Lower is better, and so is a narrower band."),
}
DATA_SIZE_HINT = N_(
    "Each point is a run, or the mean over several seeds. Training photos roughly double from one "
    "axis mark to the next. Higher is better. Where bars overlap, the difference might be chance."
)
SCHEDULE_HINT = N_("The height shows how far each step moves the weights, epoch by epoch.")
RATE_SEARCH_HINT = N_(
    "Each step used a higher learning rate than the last. The thin line is its loss, and the "
    "thick line is smoothed. Where it falls steeply, the network learns. Where it rises, the "
    "steps are too large."
)
EpochValue = tuple[int, float]  # an epoch from 0 and its value


def chart_alt(metric: Metric) -> str:
    """Return the alternative text of a chart of this metric, for those who do not see it."""
    if metric == "accuracy":
        return t("Chart of accuracy by epoch. The text below describes it.")
    return t("Chart of loss by epoch. The text below describes it.")


def format_caption(hint: str, finding: str) -> str:
    """Return the caption of a chart as Markdown.

    Args:
        hint: how to read it, a message of the catalogue.
        finding: what it shows, translated already, which is set in bold; may be empty.
    """
    return f"{t(hint)} **{finding}**" if finding else t(hint)


def live_caption(metric: Metric, curve: LearningCurve) -> str:
    """Say where the lines of one run stand, and the best of validation."""
    last = _last_epoch(metric, curve.epochs)
    if last is None:
        return t("The lines start with the first finished epoch.")
    epoch, training, validation = last
    if metric == "accuracy":
        now = t(
            "After epoch {n}, training accuracy is {train:.1%} and validation accuracy is "
            "{val:.1%}. The gap of the curves is {gap:.1f} percentage points.",
            n=epoch + 1,
            train=training,
            val=validation,
            gap=100 * (training - validation),
        )
    else:
        now = t(
            "After epoch {n}, training loss is {train:.3f} and validation loss is {val:.3f}.",
            n=epoch + 1,
            train=training,
            val=validation,
        )
    best = _best_epoch(metric, curve)
    if best is None:
        return now
    if best[0] == epoch:
        then = t("That's the best epoch so far.")
    else:
        value = _format_value(metric, best[1])
        message = (
            N_("The best epoch is {n}, with {value} validation accuracy.")
            if metric == "accuracy"
            else N_("The best epoch is {n}, with a validation loss of {value}.")
        )
        then = t(message, n=best[0] + 1, value=value)
    return f"{now} {then}"


def overlay_caption(metric: Metric, curves: Sequence[LearningCurve]) -> str:
    """Say which of several runs is best on validation photos, and by how much.

    Each run counts with its best epoch, in both charts: that is the model it has.
    """
    best_epochs = [(curve.name, best) for curve in curves if (best := _best_epoch(metric, curve))]
    if not best_epochs:
        return t("The lines start with the first finished epoch.")
    sign = -1 if metric == "accuracy" else 1
    ordered = sorted(best_epochs, key=lambda entry: sign * entry[1][1])
    name, (epoch, value) = ordered[0]
    message = (
        N_("Best validation result: {name} in epoch {n}, {value}.")
        if metric == "accuracy"
        else N_("Lowest validation loss of the best epochs: {name} in epoch {n}, {value}.")
    )
    now = t(message, name=_quote_name(name), n=epoch + 1, value=_format_value(metric, value))
    if len(ordered) == 1:
        return now
    second, (_, other) = ordered[1]
    if value == other:
        alike = t("{name} is equally good.", name=_quote_name(second))
        return f"{now} {alike}"
    away = abs(value - other)
    behind = t(
        "{name} is next, {away} behind.",
        name=_quote_name(second),
        away=t("{n:.1f} points", n=100 * away) if metric == "accuracy" else f"{away:.3f}",
    )
    return f"{now} {behind}"


def paired_caption(metric: Metric, plain: LearningCurve, augmented: LearningCurve) -> str:
    """Say the gaps of both runs at the last epoch both have reached."""
    reached = {row["epoch"] for row in plain.epochs} & {row["epoch"] for row in augmented.epochs}
    one, two = (
        _last_epoch(metric, [row for row in curve.epochs if row["epoch"] in reached])
        for curve in (plain, augmented)
    )
    if one is None or two is None:
        return t("You can compare them when both have a finished epoch.")
    (epoch, *first), (_, *second) = one, two
    if metric == "loss":
        return t(
            "At epoch {n}, validation loss is {first:.3f} without augmentation and {second:.3f} "
            "with it.",
            n=epoch + 1,
            first=first[1],
            second=second[1],
        )
    return t(
        "At epoch {n}, the gap of the curves is {first:.1f} percentage points without "
        "augmentation and {second:.1f} with it.",
        n=epoch + 1,
        first=100 * (first[0] - first[1]),
        second=100 * (second[0] - second[1]),
    )


def data_size_caption(
    points: Sequence[LearningCurvePoint], names: Mapping[tuple[str, bool], str]
) -> str:
    """Say the highest accuracy of any number of photos, and the lowest."""
    best = max(points, key=lambda point: point.accuracy)
    least = min(points, key=lambda point: point.accuracy)
    now = t(
        "Highest: {name} with {n:,} photos, {value:.1%}.",
        name=escape(names[best.line]),
        n=best.photos,
        value=best.accuracy,
    )
    if least is best:
        return now
    low = t(
        "Lowest: {name} with {n:,} photos, {value:.1%}.",
        name=escape(names[least.line]),
        n=least.photos,
        value=least.accuracy,
    )
    return f"{now} {low}"


def schedule_caption(points: Sequence[tuple[float, float]]) -> str:
    """Say where the learning rate begins, is highest and ends."""
    peak = max(points, key=lambda point: point[1])
    return t(
        "It starts at {first:.2g}, peaks at {most:.2g} in epoch {n}, and ends at {last:.2g}.",
        first=points[0][1],
        most=peak[1],
        n=int(peak[0]) + 1,
        last=points[-1][1],
    )


def rate_search_caption(points: Sequence[tuple[float, float]], smoothed: Sequence[float]) -> str:
    """Say which rates were tried, and where the smoothed loss was lowest."""
    lowest_index = min(range(len(smoothed)), key=smoothed.__getitem__)
    return t(
        "The search tried {n} learning rates from {low:.1g} to {high:.1g}. The smoothed loss is "
        "lowest at {rate:.1g}: {loss:.3f}.",
        n=len(points),
        low=points[0][0],
        high=points[-1][0],
        loss=smoothed[lowest_index],
        rate=points[lowest_index][0],
    )


def _last_epoch(metric: Metric, epochs: Sequence[Row]) -> tuple[int, float, float] | None:
    """The latest epoch, from 0, with both numbers: training's and validation's."""
    for row in reversed(epochs):
        pair = (
            charts.finite_or_none(row.get(metric)),
            charts.finite_or_none(row.get(f"val_{metric}")),
        )
        if pair[0] is not None and pair[1] is not None:
            return int(row["epoch"]), pair[0], pair[1]
    return None


def _best_epoch(metric: Metric, curve: LearningCurve) -> EpochValue | None:
    """The best epoch, from 0, where its star is drawn, with its validation number."""
    row = next((row for row in curve.epochs if row["epoch"] == curve.best), None)
    value = charts.finite_or_none(row.get(f"val_{metric}")) if row else None
    return None if row is None or value is None else (row["epoch"], value)


def _format_value(metric: Metric, value: float) -> str:
    return f"{value:.1%}" if metric == "accuracy" else f"{value:.3f}"


def _quote_name(name: str) -> str:
    return f"“{escape(truncate_for_display(name, 40))}”"


_VERDICT_STYLES = {
    "overfitting": ("orange", ":material/trending_up:"),
    "underfitting": ("orange", ":material/trending_flat:"),
    "healthy": ("green", ":material/favorite:"),
    "diverged": ("red", ":material/bolt:"),
    "unstable": ("orange", ":material/ssid_chart:"),
    "missed_class": ("orange", ":material/balance:"),
    "wrong_labels": ("red", ":material/label_off:"),
    "easy_validation": ("orange", ":material/search:"),
    "too_short": ("gray", ":material/hourglass_empty:"),
}
VERDICTS: dict[str, tuple[str, str, str]] = {
    kind: (report_text.VERDICT_NAMES[kind], *style) for kind, style in _VERDICT_STYLES.items()
}
"""Word, Streamlit's colour and icon of each kind of verdict."""


def show_verdict(verdict: Verdict, key: str) -> None:
    """Draw a run's verdict with its reasons, and what to try next."""
    _, color, icon = VERDICTS[verdict.kind]
    with st.container(border=True, gap="small", key=key):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(t("**Verdict**"), width="content")
            st.badge(verdict_word(verdict), color=color, icon=icon)  # type: ignore[arg-type]
        st.markdown(verdict_sentence(verdict))
        if verdict.remarks or verdict.steps:
            verdict_details(verdict)


def verdict_details(verdict: Verdict) -> None:
    """Draw what is worth knowing about a verdict, and what to try next."""
    sides = st.grid(2, min_column_width=320, gap="medium")
    with sides.container():
        if verdict.steps:
            _bullet_list(t("What to try next"), verdict.steps)
    with sides.container():
        if verdict.remarks:
            _bullet_list(t("Worth knowing"), verdict.remarks)


def verdict_word(verdict: Verdict) -> str:
    """Return the verdict in one or two words."""
    return t(VERDICTS[verdict.kind][0])


def verdict_sentence(verdict: Verdict) -> str:
    """Return the verdict's own sentence."""
    return t(verdict.message, **verdict.params)


def _bullet_list(title: str, sentences: Sequence[Remark]) -> None:
    lines = [f"- {t(sentence.message, **sentence.params)}" for sentence in sentences]
    st.caption("\n".join([f"{title}\n", *lines]))
