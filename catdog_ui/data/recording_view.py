"""Record photos with the camera: the recorder, and what leads from it to a dataset and a model."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from catdog_core import runs
from catdog_core.base import access
from catdog_core.base.errors import CatDogError
from catdog_core.config import RECIPES
from catdog_core.data import recording
from catdog_core.data.datasets import Dataset
from catdog_core.data.recording import Recording
from catdog_core.server import recording as recording_routes

from .. import camera, permissions, widgets
from ..i18n import escape, say, t
from ..session import page_state
from ..startup import guarded_fragment
from ..train import run_actions
from .source_widgets import choose_dataset, show_heading

KEY = "recorder"
SOURCE = recording.SOURCE
"""The key of this source among those of photos."""
SOURCE_KEY, SOURCE_PARAMETER = "source_kind", "source"
"""The widget that chooses a source, and its name in the address."""
_NAME_KEY = "recording_name"
_mount = camera.build_component("recorder")

TRAINING = RECIPES["transfer"].training.model_copy(update={"image_size": 224, "batch_size": 8})
"""Of a recording's first model: a few dozen photos make several steps an epoch, and the camera
answers quicker at 224 pixels than at the recipe's 256."""


def camera_card(_kind: str) -> None:
    """Draw the recorder, and below it the buttons that use what was recorded."""
    show_heading(t("Record with your camera"))
    st.caption(
        t(
            "Hold a class's button or number key while you turn or move the object. The lab"
            " stores only the frames you record, and skips near-duplicates."
        )
    )
    guarded_fragment(_show_recorder)()


def offer_recording() -> None:
    """Say that a recording is in progress, where its source isn't open, with a button to it."""
    if st.query_params.get(SOURCE_PARAMETER) == SOURCE:
        return
    error, page_state().data.recording_error = page_state().data.recording_error, None
    if error is not None:
        st.error(escape(say(error)), icon=":material/error:")
    found = recording.find_recording()
    if found is None or not found.photos:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="recording_offer"):
        st.info(
            t("Your recording isn't a dataset yet. It has {n} photos.", n=len(found.photos)),
            icon=":material/videocam:",
        )
        st.button(t("Continue recording"), key="recording_continue", on_click=open_recorder)


def open_recorder() -> None:
    """Open the recorder on this page; a callback."""
    st.session_state[SOURCE_KEY] = st.query_params[SOURCE_PARAMETER] = SOURCE


def record_more(dataset: Dataset) -> None:
    """Go on with a dataset that was recorded, in a new recording; a callback."""
    _note_error(recording.continue_dataset, dataset)
    if page_state().data.recording_error is None:
        open_recorder()


def _show_recorder() -> None:
    error, page_state().data.recording_error = page_state().data.recording_error, None
    found = recording.find_recording()
    result = _mount(
        key=KEY,
        data=_recorder_data(found, say(error) if error else ""),
        on_edit_change=_apply_edit,
        on_change_change=lambda: None,
    )
    edit = result.edit
    if found is not None:
        if edit and edit["op"] == "remove" and found.of_class(edit["label"]):
            st.dialog(t("Remove this class?"))(_confirm_class_removal)(found, edit["label"])
        _show_next_steps(found)


def _recorder_data(found: Recording | None, problem: str) -> dict[str, Any]:
    """What the script needs: the recording as it is, the route, its texts, what went wrong last."""
    return {
        **camera.request_data(recording_routes.PATH),
        "begun": found is not None,
        "problem": problem,
        "turn": time.monotonic(),  # the script is called for every run of the page
        "classes": found.classes if found else dict(enumerate(_first_names())),
        "photos": [photo.name for photo in found.photos] if found else [],
        "most": recording.MAX_CLASSES,
        "disabled": permissions.find_refusal("change data") is not None,
        "sentences": camera.camera_sentences(),
        "texts": {
            "picture": t("Camera picture"),
            "camera": t("Camera"),
            "on": t("Start camera"),
            "off": t("Stop camera"),
            "hold": t("Hold to record"),
            "recording": t("Recording…"),
            "add": t("Add class"),
            "name": t("Name of class {n}", n="{n}"),
            "remove": t("Remove {name}", name="{name}"),
            "counts": t("Photos: {n}, clips: {clips}", n="{n}", clips="{clips}"),
            "counts_skipped": t(
                "Photos: {n}, clips: {clips}, skipped: {skipped}",
                n="{n}",
                clips="{clips}",
                skipped="{skipped}",
            ),
            "delete": t("Delete photo {n} of {name}", n="{n}", name="{name}"),
            "delete_hint": t("Delete this photo"),
            "offline": t("The lab doesn't answer. Check the connection, then try again."),
        },
    }


