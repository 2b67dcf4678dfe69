"""What a section of the Learn page is made of: words, a way to see it happen, questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Needs = Literal["nothing", "dataset", "run"]
Page = Literal["data", "augment", "train", "compare", "evaluate", "predict", "export"]


@dataclass(frozen=True)
class Show:
    """A button that shows a thing happening, with the learner's own data.

    Attributes:
        label: what happens on a click; a message id.
        page: where it leads.
        query: what the address of that page says, beside the chosen dataset and run.
        training: fields of the Train form that are filled in first.
        augmentation: fields of the augmentation that differ from none; on the Train page they are
            what the training uses, on the Augment page what its controls are set to.
        state: other choices on that page, by their names.
    """

    label: str
    page: Page
    query: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Mapping[str, Any] | None = None
    state: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """A question with its answers, all message ids; `because` may hold fields of `own_numbers`.

    Attributes:
        text: the question.
        options: what may be answered.
        right: the place of the right one, from 0.
        because: why it is right, told with the learner's own numbers.
    """

    text: str
    options: tuple[str, ...]
    right: int
    because: str


@dataclass(frozen=True)
class Section:
    """One thing to learn.

    Attributes:
        id: its name in the address.
        title: a message id, as `text`.
        text: the explanation, two to four sentences of Markdown.
        needs: what its miniature is made of.
        shows: the buttons to where it happens.
        terms: ids of the glossary.
        questions: two or three.
    """

    id: str
    title: str
    text: str
    needs: Needs
    shows: tuple[Show, ...]
    terms: tuple[str, ...]
    questions: tuple[Question, ...]
