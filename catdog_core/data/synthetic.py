"""Draw cartoon cats and dogs: a dataset for the first start, without a network.

Both kinds share colours, backgrounds, poses, sizes and eyes, so that none of these gives the
answer away. What tells them apart overlaps too: ears (mostly pointed against mostly hanging),
muzzle, nose and whiskers. The same seed draws the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ..base import files
from ..base.errors import DatasetError
from . import synthetic_draw
from .photo_domain import DRAWN_COMMENT
from .synthetic_draw import Colour

CLASSES = ("cats", "dogs")
_Job = tuple[Path, int, tuple[int, int, int]]  # the file, its label, what seeds it
_SUPERSAMPLING = 2  # drawn this much larger, then shrunk: smooth edges


def make_demo(
    folder: Path,
    train: int = 400,
    validation: int = 200,
    size: int = 150,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draw ``train/`` and ``validation/`` folders of JPEGs, half cats and half dogs.

    Args:
        folder: made when missing.
        train: training photos in all.
        validation: validation photos in all.
        size: side of the square photos in pixels.
        seed: the same seed draws the same photos.
        progress: called with (photos done, photos in all).

    Raises:
        DatasetError: the folder already holds something.
    """
    if files.exists_nonempty(folder):
        raise DatasetError(
            "{folder} isn't empty. Choose a new or empty folder for the demo dataset.",
            folder=folder,
        )
    jobs = []
    for number, (split, count) in enumerate((("train", train), ("validation", validation))):
        for index in range(count):
            label = index % 2
            name = f"{CLASSES[label][:-1]}.{index // 2:04d}.jpg"
            jobs.append((folder / split / CLASSES[label] / name, label, (seed, number, index)))

    def make(job: _Job) -> None:
        path, label, key = job
        with files.atomic_replace(path) as temporary:
            picture = draw_pet(label, size, np.random.default_rng(key))
            picture.save(temporary, quality=88, comment=DRAWN_COMMENT)

    # Half a set would stand in the way of the next try.
    parts = [folder / "train", folder / "validation"] if folder.is_dir() else [folder]
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(files.remove_if_interrupted(part))
        _draw_photos(folder, jobs, make, progress, parts)


def _draw_photos(
    folder: Path,
    jobs: Sequence[_Job],
    make: Callable[[_Job], None],
    progress: Callable[[int, int], None] | None,
    parts: Sequence[Path],
) -> None:
    try:
        with files.wrap_os_errors(
            folder
        ):  # first, and by one: of two that fail at once one is quiet
            for subfolder in sorted({path.parent for path, _, _ in jobs}):
                subfolder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(2) as pool:
            for done, _ in enumerate(pool.map(make, jobs), start=1):
                if progress and (done % 20 == 0 or done == len(jobs)):
                    progress(done, len(jobs))
    except BaseException:
        for part in parts:
            files.remove_tree(part)
        raise


def draw_pet(label: int, size: int, rng: np.random.Generator) -> Image.Image:
    """Draw one pet: label 0 a cat, 1 a dog; an RGB picture of `size` × `size` pixels."""
    side = size * _SUPERSAMPLING
    picture = _draw_scene(side, rng)
    pet = synthetic_draw.Pet(label == 1, rng)
    radius, wide = side * rng.uniform(0.24, 0.31), rng.uniform(0.92, 1.12)
    x, y = side * rng.uniform(0.41, 0.59), side * rng.uniform(0.42, 0.52)
    pet.body(synthetic_draw.Pen(ImageDraw.Draw(picture), x, y, radius, wide))
    _paste_head(picture, pet, (x, y), radius, wide, float(rng.normal(0, 7)))
    if rng.random() < 0.18:
        _occlude(ImageDraw.Draw(picture), side, rng)
    small = picture.resize((size, size), Image.Resampling.BOX)
    if rng.random() < 0.5:
        small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.25:
        small = small.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.4, 1.1))))
    return _relight(small, rng)


def _paste_head(
    picture: Image.Image,
    pet: synthetic_draw.Pet,
    middle: tuple[float, float],
    radius: float,
    wide: float,
    tilt: float,
) -> None:
    """Draw the head on a layer of its own, tilt it by degrees, and lay it on the picture."""
    reach = int(radius * 1.75)
    layer = Image.new("RGBA", (2 * reach, 2 * reach), (0, 0, 0, 0))
    pet.head(synthetic_draw.Pen(ImageDraw.Draw(layer), reach, reach, radius, wide))
    # Nearest, the quickest by far: the picture is averaged down afterwards, which smooths edges.
    layer = layer.rotate(tilt)
    picture.paste(layer, (int(middle[0]) - reach, int(middle[1]) - reach), mask=layer)


