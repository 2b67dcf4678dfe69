"""The questions of a section: an answer, at once whether it is right, and why in own numbers."""

from __future__ import annotations

import streamlit as st

from catdog_core.learn.section import Question, Section

from ..words import t
from .learner import Learner, escaped


def show(section: Section, learner: Learner) -> None:
    """Draw the questions; none is counted, and each may be answered again."""
    for number, question in enumerate(section.questions):
        _ask(question, f"learn_quiz_{section.id}_{number}", learner)


def _ask(question: Question, key: str, learner: Learner) -> None:
    with st.container(border=True, gap="small"):
        chosen = st.radio(
            t(question.text),
            range(len(question.options)),
            index=None,
            format_func=lambda place: t(question.options[place]),
            key=key,
            persist_state="session",
            width="stretch",
        )
        if chosen is None:
            return
        why = t(question.because, **escaped(learner.facts))
        if chosen == question.right:
            st.success(t("Right. {why}", why=why), icon=":material/check_circle:")
        else:
            right = t(question.options[question.right])
            st.info(
                t("Not quite: **{answer}**. {why}", answer=right, why=why),
                icon=":material/lightbulb:",
            )
