"""Runs and settings put into words: status, times, augmentation, differences."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from catdog_core.analysis.accuracy_gap import AccuracyGap
from catdog_core.base import access
from catdog_core.base.field_specs import FieldSpec, describe_fields
from catdog_core.base.files import truncate_for_display
from catdog_core.base.metric_rows import EpochRow
from catdog_core.base.names import shorten_names
from catdog_core.config import PRESETS, Augmentation, Network, Training
from catdog_core.runs import ImportedHistory, Run, RunRecord, model_registry, run_names
from catdog_core.runs.model_registry import ImportedModel
from catdog_core.runs.run_names import MAX_NAME

from .i18n import N_, escape, t

PRESET_NAMES = {
    "notes": N_("Course notes"),
    "gentle": N_("Gentle"),
    "strong": N_("Strong"),
    "none": N_("None"),
}
STATUS_BADGES: dict[str, tuple[str, str, str]] = {
    # status: (word, Streamlit colour, icon)
    "queued": (N_("waiting"), "orange", ":material/hourglass_empty:"),
    "running": (N_("training"), "blue", ":material/play_circle:"),
    "stopped": (N_("stopped"), "gray", ":material/pause_circle:"),
    "done": (N_("done"), "green", ":material/check_circle:"),
    "failed": (N_("failed"), "red", ":material/error:"),
    "lost": (N_("interrupted"), "red", ":material/power_off:"),
    "stalled": (N_("not responding"), "orange", ":material/warning:"),
    "damaged": (N_("damaged"), "red", ":material/broken_image:"),
}
OFF_AT_ZERO = ("early_stopping", "weight_averaging", "label_smoothing", "weight_decay")
"""Settings of a training whose 0 means that they do nothing."""


_ENDED_EARLY = (N_("ended early"), "gray", ":material/content_cut:")


def status_badge(run: RunRecord) -> tuple[str, str, str]:
    """Return the status of a run as a translated word, Streamlit's color and an icon."""
    word, color, icon = _ENDED_EARLY if run.ended_early else STATUS_BADGES[run.status]
    return t(word), color, icon


def format_status(run: RunRecord) -> str:
    """Return the status of a run in a word or two."""
    return status_badge(run)[0]


