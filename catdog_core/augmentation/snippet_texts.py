"""The texts of `snippets`: one function a library, from settings to Python.

Each takes the settings, the names of those to write out, and a seed. Written against Keras 3.15
and albumentations 2.0.8. The Keras layers have a room of their own, `snippet_keras`.
"""

from __future__ import annotations

from math import atan, degrees, radians, sin
from textwrap import fill, indent

from ..settings import Augmentation

Names = tuple[str, ...]
"""Names of settings."""

ONE_PHOTO = 'PHOTO = "photo.jpg"\n'
TWO_PHOTOS = 'CAT, DOG = "photo.jpg", "photo.jpg"  # one photo of each class\n'

_BORDERS = {
    "nearest": "cv2.BORDER_REPLICATE",
    "reflect": "cv2.BORDER_REFLECT",
    "wrap": "cv2.BORDER_WRAP",
    "constant": "cv2.BORDER_CONSTANT",
}
_SEEDS = """\
# One seed each: A.Compose(seed=...) gives all steps the same draws, so that flips come in pairs.
for number, step in enumerate(augment.transforms):
    step.set_random_seed({seed} + number)
"""


def left_out(library: str, names: Names) -> str:
    """A comment that names the settings a library lacks, or nothing."""
    if not names:
        return ""
    text = f"Left out, as {library} has no setting for it: {', '.join(names)}."
    return fill(text, 88, initial_indent="# ", subsequent_indent="# ") + "\n"


def image_data_generator(s: Augmentation, on: Names, seed: int) -> str:
    """Code for `tf.keras.preprocessing.image.ImageDataGenerator`."""
    return f"""\
import numpy as np
from tensorflow.keras.preprocessing.image import ImageDataGenerator, img_to_array, load_img

{ONE_PHOTO}
{generator(s, on)}  # needs SciPy beside TensorFlow

photo = img_to_array(load_img(PHOTO, target_size=(150, 150)))
photos = np.repeat(photo[None], 20, axis=0)
variants = next(generator.flow(photos, batch_size=20, shuffle=False, seed={seed}))

# The same from a folder that holds one folder a class:
# train = generator.flow_from_directory("train", target_size=(150, 150), batch_size=20)
"""


def generator(s: Augmentation, on: Names) -> str:
    """The line that makes the generator: ``generator = ImageDataGenerator(…)``."""
    shifts = ""
    if s.width_shift_range != s.height_shift_range:
        on = tuple(name for name in on if name not in ("width_shift_range", "height_shift_range"))
        shifts = (
            "# Keras 3 moves rows for width_shift_range and columns for height_shift_range\n"
            "# (tensorflow issue 82838), so the two are swapped here: the photo moves by up to\n"
            f"# {typed(s.width_shift_range)} of its width across,"
            f" {typed(s.height_shift_range)} of its height up and down.\n"
            f"width_shift_range={typed(s.height_shift_range)},\n"
            f"height_shift_range={typed(s.width_shift_range)},"
        )
    arguments = [shifts, *(f"{name}={typed(getattr(s, name))}," for name in on)]
    return f"generator = {call('ImageDataGenerator', arguments)}"


def catdog_lab(s: Augmentation, on: Names, seed: int) -> str:
    """Code for this project's own engine."""
    fields = type(s).model_fields
    said = [
        f"{name}={typed(value)},"
        for name, value in s.model_dump().items()
        if name in on or value != fields[name].default
    ]
    head = f"""\
from pathlib import Path

import numpy as np

from catdog_core import augment, images
from catdog_core.settings import Augmentation

{TWO_PHOTOS if s.mixes else ONE_PHOTO}
settings = {call("Augmentation", said)}
"""
    if not s.mixes:
        return f"""{head}
photo = images.fit(images.decode(Path(PHOTO).read_bytes()), 150)
drawn = augment.variants(photo, settings, count=20, seed={seed})
variants = np.stack([image for image, transform in drawn])
"""
    return f"""{head}
pair = [images.fit(images.decode(Path(name).read_bytes()), 150) for name in (CAT, DOG)]
photos = np.stack(pair * 10)
labels = np.tile(np.eye(2, dtype=np.float32), (10, 1))  # rows of shares, (20, 2)
chance = np.random.default_rng({seed})
variants = augment.batch(photos, settings, chance)
variants, labels = augment.mix(variants, labels, settings, chance)
"""


