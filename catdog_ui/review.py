"""The component for a review by keyboard or taps: a queue of photos, and the way of decisions.

The browser shows the next photo without asking the server, and sends what was decided to the
routes of `catdog_core.server.review`: a rerun of the page for each key would take too long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from catdog_core.analysis.review_queue import ReviewPhoto
from catdog_core.base.files import ASSETS
from catdog_core.base.palette import class_color
from catdog_core.server import review

from . import camera, permissions
from .i18n import language, say, t

_component = st.components.v2.component(
    "catdog_review", js=(ASSETS / "review.js").read_text("utf-8"), isolate_styles=False
)


def show_review(
    key: str,
    about: Mapping[str, str],
    classes: Sequence[str],
    photos: Sequence[ReviewPhoto],
    on_finish: Callable[[], None],
    guess_round: int = 0,
    is_learning: bool = False,
) -> None:
    """Draw a review.

    Args:
        key: of the queue; another one begins anew. What is the same goes on where it was.
        about: what the photos belong to, as the routes take it, such as ``{"dataset": id}``.
        classes: class names in label order.
        photos: in the order of the review.
        on_finish: called when the user has finished.
        guess_round: how many answers the guesses have learned from; newer ones come by the routes.
        is_learning: whether newer guesses are being made.
    """
    refusal = permissions.find_refusal("change data")
    photo_request = camera.request_data(review.PHOTO_PATH)
    _component(
        key=f"review_{'_'.join(about.values())}",
        data={
            "key": key,
            "name": "/".join(about.values()),
            "about": dict(about),
            "lang": language(),
            "photoUrl": photo_request["url"],
            "sendUrl": camera.request_data(review.DECISIONS_PATH)["url"],
            "headers": photo_request["headers"],
            "readOnly": say(refusal) if refusal else "",
            "classes": [
                {"name": name, "color": class_color(label)} for label, name in enumerate(classes)
            ],
            "photos": [photo.to_row() for photo in photos],
            "round": guess_round,
            "isLearning": is_learning,
            "texts": _sentences("pile" in about),
        },
        on_finished_change=on_finish,
        on_changed_change=_do_nothing,  # the rerun shows what the routes have changed
        on_renew_change=_do_nothing,  # the rerun brings a new ticket
    )


def _do_nothing() -> None:
    pass


def _sentences(is_pile: bool) -> dict[str, str]:
    """What the component says; fields in braces are filled in there."""
    return {
        "progress": t("Reviewed photos"),
        "photo": t("Photo to review"),
        "classes": t("Classes"),
        "actions": t("Decisions"),
        "search": t("Find a class"),
        "count": t("{n} of {total} reviewed"),
        "label": t("Label {name}"),
        "unlabeled": t("No label yet"),
        "guess": t("Prediction {name} {certainty}"),
        "group": t("Group {name}"),
        "guessHint": t("predicted {certainty}"),
        "keepState": t("Kept"),
        "relabelState": t("Relabeled"),
        "excludeState": t("Excluded"),
        "beforeState": t("Reviewed before"),
        "loading": t("Loading the photo…"),
        "previous": t("Previous"),
        "keep": t("Accept") if is_pile else t("Keep"),
        "exclude": t("Exclude"),
        "undo": t("Undo"),
        "next": t("Next"),
        "keys": t("Keys"),
        "space": t("Space"),
        "keyClass": t("Choose the class with this number or letter"),
        "keyKeep": t("Keep the label, or accept the prediction if there's no label"),
        "keyExclude": t("Exclude the photo"),
        "keyUndo": t("Undo your last decision"),
        "keyMove": t("Move without deciding"),
        "keyHelp": t("Show or hide the keys"),
        "keepDone": t("Kept"),
        "excludeDone": t("Excluded"),
        "relabeled": t("Labeled {name}"),
        "undone": t("Undone"),
        "nothing": t("There's nothing to undo."),
        "saved": t("All decisions are saved."),
        "saving": t("Saving: {n}"),
        "late": t("Not saved yet: {n}. This browser keeps them and tries again."),
        "finished": t("You've reviewed all photos in this list."),
        "empty": t("There are no photos in this list."),
        "finish": t("Finish review"),
    }
