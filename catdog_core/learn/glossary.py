"""The words of the field the lab uses: each in a sentence, with the section that shows it."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import N_


@dataclass(frozen=True)
class Term:
    """A word of the field.

    Attributes:
        name: as people say it; a message id.
        meaning: one or two short sentences; a message id.
        section: the section of the Learn page that shows it.
    """

    name: str
    meaning: str
    section: str


TERMS: dict[str, Term] = {
    "accuracy": Term(N_("accuracy"), N_("The share of photos predicted correctly."), "overfitting"),
    "array": Term(
        N_("array"),
        N_("Numbers in rows, columns and layers. Networks take and return them."),
        "photo-array",
    ),
    "asha": Term(
        "ASHA",
        N_("Stops the weaker trials of a sweep early, so good ones get the time."),
        "learning-rate",
    ),
    "augmentation": Term(
        N_("data augmentation"),
        N_("Small random changes to training photos, so they look different in each epoch."),
        "augmentation",
    ),
    "backpropagation": Term(
        N_("backpropagation"),
        N_("Computes the gradient of all weights, from the last layer back to the first."),
        "training",
    ),
    "batch": Term(N_("batch"), N_("The photos of one training step, drawn at random."), "batch"),
    "batch-normalization": Term(
        N_("batch normalization"),
        N_("A layer that rescales its numbers by the mean and spread of each batch."),
        "network",
    ),
    "bias": Term(
        N_("bias"),
        N_("A weight that is added without being multiplied by an input."),
        "convolution",
    ),
    "calibration": Term(
        N_("calibration"),
        N_("Whether 80% of the predictions made with 80% probability are right."),
        "sigmoid",
    ),
    "channel": Term(
        N_("channel"),
        N_("One layer of numbers, such as the red of a photo or the map of a filter."),
        "photo-array",
    ),
    "class": Term(N_("class"), N_("One of the categories to tell apart, such as cats."), "labels"),
    "class-mode": Term(
        N_("class mode"),
        N_("How a generator writes labels: binary, categorical or sparse."),
        "class-mode",
    ),
    "cnn": Term(
        N_("convolutional network (CNN)"),
        N_("A network with layers that look for small patterns everywhere in a photo."),
        "network",
    ),
    "confidence-interval": Term(
        N_("95% confidence interval"),
        N_("A range that contains the true value in 19 of 20 such measurements."),
        "splits",
    ),
    "confident-learning": Term(
        N_("confident learning"),
        N_("Finding wrong labels with the predictions of models that never saw those photos."),
        "wrong-labels",
    ),
    "confusion-matrix": Term(
        N_("confusion matrix"),
        N_("Counts of photos by actual class (rows) and predicted class (columns)."),
        "loss",
    ),
    "convolution": Term(
        N_("convolution"),
        N_("Slides a filter over an image, multiplies and adds up at each place."),
        "convolution",
    ),
    "cross-entropy": Term(
        N_("cross-entropy"),
        N_("The usual loss for classes, minus the logarithm of the actual class's probability."),
        "loss",
    ),
    "cross-validation": Term(
        N_("cross-validation"),
        N_("Training several times, each time leaving out different photos and predicting them."),
        "wrong-labels",
    ),
    "dataset": Term(N_("dataset"), N_("Photos with their classes, split into sets."), "labels"),
    "dense": Term(
        N_("dense layer"),
        N_("A layer that connects every input to every output with a weight."),
        "network",
    ),
    "dropout": Term(
        N_("dropout"),
        N_("Sets randomly chosen values to 0 during training to reduce overfitting."),
        "dropout",
    ),
    "early-stopping": Term(
        N_("early stopping"),
        N_("Ends training when validation hasn't improved for several epochs."),
        "splits",
    ),
    "embedding": Term(
        N_("embedding"),
        N_("The numbers that reach the last layer for a photo, often drawn as a point on a map."),
        "network",
    ),
    "entropy": Term(
        N_("entropy"),
        N_("How undecided a prediction is, in bits. With two classes, 50% each gives 1."),
        "sigmoid",
    ),
    "epoch": Term(
        N_("epoch"), N_("A round of steps, usually through all training photos."), "training"
    ),
    "f1": Term(N_("F1"), N_("The harmonic mean of precision and recall."), "loss"),
    "feature-map": Term(
        N_("feature map"),
        N_("Where a filter finds its pattern in a photo, and how strongly."),
        "pooling",
    ),
    "fill-mode": Term(
        N_("fill mode"),
        N_("How the empty border of a moved or rotated photo is filled."),
        "shift-zoom",
    ),
    "filter": Term(
        N_("filter, kernel"),
        N_("The small square of weights that a convolution slides over an image."),
        "convolution",
    ),
    "fine-tuning": Term(
        N_("fine-tuning"),
        N_("Training a pretrained network a little further on your own photos."),
        "little-data",
    ),
    "flatten": Term(N_("flatten"), N_("Puts all maps into one row of numbers."), "network"),
    "flow-from-directory": Term(
        "flow_from_directory",
        N_("The Keras method that reads photos from one folder per class."),
        "labels",
    ),
    "gap": Term(
        N_("gap"),
        N_(
            "Training accuracy minus validation accuracy, best measured without augmentation and "
            "dropout. A growing gap is a sign of overfitting."
        ),
        "overfitting",
    ),
    "generator": Term(
        N_("generator"), N_("A source that keeps returning batches and never ends."), "batch"
    ),
    "gradient": Term(
        N_("gradient"),
        N_("How strongly, and in which direction, the loss changes with each weight."),
        "training",
    ),
    "h5": Term(
        ".h5 (HDF5)", N_("An older file format for Keras models, used in the course."), "save"
    ),
    "heat-map": Term(
        N_("heat map (Grad-CAM)"),
        N_("Shows in color where the model looked for a class."),
        "convolution",
    ),
    "history": Term(
        N_("history"),
        N_("The loss and accuracy of every epoch, as returned by `fit`."),
        "overfitting",
    ),
    "imagedatagenerator": Term(
        "ImageDataGenerator",
        N_("The Keras tool that reads photo folders, rescales and augments."),
        "photo-array",
    ),
    "keras-file": Term(".keras", N_("The current file format for Keras models."), "save"),
    "label": Term(N_("label"), N_("A photo's class, written as a number."), "labels"),
    "latency": Term(N_("I/O latency"), N_("The time a program waits for files."), "read-again"),
    "leak": Term(
        N_("data leak"),
        N_("The same photo in two sets, which makes results look too good."),
        "splits",
    ),
    "learning-rate": Term(
        N_("learning rate"), N_("How far a step moves the weights."), "learning-rate"
    ),
    "loss": Term(
        N_("loss"),
        N_("One number for how wrong the predictions are. Training lowers it."),
        "training",
    ),
    "max-pooling": Term(
        N_("max pooling"), N_("Keeps only the largest of every 2 × 2 numbers."), "pooling"
    ),
    "normalization": Term(
        N_("normalization"), N_("Brings numbers into the same small range."), "rescale"
    ),
    "one-hot": Term(
        N_("one-hot"),
        N_("A label as a row of zeros with a 1 in the place of its class."),
        "class-mode",
    ),
    "optimizer": Term(
        N_("optimizer (Adam)"), N_("The rule that turns gradients into weight changes."), "training"
    ),
    "overfitting": Term(
        N_("overfitting"),
        N_("Memorizing the training photos instead of learning what fits new ones too."),
        "overfitting",
    ),
    "parallel-coordinates": Term(
        N_("parallel coordinates"),
        N_("A chart with one axis per setting and one line per run."),
        "learning-rate",
    ),
    "parameter": Term(
        N_("parameter, weight"), N_("A number of the network that training changes."), "training"
    ),
    "pixel": Term(
        N_("pixel"), N_("One point of a photo, three numbers from 0 to 255."), "photo-array"
    ),
    "precision": Term(
        N_("precision"), N_("The share of photos predicted as cats that are cats."), "loss"
    ),
    "probability": Term(
        N_("probability"), N_("How sure the network is of a class, from 0 to 1."), "sigmoid"
    ),
    "receptive-field": Term(
        N_("receptive field"),
        N_("The part of the photo that one number of a feature map depends on."),
        "pooling",
    ),
    "rank-correlation": Term(
        N_("rank correlation (Spearman)"),
        N_("How well two rankings agree, from −1 (reversed) to 1 (the same)."),
        "result",
    ),
    "recall": Term(N_("recall"), N_("The share of all cats that were predicted as cats."), "loss"),
    "regularization": Term(
        N_("regularization"), N_("Anything that reduces overfitting."), "dropout"
    ),
    "relu": Term("ReLU", N_("Turns negative numbers into 0."), "convolution"),
    "rescaling": Term(
        N_("rescaling"), N_("Multiplies pixel values by 1/255, from 0–255 to 0–1."), "rescale"
    ),
    "roc": Term(
        N_("ROC curve"),
        N_("True positive rate against false positive rate at every threshold."),
        "sigmoid",
    ),
    "seed": Term(
        N_("seed"), N_("The start value for random numbers. The same seed repeats a run."), "twin"
    ),
    "shape": Term(
        N_("shape"), N_("How many numbers an array has in each direction."), "photo-array"
    ),
    "shard": Term(N_("shard"), N_("One of several files that hold a packed dataset."), "tfrecord"),
    "sigmoid": Term(
        N_("sigmoid"),
        N_("An S-shaped function that turns any number into a probability."),
        "sigmoid",
    ),
    "softmax": Term(
        N_("softmax"), N_("Turns one sum per class into probabilities that add up to 1."), "sigmoid"
    ),
    "split": Term(
        N_("split"), N_("Which photos are for training, for validation and for the test."), "splits"
    ),
    "step": Term(N_("step"), N_("One batch and one change of the weights."), "training"),
    "sweep": Term(
        N_("sweep"),
        N_("Several runs with different settings, from a grid or at random."),
        "learning-rate",
    ),
    "target-size": Term(
        N_("target size"),
        N_("Side of the square that every photo is resized to, in pixels."),
        "squares",
    ),
    "test-set": Term(
        N_("test set"),
        N_("Photos kept for one final check, after all settings are chosen."),
        "validation",
    ),
    "tfrecord": Term(
        "TFRecord", N_("TensorFlow's file format, with many records in one file."), "tfrecord"
    ),
    "threshold": Term(
        N_("threshold"), N_("At this probability or above, the model predicts class 1."), "sigmoid"
    ),
    "transfer": Term(
        N_("transfer learning"),
        N_("Starting from a network trained on other photos."),
        "little-data",
    ),
    "trial": Term(N_("trial"), N_("One run of a sweep."), "learning-rate"),
    "twin": Term(N_("paired experiment"), N_("Two runs that differ in augmentation only."), "twin"),
    "underfitting": Term(
        N_("underfitting"),
        N_("Learning too little, so even training photos are predicted poorly."),
        "overfitting",
    ),
    "validation": Term(
        N_("validation"), N_("Measuring a network on photos it doesn't learn from."), "validation"
    ),
}
"""By id, which is also its name in addresses."""
