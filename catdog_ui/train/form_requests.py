"""What fills the form of a new training: other pages and tabs, a copied run, the page's address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, NoReturn

import streamlit as st

from catdog_core import runs
from catdog_core.base.errors import CatDogError, SettingsError
from catdog_core.base.field_specs import describe_fields, parse_settings
from catdog_core.base.names import shorten_middle
from catdog_core.config import (
    PRESETS,
    RECIPES,
    Augmentation,
    Network,
    Recipe,
    Training,
    url_params,
)
from catdog_core.data import datasets
from catdog_core.models import architecture
from catdog_core.runs import Run
from catdog_core.training import time_estimate

from .. import format_text, forms, state
from ..i18n import escape, t
from ..session import AUGMENTATION_CHOICE_KEY, FormRequest, page_state
from . import network_builder

FORM_KEY = "train"
MODEL_KEY = forms.field_key(FORM_KEY, "model")
NAME_KEY = "train_name"
MAX_NAME = 80
PAGE = "pages/3_Train.py"
FOLDED_FIELDS = tuple(
    control.name for control in describe_fields(Training) if control.name not in ("model", "epochs")
)
"""The fields that are folded away under "Fine tuning"."""
_ADDRESS_NAMES = (
    *(control.name for control in describe_fields(Training)),
    *(control.name for control in describe_fields(Augmentation)),
    *("network", "augmentation", "name", "parent"),
)
_MAX_NETWORK_TEXT = 500  # characters


def open_form(
    values: Mapping[str, Any] | None = None,
    *,
    augmentation: Augmentation | Literal["keep"] | None = "keep",
    run: str = "",
    with_weights: bool = False,
    dataset: str = "",
    announce: bool = True,
) -> NoReturn:
    """Open the form of a new training with these settings; a line above it says what was set.

    This is the one way in which other pages and tabs fill the form: call it where a button was
    pressed, not as its callback, since it turns to the page. What it does not name stays as it is
    in the form. A link does the same by its address in a new session, such as
    ``/Train?tab=new&model=compact&epochs=20&augmentation=notes``.

    Args:
        values: fields of `Training` by name. A "model" brings the whole recipe of that model
            first, its augmentation too; other fields change only themselves.
        augmentation: for the training photos; None for none, "keep" to leave it as it is.
        run: the id, or folder, of a run whose settings come before `values`.
        with_weights: begin with the weights of that run, too.
        dataset: the id of the dataset to choose; by default the run's, if it is here.
        announce: whether the form says what was set; not where the page does so already.
    """
    train = page_state().train
    train.form_request = FormRequest(dict(values or {}), augmentation, run, announce)
    train.parent_run = run if with_weights else ""
    if run and not dataset:
        found = state.dataset_of_run(runs.load_run(run))
        dataset = found.id if found is not None else ""
    query = state.link_query(tab="new", **({"dataset": dataset} if dataset else {}))
    query.pop("run", None)  # what is prepared is another one
    st.switch_page(PAGE, query_params=query)


def fill_form() -> None:
    """Fill the form before it is drawn: from what was asked for, else, on arrival, the address."""
    train = page_state().train
    request, train.form_request = train.form_request, None
    if request is not None:
        train.has_changed_folded = False
        said = [*_copy_run(request.run), *_set_values(request)]
        train.notice = " ".join(said) if request.announce else ""
        train.followed_visit = page_state().visit  # the request is newer than the address
    else:
        _follow_address()
    _fill_model_recipe()


def reset_form() -> None:
    """Set the form back to the recipe of the course network; a callback."""
    train = page_state().train
    forms.fill_form(Training, FORM_KEY, RECIPES["notes"].training.model_dump())
    st.session_state[AUGMENTATION_CHOICE_KEY] = "off"
    st.session_state[NAME_KEY] = ""
    train.filled_recipe = "notes"
    train.parent_run = train.notice = ""
    train.has_changed_folded = False


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


def _copy_run(run_id: str) -> list[str]:
    """Fill in the settings of a run, and return the sentence that says so."""
    if not run_id:
        return []
    run = runs.load_run(run_id)
    if not isinstance(run, Run):
        return []
    training = _unset_default_steps(run.training, run.dataset_id)
    forms.fill_form(Training, FORM_KEY, training.model_dump())
    page_state().train.filled_recipe = training.model  # so that the recipe doesn't fill over it
    if training.network is not None:
        network_builder.fill_network(training.network)
    choose_augmentation(run.augmentation)
    st.session_state[NAME_KEY] = shorten_middle(t("{name} (repeat)", name=run.name), MAX_NAME)
    return [t("These are the settings of “{name}”.", name=escape(run.name))]


def _set_values(request: FormRequest) -> list[str]:
    """Fill in single settings, and return the sentence that names them."""
    named = dict(request.values)
    values = dict(named)
    if "model" in values:
        recipe = RECIPES[values["model"]]
        values = {**recipe.training.model_dump(), **values}
        page_state().train.filled_recipe = values["model"]
        st.session_state[AUGMENTATION_CHOICE_KEY] = _recipe_choice(recipe)
    forms.fill_form(Training, FORM_KEY, values)
    page_state().train.has_changed_folded = any(name in FOLDED_FIELDS for name in named)
    parts = [
        " ".join((t(control.label), format_text.format_setting(control, named[control.name])))
        for control in describe_fields(Training)
        if control.name in named
    ]
    if not isinstance(request.augmentation, str):
        choose_augmentation(request.augmentation)
        changes = request.augmentation or PRESETS["none"]
        parts.append(t("Augmentation") + " " + format_text.augmentation_label(changes))
    if not parts:
        return []
    return [t("Set for you: {settings}.", settings=", ".join(parts))]


def _recipe_choice(recipe: Recipe) -> str:
    return "off" if recipe.augmentation.is_off else "recipe"


def _fill_model_recipe() -> None:
    """When another model is chosen, take over what its recipe has otherwise than the last one's."""
    model = st.session_state.get(MODEL_KEY, "notes")
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
        st.session_state[AUGMENTATION_CHOICE_KEY] = _recipe_choice(new)
    st.toast(t("Filled in the recipe of {model}.", model=model))


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


