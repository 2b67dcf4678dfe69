"""The form of a new group: its kind, what its runs share, what differs, and where they train."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from catdog_core import runs
from catdog_core.analysis import seed_spread
from catdog_core.base import access
from catdog_core.base.errors import CatDogError, SettingsError
from catdog_core.base.field_specs import parse_settings
from catdog_core.base.names import shorten_names
from catdog_core.config import (
    NETWORKS,
    PRESETS,
    RECIPES,
    Augmentation,
    Network,
    Training,
    url_params,
)
from catdog_core.data.datasets import Dataset
from catdog_core.tuning import grid as grids
from catdog_core.tuning import groups, plans, ray_session
from catdog_core.tuning.grid import Asha
from catdog_core.tuning.groups import Cluster
from catdog_core.tuning.plans import Budget, GroupPlan

from .. import format_text, forms, permissions, state
from ..i18n import N_, escape, say, t
from ..learn.glossary_view import show_terms
from ..session import page_state
from . import grid_form

KEY = "experiment"
KIND_TEXTS: dict[str, str] = {
    "sweep": N_(
        "Train the same network many times with different settings. Which settings matter, and "
        "which values work best?"
    ),
    "twin": N_(
        "Paired experiment: two runs with the same photos, seed and epochs. Only augmentation "
        "differs. How does it change the gap between training and validation?"
    ),
    "small-data": N_(
        "Small-data experiment: train the same network on more and more photos. Each larger set "
        "contains the smaller ones. How much would more data help, and what helps when you have "
        "little?"
    ),
}
_SHARED_SETTINGS = ["model", "epochs", "batch_size", "learning_rate", "image_size", "seed"]
_DEFAULT_EPOCHS = 15  # enough to see the curves part, and not a night's work
_MAX_NAMED = 4
"""Runs named before they are made."""
_NAME_LENGTH = 60
_LOCATIONS: dict[str, str] = {
    "local": N_("Several at once on this machine"),
    "cluster": N_("Cluster"),
    "turn": N_("One after another"),
}
_AUTO = "auto"
_ADDRESS_NAMES = (
    *_SHARED_SETTINGS,
    *("photos", "sizes", "variants", "models", "budget", "seeds", "name"),
)
"""What the page's address says of the form. The values of a sweep's grid would be too long."""


def render_group_form() -> None:
    """Draw the form; starting makes the runs and opens the group."""
    titles = {kind: t(plans.KIND_TITLES[kind]) for kind in KIND_TEXTS}
    kind = state.choose_tab(titles, parameter="kind", default="twin", label=t("Type"))
    st.caption(t(KIND_TEXTS[kind]))
    dataset = state.choose_dataset()
    if dataset is None:
        return
    for error in _follow_address(dataset):
        st.warning(escape(say(error)), icon=":material/link_off:")
    plan = _PLANNERS[kind](dataset)
    _write_address(dataset)
    if plan is None:
        return
    cluster = _choose_cluster(kind)
    if plan.grid and cluster:
        asha = _choose_asha(max(run.training.epochs for run in plan.runs))
        plan = replace(plan, grid=plan.grid.model_copy(update={"asha": asha}))
    st.markdown(_plan_text(plan, cluster))
    names = shorten_names([run.name for run in plan.runs], _NAME_LENGTH)[:_MAX_NAMED]
    rest = len(plan.runs) - _MAX_NAMED
    st.caption(" · ".join([*names, *([t("and {n} more", n=rest)] if rest > 0 else [])]))
    _start_button(plan, cluster)


def _form_choices(dataset: Dataset) -> dict[str, tuple[dict[str, Any], Any]]:
    """What can be chosen beside the settings: values by their text in the address, the default."""
    sizes = {str(size): size for size in plans.available_sizes(dataset)}
    return {
        "sizes": (sizes, list(sizes.values())),
        "variants": ({"plain": False, "augmented": True}, [False, True]),
        "models": ({name: name for name in RECIPES if name != "custom"}, ["notes"]),
        "budget": ({"steps": "steps", "epochs": "epochs"}, "steps"),
        "seeds": ({str(count): count for count in plans.SEED_COUNTS}, 1),
    }


def _follow_address(dataset: Dataset) -> list[SettingsError]:
    """Fill the form before it is drawn: on arrival from the address, else with what it lacks.

    Returns:
        One error for each value of the address that was refused.
    """
    compare, query, refused = page_state().compare, dict[str, str](), list[SettingsError]()
    if compare.followed_visit != page_state().visit:
        compare.followed_visit = page_state().visit
        query = {name: st.query_params[name] for name in _ADDRESS_NAMES if name in st.query_params}
    if query:
        training, refused = url_params.settings_from_query(query, _base(query.get("model", "")))
        shown = {name: getattr(training, name) for name in _SHARED_SETTINGS}
        forms.fill_form(Training, KEY, shown)
        compare.filled_recipe = training.model
        st.session_state[f"{KEY}_name"] = query.get("name", "")[:_NAME_LENGTH]
        count = query.get("photos", "")
        least, there = len(dataset.classes), len(dataset.items("train"))
        if count.isascii() and count.isdigit() and least <= int(count[:9]) <= there:
            st.session_state[_photos_key(dataset)] = int(count[:9])
    for name, (values, default) in _form_choices(dataset).items():
        key = f"{KEY}_{name}"
        if name in query:
            chosen = [values[text] for text in query[name].split(",") if text in values]
            st.session_state[key] = chosen if isinstance(default, list) else (*chosen, default)[0]
        elif query or key not in st.session_state:
            st.session_state[key] = default
        elif isinstance(default, list):  # another dataset has other sizes
            known = [value for value in st.session_state[key] if value in values.values()]
            st.session_state[key] = known
    return refused


def _write_address(dataset: Dataset) -> None:
    """Keep the form in the page's address, so that a reload and a copied link bring it back."""
    drawn = {
        name: value
        for name, value in forms.form_values(Training, KEY).items()
        if name in _SHARED_SETTINGS and forms.field_key(KEY, name) in st.session_state
    }
    base = _base(str(drawn.get("model", "")))
    query = url_params.settings_to_query(
        parse_settings(Training, {**base.model_dump(), **drawn}, t("the form")), base
    )
    if base.model != "notes":
        query["model"] = base.model
    for name, (values, default) in _form_choices(dataset).items():
        chosen = st.session_state[f"{KEY}_{name}"]
        if chosen != default:
            several = chosen if isinstance(default, list) else [chosen]
            query[name] = ",".join(text for text, value in values.items() if value in several)
    there = len(dataset.items("train"))
    if (count := st.session_state.get(_photos_key(dataset), there)) != there:
        query["photos"] = str(count)
    if name := str(st.session_state.get(f"{KEY}_name", "")).strip():
        query["name"] = name
    state.write_address(query, _ADDRESS_NAMES)


