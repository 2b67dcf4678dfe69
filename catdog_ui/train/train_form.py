"""The form of a new training: settings in groups, a network of one's own, and the start."""

from __future__ import annotations

import streamlit as st

from catdog_core import runs
from catdog_core.base import hardware
from catdog_core.base.errors import CatDogError, SettingsError
from catdog_core.base.field_specs import describe_fields, parse_settings
from catdog_core.base.names import shorten_middle
from catdog_core.config import NETWORKS, PRESETS, RECIPES, Augmentation, Network, Training
from catdog_core.config.network import MOST_BLOCKS, MOST_FILTERS
from catdog_core.data import datasets, splits
from catdog_core.data.datasets import Dataset
from catdog_core.models import architecture, backbones
from catdog_core.runs import Run, RunRecord
from catdog_core.training import time_estimate

from .. import format_text, forms, permissions, state, widgets
from ..i18n import N_, escape, say, t
from ..session import AUGMENTATION_CHOICE_KEY, page_state
from . import train_plan

FORM_KEY = "train"
_MODEL_KEY = forms.field_key(FORM_KEY, "model")
_NAME_KEY = "train_name"
MAIN_FIELDS = ["model", "epochs", "batch_size", "learning_rate"]
FIELD_GROUPS: dict[str, list[str]] = {
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
    """Draw the form; starting opens the new run in the panel above.

    The form is filled before any of its fields is drawn, since Streamlit allows it only then. Parts
    that need the whole settings, such as the learning-rate finder, are drawn last, into places
    kept free for them.
    """
    _fill_from_clone()
    _fill_model_recipe()
    sides = st.grid(2, min_column_width=400, gap="large")
    left, right = sides.container(), sides.container()
    with left:
        dataset = state.choose_dataset()
        if dataset is None:
            return
        values = forms.settings_form(Training, FORM_KEY, names=MAIN_FIELDS, columns=2)
        if values["model"] == architecture.CUSTOM:
            values["network"] = network_fields()
        if values["model"] == backbones.TRANSFER:
            values |= _show_pretrained_fields()
        augmentation = _show_augmentation_field()
        finder = st.empty()
        for title, names in FIELD_GROUPS.items():
            with st.expander(t(title), expanded=False):
                values |= _show_field_group(names, dataset)
                if "schedule" in names:
                    finder = st.container()
    training = parse_settings(Training, values, t("the form"))
    probe_settings = train_plan.ProbeSettings(dataset, training, augmentation)
    with right:
        try:
            train_plan.show_plan(training, dataset, augmentation)
        except SettingsError as error:
            st.error(escape(say(error)), icon=":material/block:")
            return  # nothing that could be started
    with finder:
        train_plan.show_rate_finder(probe_settings, _use_rate)
    with left:
        train_plan.show_duration(probe_settings)
        parent = _show_parent_run()
        _show_start_button(dataset, training, augmentation, parent)


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
    values |= forms.settings_form(Training, FORM_KEY, names=rest, columns=2, disabled=idle)
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


def _fill_model_recipe() -> None:
    """When another model is chosen, take over what its recipe has otherwise than the last one's."""
    model = st.session_state.get(_MODEL_KEY, "notes")
    before = page_state().train.filled_recipe
    page_state().train.filled_recipe = model
    if model == before:
        return
    new, old = RECIPES[model], RECIPES[before]
    values, known = new.training.model_dump(), old.training.model_dump()
    forms.fill_form(
        Training, FORM_KEY, {n: v for n, v in values.items() if n != "model" and v != known[n]}
    )
    if new.augmentation != old.augmentation:
        choice = "off" if new.augmentation.is_off else "recipe"
        st.session_state[AUGMENTATION_CHOICE_KEY] = choice
    st.toast(t("Filled in the recipe of {model}.", model=model))


def _fill_from_clone() -> None:
    """Fill the form from the run whose settings the Compare page asked to use again."""
    train = page_state().train
    run_id, train.run_to_copy = train.run_to_copy, ""
    if not run_id:
        return
    run = runs.load_run(run_id)
    if not isinstance(run, Run):
        return
    forms.fill_form(
        Training, FORM_KEY, _unset_default_steps(run.training, run.dataset_id).model_dump()
    )
    train.filled_recipe = run.training.model  # so that the recipe does not fill over it
    if run.training.network is not None:
        fill_network(run.training.network)
    choose_augmentation(run.augmentation)
    st.session_state[_NAME_KEY] = shorten_middle(t("{name} (repeat)", name=run.name), 80)
    st.toast(t("Filled in the settings of “{name}”.", name=escape(run.name)))


def choose_augmentation(settings: Augmentation | None) -> None:
    """Set the form's augmentation before it is drawn; None for none."""
    if settings is None or settings.is_off:
        choice = "off"
    elif settings == PRESETS["notes"]:
        choice = "notes"
    else:
        choice = "mine"
        page_state().train.augmentation = settings
    st.session_state[AUGMENTATION_CHOICE_KEY] = choice


def _unset_default_steps(training: Training, dataset_id: str) -> Training:
    """Leave steps unset where they are what the data comes to: they follow a new batch size."""
    try:
        dataset = datasets.load_dataset(dataset_id)
    except CatDogError:
        return training  # the data is gone: the steps stay as they were
    unset = training.model_copy(update={"steps_per_epoch": None, "validation_steps": None})
    change: dict[str, None] = {}
    counts = time_estimate.count_photos(training, dataset)
    if training.steps_per_epoch == unset.steps(counts["train"]):
        change["steps_per_epoch"] = None
    if training.validation_steps == unset.validation_batches(counts["validation"]):
        change["validation_steps"] = None
    return training.model_copy(update=change)


def _show_augmentation_field() -> Augmentation | None:
    from_augment_page = page_state().train.augmentation
    recipe = RECIPES[st.session_state.get(_MODEL_KEY, "notes")].augmentation
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


def _show_start_button(
    dataset: Dataset,
    training: Training,
    augmentation: Augmentation | None,
    parent: RunRecord | None,
) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            t("Run name"),
            key=_NAME_KEY,
            max_chars=80,
            placeholder=t("Example: notes, with augmentation"),
            persist_state="session",
        )
        if permissions.action_button(
            t("Start training"), "train_start", "train", icon="play_arrow", type="primary"
        ):
            folder = runs.create_run(dataset, training, augmentation, name=name, parent=parent)
            runs.start_run(folder)
            _forget_parent_run()
            _open_run(folder.name)


