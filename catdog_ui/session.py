"""What pages keep between two runs of their script, and share: one typed object a session.

Streamlit runs a page's script from top to bottom at every click. `st.session_state` outlives that,
but it holds two kinds of things. The value of a widget stands there under the widget's key, and
Streamlit removes it once a run did not draw the widget, as on another page, unless the widget was
drawn with ``persist_state="session"``. Everything else that pages remember is a field of
`PageState`, which is stored under one key of ours, so it stays until the session ends.

Keys of widgets that other modules set before the widget is drawn are constants here; those of one
module are constants there.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import streamlit as st

if TYPE_CHECKING:
    from pathlib import Path

    from catdog_core.analysis.history_columns import ColumnNames
    from catdog_core.analysis.history_formats import HistoryFile
    from catdog_core.analysis.label_errors import LabelErrors
    from catdog_core.analysis.review_queue import ReviewQueue
    from catdog_core.base.access import Role
    from catdog_core.base.errors import CatDogError, SettingsError
    from catdog_core.base.messages import Message
    from catdog_core.config import Augmentation
    from catdog_core.data.audit import Finding
    from catdog_core.data.dataset_plan import FolderReading
    from catdog_core.data.edits import DatasetEdit
    from catdog_core.data.photo_domain import Domain
    from catdog_core.data.preview import Preview
    from catdog_core.export.bundle_import import ImportedBundle
    from catdog_core.learn.curriculum import DemoLink

AUGMENTATION_CHOICE_KEY = "train_augment"
"""Widget of the Train page: which augmentation trains: "off", "notes", "recipe" or "mine"."""


@dataclass
class VisitorState:
    """Who sits before the page, in a lab that several people share."""

    name: str = ""
    """The name the visitor gave, empty for none."""
    role: Role | None = None
    """The role a code gave."""
    role_code_hash: str = ""
    """The hash of that code: where the role has another code by now, it is given no more."""


@dataclass
class TrashState:
    """What was deleted last, and why something could not be put back."""

    last_deleted: str = ""
    """The id of what was deleted last in the trash; empty for nothing to undo."""
    page: str = ""
    """The title of the page that offers to undo it; empty until one does."""
    errors: dict[str, CatDogError] = field(default_factory=dict)
    """Errors to show once, by the part of the page that shows them."""


@dataclass(frozen=True)
class LastEdit:
    """The edit of a dataset that was made last, or taken back last."""

    dataset_id: str
    change: DatasetEdit
    undone: bool


@dataclass(frozen=True)
class ExpanderState:
    """How an expander was drawn last: Streamlit takes one with another label for a new one."""

    label: str
    expanded: bool
    """What Streamlit was told when this label was drawn first."""
    is_open: bool


Inspections = dict[tuple[str, str], "Preview | CatDogError"]
"""What was found in uploaded files, by the encoding and the label column chosen for them."""


@dataclass
class DataState:
    """The Data page."""

    inspected_upload: tuple[tuple[str, ...], Inspections] | None = None
    """The ids of an uploaded folder's files, and what is in it or why it is refused."""
    awaited_jobs: set[str] = field(default_factory=set)
    """Keys of the downloads this session began, whose end it wants to see."""
    edit_error: CatDogError | None = None
    """Why an edit failed, to show once."""
    last_edit: LastEdit | None = None
    """The edit to describe, with the button that takes it back."""
    expanders: dict[str, ExpanderState] = field(default_factory=dict)
    """By the expander's key."""
    findings: dict[Hashable, list[Finding]] = field(default_factory=dict)
    """Findings of audits, by what the dataset was like when it was audited."""
    label_checks: dict[str, int] = field(default_factory=dict)
    """How often the labels of a dataset were asked to be checked, by its id."""
    label_errors: dict[str, LabelErrors] = field(default_factory=dict)
    """What the last check of its labels found, by the dataset's id; edits don't change it."""
    batch_seed: int = 0
    """Seed of the batch that is shown."""
    inspected_folder: tuple[Path, FolderReading, Preview] | None = None
    """The folder that was looked into, how it was read, and what is in it."""
    inspected_archives: tuple[tuple[str, ...], Inspections] | None = None
    """The ids of the uploaded archives, and what is in them or why they are refused."""
    review: tuple[Hashable, ReviewQueue] | None = None
    """What is reviewed, and its photos as they were when the review began."""
    is_sorted: bool = False
    """Whether the review of a pile was finished, and its dataset is to come into view."""
    imported_url: str = ""
    """The URL this session imports, which may need an answer before it can be."""
    photos_by_class: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    """Uploaded photos that become a dataset: file names and bytes, by the name of their class."""
    upload_round: int = 0
    """Part of the upload fields' keys: another number makes empty fields."""
    recording_error: CatDogError | None = None
    """Why a change of the recording in progress failed, to show once."""
    counts_before_split: tuple[float, dict[str, dict[str, int]]] | None = None
    """When photos were divided anew, in seconds since 1970, and the counts before, by split and
    class."""


