"""The course: its sections in order, with their sentences, demos and questions.

Eight sections make the express path, which takes ten minutes; the other chapters say more. No
section needs what a later one teaches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..base.errors import N_

Needs = Literal["nothing", "dataset", "run"]
Page = Literal["data", "augment", "train", "compare", "evaluate", "predict", "export"]
LinkNeeds = Literal["dataset", "run", "model"]


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
        look: what to do or to look at there, a sentence that stands on that page; a message id.
        target: the part of that page to begin at, where it isn't the first.
        needs: what must be there for it; the built-in model is one, too.
    """

    label: str
    page: Page
    query: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Mapping[str, Any] | None = None
    look: str = ""
    target: str = ""
    needs: LinkNeeds = "dataset"


@dataclass(frozen=True)
class Example:
    """A sentence about what the learner really has; it is left out where it would not hold.

    Attributes:
        source: whose numbers fill its fields, `DatasetFacts` or `RunFacts`.
        text: a message id.
        holds: whether it is true of these numbers.
    """

    source: Literal["dataset", "run"]
    text: str
    holds: Callable[[Mapping[str, Any]], bool] = lambda facts: True


@dataclass(frozen=True)
class QuizQuestion:
    """A question with its answers, all message ids.

    Attributes:
        text: the question.
        options: what may be answered.
        correct: the index of the right one, from 0.
        explanation: why it is right, whatever the learner has; its fields are those of
            `example_histories.collect_example_facts`.
        examples: the first that can be told is told after it.
    """

    text: str
    options: tuple[str, ...]
    correct: int
    explanation: str
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Section:
    """One thing to learn.

    Attributes:
        id: its name in the address.
        title: a message id, as `text`.
        text: the explanation, a few sentences of Markdown.
        needs: what its miniature is made of.
        demo_links: the buttons to where it happens.
        terms: ids of the glossary.
        questions: one to three.
    """

    id: str
    title: str
    text: str
    needs: Needs
    demo_links: tuple[DemoLink, ...]
    terms: tuple[str, ...]
    questions: tuple[QuizQuestion, ...]


_START = N_("Select **Start training** and watch the curves.")
_SEE_LAYERS = N_("The table lists each layer with the shape of its output.")


_PREDICT_PHOTOS = DemoLink(
    N_("Predict photos"),
    "predict",
    {"try": "1"},
    look=N_("Each prediction is a class with its probability."),
    needs="model",
)


