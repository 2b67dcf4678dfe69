"""The Predict page's questions: which model, which photos, and the asking."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import streamlit as st

from catdog_core.analysis.photo_overlap import KEPT_EPOCH_TEXT
from catdog_core.base import limits
from catdog_core.base.errors import CatDogError, PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.natural_order import natural_key
from catdog_core.data import datasets, photo_domain, photo_listing
from catdog_core.data.datasets import Dataset
from catdog_core.data.photo_domain import Domain
from catdog_core.imaging import photo_formats
from catdog_core.runs import RunRecord, model_registry
from catdog_core.runs.model_registry import ImportedModel

from .. import (
    format_text,
    gallery,
    job_fragment,
    loaders,
    model_upload,
    permissions,
    state,
    uploads,
    widgets,
)
from ..i18n import escape, t
from ..model_upload import UploadedModel
from ..session import InputPhoto, page_state
from . import sample_inputs

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from catdog_core.analysis.predict import Prediction, Predictor


_QUICK = 32
"""Photos that are looked at while the page waits: a second at most."""


@dataclass(frozen=True)
class ModelChoice:
    """The model to ask: a run's, or an uploaded one already loaded."""

    key: str
    path: Path | None = None
    model: Predictor | None = None
    run: RunRecord | None = None
    uploaded: UploadedModel | None = None

    @property
    def dataset_id(self) -> str:
        """The id of the dataset it was trained with; empty where that isn't known."""
        return self.run.dataset_id if self.run is not None else ""

    @property
    def is_built_in(self) -> bool:
        """Whether it is the model that comes with the lab."""
        return self.run is not None and model_registry.is_built_in(self.run)

    def load(self) -> Predictor:
        """Load the model. Raises ModelError."""
        if self.model is not None:
            return self.model
        assert self.path is not None
        return loaders.load_predictor(self.path)


def choose_model(notes: DeltaGenerator | None = None) -> ModelChoice | None:
    """Let the user choose a saved run or upload a model; None while there is none.

    What is known of a saved one is written into `notes`, by default below the choice.
    """
    kinds = {"run": t("Model of this lab"), "file": t("Model file")}
    kind = widgets.choose_one(t("Model"), kinds, "predict_kind", default="run")
    return _choose_known_model(notes) if kind == "run" else _upload_model()


def _choose_known_model(notes: DeltaGenerator | None) -> ModelChoice | None:
    models = model_registry.list_models()
    if not models:
        widgets.show_no_model(
            t("No run has a model yet. It appears after the first finished epoch.")
        )
        return None
    run = state.choose_among_runs(models, t("Model"), label_visibility="collapsed")
    assert run is not None
    with notes or nullcontext():
        _describe_model(run)
    return choice_of_run(run)


def _describe_model(run: RunRecord) -> None:
    best = format_text.best_epoch_row(run)
    if best and run.best_epoch is not None:
        st.caption(
            t(
                "Best epoch: {n}, with {accuracy} validation accuracy on “{dataset}”.",
                n=run.best_epoch + 1,
                accuracy=format_text.format_percent(best.get("val_accuracy")),
                dataset=escape(run.dataset_name),
            )
            + " "
            + t(KEPT_EPOCH_TEXT)
        )
    if isinstance(run, ImportedModel):
        st.caption(format_text.describe_imported_model(run))
    if model_registry.is_built_in(run):
        st.caption(
            t(
                "Built-in model. It knows only cats and dogs, so every photo gets one of those "
                "labels. It makes the most mistakes on hairless cats."
            )
        )


def built_in_choice() -> ModelChoice | None:
    """Return the choice of the built-in model; None where it isn't installed."""
    run = model_registry.load_default_run()
    return None if run is None else choice_of_run(run)


def choice_of_run(run: RunRecord) -> ModelChoice:
    """Return the choice of a run's model, which must have one."""
    path = run.best_model
    assert path is not None
    return ModelChoice(f"{path}:{path.stat().st_mtime_ns}", path=path, run=run)