def _draw_scene(side: int, rng: np.random.Generator) -> Image.Image:
    """A wall, a room, a meadow or spots of light; never a hint of who sits in it."""
    top, bottom = _random_colour(rng), _random_colour(rng)
    fade = np.linspace(0, 1, side)[:, None, None]
    rows = (np.array(top) * (1 - fade) + np.array(bottom) * fade).astype(np.uint8)
    picture = Image.fromarray(np.repeat(rows, side, axis=1))
    pen = ImageDraw.Draw(picture)
    [_draw_wall, _draw_room, _draw_meadow, _draw_lights][rng.integers(4)](pen, side, bottom, rng)
    return picture


def _draw_wall(pen: ImageDraw.ImageDraw, side: int, base: Colour, rng: np.random.Generator) -> None:
    """Wallpaper: stripes or dots a little lighter than the wall."""
    pattern, step = (
        synthetic_draw.shade_colour(base, 1, white=0.1),
        side // int(rng.integers(5, 10)),
    )
    if rng.random() < 0.5:
        for x in range(0, side, step):
            pen.rectangle((x, 0, x + step // 2, side), fill=pattern)
        return
    for row, y in enumerate(range(0, side + step, step)):
        for x in range(row % 2 * step // 2, side + step, step):
            pen.ellipse((x - step // 5, y - step // 5, x + step // 5, y + step // 5), fill=pattern)


def _draw_room(pen: ImageDraw.ImageDraw, side: int, base: Colour, rng: np.random.Generator) -> None:
    """A floor, and a picture or window on the wall."""
    floor = side * rng.uniform(0.62, 0.85)
    x, y = rng.uniform(0, 0.75 * side, 2) * (1, 0.4)
    w, h = rng.uniform(0.15, 0.35, 2) * side
    pen.rectangle((x, y, x + w, y + h), fill=synthetic_draw.shade_colour(base, 0.6))
    rim = side // 50
    pen.rectangle((x + rim, y + rim, x + w - rim, y + h - rim), fill=_random_colour(rng))
    pen.rectangle((0, floor, side, side), fill=synthetic_draw.shade_colour(base, 0.75))


def _draw_meadow(
    pen: ImageDraw.ImageDraw, side: int, base: Colour, rng: np.random.Generator
) -> None:
    """Hills, and flowers in the grass."""
    for shadow in (0.9, 0.72):
        x, y, w = side * rng.uniform(0, 1), side * rng.uniform(0.9, 1.2), side * rng.uniform(0.6, 1)
        pen.ellipse(
            (x - w, y - w / 2, x + w, y + w), fill=synthetic_draw.shade_colour(base, shadow)
        )
    for x, y in rng.uniform((0, 0.7), (1, 1), (12, 2)) * side:
        r = side / 90
        pen.ellipse((x - r, y - r, x + r, y + r), fill=_random_colour(rng))


def _draw_lights(
    pen: ImageDraw.ImageDraw, side: int, base: Colour, rng: np.random.Generator
) -> None:
    """Spots out of focus, of all sizes."""
    for x, y in rng.uniform(0, side, (int(rng.integers(3, 10)), 2)):
        r = side * rng.uniform(0.03, 0.2)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=_random_colour(rng))


def _occlude(pen: ImageDraw.ImageDraw, side: int, rng: np.random.Generator) -> None:
    """Something before the pet: a ball, a box, or blades of grass."""
    colour, kind = _random_colour(rng), rng.integers(3)
    if kind == 2:
        for x in rng.uniform(0, side, 14):
            tip = (x + rng.uniform(-0.06, 0.06) * side, side * rng.uniform(0.6, 0.85))
            pen.polygon([(x - side / 60, side), tip, (x + side / 60, side)], fill=colour)
        return
    x, y = rng.uniform(0.1, 0.9, 2) * side
    w, h = rng.uniform(0.08, 0.18, 2) * side
    if kind == 0:
        pen.ellipse((x - w, y - w, x + w, y + w), fill=colour)
        pen.arc(
            (x - w, y - w / 2, x + w, y + w / 2),
            0,
            180,
            synthetic_draw.shade_colour(colour, 0.7),
            4,
        )
    else:
        pen.rounded_rectangle((x - w, y - h, x + w, y + h), side // 40, fill=colour)


def _relight(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Another light, warm or cold, and the grain of a camera."""
    gain = (rng.uniform(0.78, 1.15) * rng.normal(1, 0.03, 3)).astype(np.float32)
    values = np.asarray(picture, np.float32) * gain
    grain = rng.standard_normal(values.shape, np.float32) * np.float32(rng.uniform(1, 6))
    return Image.fromarray(np.clip(values + grain, 0, 255).astype(np.uint8))


def _random_colour(rng: np.random.Generator) -> Colour:
    # Half way to grey: rooms and meadows, not neon.
    loud = rng.integers(60, 240, 3)
    red, green, blue = (int(value) for value in (loud + loud.mean()) / 2)
    return red, green, blue