def _base(model: str) -> Training:
    """The settings of an address that names the network alone, or nothing."""
    recipe = RECIPES[model if model in RECIPES else "notes"].training
    return recipe.model_copy(update={"epochs": _DEFAULT_EPOCHS})


def _photos_key(dataset: Dataset) -> str:
    """The key of the number of photos, of which the most differs from dataset to dataset."""
    return f"{KEY}_photos_{dataset.id}_{len(dataset.items('train'))}"


def show_missing_ray() -> None:
    """Say what to install for several runs at once, and what goes without."""
    if not ray_session.is_installed():
        st.info(
            t(
                "Ray isn't installed here, so runs train one after another and none ends early. "
                "To train several at once or on other machines, run `{command}` and restart the "
                "lab.",
                command="pip install -r requirements-cluster.txt",
            ),
            icon=":material/lan:",
        )


def asha_text(asha: Asha, epochs: int) -> str:
    """Say what early stopping of trials does, in a sentence."""
    rungs = asha.rungs(epochs)
    if not rungs:
        return t(
            "With {n} epochs, no trial is judged before the end. To end bad trials early, lower "
            "the minimum epochs or add epochs.",
            n=epochs,
        )
    return t(
        "Trials are judged after these epochs: {epochs}. Only the best 1 in {n} continues. The "
        "others end, and better trials get their time. At best, only {share:.0%} of all epochs "
        "are trained.",
        epochs=", ".join(map(str, rungs)),
        n=asha.reduction,
        share=asha.share(epochs),
    )


