"""The game of the Learn page: plant wrong labels, find them, and see what they cost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from catdog_core.base.errors import PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.palette import class_color
from catdog_core.data.datasets import Dataset

from .. import gallery, job_fragment, loaders
from ..data import edit_actions
from ..i18n import t
from ..session import page_state
from .learner_context import LearnerContext

if TYPE_CHECKING:
    from catdog_core.learn.planted_errors import PlantedErrors, ShownPhoto

_CARD = 100  # pixels of a photo to mark, at least


def show_game(who: LearnerContext) -> None:
    """A round of the game: photos to mark, then what the list found, and the cost."""
    assert who.dataset is not None
    st.markdown(
        t(
            "Plant wrong labels on 5% of your training photos, find them, and see what they cost. "
            "Your dataset doesn't change."
        )
    )
    seed = page_state().learn.planted_seed
    st.button(
        t("Plant again") if seed else t("Plant wrong labels"),
        icon=":material/shuffle:",
        key="learn_plant",
        on_click=_begin_round,
    )
    if not seed:
        return
    dataset = who.dataset
    planted = job_fragment.background_result(
        "planted",
        (dataset.id, dataset.fingerprint, seed),
        partial(loaders.plant_errors, dataset, seed),
        len(dataset.items()),
        0,
        t("Comparing photos…"),
    )
    if planted is None:
        return
    marked = _mark_photos(dataset, planted, seed)
    st.button(
        t("Show answers"),
        type="primary",
        key=f"learn_answers_{dataset.id}_{seed}",
        on_click=_reveal,
        args=(dataset.id, seed),
    )
    if page_state().learn.revealed_round == (dataset.id, seed):
        _show_answers(planted, marked)


def _begin_round() -> None:
    page_state().learn.planted_seed += 1


def _reveal(dataset_id: str, seed: int) -> None:
    page_state().learn.revealed_round = (dataset_id, seed)


def _mark_photos(dataset: Dataset, planted: PlantedErrors, seed: int) -> list[ShownPhoto]:
    """Draw the photos with their labels and a box each; return those that are marked."""
    st.caption(t("Mark the photos with a wrong label."))
    is_revealed = page_state().learn.revealed_round == (dataset.id, seed)
    marked = []
    with st.grid(min_column_width=_CARD, gap="small"):
        for number, shown in enumerate(planted.shown):
            label = truncate_for_display(dataset.classes[shown.label], 30)
            with st.container(gap="xsmall"):
                answer = t("planted") if shown.is_planted else t("not planted")
                _show_photo(dataset, shown, [label, answer] if is_revealed else [label])
                if st.checkbox(
                    t("Photo {n}", n=number + 1),
                    key=f"learn_mark_{dataset.id}_{seed}_{number}",
                    disabled=is_revealed,
                ):
                    marked.append(shown)
    return marked


def _show_photo(dataset: Dataset, shown: ShownPhoto, lines: list[str]) -> None:
    path = dataset.root / shown.file
    thumbnail = edit_actions.load_thumbnail(path, str(path), gallery.file_version(path))
    if not isinstance(thumbnail, PhotoError):
        gallery.image_grid(
            [thumbnail[0]],
            captions=["\n".join(lines)],
            columns=1,
            colors=[class_color(shown.label)],
        )


def _show_answers(planted: PlantedErrors, marked: list[ShownPhoto]) -> None:
    total = sum(shown.is_planted for shown in planted.shown)
    found = sum(shown.is_planted for shown in marked)
    gallery.metric_row(
        [
            (t("You found"), f"{found} / {total}"),
            (t("The check found"), f"{planted.found} / {planted.planted}"),
            (t("Precision of the check"), f"{planted.precision:.0%}"),
            (t("Accuracy with right labels"), f"{planted.clean_accuracy:.1%}"),
            (t("Accuracy with wrong labels"), f"{planted.planted_accuracy:.1%}"),
        ]
    )
    st.markdown(
        t("{n} photos you marked have the right label.", n=len(marked) - found)
        + " "
        + t(
            "The label check marked {n:,} of {total:,} photos.",
            n=planted.listed,
            total=planted.photos,
        )
        + " "
        + _describe_cost(planted)
    )
    st.caption(
        t(
            "Accuracy is measured on {n:,} photos with right labels, after training the last "
            "layer of a pretrained network.",
            n=planted.held_out,
        )
    )


def _describe_cost(planted: PlantedErrors) -> str:
    lost = round((planted.clean_accuracy - planted.planted_accuracy) * planted.held_out)
    if lost > 0:
        return t("The wrong labels cost {n:,} right predictions.", n=lost)
    return t(
        "Here, the wrong labels don't reduce the right predictions. A network with more weights"
        " would fit them more closely."
    )
