"""Write an augmentation as runnable Python for four libraries.

    ImageDataGenerator   the class of the class notes
    Keras layers         what Keras 3 has in its place
    albumentations       the usual choice beside other frameworks
    CatDog Lab           this project's own engine, `augment`

Every text reads `photo.jpg` and ends with `variants`, (20, 150, 150, 3) with values 0..255; only
settings that change something are written out. Where a library lacks a setting, or means something
a little different by it, a comment in the code says so.

Written against Keras 3.15 and albumentations 2.0.8. What Keras 3.15 does otherwise than one would
think, and the tests pin: a horizontal-and-vertical flip uses one draw for both; a shear is about a
corner; RandomContrast sorts its two factors; RandomGaussianBlur draws once a batch and takes black
outside; RandomErasing reads a single number as the most of a range; CutMix takes no α above 1;
GaussianNoise no deviation above 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import atan, ceil, degrees, radians, sin
from textwrap import fill, indent

from ..base.errors import N_
from ..config import MIXES, Augmentation

Names = tuple[str, ...]
"""Names of settings."""

ONE_PHOTO = 'PHOTO = "photo.jpg"\n'
TWO_PHOTOS = 'CAT, DOG = "photo.jpg", "photo.jpg"  # one photo of each class\n'
_LOAD_COMMENT = """\
# Values differ from the lab's by about 2 of 255, because it reduces a JPEG while decoding it.
# load_img doesn't turn a photo by its EXIF data; the lab does.
"""

_BORDERS = {
    "nearest": "cv2.BORDER_REPLICATE",
    "reflect": "cv2.BORDER_REFLECT",
    "wrap": "cv2.BORDER_WRAP",
    "constant": "cv2.BORDER_CONSTANT",
}
_SEEDS = """\
# One seed per step: A.Compose(seed=...) gives every step the same draws, so flips come in pairs.
for number, step in enumerate(augment.transforms):
    step.set_random_seed({seed} + number)
"""


def missing_settings_comment(library: str, names: Names) -> str:
    """Return a comment that names the settings a library lacks, or nothing."""
    if not names:
        return ""
    text = f"Left out, because {library} has no setting for it: {', '.join(names)}."
    return fill(text, 88, initial_indent="# ", subsequent_indent="# ") + "\n"


def image_data_generator_code(s: Augmentation, on: Names, seed: int) -> str:
    """Return code for `tf.keras.preprocessing.image.ImageDataGenerator`."""
    return f"""\
# pip install tensorflow pillow scipy
import numpy as np
from tensorflow.keras.preprocessing.image import ImageDataGenerator, img_to_array, load_img

{ONE_PHOTO}
{generator_definition(s, on)}

{_LOAD_COMMENT}\
photo = img_to_array(load_img(PHOTO, target_size=(150, 150), interpolation="bilinear"))
photos = np.repeat(photo[None], 20, axis=0)
variants = next(generator.flow(photos, batch_size=20, shuffle=False, seed={seed}))

# The same for a folder with one subfolder per class:
# train = generator.flow_from_directory(
#     "train", target_size=(150, 150), batch_size=20, interpolation="bilinear"
# )
"""


def generator_definition(s: Augmentation, on: Names) -> str:
    """Return the line that makes the generator: ``generator = ImageDataGenerator(…)``."""
    shifts = ""
    if s.width_shift_range != s.height_shift_range:
        on = tuple(name for name in on if name not in ("width_shift_range", "height_shift_range"))
        shifts = (
            "# Keras 3 moves rows for width_shift_range and columns for height_shift_range\n"
            "# (tensorflow issue 82838), so the two are swapped here. The photo moves by up to\n"
            f"# {format_literal(s.width_shift_range)} of its width across,"
            f" {format_literal(s.height_shift_range)} of its height up and down.\n"
            f"width_shift_range={format_literal(s.height_shift_range)},\n"
            f"height_shift_range={format_literal(s.width_shift_range)},"
        )
    arguments = [shifts, *(f"{name}={format_literal(getattr(s, name))}," for name in on)]
    return f"generator = {format_call('ImageDataGenerator', arguments)}"


def catdog_lab_code(s: Augmentation, on: Names, seed: int) -> str:
    """Return code for this project's own engine."""
    fields = type(s).model_fields
    arguments = [
        f"{name}={format_literal(value)},"
        for name, value in s.model_dump().items()
        if name in on or value != fields[name].default
    ]
    head = f"""\
# Run it in the lab's folder, after pip install -r requirements.txt
from pathlib import Path

import numpy as np

from catdog_core.augmentation import augment
from catdog_core.config import Augmentation
from catdog_core.imaging import decode

{TWO_PHOTOS if s.mixes else ONE_PHOTO}
settings = {format_call("Augmentation", arguments)}
"""
    if not s.mixes:
        return f"""{head}
photo = decode.decode_and_fit(Path(PHOTO).read_bytes(), 150)
drawn = augment.make_variants(photo, settings, count=20, seed={seed})
variants = np.stack([image for image, transform in drawn])
"""
    return f"""{head}
pair = [decode.decode_and_fit(Path(name).read_bytes(), 150) for name in (CAT, DOG)]
photos = np.stack(pair * 10)
labels = np.tile(np.eye(2, dtype=np.float32), (10, 1))  # rows of shares, (20, 2)
chance = np.random.default_rng({seed})
variants = augment.augment_batch(photos, settings, chance)
variants, labels = augment.mix_batch(variants, labels, settings, chance)
"""


