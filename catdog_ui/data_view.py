"""The pieces of the Data page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from catdog_core import datasets, health, images
from catdog_core.datasets import Dataset
from catdog_core.errors import CatDogError
from catdog_core.health import Finding

from . import gallery, home_view, startup
from .palette import CLASS_COLORS
from .words import N_, escape, say, t

_SPLITS = {"train": N_("Training"), "validation": N_("Validation"), "test": N_("Test")}
_BATCH, _SIZE = 20, 150
_SHOWN_FINDINGS = 30


def sources() -> None:
    """The three ways to photos: the drawn demo set, a folder on this machine, a zip."""
    have = datasets.listing()
    with st.expander(t("Add a dataset"), icon=":material/add_photo_alternate:", expanded=not have):
        demo, folder, upload = st.columns(3, gap="medium")
        with demo:
            st.markdown(f"**{t('Drawn demo set')}**")
            st.caption(t("600 cartoons of cats and dogs; needs no network."))
            made = any(dataset.id == datasets.DEMO_ID for dataset in have)
            label = t("Already here") if made else t("Make the demo dataset")
            if st.button(label, key="data_demo", disabled=made, icon=":material/draw:"):
                home_view.make_demo()
        with folder:
            st.markdown(f"**{t('Folder on the server')}**")
            path = st.text_input(t("Path"), key="folder_path", placeholder="/home/me/photos")
            if st.button(t("Open folder"), key="open_folder", icon=":material/folder_open:"):
                with st.spinner(t("Reading …")), startup.guard():
                    _choose(datasets.open_folder(Path(path.strip() or "?").expanduser()))
        with upload:
            st.markdown(f"**{t('Zip file')}**")
            file = st.file_uploader(t("One folder of photos a class"), type="zip", key="zip_file")
            if file and st.button(t("Import"), key="import_zip", icon=":material/unarchive:"):
                bar = st.progress(0.0)
                with startup.guard():
                    _choose(datasets.import_zip(file, file.name, _shown_on(bar)))


def overview(dataset: Dataset) -> None:
    """Counts, classes and sizes, and what was understood of the folder."""
    counts = dataset.counts()
    for message, params in dataset.note.get("warnings", []):
        st.warning(t(message, **{k: escape(str(v)) for k, v in params.items()}))
    left, right = st.columns([3, 2], gap="large")
    with left:
        figure = _bars(dataset, counts)
        st.plotly_chart(figure, key="counts", config={"displayModeBar": False})
    with right:
        st.markdown(f"**{t('Label numbers')}**")
        for label, name in enumerate(dataset.classes):
            st.markdown(f"`{label}`  {escape(name)}")
        st.caption(t("Folder names give the labels, in sorted order: the first is 0."))
        layout = {
            "split": N_("The folders say what is for training and what for validation."),
            "seeded": N_("No split in the folders: the lab keeps a quarter of each class."),
            "train-divided": N_("No validation folder: the lab keeps a quarter of each class."),
        }
        st.caption(t(layout[dataset.note.get("layout", "split")]))
        if dataset.note.get("ignored"):
            st.caption(t("{count} other files ignored.", count=dataset.note["ignored"]))
        _delete(dataset)


def batch(dataset: Dataset) -> None:
    """Twenty photos drawn at random across classes, as arrays and labels."""
    items = dataset.items("train")
    seed = st.session_state.setdefault("batch_seed", 0)
    chosen = np.random.default_rng(seed).permutation(len(items))[:_BATCH]
    shown = [(items[i], _fitted(str(items[i].path), _SIZE)) for i in chosen]
    readable = [(item, photo) for item, photo in shown if isinstance(photo, np.ndarray)]
    left, right = st.columns([3, 2], gap="large")
    with left:
        gallery.grid(
            [images.encode(photo) for _, photo in readable],
            [f"{item.label} · {dataset.classes[item.label]}" for item, _ in readable],
            [item.file for item, _ in readable],
        )
        if st.button(t("Another batch"), key="new_batch", icon=":material/casino:"):
            st.session_state["batch_seed"] += 1
            st.rerun()
        for item, error in shown:
            if isinstance(error, CatDogError):
                st.warning(f"{escape(item.file)}: {say(error)}")
    with right:
        _arrays(dataset, readable)


def _arrays(dataset: Dataset, shown: list[tuple[datasets.Item, np.ndarray]]) -> None:
    labels = np.array([item.label for item, _ in shown])
    pixels = np.stack([photo for _, photo in shown]).astype(np.float32)
    st.markdown(f"**{t('What the network receives')}**")
    st.code(
        f"images  {pixels.shape}  float32  {pixels.min():.0f}..{pixels.max():.0f}\n"
        f"labels  {labels.shape}",
        language=None,
    )
    st.caption(
        t(
            "Every photo is squeezed into the same square. The network's own first layer,"
            " Rescaling, turns 0..255 into 0..1."
        )
    )
    st.markdown(f"**{t('The same labels in three class modes')}**")
    few = labels[:4]
    onehot = np.eye(len(dataset.classes), dtype=int)[few]
    rows = {
        "binary": "[" + " ".join(f"{v}." for v in few) + " …]",
        "categorical": "\n".join(str(row) for row in onehot) + "\n…",
        "sparse": "[" + " ".join(str(v) for v in few) + " …]",
    }
    heads = {
        "binary": N_("one sigmoid unit, binary cross-entropy; two classes"),
        "categorical": N_("one unit a class, softmax, categorical cross-entropy; one-hot"),
        "sparse": N_("one unit a class, softmax, sparse categorical cross-entropy; integers"),
    }
    for mode, text in rows.items():
        if mode == "binary" and len(dataset.classes) > 2:
            text = t("only for two classes")
        st.markdown(f"`{mode}` — {t(heads[mode])}")
        st.code(text, language=None)


def findings(dataset: Dataset) -> None:
    """Look through every file on request; what was found, by name and reason."""
    st.write(t("Reads every photo: unreadable files, exact duplicates, leaks, imbalance."))
    if st.button(t("Check all photos"), key="check", icon=":material/health_and_safety:"):
        bar = st.progress(0.0)
        done = health.check(dataset, _shown_on(bar))
        bar.empty()
        st.session_state["findings"] = (dataset.fingerprint, done)
    checked, found = st.session_state.get("findings", (None, []))
    if checked != dataset.fingerprint:
        return
    if not found:
        st.success(t("Nothing found: every photo is readable and appears once."))
    for finding in found[:_SHOWN_FINDINGS]:
        _finding(dataset, finding)
    if len(found) > _SHOWN_FINDINGS:
        st.caption(t("… and {count} more.", count=len(found) - _SHOWN_FINDINGS))


def _finding(dataset: Dataset, finding: Finding) -> None:
    st.warning(say(CatDogError(finding.message, **finding.params)), icon=":material/warning:")
    if finding.kind != "unreadable" and finding.files:
        photos = [(f, _fitted(str(dataset.root / f), 96)) for f in finding.files[:6]]
        good = [(f, photo) for f, photo in photos if isinstance(photo, np.ndarray)]
        gallery.grid([images.encode(p) for _, p in good], [f for f, _ in good], columns=6)


@st.cache_data(max_entries=400, show_spinner=False)
def _fitted(path: str, size: int) -> np.ndarray | CatDogError:
    return next(iter(images.load_all([Path(path)], size)))


def _bars(dataset: Dataset, counts: dict[str, dict[str, int]]) -> go.Figure:
    figure = go.Figure()
    splits = list(counts)
    for number, name in enumerate(dataset.classes[:24]):
        values = [counts[split][name] for split in splits]
        figure.add_bar(
            x=[t(_SPLITS[split]) for split in splits],
            y=values,
            name=name.replace("<", "&lt;"),
            text=values,
            marker_color=CLASS_COLORS[number % len(CLASS_COLORS)],
        )
    figure.update_layout(
        height=280,
        margin={"t": 10, "b": 10, "l": 10, "r": 10},
        yaxis_title=t("photos"),
        bargap=0.35,
        legend={"orientation": "h", "y": 1.15},
    )
    return figure


def _choose(dataset: Dataset) -> None:
    st.query_params["dataset"] = dataset.id
    st.toast(t("{name} is ready.", name=escape(dataset.name)))
    st.rerun()


def _delete(dataset: Dataset) -> None:
    @st.dialog(t("Delete this dataset?"))
    def confirm() -> None:
        st.write(
            t(
                "**{name}** moves to the workspace's trash. Photos of a folder of yours stay where"
                " they are.",
                name=escape(dataset.name),
            )
        )
        if st.button(t("Delete"), type="primary", key="really_delete_dataset"):
            datasets.remove(dataset.id)
            st.query_params.pop("dataset", None)
            st.session_state.pop("chosen_dataset", None)
            st.rerun()

    if st.button(t("Delete …"), key="delete_dataset", icon=":material/delete:", type="tertiary"):
        confirm()


def _shown_on(bar: Any) -> datasets.Progress:
    def progress(done: int, total: int) -> None:
        bar.progress(min(done / max(total, 1), 1.0))

    return progress
