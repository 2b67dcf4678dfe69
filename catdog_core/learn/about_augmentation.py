"""The Learn page's sections about augmentation: variants, validation, and the comparison."""

from __future__ import annotations

from ..errors import N_
from .section import Question, Section, Show

_NOTES = {
    "rotation_range": 20,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "zoom_range": 0.1,
    "horizontal_flip": True,
    "vertical_flip": True,
}

SECTIONS = (
    Section(
        "augmentation",
        N_("One photo, many variants"),
        N_(
            "A cat turned by ten degrees is still a cat. Small random changes make ever new photos"
            " of the old ones, the usual remedy against overfitting on images. The class notes set"
            " `rotation_range=20`, shifts and zoom of 0.1 and both flips, and show one photo 20"
            " times in a grid of 4 × 5."
        ),
        "dataset",
        (
            Show(N_("20 variants, with the notes' settings"), "augment", augmentation=_NOTES),
            Show(
                N_("Turn by up to 40 degrees only"),
                "augment",
                augmentation={"rotation_range": 40},
            ),
        ),
        ("augmentation", "overfitting", "fill-mode"),
        (
            Question(
                N_("`rotation_range=20`: by which angles is a photo turned?"),
                (N_("Always by 20°"), N_("By any angle from −20° to 20°"), N_("By 0° or 20°")),
                1,
                N_("Drawn anew for each photo in each epoch: no two epochs are quite the same."),
            ),
            Question(
                N_("Does augmentation make files?"),
                (N_("Yes, new photos on the disk"), N_("No, the changes are drawn in passing")),
                1,
                N_(
                    "Your {photos:,} photos stay {photos:,} files; {epochs} epochs of them would"
                    " show up to {decoded:,} different pictures."
                ),
            ),
        ),
    ),
    Section(
        "validation-plain",
        N_("Validation photos stay as they are"),
        N_(
            "Validation asks how the network does on photos as they come, and must ask the same"
            " every epoch. So only training photos are changed. The notes make two generators for"
            " that: one with the changes, one with nothing but `rescale=1/255`."
        ),
        "dataset",
        (
            Show(
                N_("Train with augmentation"),
                "train",
                training={"model": "notes"},
                augmentation=_NOTES,
            ),
        ),
        ("augmentation", "validation"),
        (
            Question(
                N_("Which photos are augmented?"),
                (N_("Training photos only"), N_("Validation photos only"), N_("Both")),
                0,
                N_(
                    "In yours {photos:,} may be changed, and the {validation_photos:,} for"
                    " validation never are."
                ),
            ),
            Question(
                N_("With augmentation, training accuracy may lie below validation accuracy. Why?"),
                (
                    N_("The changed photos are harder than the plain ones"),
                    N_("The curves are mixed up"),
                    N_("The network has forgotten"),
                ),
                0,
                N_("Your run: {accuracy:.1%} in training, {val_accuracy:.1%} in validation."),
            ),
        ),
    ),
    Section(
        "twin",
        N_("The same network, with and without"),
        N_(
            "The class trained the network again with augmentation: learning rate 1e-3, 50 steps"
            " an epoch, 25 in validation, 50 epochs, and drew the same two plots to compare. To be"
            " fair, only one thing should differ between two runs; then the gap between the curves"
            " tells what augmentation did."
        ),
        "run",
        (
            Show(
                N_("Train a pair that differs in this alone"),
                "compare",
                state={"compare_view": "experiments", "experiment_kind": "twin"},
            ),
            Show(
                N_("Train as the class did, with augmentation"),
                "train",
                training={
                    "model": "notes",
                    "batch_size": 20,
                    "epochs": 50,
                    "learning_rate": 1e-3,
                    "steps_per_epoch": 50,
                    "validation_steps": 25,
                },
                augmentation=_NOTES,
            ),
        ),
        ("twin", "gap", "seed"),
        (
            Question(
                N_("Run A: rate 1e-4, plain. Run B: rate 1e-3, augmented. B is better. Why?"),
                (N_("Augmentation"), N_("The learning rate"), N_("That cannot be told")),
                2,
                N_(
                    "Two things differ, so neither can be named as the reason. Yours had the rate"
                    " {learning_rate:g}: keep it for the twin."
                ),
            ),
            Question(
                N_("What does augmentation do to the gap between training and validation?"),
                (N_("It usually gets smaller"), N_("It gets larger"), N_("Nothing")),
                0,
                N_("In your run the gap is {gap:.1f} points. Train its twin to see the other one."),
            ),
            Question(
                N_("50 steps of 20 photos: how many photos does an epoch show?"),
                ("50", "1,000", "2,000"),
                1,
                N_("Half of the notes' 2,000. An epoch of your run shows {shown:,}."),
            ),
        ),
    ),
)
