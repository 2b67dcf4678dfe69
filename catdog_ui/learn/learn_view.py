"""The Learn page: a chapter, a section of it, its demo, the ways to see it, its questions."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from catdog_core import runs
from catdog_core.analysis import comparability
from catdog_core.config import NO_AUGMENTATION, Augmentation
from catdog_core.data import datasets
from catdog_core.learn import example_histories
from catdog_core.learn.curriculum import (
    CHAPTERS,
    EXPRESS,
    SECTIONS,
    DemoLink,
    LinkNeeds,
    QuizQuestion,
    Section,
    find_chapter,
)
from catdog_core.learn.glossary import TERMS
from catdog_core.runs import model_registry

from .. import state, widgets
from ..augment import augment_controls
from ..data import source_widgets
from ..i18n import N_, t
from ..session import Lesson, page_state
from ..startup import guard, guarded_fragment
from ..train import form_requests, run_actions
from . import demos_labels, demos_network, demos_photos, glossary_view, learner_context
from .learner_context import LearnerContext

_CHAPTER = "learn_chapter"
"""The widget that chooses a chapter; the address holds the section alone."""
_GLOSSARY = "glossary"
_ICONS = {
    EXPRESS: ":material/timer:",
    "photos": ":material/photo_library:",
    "network": ":material/account_tree:",
    "training": ":material/model_training:",
    "augmentation": ":material/auto_awesome:",
    _GLOSSARY: ":material/menu_book:",
}


def show_learn() -> None:
    """Draw the page as its address says: ``?section=`` or ``?term=``."""
    done = _collect_done()
    section_id = st.query_params.get("section", "")
    term = st.query_params.get("term")
    section = SECTIONS.get(section_id) or next(iter(SECTIONS.values()))
    chapter = _GLOSSARY if term is not None else find_chapter(section.id)
    _show_chapters(chapter)
    if chapter == _GLOSSARY:
        glossary_view.show_glossary(term)
        return
    _show_section_pills(chapter, done)
    who = learner_context.choose_context(ask=section.needs == "nothing")
    with guard():
        _show_section(section, who)
    _show_neighbours(section)


def _show_chapters(now: str) -> None:
    names = {name: title for name, (title, _) in CHAPTERS.items()} | {_GLOSSARY: N_("Glossary")}
    st.session_state[_CHAPTER] = now
    widgets.choose_one(
        t("Chapter"),
        {name: f"{_ICONS[name]} {t(title)}" for name, title in names.items()},
        _CHAPTER,
        label_visibility="collapsed",
        on_change=_on_chapter,
        wrap=True,
    )


def _on_chapter() -> None:
    chapter = st.session_state[_CHAPTER]
    if chapter == _GLOSSARY:
        st.query_params["term"] = glossary_view.ALL_TERMS
    else:
        _open_section(CHAPTERS[chapter][1][0].id)


def _collect_done() -> set[str]:
    """The sections with all questions answered, now or earlier; they are kept in the address."""
    done = {name for name in st.query_params.get("done", "").split(".") if name in SECTIONS}
    done |= page_state().learn.finished_sections
    done |= {
        section.id
        for section in SECTIONS.values()
        if all(
            st.session_state.get(_question_key(section, number)) is not None
            for number in range(len(section.questions))
        )
    }
    page_state().learn.finished_sections = done
    if done:
        in_order = ".".join(name for name in SECTIONS if name in done)
        if st.query_params.get("done") != in_order:
            st.query_params["done"] = in_order
    return done


def _question_key(section: Section, number: int) -> str:
    return f"learn_quiz_{section.id}_{number}"


def _show_section_pills(chapter: str, done: set[str]) -> None:
    """The sections of a chapter, those that are done with a check mark, and how many they are."""
    sections = CHAPTERS[chapter][1]
    finished = sum(section.id in done for section in sections)
    st.progress(
        finished / len(sections),
        t("{n} of {total} sections done", n=finished, total=len(sections)),
    )
    if chapter == EXPRESS and finished == len(sections):
        st.success(
            t("You know the basics now. Train a model, or choose a topic to learn more about."),
            icon=":material/check_circle:",
        )
    state.choose_tab(
        {one.id: f"{'✓ ' if one.id in done else ''}{t(one.title)}" for one in sections},
        "section",
        draw=st.pills,
        label=t("Section"),
    )


def _open_section(section_id: str) -> None:
    st.query_params["section"] = section_id
    st.query_params.pop("term", None)


def _show_section(section: Section, who: LearnerContext) -> None:
    st.header(t(section.title), anchor=False)
    sides = st.grid(2, min_column_width=380, gap="large")
    with sides.container():
        st.markdown(t(section.text))
        _show_section_terms(section)
        _show_page_buttons(section, who)
    with sides.container(border=True):
        if _is_ready(section, who):
            guarded_fragment(DEMOS[section.id])(who)
    st.subheader(t("Check yourself"), anchor=False)
    with st.grid(2, min_column_width=320, gap="medium"):
        _show_quiz(section, who)


def _is_ready(section: Section, who: LearnerContext) -> bool:
    """Whether there is what the miniature shows; if not, say how to get it."""
    if section.needs == "dataset" and who.dataset is None:
        st.info(
            t("This part uses your photos. Creating the demo dataset takes a few seconds."),
            icon=":material/photo_library:",
        )
        source_widgets.demo_button("learn_demo_here", "secondary")
        return False
    if section.needs == "dataset" and who.dataset and not who.dataset.items("train"):
        st.info(
            t("This dataset has no training photos. Choose another one or restore some."),
            icon=":material/photo_library:",
        )
        return False
    if section.needs == "run" and who.run is None:
        available_datasets = datasets.list_datasets()
        st.info(
            t("This part uses your run. It appears after the first epoch."),
            icon=":material/model_training:",
        )
        if available_datasets:
            run_actions.quick_train_button(
                available_datasets[0] if who.dataset is None else who.dataset, "learn_train"
            )
        else:
            source_widgets.demo_button("learn_demo_here", "secondary")
        return False
    return True


def _show_section_terms(section: Section) -> None:
    links = []
    for name in section.terms:
        links.append(f"**{t(TERMS[name].name)}**: {t(TERMS[name].meaning)}")
    with st.expander(t("Terms in this section"), icon=":material/menu_book:"):
        st.markdown("\n".join(f"- {line}" for line in links))


def _show_neighbours(section: Section) -> None:
    """The sections before and after."""
    order = list(SECTIONS)
    index = order.index(section.id)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        for step, icon, side in ((-1, "arrow_back", "left"), (1, "arrow_forward", "right")):
            if 0 <= index + step < len(order):
                other = SECTIONS[order[index + step]]
                st.page_link(
                    "pages/8_Learn.py",
                    label=t(other.title),
                    icon=f":material/{icon}:",
                    icon_position=side,  # type: ignore[arg-type]
                    query_params=state.link_query(section=other.id),
                )


def _show_quiz(section: Section, learner: LearnerContext) -> None:
    """Draw the questions; right answers are not counted, and each may be answered again."""
    for number, question in enumerate(section.questions):
        _show_question(question, _question_key(section, number), learner)


def _show_question(question: QuizQuestion, key: str, learner: LearnerContext) -> None:
    with st.container(border=True, gap="small"):
        chosen = st.radio(
            t(question.text),
            range(len(question.options)),
            index=None,
            format_func=lambda index: t(question.options[index]),
            key=key,
            persist_state="session",
            width="stretch",
        )
        if chosen is None:
            return
        why = t(question.explanation, **example_histories.collect_example_facts())
        if example := learner_context.tell_example(question, learner):
            why = f"{why} {example}"
        if chosen == question.correct:
            st.success(t("Right. {why}", why=why), icon=":material/check_circle:")
        else:
            right = t(question.options[question.correct])
            st.info(
                t("Not quite. The answer is **{answer}**. {why}", answer=right, why=why),
                icon=":material/lightbulb:",
            )


_PAGES = {
    "data": ("pages/1_Data.py", ":material/photo_library:"),
    "augment": ("pages/2_Augment.py", ":material/auto_awesome:"),
    "train": ("pages/3_Train.py", ":material/model_training:"),
    "compare": ("pages/4_Compare.py", ":material/compare_arrows:"),
    "evaluate": ("pages/5_Evaluate.py", ":material/fact_check:"),
    "predict": ("pages/6_Predict.py", ":material/image_search:"),
    "export": ("pages/7_Export.py", ":material/ios_share:"),
}
"""By the names sections know them by: file and icon."""


def _show_page_buttons(section: Section, learner: LearnerContext) -> None:
    """One button for each way to see it; those that lack what they show are off."""
    st.caption(t("Try it with your data"))
    missing = {show.needs for show in section.demo_links if not _has(show.needs, learner)}
    if "run" in missing and learner.dataset is not None:
        st.caption(t("You have no run on this dataset yet. A short one takes about a minute."))
        run_actions.quick_train_button(learner.dataset, f"learn_train_{section.id}", "primary")
    elif missing:
        st.caption(t("This needs photos. Create the demo dataset first."))
    with st.container(horizontal=True):
        for number, show in enumerate(section.demo_links):
            if st.button(
                t(show.label),
                icon=_PAGES[show.page][1],
                type="secondary" if number or missing else "primary",
                disabled=show.needs in missing,
                key=f"learn_show_{section.id}_{number}",
            ):
                _open_page(show, section, learner)


def _has(needs: LinkNeeds, learner: LearnerContext) -> bool:
    """Whether there is what a button shows."""
    if needs == "run":
        return learner.run is not None
    if needs == "model" and not model_registry.list_models():
        return False
    return learner.dataset is not None


def _open_page(show: DemoLink, section: Section, learner: LearnerContext) -> None:
    """Set up the page a button leads to, and turn to it."""
    page_state().lesson = Lesson(section.id, show)
    if show.page == "augment" and show.augmentation is not None:
        augment_controls.fill_controls(_build_augmentation(show))
        page_state().augment.has_followed_address = True  # else its settings would replace these
    if show.page == "train" and show.training:
        form_requests.open_form(
            show.training,
            augmentation="keep" if show.augmentation is None else _build_augmentation(show),
            dataset=learner.dataset.id if learner.dataset is not None else "",
            announce=False,  # the lesson's note does
        )
    query = state.link_query(**_choose_query(show))
    run = learner.run
    if run is not None and (show.needs != "model" or run.best_model is not None):
        query["run"] = run.id
    elif show.needs == "model":
        query.pop("run", None)
    if show.page == "compare":
        query["runs"] = ",".join(_list_runs_to_compare(learner))
    if learner.dataset is not None:
        query["dataset"] = learner.dataset.id
    st.switch_page(_PAGES[show.page][0], query_params=query)


def _choose_query(show: DemoLink) -> dict[str, str]:
    """What the button says in the address; without more, the Train page opens at its form."""
    return {**({"tab": "new"} if show.page == "train" else {}), **show.query}


def _list_runs_to_compare(learner: LearnerContext) -> list[str]:
    """The ids of the learner's run and the newest others on its dataset that have a curve."""
    if learner.run is None:
        return []
    return [run.id for run in comparability.suggest_runs(runs.list_runs(), learner.run)]


