"""Copy as code: the same augmentation as runnable Python for four libraries.

    ImageDataGenerator   the class of the class notes
    Keras layers         what Keras 3 has in its place
    albumentations       the usual choice beside other frameworks
    CatDog Lab           this project's own engine, `augment`

Every text reads `photo.jpg` and ends with `variants`, (20, 150, 150, 3) with values 0..255; only
settings that change something are written out. Where a library lacks a setting, or means something
a little different by it, a comment in the code says so. The texts themselves are in
`snippet_texts` and
`snippet_keras`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import N_
from ..settings import MIXES, Augmentation
from . import snippet_keras, snippet_texts

NEWER = (
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
        snippet_texts.image_data_generator,
        N_(
            "ImageDataGenerator, as in the class notes: part of Keras, deprecated, still met"
            " everywhere."
        ),
        lacks=(*NEWER, *MIXES),
    ),
    "Keras layers": _Library(
        snippet_keras.keras_layers,
        N_("Layers for a model or a tf.data pipeline; what Keras has in the generator's place."),
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
        snippet_texts.albumentations,
        N_("A library of many changes to NumPy photos, for any framework."),
        lacks=MIXES,
        nearly=("zoom_range", "shear_range", "channel_shift_range", "hue_range", "erasing_area"),
    ),
    "CatDog Lab": _Library(
        snippet_texts.catdog_lab,
        N_("This project's own engine, which draws this page and feeds the training."),
    ),
}
LIBRARIES = tuple(_LIBRARIES)


def snippets(settings: Augmentation, seed: int = 0) -> dict[str, Snippet]:
    """The augmentation as code, by the name of the library, one for each of `LIBRARIES`.

    Args:
        settings: what the code shall do.
        seed: written into the code, so that it gives the same variants every time; for the lab's
            own engine those of `augment.variants` with this seed.
    """
    on, result = settings.active, {}
    for name, library in _LIBRARIES.items():
        missing = tuple(field for field in on if field in library.lacks)
        written = tuple(field for field in on if field not in missing)
        code = library.write(settings, written, seed)
        result[name] = Snippet(
            code=snippet_texts.left_out(name, missing) + code,
            about=library.about,
            missing=missing,
            approximate=tuple(field for field in on if field in library.nearly),
        )
    return result