def _plan_sweep(dataset: Dataset) -> GroupPlan | None:
    varied_names = grid_form.chosen_settings()
    training = _shared_training(_SHARED_SETTINGS, varied_names)
    training = _choose_photos(training, dataset, disabled="train_photos" in varied_names)
    augmentation = None
    if st.toggle(t("Augment photos"), key=f"{KEY}_augmented", persist_state="session"):
        augmentation = _shared_augmentation()
    network = training.network or NETWORKS.get(training.model, Network())
    base = {
        **network.model_dump(),
        **training.model_dump(),
        "train_photos": len(dataset.items("train")) // 2,  # so that all are next
        **(augmentation.model_dump() if augmentation else {}),
    }
    varied = grid_form.choose_grid(base)
    if not (varied["settings"] or varied["augmentation"]):
        st.info(t("Choose at least one setting to vary."))
        return None
    grid = grids.parse_grid({**varied, **grid_form.choose_search(varied)})
    return plans.plan_sweep(dataset, grid, training, augmentation)


def _choose_asha(epochs: int) -> Asha | None:
    """Whether and when bad trials are ended early."""
    if not st.toggle(
        t("End bad trials early (ASHA)"),
        value=True,
        key=f"{KEY}_asha",
        persist_state="session",
    ):
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        shared: dict[str, Any] = {"persist_state": "session", "width": 200}
        grace = st.number_input(
            t("Minimum epochs per trial"), 1, 1000, 2, key=f"{KEY}_grace", **shared
        )
        reduction = st.number_input(
            t("Keep 1 trial in"), 2, 10, 3, key=f"{KEY}_reduction", **shared
        )
    asha = Asha(grace=grace, reduction=reduction)
    st.caption(asha_text(asha, epochs))
    show_terms("sweep", "trial", "asha", key=f"{KEY}_terms")
    return asha


def _plan_paired(dataset: Dataset) -> GroupPlan:
    training = _shared_training(["model", "epochs", "learning_rate", "seed"])
    training = _choose_photos(training, dataset)
    return plans.plan_paired_experiment(
        dataset, training, _shared_augmentation(), _choose_seed_count()
    )


def _plan_small_data(dataset: Dataset) -> GroupPlan | None:
    there = plans.available_sizes(dataset)
    if len(there) < 2:
        st.info(
            t(
                "This dataset has {n} training photos, but a small-data experiment needs more "
                "than 100 to take subsets. Choose another dataset.",
                n=there[0] if there else 0,
            )
        )
        return None
    with st.grid(2, min_column_width=320, gap="medium"):
        chosen = st.pills(
            t("Training photos"),
            there,
            selection_mode="multi",
            format_func=lambda size: f"{size:,}",
            key=f"{KEY}_sizes",
            persist_state="session",
        )
        variants = st.pills(
            t("Variants"),
            [False, True],
            selection_mode="multi",
            format_func=lambda is_on: t("augmented") if is_on else t("not augmented"),
            key=f"{KEY}_variants",
            persist_state="session",
        )
        models = st.pills(
            t("Networks"),
            [model for model in RECIPES if model != "custom"],
            selection_mode="multi",
            key=f"{KEY}_models",
            persist_state="session",
            help=t(
                "Each network uses its own recipe. transfer starts from a network already trained "
                "on photos."
            ),
        )
        kinds: tuple[Budget, ...] = ("steps", "epochs")
        budget = st.segmented_control(
            t("Keep equal across sizes"),
            kinds,
            required=True,
            format_func=lambda key: t("weight updates") if key == "steps" else t("epochs"),
            key=f"{KEY}_budget",
            persist_state="session",
            help=t(
                "With equal weight updates, runs differ only in their photos. With equal epochs, "
                "small runs finish sooner, and learn less for that reason too."
            ),
        )
    if len(chosen) < 2 or not variants or not models:
        st.info(t("Choose at least two sizes, one variant and one network."))
        return None
    epochs = _shared_training(["epochs"]).epochs
    trainings = [RECIPES[m].training.model_copy(update={"epochs": epochs}) for m in models]
    changed = _shared_augmentation() if True in variants else None
    augmentations = [changed if is_on else None for is_on in sorted(variants)]
    seeds = _choose_seed_count()
    return plans.plan_small_data(
        dataset, trainings, chosen, augmentations, budget or "steps", seeds
    )


