"""The words of the field the lab uses: each in one sentence, with the section that shows it."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import N_


@dataclass(frozen=True)
class Term:
    """A word of the field.

    Attributes:
        name: as people say it; a message id.
        meaning: one sentence; a message id.
        section: the section of the Learn page that shows it.
    """

    name: str
    meaning: str
    section: str


TERMS: dict[str, Term] = {
    "accuracy": Term(
        N_("accuracy"), N_("The share of photos whose class was named rightly."), "loss"
    ),
    "array": Term(
        N_("array"),
        N_("Numbers in rows, columns and layers; what a network takes and gives."),
        "photo-array",
    ),
    "asha": Term(
        "ASHA",
        N_("Ending the worse trials of a sweep after few epochs, so that good ones get the time."),
        "learning-rate",
    ),
    "augmentation": Term(
        N_("data augmentation"),
        N_("Small random changes to training photos, so that no two epochs show the same ones."),
        "augmentation",
    ),
    "batch": Term(
        N_("batch"), N_("The photos of one training step, such as 20, drawn at random."), "batch"
    ),
    "calibration": Term(
        N_("calibration"),
        N_("Whether of the answers given with 80 % certainty 80 % are right."),
        "sigmoid",
    ),
    "channel": Term(
        N_("channel"),
        N_("One layer of numbers: red, green or blue of a photo, or one filter's map."),
        "photo-array",
    ),
    "class": Term(N_("class"), N_("One of the kinds to tell apart, such as cats."), "labels"),
    "class-mode": Term(
        N_("class mode"),
        N_("How a generator writes labels: binary, categorical or sparse."),
        "class-mode",
    ),
    "cnn": Term(
        N_("convolutional network (CNN)"),
        N_("A network whose first layers look for small patterns everywhere in a photo."),
        "network",
    ),
    "confidence-interval": Term(
        N_("95% interval"),
        N_("Where the true value lies in 19 of 20 such measurements, given so few photos."),
        "validation",
    ),
    "confusion-matrix": Term(
        N_("confusion matrix"),
        N_("A table of counts: true classes in rows, the classes answered in columns."),
        "loss",
    ),
    "convolution": Term(
        N_("convolution"),
        N_("A small filter slid over an image, multiplied and summed up at every place."),
        "convolution",
    ),
    "cross-entropy": Term(
        N_("cross-entropy"),
        N_("The usual loss of classifiers: minus the logarithm of the true class's probability."),
        "loss",
    ),
    "dataset": Term(
        N_("dataset"), N_("Photos with their classes, divided into parts."), "little-data"
    ),
    "dense": Term(
        N_("dense layer"),
        N_("A layer in which every number has a weight to every output."),
        "network",
    ),
    "dropout": Term(
        N_("dropout"),
        N_("Setting a random part of the numbers to zero in training, against overfitting."),
        "dropout",
    ),
    "embedding": Term(
        N_("embedding"),
        N_("A photo as the row of numbers that reaches the last layer, drawn as a point of a map."),
        "network",
    ),
    "entropy": Term(
        N_("entropy"),
        N_("How undecided an answer is, in bits: 0 when sure, 1 at fifty-fifty of two classes."),
        "sigmoid",
    ),
    "epoch": Term(N_("epoch"), N_("So many steps that every photo was shown once."), "steps"),
    "feature-map": Term(
        N_("feature map"),
        N_("Where in a photo a filter found its pattern, and how strongly."),
        "pooling",
    ),
    "fill-mode": Term(
        N_("fill mode"),
        N_("What fills the corners that a turned or moved photo leaves empty."),
        "augmentation",
    ),
    "filter": Term(
        N_("filter, kernel"),
        N_("The small square of weights a convolution slides over an image."),
        "convolution",
    ),
    "flatten": Term(N_("flatten"), N_("Laying maps in one row of numbers."), "network"),
    "flow-from-directory": Term(
        "flow_from_directory",
        N_("The method of Keras's generator that reads photos from one folder a class."),
        "labels",
    ),
    "gap": Term(
        N_("gap"),
        N_("Training minus validation accuracy; it opens when a network learns by heart."),
        "overfitting",
    ),
    "generator": Term(
        N_("generator"), N_("A source that gives one batch after the other, for ever."), "batch"
    ),
    "gradient": Term(
        N_("gradient"),
        N_("For each weight, how much and which way the loss changes with it."),
        "learning-rate",
    ),
    "h5": Term(".h5 (HDF5)", N_("The older file format of Keras models, the notes' own."), "save"),
    "heat-map": Term(
        N_("heat map (Grad-CAM)"),
        N_("The places in a photo that spoke most for a class, as colours."),
        "convolution",
    ),
    "history": Term(
        N_("history"),
        N_("What `fit` gives back: loss and accuracy of every epoch."),
        "overfitting",
    ),
    "imagedatagenerator": Term(
        "ImageDataGenerator",
        N_("Keras's reader of photo folders, which rescales and augments while reading."),
        "read-again",
    ),
    "keras-file": Term(".keras", N_("The file format of Keras models today."), "save"),
    "label": Term(N_("label"), N_("The class of a photo, written as a number."), "labels"),
    "latency": Term(
        N_("I/O latency"), N_("The time a program waits for files to be read."), "read-again"
    ),
    "leak": Term(
        N_("leak"),
        N_("The same photo in training and validation, which makes a network look too good."),
        "validation",
    ),
    "learning-rate": Term(
        N_("learning rate"), N_("How far one step moves the weights."), "learning-rate"
    ),
    "loss": Term(
        N_("loss"),
        N_("How wrong the answers are, as one number that training makes small."),
        "loss",
    ),
    "max-pooling": Term(
        N_("max pooling"), N_("Keeping only the largest of every 2 × 2 numbers."), "pooling"
    ),
    "normalisation": Term(
        N_("normalisation"), N_("Bringing numbers into the same small range."), "rescale"
    ),
    "one-hot": Term(
        N_("one-hot"),
        N_("A label as a row of zeros with a single 1 in its class's place."),
        "class-mode",
    ),
    "optimizer": Term(
        N_("optimizer (Adam)"),
        N_("The rule by which gradients become changes of the weights."),
        "learning-rate",
    ),
    "overfitting": Term(
        N_("overfitting"),
        N_("Learning the training photos by heart: better on them, not on others."),
        "overfitting",
    ),
    "parallel-coordinates": Term(
        N_("parallel coordinates"),
        N_("A chart with an axis for each quantity, crossed by one line for each run."),
        "learning-rate",
    ),
    "parameter": Term(
        N_("parameter, weight"), N_("A number of the network that training settles."), "network"
    ),
    "pixel": Term(
        N_("pixel"), N_("One point of a photo: three numbers from 0 to 255."), "photo-array"
    ),
    "precision": Term(
        N_("precision"), N_("Of the photos called cats, the share that are cats."), "loss"
    ),
    "probability": Term(
        N_("probability"), N_("How sure the network is of a class, from 0 to 1."), "sigmoid"
    ),
    "receptive-field": Term(
        N_("receptive field"),
        N_("The part of the photo that can change one number of a feature map."),
        "convolution",
    ),
    "rank-correlation": Term(
        N_("rank correlation (Spearman)"),
        N_("How far two orders agree: 1 wholly, 0 not at all, −1 one is the other reversed."),
        "result",
    ),
    "recall": Term(N_("recall"), N_("Of all cats, the share that was called cats."), "loss"),
    "regularisation": Term(
        N_("regularisation"), N_("All that makes learning by heart harder."), "dropout"
    ),
    "relu": Term("ReLU", N_("The function that turns negative numbers into zero."), "convolution"),
    "rescaling": Term(
        N_("rescaling"), N_("Multiplying pixel values by 1/255, from 0…255 to 0…1."), "rescale"
    ),
    "roc": Term(
        N_("ROC curve"),
        N_("For every threshold: the share of one class found against false alarms."),
        "sigmoid",
    ),
    "seed": Term(
        N_("seed"),
        N_("The number chance begins with; the same one gives the same run again."),
        "twin",
    ),
    "shape": Term(N_("shape"), N_("How many numbers an array has in each direction."), "batch"),
    "shard": Term(
        N_("shard"), N_("One of the files a packed dataset is divided into."), "tfrecord"
    ),
    "sigmoid": Term(
        N_("sigmoid"), N_("The S-shaped function from any number to a probability."), "sigmoid"
    ),
    "softmax": Term(
        N_("softmax"),
        N_("The function from many sums to probabilities that add up to 1."),
        "sigmoid",
    ),
    "split": Term(
        N_("split"),
        N_("Dividing photos into those to train, to validate and to test."),
        "validation",
    ),
    "step": Term(N_("step"), N_("One batch shown, and one change of the weights."), "steps"),
    "sweep": Term(
        N_("sweep"), N_("Many runs over a grid or random choice of settings."), "learning-rate"
    ),
    "target-size": Term(
        N_("target size"),
        N_("The side in pixels of the square every photo is resized to."),
        "squares",
    ),
    "tfrecord": Term(
        "TFRecord", N_("TensorFlow's file format of records one after another."), "tfrecord"
    ),
    "threshold": Term(
        N_("threshold"),
        N_("The probability from which on the second class is answered."),
        "sigmoid",
    ),
    "transfer": Term(
        N_("transfer learning"),
        N_("Beginning with a network that has learned from other photos."),
        "little-data",
    ),
    "trial": Term(N_("trial"), N_("One run of a sweep."), "learning-rate"),
    "twin": Term(
        N_("twin experiment"), N_("Two runs that differ in nothing but augmentation."), "twin"
    ),
    "underfitting": Term(
        N_("underfitting"),
        N_("Not having learned enough: poor on training photos, too."),
        "overfitting",
    ),
    "validation": Term(
        N_("validation"), N_("Judging a network by photos it never learned from."), "validation"
    ),
}
"""By id, which is also its name in addresses."""
