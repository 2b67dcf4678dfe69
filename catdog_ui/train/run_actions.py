"""What can be done with a run wherever it is listed, and the button that trains a first one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import streamlit as st

from catdog_core import runs
from catdog_core.base.errors import CatDogError
from catdog_core.config import Training
from catdog_core.data.datasets import Dataset
from catdog_core.models import backbones
from catdog_core.runs import DamagedRun, Run, RunRecord, model_registry
from catdog_core.runs.model_registry import ImportedModel
from catdog_core.runs.run_names import MAX_NAME

from .. import format_text, permissions, state, trash_view, widgets
from ..i18n import N_, escape, say, t
from ..session import page_state
from ..startup import guard
from . import form_requests

NOT_CONTINUED = N_(
    "You can't continue a “transfer” run. Its last layers train in seconds, so start a new run "
    "with other settings. It reuses what it saw in the photos."
)


def show_run_actions(available_runs: Sequence[RunRecord]) -> None:
    """Rename, note, clone or delete one run, or rename or delete one imported model."""
    trash_view.offer_undo(key_suffix="care")
    every = [*available_runs, *model_registry.list_imported_models()]
    run = state.choose_among_runs(every, t("Run"), width="stretch")
    if run is None:
        return
    if run.status == "damaged" and run.problem:
        st.error(t("This run is damaged: {problem}", problem=escape(say(run.problem))))
    if isinstance(run, ImportedModel):
        st.caption(format_text.describe_imported_model(run))
        show_model_name_form(run)
    elif not isinstance(run, DamagedRun):
        _show_name_form(run)
    with st.container(horizontal=True):
        if isinstance(run, Run) and st.button(
            t("Copy settings"), icon=":material/content_copy:", key="clone"
        ):
            form_requests.open_form(run=run.id)
        if (
            isinstance(run, Run)
            and run.best_model
            and st.button(
                t("Continue training"),
                icon=":material/fork_right:",
                key="care_continue",
                disabled=run.model == backbones.TRANSFER,
                help=t(NOT_CONTINUED) if run.model == backbones.TRANSFER else None,
            )
        ):
            form_requests.open_form(run=run.id, with_weights=True)
        if permissions.action_button(
            t("Delete…"),
            "delete",
            "manage run",
            icon="delete",
            owner=run.owner,
            disabled=run.is_active,
        ):
            is_imported = isinstance(run, ImportedModel)
            title = t("Delete this model?") if is_imported else t("Delete this run?")
            st.dialog(title)(_confirm_deletion)(run)
        if run.is_active:
            st.caption(t("This run is training. Stop it on the Train page before you delete it."))


def show_model_name_form(model: ImportedModel) -> None:
    """Draw a form that renames an imported model."""
    with st.form(f"model_name_{model.id}", border=False):
        name = st.text_input(t("Name"), model.name, max_chars=80, key=f"name_{model.id}")
        if st.form_submit_button(
            t("Save"),
            icon=":material/save:",
            key=f"rename_{model.id}",
            **permissions.permission_kwargs("manage run", model.owner),
        ):
            _say_saved(name, model_registry.rename_model(model, name))
            st.rerun()


def _say_saved(wanted: str, given: str) -> None:
    """Say that a name was saved, and which one it is where another run has the wanted one."""
    if not wanted.strip() or given.casefold() == " ".join(wanted.split()).casefold():
        st.toast(t("Saved."))
    else:
        st.toast(t("Another run has this name, so it's now “{name}”.", name=escape(given)))


def _show_name_form(run: RunRecord) -> None:
    with st.form(f"names_{run.id}", border=False):
        name = st.text_input(t("Name"), run.name, max_chars=MAX_NAME, key=f"name_{run.id}")
        note = st.text_area(
            t("Note"),
            run.note,
            max_chars=2000,
            height=100,
            key=f"note_{run.id}",
            placeholder=t("What did you want to find out? What did you see?"),
        )
        if st.form_submit_button(
            t("Save"),
            icon=":material/save:",
            **permissions.permission_kwargs("manage run", run.owner),
        ):
            given = runs.rename_run(run.folder, name)
            runs.set_note(run.folder, note)
            _say_saved(name, given)
            st.rerun()


def _confirm_deletion(run: RunRecord) -> None:
    if isinstance(run, ImportedModel):
        text = t(
            "“{name}” and its predictions will move to the trash. You can restore it on the Home "
            "page until you empty the trash.",
            name=escape(run.name),
        )
    else:
        text = t(
            "“{name}”, with {n} trained epochs and its model, will move to the trash. You can "
            "restore it on the Home page until you empty the trash.",
            name=escape(run.name or run.id),
            n=len(run.epochs),
        )
    st.write(text)
    widgets.confirm_action("delete", t("Delete"), _delete_run, run)


def _delete_run(run: RunRecord) -> None:
    with guard():
        trash_view.remember_deleted(model_registry.remove_model(run))
        st.query_params.pop("run", None)


QUICK_TRAINING = Training(epochs=5, learning_rate=1e-3)
"""Quick enough to learn something in a minute."""


def quick_train_button(dataset: Dataset | None, key: str, kind: str = "secondary") -> None:
    """Draw a button that starts a quick training and opens the Train page.

    Args:
        dataset: what to train on; without one the button waits.
        key: of the widget.
        kind: "primary" or "secondary".
    """
    if dataset is None:
        permissions.action_button(
            t("Train now"), key, "train", icon="play_arrow", disabled=True, type=kind
        )
        return
    start_button(
        t("Train now"),
        key,
        lambda: runs.create_run(dataset, QUICK_TRAINING, None, name=t("My first run")),
        runs.find_equal_run(dataset, QUICK_TRAINING, None),
        type=kind,
    )


def start_button(
    label: str, key: str, create: Callable[[], Path], equal: Run | None, **options: Any
) -> None:
    """Draw a button that creates a run, starts it and opens it, once however fast it is clicked.

    A second click can reach the server before the page was drawn anew, or break off the page's
    run while the first click is worked on. So a click only notes the token its button was drawn
    with. The token is used up where the run is created, and what is left to do is done by
    `open_started_run`, at the next run of the page at the latest.

    Args:
        label: its text.
        key: of the widget.
        create: makes the run's folder; what it raises is shown.
        equal: a run that is active and equal to it, which the button shows instead.
        options: others of `st.button`.
    """
    train = page_state().train
    if equal is not None:
        label = t("Already training: show it")
        if st.button(label, key=f"{key}_show", icon=":material/visibility:", **options):
            open_run(equal.id)
        return
    permissions.action_button(
        label, key, "train", _request_start, key, train.form_token, icon="play_arrow", **options
    )
    if train.start_requested == (key, train.form_token):
        try:
            folder = create()
        except CatDogError:
            train.start_requested = None
            raise
        # Nothing here lets Streamlit break off the script, until the run is noted.
        train.run_to_start, train.start_requested = folder.name, None
        train.form_token = uuid4().hex
    open_started_run()


def _request_start(key: str, token: str) -> None:
    page_state().train.start_requested = (key, token)


def open_started_run() -> None:
    """Start the run that was just created, if there is one, and open it."""
    train = page_state().train
    if not train.run_to_start:
        return
    run = runs.load_run(train.run_to_start)
    try:
        if not run.is_active:
            runs.start_run(run.folder)
    except CatDogError:
        train.run_to_start = ""
        raise
    train.run_to_start, train.announced_run = "", run.id
    train.parent_run = train.notice = ""
    open_run(run.id)


def open_run(run_id: str) -> NoReturn:
    """Turn to the panel of a run on the Train page."""
    query = state.run_query(runs.load_run(run_id), tab="runs")
    st.switch_page("pages/3_Train.py", query_params=query)