def _choose_seed_count() -> int:
    """Let the user choose with how many seeds each run is trained."""
    count = st.segmented_control(
        t("Number of seeds"),
        plans.SEED_COUNTS,
        required=True,
        key=f"{KEY}_seeds",
        persist_state="session",
        help=t(
            "A different seed gives a different network. With 3 or 5 seeds, each run trains that "
            "many times, and you see how much the results vary."
        ),
    )
    if count == 1:
        limit = seed_spread.describe_seed_limit()
        st.caption(t(limit.message, **limit.params))
    return int(count or 1)


_PLANNERS: dict[str, Callable[[Dataset], GroupPlan | None]] = {
    "sweep": _plan_sweep,
    "twin": _plan_paired,
    "small-data": _plan_small_data,
}


def _shared_training(names: list[str], disabled: Sequence[str] = ()) -> Training:
    """The settings runs share: some fields shown, all others as the network's recipe has them.

    Args:
        names: the fields to show.
        disabled: fields that are shown but have no effect now.
    """
    st.session_state.setdefault(forms.field_key(KEY, "epochs"), _DEFAULT_EPOCHS)
    model = st.session_state.get(forms.field_key(KEY, "model"), "notes")
    if page_state().compare.filled_recipe != model:  # each network with its own rate
        page_state().compare.filled_recipe = model
        rate = RECIPES[model].training.learning_rate
        forms.fill_form(Training, KEY, {"learning_rate": rate})
    shown = forms.settings_form(Training, KEY, names, columns=2, disabled=disabled)
    recipe = RECIPES[shown.get("model", model)].training
    return parse_settings(Training, {**recipe.model_dump(), **shown}, t("the form"))


def _shared_augmentation() -> Augmentation:
    """The notes' augmentation, or what was set on the Augment page."""
    chosen = page_state().train.augmentation
    if chosen is None:
        st.caption(
            t(
                "Augmentation: {words}. You can change it on the Augment page.",
                words=format_text.describe_augmentation(PRESETS["notes"]),
            )
        )
        return PRESETS["notes"]
    st.caption(
        t(
            "Augmentation (from the Augment page): {words}.",
            words=format_text.describe_augmentation(chosen),
        )
    )
    return chosen


