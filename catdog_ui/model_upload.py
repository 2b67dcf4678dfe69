"""A model file from elsewhere, uploaded, checked, and told what it takes and what it answers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from catdog_core.base import access
from catdog_core.base.access import Action
from catdog_core.base.errors import CatDogError
from catdog_core.base.files import truncate_for_display
from catdog_core.imaging.decode import Photo
from catdog_core.runs import model_registry
from catdog_core.runs.model_registry import InputScale

from . import job_fragment, loaders, permissions, uploads, widgets
from .i18n import escape, say, t

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from catdog_core.analysis.predict import Predictor

MAX_CHECK_PHOTOS = 8
"""Photos that are predicted with each scale while the page waits."""
_MOST_COUNTS = 4


@dataclass(frozen=True)
class UploadedModel:
    """A model file that was opened safely; `key` names it and how it is asked.

    `scale_panel` is the place below the choice of a scale; None where the file says the scale.
    """

    key: str
    name: str
    data: bytes
    scale: InputScale
    model: Predictor
    scale_panel: DeltaGenerator | None


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
    widgets.explain_streamlit_words("files")
    if file is None:
        return None
    if action is not None:
        access.check_permission(action)
    data = file.getvalue()
    model = loaders.load_uploaded_model(data, file.name)
    for warning in model.warnings:
        st.warning(t(warning))
    panel = None
    scale = _choose_scale(model, key_prefix)
    if model.input_scale is None:
        panel = st.container()
    model = model.with_scale(scale)
    if not model.names_known:
        model = _name_classes(model, key_prefix, suggested)
    st.caption(
        t(
            "The model takes photos of {width} × {height} px and predicts {n} classes: {names}.",
            width=model.size[1],
            height=model.size[0],
            n=len(model.classes),
            names=escape(", ".join(model.classes[:10])),
        )
    )
    key = f"{file.file_id}:{scale}:{model.classes}"
    return UploadedModel(key, file.name, data, scale, model, panel)


def keep_model(uploaded: UploadedModel) -> None:
    """Store an uploaded model with its scale and classes, and choose it; fit for a callback."""
    try:
        imported = model_registry.register_imported_model(
            uploaded.data, uploaded.name, uploaded.model.classes, uploaded.scale
        )
    except CatDogError as error:
        st.toast(escape(say(error)), icon=":material/error:")
    else:
        st.query_params["run"] = imported.id


def show_scale_check(
    uploaded: UploadedModel, photos: Sequence[Photo], labels: Sequence[int] | None, key: Hashable
) -> None:
    """Draw what a model answers to the same photos with each scale, below the choice of one.

    Args:
        uploaded: the model; nothing is drawn where its file says its scale.
        photos: fitted photos, (H, W, 3) uint8.
        labels: output columns of their true classes, where these are known.
        key: names the photos.
    """
    model = uploaded.model
    if uploaded.scale_panel is None or not photos:
        return
    with uploaded.scale_panel:
        answers = job_fragment.background_result(
            "scale_check",
            (id(model.run_batch), key),
            lambda job: loaders.compare_scales(model, photos, labels),
            len(photos),
            len(photos),
            t("Comparing the ranges…"),
        )
        if not answers:
            return
        names = _scale_names()
        columns: dict[str, list[str]] = {
            t("Range"): [names[each.scale] for each in answers],
            t("Predictions"): [_describe_counts(each.counts, model.classes) for each in answers],
        }
        if labels is not None:
            columns[t("Correct")] = [f"{each.right} / {len(photos)}" for each in answers]
        widgets.show_table(columns, f"scale_check_{hash(key)}", t("Predictions with each range"))
        st.caption(
            t(
                "Predictions for {n} of your photos. With a wrong range, most photos get the same "
                "class.",
                n=len(photos),
            )
        )


def _describe_counts(counts: Sequence[int], classes: Sequence[str]) -> str:
    """Return the most frequent predictions, such as "cats × 5, dogs × 3"."""
    ranked = sorted(zip(counts, classes, strict=True), key=lambda pair: -pair[0])
    parts = [f"{truncate_for_display(name, 30)} × {n}" for n, name in ranked if n]
    return ", ".join([*parts[:_MOST_COUNTS], "…"] if len(parts) > _MOST_COUNTS else parts)


def _scale_names() -> dict[InputScale, str]:
    return {
        "0..1": t("0 to 1, as after rescale=1/255"),
        "0..255": t("0 to 255 (the model rescales)"),
        "-1..1": t("−1 to 1, as after x / 127.5 − 1"),
        "imagenet": t("ImageNet mean and deviation, as in PyTorch"),
        "bgr": t("BGR minus ImageNet means, as for VGG16"),
    }


def _choose_scale(model: Predictor, key_prefix: str) -> InputScale:
    names = _scale_names()
    scales = {scale: names[scale] for scale in names if scale in model.scales}
    if model.input_scale is None:
        reason = t(
            "The file doesn't say which pixel range the model was trained with. The course code "
            "divides by 255 before the model, so 0 to 1 is selected. If almost every photo gets "
            "the same prediction, try another range."
        )
    else:
        reason = t("Selected because the model file says so.")
    scale = st.radio(
        t("Pixel values that the model expects"),
        list(scales),
        index=list(scales).index(model.input_scale or "0..1"),
        format_func=lambda key: scales[key],
        key=f"{key_prefix}_scale",
        horizontal=True,
    )
    st.caption(reason)
    return scale


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
