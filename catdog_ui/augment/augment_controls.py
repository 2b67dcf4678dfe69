"""The Augment page's sliders and presets, and the ways to share settings: link, file, name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from catdog_core.augmentation import presets, warnings
from catdog_core.augmentation.warnings import SettingWarning
from catdog_core.base import files
from catdog_core.base.errors import CatDogError, SettingsError
from catdog_core.base.field_specs import describe_fields, parse_settings
from catdog_core.config import PRESETS, Augmentation, url_params
from catdog_core.data.datasets import Dataset

from .. import format_text, forms, permissions, state, trash_view, uploads, widgets
from ..i18n import N_, escape, say, t
from ..session import page_state

KEY = "augment"
_NAMES = tuple(control.name for control in describe_fields(Augmentation))
_PRESET_KEY, _NAME_KEY, _FILE_KEY = (
    "augment_preset",
    "augment_preset_name",
    "augment_preset_file",
)
_GROUPS = (
    (
        N_("Position and shape"),
        ("width_shift_range", "height_shift_range", "rotation_range", "zoom_range", "shear_range"),
    ),
    (N_("Flips"), ("horizontal_flip", "vertical_flip")),
    (N_("Empty corners"), ("fill_mode", "cval")),
    (
        N_("Light and color"),
        (
            "brightness_range",
            "contrast_range",
            "channel_shift_range",
            "saturation_range",
            "hue_range",
        ),
    ),
    (
        N_("Blur, noise and erasing"),
        ("blur_range", "noise_range", "erasing_probability", "erasing_area"),
    ),
    (N_("Mixing with other photos"), ("mixup_alpha", "cutmix_alpha")),
)
_OPEN_GROUPS = 2  # the notes' own settings; the others are a click away


def augmentation_settings() -> Augmentation:
    """Return the controls' settings before they are drawn; on arrival, those of a link."""
    _follow_address()
    return current_settings()


def show_controls(settings: Augmentation, dataset: Dataset | None) -> None:
    """Draw the controls, set to what `augmentation_settings` gave."""
    _preset_controls(settings)
    setting_warnings = warnings.list_setting_warnings(settings, dataset.classes if dataset else ())
    for index, (title, names) in enumerate(_GROUPS):
        _control_group(
            t(title),
            names,
            index < _OPEN_GROUPS,
            settings,
            [q for q in setting_warnings if q.setting in names],
        )
    state.write_address(url_params.settings_to_query(settings, Augmentation()), _NAMES)


def current_settings() -> Augmentation:
    """Return what the controls are set to, before or after they are drawn."""
    return parse_settings(Augmentation, forms.form_values(Augmentation, KEY))


def fill_controls(settings: Augmentation) -> None:
    """Set the controls before they are drawn.

    Streamlit refuses to set a widget's value once the widget is drawn, so buttons call this as
    their callback, which runs before the page does.
    """
    forms.fill_form(Augmentation, KEY, settings.model_dump())


def reset_controls() -> None:
    """Set the controls back to the class notes' own settings."""
    fill_controls(Augmentation())


def _preset_controls(settings: Augmentation) -> None:
    # The buttons show the preset that the sliders stand at, so they follow these at each run.
    st.session_state[_PRESET_KEY] = next(
        (name for name, preset in PRESETS.items() if preset == settings), None
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            t("Presets"),
            list(PRESETS),
            format_func=lambda name: t(format_text.PRESET_NAMES[str(name)]),
            key=_PRESET_KEY,
            on_change=_apply_preset,
            label_visibility="collapsed",
            wrap=True,
        )
        share_popover(settings, fill_controls)


def _apply_preset() -> None:
    name = st.session_state[_PRESET_KEY]
    if name is not None:
        fill_controls(PRESETS[name])


def _control_group(
    title: str,
    names: tuple[str, ...],
    is_open: bool,
    settings: Augmentation,
    setting_warnings: Sequence[SettingWarning],
) -> None:
    key = f"augment_group_{names[0]}"
    if key not in st.session_state:
        is_open = is_open or any(getattr(settings, n) != getattr(PRESETS["none"], n) for n in names)
    with st.expander(title, expanded=is_open, key=key):
        forms.settings_form(
            Augmentation, KEY, names, columns=2, disabled=_unused_settings(settings)
        )
        if "mixup_alpha" in names:
            st.caption(
                t(
                    "Mixing changes labels. A photo that's 70% cat and 30% dog gets both labels "
                    "in those shares. Training then uses cross-entropy for shares, binary for two "
                    "classes and categorical for more. A photo counts as right if the model "
                    "predicts the class with the larger share."
                )
            )
        for question in setting_warnings:
            params = {
                name: escape(value) if isinstance(value, str) else value
                for name, value in question.params.items()
            }
            st.caption(f":material/help: {t(question.text, **params)}")


def _unused_settings(settings: Augmentation) -> tuple[str, ...]:
    unused = [] if settings.fill_mode == "constant" else ["cval"]
    return (*unused, *([] if settings.erasing_probability else ["erasing_area"]))


