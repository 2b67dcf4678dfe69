"""A model file from elsewhere, uploaded, checked, and told what it takes and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from catdog_core.base import access
from catdog_core.base.access import Action

from . import loaders, permissions, uploads
from .i18n import escape, t

if TYPE_CHECKING:
    from catdog_core.analysis.predict import Predictor


@dataclass(frozen=True)
class UploadedModel:
    """A model file that was opened safely; `key` names it and how it is asked."""

    key: str
    name: str
    data: bytes
    scale: str
    model: Predictor


def upload_model(
    key_prefix: str, suggested: Sequence[Sequence[str]] = (), action: Action | None = None
) -> UploadedModel | None:
    """Let the user upload a model and tell what the file does not; None while there is none.

    Args:
        key_prefix: prefix of the widgets' keys, the page's name.
        suggested: class names that are likely; the first of the right number is filled in.
        action: what the model is uploaded for; None for what everybody may do.

    Raises:
        AccessError: the visitor may not do that; nothing of the file was read.
        ModelError: the file is no usable model, or the names are not one for each output.
    """
    file = st.file_uploader(
        t("Keras model (.keras or .h5, or a .zip with labels.txt)"),
        max_upload_size=uploads.register_upload_limit(),
        key=f"{key_prefix}_model",
        **permissions.permission_kwargs(
            action,
            help=t(
                "The lab checks the file before opening it, because model files can contain code."
            ),
        ),
    )
    if file is None:
        return None
    if action is not None:
        access.check_permission(action)
    data = file.getvalue()
    model = loaders.load_uploaded_model(data, file.name)
    for warning in model.warnings:
        st.warning(t(warning))
    scale = _choose_scale(model, key_prefix)
    model = model.with_scale(scale)  # type: ignore[arg-type]
    if not model.names_known:
        model = _name_classes(model, key_prefix, suggested)
    st.caption(
        t(
            "The model takes photos of {size} × {size} px and predicts {n} classes: {names}.",
            size=model.size,
            n=len(model.classes),
            names=escape(", ".join(model.classes[:10])),
        )
    )
    return UploadedModel(f"{file.file_id}:{scale}:{model.classes}", file.name, data, scale, model)


def _choose_scale(model: Predictor, key_prefix: str) -> str:
    scales = {
        "0..1": t("0 to 1, as after rescale=1/255"),
        "0..255": t("0 to 255 (the model rescales)"),
    }
    if model.input_scale is None:
        reason = t(
            "The file doesn't say which pixel range the model was trained with. The course code "
            "divides by 255 before the model, so 0 to 1 is selected. If almost every photo gets "
            "the same prediction, try the other range."
        )
    else:
        reason = t("Selected because the model contains a rescaling layer.")
    scale = st.radio(
        t("Pixel values that the model expects"),
        list(scales),
        index=list(scales).index(model.input_scale or "0..1"),
        format_func=lambda key: scales[key],
        key=f"{key_prefix}_scale",
        horizontal=True,
    )
    st.caption(reason)
    return str(scale)


def _name_classes(
    model: Predictor, key_prefix: str, suggested: Sequence[Sequence[str]]
) -> Predictor:
    count = len(model.classes)
    text = st.text_input(
        t("Class names in output order, separated by commas"),
        ", ".join(next((n for n in suggested if len(n) == count), model.classes)),
        key=f"{key_prefix}_names_{count}",  # another number, other names
        help=t(
            "The file has no class names. Keras numbers classes by sorted folder name. In the "
            "course notes, cats are 0 and dogs are 1."
        ),
    )
    return model.with_classes([name.strip() for name in text.split(",") if name.strip()])
