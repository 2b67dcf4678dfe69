"""Tell which folder names mean one class, and display classes so that no two look alike.

The rule, for folders beside each other and for those of different splits alike:

- One class, with a warning that names the spellings: names that are equal after Unicode's NFC,
  without case, without characters of no width, without spaces and dots at the end, without spaces
  in front, and with runs of spaces taken as one. See `class_key`.
- Two classes, displayed so that they clearly differ, with a warning: names that only look alike,
  through compatibility forms (full-width letters, ligatures), other spaces or dashes, letters of
  other scripts, direction marks, or because they differ only where a long name is shortened.
  See `display_names`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from ..base.files import truncate_for_display

_NO_WIDTH = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
_LOOKALIKES = {
    # Cyrillic
    **dict(zip("аеорсухіјѕһԁԛԝӏкгѵѡ", "aeopcyxijshdqwlkrvw", strict=True)),
    **dict(zip("АВЕКМНОРСТУХЅІЈԌҮ", "ABEKMHOPCTYXSIJGY", strict=True)),
    # Greek
    **dict(zip("οανρτυικχγϲϳω", "oavptuikxycjw", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
    # Armenian, Hebrew, Cherokee, Lisu and others
    **dict(zip("օսոհցզոՕՍՏԼ", "ounhgqnOUSL", strict=True)),
    **dict(zip("ᎪᏟᎠᎬᎻᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃ", "ACDEHJKLMPRSTVWZ", strict=True)),
    **dict(zip("ıɑɡɩɪʏʟɴʀʙɢʜᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢ", "iagiiylnrbghacdejkmoptuvwz", strict=True)),
    "Ɩ": "l",
    # Korean, Chinese and Japanese
    **dict(
        zip(
            "\u1173一ー㇐口ロ二ニ力カ夕タ卜ト八ハ工エへり才オ",
            "----口口二二力力夕夕卜卜八八工工ヘリ才才",
            strict=True,
        )
    ),
    # Punctuation
    **dict.fromkeys("‐‑‒–—―−﹘⁃˗‧·•∙⋅・", "-"),
    **dict.fromkeys("‘’‛′`´ʹʻʼʽˈ", "'"),
    **dict.fromkeys("“”„‟″ˮ", '"'),
    **dict.fromkeys("⁄∕╱", "/"),
    "\u0327": "\u0326",  # cedilla and comma below
    "\u030c": "\u0306",  # caron and breve
}
_LOOKALIKE_TABLE = {ord(odd): plain for odd, plain in _LOOKALIKES.items()}
_LEADS, _AROUND, _ENDS = 14, 26, 11  # characters of a long name displayed around its difference


def class_key(name: str) -> str:
    """Return what all spellings of one class's folder name have in common; see the rule above."""
    if name.isascii() and name.isalnum():  # most are
        return name.lower()
    text = unicodedata.normalize("NFC", _NO_WIDTH.sub("", name)).casefold()
    text = unicodedata.normalize("NFC", text)
    text = re.sub(" {2,}", " ", text).strip(" ")
    while text and text[-1] in ". ":
        text = text[:-1]
    return text or name


def plainest_spelling(spellings: Iterable[str]) -> str:
    """Return the plainest spelling of a class, which names it."""

    def oddness(name: str) -> tuple[bool, bool, str]:
        plain = unicodedata.normalize("NFC", name)
        return (
            _NO_WIDTH.search(name) is not None or plain.strip(" .") != plain,
            plain != name,
            name,
        )

    return min(spellings, key=oddness)


def lookalike_key(name: str) -> str:
    """Return what two names have in common that look alike, though they are two classes."""
    text = _DIRECTION.sub("", _NO_WIDTH.sub("", name))
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text).translate(_LOOKALIKE_TABLE)
        text = unicodedata.normalize("NFC", text)
        text = text.translate(_LOOKALIKE_TABLE)
        folded = text.casefold().translate(_LOOKALIKE_TABLE)
        text = folded
    return re.sub(r"\s+", " ", text).strip(" .")


def display_names(names: Sequence[str], limit: int = 60) -> tuple[list[str], list[tuple[str, str]]]:
    """Return how classes are displayed, so that nobody takes one for another.

    Args:
        names: true names, each another class.
        limit: characters a displayed name has at most, but for an added mark.

    Returns:
        The displayed names, in order and no two alike; pairs of them whose true names look alike.
    """
    plain = [unicodedata.normalize("NFC", name) for name in names]
    displayed = [truncate_for_display(name, limit) for name in plain]
    groups: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(displayed):
        groups[lookalike_key(name)].append(number)
    for name in plain:  # "\u202ecats" is displayed escaped, and still meant
        group = groups[lookalike_key(truncate_for_display(name, limit))]
        twin = groups.get(lookalike_key(name), group)
        if twin is not group:
            twin += [each for each in group if each not in twin]
    pairs = []
    for group in (sorted(each, key=lambda n: _oddness_rank(plain[n])) for each in groups.values()):
        if len(group) < 2:
            continue
        cut = len({lookalike_key(plain[number]) for number in group}) == len(group)
        for number in group if cut else group[1:]:
            others = [plain[other] for other in group if other != number]
            displayed[number] = (
                _shorten_name(plain[number], others)
                if cut
                else _mark_code_points(plain[number], limit)
            )
        pairs += [(group[0], number) for number in group[1:]]
    seen: set[str] = set()
    for number in sorted(range(len(displayed)), key=lambda n: _oddness_rank(plain[n])):
        text, count = displayed[number], 1
        while lookalike_key(text) in seen:
            count += 1
            text = f"{displayed[number]} ({count})"
        seen.add(lookalike_key(text))
        displayed[number] = text
    return displayed, [
        (displayed[first], displayed[second]) for first, second in dict.fromkeys(pairs)
    ]


def _oddness_rank(name: str) -> tuple[int, str]:
    return sum(not (c.isascii() and c.isprintable()) for c in name), name


def _mark_code_points(name: str, limit: int) -> str:
    """A name with the code points of what is odd in it."""
    odd = [c for c in name if not c.isascii() or not c.isprintable()] or list(name[-1:])
    points = " ".join(dict.fromkeys(f"U+{ord(c):04X}" for c in odd[:4]))
    return f"{truncate_for_display(name, limit)} ({points})"


def _shorten_name(name: str, others: Sequence[str]) -> str:
    """A long name with the part that tells it from the others."""
    start = max(_common_prefix_length(name, other) for other in others)
    if start <= _LEADS:
        return truncate_for_display(name, _LEADS + _AROUND + _ENDS + 2)
    # A difference in a number or word is displayed with the word it belongs to.
    begin = max(_LEADS, start - 8)
    part = truncate_for_display(name[begin : begin + _AROUND], 4 * _AROUND)
    end = name[max(begin + _AROUND, len(name) - _ENDS) :]
    last = f"…{truncate_for_display(end)}" if end else ""
    return f"{truncate_for_display(name[:_LEADS])}…{part}{last}"


def _common_prefix_length(first: str, second: str) -> int:
    """How many characters two names have in common at their beginning."""
    length = 0
    for a, b in zip(first, second, strict=False):
        if a != b:
            break
        length += 1
    return length
