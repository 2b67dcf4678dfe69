"""The Learn page's sections about photos: how many, how they are read, labelled and batched."""

from __future__ import annotations

from ..errors import N_
from .section import Question, Section, Show

SECTIONS = (
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
            Show(
                N_("Train on 100 to all of your photos"),
                "compare",
                state={"compare_view": "experiments", "experiment_kind": "small-data"},
            ),
            Show(N_("Add photos"), "data"),
        ),
        ("dataset", "overfitting", "transfer"),
        (
            Question(
                N_("From how many photos on does a dataset stop being called small?"),
                ("1,000", "10,000", "100,000"),
                2,
                N_("Yours has {photos:,} training photos: with a clear question that can do."),
            ),
            Question(
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
        (Show(N_("See a batch of your photos as arrays"), "data", {"part": "photos"}),),
        ("pixel", "channel", "array"),
        (
            Question(
                N_("How many numbers does a photo of 150 × 150 pixels in colour hold?"),
                ("22,500", "67,500", "150"),
                1,
                N_("150 × 150 × 3. At the {size} pixels of your run it is {values:,} numbers."),
            ),
            Question(
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
        (Show(N_("Race five ways to read your photos"), "data", {"part": "race"}),),
        ("latency", "epoch", "imagedatagenerator"),
        (
            Question(
                N_("How often is one photo decoded in a training of 50 epochs read that way?"),
                (N_("Once"), N_("About 50 times"), N_("Twice")),
                1,
                N_(
                    "Your run of {epochs} epochs on {photos:,} photos would decode"
                    " {decoded:,} times. The lab decodes each photo once and keeps the numbers."
                ),
            ),
            Question(
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
        (Show(N_("Pack your photos as TFRecord"), "data", {"part": "tfrecord"}),),
        ("tfrecord", "shard", "latency"),
        (
            Question(
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
            Question(
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
        (Show(N_("See the ranges of your batch"), "data", {"part": "photos"}),),
        ("rescaling", "normalisation", "imagedatagenerator"),
        (
            Question(
                N_("What becomes of the value 51?"),
                ("0.2", "0.51", "5.1"),
                0,
                N_("51 / 255 = 0.2. This holds for each of the {values:,} numbers of your photos."),
            ),
            Question(
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
            Show(N_("Train on squares of 64 pixels"), "train", training={"image_size": 64}),
            Show(N_("See the squares of your batch"), "data", {"part": "photos"}),
        ),
        ("target-size", "pixel"),
        (
            Question(
                N_("From 150 to 75 pixels a side: how many pixels are left?"),
                (N_("Half"), N_("A quarter"), N_("As many as before")),
                1,
                N_("Half in each direction. Your run takes {size} pixels a side."),
            ),
            Question(
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
        (Show(N_("See or swap the numbers of your classes"), "data", {"part": "split"}),),
        ("label", "class", "flow-from-directory"),
        (
            Question(
                N_("The folders are named `dogs` and `cats`, no order is given. Which one is 1?"),
                ("cats", "dogs"),
                1,
                N_("The alphabet decides, not the order of making. In yours, 1 is {second}."),
            ),
            Question(
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
        (Show(N_("See your photos under all three"), "data", {"part": "split"}),),
        ("label", "one-hot", "class-mode"),
        (
            Question(
                N_("How does `categorical` write the second of three classes?"),
                ("1", "[0 1 0]", "[1 0]"),
                1,
                N_(
                    "A place for each class and a 1 in that of its own. You have {classes} classes."
                ),
            ),
            Question(
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
        (Show(N_("Draw batch after batch"), "data", {"part": "photos"}),),
        ("batch", "shape", "generator"),
        (
            Question(
                N_("What is the first number of the shape (20, 150, 150, 3)?"),
                (N_("Photos in the batch"), N_("Pixels"), N_("Classes")),
                0,
                N_("In your run a batch has the shape ({batch}, {size}, {size}, 3)."),
            ),
            Question(
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
