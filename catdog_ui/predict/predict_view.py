"""The Predict page's questions: the choice of a model and of photos, and the asking."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from catdog_core import datasets, images, runs
from catdog_core.datasets import Dataset
from catdog_core.errors import CatDogError
from catdog_core.insight import neither, shipped

from .. import loaders, phrases
from ..words import escape, t

if TYPE_CHECKING:
    from catdog_core.predict import Prediction, Predictor

SAMPLES = 12
_NEITHER = "no pets"  # in place of a dataset's id, which has no spaces


@dataclass(frozen=True)
class Photo:
    """A photo to ask about: `key` tells it apart from others, `truth` is empty when unknown."""

    name: str
    key: str
    data: bytes
    truth: str = ""


@dataclass(frozen=True)
class Choice:
    """The model to ask: a run's, or an uploaded one already loaded."""

    key: str
    path: Path | None = None
    model: Predictor | None = None
    dataset_id: str = ""

    def load(self) -> Predictor:
        """The model itself. Raises ModelError."""
        if self.model is not None:
            return self.model
        assert self.path is not None
        return loaders.predictor(self.path)


def choose_model() -> Choice | None:
    """Let the user choose a saved run or upload a model; None while there is none."""
    kinds = {"run": t("A run of this lab"), "file": t("A model file")}
    kind = st.segmented_control(
        t("Model"),
        list(kinds),
        format_func=lambda key: kinds[key],
        default="run",
        required=True,
        key="predict_kind",
    )
    return _choose_run() if kind == "run" else _upload_model()


def _choose_run() -> Choice | None:
    found = {run.id: run for run in runs.listing() if run.training and run.best_model}
    ready = shipped.run()
    if ready is not None:
        found.setdefault(shipped.NAME, ready)
    if not found:
        st.info(t("No run has a model yet: one appears with the first whole epoch."))
        st.page_link(
            "pages/3_Train.py",
            label=t("Train one"),
            icon=":material/model_training:",
            query_params=st.query_params.to_dict(),
        )
        return None
    if st.session_state.get("predict_run") not in found:
        st.session_state.pop("predict_run", None)
    asked = st.query_params.get("run")
    key = st.selectbox(
        t("Run"),
        list(found),
        index=list(found).index(asked) if asked in found else 0,
        format_func=lambda key: _title(found[key]),
        key="predict_run",
    )
    run = found[key]
    if run is not ready:
        st.query_params["run"] = key
    best = phrases.best_row(run)
    if best and run.best_epoch is not None:
        st.caption(
            t(
                "Its best epoch, {n}: {accuracy} validation accuracy on “{dataset}”.",
                n=run.best_epoch + 1,
                accuracy=phrases.percent(best.get("val_accuracy")),
                dataset=escape(run.dataset_name),
            )
        )
    if run is ready:
        st.caption(
            t(
                "It comes with the lab and has learned cats and dogs only: it calls anything else"
                " one of the two as well."
            )
        )
    path = run.best_model
    assert path is not None
    return Choice(f"{path}:{path.stat().st_mtime_ns}", path=path, dataset_id=run.dataset_id)


def _title(run: runs.Run) -> str:
    if run.folder == shipped.folder():
        return t("default, comes with the lab")
    return f"{run.name} · {phrases.moment(run.created)}"


def _upload_model() -> Choice | None:
    file = st.file_uploader(
        t("A Keras model, .keras or .h5"),
        type=["keras", "h5", "hdf5"],
        key="predict_model",
        help=t("It is checked before it is opened: a model file from elsewhere can carry code."),
    )
    if file is None:
        return None
    model = loaders.uploaded(file.getvalue(), file.name)
    for warning in model.warnings:
        st.warning(t(warning))
    scale = _ask_scale(model)
    model = model.with_scale(scale)  # type: ignore[arg-type]
    if not model.names_known:
        model = _ask_names(model)
    st.caption(
        t(
            "Takes photos of {size} × {size} px and tells {n} classes apart: {names}.",
            size=model.size,
            n=len(model.classes),
            names=escape(", ".join(model.classes[:10])),
        )
    )
    return Choice(f"{file.file_id}:{scale}:{model.classes}", model=model)