def format_duration(seconds: float | None) -> str:
    """Return a span of time for people: "48 s", "3 min 20 s", "2 h 05 min"."""
    if seconds is None or seconds < 0:
        return "–"
    total_seconds = round(seconds)
    if total_seconds < 60:
        return t("{s} s", s=total_seconds)
    if total_seconds < 3600:
        return t("{m} min {s:02d} s", m=total_seconds // 60, s=total_seconds % 60)
    return t("{h} h {m:02d} min", h=total_seconds // 3600, m=total_seconds % 3600 // 60)


def format_timestamp(unix: float) -> str:
    """Return a moment in the server's local time: "2026-03-01 14:05"."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(unix)) if unix else "–"


def list_classes(classes: Sequence[str], most: int = 4) -> str:
    """Return the first classes of a dataset as Markdown, and how many more there are."""
    names = [escape(truncate_for_display(name, 40)) for name in classes[:most]]
    if len(classes) > most:
        names.append(t("and {n} more classes", n=len(classes) - most))
    return ", ".join(names)


def format_percent(value: Any) -> str:
    """Return a fraction 0..1 as a percentage with one decimal, a dash for no number."""
    if isinstance(value, (int, float)) and value == value:
        return f"{value:.1%}"
    return "–"


def format_bytes(count: int) -> str:
    """Return bytes as people read them."""
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"


def format_points(difference: float | None) -> str:
    """Return a difference of two fractions in percentage points, a dash for none."""
    return "–" if difference is None else t("{n:.1f} points", n=difference * 100)


def describe_augmentation(settings: Augmentation | None) -> str:
    """Say what an augmentation changes, in one line."""
    if settings is None or settings.is_off:
        return t("off")
    on = settings.active
    return ", ".join(
        _describe_setting(control, getattr(settings, control.name))
        for control in describe_fields(Augmentation)
        if control.name in on
        and (control.kind != "choice" or getattr(settings, control.name) != control.default)
    )


def augmentation_label(settings: Augmentation | None) -> str:
    """Return an augmentation by its preset's name where it has one, else in full."""
    for name, preset in PRESETS.items():
        if settings == preset:
            return t(PRESET_NAMES[name])
    return describe_augmentation(settings)


def _describe_setting(control: FieldSpec, value: Any) -> str:
    label = t(control.label)
    if control.kind == "bool":
        return label
    if control.kind == "choice":
        return f"{label} {value}"
    if control.kind == "range":
        return f"{label} {value[0]:g}–{value[1]:g} {control.unit}".rstrip()
    sign = "" if control.one_sided else "±"
    space = "" if control.unit in ("", "°") else " "
    return f"{label} {sign}{value:g}{space}{control.unit}"


def format_setting(control: FieldSpec, value: Any) -> str:
    """Return one value of a training's settings with its unit."""
    if control.kind == "bool":
        return t("on") if value else t("off")
    if value is None:
        return t("all")
    if control.name in OFF_AT_ZERO and not value:
        return t("off")
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} {t(control.unit)}" if control.unit else text


def differing_settings(runs: Sequence[RunRecord]) -> list[FieldSpec]:
    """Return the settings in which the trainings of some runs differ, model aside."""
    trainings = [run.training for run in runs if isinstance(run, Run)]
    return [
        control
        for control in describe_fields(Training)
        if control.name != "model"
        and len({getattr(training, control.name) for training in trainings}) > 1
    ]


def differs_in_augmentation(runs: Sequence[RunRecord]) -> bool:
    """Return whether some runs had different augmentations; off and none are one."""
    kinds = {
        None if r.augmentation is None or r.augmentation.is_off else r.augmentation
        for r in runs
        if isinstance(r, Run)
    }
    return len(kinds) > 1


def settings_line(run: RunRecord) -> str:
    """Return the settings of a run in one line."""
    if isinstance(run, ImportedHistory):
        return t("Imported history, without a model or known settings")
    if not isinstance(run, Run):
        return ""
    training = run.training
    parts = [
        describe_network(training),
        t("{n} epochs", n=training.epochs),
        t("batch size {n}", n=training.batch_size),
        t("learning rate {rate:g}", rate=training.learning_rate),
        *([t("{n} training photos", n=training.train_photos)] if training.train_photos else []),
        t("{n} px", n=training.image_size),
        t("seed {n}", n=training.seed),
        *([t("{n} workers", n=run.workers)] if run.workers > 1 else []),
        t("augmentation: {words}", words=describe_augmentation(run.augmentation)),
    ]
    return " · ".join(parts)


def describe_network(training: Training) -> str:
    """Say a model's name, and for the learner's own network what it is built of."""
    if training.model != "custom":
        return training.model
    built = training.network or Network()
    blocks = ", ".join(str(count) for count in built.filters)
    parts = [f"{built.kernel}×{built.kernel}", built.activation]
    parts += [t("batch norm")] if built.batch_norm else []
    parts += [t("pooling: {kind}", kind=built.pooling), t("head: {kind}", kind=built.head)]
    parts += [t("dense {n}", n=built.dense)] if built.dense else []
    return f"{training.model} ({blocks}; {', '.join(parts)})"


def format_epochs(run: RunRecord) -> str:
    """Return epochs trained of epochs planned."""
    return f"{len(run.epochs)} / {'–' if run.planned_epochs is None else run.planned_epochs}"


def format_gap(gap: AccuracyGap | None) -> str:
    """Return a gap in percentage points, a dash where it is not known."""
    return format_points(gap.value if gap else None)


def best_epoch_row(run: RunRecord) -> EpochRow | None:
    """Return the metrics of the best epoch."""
    return run.best_row


def model_name(model: RunRecord, limit: int = 80) -> str:
    """Return what pages call a run or model: its name, whether imported, and in a shared lab whose.

    Every picker, list, chart and table has this name, so that it is the same on every page.

    Args:
        model: a run, an imported model or the built-in one.
        limit: characters of its own name, of which a trial's keeps what differs.
    """
    if model_registry.is_built_in(model):
        return t("default (built-in model)")
    name = run_names.short_name(model, limit)
    if model.is_imported:
        name = t("{name} (imported)", name=name)
    owner = run_owner(model)
    return f"{name} · {owner}" if owner else name


def run_owner(run: RunRecord) -> str:
    """Return whose a run or model is in a shared lab; empty for the teacher's and in one's own."""
    return truncate_for_display(run.owner, 40) if access.load_access_settings().shared else ""


def name_runs(runs: Sequence[RunRecord], limit: int = 60) -> list[str]:
    """Return the names of runs that stand beside each other, short where they stay different."""
    return shorten_names([model_name(run, MAX_NAME) for run in runs], limit)


def model_label(model: RunRecord) -> str:
    """Return a model's line in a list: its name, and when it was made."""
    name = model_name(model)
    if model_registry.is_built_in(model):
        return name
    return f"{name} · {format_timestamp(model.created)}"


def describe_imported_model(model: ImportedModel) -> str:
    """Say how an imported model is used: the values it takes and its classes."""
    low, _, high = model.scale.partition("..")
    return t(
        "Imported model. Input values: {scale}. Outputs in order: {names}.",
        scale=t("{low} to {high}", low=low, high=high) if high else low,
        names=list_classes(model.classes),
    )


def run_label(run: RunRecord) -> str:
    """Return a run's line in a list: its name, its time and what it is doing."""
    return f"{model_name(run)} · {format_timestamp(run.created)} · {format_status(run)}"
