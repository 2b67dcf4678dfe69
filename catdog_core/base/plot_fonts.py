"""Find a font with Hangul for matplotlib, whose own has none: in a package or the system.

matplotlib is imported inside: it takes 600 ms.
"""

from __future__ import annotations

import importlib.util
import logging
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE, _FILES = "koreanize_matplotlib", ("NanumGothic.ttf", "NanumGothicBold.ttf")
_SYSTEM = (  # what Linux, Windows and macOS have, each under the name matplotlib knows it by
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "NanumGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "AppleGothic",
)
DEFAULT_FONT = "DejaVu Sans"
"""matplotlib's own font."""


@cache
def find_hangul_font() -> str:
    """Return a font with Hangul that matplotlib can draw with; empty where there is none.

    The package is not imported, since that would change every figure of the process.
    """
    from matplotlib import font_manager

    # That a bold font is 600 and not 700 is told anew at every figure; nobody can mend it.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is not None and spec.origin is not None:
        paths = [Path(spec.origin).parent / "fonts" / file for file in _FILES]
        if all(path.is_file() for path in paths):
            for path in paths:
                font_manager.fontManager.addfont(path)
            return str(font_manager.get_font(paths[0]).family_name)
    known = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in _SYSTEM if name in known), "")


@cache
def drawable_code_points() -> frozenset[int]:
    """Return the characters that figures can draw, as code points."""
    from matplotlib.font_manager import findfont, get_font

    names = [DEFAULT_FONT, *([find_hangul_font()] if find_hangul_font() else [])]
    return frozenset(sign for name in names for sign in get_font(findfont(name)).get_charmap())


def replace_undrawable(text: str) -> str:
    """Put a box for each character that no font here has, which would raise a warning."""
    return "".join(c if c == "\n" or ord(c) in drawable_code_points() else "□" for c in text)


def can_draw(text: str) -> bool:
    """Tell whether a text can be drawn without a box."""
    return replace_undrawable(text) == text


def apply_fallback_fonts(figure: Any) -> None:
    """Let all texts of a figure be drawn with both fonts, whatever is in neither as a box."""
    from matplotlib.text import Text

    families = [DEFAULT_FONT, *([find_hangul_font()] if find_hangul_font() else [])]
    for text in figure.findobj(Text):
        content = text.get_text()
        if not (content.isascii() and content.isprintable()):
            text.set_text(replace_undrawable(content))
            text.set_fontfamily(families)
