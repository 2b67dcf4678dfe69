"""The Predict page's questions: the choice of a model, and the asking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from catdog_core import runs
from catdog_core.insight import shipped

from .. import foreign, loaders, phrases
from ..words import escape, t
from . import predict_work
from .predict_photos import Photo

if TYPE_CHECKING:
    from catdog_core.predict import Prediction, Predictor

_QUICK = 32
"""Photos that are looked at while the page waits: a second at most."""


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
    found = foreign.upload("predict")
    return None if found is None else Choice(found.key, model=found.model)


def ask(choice: Choice, photos: Sequence[Photo]) -> tuple[Predictor, list[Prediction] | None]:
    """Predict the photos, many in the background; None while it is at it.

    What was predicted just before is not predicted again. Where it was stopped the answers are
    fewer than the photos.
    """
    model = choice.load()
    rows = predict_work.result(
        "predict_answers",
        (choice.key, tuple(photo.key for photo in photos)),
        partial(loaders.predict, model, [(photo.name, photo.data) for photo in photos]),
        len(photos),
        quick=_QUICK,
        words=t("Looking at the photos…"),
    )
    return model, rows