def _upload_model() -> ModelChoice | None:
    uploaded_model = model_upload.upload_model("predict")
    if uploaded_model is None:
        return None
    permissions.action_button(
        t("Import model"),
        "predict_keep",
        "run a job",
        _keep_model,
        uploaded_model,
        icon="add",
        help=t("Store the model in the workspace, with its values and classes, for every page."),
    )
    return ModelChoice(uploaded_model.key, model=uploaded_model.model, uploaded=uploaded_model)


def show_scale_check(choice: ModelChoice, photos: Sequence[InputPhoto]) -> None:
    """Draw what an uploaded model answers to the first photos with each scale of values."""
    if choice.uploaded is None or choice.uploaded.scale_panel is None:
        return
    some = photos[: model_upload.MAX_CHECK_PHOTOS]
    size = choice.uploaded.model.size
    fitted = [gallery.uploaded_photo(photo.key, photo.data, size) for photo in some]
    model_upload.show_scale_check(
        choice.uploaded,
        [photo for photo in fitted if not isinstance(photo, PhotoError)],
        None,
        tuple(photo.key for photo in some),
    )


def _keep_model(uploaded_model: model_upload.UploadedModel) -> None:
    """Store an uploaded model, and choose it among those of the lab."""
    model_upload.keep_model(uploaded_model)
    if "run" in st.query_params:
        st.session_state["predict_kind"] = "run"


def predict_in_background(
    choice: ModelChoice, photos: Sequence[InputPhoto], slot: str = "predict_answers"
) -> tuple[Predictor, list[Prediction] | None]:
    """Predict the photos, many in the background; None while it is at it.

    What was predicted just before in the same slot is not predicted again. Where it was stopped
    the answers are fewer than the photos.
    """
    model = choice.load()
    rows = job_fragment.background_result(
        slot,
        (choice.key, tuple(photo.key for photo in photos)),
        partial(loaders.predict_photos, model, [(photo.name, photo.data) for photo in photos]),
        len(photos),
        quick=_QUICK,
        message=t("Predicting…"),
    )
    return model, rows


SOURCE_KEY = "predict_source"
"""Widget that chooses where photos come from."""
MOST_PASTED = 200
MOST_FROZEN = 24
"""Frames of the live camera that stay until they are cleared."""


def choose_photos(dataset_id: str) -> list[InputPhoto]:
    """Let the user give photos, or take a few of the validation set of this dataset."""
    sources = {
        "files": t("Files"),
        "folder": t("Folder"),
        "camera": t("Camera"),
        "clipboard": t("Clipboard"),
    }
    if page_state().predict.frozen_frames:
        sources["frozen"] = t("Frozen frames")
    widgets.reset_unknown_choice(SOURCE_KEY, sources)
    st.session_state.setdefault(SOURCE_KEY, "files")
    source = widgets.choose_one(t("Photos"), sources, SOURCE_KEY)
    if source == "frozen":
        return _frozen_frames()
    if source == "folder":
        return _photos_from_folder()
    if source == "camera":
        return _photos_from_camera()
    if source == "clipboard":
        return _photos_from_clipboard()
    return _photos_from_files(dataset_id)


def dataset_of_photos(dataset_id: str) -> Dataset | None:
    """Return the run's own data when it is still there, else the dataset of the address."""
    for key in (dataset_id, st.query_params.get("dataset", "")):
        if key:
            try:
                return datasets.load_dataset(key)
            except CatDogError:
                continue  # the run outlived its data
    return None