def albumentations_code(s: Augmentation, on: Names, seed: int) -> str:
    """Return code for albumentations."""
    steps = [
        _affine(s) if "fill_mode" in on else "",
        "A.HorizontalFlip(p=0.5)," if s.horizontal_flip else "",
        "A.VerticalFlip(p=0.5)," if s.vertical_flip else "",
    ]
    if s.channel_shift_range:
        steps += [
            "# Adds one number to all values. Stops at 0 and 255, not at the photo's extremes.",
            "A.RandomBrightnessContrast("
            f"{_symmetric_range(s.channel_shift_range, 255)}, (0, 0), p=1),",
        ]
    if {"brightness_range", "contrast_range", "saturation_range", "hue_range"} & {*on}:
        steps.append(_color_jitter(s))
    if s.blur_range:
        steps.append(f"A.GaussianBlur(sigma_limit=(0, {format_literal(s.blur_range)}), p=1),")
    if s.noise_range:
        steps.append(f"A.GaussNoise(std_range=(0, {format_literal(s.noise_range)} / 255), p=1),")
    if s.erasing_probability:
        area, share = format_literal(s.erasing_area), format_literal(s.erasing_probability)
        steps += [
            "# Covers at most 0.3 of a square photo at any scale.",
            f'A.Erasing(scale=(0.02, {area}), fill="random_uniform", p={share}),',
        ]
    return f"""\
# pip install albumentations opencv-python-headless
import albumentations as A
import cv2
import numpy as np

{ONE_PHOTO}
augment = A.Compose({format_list(steps)})
{_SEEDS.format(seed=seed) if on else ""}
# Values differ from the lab's by about 2 of 255, because it reduces a JPEG while decoding it.
photo = cv2.cvtColor(cv2.imread(PHOTO), cv2.COLOR_BGR2RGB)
photo = cv2.resize(photo, (150, 150), interpolation=cv2.INTER_AREA)
variants = np.stack([augment(image=photo)["image"] for _ in range(20)])
"""


def _affine(s: Augmentation) -> str:
    """Turn, move, slant and zoom by one warp of albumentations."""
    arguments = ["# The order here is zoom, rotation, shear, shift."]
    if s.rotation_range:
        arguments.append(f"rotate={_symmetric_range(s.rotation_range)},")
    if s.width_shift_range or s.height_shift_range:
        x, y = _symmetric_range(s.width_shift_range), _symmetric_range(s.height_shift_range)
        arguments.append(
            f'translate_percent={{"x": {x}, "y": {y}}},  # rounded down to full pixels'
        )
    if s.shear_range:
        slant = round(degrees(atan(sin(radians(s.shear_range)))), 2)
        arguments += [
            f"# Slants as {format_literal(s.shear_range)} degrees do in ImageDataGenerator, which"
            " also",
            "# stretches the height by 1 / cosine.",
            f'shear={{"x": {_symmetric_range(slant)}, "y": (0, 0)}},',
        ]
    if s.zoom_range:
        zoom = f"(1 / {format_rounded(1 + s.zoom_range)}, 1 / {format_rounded(1 - s.zoom_range)})"
        arguments += [
            "# Keras's zoom is how much of the photo you see, the inverse of a scale. Half of the",
            "# draws zoom in and half zoom out, as in Keras, but evenly by scale.",
            f'scale={{"x": {zoom}, "y": {zoom}}},',
            "balanced_scale=True,",
        ]
    arguments.append(f"border_mode={_BORDERS[s.fill_mode]},")
    if s.fill_mode == "constant":
        arguments.append(f"fill={format_literal(s.cval)},")
    return f"{format_call('A.Affine', [*arguments, 'p=1,'])},"