def _first_names() -> tuple[str, str]:
    return t("Class {n}", n=1), t("Class {n}", n=2)


def _apply_edit() -> None:
    """Do what the recorder asks for, a callback; a class with photos is asked about first."""
    edit = st.session_state[KEY].edit
    op, label, name = str(edit["op"]), int(edit["label"]), str(edit["name"])
    try:
        found = recording.begin_recording(_first_names())
        if op == "add":
            numbers = range(len(found.classes) + 1, 2 * recording.MAX_CLASSES + 2)
            names = (t("Class {n}", n=number) for number in numbers)
            recording.add_class(next(each for each in names if each not in found.classes.values()))
        elif op == "rename":
            recording.rename_class(label, name)
        elif op == "remove" and not found.of_class(label):
            recording.remove_class(label)
    except CatDogError as error:
        page_state().data.recording_error = error


def _confirm_class_removal(found: Recording, label: int) -> None:
    st.markdown(
        t(
            "{n} photos of “{name}” will be deleted.",
            n=len(found.of_class(label)),
            name=escape(found.classes[label]),
        )
    )
    widgets.confirm_action(
        "recording_class", t("Remove"), _note_error, recording.remove_class, label
    )


def _note_error(action: Callable[..., object], *args: object) -> None:
    """Do something in a callback; the page shows its error."""
    try:
        action(*args)
    except CatDogError as error:
        page_state().data.recording_error = error


def _show_next_steps(found: Recording) -> None:
    """Draw the dataset's name, and the buttons that train on it, keep it or drop it."""
    missing = [
        escape(name)
        for label, name in found.classes.items()
        if found.count_clips(label) < recording.MIN_CLIPS
    ]
    if missing:
        st.info(
            t(
                "Record at least two clips per class, one for training and one for validation."
                " Each time you hold the button, you record a clip. Missing: {names}.",
                names=", ".join(missing),
            ),
            icon=":material/videocam:",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            t("Dataset name"), key=_NAME_KEY, value=t("My recording"), max_chars=60, width=280
        )
        run_actions.start_button(
            t("Train a model"),
            "recording_train",
            lambda: _create_run(name),
            None,
            type="primary",
            disabled=not found.is_complete,
        )
        if permissions.action_button(
            t("Create dataset"),
            "recording_save",
            "change data",
            icon="add",
            disabled=not found.is_complete,
        ):
            choose_dataset(recording.save_recording(name))
        if found.photos and permissions.action_button(
            t("Discard…"), "recording_discard", "change data", icon="delete", type="tertiary"
        ):
            st.dialog(t("Discard this recording?"))(_confirm_discard)(found)
    st.caption(
        t(
            "Training adds a new last layer to a pretrained network. It takes about a minute. An"
            " unfinished recording is kept for 7 days."
        )
    )


def _create_run(name: str) -> Path:
    access.check_quota(runs.list_runs)  # before the recording becomes a dataset
    dataset = recording.save_recording(name)
    return runs.create_run(dataset, TRAINING, None, name=dataset.name)


def _confirm_discard(found: Recording) -> None:
    st.markdown(t("Its {n} photos will be deleted.", n=len(found.photos)))
    widgets.confirm_action(
        "recording_discard", t("Discard"), _note_error, recording.discard_recording
    )