def _build_augmentation(show: DemoLink) -> Augmentation:
    return NO_AUGMENTATION.model_copy(update=dict(show.augmentation or {}))


DEMOS: dict[str, Callable[[LearnerContext], None]] = {
    "photo-array": demos_photos.show_photo_array,
    "labels": demos_photos.show_labels,
    "batch": demos_photos.show_batch,
    "training": demos_network.show_training,
    "convolution": demos_network.show_convolution,
    "overfitting": demos_network.show_overfitting,
    "augmentation": demos_photos.show_augmentation,
    "validation": demos_photos.show_validation_photo,
    "little-data": demos_photos.show_little_data,
    "read-again": demos_photos.show_reading_time,
    "tfrecord": demos_photos.show_record,
    "rescale": demos_photos.show_rescaling,
    "squares": demos_photos.show_resizing,
    "wrong-labels": demos_labels.show_game,
    "pooling": demos_network.show_pooling,
    "dropout": demos_network.show_dropout,
    "network": demos_network.show_network_table,
    "sigmoid": demos_network.show_sigmoid,
    "loss": demos_network.show_loss,
    "class-mode": demos_photos.show_class_modes,
    "learning-rate": demos_network.show_learning_rate,
    "steps": demos_network.show_steps,
    "splits": demos_network.show_validation_split,
    "validation-above": demos_network.show_validation_above,
    "result": demos_network.show_result,
    "save": demos_network.show_saved_model,
    "shift-zoom": demos_photos.show_shift_and_zoom,
    "plausible": demos_photos.show_plausible_changes,
    "twin": demos_photos.show_paired_runs,
}
