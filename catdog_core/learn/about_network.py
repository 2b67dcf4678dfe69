"""The Learn page's sections about the network: convolution, pooling, layers, dropout, output."""

from __future__ import annotations

from ..errors import N_
from .section import Question, Section, Show

SECTIONS = (
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
        (Show(N_("See the filters of your model on a photo"), "predict"),),
        ("convolution", "filter", "relu"),
        (
            Question(
                N_("A 3 × 3 filter slides over 150 × 150 pixels. How large is the result?"),
                ("150 × 150", "148 × 148", "50 × 50"),
                1,
                N_("At the rim it would hang over: with your {size} pixels it leaves {conv}."),
            ),
            Question(
                N_("What does ReLU make of −3?"),
                ("−3", "0", "3"),
                1,
                N_("It lets positive numbers through and makes the others zero."),
            ),
            Question(
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
            Show(
                N_("See the shapes shrink, layer by layer"),
                "train",
                training={"model": "notes"},
            ),
        ),
        ("max-pooling", "feature-map"),
        (
            Question(
                N_("What is left of the numbers 3, 9, 1 and 4?"),
                ("17", "4.25", "9"),
                2,
                N_("The largest: not their sum, not their mean."),
            ),
            Question(
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
            Show(N_("Train this network"), "train", training={"model": "notes"}),
            Show(N_("Train the deeper one"), "train", training={"model": "notes-deep"}),
        ),
        ("cnn", "parameter", "dense", "flatten"),
        (
            Question(
                N_("Which layers of it have parameters?"),
                (N_("All"), N_("Convolutions and Dense"), N_("Pooling and Flatten")),
                1,
                N_("Pooling, Flatten and Dropout only rearrange. Your network has {parameters:,}."),
            ),
            Question(
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
        (Show(N_("See it in your network's table"), "train", training={"model": "notes"}),),
        ("dropout", "overfitting", "regularisation"),
        (
            Question(
                N_("When does Dropout drop?"),
                (N_("Always"), N_("Only in training"), N_("Only in validation")),
                1,
                N_(
                    "That is one reason why validation accuracy can lie above training accuracy:"
                    " in your run {val_accuracy:.1%} and {accuracy:.1%} in the last epoch."
                ),
            ),
            Question(
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
            Show(N_("Move the threshold on your model's answers"), "evaluate"),
            Show(N_("Get probabilities for photos"), "predict"),
        ),
        ("sigmoid", "softmax", "threshold", "probability"),
        (
            Question(
                N_("The sum is 0. What does sigmoid make of it?"),
                ("0", "0.5", "1"),
                1,
                N_("Just undecided between {first} and {second}."),
            ),
            Question(
                N_("Softmax gives 0.7 for the first of two classes. And for the second?"),
                ("0.3", "0.7", N_("That cannot be told")),
                0,
                N_("Together they make 1. You have {classes} classes."),
            ),
        ),
    ),
)
