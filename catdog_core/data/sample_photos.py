"""A few photos to try a model on at once: some that come with the lab, and a drawing.

`assets/samples/CREDITS.md` says who took them. There is no free photo of a dog among them, so the
dog is one of the lab's own drawings.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from ..base import files
from ..base.errors import N_
from . import synthetic
from .photo_domain import DRAWN_COMMENT, Domain

CREDITS = N_(
    "Photos: cat by Stéfan van der Walt (CC0), coffee by Rachel Michetti (CC0), raccoon from "
    "public-domain-image.com. The dog is drawn because no free photo of one comes with the lab."
)
_FOLDER = files.ASSETS / "samples"
_DRAWING_SEED = (5, 0, 27)
_DRAWING_SIZE = 320  # pixels


@dataclass(frozen=True)
class SamplePhoto:
    """A photo to try.

    Attributes:
        name: tells it from the others.
        title: what it shows, a message of the catalogue.
        truth: its class, "cats" or "dogs"; empty where it shows neither.
        domain: whether it is a photo or drawn.
    """

    name: str
    title: str
    truth: str = ""
    domain: Domain = "photos"

    def read(self) -> bytes:
        """Return its JPEG file. Raises OSError where the assets were not installed."""
        return _draw_dog() if self.domain == "drawn" else (_FOLDER / self.name).read_bytes()


SAMPLES = (
    SamplePhoto("chelsea.jpg", N_("a cat"), "cats"),
    SamplePhoto("dog.jpg", N_("a drawn dog"), "dogs", "drawn"),
    SamplePhoto("raccoon.jpg", N_("a raccoon")),
    SamplePhoto("coffee.jpg", N_("a cup of coffee")),
)


def _draw_dog() -> bytes:
    picture = synthetic.draw_pet(1, _DRAWING_SIZE, np.random.default_rng(_DRAWING_SEED))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88, comment=DRAWN_COMMENT)
    return out.getvalue()
