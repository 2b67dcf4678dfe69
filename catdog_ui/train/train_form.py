"""The form of a new training: photos, network, how long, and the rest folded away."""

from __future__ import annotations

import streamlit as st

from catdog_core import runs
from catdog_core.base import access, hardware
from catdog_core.base.errors import SettingsError
from catdog_core.base.field_specs import describe_fields, parse_settings
from catdog_core.config import PRESETS, RECIPES, Augmentation, Training
from catdog_core.data import splits, unreadable
from catdog_core.data.datasets import Dataset
from catdog_core.models import architecture, backbones
from catdog_core.runs import RunRecord

from .. import format_text, forms, permissions, state, widgets
from ..data import audit_view
from ..i18n import N_, escape, say, t
from ..learn import lesson_note
from ..session import AUGMENTATION_CHOICE_KEY, page_state
from . import form_requests, network_builder, run_actions, train_choices, train_plan

FORM_KEY = form_requests.FORM_KEY
FIELD_GROUPS: dict[str, list[str]] = {
    N_("Basics"): ["epochs", "batch_size", "learning_rate"],
    N_("Photos and steps"): [
        "train_photos",
        "image_size",
        "steps_per_epoch",
        "validation_steps",
        "class_weights",
    ],
    N_("Optimizer and schedule"): [
        "optimizer",
        "weight_decay",
        "schedule",
        "warmup_epochs",
        "plateau_patience",
    ],
    N_("Prevent overfitting"): [
        "early_stopping",
        "monitor",
        "label_smoothing",
        "weight_averaging",
    ],
    N_("Seed, speed, checkpoints"): ["seed", "mixed_precision", "epoch_weights"],
}
"""The settings that most trainings leave as they are, by what they are for."""
PRETRAINED_FIELDS = ["backbone", "looks", "unfreeze", "unfreeze_epochs", "unfreeze_rate"]


def show_form() -> None:
    """Draw the form, with the bar at the bottom of the window that starts the training.

    The form is filled before any of its fields is drawn, since Streamlit allows it only then. Parts
    that need the whole settings are drawn last, into places kept free for them.
    """
    form_requests.fill_form()
    _show_notice()
    with st.container(border=True):
        st.subheader(t("1. Photos"), anchor=False)
        sides = st.grid(2, min_column_width=270, gap="medium")
        with sides.container():
            dataset = state.choose_dataset()
            if dataset is None:
                return
            _show_photos_line(dataset)
        with sides.container():
            augmentation = _show_augmentation_field()
    every = runs.list_runs()
    with st.container(border=True):
        st.subheader(t("2. Network"), anchor=False)
        values: forms.FieldValues = {"model": train_choices.choose_network(dataset, every)}
        if values["model"] == architecture.CUSTOM:
            values["network"] = network_builder.network_fields()
        parent = _show_parent_run()
    with st.container(border=True):
        st.subheader(t("3. How long"), anchor=False)
        length = st.container()
    with st.expander(
        t("Fine tuning"),
        expanded=page_state().train.has_changed_folded,
        icon=":material/tune:",
        key="train_fine_tuning",
    ):
        if values["model"] == backbones.TRANSFER:
            title = t("Pretrained network")
            st.markdown(f"**{title}**")
            values |= _show_pretrained_fields()
        finder = st.empty()
        for title, names in FIELD_GROUPS.items():
            st.markdown(f"**{t(title)}**")
            values |= _show_field_group(names, dataset)
            if "learning_rate" in names:
                finder = st.container()
    training = parse_settings(Training, values, t("the form"))
    form_requests.write_address(training)  # before what takes long: a reload might come first
    with length:
        train_choices.choose_length(training, augmentation, dataset, every)
    probe_settings = train_plan.ProbeSettings(dataset, training, augmentation)
    try:
        lesson_note.show_lesson_note("layers")
        with st.expander(
            t("Layers, loss and steps"), lesson_note.is_about("layers"), icon=":material/layers:"
        ):
            train_plan.show_plan(training, dataset, augmentation)
    except SettingsError as error:
        st.error(escape(say(error)), icon=":material/block:")
        return  # nothing that could be started
    with finder:
        train_plan.show_rate_finder(probe_settings, _use_rate)
    _show_start_bar(probe_settings, parent)


