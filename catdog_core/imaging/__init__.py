"""From the bytes of a file to pixels: one decoder, one resize, and the checks before them.

Training, preview and prediction read photos by `load_photos`: (S, S, 3) uint8, upright sRGB. A file
is judged by its header (`image_header`, `format_guard`, `decode_cost`) before it is decoded.
"""

from .decode import (
    Photo,
    decode_photo,
    encode_photo,
    load_photos,
    make_thumbnail,
    read_dimensions,
    resize_photo,
)

__all__ = [
    "Photo",
    "decode_photo",
    "encode_photo",
    "load_photos",
    "make_thumbnail",
    "read_dimensions",
    "resize_photo",
]