def write_address(training: Training) -> None:
    """Keep the form's settings and name in the page's address, so that a reload brings them back.

    Args:
        training: the settings as the form has them now.
    """
    train = page_state().train
    recipe = RECIPES[training.model]
    query = url_params.settings_to_query(training, recipe.training)
    if training.model != "notes":
        query["model"] = training.model
    if training.model == architecture.CUSTOM and training.network not in (None, Network()):
        assert training.network is not None
        changes = training.network.model_dump(mode="json", exclude_defaults=True)
        query["network"] = json.dumps(changes, separators=(",", ":"))
    choice = st.session_state.get(AUGMENTATION_CHOICE_KEY, "off")
    if choice != _recipe_choice(recipe):
        query["augmentation"] = choice
    if choice == "mine" and train.augmentation is not None:
        query |= url_params.settings_to_query(train.augmentation, PRESETS["none"])
    if name := str(st.session_state.get(NAME_KEY, "")).strip():
        query["name"] = name
    if train.parent_run:
        query["parent"] = train.parent_run
    train.known_address = query
    state.write_address(query, _ADDRESS_NAMES)


def _read_address() -> dict[str, str]:
    return {name: st.query_params[name] for name in _ADDRESS_NAMES if name in st.query_params}


def _follow_address() -> None:
    """Take over the settings of the address when the page is opened with others than it had."""
    train = page_state().train
    if train.followed_visit == page_state().visit:
        return
    train.followed_visit = page_state().visit
    query = _read_address()
    if not query or query == train.known_address:
        return
    train.known_address = query
    model = query.get("model", "notes")
    recipe = RECIPES[model if model in RECIPES else "notes"]
    training, train.refused_link = url_params.settings_from_query(query, recipe.training)
    forms.fill_form(Training, FORM_KEY, training.model_dump())
    train.filled_recipe = training.model
    if training.model == architecture.CUSTOM:
        network_builder.fill_network(_read_network(query.get("network", "")))
    choice = query.get("augmentation", _recipe_choice(recipe))
    if choice == "mine":
        settings, refused = url_params.settings_from_query(query, PRESETS["none"])
        train.augmentation = settings
        train.refused_link += refused
    st.session_state[AUGMENTATION_CHOICE_KEY] = choice  # an unknown one is reset where it is drawn
    st.session_state[NAME_KEY] = query.get("name", "")[:MAX_NAME]
    train.parent_run = query.get("parent", "")


def _read_network(text: str) -> Network:
    """Read the network of an address; the course's where there is none, or none that can be."""
    if not text or len(text) > _MAX_NETWORK_TEXT:
        return Network()
    try:
        return parse_settings(Network, json.loads(text), "URL")
    except (ValueError, RecursionError):
        return Network()
    except SettingsError as error:
        page_state().train.refused_link.append(error)
        return Network()