@dataclass
class AugmentState:
    """The Augment page."""

    photo_index: int = 0
    """Position among the training photos, counted on without end."""
    seed: int = 0
    """Seed of the variants that are drawn."""
    has_followed_address: bool = False
    """Whether the settings of the address were taken over, which happens once a session."""
    refused_link: tuple[list[SettingsError], Augmentation] | None = None
    """What was wrong in the address, and the settings it led to; shown until these change."""
    preset_error: CatDogError | None = None
    """Why a preset could not be saved, deleted or read, to show once."""
    preset_to_delete: str = ""
    """The id of the preset whose deletion has to be confirmed; empty for none."""


@dataclass(frozen=True)
class FormRequest:
    """What the form of a new training is to be filled with when it is drawn next.

    Attributes:
        values: fields of `Training` by name; a "model" brings its whole recipe.
        augmentation: None for none, "keep" to leave it as it is.
        run: the id, or folder, of a run whose settings come first.
        announce: whether the form says what was filled in.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Augmentation | Literal["keep"] | None = "keep"
    run: str = ""
    announce: bool = True


@dataclass
class TrainState:
    """The Train page's form, much of which other pages fill in."""

    form_request: FormRequest | None = None
    """What another page or tab asks the form to be filled with, see `form_requests.open_form`."""
    notice: str = ""
    """What was filled in, translated; said above the form until it is reset or started."""
    has_changed_folded: bool = False
    """Whether that includes settings that are folded away, which are unfolded then."""
    followed_visit: int = 0
    """The `PageState.visit` at which the form followed the address last."""
    known_address: dict[str, str] = field(default_factory=dict)
    """The form's parameters of the address as this session last wrote or followed them."""
    refused_link: list[SettingsError] = field(default_factory=list)
    """What was wrong in the address, to show once."""
    form_token: str = field(default_factory=lambda: uuid4().hex)
    """Belongs to the form as it is; a start uses it up, so that a second click finds another."""
    start_requested: tuple[str, str] | None = None
    """The key of the button that was pressed and its token, until the run is there."""
    run_to_start: str = ""
    """The id of the run that was just created, until its process is started."""
    announced_run: str = ""
    """The id of the run that was just started, to say once."""
    parent_run: str = ""
    """The id of the run whose weights the next training begins with; empty for random ones."""
    filled_recipe: str = "notes"
    """The model whose recipe was filled in last; another one in the form fills in its own."""
    augmentation: Augmentation | None = None
    """The augmentation taken over from the Augment page or from a copied run."""


@dataclass(frozen=True)
class PendingHistory:
    """An uploaded training history of which some columns aren't known.

    `files` are what was uploaded, the next three are what the form said. `columns` are all columns,
    `found` those that are known by what they are, `missing` the metrics without one.
    """

    files: tuple[HistoryFile, ...]
    name: str
    classes: int
    photos: int
    columns: tuple[str, ...] = ()
    found: ColumnNames = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass
class CompareState:
    """The Compare page."""

    filled_recipe: str = ""
    """The model whose learning rate was filled into the form of a new group last."""
    followed_visit: int = 0
    """The visit whose address has filled that form, see `PageState.visit`."""
    imported_history: str = ""
    """The name of the history that was just imported, to say once."""
    import_notes: list[Message] = field(default_factory=list)
    """What was understood or changed in it, to say once."""
    pending_history: PendingHistory | None = None
    """The uploaded history for which the user has to choose columns."""
    repeat_error: CatDogError | None = None
    """Why a run could not be repeated with other seeds, to show once."""
    repeat_started: str = ""
    """The id of the group of other seeds that was just started, until it is opened."""
    picked_runs: dict[str, list[str]] = field(default_factory=dict)
    """Ids of the runs picked on a chart of parallel coordinates, by the chart's part of the page;
    the chart itself forgets them when it is drawn anew."""


@dataclass
class EvaluateState:
    """The Evaluate page."""

    chosen_files: dict[str, dict[str, None]] = field(default_factory=dict)
    """By list: the files ticked in it, in order; a dict as an ordered set."""
    run_to_compare: str = ""
    """The id of the run that was to be trained again, which the new one is compared with."""
    import_error: CatDogError | None = None
    """Why a model file was not taken, to show once."""
    known_address: dict[str, str] = field(default_factory=dict)
    """The parameters of the address as this session last wrote or followed them."""
    is_cell_clicked: bool = False
    """Whether a cell of the matrix was clicked whose photos are to be brought into view."""