def _follow_address() -> None:
    """Take over the settings a link asks for, once, and say which of its values were refused."""
    state = page_state().augment
    if not state.has_followed_address:
        state.has_followed_address = True
        query = {name: st.query_params[name] for name in _NAMES if name in st.query_params}
        if query:
            settings, refused = url_params.settings_from_query(query, Augmentation())
            fill_controls(settings)
            state.refused_link = (refused, settings)
    if state.refused_link and state.refused_link[1] == current_settings():
        for error in state.refused_link[0]:  # shown until something is moved
            st.warning(escape(say(error)), icon=":material/link_off:")


FillControls = Callable[[Augmentation], None]


def share_popover(settings: Augmentation, fill: FillControls) -> None:
    """Draw the button that opens all this.

    Args:
        settings: the settings as they stand.
        fill: sets the page's controls.
    """
    with st.popover(t("My presets"), icon=":material/bookmark:"):
        state = page_state().augment
        if state.preset_error is not None:
            st.error(escape(say(state.preset_error)), icon=":material/error:")
            state.preset_error = None
        _save_controls(settings)
        _saved_presets(fill)
        trash_view.offer_undo(key_suffix="presets")
        st.divider()
        st.download_button(
            t("Download"),
            _preset_json(settings),
            file_name=f"{files.slugify(_preset_name() or 'augmentation')}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )
        st.file_uploader(
            t("Open preset file (JSON)"),
            type=["json"],
            max_upload_size=uploads.register_upload_limit(1),  # MB; the smallest there is
            key=_FILE_KEY,
            on_change=_load_preset_file,
            args=(fill,),
        )
        widgets.explain_streamlit_words("files")


def _preset_json(settings: Augmentation) -> str:
    """A preset's file; a name that is unfit, which is said on saving, does not stand in its way."""
    try:
        return presets.dump_preset(_preset_name(), settings)
    except SettingsError:
        return presets.dump_preset(t("My settings"), settings)


def _preset_name() -> str:
    return str(st.session_state.get(_NAME_KEY, "")).strip()


def _save_controls(settings: Augmentation) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            t("Name"),
            key=_NAME_KEY,
            max_chars=presets.MAX_NAME,
            placeholder=t("For example: indoor photos"),
        )
        permissions.action_button(
            t("Replace") if _preset_name() and presets.find_preset(_preset_name()) else t("Save"),
            "augment_preset_save",
            "keep presets",
            _save_preset,
            settings,
            icon="bookmark_add",
        )


def _save_preset(settings: Augmentation) -> None:
    try:
        presets.save_preset(_preset_name(), settings, replace=True)  # the button has said so
    except CatDogError as error:
        page_state().augment.preset_error = error
    else:
        st.toast(t("Saved: {name}", name=escape(_preset_name())), icon=":material/bookmark_added:")


def _saved_presets(fill: FillControls) -> None:
    listed, broken = presets.scan_presets()
    presets_by_id = {preset.id: preset for preset in listed}
    for file, reason in broken:
        st.warning(f"**{escape(files.truncate_for_display(file))}**: {escape(say(reason))}")
    if not presets_by_id:
        st.caption(t("Nothing saved yet. Saved presets stay in this workspace."))
        return
    chosen = st.selectbox(
        t("Saved presets"),
        list(presets_by_id),
        format_func=lambda key: files.truncate_for_display(presets_by_id[key].name),
        key="augment_preset_saved",
    )
    with st.container(horizontal=True):
        st.button(
            t("Load"),
            key="augment_preset_load",
            icon=":material/input:",
            on_click=fill,
            args=(presets_by_id[chosen].settings,),
        )
        permissions.action_button(
            t("Delete"),
            "augment_preset_delete",
            "keep presets",
            _ask_to_delete,
            chosen,
            icon="delete",
            help=t("Asks first, then moves it to the trash."),
        )
    if page_state().augment.preset_to_delete == chosen:
        _confirm_delete(chosen, files.truncate_for_display(presets_by_id[chosen].name))


def _ask_to_delete(preset_id: str) -> None:
    page_state().augment.preset_to_delete = preset_id


def _confirm_delete(preset_id: str, name: str) -> None:
    st.markdown(t("Move “{name}” to the trash?", name=escape(name)))
    with st.container(horizontal=True):
        st.button(
            t("Delete"),
            type="primary",
            key="augment_preset_delete_sure",
            on_click=_delete_preset,
            args=(preset_id,),
        )
        st.button(
            t("Cancel"),
            key="augment_preset_delete_not",
            on_click=_ask_to_delete,
            args=("",),
        )


def _delete_preset(preset_id: str) -> None:
    page_state().augment.preset_to_delete = ""
    try:
        trash_view.remember_deleted(presets.remove_preset(preset_id))
    except CatDogError as error:
        page_state().augment.preset_error = error


def _load_preset_file(fill: FillControls) -> None:
    file = st.session_state[_FILE_KEY]
    if file is None:
        return
    try:
        name, settings = presets.parse_preset(file.read(presets.MAX_BYTES + 1), file.name)
    except CatDogError as error:
        page_state().augment.preset_error = error
        return
    fill(settings)
    st.session_state[_NAME_KEY] = name
    st.toast(t("Loaded from file: {name}", name=escape(name)))