def _photos_from_folder() -> list[InputPhoto]:
    """The photos of a folder and its subfolders, in natural order; what else is there is named."""
    files = st.file_uploader(
        t("Folder of photos"),
        accept_multiple_files="directory",
        max_upload_size=uploads.register_upload_limit(_photo_megabytes()),
        key="predict_folder",
        label_visibility="collapsed",
    )
    widgets.explain_streamlit_words("folder")
    if not files:
        st.caption(t("Choose a folder. Photos in its subfolders are predicted, too."))
        return []
    names = photo_listing.relative_names([file.name for file in files])
    order, skipped = photo_listing.sort_uploads(names)
    if skipped:
        st.caption(
            t(
                "{n:,} files that aren't photos are skipped: {names}.",
                n=len(skipped),
                names=escape(truncate_for_display(", ".join(skipped[:5]), 120)),
            )
        )
    if not order:
        st.info(t("This folder has no photos. Choose another one."))
    return [_input_photo(names[n], files[n].file_id, files[n].getvalue()) for n in order]


def _photos_from_camera() -> list[InputPhoto]:
    uploads.register_upload_limit()
    shot = st.camera_input(t("Take a photo"), key="predict_camera", width=420)
    widgets.explain_streamlit_words("camera")
    if shot is None:
        st.caption(
            t("Browsers allow the camera only on https pages and on pages from this machine.")
        )
        return []
    return [InputPhoto(t("camera.jpg"), shot.file_id, shot.getvalue())]


def _frozen_frames() -> list[InputPhoto]:
    """The frames frozen in Live; here the camera stays off."""
    st.button(
        t("Clear frozen frames"),
        icon=":material/delete_sweep:",
        key="predict_unfreeze",
        on_click=_clear_frozen_frames,
    )
    return list(page_state().predict.frozen_frames)


def _clear_frozen_frames() -> None:
    page_state().predict.frozen_frames.clear()
    st.session_state[SOURCE_KEY] = "files"


def _photos_from_clipboard() -> list[InputPhoto]:
    """What was pasted so far; a chat's field is the one that takes pictures from a clipboard."""
    pasted_photos = page_state().predict.pasted_photos
    with st.container():  # inside one it stays in its place
        prompt = st.chat_input(
            t("Click here, paste photos with Ctrl+V (⌘V on a Mac), then press Enter"),
            key="predict_paste",
            accept_file="multiple",
            file_type=[end[1:] for end in photo_formats.photo_extensions()],
            max_upload_size=uploads.register_upload_limit(_photo_megabytes()),
        )
    for file in _pasted_files(prompt)[: MOST_PASTED - len(pasted_photos)]:
        pasted_photos.append(_input_photo(file.name, uuid4().hex, file.getvalue()))
    if not pasted_photos:
        st.caption(t("Paste copied photos or files, several at once or one after another."))
        return []
    st.button(
        t("Clear pasted photos"),
        icon=":material/delete_sweep:",
        key="predict_unpaste",
        on_click=pasted_photos.clear,
    )
    return list(pasted_photos)


def _pasted_files(prompt: Any) -> list[Any]:
    return list(prompt.files) if prompt else []


def _input_photo(name: str, key: str, data: bytes) -> InputPhoto:
    """A user's photo; a drawing of the lab is known by its comment."""
    domain: Domain | None = "drawn" if photo_domain.is_drawn_photo(data) else None
    return InputPhoto(name, key, data, domain=domain)


def _photo_megabytes() -> int:
    return limits.current_limits().photo_bytes // 1_000_000


def _photos_from_files(dataset_id: str) -> list[InputPhoto]:
    files = st.file_uploader(
        t("Photos: JPEG, PNG, WebP, BMP, GIF, TIFF, or AVIF"),
        accept_multiple_files=True,
        max_upload_size=uploads.register_upload_limit(_photo_megabytes()),
        key="predict_photos",
        label_visibility="collapsed",
    )
    widgets.explain_streamlit_words("files")
    if files:
        sample_inputs.forget_samples()
        files = sorted(files, key=lambda file: natural_key(file.name))
        return [_input_photo(file.name, file.file_id, file.getvalue()) for file in files]
    return sample_inputs.choose_sample_photos(dataset_of_photos(dataset_id))
