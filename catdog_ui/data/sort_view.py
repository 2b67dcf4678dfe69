"""Sort photos on the Data page: a pile, whose predictions come first, the review, the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from catdog_core.analysis import sorting
from catdog_core.analysis.sorting import Guesses, SeenPhotos
from catdog_core.base import access, jobs
from catdog_core.base.errors import PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.jobs import Job
from catdog_core.data import allowed_roots, piles
from catdog_core.data.piles import Answer, Pile
from catdog_core.imaging import decode
from catdog_core.runs import RunRecord, model_registry

from .. import format_text, gallery, job_fragment, loaders, permissions, review, uploads, widgets
from ..i18n import N_, escape, t
from ..session import page_state
from ..startup import guard
from .source_widgets import choose_dataset, progress_bar, show_heading

_STARTS = {
    "model": N_("A model's predictions"),
    "groups": N_("Groups of similar photos"),
    "names": N_("Your own class names"),
}
_LOOKS = {
    "model": N_("Predict {n:,} photos"),
    "groups": N_("Group {n:,} photos"),
    "names": N_("Read {n:,} photos"),
}
_MOST_GROUPS, _SHOWN = 12, 8  # groups, and photos of one that are shown
_THUMBNAIL = 112  # pixels


def sort_card(_kind: str) -> None:
    """Draw the form for a new pile, and the piles there are."""
    show_heading(t("Sort unlabeled photos"))
    st.caption(
        t(
            "Add photos that have no labels yet. A model predicts them, or the lab groups"
            " similar ones. You answer by keyboard, and your answers improve the predictions."
        )
    )
    files = st.file_uploader(
        t("Photos, zips or tars"),
        accept_multiple_files=True,
        max_upload_size=uploads.register_upload_limit(),
        key="sort_files",
        **permissions.permission_kwargs("change data"),
    )
    widgets.explain_streamlit_words("files")
    with st.container(horizontal=True):
        folder = st.text_input(
            t("Or a folder on this machine"), key="sort_folder", placeholder=t("/home/me/photos")
        )
        name = st.text_input(
            t("Pile name"), key="sort_name", placeholder=t("My photos"), max_chars=60
        )
    if permissions.action_button(
        t("Start sorting"),
        "sort_start",
        "change data",
        icon="style",
        disabled=not (files or folder.strip()),
        type="primary",
    ):
        with guard(), st.spinner(t("Reading the photos…")):
            access.check_permission("change data")  # before any photo is read
            if files:
                pile = piles.create_pile_from_uploads(
                    [(file.name, file.getvalue()) for file in files],
                    name.strip() or t("My photos"),
                )
            else:
                path = allowed_roots.confine_path(Path(folder.strip()).expanduser())
                pile = piles.create_pile_from_folder(path, name.strip())
            _open(pile.id)
            st.rerun()
    known = piles.list_piles()
    if known:
        st.markdown(t("**Piles you've started**"))
    for pile in known:
        with st.container(horizontal=True, vertical_alignment="center"):
            answered = len(piles.read_answers(pile.id))
            text = t("{n:,} of {total:,} photos answered", n=answered, total=len(pile.photos))
            st.markdown(f"**{escape(pile.name)}**  :gray[{text}]", width="stretch")
            st.button(
                t("Continue"),
                icon=":material/play_arrow:",
                key=f"sort_open_{pile.id}",
                on_click=_open,
                args=(pile.id,),
            )


def _open(pile_id: str) -> None:
    st.query_params["pile"] = pile_id


def _close() -> None:
    st.query_params.pop("pile", None)


def show_chosen_pile() -> bool:
    """Draw the pile in the address in the place of datasets; return whether there is one."""
    pile_id = st.query_params.get("pile", "")
    if not pile_id:
        return False
    st.button(
        t("Back to datasets"), icon=":material/arrow_back:", key="sort_close", on_click=_close
    )
    with guard():
        _show_pile(piles.load_pile(pile_id))
    return True


def _show_pile(pile: Pile) -> None:
    """Draw the step a pile is at: the look at its photos, the names of groups, or the review."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(t("Sort “{name}”", name=escape(pile.name)), anchor=False, width="stretch")
        if permissions.action_button(
            t("Delete pile…"), "sort_delete", "change data", icon="delete", type="tertiary"
        ):
            st.dialog(t("Delete this pile?"))(_confirm_delete)(pile)
    seen, guesses = sorting.read_seen(pile.id), sorting.read_guesses(pile.id)
    job_key = f"look-{pile.id}"
    if seen is None or job_fragment.is_running(job_key):
        _choose_start(pile, job_key)
        return
    _say_left_out(seen)
    if guesses is None:
        _name_groups(pile, seen)
        return
    answers = piles.read_answers(pile.id)
    job = jobs.get_job(sorting.job_key(pile.id))
    job_fragment.show_job_error(job)
    # What is due now is learned already, or soon: also after a restart of the server.
    is_learning = sorting.is_due(guesses, answers) and (job is None or job.error is None)
    if is_learning:
        sorting.learn_in_background(pile.id)
    _show_record(guesses, answers)
    review.show_review(
        pile.id,
        {"pile": pile.id},
        pile.classes,
        sorting.build_queue(pile, guesses, answers),
        _finish,
        guesses.answers,
        is_learning,
    )
    _add_class(pile)
    _make_dataset(pile, guesses, answers)