def _choose_photos(training: Training, dataset: Dataset, disabled: bool = False) -> Training:
    """Let the user train on fewer photos of the dataset, for a quicker experiment."""
    there, least = len(dataset.items("train")), len(dataset.classes)
    if there <= least:
        return training
    key = _photos_key(dataset)
    st.session_state.setdefault(key, there)
    count = st.number_input(
        t("Training photos"),
        min_value=least,
        max_value=there,
        step=max(1, there // 10),
        key=key,
        persist_state="session",
        disabled=disabled,
        width=220,
        help=t("Fewer photos train faster. All runs use the same ones."),
    )
    return training.model_copy(update={"train_photos": count if count < there else None})


def _choose_cluster(kind: str) -> Cluster | None:
    """Let the user choose where runs train; None for one after another, without Ray."""
    if not ray_session.is_installed():
        if kind == "sweep":
            show_missing_ray()
        return None
    locations = [name for name in _LOCATIONS if name != "cluster" or ray_session.has_cluster()]
    key = f"{KEY}_{kind}_where"
    if st.session_state.get(key, "turn") not in locations:
        del st.session_state[key]  # the cluster has ended
    location = st.segmented_control(
        t("Where to train"),
        locations,
        format_func=lambda name: t(_LOCATIONS[name]),
        default="local" if kind == "sweep" else "turn",
        required=True,
        key=key,
        persist_state="session",
        help=t(
            "Ray trains several runs at once, restarts failed runs, and can use other machines. "
            "Training one after another doesn't need Ray and ends no runs early."
        ),
    )
    if location == "turn":
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        address = ray_session.LOCAL if location == "local" else _AUTO
        if location == "cluster" and access.is_allowed("choose a cluster"):
            address = st.text_input(
                t("Cluster address"),
                value=_AUTO,
                key=f"{KEY}_address",
                persist_state="session",
                max_chars=200,
                width=300,
                help=t(
                    "HOST:PORT such as 10.0.0.5:6379, ray://HOST:PORT or auto for Ray on this "
                    "machine. Cluster machines need this lab's folder and workspace at the same "
                    "paths. See docs/cluster.md."
                ),
            )
        at_once = st.number_input(
            t("Runs at once"),
            min_value=1,
            max_value=500,
            value=None,
            placeholder=t("as many as possible"),
            key=f"{KEY}_at_once",
            persist_state="session",
            width=180,
        )
    if address == _AUTO:
        st.caption(t("Ray on this machine, plus all machines that joined it."))
    return Cluster(address, at_once)


def _plan_text(plan: GroupPlan, cluster: Cluster | None) -> str:
    """How many runs a plan makes, and how long they take, as Markdown."""
    seconds, count = plans.estimate_plan_seconds(plan, runs.list_runs()), len(plan.runs)
    parts = [t("**{n} runs.**", n=count)]
    if seconds is None:
        parts.append(
            t("There's no time estimate yet, because no run of this network has been timed here.")
        )
        return " ".join(parts)
    time = format_text.format_duration(seconds)
    if cluster is None:
        parts.append(
            t(
                "One after another, about {time} on this computer if nothing else is training.",
                time=time,
            )
        )
        return " ".join(parts)
    parts.append(t("One after another, they take about {time} on this computer.", time=time))
    most = cluster.at_once
    if cluster.address == ray_session.LOCAL:
        most = min(most or max(1, (os.cpu_count() or 2) // 2), count)
    if most is None:  # a cluster has told its processors to nobody here
        parts.append(t("A cluster trains as many runs at once as its processors allow."))
    elif most > 1:
        parts.append(
            t(
                "{n} at once share the processors, so you save little time unless some are idle.",
                n=min(most, count),
            )
        )
    epochs = max(run.training.epochs for run in plan.runs)
    if plan.grid and plan.grid.asha and plan.grid.asha.rungs(epochs):
        least = format_text.format_duration(seconds * plan.grid.asha.share(epochs))
        parts.append(t("Ending bad trials early might cut this to {time}.", time=least))
    return " ".join(parts)


def _start_button(plan: GroupPlan, cluster: Cluster | None) -> None:
    refusal = _find_refusal(plan)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            t("Experiment name"),
            key=f"{KEY}_name",
            max_chars=60,
            placeholder=t("Example: does augmentation help?"),
        )
        if st.button(
            t("Start experiment"),
            type="primary",
            icon=":material/science:",
            key=f"{KEY}_start",
            **permissions.permission_kwargs("train", disabled=bool(refusal)),
        ):
            key = groups.create_group(plan, name, cluster)
            if cluster:
                groups.start_driver(key)
            else:
                groups.start_group(key)
            kept = {n: v for n, v in st.query_params.items() if n not in _ADDRESS_NAMES}
            st.query_params.from_dict({**kept, "tab": "experiments", "group": key})
            st.rerun()


def _find_refusal(plan: GroupPlan) -> str:
    """Say above the button what the plan can't show, and why it can't start, if it can't."""
    if not access.is_allowed("train"):
        return ""  # the button says it
    refusal = ""
    for remark in plans.describe_limits(plan):
        text = t(remark.message, **remark.params)
        if remark.id == "epochs":  # the comparison is all that this experiment is for
            refusal = text
        else:
            st.info(text, icon=":material/info:")
    try:
        plans.check_plan(plan)
    except CatDogError as error:
        refusal = escape(say(error))
    if refusal:
        st.warning(refusal, icon=":material/block:")
    return refusal
