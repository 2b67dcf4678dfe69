"""The course: its sections in order, with their sentences, demos and questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..base.errors import N_

Needs = Literal["nothing", "dataset", "run"]
Page = Literal["data", "augment", "train", "compare", "evaluate", "predict", "export"]


@dataclass(frozen=True)
class DemoLink:
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
class QuizQuestion:
    """A question with its answers, all message ids; `explanation` may hold fields of `run_facts`.

    Attributes:
        text: the question.
        options: what may be answered.
        correct: the index of the right one, from 0.
        explanation: why it is right, told with the learner's own numbers.
    """

    text: str
    options: tuple[str, ...]
    correct: int
    explanation: str


@dataclass(frozen=True)
class Section:
    """One thing to learn.

    Attributes:
        id: its name in the address.
        title: a message id, as `text`.
        text: the explanation, two to four sentences of Markdown.
        needs: what its miniature is made of.
        demo_links: the buttons to where it happens.
        terms: ids of the glossary.
        questions: two or three.
    """

    id: str
    title: str
    text: str
    needs: Needs
    demo_links: tuple[DemoLink, ...]
    terms: tuple[str, ...]
    questions: tuple[QuizQuestion, ...]


_PHOTOS = (
    Section(
        "little-data",
        N_("How many photos are enough?"),
        N_(
            "A deep network has many numbers to settle, and settles them from examples, so it is"
            " hungry for photos. Most people have few: below about 100,000 counts as little. A"
            " clean and simple question, such as cat or dog, can be answered from 1,000 to 10,000,"
            " if one takes care of overfitting."
        ),
        "dataset",
        (
            DemoLink(
                N_("Train on 100 to all of your photos"),
                "compare",
                state={"compare_view": "experiments", "experiment_kind": "small-data"},
            ),
            DemoLink(N_("Add photos"), "data"),
        ),
        ("dataset", "overfitting", "transfer"),
        (
            QuizQuestion(
                N_("From how many photos on does a dataset stop being called small?"),
                ("1,000", "10,000", "100,000"),
                2,
                N_("Yours has {photos:,} training photos: with a clear question that can do."),
            ),
            QuizQuestion(
                N_("You have few photos. What brings most, without taking new ones?"),
                (
                    N_("More epochs"),
                    N_("Augmentation, or a network that has seen photos before"),
                    N_("A deeper network"),
                ),
                1,
                N_(
                    "More epochs only show the same {photos:,} photos again, and a deeper network"
                    " learns them by heart even sooner."
                ),
            ),
        ),
    ),
    Section(
        "photo-array",
        N_("A photo is an array of numbers"),
        N_(
            "A network never sees a picture. What it gets is a box of whole numbers from 0 to 255:"
            " one for each pixel and each of red, green and blue. Keras's `ImageDataGenerator`"
            " makes such arrays from photo files in folders, and so does the lab."
        ),
        "dataset",
        (DemoLink(N_("See a batch of your photos as arrays"), "data", {"part": "photos"}),),
        ("pixel", "channel", "array"),
        (
            QuizQuestion(
                N_("How many numbers does a photo of 150 × 150 pixels in colour hold?"),
                ("22,500", "67,500", "150"),
                1,
                N_("150 × 150 × 3. At the {size} pixels of your run it is {values:,} numbers."),
            ),
            QuizQuestion(
                N_("A pixel is (255, 255, 255). What colour is it?"),
                (N_("White"), N_("Black"), N_("Grey")),
                0,
                N_("All three colours at their most give white; all at 0 give black."),
            ),
        ),
    ),
    Section(
        "read-again",
        N_("The same file, read again and again"),
        N_(
            "`ImageDataGenerator` keeps nothing: whenever a batch needs a photo, it opens the file,"
            " decodes and resizes it anew, epoch after epoch. The network often stands still"
            " meanwhile. This waiting for files, I/O latency, is its weak side."
        ),
        "dataset",
        (DemoLink(N_("Race five ways to read your photos"), "data", {"part": "race"}),),
        ("latency", "epoch", "imagedatagenerator"),
        (
            QuizQuestion(
                N_("How often is one photo decoded in a training of 50 epochs read that way?"),
                (N_("Once"), N_("About 50 times"), N_("Twice")),
                1,
                N_(
                    "Your run of {epochs} epochs on {photos:,} photos would decode"
                    " {decoded:,} times. The lab decodes each photo once and keeps the numbers."
                ),
            ),
            QuizQuestion(
                N_("The reader is slow. What does the processor do that trains the network?"),
                (N_("It waits"), N_("It trains on old photos"), N_("It skips the batch")),
                0,
                N_("A step needs its whole batch: {batch} photos in your run."),
            ),
        ),
    ),
    Section(
        "tfrecord",
        N_("TFRecord: all photos in a few files"),
        N_(
            "TFRecord is TensorFlow's own way to store data: records one after another in a large"
            " file, each with its length and checksums. Reading it is quick, and preprocessing"
            " from it is convenient. Writing the code for it by hand is laborious, so here it is a"
            " button."
        ),
        "dataset",
        (DemoLink(N_("Pack your photos as TFRecord"), "data", {"part": "tfrecord"}),),
        ("tfrecord", "shard", "latency"),
        (
            QuizQuestion(
                N_("Why is one large file of records read faster than thousands of photos?"),
                (
                    N_("It is read in one go, and the photos are decoded already"),
                    N_("It is smaller"),
                    N_("It holds fewer photos"),
                ),
                0,
                N_(
                    "As numbers of one byte your {photos:,} photos take {packed:,.0f} MB, often"
                    " more than as JPEG files. It is the speed that is gained."
                ),
            ),
            QuizQuestion(
                N_("What is hard about TFRecord?"),
                (N_("Reading it"), N_("Writing code for it"), N_("Its size limit")),
                1,
                N_("Every photo has to be turned into a record of named features, and back again."),
            ),
        ),
    ),
    Section(
        "rescale",
        N_("From 0…255 to 0…1"),
        N_(
            "Networks learn best from small numbers of the same size, so every value is multiplied"
            " by 1/255. With Keras's generator it is done while loading, `rescale=1/255`, by one"
            " generator for training and another for validation. In the lab it is the network's own"
            " first layer, so that it cannot be forgotten when the network is asked later."
        ),
        "dataset",
        (DemoLink(N_("See the ranges of your batch"), "data", {"part": "photos"}),),
        ("rescaling", "normalisation", "imagedatagenerator"),
        (
            QuizQuestion(
                N_("What becomes of the value 51?"),
                ("0.2", "0.51", "5.1"),
                0,
                N_("51 / 255 = 0.2. This holds for each of the {values:,} numbers of your photos."),
            ),
            QuizQuestion(
                N_("Must validation photos be rescaled as well?"),
                (N_("No, only training photos"), N_("Yes, in the same way")),
                1,
                N_(
                    "What a network has learned holds for numbers of that range only; your"
                    " {validation_photos:,} validation photos pass the same first layer."
                ),
            ),
        ),
    ),
    Section(
        "squares",
        N_("Every photo becomes a square"),
        N_(
            "A network is built for one size, so all photos are resized to it, here squeezed into"
            " a square. The side depends on the network: the class notes' one takes"
            " `target_size=(150, 150)`. Small squares are quicker and lose detail; four times the"
            " pixels cost about four times the work."
        ),
        "dataset",
        (
            DemoLink(N_("Train on squares of 64 pixels"), "train", training={"image_size": 64}),
            DemoLink(N_("See the squares of your batch"), "data", {"part": "photos"}),
        ),
        ("target-size", "pixel"),
        (
            QuizQuestion(
                N_("From 150 to 75 pixels a side: how many pixels are left?"),
                (N_("Half"), N_("A quarter"), N_("As many as before")),
                1,
                N_("Half in each direction. Your run takes {size} pixels a side."),
            ),
            QuizQuestion(
                N_("What happens to a wide photo?"),
                (
                    N_("It is cut to the middle"),
                    N_("It is squeezed together"),
                    N_("It is left out"),
                ),
                1,
                N_("Nothing is cut off, here as in Keras; cats grow a little slimmer."),
            ),
        ),
    ),
    Section(
        "labels",
        N_("Folder names become numbers"),
        N_(
            "A photo's class is the name of its folder. `flow_from_directory` counts the classes in"
            " the order of `classes=['cats', 'dogs']`: cats are 0, dogs are 1. Without that list it"
            " takes the names in alphabetical order."
        ),
        "dataset",
        (DemoLink(N_("See or swap the numbers of your classes"), "data", {"part": "split"}),),
        ("label", "class", "flow-from-directory"),
        (
            QuizQuestion(
                N_("The folders are named `dogs` and `cats`, no order is given. Which one is 1?"),
                ("cats", "dogs"),
                1,
                N_("The alphabet decides, not the order of making. In yours, 1 is {second}."),
            ),
            QuizQuestion(
                N_("A sigmoid network answers 0.1. Which class does it mean?"),
                (N_("Number 0, fairly surely"), N_("Number 1, fairly surely"), N_("Neither")),
                0,
                N_("It tells the probability of number 1, in yours {second}. So it means {first}."),
            ),
        ),
    ),
    Section(
        "class-mode",
        N_("Three ways to write a label"),
        N_(
            "`class_mode` says how labels are written. `binary`: one number, 0 or 1, for two"
            " classes. `categorical`: a row with a single 1, called one-hot. `sparse_categorical`,"
            " in Keras's generator `sparse`: the plain number, for any count of classes."
        ),
        "dataset",
        (DemoLink(N_("See your photos under all three"), "data", {"part": "split"}),),
        ("label", "one-hot", "class-mode"),
        (
            QuizQuestion(
                N_("How does `categorical` write the second of three classes?"),
                ("1", "[0 1 0]", "[1 0]"),
                1,
                N_(
                    "A place for each class and a 1 in that of its own. You have {classes} classes."
                ),
            ),
            QuizQuestion(
                N_("100 classes: which mode keeps labels short?"),
                ("binary", "categorical", "sparse"),
                2,
                N_("One number a photo, where one-hot rows would hold 100."),
            ),
        ),
    ),
    Section(
        "batch",
        N_("A batch, and a generator that never ends"),
        N_(
            "A network learns from a handful of photos at a time, drawn at random across the"
            " classes: a batch. With 20 photos of 150 pixels its arrays have the shapes"
            " `(20, 150, 150, 3)` and `(20,)`, and in the class they were shown in a grid of 4 × 5."
            " The generator shuffles and begins anew for ever, so a loop over it needs a `break`."
        ),
        "dataset",
        (DemoLink(N_("Draw batch after batch"), "data", {"part": "photos"}),),
        ("batch", "shape", "generator"),
        (
            QuizQuestion(
                N_("What is the first number of the shape (20, 150, 150, 3)?"),
                (N_("Photos in the batch"), N_("Pixels"), N_("Classes")),
                0,
                N_("In your run a batch has the shape ({batch}, {size}, {size}, 3)."),
            ),
            QuizQuestion(
                N_("`for photos, labels in generator:` – when does this loop end?"),
                (N_("After all photos"), N_("After one epoch"), N_("Never, without a break")),
                2,
                N_(
                    "That is why `fit` is told its steps: {steps} an epoch in your run, which is"
                    " where it breaks off."
                ),
            ),
        ),
    ),
)


_NETWORK = (
    Section(
        "convolution",
        N_("Convolution: a small pattern, looked for everywhere"),
        N_(
            "A filter of 3 × 3 numbers slides over the photo; at every place nine pixels are"
            " multiplied with it and added up. Where the photo looks like the filter, the sum is"
            " large. ReLU then turns what is below zero into zero. The network finds its filters by"
            " itself: 32 in the first layer of the class notes' one, then 64, then 128."
        ),
        "dataset",
        (DemoLink(N_("See the filters of your model on a photo"), "predict"),),
        ("convolution", "filter", "relu"),
        (
            QuizQuestion(
                N_("A 3 × 3 filter slides over 150 × 150 pixels. How large is the result?"),
                ("150 × 150", "148 × 148", "50 × 50"),
                1,
                N_("At the rim it would hang over: with your {size} pixels it leaves {conv}."),
            ),
            QuizQuestion(
                N_("What does ReLU make of −3?"),
                ("−3", "0", "3"),
                1,
                N_("It lets positive numbers through and makes the others zero."),
            ),
            QuizQuestion(
                N_("32 filters of 3 × 3 look at three colours. How many weights and biases?"),
                ("896", "288", "9"),
                0,
                N_("32 × (3 × 3 × 3 + 1): each filter has 27 weights and one bias."),
            ),
        ),
    ),
    Section(
        "pooling",
        N_("Max pooling: keep the strongest of four"),
        N_(
            "After each convolution, of every 2 × 2 numbers only the largest stays. The map"
            " shrinks to half its width and height, what follows gets cheaper, and a pattern that"
            " moved by a pixel still gives the same answer."
        ),
        "dataset",
        (
            DemoLink(
                N_("See the shapes shrink, layer by layer"),
                "train",
                training={"model": "notes"},
            ),
        ),
        ("max-pooling", "feature-map"),
        (
            QuizQuestion(
                N_("What is left of the numbers 3, 9, 1 and 4?"),
                ("17", "4.25", "9"),
                2,
                N_("The largest: not their sum, not their mean."),
            ),
            QuizQuestion(
                N_("148 × 148 numbers, pooled by 2 × 2: what is left?"),
                ("74 × 74", "146 × 146", "37 × 37"),
                0,
                N_("In your run, {conv} numbers a side become {pooled}."),
            ),
        ),
    ),
    Section(
        "network",
        N_("The class notes' network, layer by layer"),
        N_(
            "Three times convolution and pooling make of 150 × 150 × 3 numbers 17 × 17 × 128;"
            " Flatten lays them in a row of 36,992, and one Dense unit draws the conclusion. It has"
            " 130,241 parameters, over half in the last convolution. Commented out in the notes: a"
            " fourth block of 128 filters and a Dense layer of 512; here that is `notes-deep`."
        ),
        "nothing",
        (
            DemoLink(N_("Train this network"), "train", training={"model": "notes"}),
            DemoLink(N_("Train the deeper one"), "train", training={"model": "notes-deep"}),
        ),
        ("cnn", "parameter", "dense", "flatten"),
        (
            QuizQuestion(
                N_("Which layers of it have parameters?"),
                (N_("All"), N_("Convolutions and Dense"), N_("Pooling and Flatten")),
                1,
                N_("Pooling, Flatten and Dropout only rearrange. Your network has {parameters:,}."),
            ),
            QuizQuestion(
                N_("Where do the 36,992 numbers before the last layer come from?"),
                ("17 × 17 × 128", "150 × 150 × 3", "34 × 34 × 32"),
                0,
                N_(
                    "128 maps of 17 × 17, laid in a row; each gets a weight, and with the bias"
                    " that makes 36,993 parameters."
                ),
            ),
        ),
    ),
    Section(
        "dropout",
        N_("Dropout: learning with gaps"),
        N_(
            "In every training step, Dropout(0.5) sets half of the numbers to zero, drawn anew each"
            " time, and doubles the others. The last layer cannot rely on any single one, which"
            " makes learning by heart harder. In validation and prediction nothing is dropped."
        ),
        "nothing",
        (DemoLink(N_("See it in your network's table"), "train", training={"model": "notes"}),),
        ("dropout", "overfitting", "regularisation"),
        (
            QuizQuestion(
                N_("When does Dropout drop?"),
                (N_("Always"), N_("Only in training"), N_("Only in validation")),
                1,
                N_(
                    "That is one reason why validation accuracy can lie above training accuracy:"
                    " in your run {val_accuracy:.1%} and {accuracy:.1%} in the last epoch."
                ),
            ),
            QuizQuestion(
                N_("Dropout 0.5 on 36,992 numbers: how many are zero in a step?"),
                (N_("About 18,500"), N_("None"), N_("All")),
                0,
                N_("Half of them, others each time."),
            ),
        ),
    ),
    Section(
        "sigmoid",
        N_("Sigmoid and softmax: from sums to probabilities"),
        N_(
            "The last layer's sum may be any number. For two classes one unit with sigmoid presses"
            " it between 0 and 1: the probability of class 1. For more, each class gets a unit, and"
            " softmax makes their sums into probabilities that add up to 1. Two classes by softmax"
            " say the same as a sigmoid of the difference."
        ),
        "nothing",
        (
            DemoLink(N_("Move the threshold on your model's answers"), "evaluate"),
            DemoLink(N_("Get probabilities for photos"), "predict"),
        ),
        ("sigmoid", "softmax", "threshold", "probability"),
        (
            QuizQuestion(
                N_("The sum is 0. What does sigmoid make of it?"),
                ("0", "0.5", "1"),
                1,
                N_("Just undecided between {first} and {second}."),
            ),
            QuizQuestion(
                N_("Softmax gives 0.7 for the first of two classes. And for the second?"),
                ("0.3", "0.7", N_("That cannot be told")),
                0,
                N_("Together they make 1. You have {classes} classes."),
            ),
        ),
    ),
)


_TRAINING = (
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
        (DemoLink(N_("See the photos with the largest loss"), "evaluate"),),
        ("loss", "accuracy", "cross-entropy"),
        (
            QuizQuestion(
                N_("Two answers are right, with 0.6 and with 0.99. Which has the smaller loss?"),
                ("0.6", "0.99", N_("Both the same")),
                1,
                N_(
                    "Accuracy counts both as right, loss sees the difference. The last loss of your"
                    " run, {loss:.2f}, is that of a probability of {likely:.0%}."
                ),
            ),
            QuizQuestion(
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
            DemoLink(
                N_("Train with steps that are too large"),
                "train",
                training={"model": "notes", "learning_rate": 3e-2, "epochs": 3},
            ),
            DemoLink(
                N_("Train with the notes' own 1e-4"),
                "train",
                training={"model": "notes", "learning_rate": 1e-4},
            ),
        ),
        ("optimizer", "learning-rate", "gradient"),
        (
            QuizQuestion(
                N_("The loss jumps about and rises. What would you change first?"),
                (N_("A smaller learning rate"), N_("A larger one"), N_("More epochs")),
                0,
                N_("Your run has {learning_rate:g}. Steps three to ten times smaller calm it."),
            ),
            QuizQuestion(
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
            DemoLink(
                N_("Train with larger batches"),
                "train",
                training={"batch_size": 40},
            ),
            DemoLink(
                N_("Train the notes' 50 epochs"),
                "train",
                training={"model": "notes", "batch_size": 20, "epochs": 50, "learning_rate": 1e-4},
            ),
        ),
        ("batch", "step", "epoch"),
        (
            QuizQuestion(
                N_("600 photos in batches of 20: how many steps are an epoch?"),
                ("20", "30", "600"),
                1,
                N_(
                    "Photos divided by batch size: in your run {photos:,} / {batch}, which makes"
                    " {steps}."
                ),
            ),
            QuizQuestion(
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
            DemoLink(N_("See or change your split"), "data", {"part": "split"}),
            DemoLink(N_("Look for photos on both sides"), "data", {"part": "health"}),
        ),
        ("validation", "split", "leak"),
        (
            QuizQuestion(
                N_("Does the network learn from validation photos?"),
                (N_("Yes, a little"), N_("No")),
                1,
                N_("It answers them, and that is all: {validation_photos:,} photos in yours."),
            ),
            QuizQuestion(
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
            DemoLink(N_("Open your run"), "train"),
            DemoLink(
                N_("Train as the class did"),
                "train",
                training={"model": "notes", "batch_size": 20, "epochs": 50, "learning_rate": 1e-4},
            ),
        ),
        ("accuracy", "loss", "validation"),
        (
            QuizQuestion(
                N_("Training accuracy 0.7521, validation 0.7170: how large is the gap?"),
                (N_("3.5 points"), N_("35 points"), N_("0.35 points")),
                0,
                N_("In your run it is {gap:.1f} points in the last epoch."),
            ),
            QuizQuestion(
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
            DemoLink(N_("Take your model with you"), "export"),
            DemoLink(N_("Ask the saved model"), "predict"),
        ),
        ("h5", "keras-file", "parameter"),
        (
            QuizQuestion(
                N_("What does the file hold?"),
                (N_("The photos"), N_("Layers and weights"), N_("Only the accuracy")),
                1,
                N_("{parameters:,} numbers of 4 bytes in yours, and no photo at all."),
            ),
            QuizQuestion(
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
            DemoLink(N_("Compare your runs"), "compare", state={"compare_view": "runs"}),
            DemoLink(N_("Open your run"), "train"),
        ),
        ("overfitting", "underfitting", "history", "gap"),
        (
            QuizQuestion(
                N_("Training loss falls, validation loss rises. What is it?"),
                (N_("Underfitting"), N_("Overfitting"), N_("Divergence")),
                1,
                N_(
                    "Your run ended with a training loss of {loss:.2f} and a validation loss of"
                    " {val_loss:.2f}."
                ),
            ),
            QuizQuestion(
                N_("Both accuracies stay low, close together. What is it?"),
                (N_("Underfitting"), N_("Overfitting"), N_("A leak")),
                0,
                N_(
                    "It has not learned enough yet: yours are {accuracy:.1%} and"
                    " {val_accuracy:.1%}."
                ),
            ),
            QuizQuestion(
                N_("Which curve decides when to stop?"),
                (N_("Training"), N_("Validation")),
                1,
                N_("The lab kept epoch {best_epoch} of yours, the best on validation photos."),
            ),
        ),
    ),
)


_NOTES = {
    "rotation_range": 20,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "zoom_range": 0.1,
    "horizontal_flip": True,
    "vertical_flip": True,
}

_AUGMENTATION = (
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
            DemoLink(N_("20 variants, with the notes' settings"), "augment", augmentation=_NOTES),
            DemoLink(
                N_("Turn by up to 40 degrees only"),
                "augment",
                augmentation={"rotation_range": 40},
            ),
        ),
        ("augmentation", "overfitting", "fill-mode"),
        (
            QuizQuestion(
                N_("`rotation_range=20`: by which angles is a photo turned?"),
                (N_("Always by 20°"), N_("By any angle from −20° to 20°"), N_("By 0° or 20°")),
                1,
                N_("Drawn anew for each photo in each epoch: no two epochs are quite the same."),
            ),
            QuizQuestion(
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
            DemoLink(
                N_("Train with augmentation"),
                "train",
                training={"model": "notes"},
                augmentation=_NOTES,
            ),
        ),
        ("augmentation", "validation"),
        (
            QuizQuestion(
                N_("Which photos are augmented?"),
                (N_("Training photos only"), N_("Validation photos only"), N_("Both")),
                0,
                N_(
                    "In yours {photos:,} may be changed, and the {validation_photos:,} for"
                    " validation never are."
                ),
            ),
            QuizQuestion(
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
            DemoLink(
                N_("Train a pair that differs in this alone"),
                "compare",
                state={"compare_view": "experiments", "experiment_kind": "twin"},
            ),
            DemoLink(
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
            QuizQuestion(
                N_("Run A: rate 1e-4, plain. Run B: rate 1e-3, augmented. B is better. Why?"),
                (N_("Augmentation"), N_("The learning rate"), N_("That cannot be told")),
                2,
                N_(
                    "Two things differ, so neither can be named as the reason. Yours had the rate"
                    " {learning_rate:g}: keep it for the twin."
                ),
            ),
            QuizQuestion(
                N_("What does augmentation do to the gap between training and validation?"),
                (N_("It usually gets smaller"), N_("It gets larger"), N_("Nothing")),
                0,
                N_("In your run the gap is {gap:.1f} points. Train its twin to see the other one."),
            ),
            QuizQuestion(
                N_("50 steps of 20 photos: how many photos does an epoch show?"),
                ("50", "1,000", "2,000"),
                1,
                N_("Half of the notes' 2,000. An epoch of your run shows {shown:,}."),
            ),
        ),
    ),
)


CHAPTERS: dict[str, tuple[str, tuple[Section, ...]]] = {
    "photos": (N_("Photos"), _PHOTOS),
    "network": (N_("Network"), _NETWORK),
    "training": (N_("Training"), _TRAINING),
    "augmentation": (N_("Augmentation"), _AUGMENTATION),
}
"""By name: a title, a message id, and the sections."""

SECTIONS: dict[str, Section] = {
    section.id: section for _, sections in CHAPTERS.values() for section in sections
}

NOTES_STATEMENTS: dict[int, tuple[str, ...]] = {
    1: ("little-data",),
    2: ("photo-array", "read-again"),
    3: ("tfrecord",),
    4: ("rescale",),
    5: ("labels", "squares", "batch"),
    6: ("class-mode",),
    7: ("batch",),
    8: ("batch",),
    9: ("convolution", "pooling", "network", "dropout", "sigmoid"),
    10: ("loss", "learning-rate"),
    11: ("steps", "validation"),
    12: ("result",),
    13: ("save",),
    14: ("overfitting",),
    15: ("augmentation",),
    16: ("augmentation",),
    17: ("validation-plain",),
    18: ("twin",),
}
"""The statements of the class notes by number, each with the sections that retell it."""


def find_chapter(section_id: str) -> str:
    """Return the name of the chapter a section stands in.

    Raises:
        KeyError: there is no such section.
    """
    return next(
        name for name, (_, sections) in CHAPTERS.items() if SECTIONS[section_id] in sections
    )