def _confirm_delete(pile: Pile) -> None:
    st.markdown(
        t(
            "Your answers and the uploaded photos of **{name}** will be permanently deleted."
            " Datasets created from it stay, and so do photos in your own folder.",
            name=escape(pile.name),
        )
    )
    widgets.confirm_action("sort_delete", t("Delete"), _delete, pile.id)


def _delete(pile_id: str) -> None:
    with guard():
        piles.remove_pile(pile_id)
        _close()


def _finish() -> None:
    page_state().data.is_sorted = True  # what can be made of the answers comes into view


def _choose_start(pile: Pile, job_key: str) -> None:
    """Draw whose predictions come first, and the button that has the photos looked at."""
    if job_fragment.is_running(job_key):
        job_fragment.watch_job(job_key, partial(_draw_look, pile, job_key))
        return
    models = {run.id: run for run in model_registry.list_models()}
    starts = [key for key in _STARTS if key != "model" or models]
    start = st.segmented_control(
        t("Start with"),
        starts,
        format_func=lambda key: t(_STARTS[key]),
        default=starts[0],
        required=True,
        key=f"sort_start_{pile.id}",
    )
    run: RunRecord | None = None
    names: Sequence[str] = ()
    if start == "model":
        built_in = [model_registry.is_built_in(each) for each in models.values()]
        chosen = st.selectbox(
            t("Model"),
            list(models),
            index=built_in.index(True) if any(built_in) else 0,  # it has seen the most photos
            format_func=lambda key: truncate_for_display(format_text.model_name(models[key])),
            key=f"sort_model_{pile.id}",
            width=420,
        )
        run = models.get(chosen or "")
    elif start == "names":
        text = st.text_input(
            t("Class names, separated by commas"),
            key=f"sort_names_{pile.id}",
            placeholder=t("cats, dogs"),
            width=420,
        )
        names = [name.strip() for name in text.split(",") if name.strip()]
    is_ready = run is not None or start == "groups" or len(names) > 1
    look = partial(_draw_look, pile, job_key, start=start, run=run, names=names, is_ready=is_ready)
    job_fragment.watch_job(job_key, look)


def _draw_look(
    pile: Pile,
    job_key: str,
    job: Job | None,
    start: str = "names",
    run: RunRecord | None = None,
    names: Sequence[str] = (),
    is_ready: bool = False,
) -> None:
    if job is not None and job.status == "running":
        text = t("{done:,} of {n:,}", done=job.done, n=job.total) if job.total else ""
        job_fragment.progress_row(job, text or t("Loading the model…"), f"stop_{job_key}")
        return
    job_fragment.show_job_error(job)
    permissions.action_button(
        t(_LOOKS[start], n=len(pile.photos)),
        f"start_{job_key}",
        "change data",
        job_fragment.start_job,
        job_key,
        partial(loaders.look_at_pile, pile.id, run, names),
        icon="play_arrow",
        disabled=not is_ready,
        type="primary",
    )


def _say_left_out(seen: SeenPhotos) -> None:
    if seen.unreadable or seen.copies:
        st.caption(
            t(
                "Left out: {unreadable:,} unreadable files and {copies:,} copies of other photos.",
                unreadable=len(seen.unreadable),
                copies=len(seen.copies),
            )
        )