def _is_measured(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    """Return a test for these numbers to be finite; a diverged run lacks some."""
    return lambda facts: all(facts[name] - facts[name] == 0 for name in names)


def _has_two_classes(facts: Mapping[str, Any]) -> bool:
    return int(facts["classes"]) == 2


COURSE_AUGMENTATION = {
    "rotation_range": 20,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "zoom_range": 0.1,
    "horizontal_flip": True,
    "vertical_flip": True,
}
"""What the course's second training sets."""


_EXPRESS = (
    Section(
        "photo-array",
        N_("Photos are numbers"),
        N_(
            "A network doesn't see a picture. It gets numbers from 0 to 255. Each pixel has three"
            " of them, for red, green and blue. So a color photo of 150 × 150 pixels is an array"
            " of shape `(150, 150, 3)`. In Keras, `ImageDataGenerator` turns photo files into such"
            " arrays. The lab does the same."
        ),
        "dataset",
        (
            DemoLink(
                N_("See photo arrays"),
                "data",
                {"part": "photos"},
                look=N_("The table below the photos shows the shape and values of these arrays."),
            ),
        ),
        ("pixel", "channel", "array", "shape"),
        (
            QuizQuestion(
                N_("How many numbers are in a color photo of 150 × 150 pixels?"),
                ("22,500", "67,500", "150"),
                1,
                N_("150 × 150 × 3 = 67,500."),
                (
                    Example(
                        "run",
                        N_(
                            "Your run uses {size} pixels per side, so each photo has {values:,}"
                            " numbers."
                        ),
                    ),
                ),
            ),
        ),
    ),
    Section(
        "labels",
        N_("Labels from folders"),
        N_(
            "A photo's folder gives its class. The network needs a number instead, the label."
            " `flow_from_directory` numbers the classes in the order of `classes=['cats', 'dogs']`."
            " So cats are 0 and dogs are 1. Without that list, the order is alphabetical."
        ),
        "dataset",
        (
            DemoLink(
                N_("See your labels"),
                "data",
                {"part": "split"},
                look=N_("Each class of your dataset has a number here."),
                target="labels",
            ),
        ),
        ("label", "class", "flow-from-directory"),
        (
            QuizQuestion(
                N_("Your folders are `dogs` and `cats`, and you give no order. Which class is 1?"),
                ("cats", "dogs"),
                1,
                N_("In alphabetical order, cats come first. They get 0 and dogs get 1."),
                (
                    Example(
                        "dataset",
                        N_("In your dataset, 0 is {first} and 1 is {second}."),
                        lambda facts: int(facts["classes"]) > 1,
                    ),
                ),
            ),
        ),
    ),
    Section(
        "batch",
        N_("Batches"),
        N_(
            "A network learns from a few photos at a time. This batch is drawn at random across"
            " all classes. The course uses 20 photos of 150 pixels and shows them in a 4 × 5 grid."
            " The arrays have the shapes `(20, 150, 150, 3)` and `(20,)`, one label per photo. The"
            " generator that makes batches never ends. After the last photo, it shuffles and"
            " starts over."
        ),
        "dataset",
        (
            DemoLink(
                N_("See more batches"),
                "data",
                {"part": "photos"},
                look=N_("Select **New batch** to see what the network gets next."),
            ),
        ),
        ("batch", "shape", "generator"),
        (
            QuizQuestion(
                N_("What is the 20 in the shape (20, 150, 150, 3)?"),
                (N_("Photos in the batch"), N_("Pixels per side"), N_("Number of classes")),
                0,
                N_("Then come height, width and the three colors."),
                (
                    Example(
                        "run", N_("A batch of your run has the shape ({batch}, {size}, {size}, 3).")
                    ),
                ),
            ),
        ),
    ),
    Section(
        "training",
        N_("What training is"),
        N_(
            "A network computes its prediction with weights. These numbers start at random. For"
            " each batch, the network predicts the labels. The loss measures how wrong it is."
            " Backpropagation then computes the gradient, which says how the loss changes with"
            " each weight. The optimizer moves every weight a little so that the loss falls. That"
            " is one step. An epoch is a round of steps, usually through all photos."
        ),
        "nothing",
        (DemoLink(N_("Train a model"), "train", training={"model": "notes"}, look=_START),),
        ("parameter", "loss", "backpropagation", "gradient", "optimizer", "step", "epoch"),
        (
            QuizQuestion(
                N_("What does a training step change?"),
                (N_("The photos"), N_("The labels"), N_("The weights")),
                2,
                N_("Photos and labels stay the same. Only the weights change."),
                (Example("run", N_("Your run has changed its weights {updates:,} times.")),),
            ),
            QuizQuestion(
                N_("What does the gradient tell you?"),
                (
                    N_("How the loss changes with each weight"),
                    N_("How many photos are left"),
                    N_("Which labels are wrong"),
                ),
                0,
                N_("So the optimizer knows which way to move each weight."),
            ),
        ),
    ),
    Section(
        "convolution",
        N_("Convolution"),
        N_(
            "A filter is a small square of weights that slides over the photo. At each place, the"
            " network multiplies pixels by weights and adds everything up. Where the photo looks"
            " like the filter, the sum is large. ReLU then turns negative sums into 0. A 3 × 3"
            " filter on a color photo has 3 × 3 × 3 weights. Training finds them. The course"
            " network has 32 filters in its first layer, then 64 and 128."
        ),
        "dataset",
        (
            DemoLink(
                N_("See your filters"),
                "predict",
                {"try": "1", "tab": "look", "look": "xray"},
                look=N_("The X-ray shows what each filter finds in the photo."),
                needs="model",
            ),
        ),
        ("convolution", "filter", "bias", "relu"),
        (
            QuizQuestion(
                N_("A 3 × 3 filter slides over 150 × 150 pixels. How large is the result?"),
                ("150 × 150", "148 × 148", "50 × 50"),
                1,
                N_("The filter has to fit inside the photo. 150 − 3 + 1 = 148 places per side."),
            ),
        ),
    ),
    Section(
        "overfitting",
        N_("Overfitting"),
        N_(
            "The lab keeps some photos back, the validation photos. After each epoch, it measures"
            " accuracy on them, the share of correct predictions. While training and validation"
            " improve, the network learns. If only training improves, it memorizes its photos."
            " This is overfitting. If neither improves, it underfits. Keras keeps the numbers in"
            " `history.history`. The course plots training in red and validation in blue, accuracy"
            " on the left and loss on the right."
        ),
        "nothing",
        (
            DemoLink(
                N_("Compare your runs"),
                "compare",
                query={"tab": "runs"},
                look=N_("Find the epoch where training and validation move apart."),
                needs="run",
            ),
        ),
        ("overfitting", "underfitting", "accuracy", "history", "gap"),
        (
            QuizQuestion(
                N_("Training loss falls and validation loss rises. What is this?"),
                (N_("Underfitting"), N_("Overfitting"), N_("Healthy learning")),
                1,
                N_(
                    "In the example without augmentation, validation loss rises from"
                    " {plain_lowest:.2f} to {plain_end:.2f} after epoch {plain_best}."
                ),
                (
                    Example(
                        "run",
                        N_(
                            "Your run's last epoch has a training loss of {loss:.2f} and a"
                            " validation loss of {val_loss:.2f}."
                        ),
                        _is_measured("loss", "val_loss"),
                    ),
                ),
            ),
            QuizQuestion(
                N_("With two classes, both accuracies stay near 50%. What is this?"),
                (N_("Underfitting"), N_("Overfitting"), N_("Healthy learning")),
                0,
                N_(
                    "The network does no better than guessing. Such an example ends at"
                    " {slow_accuracy:.1%} in training and {slow_val_accuracy:.1%} in validation."
                ),
            ),
        ),
    ),
    Section(
        "augmentation",
        N_("Augmentation"),
        N_(
            "A cat rotated by ten degrees is still a cat. Small random changes turn one photo into"
            " many variants. The network hardly ever sees the same picture twice, so it can't"
            " memorize as easily. This is the usual remedy for overfitting on images. The course"
            " sets `rotation_range=20`, shifts and zoom of 0.1 and both flips. It shows one photo"
            " 20 times in a 4 × 5 grid."
        ),
        "dataset",
        (
            DemoLink(
                N_("Try course settings"),
                "augment",
                augmentation=COURSE_AUGMENTATION,
                look=N_("All 20 variants come from one photo."),
            ),
            DemoLink(
                N_("Try 40° rotation"),
                "augment",
                augmentation={"rotation_range": 40},
                look=N_("Each variant has its own angle."),
            ),
        ),
        ("augmentation", "overfitting"),
        (
            QuizQuestion(
                N_("With `rotation_range=20`, by which angle is a photo rotated?"),
                (N_("Always 20°"), N_("Any angle from −20° to 20°"), N_("Either 0° or 20°")),
                1,
                N_("A new angle is drawn for each photo in each epoch."),
                (
                    Example(
                        "dataset",
                        N_(
                            "Your {photos:,} training files stay as they are. The variants exist"
                            " in memory only."
                        ),
                    ),
                ),
            ),
        ),
    ),
    Section(
        "validation",
        N_("Validation"),
        N_(
            "Validation shows how the network does on photos it doesn't learn from. It has to be"
            " the same check after every epoch. So only training photos are changed, and the"
            " course makes a second generator for validation. You choose your settings by the"
            " validation result, so it ends up looking a little too good. Keep a third set for one"
            " final check, the test set."
        ),
        "dataset",
        (
            DemoLink(
                N_("Train with augmentation"),
                "train",
                training={"model": "notes"},
                augmentation=COURSE_AUGMENTATION,
                look=_START,
            ),
        ),
        ("validation", "test-set", "augmentation"),
        (
            QuizQuestion(
                N_("Which photos do you augment?"),
                (N_("Training photos only"), N_("Validation photos only"), N_("Both")),
                0,
                N_("Unchanged validation photos make epochs and runs comparable."),
                (
                    Example(
                        "dataset",
                        N_(
                            "In your dataset, you can augment {photos:,} photos."
                            " {validation_photos:,} stay unchanged."
                        ),
                    ),
                ),
            ),
        ),
    ),
)


_PHOTOS = (
    Section(
        "little-data",
        N_("How many photos are enough?"),
        N_(
            "Deep learning needs lots of data, and you rarely have enough. By the course's rule "
            "of thumb, fewer than 100,000 photos is little data. A clean and simple task can work "
            "with 1,000 to 10,000. Augmentation helps. So does transfer learning, which starts "
            "from a network trained on other photos."
        ),
        "dataset",
        (
            DemoLink(
                N_("Try more photos"),
                "compare",
                query={"tab": "new", "kind": "small-data"},
                look=N_("Select **Start experiment** to train with more and more photos."),
            ),
            DemoLink(
                N_("Add photos"), "data", look=N_("Choose where your photos are."), target="add"
            ),
        ),
        ("dataset", "transfer", "fine-tuning"),
        (
            QuizQuestion(
                N_("By the course's rule of thumb, what counts as little data?"),
                (
                    N_("Fewer than 1,000 photos"),
                    N_("Fewer than 10,000 photos"),
                    N_("Fewer than 100,000 photos"),
                ),
                2,
                N_("It's a rough guide. A hard task needs more photos than an easy one."),
                (Example("dataset", N_("Your dataset has {photos:,} training photos.")),),
            ),
            QuizQuestion(
                N_("You have few photos and can't take more. What helps most?"),
                (
                    N_("More epochs"),
                    N_("Augmentation or transfer learning"),
                    N_("A deeper network"),
                ),
                1,
                N_("More epochs show the same photos. A deeper network overfits even sooner."),
            ),
        ),
    ),
    Section(
        "read-again",
        N_("The same files, read again and again"),
        N_(
            "`ImageDataGenerator` keeps no photos in memory. Each time a batch needs one, it "
            "opens, decodes and resizes the file again. Meanwhile, the network often waits. This "
            "waiting for files is called I/O latency. The lab decodes each photo once and keeps "
            "the numbers."
        ),
        "dataset",
        (
            DemoLink(
                N_("Compare photo readers"),
                "data",
                {"part": "race"},
                look=N_("Select **Run benchmark** to measure how fast each reader is."),
            ),
        ),
        ("latency", "imagedatagenerator"),
        (
            QuizQuestion(
                N_("A run has 50 epochs and reads all photos in each. How often is one decoded?"),
                (N_("Once"), N_("50 times"), N_("Twice")),
                1,
                N_("Once per epoch, because nothing is kept."),
                (
                    Example(
                        "run",
                        N_(
                            "In {epochs} epochs, your run used {decoded:,} photos. Each use would"
                            " decode a file."
                        ),
                    ),
                ),
            ),
        ),
    ),
    Section(
        "tfrecord",
        N_("TFRecord packs photos into a few files"),
        N_(
            "TFRecord is TensorFlow's own record format. One file holds many photos in a row, each"
            " with its length and checksums. It reads fast and is convenient for preprocessing."
            " Most TFRecords hold JPEG bytes. The lab stores decoded pixels, which take more space"
            " but need no decoding. Writing the code yourself is laborious, so here it's a button."
        ),
        "dataset",
        (
            DemoLink(
                N_("Pack your photos"),
                "data",
                {"part": "tfrecord"},
                look=N_("Select **Create TFRecord** to pack your training photos."),
            ),
        ),
        ("tfrecord", "shard", "latency"),
        (
            QuizQuestion(
                N_("Why does one TFRecord read faster than thousands of photo files?"),
                (
                    N_("It's opened once and read in one go"),
                    N_("It's always smaller"),
                    N_("It holds fewer photos"),
                ),
                0,
                N_("Opening a file takes time. In the lab, decoding is already done too."),
                (
                    Example(
                        "dataset",
                        N_(
                            "As pixels, your {photos:,} training photos take {packed:,.0f} MB at"
                            " 150 × 150."
                        ),
                    ),
                ),
            ),
        ),
    ),
    Section(
        "rescale",
        N_("From 0–255 to 0–1"),
        N_(
            "Networks learn best from small numbers of similar size. So each value is multiplied by"
            " 1/255. In Keras, the generator does this while loading, with `rescale=1/255`. The"
            " course has one generator for training and another for validation. In the lab, it's"
            " the network's first layer, so you can't forget it when you predict."
        ),
        "dataset",
        (
            DemoLink(
                N_("See value range"),
                "data",
                {"part": "photos"},
                look=N_("The table below the photos shows their smallest and largest value."),
            ),
        ),
        ("rescaling", "normalization", "imagedatagenerator"),
        (
            QuizQuestion(
                N_("What does the value 51 become?"),
                ("0.2", "0.51", "5.1"),
                0,
                N_("51 / 255 = 0.2."),
            ),
            QuizQuestion(
                N_("Do validation photos need rescaling too?"),
                (N_("No, only training photos"), N_("Yes, in the same way")),
                1,
                N_("The weights fit values from 0 to 1. They don't work for other ranges."),
            ),
        ),
    ),
    Section(
        "squares",
        N_("Every photo becomes a square"),
        N_(
            "A network is built for one size, so every photo is resized. Here it's squeezed into "
            "a square. The size depends on the network. The course uses `target_size=(150, 150)`. "
            "Small squares are faster but lose detail. Four times the pixels take about four "
            "times as long."
        ),
        "dataset",
        (
            DemoLink(N_("Try 64 pixels"), "train", training={"image_size": 64}, look=_START),
            DemoLink(
                N_("See your squares"),
                "data",
                {"part": "photos"},
                look=N_("Each photo of the batch is a square of the same size."),
            ),
        ),
        ("target-size", "pixel"),
        (
            QuizQuestion(
                N_("You go from 150 to 75 pixels per side. How many pixels are left?"),
                (N_("Half"), N_("A quarter"), N_("All of them")),
                1,
                N_("Width and height are halved. 75 × 75 = 5,625 and 150 × 150 = 22,500."),
                (Example("run", N_("Your run uses {size} pixels per side.")),),
            ),
            QuizQuestion(
                N_("What happens to a wide photo?"),
                (N_("Its sides are cut off"), N_("It's squeezed"), N_("It's left out")),
                1,
                N_("Nothing is cut off, here or in Keras. Cats just look slimmer."),
            ),
        ),
    ),
    Section(
        "wrong-labels",
        N_("Find wrong labels"),
        N_(
            "People make mistakes when they label photos, and a network learns them, too. To find"
            " them, train on four fifths of the photos and predict the rest. Do this five times, so"
            " each photo is predicted by a model that never saw it. A label is suspicious if the"
            " model is sure about another class. This is confident learning. Never judge labels"
            " with a model that trained on these photos. It repeats the wrong labels it has"
            " learned."
        ),
        "dataset",
        (
            DemoLink(
                N_("Check your labels"),
                "data",
                {"part": "health"},
                look=N_("Check the labels, and compare each suspicious photo with similar ones."),
                target="labels-check",
            ),
        ),
        ("label", "confident-learning", "cross-validation"),
        (
            QuizQuestion(
                N_("Why shouldn't the model that judges a label train on that photo?"),
                (
                    N_("It would repeat a wrong label"),
                    N_("Training would take longer"),
                    N_("The photo would change"),
                ),
                0,
                N_("A model fits its training labels, including the wrong ones."),
            ),
            QuizQuestion(
                N_("The model is sure that a photo labeled cat is a dog. What do you do?"),
                (N_("Relabel it at once"), N_("Look at the photo first"), N_("Delete the photo")),
                1,
                N_("The model makes mistakes as well. A hairless cat can look like a dog to it."),
            ),
        ),
    ),
)


_NETWORK = (
    Section(
        "pooling",
        N_("Max pooling keeps the largest of four"),
        N_(
            "After each convolution, max pooling keeps the largest of every 2 × 2 numbers. It"
            " discards the other three. The map has half the width and height, so later layers"
            " have less to do. If a pattern moves within a 2 × 2 window, the result stays the"
            " same."
        ),
        "dataset",
        (
            DemoLink(
                N_("See layer shapes"),
                "train",
                training={"model": "notes"},
                look=_SEE_LAYERS,
                target="layers",
            ),
        ),
        ("max-pooling", "feature-map"),
        (
            QuizQuestion(
                N_("What does max pooling keep of 3, 9, 1 and 4?"),
                ("17", "4.25", "9"),
                2,
                N_("It keeps the largest number. The sum and the mean don't matter."),
            ),
            QuizQuestion(
                N_("You pool 148 × 148 numbers by 2 × 2. What is left?"),
                ("74 × 74", "146 × 146", "37 × 37"),
                0,
                N_("148 / 2 = 74 per side."),
            ),
        ),
    ),
    Section(
        "dropout",
        N_("Dropout leaves gaps"),
        N_(
            "In each training step, `Dropout(0.5)` sets about half of the numbers to 0. It picks"
            " new ones every time and doubles the rest. So the last layer can't rely on any single"
            " number, and the network overfits less. In validation and prediction, Dropout does"
            " nothing."
        ),
        "nothing",
        (
            DemoLink(
                N_("See the network"),
                "train",
                training={"model": "notes"},
                look=_SEE_LAYERS,
                target="layers",
            ),
        ),
        ("dropout", "overfitting", "regularization"),
        (
            QuizQuestion(
                N_("When does Dropout set numbers to 0?"),
                (N_("Always"), N_("Only in training"), N_("Only in validation")),
                1,
                N_("A prediction uses all the numbers."),
            ),
            QuizQuestion(
                N_("`Dropout(0.5)` gets 36,992 numbers. How many become 0 in a step?"),
                (N_("About 18,500"), N_("None of them"), N_("All of them")),
                0,
                N_("36,992 / 2 = 18,496 on average, and different ones in each step."),
            ),
        ),
    ),
    Section(
        "network",
        N_("The course network, layer by layer"),
        N_(
            "Three rounds of convolution and pooling turn 150 × 150 × 3 numbers into 17 × 17 × 128."
            " Flatten puts them in a row of 36,992. One Dense unit turns the row into a"
            " prediction. A filter covers all maps of the layer before. So the second layer's"
            " filters have 3 × 3 × 32 weights. In total, there are 130,241 parameters. The course"
            " notes also hint at a fourth block with 128 filters and a Dense layer with 512"
            " units. The lab calls this network `notes-deep`."
        ),
        "nothing",
        (
            DemoLink(N_("Train this network"), "train", training={"model": "notes"}, look=_START),
            DemoLink(
                N_("Train deeper network"), "train", training={"model": "notes-deep"}, look=_START
            ),
        ),
        ("cnn", "parameter", "bias", "dense", "flatten", "batch-normalization"),
        (
            QuizQuestion(
                N_("Which layers have weights?"),
                (N_("All of them"), N_("Convolution and Dense"), N_("Pooling and Flatten")),
                1,
                N_(
                    "The others have none. Pooling discards numbers, Dropout sets some to 0 and"
                    " Flatten rearranges them."
                ),
                (Example("run", N_("Your network has {parameters:,} parameters.")),),
            ),
            QuizQuestion(
                N_("The second layer has 64 filters on 32 maps. How many parameters?"),
                ("18,496", "576", "2,048"),
                0,
                N_("64 × (3 × 3 × 32 + 1) = 18,496. The 1 is the bias of each filter."),
            ),
            QuizQuestion(
                N_("Where do the 36,992 numbers before the last layer come from?"),
                ("17 × 17 × 128", "150 × 150 × 3", "34 × 34 × 128"),
                0,
                N_("17 × 17 × 128 = 36,992. With a bias, the last layer has 36,993 parameters."),
            ),
        ),
    ),
    Section(
        "sigmoid",
        N_("Sigmoid and softmax make probabilities"),
        N_(
            "The last layer's sum can be any number. For two classes, sigmoid turns it into the"
            " probability of class 1. A threshold, usually 0.5, decides between the classes. With"
            " more classes, each gets a unit of its own. Softmax then turns their sums into"
            " probabilities that add up to 1. For two classes, softmax equals the sigmoid of the"
            " difference."
        ),
        "nothing",
        (
            DemoLink(
                N_("Move the threshold"),
                "evaluate",
                {"tab": "overview"},
                look=N_(
                    "Once the photos are evaluated, move the threshold and watch the confusion"
                    " matrix."
                ),
                needs="model",
            ),
            _PREDICT_PHOTOS,
        ),
        ("sigmoid", "softmax", "threshold", "probability"),
        (
            QuizQuestion(
                N_("A sigmoid network outputs 0.1. Which class does it predict?"),
                (
                    N_("Class 0, fairly surely"),
                    N_("Class 1, fairly surely"),
                    N_("Neither of them"),
                ),
                0,
                N_("0.1 is the probability of class 1. Class 0 gets 1 − 0.1 = 0.9."),
                (
                    Example(
                        "dataset",
                        N_("In your dataset, 0 is {first} and 1 is {second}."),
                        _has_two_classes,
                    ),
                ),
            ),
            QuizQuestion(
                N_("The sum is 0. What does sigmoid make of it?"),
                ("0", "0.5", "1"),
                1,
                N_("e⁰ is 1, so sigmoid gives 1 / (1 + 1) = 0.5. Both classes are equally likely."),
            ),
        ),
    ),
)


_TRAINING = (
    Section(
        "loss",
        N_("Loss and accuracy"),
        N_(
            "Cross-entropy looks at the probability of the actual class. The loss is its negative "
            "logarithm. It's small for a sure right prediction and huge for a sure wrong one. "
            "Accuracy only counts right predictions. Training lowers the loss, but people read "
            "accuracy. The course uses binary cross-entropy, the one for two classes."
        ),
        "nothing",
        (
            DemoLink(
                N_("See largest losses"),
                "evaluate",
                {"tab": "mistakes"},
                look=N_("Once the photos are evaluated, those with the largest loss come first."),
                needs="model",
            ),
        ),
        ("loss", "accuracy", "cross-entropy"),
        (
            QuizQuestion(
                N_("Two predictions are right, with 0.6 and 0.99. Which has the smaller loss?"),
                ("0.6", "0.99", N_("Both have the same")),
                1,
                N_("−ln 0.99 = 0.01 and −ln 0.6 = 0.51. Accuracy counts both the same."),
                (
                    Example(
                        "run",
                        N_(
                            "Your run's last training loss, {loss:.2f}, matches a probability of"
                            " {likely:.0%}."
                        ),
                        _is_measured("loss"),
                    ),
                ),
            ),
            QuizQuestion(
                N_("What is the loss of pure guessing with two classes?"),
                ("0", "0.69", "1"),
                1,
                N_("−ln 0.5 = 0.69."),
                (
                    Example(
                        "run",
                        N_("Your run's last validation loss is {val_loss:.2f}."),
                        _is_measured("val_loss"),
                    ),
                ),
            ),
        ),
    ),
    Section(
        "class-mode",
        N_("Three ways to write a label"),
        N_(
            "`class_mode` sets how labels are written. It has to fit the last layer and the"
            " loss.\n\n"
            "- `binary` writes 0 or 1. It needs one sigmoid unit and `binary_crossentropy`.\n"
            "- `categorical` writes one-hot rows, each with a single 1. It needs one softmax unit"
            " per class and `categorical_crossentropy`.\n"
            "- `sparse` writes the class number. It needs the same layer and"
            " `sparse_categorical_crossentropy`.\n\n"
            "Don't use `sparse_categorical` as a `class_mode`. The name belongs to the loss."
        ),
        "dataset",
        (
            DemoLink(
                N_("Compare label forms"),
                "data",
                {"part": "split"},
                look=N_("The same labels are written in three forms here."),
                target="labels",
            ),
        ),
        ("label", "one-hot", "class-mode"),
        (
            QuizQuestion(
                N_("How does `categorical` write the second of three classes?"),
                ("1", "[0 1 0]", "[1 0]"),
                1,
                N_("Each class has its place. The actual class gets the 1."),
                (Example("dataset", N_("Your dataset has {classes} classes.")),),
            ),
            QuizQuestion(
                N_("You have 100 classes and want short labels. Which mode fits?"),
                ("binary", "categorical", "sparse"),
                2,
                N_("It needs one number per photo. One-hot needs 100."),
            ),
        ),
    ),
    Section(
        "learning-rate",
        N_("Adam and the learning rate"),
        N_(
            "The learning rate sets how far a step moves the weights. With a small one, training"
            " takes forever. With a large one, steps jump across the valley and training diverges."
            " Adam is an optimizer that gives each weight its own step size. The course uses it"
            " with 1e-4."
        ),
        "nothing",
        (
            DemoLink(
                N_("Train with 1e-4"),
                "train",
                training={"model": "notes", "learning_rate": 1e-4},
                look=_START,
            ),
            DemoLink(
                N_("Try huge steps"),
                "train",
                training={"model": "notes", "learning_rate": 3e-2, "epochs": 3},
                look=_START,
            ),
        ),
        ("learning-rate", "optimizer", "gradient"),
        (
            QuizQuestion(
                N_("The loss jumps and rises. What do you change first?"),
                (
                    N_("Lower the learning rate"),
                    N_("Raise the learning rate"),
                    N_("Train more epochs"),
                ),
                0,
                N_("Try a third of it, then a tenth."),
                (Example("run", N_("Your run uses a learning rate of {learning_rate:g}.")),),
            ),
            QuizQuestion(
                N_("How often do the weights change?"),
                (N_("Once per photo"), N_("Once per batch"), N_("Once per epoch")),
                1,
                N_("Each batch is one step, and each step changes the weights."),
                (Example("run", N_("In your run, that's {steps:,} times per epoch.")),),
            ),
        ),
    ),
    Section(
        "steps",
        N_("Batch, step, epoch"),
        N_(
            "A step uses one batch. To see all 2,000 photos in batches of 20, the course sets"
            " `steps_per_epoch=100`. Its 1,000 validation photos take `validation_steps=50`. `fit`"
            " repeats this for 50 epochs. If you set fewer steps, an epoch sees only some of the"
            " photos. A generator never ends by itself, so your own loop over it needs a `break`."
        ),
        "nothing",
        (
            DemoLink(N_("Try larger batches"), "train", training={"batch_size": 40}, look=_START),
            DemoLink(
                N_("Train 50 epochs"),
                "train",
                training={"model": "notes", "batch_size": 20, "epochs": 50, "learning_rate": 1e-4},
                look=_START,
            ),
        ),
        ("batch", "step", "epoch"),
        (
            QuizQuestion(
                N_("You have 600 photos in batches of 20. How many steps show all of them?"),
                ("20", "30", "600"),
                1,
                N_("600 / 20 = 30."),
                (
                    Example(
                        "run",
                        N_("In your run, {photos:,} / {batch} = {steps:,}."),
                        lambda facts: bool(facts["steps"] * facts["batch"] == facts["photos"]),
                    ),
                    Example(
                        "run",
                        N_("In your run, {photos:,} / {batch} is rounded up to {steps:,}."),
                        lambda facts: bool(facts["steps"] == facts["full_steps"]),
                    ),
                    Example(
                        "run",
                        N_(
                            "Your run is set to {steps:,} steps per epoch. All {photos:,} photos"
                            " would take {full_steps:,}."
                        ),
                    ),
                ),
            ),
            QuizQuestion(
                N_("An epoch has 50 steps of 20 photos. How many photos does it show?"),
                ("50", "1,000", "2,000"),
                1,
                N_("50 × 20 = 1,000, half of the course's 2,000 photos."),
            ),
            QuizQuestion(
                N_("When does `for photos, labels in generator:` end?"),
                (N_("After the last photo"), N_("After one epoch"), N_("Never, without a `break`")),
                2,
                N_("The generator shuffles the photos and starts over. `fit` counts the steps."),
            ),
        ),
    ),
    Section(
        "splits",
        N_("Training, validation and test sets"),
        N_(
            "Training photos change the weights. Validation photos help you choose settings and"
            " the best epoch. Test photos are for one final check. The course gives validation a"
            " folder of its own. `validation_split` would take a part of the training photos"
            " instead. No photo should be in two sets. Such a data leak makes the result look too"
            " good."
        ),
        "dataset",
        (
            DemoLink(
                N_("See your split"),
                "data",
                {"part": "split"},
                look=N_("The bars show how many photos each split has."),
            ),
            DemoLink(
                N_("Find leaks"),
                "data",
                {"part": "health"},
                look=N_("The data check finds photos that are in two splits."),
            ),
        ),
        ("split", "validation", "test-set", "leak", "early-stopping"),
        (
            QuizQuestion(
                N_("The same photo is in training and validation. What happens to the result?"),
                (N_("It looks too good"), N_("It looks too bad"), N_("Nothing changes")),
                0,
                N_("The network knows the photo already. The data check finds such copies."),
            ),
            QuizQuestion(
                N_("You pick the best of ten runs by validation. Which photos judge it fairly?"),
                (N_("The training photos"), N_("The validation photos"), N_("The test photos")),
                2,
                N_("Picking the best favors luck on the validation photos."),
            ),
        ),
    ),
    Section(
        "validation-above",
        N_("When validation beats training"),
        N_(
            "Validation accuracy can be higher than training accuracy. There are three common"
            " reasons. Training accuracy is an average over the epoch, while the weights still"
            " improve. Dropout weakens the network in training only. Augmentation makes only the"
            " training photos harder. If none of these apply, look for data leaks."
        ),
        "nothing",
        (
            DemoLink(
                N_("Find leaks"),
                "data",
                {"part": "health"},
                look=N_("The data check finds photos that are in two splits."),
            ),
        ),
        ("validation", "dropout", "augmentation", "leak"),
        (
            QuizQuestion(
                N_("Validation is above training in a run with augmentation. Why?"),
                (
                    N_("Augmented photos are harder"),
                    N_("The curves are swapped"),
                    N_("The network forgets"),
                ),
                0,
                N_(
                    "In epoch {ahead_epoch} of the example, training has {ahead_accuracy:.1%} and"
                    " validation {ahead_val_accuracy:.1%}."
                ),
                (
                    Example(
                        "run",
                        N_(
                            "In your run's last epoch, validation is {lead:.1f} percentage points"
                            " above training."
                        ),
                        lambda facts: bool(facts["lead"] >= 0.1),
                    ),
                ),
            ),
        ),
    ),
    Section(
        "result",
        N_("The course's result"),
        N_(
            "After 50 epochs, the course network had a loss of 0.4929 and an accuracy of 0.7521."
            " On validation photos, it had 0.5377 and 0.7170. An epoch took 20 seconds on a hosted"
            " notebook, and a step 199 ms. Guessing gives 0.5, so this is a start."
        ),
        "nothing",
        (
            DemoLink(
                N_("Open your run"),
                "train",
                {"tab": "runs"},
                look=N_("The last points of the curves are the result."),
                needs="run",
            ),
            DemoLink(
                N_("Repeat course training"),
                "train",
                training={"model": "notes", "batch_size": 20, "epochs": 50, "learning_rate": 1e-4},
                look=_START,
            ),
        ),
        ("accuracy", "loss", "validation"),
        (
            QuizQuestion(
                N_("Training accuracy is 0.7521 and validation 0.7170. How large is the gap?"),
                (
                    N_("3.5 percentage points"),
                    N_("35 percentage points"),
                    N_("0.35 percentage points"),
                ),
                0,
                N_("75.21 − 71.7 = 3.51."),
                (
                    Example(
                        "run",
                        N_("In your run's last epoch, the gap is {gap:.1f} percentage points."),
                        _is_measured("gap"),
                    ),
                ),
            ),
            QuizQuestion(
                N_("What accuracy do you expect on new photos?"),
                (N_("Training accuracy"), N_("Validation accuracy"), N_("Their mean")),
                1,
                N_("The network doesn't learn from validation photos either."),
                (
                    Example(
                        "run",
                        N_("In your run, that's {val_accuracy:.1%}."),
                        _is_measured("val_accuracy"),
                    ),
                ),
            ),
        ),
    ),
    Section(
        "save",
        N_("A model is a file"),
        N_(
            "`model.save('cat_dog_small_cnn_tf2.4.h5')` keeps layers and weights in one file. You "
            "can then predict anywhere, without training again. The course uses HDF5 files, "
            "`.h5`. Today's Keras format is `.keras`. The lab keeps the best epoch of every run "
            "and exports both formats."
        ),
        "run",
        (
            DemoLink(
                N_("Export your model"),
                "export",
                look=N_("Each format is a file for another program."),
                needs="model",
            ),
            _PREDICT_PHOTOS,
        ),
        ("h5", "keras-file", "parameter"),
        (
            QuizQuestion(
                N_("What is in the file?"),
                (N_("The photos"), N_("Layers and weights"), N_("Only the accuracy")),
                1,
                N_("A model file has no photos."),
                (Example("run", N_("Your model has {parameters:,} parameters of 4 bytes each.")),),
            ),
            QuizQuestion(
                N_("Which epoch's weights does the lab keep?"),
                (N_("The last epoch's"), N_("The best epoch's"), N_("The first epoch's")),
                1,
                N_("Later epochs can be worse on validation photos."),
                (Example("run", N_("In your run, that's epoch {best_epoch} of {epochs}.")),),
            ),
        ),
    ),
)


_AUGMENTATION = (
    Section(
        "shift-zoom",
        N_("Shift, zoom and fill"),
        N_(
            "`width_shift_range=0.1` moves a photo by up to 10% of its width. `zoom_range=0.1`"
            " draws a factor from 0.9 to 1.1. In Keras, a factor above 1 makes the picture smaller,"
            " and one below 1 makes it larger. Width and height get separate factors, so the"
            " picture also stretches a little. `fill_mode` fills the empty border, for example"
            " with the nearest pixels."
        ),
        "dataset",
        (
            DemoLink(
                N_("Shift and zoom"),
                "augment",
                augmentation={
                    "width_shift_range": 0.1,
                    "height_shift_range": 0.1,
                    "zoom_range": 0.1,
                },
                look=N_("Look at the borders that the shift leaves empty."),
            ),
        ),
        ("augmentation", "fill-mode"),
        (
            QuizQuestion(
                N_("A photo is 150 pixels wide. How far does a shift of 0.1 move it at most?"),
                (N_("1 pixel"), N_("15 pixels"), N_("150 pixels")),
                1,
                N_("0.1 × 150 = 15, to the left or to the right."),
            ),
            QuizQuestion(
                N_("Keras draws a zoom factor of 1.1. How does the picture look?"),
                (N_("Smaller"), N_("Larger"), N_("Rotated")),
                0,
                N_("1 / 1.1 = 0.91, so it shrinks to 91%. `fill_mode` fills the border."),
            ),
        ),
    ),
    Section(
        "plausible",
        N_("Choose plausible changes"),
        N_(
            "A variant has to look like a photo you could take, and keep its label. A mirrored cat"
            " is fine. Upside-down cats are rare, so a vertical flip rarely helps. Don't flip"
            " digits. If changes are too strong, the network underfits. Look at the variants"
            " before you train. If you can't tell the class, choose weaker changes."
        ),
        "dataset",
        (
            DemoLink(
                N_("Try horizontal flips"),
                "augment",
                augmentation={"horizontal_flip": True, "rotation_range": 10},
                look=N_("Half of the variants are mirrored."),
            ),
        ),
        ("augmentation", "underfitting", "label"),
        (
            QuizQuestion(
                N_("You classify handwritten digits. Which change breaks the labels?"),
                (N_("A shift of 5%"), N_("A rotation of 180°"), N_("A rotation of 5°")),
                1,
                N_("An upside-down 6 looks like a 9, but its label still says 6."),
            ),
            QuizQuestion(
                N_("With strong augmentation, training accuracy stays low. What do you try?"),
                (N_("Weaker augmentation"), N_("Stronger augmentation"), N_("Fewer photos")),
                0,
                N_(
                    "The changes can hide what tells the classes apart. An example with strong"
                    " augmentation ends at {slow_accuracy:.1%}."
                ),
            ),
        ),
    ),
    Section(
        "twin",
        N_("With and without augmentation"),
        N_(
            "The course trained the network again for 50 epochs, with augmentation, and drew the"
            " same two plots. It also used a learning rate of 1e-3, 50 steps per epoch and 25"
            " validation steps. Four things changed, so the plots can't show which one helped. A"
            " fair comparison changes only one. The lab does this in a paired experiment."
        ),
        "nothing",
        (
            DemoLink(
                N_("Try paired experiment"),
                "compare",
                query={"tab": "new", "kind": "twin"},
                look=N_("Select **Start experiment** to train with and without augmentation."),
            ),
            DemoLink(
                N_("Repeat course training"),
                "train",
                training={
                    "model": "notes",
                    "batch_size": 20,
                    "epochs": 50,
                    "learning_rate": 1e-3,
                    "steps_per_epoch": 50,
                    "validation_steps": 25,
                },
                augmentation=COURSE_AUGMENTATION,
                look=_START,
            ),
            DemoLink(
                N_("Rotate and evaluate"),
                "evaluate",
                query={"tab": "robustness", "change": "rotation"},
                look=N_(
                    "Measure how accuracy falls as photos are rotated. A model trained on rotated "
                    "photos keeps more of it. Compare it with one that wasn't."
                ),
                needs="model",
            ),
        ),
        ("twin", "gap", "seed"),
        (
            QuizQuestion(
                N_("Run A has rate 1e-4. Run B has 1e-3 and augmentation, and is better. Why?"),
                (N_("The augmentation"), N_("The learning rate"), N_("You can't tell")),
                2,
                N_("Two things differ, so each of them can be the reason."),
            ),
            QuizQuestion(
                N_("How does augmentation usually change the gap?"),
                (N_("It gets smaller"), N_("It gets larger"), N_("It stays the same")),
                0,
                N_(
                    "Memorizing gets harder. The example without augmentation ends with a gap of"
                    " {plain_gap:.1f} percentage points."
                ),
                (
                    Example(
                        "run",
                        N_("In your run's last epoch, the gap is {gap:.1f} percentage points."),
                        _is_measured("gap"),
                    ),
                ),
            ),
        ),
    ),
)


EXPRESS = "express"
"""The name of the chapter that comes first and takes ten minutes."""

CHAPTERS: dict[str, tuple[str, tuple[Section, ...]]] = {
    EXPRESS: (N_("Ten minutes"), _EXPRESS),
    "photos": (N_("More on photos"), _PHOTOS),
    "network": (N_("More on networks"), _NETWORK),
    "training": (N_("More on training"), _TRAINING),
    "augmentation": (N_("More on augmentation"), _AUGMENTATION),
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
    7: ("batch", "steps"),
    8: ("batch",),
    9: ("convolution", "pooling", "network", "dropout", "sigmoid"),
    10: ("training", "loss", "learning-rate"),
    11: ("steps", "splits"),
    12: ("result",),
    13: ("save",),
    14: ("overfitting",),
    15: ("augmentation", "shift-zoom", "plausible"),
    16: ("augmentation",),
    17: ("validation", "validation-above"),
    18: ("twin",),
}
"""The statements of the class notes by number, each with the sections that retell it."""
BEYOND_NOTES = ("wrong-labels",)
"""Sections that tell what the class notes don't."""


def find_chapter(section_id: str) -> str:
    """Return the name of the chapter a section stands in.

    Raises:
        KeyError: there is no such section.
    """
    return next(
        name for name, (_, sections) in CHAPTERS.items() if SECTIONS[section_id] in sections
    )
