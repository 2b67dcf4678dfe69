"""The Learn page's sections about training: loss, steps, validation, results, overfitting."""

from __future__ import annotations

from ..errors import N_
from .section import Question, Section, Show

SECTIONS = (
    Section(
        "loss",
        N_("Loss and accuracy: two ways to count mistakes"),
        N_(
            "Binary cross-entropy asks how much probability the true class got: its negative"
            " logarithm is the loss, small for a sure right answer, huge for a sure wrong one."
            " Accuracy only counts how often the larger probability was right. Training makes the"
            " loss small; accuracy is what people read."
        ),
        "nothing",
        (Show(N_("See the photos with the largest loss"), "evaluate"),),
        ("loss", "accuracy", "cross-entropy"),
        (
            Question(
                N_("Two answers are right, with 0.6 and with 0.99. Which has the smaller loss?"),
                ("0.6", "0.99", N_("Both the same")),
                1,
                N_(
                    "Accuracy counts both as right, loss sees the difference. The last loss of your"
                    " run, {loss:.2f}, is that of a probability of {likely:.0%}."
                ),
            ),
            Question(
                N_("What is the loss of pure guessing with two classes?"),
                ("0", "0.69", "1"),
                1,
                N_("−ln 0.5 = 0.69. The validation loss of your run ended at {val_loss:.2f}."),
            ),
        ),
    ),
    Section(
        "learning-rate",
        N_("Adam and the learning rate"),
        N_(
            "After each batch the optimizer moves all weights a little downhill on the loss. The"
            " learning rate says how far: too small takes for ever, too large jumps over the valley"
            " and diverges. Adam gives every weight a step of its own size; the class notes use it"
            " with 1e-4."
        ),
        "nothing",
        (
            Show(
                N_("Train with steps that are too large"),
                "train",
                training={"model": "notes", "learning_rate": 3e-2, "epochs": 3},
            ),
            Show(
                N_("Train with the notes' own 1e-4"),
                "train",
                training={"model": "notes", "learning_rate": 1e-4},
            ),
        ),
        ("optimizer", "learning-rate", "gradient"),
        (
            Question(
                N_("The loss jumps about and rises. What would you change first?"),
                (N_("A smaller learning rate"), N_("A larger one"), N_("More epochs")),
                0,
                N_("Your run has {learning_rate:g}. Steps three to ten times smaller calm it."),
            ),
            Question(
                N_("How often do the weights change?"),
                (N_("Once a photo"), N_("Once a batch"), N_("Once an epoch")),
                1,
                N_("In your run {steps} times an epoch, {updates:,} times in all."),
            ),
        ),
    ),
    Section(
        "steps",
        N_("Batch, step, epoch"),
        N_(
            "One step shows one batch. An epoch is so many steps that every photo was seen once:"
            " 2,000 photos in batches of 20 make `steps_per_epoch=100`, and 1,000 for validation"
            " make `validation_steps=50`. `fit` repeats it, in the class for 50 epochs."
        ),
        "run",
        (
            Show(
                N_("Train with larger batches"),
                "train",
                training={"batch_size": 40},
            ),
            Show(
                N_("Train the notes' 50 epochs"),
                "train",
                training={"model": "notes", "batch_size": 20, "epochs": 50, "learning_rate": 1e-4},
            ),
        ),
        ("batch", "step", "epoch"),
        (
            Question(
                N_("600 photos in batches of 20: how many steps are an epoch?"),
                ("20", "30", "600"),
                1,
                N_(
                    "Photos divided by batch size: in your run {photos:,} / {batch}, which makes"
                    " {steps}."
                ),
            ),
            Question(
                N_("Batches twice as large, as many epochs: how often do the weights change?"),
                (N_("Half as often"), N_("As often"), N_("Twice as often")),
                0,
                N_("Yours changed {updates:,} times at most: {steps} steps × {epochs} epochs."),
            ),
        ),
    ),
    Section(
        "validation",
        N_("Photos kept back: validation"),
        N_(
            "A network is judged by photos it never learned from. The class gives it a folder of"
            " their own instead of `validation_split`, which would cut them off the training"
            " photos: 1,000 cats and dogs, shown after every epoch, without changing a weight."
        ),
        "dataset",
        (
            Show(N_("See or change your split"), "data", {"part": "split"}),
            Show(N_("Look for photos on both sides"), "data", {"part": "health"}),
        ),
        ("validation", "split", "leak"),
        (
            Question(
                N_("Does the network learn from validation photos?"),
                (N_("Yes, a little"), N_("No")),
                1,
                N_("It answers them, and that is all: {validation_photos:,} photos in yours."),
            ),
            Question(
                N_("The same photo lies in both parts. What does that do to the accuracy told?"),
                (N_("It is too good"), N_("It is too bad"), N_("Nothing")),
                0,
                N_(
                    "What was learned by heart looks like skill. The health check finds such leaks."
                ),
            ),
        ),
    ),
    Section(
        "result",
        N_("What came out in the class"),
        N_(
            "After 50 epochs the class notes' run had a loss of 0.4929 and an accuracy of 0.7521;"
            " on its validation photos 0.5377 and 0.7170. An epoch took 20 seconds on a hosted"
            " notebook, a step 199 ms. Guessing would give 0.5, so three quarters is a beginning."
        ),
        "run",
        (
            Show(N_("Open your run"), "train"),
            Show(
                N_("Train as the class did"),
                "train",
                training={"model": "notes", "batch_size": 20, "epochs": 50, "learning_rate": 1e-4},
            ),
        ),
        ("accuracy", "loss", "validation"),
        (
            Question(
                N_("Training accuracy 0.7521, validation 0.7170: how large is the gap?"),
                (N_("3.5 points"), N_("35 points"), N_("0.35 points")),
                0,
                N_("In your run it is {gap:.1f} points in the last epoch."),
            ),
            Question(
                N_("Which of the two would you expect on new photos?"),
                (N_("That of training"), N_("That of validation"), N_("Their mean")),
                1,
                N_("Those photos were new to the network, too: {val_accuracy:.1%} in your run."),
            ),
        ),
    ),
    Section(
        "save",
        N_("A model is a file"),
        N_(
            "`model.save('cat_dog_small_cnn_tf2.4.h5')` keeps layers and weights in one file, so"
            " that the model answers later, elsewhere, without training. The notes use HDF5, `.h5`;"
            " Keras's own format today is `.keras`. The lab keeps the best epoch of every run and"
            " gives you both."
        ),
        "run",
        (
            Show(N_("Take your model with you"), "export"),
            Show(N_("Ask the saved model"), "predict"),
        ),
        ("h5", "keras-file", "parameter"),
        (
            Question(
                N_("What does the file hold?"),
                (N_("The photos"), N_("Layers and weights"), N_("Only the accuracy")),
                1,
                N_("{parameters:,} numbers of 4 bytes in yours, and no photo at all."),
            ),
            Question(
                N_("Which epoch's weights does the lab keep as the model?"),
                (N_("The last one's"), N_("The best one's"), N_("The first one's")),
                1,
                N_("In your run that is epoch {best_epoch} of {epochs}."),
            ),
        ),
    ),
    Section(
        "overfitting",
        N_("Overfitting, seen in two curves"),
        N_(
            "`history.history` holds four lists: `loss`, `accuracy`, `val_loss`, `val_accuracy`."
            " Drawn over the epochs, training in red against validation in blue, accuracy left and"
            " loss right, they tell it all: as long as both get better, it learns. When training"
            " goes on getting better and validation does not, it learns by heart: overfitting."
        ),
        "run",
        (
            Show(N_("Compare your runs"), "compare", state={"compare_view": "runs"}),
            Show(N_("Open your run"), "train"),
        ),
        ("overfitting", "underfitting", "history", "gap"),
        (
            Question(
                N_("Training loss falls, validation loss rises. What is it?"),
                (N_("Underfitting"), N_("Overfitting"), N_("Divergence")),
                1,
                N_(
                    "Your run ended with a training loss of {loss:.2f} and a validation loss of"
                    " {val_loss:.2f}."
                ),
            ),
            Question(
                N_("Both accuracies stay low, close together. What is it?"),
                (N_("Underfitting"), N_("Overfitting"), N_("A leak")),
                0,
                N_(
                    "It has not learned enough yet: yours are {accuracy:.1%} and"
                    " {val_accuracy:.1%}."
                ),
            ),
            Question(
                N_("Which curve decides when to stop?"),
                (N_("Training"), N_("Validation")),
                1,
                N_("The lab kept epoch {best_epoch} of yours, the best on validation photos."),
            ),
        ),
    ),
)