def _open_run(run_id: str) -> None:
    st.query_params["run"] = run_id
    st.rerun()


_NETWORK_KEY = "network"
_BLOCKS_KEY, _EACH_KEY, _FIRST_KEY, _GROWTH_KEY = (
    f"{_NETWORK_KEY}_{name}" for name in ("blocks", "each", "first", "growth")
)
GROWTHS = (1.0, 1.25, 1.5, 2.0)
_FIRST_FILTERS = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)


def network_fields() -> Network:
    """Draw the builder and return the network it stands at."""
    if _BLOCKS_KEY not in st.session_state:
        fill_network(Network())
    with st.container(border=True, key="network_builder"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(t("**Your network**"), width="content")
            st.space("stretch")
            for name, preset in NETWORKS.items():
                st.button(
                    t("Use {name}", name=name),
                    key=f"network_as_{name}",
                    on_click=fill_network,
                    args=(preset,),
                    type="tertiary",
                )
        filters = _show_filter_fields()
        values = forms.settings_form(Network, _NETWORK_KEY, columns=2)
    return parse_settings(Network, {**values, "filters": filters}, t("the form"))


def _block_key(number: int) -> str:
    """The key of the field with the filters of a block, counted from 0."""
    return f"{_NETWORK_KEY}_block_{number}"


def fill_network(network: Network) -> None:
    """Set the builder to a network before it is drawn."""
    grown = _find_growth(network.filters)
    st.session_state[_BLOCKS_KEY] = len(network.filters)
    st.session_state[_EACH_KEY] = grown is None
    st.session_state[_FIRST_KEY] = network.filters[0]
    st.session_state[_GROWTH_KEY] = grown or 2.0
    for number, count in enumerate(network.filters):
        st.session_state[_block_key(number)] = count
    forms.fill_form(Network, _NETWORK_KEY, network.model_dump())


def _show_filter_fields() -> tuple[int, ...]:
    """The filters of each block: a first number that grows, or each one by hand."""
    cells = st.grid(2, min_column_width=150)
    with cells:
        blocks = st.slider(
            t("Blocks"),
            1,
            MOST_BLOCKS,
            key=_BLOCKS_KEY,
            persist_state="session",
            help=t("Each block is a convolution and halves the feature map's width and height."),
        )
    with cells:
        each = st.toggle(t("Set filters per block"), key=_EACH_KEY, persist_state="session")
    if each:
        return _show_block_fields(blocks)
    with cells:
        options = sorted({*_FIRST_FILTERS, st.session_state[_FIRST_KEY]})
        first = st.select_slider(
            t("First-block filters"),
            options,
            key=_FIRST_KEY,
            persist_state="session",
            help=t("Each filter looks for one pattern across the photo."),
        )
    with cells:
        growth = st.select_slider(
            t("Filter growth"),
            GROWTHS,
            format_func=lambda factor: f"× {factor:g}",
            key=_GROWTH_KEY,
            persist_state="session",
            help=t("The factor by which the number of filters grows from block to block."),
        )
    filters = Network.grown(blocks, first, growth).filters
    for number, count in enumerate(filters):  # by hand, one goes on from here
        st.session_state[_block_key(number)] = count
    return filters


def _show_block_fields(blocks: int) -> tuple[int, ...]:
    cells = st.grid(4, min_column_width=80)
    filters = []
    for number in range(blocks):
        key = _block_key(number)
        st.session_state.setdefault(key, 128)
        with cells:
            filters.append(
                st.number_input(
                    t("Block {n}", n=number + 1),
                    min_value=1,
                    max_value=MOST_FILTERS,
                    step=8,
                    key=key,
                    persist_state="session",
                )
            )
    return tuple(filters)


def _find_growth(filters: tuple[int, ...]) -> float | None:
    """The growth that gives these filters, None where there is none."""
    for growth in reversed(GROWTHS):
        if Network.grown(len(filters), filters[0], growth).filters == filters:
            return growth
    return None