def _color_jitter(s: Augmentation) -> str:
    """Brightness, contrast, saturation and hue by one step of albumentations."""
    arguments = [
        "# Applied one after another, in a random order.",
        f"brightness={format_literal(s.brightness_range or (1, 1))},",
        f"contrast={format_literal(s.contrast_range or (1, 1))},",
        f"saturation={format_literal(s.saturation_range or (1, 1))},",
        f"hue={_symmetric_range(s.hue_range, 360)}," + ("  # hue as in HSV" if s.hue_range else ""),
        "p=1,",
    ]
    return f"{format_call('A.ColorJitter', arguments)},"


def _symmetric_range(most: float, divisor: int = 1) -> str:
    """The range from -most to most, in parts of a whole."""
    if not most:
        return "(0, 0)"
    end = format_literal(most) + (f" / {divisor}" if divisor > 1 else "")
    return f"(-{end}, {end})"


def format_literal(value: object) -> str:
    """Format a value as a person would type it: 20 rather than 20.0."""
    if isinstance(value, tuple):
        return f"({', '.join(format_literal(part) for part in value)})"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return f'"{value}"' if isinstance(value, str) else repr(value)


def format_rounded(value: float) -> str:
    """Format a computed number to four decimals: 0.3 rather than 0.30000000000000004."""
    return format_literal(round(float(value), 4))


def format_call(name: str, arguments: list[str]) -> str:
    """Format a call with one argument a line."""
    inside = _indented(arguments)
    return f"{name}(\n{inside})" if inside else f"{name}()"


def format_list(items: list[str]) -> str:
    """Format a list with one item a line."""
    inside = _indented(items)
    return f"[\n{inside}]" if inside else "[]"


def _indented(parts: list[str]) -> str:
    lines = "\n".join(part for part in parts if part)
    return indent(lines, "    ") + "\n" if lines else ""


_VARY = '''\

class Vary(layers.Layer):
    """Applies a change that Keras has no layer for, with a random number for each photo.

    It holds a function, so use it before a model. A model with it inside can't be saved.
    """

    def __init__(self, change, low, high):
        super().__init__()
        self.change, self.low, self.high = change, low, high
        self.chance = keras.random.SeedGenerator()

    def call(self, photos, training=True):
        if not training:
            return photos
        shape = (ops.shape(photos)[0], 1, 1, 1)
        drawn = keras.random.uniform(shape, self.low, self.high, seed=self.chance)
        return ops.clip(self.change(photos, drawn), 0, 255)

'''
_ALONE = f"""\
{_LOAD_COMMENT}\
photo = keras.utils.load_img(PHOTO, target_size=(150, 150), interpolation="bilinear")
photo = keras.utils.img_to_array(photo)
photos = np.repeat(photo[None], 20, axis=0)
variants = ops.convert_to_numpy(augment(photos, training=True))

# The same for a folder with one subfolder per class:
# train = keras.utils.image_dataset_from_directory("train", image_size=(150, 150), batch_size=20)
# train = train.map(lambda photos, labels: (augment(photos, training=True), labels))
"""
_MIX = """\
def mixed(photos, labels):
    batch = {"images": augment(photos, training=True), "labels": labels}
    batch = mix(batch, training=True)
    return batch["images"], batch["labels"]
"""
_MIX_BOTH = """\
def mixed(photos, labels):
    # Half of the batch each, so no photo is mixed twice.
    photos, half = augment(photos, training=True), ops.shape(photos)[0] // 2
    one = mixup({"images": photos[:half], "labels": labels[:half]}, training=True)
    two = cutmix({"images": photos[half:], "labels": labels[half:]}, training=True)
    return tuple(ops.concatenate((one[part], two[part])) for part in ("images", "labels"))
"""
_MIXED = f"""\
{_LOAD_COMMENT}\
how = {{"target_size": (150, 150), "interpolation": "bilinear"}}
pair = [keras.utils.img_to_array(keras.utils.load_img(name, **how)) for name in (CAT, DOG)]
photos = np.stack(pair * 10)
labels = np.tile(np.eye(2, dtype="float32"), (10, 1))  # rows of shares, (20, 2)
variants, labels = map(ops.convert_to_numpy, mixed(photos, labels))

# The same for a folder with one subfolder per class:
# train = keras.utils.image_dataset_from_directory(
#     "train", image_size=(150, 150), batch_size=20, label_mode="categorical"
# ).map(mixed)
"""