def albumentations(s: Augmentation, on: Names, seed: int) -> str:
    """Code for albumentations."""
    steps = [
        _affine(s) if "fill_mode" in on else "",
        "A.HorizontalFlip(p=0.5)," if s.horizontal_flip else "",
        "A.VerticalFlip(p=0.5)," if s.vertical_flip else "",
    ]
    if s.channel_shift_range:
        steps += [
            "# One number added to all values; stops at 0 and 255, not at the photo's extremes.",
            f"A.RandomBrightnessContrast({_around(s.channel_shift_range, 255)}, (0, 0), p=1),",
        ]
    if {"brightness_range", "contrast_range", "saturation_range", "hue_range"} & {*on}:
        steps.append(_colours(s))
    if s.blur_range:
        steps.append(f"A.GaussianBlur(sigma_limit=(0, {typed(s.blur_range)}), p=1),")
    if s.noise_range:
        steps.append(f"A.GaussNoise(std_range=(0, {typed(s.noise_range)} / 255), p=1),")
    if s.erasing_probability:
        area, share = typed(s.erasing_area), typed(s.erasing_probability)
        steps += [
            "# Covers at most 0.3 of a square photo, whatever the scale.",
            f'A.Erasing(scale=(0.02, {area}), fill="random_uniform", p={share}),',
        ]
    return f"""\
import albumentations as A
import cv2
import numpy as np

{ONE_PHOTO}
augment = A.Compose({listed(steps)})
{_SEEDS.format(seed=seed) if on else ""}
photo = cv2.cvtColor(cv2.imread(PHOTO), cv2.COLOR_BGR2RGB)
photo = cv2.resize(photo, (150, 150), interpolation=cv2.INTER_AREA)
variants = np.stack([augment(image=photo)["image"] for _ in range(20)])
"""


def _affine(s: Augmentation) -> str:
    """Turn, move, slant and zoom by one warp of albumentations."""
    arguments = ["# In an order of its own: zoom, rotation, shear, shift."]
    if s.rotation_range:
        arguments.append(f"rotate={_around(s.rotation_range)},")
    if s.width_shift_range or s.height_shift_range:
        x, y = _around(s.width_shift_range), _around(s.height_shift_range)
        arguments.append(f'translate_percent={{"x": {x}, "y": {y}}},  # cut to whole pixels')
    if s.shear_range:
        slant = round(degrees(atan(sin(radians(s.shear_range)))), 2)
        arguments += [
            f"# Slants as {typed(s.shear_range)} degrees do in ImageDataGenerator, which stretches",
            "# the height besides, by 1 / cosine.",
            f'shear={{"x": {_around(slant)}, "y": (0, 0)}},',
        ]
    if s.zoom_range:
        zoom = f"(1 / {worked_out(1 + s.zoom_range)}, 1 / {worked_out(1 - s.zoom_range)})"
        arguments += [
            "# Keras's zoom tells how much of the scene is seen, the inverse of a scale. Half the",
            "# draws zoom in and half out, as there, but evenly by scale.",
            f'scale={{"x": {zoom}, "y": {zoom}}},',
            "balanced_scale=True,",
        ]
    arguments.append(f"border_mode={_BORDERS[s.fill_mode]},")
    if s.fill_mode == "constant":
        arguments.append(f"fill={typed(s.cval)},")
    return f"{call('A.Affine', [*arguments, 'p=1,'])},"


def _colours(s: Augmentation) -> str:
    """Brightness, contrast, saturation and hue by one step of albumentations."""
    arguments = [
        "# One after the other, in an order drawn each time.",
        f"brightness={typed(s.brightness_range or (1, 1))},",
        f"contrast={typed(s.contrast_range or (1, 1))},",
        f"saturation={typed(s.saturation_range or (1, 1))},",
        f"hue={_around(s.hue_range, 360)}," + ("  # the hue of HSV" if s.hue_range else ""),
        "p=1,",
    ]
    return f"{call('A.ColorJitter', arguments)},"


def _around(most: float, whole: int = 1) -> str:
    """The range from -most to most, in parts of a whole."""
    if not most:
        return "(0, 0)"
    end = typed(most) + (f" / {whole}" if whole > 1 else "")
    return f"(-{end}, {end})"


def typed(value: object) -> str:
    """A value as a person would type it: 20 rather than 20.0."""
    if isinstance(value, tuple):
        return f"({', '.join(typed(part) for part in value)})"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return f'"{value}"' if isinstance(value, str) else repr(value)


def worked_out(value: float) -> str:
    """A number that was reckoned, without the crumbs of binary fractions."""
    return typed(round(float(value), 4))


def call(name: str, arguments: list[str]) -> str:
    """A call with one argument a line."""
    inside = _indented(arguments)
    return f"{name}(\n{inside})" if inside else f"{name}()"


def listed(items: list[str]) -> str:
    """A list with one item a line."""
    inside = _indented(items)
    return f"[\n{inside}]" if inside else "[]"


def _indented(parts: list[str]) -> str:
    lines = "\n".join(part for part in parts if part)
    return indent(lines, "    ") + "\n" if lines else ""
