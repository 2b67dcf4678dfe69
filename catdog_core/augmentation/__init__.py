"""Random changes to training photos: sampled from settings, applied by one warp, mixed in pairs.

The Augment page draws its 20 variants by the very functions that change photos in training.
`presets` are saved settings, `code_templates` write settings as Python, `warnings` question what
makes little sense for photos of pets.
"""

from .augment import (
    Transform,
    apply_transform,
    augment_batch,
    make_variants,
    mix_batch,
    sample_transform,
)

__all__ = [
    "Transform",
    "apply_transform",
    "augment_batch",
    "make_variants",
    "mix_batch",
    "sample_transform",
]