def keras_layers_code(s: Augmentation, on: Names, seed: int) -> str:
    """Return code for Keras's preprocessing layers."""
    return "\n".join(
        (
            "# pip install tensorflow keras pillow\n"
            "import keras\nimport numpy as np\nfrom keras import layers, ops\n",
            f"{TWO_PHOTOS if s.mixes else ONE_PHOTO}",
            f"keras.utils.set_random_seed({seed})  # gives the same variants every time\n",
            keras_layers_definition(s, on),
            f"\n{_MIXED if s.mixes else _ALONE}",
        )
    )


def keras_layers_definition(s: Augmentation, on: Names) -> str:
    """Return the code that defines `augment`, and where photos are mixed a function `mixed`."""
    steps = [*_geometric_layers(s), *_color_layers(s, on)]
    return "\n".join(
        (
            *([_VARY] if any("Vary(" in step for step in steps) else []),
            *(
                [f"fill = {_fill_options(s)}  # fills the corners that come into view"]
                if "fill_mode" in on
                else []
            ),
            f"augment = keras.Sequential({format_list(steps or ['layers.Identity(),'])})",
            *([_mixing_layers(s)] if s.mixes else []),
        )
    )


def _fill_options(s: Augmentation) -> str:
    value = f', "fill_value": {format_literal(s.cval)}' if s.fill_mode == "constant" else ""
    return f'{{"fill_mode": "{s.fill_mode}"{value}}}'


def _mixing_layers(s: Augmentation) -> str:
    """The layers that mix, and a function `mixed` that goes through them."""
    cut = min(s.cutmix_alpha, 1.0)
    note = "  # Keras accepts α up to 1" if s.cutmix_alpha > 1 else ""
    mixup = f"layers.MixUp(alpha={format_literal(s.mixup_alpha)})"
    cutmix = f"layers.CutMix(factor=({format_literal(cut)}, {format_literal(cut)})){note}"
    if not (s.mixup_alpha and s.cutmix_alpha):
        return f"mix = {mixup if s.mixup_alpha else cutmix}\n\n\n{_MIX}"
    return f"mixup = {mixup}\ncutmix = {cutmix}\n\n\n{_MIX_BOTH}"


def _geometric_layers(s: Augmentation) -> list[str]:
    """Layers that turn, move, slant, zoom and mirror, in the order of Keras's one matrix."""
    across, down = format_literal(s.width_shift_range), format_literal(s.height_shift_range)
    shifts = s.width_shift_range or s.height_shift_range
    zoom, steps = format_literal(s.zoom_range), []
    if sum(map(bool, (s.rotation_range, shifts, s.shear_range, s.zoom_range))) > 1:
        steps.append("# Each of these resamples the photo, which softens it a little.")
    if s.rotation_range:
        steps.append(f"layers.RandomRotation({format_literal(s.rotation_range)} / 360, **fill),")
    if shifts:
        steps.append(f"layers.RandomTranslation({down}, {across}, **fill),  # height, width")
    if s.shear_range:
        slant = format_rounded(sin(radians(s.shear_range)))
        steps += [
            f"# The sine of {format_literal(s.shear_range)} degrees. Slants about the top left"
            " corner, not",
            "# the center. Unlike ImageDataGenerator, it doesn't stretch the height.",
            f"layers.RandomShear({slant}, **fill),",
        ]
    if s.zoom_range:
        steps.append(f"layers.RandomZoom({zoom}, {zoom}, **fill),  # height, width")
    if s.horizontal_flip and s.vertical_flip:
        steps.append("# Two layers, because a single one flips a photo both ways or not at all.")
    if s.horizontal_flip:
        steps.append('layers.RandomFlip("horizontal"),')
    if s.vertical_flip:
        steps.append('layers.RandomFlip("vertical"),')
    return steps


