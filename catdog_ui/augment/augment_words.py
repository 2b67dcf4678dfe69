"""What was drawn for one variant, in words."""

from __future__ import annotations

from collections.abc import Callable

from catdog_core.augment import Transform
from catdog_core.augmentation.mixing import Mix

from ..words import t


def drawn(transform: Transform) -> str:
    """The drawn values of one variant, a line each; what changes nothing is left out."""
    lines = [line(transform) for applies, line in _LINES if applies(transform)]
    return "\n".join(lines) or t("unchanged")


def mixed(mix: Mix, own: str, other: str) -> str:
    """The shares of a mixed variant; `own` and `other` are the classes' names."""
    return t(
        "{own} {share:.0%}, {other} {rest:.0%}",
        own=own,
        share=mix.share,
        other=other,
        rest=1 - mix.share,
    )


_LINES: tuple[tuple[Callable[[Transform], object], Callable[[Transform], str]], ...] = (
    (lambda d: d.theta, lambda d: t("turned {value:+.1f}°", value=d.theta)),
    (
        lambda d: d.shift_x or d.shift_y,
        lambda d: t("moved {x:+.1f}, {y:+.1f} px", x=d.shift_x, y=d.shift_y),
    ),
    (
        lambda d: (d.zx, d.zy) != (1.0, 1.0),
        lambda d: t("zoom {x:.2f} × {y:.2f}", x=d.zx, y=d.zy),
    ),
    (lambda d: d.shear, lambda d: t("shear {value:+.1f}°", value=d.shear)),
    (lambda d: d.flip_horizontal, lambda d: t("left for right")),
    (lambda d: d.flip_vertical, lambda d: t("upside down")),
    (lambda d: d.brightness != 1, lambda d: t("brightness × {value:.2f}", value=d.brightness)),
    (lambda d: d.contrast != 1, lambda d: t("contrast × {value:.2f}", value=d.contrast)),
    (lambda d: d.channel_shift, lambda d: t("channels {value:+.0f}", value=d.channel_shift)),
    (lambda d: d.saturation != 1, lambda d: t("saturation × {value:.2f}", value=d.saturation)),
    (lambda d: d.hue, lambda d: t("hue {value:+.0f}°", value=d.hue)),
    (lambda d: d.blur, lambda d: t("blur {value:.1f} px", value=d.blur)),
    (lambda d: d.noise, lambda d: t("noise {value:.0f}", value=d.noise)),
    (
        lambda d: d.erased,
        lambda d: t("erased {w} × {h} px", w=d.erased[2], h=d.erased[3]) if d.erased else "",
    ),
)