@dataclass(frozen=True)
class InputPhoto:
    """A photo to ask about: `key` tells it apart from others, `truth` is empty when unknown.

    `domain` is None where nobody knows whether it is a photo or drawn.
    """

    name: str
    key: str
    data: bytes
    truth: str = ""
    domain: Domain | None = None


@dataclass
class PredictState:
    """The Predict page."""

    pasted_photos: list[InputPhoto] = field(default_factory=list)
    """Photos from the clipboard."""
    frozen_frames: list[InputPhoto] = field(default_factory=list)
    """Frames of the live camera that were frozen, the newest first."""
    samples: str = ""
    """Where the photos to try come from, as the address says it; empty for nowhere."""
    asks_built_in: bool = False
    """Whether the built-in model's answers stand beside those of the chosen model."""


@dataclass
class LearnState:
    """The Learn page."""

    photo_index: int = 0
    """Position among the training photos, counted on without end."""
    dropout_seed: int = 0
    """Which step of a training the dropout demo shows."""
    finished_sections: set[str] = field(default_factory=set)
    """Ids of the sections of which every question is answered."""
    planted_seed: int = 0
    """Which round of the game with wrong labels is played; 0 before the first."""
    revealed_round: tuple[str, int] | None = None
    """The dataset's id and the round of that game of which the answers are shown."""
    tiny_network_seed: int = 0
    """Which random weights the demo of a tiny network starts from."""


@dataclass
class Lesson:
    """A section of the Learn page whose button opened another page."""

    section: str
    """Its id."""
    link: DemoLink
    """What the button has set there."""
    is_shown: bool = False
    """Whether that page has said so."""


@dataclass
class BackgroundSlot:
    """The work of one kind that a session has going on in the background, or its result."""

    requested: Hashable = None
    """What the running job works for."""
    finished: Hashable = None
    """What `result` and `error` are of; None while there is neither."""
    result: Any = None
    error: Exception | None = None


@dataclass
class PageState:
    """All that pages keep and share beside the values of widgets."""

    session_id: str = field(default_factory=lambda: uuid4().hex)
    """Tells the background jobs of this session from those of others."""
    ticket: str = ""
    """What the page's scripts use routes with, see `permissions.issue_ticket`; empty at first."""
    language: str = ""
    """The code of the session's language; empty before the first page."""
    known_address: dict[str, str] = field(default_factory=dict)
    """Dataset, run, runs and group, by their names in the address, as this session last knew
    them."""
    page_title: str = ""
    """The page the session looks at."""
    visit: int = 0
    """Counts how often another page was opened: tells an arrival from a click on the page."""
    led_by: set[str] = field(default_factory=set)
    """Names of the ids that the address brought to this page anew: a link led to them."""
    address_notes: dict[str, str] = field(default_factory=dict)
    """What was wrong in the address of that page, by the parameter it is said of."""
    lesson: Lesson | None = None
    """The lesson that the page was opened from; another page forgets it."""
    visited_pages: set[str] = field(default_factory=set)
    """Titles of the pages that were opened."""
    tour_step: int | None = None
    """Index of the step the tour of the Home page is at, -1 where it is closed; None before the
    first visit."""
    tour_done: int = 0
    """How many of its steps were done when it was drawn last."""
    imported_bundle: tuple[str, ImportedBundle] | None = None
    """The id of the uploaded file on the Export page, and the run it became."""
    background: dict[str, BackgroundSlot] = field(default_factory=dict)
    """Background work by its slot, see `job_fragment.background_result`."""
    visitor: VisitorState = field(default_factory=VisitorState)
    trash: TrashState = field(default_factory=TrashState)
    data: DataState = field(default_factory=DataState)
    augment: AugmentState = field(default_factory=AugmentState)
    train: TrainState = field(default_factory=TrainState)
    compare: CompareState = field(default_factory=CompareState)
    evaluate: EvaluateState = field(default_factory=EvaluateState)
    predict: PredictState = field(default_factory=PredictState)
    learn: LearnState = field(default_factory=LearnState)


PAGE_STATE_KEY = "page_state"
"""The one key of `st.session_state` that is no widget's."""


def page_state() -> PageState:
    """Return the session's `PageState`, a new one at the first call.

    Change its fields in place; a change is kept even where the run of the page is broken off.
    """
    stored = st.session_state.get(PAGE_STATE_KEY)
    if not isinstance(stored, PageState):
        # None yet, or one of the class as it was before its source was edited and loaded anew: it
        # may lack fields, so the session begins with a fresh one.
        stored = st.session_state[PAGE_STATE_KEY] = PageState()
    return stored
