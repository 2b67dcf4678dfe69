"""Colour profiles built from their numbers, as cameras, screens and printers embed them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np

Colourants = Sequence[tuple[float, float, float]]
SRGB: Colourants = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
P3: Colourants = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE: Colourants = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
SRGB_CURVE = ("para", (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
_WHITE = (0.9642, 1.0, 0.8249)


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def xyz_tag(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def curve_tag(gamma: float) -> bytes:
    """A power; sRGB's own curve for 0."""
    if gamma:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + _fixed(*SRGB_CURVE[1])


def make_profile(
    tags: dict[bytes, bytes], space: bytes, pcs: bytes = b"XYZ ", kind: bytes = b"mntr"
):
    """A profile of these tags: its colours, what they are turned into, and its class."""
    at = 128 + 4 + 12 * len(tags)
    entries, body = b"", b""
    for name, content in tags.items():
        entries += name + struct.pack(">II", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = bytearray(128)
    head[8:12] = b"\x02\x40\0\0" if b"A2B0" in tags else b"\x04\x20\0\0"
    head[12:24] = kind + space + pcs
    head[36:40] = b"acsp"
    head[68:80] = _fixed(*_WHITE)
    profile = bytes(head) + struct.pack(">I", len(tags)) + entries + body
    return struct.pack(">I", len(profile)) + profile[4:]


def rgb_profile(colourants: Colourants = P3, gamma: float = 0) -> bytes:
    """A profile of three primaries and one curve."""
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags = {name: xyz_tag(values) for name, values in zip(names, colourants, strict=True)}
    tags |= {name: curve_tag(gamma) for name in (b"rTRC", b"gTRC", b"bTRC")}
    return make_profile({b"wtpt": xyz_tag(_WHITE), **tags}, b"RGB ")


def grey_profile(gamma: float) -> bytes:
    return make_profile({b"wtpt": xyz_tag(_WHITE), b"kTRC": curve_tag(gamma)}, b"GRAY")


def lut_profile(
    space: bytes, inks: int, points: int, lab: Callable[[np.ndarray], np.ndarray]
) -> bytes:
    """A profile that looks colours up in a table.

    Args:
        space: b"RGB ", b"CMYK" or b"Lab ".
        inks: how many values a colour has.
        points: along each of them.
        lab: from (N, inks) in 0..1 to L in 0..100, a and b.
    """
    steps = np.linspace(0, 1, points)
    grid = np.stack(np.meshgrid(*[steps] * inks, indexing="ij"), axis=-1).reshape(-1, inks)
    lab_values = lab(grid)
    coded = np.stack(
        [lab_values[:, 0] * 652.8, (lab_values[:, 1] + 128) * 256, (lab_values[:, 2] + 128) * 256],
        1,
    )
    body = b"mft2\0\0\0\0" + bytes((inks, 3, points, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    body += struct.pack(">HH", 2, 2) + struct.pack(">HH", 0, 65535) * inks
    body += coded.clip(0, 65535).round().astype(">u2").tobytes()
    body += struct.pack(">HH", 0, 65535) * 3
    return make_profile({b"wtpt": xyz_tag(_WHITE), b"A2B0": body}, space, b"Lab ", b"prtr")


def cmyk_profile(points: int = 9) -> bytes:
    """A printer's profile of four inks, of which black is a dark brown."""

    def lab(values: np.ndarray) -> np.ndarray:
        cyan, magenta, yellow, black = values.T
        light = 100 * (1 - 0.35 * cyan) * (1 - 0.45 * magenta) * (1 - 0.1 * yellow)
        a = (-35 * cyan + 70 * magenta) * (1 - black)
        b = (-45 * cyan + 80 * yellow) * (1 - black) + 10 * black
        return np.stack([light * (1 - 0.9 * black), a, b], axis=1)

    return lut_profile(b"CMYK", 4, points, lab)
