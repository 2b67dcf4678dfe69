"""What may be said of a training: the verdicts, remarks and next steps, and how they are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import N_

Kind = Literal["overfitting", "underfitting", "healthy", "diverged", "too_short"]


@dataclass(frozen=True)
class Said:
    """A sentence: a message of the catalogue and its values. `id` names it for programs."""

    id: str
    message: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message.format(**self.params)


@dataclass(frozen=True)
class Verdict:
    """What happened in a training.

    Attributes:
        kind: the verdict in one word; "too_short" also where the validation photos are too few.
        message: the sentence that tells it, a message of the catalogue.
        params: values of the sentence; epochs in it count from 1, as people see them.
        since: for overfitting, the epoch, from 0, after which nothing was won any more.
        numbers: what the verdict rests on, by name; see `diagnose.diagnose`.
        remarks: what else is worth knowing, such as why validation beats training.
        steps: what to try next, the most promising first.
    """

    kind: Kind
    message: str
    params: Mapping[str, Any] = field(default_factory=dict)
    since: int | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    remarks: tuple[Said, ...] = ()
    steps: tuple[Said, ...] = ()

    def __str__(self) -> str:
        return self.message.format(**self.params)


NO_EPOCHS = N_("No epoch has ended yet: there is nothing to judge.")
SHORT = N_("Only {n} of at least {least} epochs so far: too short to tell a trend from chance.")
FEW_PHOTOS = N_(
    "Only {n} validation photos: each is worth {points:.1f} points of accuracy, too much to tell"
    " a trend from chance."
)
BROKE = N_(
    "It diverged in epoch {epoch}: the loss became no number any more. The steps were too large."
)
BLEW_UP = N_(
    "It diverged: the training loss rose from {low:.2f} in epoch {epoch} to {end:.2f}; guessing"
    " alone would give {guess:.2f}. The steps were too large."
)
THROWN = N_(
    "It diverged: the loss shot up to {high:.2f} in epoch {epoch}, and since then the network only"
    " guesses. The steps were too large."
)
COLLAPSED = N_(
    "It diverged: in epoch {epoch} the training accuracy was {high:.1%}, at the end it is"
    " {end:.1%}, hardly better than guessing. The steps were too large."
)
RISING = N_(
    "It overfits since epoch {epoch}: validation loss is up {rise:.2f} from its best"
    " ({best:.2f} to {end:.2f}) while training loss fell from {train_then:.2f} to {train_now:.2f}."
)
STANDING = N_(
    "It overfits since epoch {epoch}: training loss fell on from {train_then:.2f} to"
    " {train_now:.2f}, and validation loss has stood still near {end:.2f}. What it learns since"
    " holds for the training photos only."
)
NOTHING = N_(
    "It underfits: after {n} epochs it has learnt next to nothing. Training accuracy is"
    " {train:.1%}, and guessing gives {guess:.0%}."
)
LOW = N_(
    "It underfits: training accuracy has levelled off at {train:.1%} and validation accuracy at"
    " {validation:.1%}. It does not even fit the photos it learns from."
)
LEVEL = N_(
    "Healthy: training and validation have levelled off close together, at {train:.1%} and"
    " {validation:.1%}."
)
LEARNING = N_(
    "Healthy, and not finished: within the last {n} epochs training loss still fell from"
    " {train_then:.2f} to {train_now:.2f}, and validation loss went from {then:.2f} to {now:.2f}."
)
APART = N_(
    "Healthy so far: validation loss has not risen, but training accuracy is already {gap:.0f}"
    " points above validation accuracy, the first sign of overfitting."
)

DROPOUT_AND_AUGMENTATION = N_(
    "Validation is better than training: no mistake. Dropout switches units off and augmentation"
    " makes photos harder in training only, and training is measured while the weights still"
    " change; validation has none of this."
)
DROPOUT = N_(
    "Validation is better than training: no mistake. Dropout switches units off in training only,"
    " and training is measured while the weights still change; validation has none of this."
)
AUGMENTATION = N_(
    "Validation is better than training: no mistake. Augmentation makes photos harder in training"
    " only, and training is measured while the weights still change; validation has none of this."
)
EASIER = N_(
    "Validation is better than training, without dropout or augmentation to explain it. Training"
    " is measured while the weights still change, which matters early; or the validation photos"
    " are easier, or some of them are in training too: the Data page looks for those."
)
PARTLY = N_("It was so in {n} of {all} epochs.")
EARLY = N_(
    "Early stopping ended it after epoch {n} of {planned}, {patience} epochs without a better one:"
    " as it should, nothing is lost."
)
KEPT = N_("The model that is kept is that of epoch {epoch}.")
CHANCE = N_(
    "With {n} validation photos, chance alone moves the validation accuracy by ±\u00a0{points:.1f}"
    " points (95 %)."
)

WAIT = N_("It still trains: the verdict may change.")
AUGMENT = N_(
    "Augment the training photos: small random changes make more of them, and learning them by"
    " heart gets harder."
)
AUGMENT_MORE = N_("Augment more strongly: wider ranges, random erasing, MixUp or CutMix.")
AUGMENT_LESS = N_("Augment less: the changes may be too strong for what the network can hold.")
MORE_DATA = N_(
    "Take more training photos. The small-data experiment on the Compare page shows what more"
    " would bring."
)
TRANSFER = N_(
    "Start from a network trained on millions of photos: model transfer needs only few of yours."
)
STOP_EARLY = N_(
    "Stop early: {patience} epochs without a better one are enough. This saves time; the model of"
    " the best epoch is kept either way."
)
SMALLER = N_("Take a smaller network, or more dropout: less room to learn by heart.")
LARGER = N_("Take a network that can hold more: compact or transfer, or one block more.")
MORE_EPOCHS = N_("Train longer, for example {n} epochs: it had not levelled off.")
SLOW_START = N_("Train longer: some trainings take ten or twenty epochs to get going.")
ENOUGH_EPOCHS = N_("Train at least {n} epochs.")
LOWER_RATE = N_("Lower the learning rate, for example from {rate:g} to {lower:g}.")
LOWER = N_("Lower the learning rate, to a third or a tenth.")
RAISE_RATE = N_("Raise the learning rate, for example from {rate:g} to {higher:g}.")
FIND_RATE = N_("Try another learning rate: the finder on the Train page suggests one.")
CHECK_LABELS = N_(
    "Look at a batch on the Data page: are the labels right, can you tell the classes yourself?"
)
MORE_VALIDATION = N_("Validate on more photos: a few hundred, better a thousand.")
ALL_WELL = N_("Nothing needs mending. Test the model on photos it has never met.")