def _ask_scale(model: Predictor) -> str:
    scales = {
        "0..1": t("0 to 1, as after rescale=1/255"),
        "0..255": t("0 to 255, the model rescales itself"),
    }
    if model.input_scale is None:
        reason = t(
            "The file does not tell which range of pixel values it was trained with. The class"
            " notes' own code divides by 255 before the model, so 0 to 1 is chosen. If every"
            " photo gets nearly the same answer, try the other."
        )
    else:
        reason = t("A rescaling layer was found inside, so this one was chosen.")
    scale = st.radio(
        t("Pixel values the model expects"),
        list(scales),
        index=list(scales).index(model.input_scale or "0..1"),
        format_func=lambda key: scales[key],
        key="predict_scale",
        horizontal=True,
    )
    st.caption(reason)
    return str(scale)


def _ask_names(model: Predictor) -> Predictor:
    text = st.text_input(
        t("Names of its classes, in the order of its outputs, with commas between"),
        ", ".join(model.classes),
        key="predict_names",
        help=t(
            "The file carries none. Keras numbers classes by the sorted names of their folders:"
            " in the class notes cats are 0 and dogs 1."
        ),
    )
    return model.with_classes([name.strip() for name in text.split(",") if name.strip()])


def choose_photos(dataset_id: str) -> list[Photo]:
    """Photos dropped in by the user, or a few of the validation set."""
    files = st.file_uploader(
        t("Photos: JPEG, PNG, WebP, BMP, GIF or TIFF"),
        type=[extension.lstrip(".") for extension in images.EXTENSIONS],
        accept_multiple_files=True,
        key="predict_photos",
    )
    if files:
        st.session_state.pop("predict_samples", None)
        return [Photo(file.name, file.file_id, file.getvalue()) for file in files]
    dataset = _dataset(dataset_id)
    with st.container(horizontal=True):
        if dataset is not None:
            st.button(
                t("Try it with photos of the validation set"),
                icon=":material/shuffle:",
                key="predict_try",
                on_click=_try_samples,
                args=(dataset.id,),
            )
        st.button(
            t("Try it with no pets at all"),
            icon=":material/question_mark:",
            key="predict_neither",
            on_click=_try_samples,
            args=(_NEITHER,),
        )
    of, turn = st.session_state.get("predict_samples", ("", 0))
    if of == _NEITHER:
        return _no_pets()
    if dataset is not None and of == dataset.id:
        return _samples(dataset, turn)
    if dataset is None:
        st.caption(t("Drop in one or more photos to see what the model says of them."))
    else:
        st.caption(t("Drop in one or more photos, or try some the model was not trained on."))
    return []


def _try_samples(of: str) -> None:
    turn = st.session_state.get("predict_samples", ("", -1))[1]
    st.session_state.predict_samples = (of, turn + 1)


def _no_pets() -> list[Photo]:
    return [
        Photo(f"{t(title)}.jpg", f"{_NEITHER}:{name}", images.encode(neither.draw(name)))
        for name, title in neither.TITLES.items()
    ]


def _dataset(dataset_id: str) -> Dataset | None:
    """The run's own data when it is still there, else the one chosen on the Data page."""
    for key in (dataset_id, st.query_params.get("dataset", "")):
        if key:
            try:
                return datasets.load(key)
            except CatDogError:
                continue  # the run outlived its data
    return None


def _samples(dataset: Dataset, turn: int) -> list[Photo]:
    items = dataset.items("validation") or dataset.items()
    chosen = random.Random(turn).sample(items, min(SAMPLES, len(items)))
    found = []
    for item in chosen:
        try:
            data = item.path.read_bytes()
        except OSError:
            data = b""  # reported as unreadable beside the others
        key = f"{dataset.id}:{dataset.fingerprint}:{item.file}"
        found.append(Photo(item.file, key, data, dataset.classes[item.label]))
    return found


def ask(choice: Choice, photos: Sequence[Photo]) -> tuple[Predictor, list[Prediction]]:
    """Predict the photos; what was predicted just before is not predicted again."""
    model = choice.load()
    key = (choice.key, tuple(photo.key for photo in photos))
    if st.session_state.get("predict_memo", (None,))[0] != key:
        bar = st.progress(0.0, t("Looking at {n} photos…", n=len(photos)))

        def tell(done: int) -> None:
            bar.progress(done / len(photos), t("Looking at {n} photos…", n=len(photos)))

        rows = loaders.predict(model, [(photo.name, photo.data) for photo in photos], tell)
        bar.empty()
        st.session_state.predict_memo = (key, rows)
    return model, st.session_state.predict_memo[1]