def _show_notice() -> None:
    """Say what another page filled in, or what was wrong in the address."""
    train = page_state().train
    refused, train.refused_link = train.refused_link, []
    for error in refused:
        st.warning(escape(say(error)), icon=":material/link_off:")
    if train.notice:
        with st.container(horizontal=True, vertical_alignment="center", key="train_notice"):
            st.info(train.notice, icon=":material/edit_note:")
            st.button(t("Reset"), key="train_reset", on_click=form_requests.reset_form)


def _show_photos_line(dataset: Dataset) -> None:
    """The photos and their health in one line, with the way to more."""
    counts = {split: unreadable.count_photos(dataset, split) for split in ("train", "validation")}
    numbers = {
        "train": counts["train"].readable,
        "validation": counts["validation"].readable,
        "n": len(dataset.classes),
    }
    # Set further down, where it is folded away.
    chosen = st.session_state.get(forms.field_key(FORM_KEY, "train_photos"))
    if chosen and chosen < len(dataset.items("train")):
        line = t(
            "{chosen:,} of {train:,} training photos, {validation:,} validation photos, {n:,} "
            "classes",
            chosen=chosen,
            **numbers,
        )
    else:
        line = t(
            "{train:,} training photos, {validation:,} validation photos, {n:,} classes", **numbers
        )
    if left_out := sum(count.unreadable for count in counts.values()):
        line += ", " + t("{n:,} can't be read", n=left_out)
    with st.container(horizontal=True, vertical_alignment="center", key="train_photos_line"):
        st.markdown(f"{line} · {audit_view.summarize_health(dataset)}", width="content")
        widgets.page_link(
            "pages/1_Data.py",
            t("Data check"),
            "health_and_safety",
            dataset=dataset.id,
            part="health",
        )


def _show_pretrained_fields() -> forms.FieldValues:
    """The settings of a pretrained network; those without an effect now are greyed."""
    with st.container(border=True):
        off = st.session_state.get(AUGMENTATION_CHOICE_KEY, "off") == "off"
        idle = ["looks"] if off else []
        if not forms.form_values(Training, FORM_KEY)["unfreeze"]:
            idle += ["unfreeze_epochs", "unfreeze_rate"]
        return forms.settings_form(
            Training, FORM_KEY, names=PRETRAINED_FIELDS, columns=2, disabled=idle
        )


def _show_field_group(names: list[str], dataset: Dataset) -> forms.FieldValues:
    now = forms.form_values(Training, FORM_KEY)
    idle = ["plateau_patience"] if now["schedule"] != "plateau" else []
    values: forms.FieldValues = {}
    if "train_photos" in names:
        values["train_photos"] = _show_train_photos_field(len(dataset.items("train")))
    rest = [name for name in names if name != "train_photos"]
    values |= forms.settings_form(Training, FORM_KEY, names=rest, columns=3, disabled=idle)
    if now["mixed_precision"] and "mixed_precision" in names:
        _show_precision_hint()
    if now["optimizer"] == "adamw" and not now["weight_decay"] and "optimizer" in names:
        st.caption(
            t("AdamW without weight decay is the same as Adam. Set a weight decay, such as 0.05.")
        )
    return values


def _use_rate(rate: float) -> None:
    st.session_state[forms.field_key(FORM_KEY, "learning_rate")] = rate


def _show_parent_run() -> RunRecord | None:
    """The run whose weights the new one begins with, if any; it can be let go of."""
    run_id = page_state().train.parent_run
    parent = next((run for run in runs.list_runs() if run.id == run_id), None)
    if parent is None:
        _forget_parent_run()  # deleted meanwhile, or none
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(
            t(
                "Starts from the weights of “{name}”, epoch {n}, instead of random weights.",
                name=escape(parent.name),
                n=(parent.best_epoch or 0) + 1,
            ),
            icon=":material/fork_right:",
        )
        st.button(
            t("Use random weights"),
            key="train_parent_off",
            on_click=_forget_parent_run,
        )
    return parent


def _forget_parent_run() -> None:
    page_state().train.parent_run = ""