def _name_groups(pile: Pile, seen: SeenPhotos) -> None:
    """Draw groups of similar photos with a field for the name of each."""
    st.markdown(
        t(
            "Name each group by what most of its photos show. Groups with the same name become"
            " one class. Photos in a group without a name get no prediction."
        )
    )
    most = min(_MOST_GROUPS, len(seen.files))
    count = 2
    if most > 2:
        count = st.slider(t("Groups"), 2, most, min(4, most), key=f"sort_groups_{pile.id}")
    groups, share = sorting.group_photos(seen.features, min(count, most))
    names = []
    for group in range(min(count, most)):
        rows = np.flatnonzero(groups == group)
        with st.container(border=True):
            _show_group(pile, [seen.files[row] for row in rows[np.argsort(-share[rows])]][:_SHOWN])
            names.append(
                st.text_input(
                    t("Name of group {number} ({n:,} photos)", number=group + 1, n=len(rows)),
                    key=f"sort_group_{pile.id}_{count}_{group}",
                    max_chars=60,
                    width=360,
                ).strip()
            )
    if permissions.action_button(
        t("Use these names"),
        "sort_use_names",
        "change data",
        icon="check",
        disabled=len({name for name in names if name}) < 2,
        type="primary",
    ):
        with guard():
            guesses = sorting.name_groups(seen, names, groups, share)
            piles.set_classes(pile.id, guesses.classes)
            sorting.write_guesses(pile.id, guesses, "first")
            sorting.write_guesses(pile.id, guesses)
            st.rerun()


def _show_group(pile: Pile, files: Sequence[str]) -> None:
    pictures, names = [], []
    for file in files:
        photo = gallery.fitted_photo(pile.path(file), _THUMBNAIL)
        if not isinstance(photo, PhotoError):
            pictures.append(decode.encode_photo(photo))
            names.append(truncate_for_display(file, 60))
    gallery.image_grid(pictures, columns=_SHOWN, alts=names, tooltips=names)


def _show_record(guesses: Guesses, answers: Sequence[Answer]) -> None:
    """Say how good the predictions were so far, and how that is measured."""
    record = sorting.record_guesses(answers)
    goal = round(sorting.TARGET * sorting.WINDOW)
    if record.counted:
        low, high = record.interval
        lines = [
            t(
                "{right} of the last {n} predictions were right ({low:.0%} to {high:.0%}).",
                right=record.right,
                n=record.counted,
                low=low,
                high=high,
            )
        ]
    else:
        lines = [t("Answer some photos to see how accurate the predictions are.")]
    if record.reached is not None:
        lines.append(
            t(
                "After {n} answers, {goal} of {window} predictions were right.",
                n=record.reached,
                goal=goal,
                window=sorting.WINDOW,
            )
        )
    if guesses.source == "answers":
        lines.append(t("The predictions are based on {n} answers.", n=guesses.answers))
    st.markdown(" ".join(lines))
    st.caption(
        t(
            "Predictions are updated after every {every} answers. This counts the predictions"
            " made before your last {window} answers, with a 95% confidence interval. The least"
            " certain photos come first, so predictions for the others are right more often.",
            every=sorting.RETRAIN_EVERY,
            window=sorting.WINDOW,
        )
    )


def _add_class(pile: Pile) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            t("Another class"), key=f"sort_class_{len(pile.classes)}", max_chars=60, width=260
        )
        if permissions.action_button(
            t("Add class"), "sort_add_class", "change data", icon="add", disabled=not name.strip()
        ):
            with guard():
                piles.set_classes(pile.id, [*pile.classes, name])
                st.rerun()


def _make_dataset(pile: Pile, guesses: Guesses, answers: Sequence[Answer]) -> None:
    """Draw what becomes of the answers, and the button that makes a dataset of them."""
    with st.container(border=True, key="sort_dataset"):
        st.markdown(t("**Create a dataset**"))
        least: float | None = None
        if guesses.source in ("model", "answers") and st.toggle(
            t("Add predictions for unanswered photos"), key=f"sort_more_{pile.id}"
        ):
            percent = st.slider(
                t("Minimum confidence"), 50, 99, 90, format="%d%%", key=f"sort_least_{pile.id}"
            )
            least = percent / 100
        labels = sorting.choose_labels(guesses, answers, least)
        counts = [(name, sum(each == name for each in labels.values())) for name in pile.classes]
        st.markdown(" · ".join(f"{escape(name)} {count:,}" for name, count in counts))
        name = st.text_input(
            t("Dataset name"), pile.name, max_chars=60, key=f"sort_title_{pile.id}", width=360
        )
        st.caption(
            t(
                "A quarter of each class becomes validation photos, and similar photos stay"
                " together. You can split again later."
            )
        )
        if permissions.action_button(
            t("Create dataset"),
            "sort_make",
            "change data",
            icon="add",
            type="primary",
            disabled=sum(count > 1 for _, count in counts) < 2,
        ):
            with guard():
                with progress_bar(t("Saving…")) as tell:
                    dataset = piles.make_dataset(pile, labels, name, progress=tell)
                _close()
                choose_dataset(dataset)
    if page_state().data.is_sorted:
        page_state().data.is_sorted = False
        widgets.scroll_into_view("sort_dataset")
