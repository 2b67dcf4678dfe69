"""Keras's preprocessing layers as text: `snippets` for one library, with its particulars.

What Keras 3.15 does otherwise than one would think, and the tests pin: a horizontal-and-vertical
flip uses one draw for both; a shear is about a corner; RandomContrast sorts its two factors;
RandomGaussianBlur draws once a batch and takes black outside; RandomErasing reads a single number
as the most of a range; CutMix takes no α above 1; GaussianNoise no deviation above 1.
"""

from __future__ import annotations

from math import ceil, radians, sin

from ..settings import Augmentation
from .snippet_texts import ONE_PHOTO, TWO_PHOTOS, Names, listed, typed, worked_out

_VARY = '''\

class Vary(layers.Layer):
    """A change Keras has no layer for: each photo of a batch draws a number of its own.

    It holds a function, so use it before a model rather than inside one you want to save.
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
_ALONE = """\
photo = keras.utils.img_to_array(keras.utils.load_img(PHOTO, target_size=(150, 150)))
photos = np.repeat(photo[None], 20, axis=0)
variants = ops.convert_to_numpy(augment(photos, training=True))

# The same from a folder that holds one folder a class:
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
    # Half of the batch each, so that no photo is mixed twice.
    photos, half = augment(photos, training=True), ops.shape(photos)[0] // 2
    one = mixup({"images": photos[:half], "labels": labels[:half]}, training=True)
    two = cutmix({"images": photos[half:], "labels": labels[half:]}, training=True)
    return tuple(ops.concatenate((one[part], two[part])) for part in ("images", "labels"))
"""
_MIXED = """\
pair = [keras.utils.load_img(name, target_size=(150, 150)) for name in (CAT, DOG)]
photos = np.stack([keras.utils.img_to_array(photo) for photo in pair] * 10)
labels = np.tile(np.eye(2, dtype="float32"), (10, 1))  # rows of shares, (20, 2)
variants, labels = map(ops.convert_to_numpy, mixed(photos, labels))

# The same from a folder that holds one folder a class:
# train = keras.utils.image_dataset_from_directory(
#     "train", image_size=(150, 150), batch_size=20, label_mode="categorical"
# ).map(mixed)
"""


def keras_layers(s: Augmentation, on: Names, seed: int) -> str:
    """Code for Keras's preprocessing layers."""
    return "\n".join(
        (
            "import keras\nimport numpy as np\nfrom keras import layers, ops\n",
            f"{TWO_PHOTOS if s.mixes else ONE_PHOTO}",
            f"keras.utils.set_random_seed({seed})  # the same variants every time\n",
            definition(s, on),
            f"\n{_MIXED if s.mixes else _ALONE}",
        )
    )


def definition(s: Augmentation, on: Names) -> str:
    """The code that defines `augment`, and where photos are mixed a function `mixed`."""
    steps = [*_moves(s), *_values(s, on)]
    return "\n".join(
        (
            *([_VARY] if any("Vary(" in step for step in steps) else []),
            *([f"fill = {_fill(s)}  # what comes into view"] if "fill_mode" in on else []),
            f"augment = keras.Sequential({listed(steps or ['layers.Identity(),'])})",
            *([_mixing(s)] if s.mixes else []),
        )
    )


def _fill(s: Augmentation) -> str:
    value = f', "fill_value": {typed(s.cval)}' if s.fill_mode == "constant" else ""
    return f'{{"fill_mode": "{s.fill_mode}"{value}}}'


def _mixing(s: Augmentation) -> str:
    """The layers that mix, and a function `mixed` that goes through them."""
    cut = min(s.cutmix_alpha, 1.0)
    note = "  # Keras takes no α above 1" if s.cutmix_alpha > 1 else ""
    mixup = f"layers.MixUp(alpha={typed(s.mixup_alpha)})"
    cutmix = f"layers.CutMix(factor=({typed(cut)}, {typed(cut)})){note}"
    if not (s.mixup_alpha and s.cutmix_alpha):
        return f"mix = {mixup if s.mixup_alpha else cutmix}\n\n\n{_MIX}"
    return f"mixup = {mixup}\ncutmix = {cutmix}\n\n\n{_MIX_BOTH}"


def _moves(s: Augmentation) -> list[str]:
    """Layers that turn, move, slant, zoom and mirror, in the order of Keras's one matrix."""
    across, down = typed(s.width_shift_range), typed(s.height_shift_range)
    shifts = s.width_shift_range or s.height_shift_range
    zoom, steps = typed(s.zoom_range), []
    if sum(map(bool, (s.rotation_range, shifts, s.shear_range, s.zoom_range))) > 1:
        steps.append("# Each of these samples the photo anew, and so softens it a little.")
    if s.rotation_range:
        steps.append(f"layers.RandomRotation({typed(s.rotation_range)} / 360, **fill),")
    if shifts:
        steps.append(f"layers.RandomTranslation({down}, {across}, **fill),  # height, width")
    if s.shear_range:
        slant = worked_out(sin(radians(s.shear_range)))
        steps += [
            f"# The sine of {typed(s.shear_range)} degrees. Slants about the top left corner, not",
            "# the centre, and does not stretch the height as ImageDataGenerator does.",
            f"layers.RandomShear({slant}, **fill),",
        ]
    if s.zoom_range:
        steps.append(f"layers.RandomZoom({zoom}, {zoom}, **fill),  # height, width")
    if s.horizontal_flip and s.vertical_flip:
        steps.append("# Two layers: as one, a photo would flip both ways or not at all.")
    if s.horizontal_flip:
        steps.append('layers.RandomFlip("horizontal"),')
    if s.vertical_flip:
        steps.append('layers.RandomFlip("vertical"),')
    return steps


def _values(s: Augmentation, on: Names) -> list[str]:
    """Layers that change values, in the order in which the lab does."""
    steps: list[str] = []
    if s.channel_shift_range:
        steps += [
            "# One number added to all values; stops at 0 and 255, not at the photo's extremes.",
            f"layers.RandomBrightness({typed(s.channel_shift_range)} / 255),",
        ]
    if s.brightness_range and "brightness_range" in on:
        low, high = map(typed, s.brightness_range)
        steps.append(f"Vary(lambda photos, by: by * photos, {low}, {high}),")
    if s.contrast_range and "contrast_range" in on:
        low, high = map(typed, s.contrast_range)
        steps += [
            "# About the mean grey. RandomContrast takes each channel's and sorts its factors.",
            "Vary(",
            "    lambda photos, by: by * photos",
            "    + (1 - by) * ops.mean(ops.image.rgb_to_grayscale(photos), (1, 2), keepdims=True),",
            f"    {low},",
            f"    {high},",
            "),",
        ]
    if s.saturation_range and "saturation_range" in on:
        low, high = map(typed, s.saturation_range)
        grey = "ops.image.rgb_to_grayscale(photos)"
        steps.append(f"Vary(lambda photos, by: by * photos + (1 - by) * {grey}, {low}, {high}),")
    if s.hue_range:
        steps.append(f"layers.RandomHue({typed(s.hue_range)} / 180),  # the hue of HSV")
    if s.blur_range:
        steps += [
            "# One draw a batch, across and down apart; outside the photo it takes black.",
            f"layers.RandomGaussianBlur((1, 1), {2 * ceil(3 * s.blur_range) + 1},"
            f" sigma=(0, {typed(s.blur_range)})),",
        ]
    if s.noise_range:
        noise = "keras.random.normal(ops.shape(photos))"
        steps.append(f"Vary(lambda photos, by: photos + by * {noise}, 0, {typed(s.noise_range)}),")
    if s.erasing_probability:
        share, area = typed(s.erasing_probability), typed(s.erasing_area)
        steps += [
            "# Filled with noise, not with one colour; one number would mean 'up to this often'.",
            f"layers.RandomErasing(({share}, {share}), scale=(0.02, {area})),",
        ]
    return steps