def _show_train_photos_field(count: int) -> int | None:
    """All training photos, or one of the sizes of the small-data experiments."""
    key = forms.field_key(FORM_KEY, "train_photos")
    everything = 0  # None would be shown as no choice at all
    options = [everything, *(size for size in splits.SUBSET_SIZES if size < count)]
    stored_size = st.session_state.get(key)
    if stored_size not in options:
        if isinstance(stored_size, int) and stored_size < count:
            options.append(stored_size)
        else:  # another dataset, with fewer; the browser may tell a choice by its old label
            st.session_state[key] = everything
    control = next(c for c in describe_fields(Training) if c.name == "train_photos")
    chosen = st.selectbox(
        t(control.label),
        options,
        format_func=lambda size: f"{size:,}" if size else t("all {n}", n=f"{count:,}"),
        key=key,
        persist_state="session",
        help=t(control.help),
    )
    return chosen or None


def _show_precision_hint() -> None:
    if hardware.has_graphics_card():
        st.caption(t("This computer has a graphics card, which computes faster in 16 bits."))
    elif hardware.computes_in_16_bits():
        st.caption(
            t(
                "This computer has no graphics card, but its processor can compute in 16 bits. "
                "That's faster for some networks but not for others. Press “Estimate time” to "
                "check."
            )
        )
    else:
        st.warning(
            t(
                "This computer has no graphics card that TensorFlow can use. 16 bits would only "
                "slow down training. Leave it off."
            ),
            icon=":material/speed:",
        )


def _show_augmentation_field() -> Augmentation | None:
    from_augment_page = page_state().train.augmentation
    recipe = RECIPES[st.session_state.get(form_requests.MODEL_KEY, "notes")].augmentation
    kinds = {"off": t("off"), "notes": t("course settings")}
    if not recipe.is_off:
        kinds["recipe"] = t("the model's recipe")
    if from_augment_page is not None:
        kinds["mine"] = t("from the Augment page")
    if st.session_state.get(AUGMENTATION_CHOICE_KEY) not in kinds:
        st.session_state[AUGMENTATION_CHOICE_KEY] = "off" if from_augment_page is None else "mine"
    kind = widgets.choose_one(
        t("Augmentation"),
        kinds,
        AUGMENTATION_CHOICE_KEY,
        persist_state="session",
        help=t("Random changes to the training photos. Validation photos stay unchanged."),
    )
    if kind == "off":
        st.caption(t("The network sees every photo unchanged."))
        return None
    settings = PRESETS["notes"] if kind == "notes" else recipe
    if kind == "mine" and from_augment_page is not None:
        settings = from_augment_page
    st.caption(format_text.describe_augmentation(settings))
    return settings


def _show_start_bar(probe_settings: train_plan.ProbeSettings, parent: RunRecord | None) -> None:
    """Draw what stays in view at the bottom of the window: time, name and start."""
    dataset, training = probe_settings.dataset, probe_settings.training
    equal = runs.find_equal_run(dataset, training, probe_settings.augmentation, parent)
    with st.bottom, st.container(key="train_bar", gap="xsmall"):
        if equal is None:
            _show_refusal()
        bar = st.container(horizontal=True, vertical_alignment="center")
        with bar:
            train_plan.show_duration(probe_settings)
        with bar.container(horizontal=True, vertical_alignment="center", key="train_name_start"):
            name = st.text_input(
                t("Run name"),
                key=form_requests.NAME_KEY,
                max_chars=form_requests.MAX_NAME,
                placeholder=t("Run name, such as: notes with augmentation"),
                label_visibility="collapsed",
                persist_state="session",
            )
            run_actions.start_button(
                t("Start training"),
                "train_start",
                lambda: runs.create_run(
                    dataset, training, probe_settings.augmentation, name=name, parent=parent
                ),
                equal,
                type="primary",
            )


def _show_refusal() -> None:
    """Say why a full quota lets nothing be started: a tooltip is not seen on a phone."""
    refusal = permissions.find_refusal("train")
    if refusal is not None and access.is_allowed("train"):  # else the page's top says it
        st.caption(":material/block: " + escape(say(refusal)))