def _color_layers(s: Augmentation, on: Names) -> list[str]:
    """Layers that change values, in the order in which the lab does."""
    steps: list[str] = []
    if s.channel_shift_range:
        steps += [
            "# Adds one number to all values. Stops at 0 and 255, not at the photo's extremes.",
            f"layers.RandomBrightness({format_literal(s.channel_shift_range)} / 255),",
        ]
    if s.brightness_range and "brightness_range" in on:
        low, high = map(format_literal, s.brightness_range)
        steps.append(f"Vary(lambda photos, by: by * photos, {low}, {high}),")
    if s.contrast_range and "contrast_range" in on:
        low, high = map(format_literal, s.contrast_range)
        steps += [
            "# Around the mean gray. RandomContrast uses channel means and sorts its factors.",
            "Vary(",
            "    lambda photos, by: by * photos",
            "    + (1 - by) * ops.mean(ops.image.rgb_to_grayscale(photos), (1, 2), keepdims=True),",
            f"    {low},",
            f"    {high},",
            "),",
        ]
    if s.saturation_range and "saturation_range" in on:
        low, high = map(format_literal, s.saturation_range)
        gray = "ops.image.rgb_to_grayscale(photos)"
        steps.append(f"Vary(lambda photos, by: by * photos + (1 - by) * {gray}, {low}, {high}),")
    if s.hue_range:
        steps.append(f"layers.RandomHue({format_literal(s.hue_range)} / 180),  # hue as in HSV")
    if s.blur_range:
        steps += [
            "# One draw per batch, separately for each axis. Outside the photo, it uses black.",
            f"layers.RandomGaussianBlur((1, 1), {2 * ceil(3 * s.blur_range) + 1},"
            f" sigma=(0, {format_literal(s.blur_range)})),",
        ]
    if s.noise_range:
        noise = "keras.random.normal(ops.shape(photos))"
        steps.append(
            f"Vary(lambda photos, by: photos + by * {noise}, 0, {format_literal(s.noise_range)}),"
        )
    if s.erasing_probability:
        share, area = format_literal(s.erasing_probability), format_literal(s.erasing_area)
        steps += [
            "# Filled with noise, not one color. A single number would mean 'up to this often'.",
            f"layers.RandomErasing(({share}, {share}), scale=(0.02, {area})),",
        ]
    return steps


NOT_IN_GENERATOR = (
    "contrast_range",
    "saturation_range",
    "hue_range",
    "blur_range",
    "noise_range",
    "erasing_probability",
    "erasing_area",
)


@dataclass(frozen=True)
class Snippet:
    """Runnable code for one library.

    `about` says in a sentence what the library is; a message id. `missing` names the settings that
    are on and that the library cannot express; `approximate` names those it expresses only nearly,
    which a comment in the code explains.
    """

    code: str
    about: str
    missing: tuple[str, ...]
    approximate: tuple[str, ...]


@dataclass(frozen=True)
class _Library:
    write: Callable[[Augmentation, tuple[str, ...], int], str]
    about: str
    lacks: tuple[str, ...] = ()
    nearly: tuple[str, ...] = ()


_LIBRARIES = {
    "ImageDataGenerator": _Library(
        image_data_generator_code,
        N_(
            "ImageDataGenerator, as in the course notes. It's part of Keras, deprecated and still "
            "common."
        ),
        lacks=(*NOT_IN_GENERATOR, *MIXES),
    ),
    "Keras layers": _Library(
        keras_layers_code,
        N_("Layers for a model or a tf.data pipeline. They replace the generator in Keras."),
        nearly=(
            "shear_range",
            "channel_shift_range",
            "hue_range",
            "blur_range",
            "erasing_probability",
            "cutmix_alpha",
        ),
    ),
    "albumentations": _Library(
        albumentations_code,
        N_("A library of transforms for NumPy photos, for any framework."),
        lacks=MIXES,
        nearly=("zoom_range", "shear_range", "channel_shift_range", "hue_range", "erasing_area"),
    ),
    "CatDog Lab": _Library(
        catdog_lab_code,
        N_("The lab's own engine. It draws this page and feeds training."),
    ),
}
LIBRARIES = tuple(_LIBRARIES)


def make_snippets(settings: Augmentation, seed: int = 0) -> dict[str, Snippet]:
    """Return the augmentation as code, by library, one snippet for each of `LIBRARIES`.

    Args:
        settings: what the code shall do.
        seed: written into the code, so that it gives the same variants every time; for the lab's
            own engine those of `augment.make_variants` with this seed.
    """
    on, result = settings.active, {}
    for name, library in _LIBRARIES.items():
        missing = tuple(field for field in on if field in library.lacks)
        written = tuple(field for field in on if field not in missing)
        code = library.write(settings, written, seed)
        result[name] = Snippet(
            code=missing_settings_comment(name, missing) + code,
            about=library.about,
            missing=missing,
            approximate=tuple(field for field in on if field in library.nearly),
        )
    return result
