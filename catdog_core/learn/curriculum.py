"""The sections of the Learn page in their order, and which statement of the class each tells."""

from __future__ import annotations

from ..errors import N_
from . import about_augmentation, about_network, about_photos, about_training
from .section import Section

CHAPTERS: dict[str, tuple[str, tuple[Section, ...]]] = {
    "photos": (N_("Photos"), about_photos.SECTIONS),
    "network": (N_("Network"), about_network.SECTIONS),
    "training": (N_("Training"), about_training.SECTIONS),
    "augmentation": (N_("Augmentation"), about_augmentation.SECTIONS),
}
"""By name: a title, a message id, and the sections."""

SECTIONS: dict[str, Section] = {
    section.id: section for _, sections in CHAPTERS.values() for section in sections
}

STATEMENTS: dict[int, tuple[str, ...]] = {
    1: ("little-data",),
    2: ("photo-array", "read-again"),
    3: ("tfrecord",),
    4: ("rescale",),
    5: ("labels", "squares", "batch"),
    6: ("class-mode",),
    7: ("batch",),
    8: ("batch",),
    9: ("convolution", "pooling", "network", "dropout", "sigmoid"),
    10: ("loss", "learning-rate"),
    11: ("steps", "validation"),
    12: ("result",),
    13: ("save",),
    14: ("overfitting",),
    15: ("augmentation",),
    16: ("augmentation",),
    17: ("validation-plain",),
    18: ("twin",),
}
"""The statements of the class notes by number, each with the sections that retell it."""


def chapter_of(section_id: str) -> str:
    """The name of the chapter a section stands in.

    Raises:
        KeyError: there is no such section.
    """
    return next(
        name for name, (_, sections) in CHAPTERS.items() if SECTIONS[section_id] in sections
    )
