"""Korean particles after filled-in fields: 을 or 를, chosen by how the word before is read.

A Korean particle depends on the last sound of the word before it. A translation cannot know that
word, so it writes both forms, "{name}을(를)", and `format_korean` keeps the one that fits.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping

_FORMS = {
    "을(를)": ("을", "를"),
    "를(을)": ("을", "를"),
    "이(가)": ("이", "가"),
    "가(이)": ("이", "가"),
    "은(는)": ("은", "는"),
    "는(은)": ("은", "는"),
    "과(와)": ("과", "와"),
    "와(과)": ("과", "와"),
    "아(야)": ("아", "야"),
    "(이)": ("이", ""),
    "(으)": ("으", ""),
}
"""Both forms as a translation writes them: the particle after a consonant, and after a vowel."""
_PARTICLE = re.compile("|".join(re.escape(form) for form in _FORMS))
_MARKUP = "*_`~'\"’”」』>》]"
_IN_BRACKETS = re.compile(r"(?<=\S)\s?\([^()]*\)$")
_LETTERS = re.compile(r"[A-Za-z]+$")
_ZEROS = re.compile(r"(?:^|[1-9])(0{12})$")

# Final consonants of the names of digits (영 일 이 삼 사 오 육 칠 팔 구), of letters (엘 엠 엔 알)
# and of signs (% is 퍼센트, ° is 도): "" for none.
_DIGITS = dict(zip("0123456789", ["ㅇ", "ㄹ", "", "ㅁ", "", "", "ㄱ", "ㄹ", "ㄹ", ""], strict=True))
_LETTER_NAMES = {"l": "ㄹ", "m": "ㅁ", "n": "ㄴ", "r": "ㄹ"}
_SIGNS = dict.fromkeys("%°", "")
_SYLLABLES, _FINALS = 0xAC00, 28
_RIEUL = 8
"""Place of ㄹ among the 28 finals of a syllable: the only consonant after which 로 stands."""


def format_korean(template: str, values: Mapping[str, object]) -> str:
    """Fill in the fields of a Korean text and keep, of each pair of particles, the one that fits.

    Only particles of the template are resolved, never text that a value brings along. Where the
    reading of the word before is not known (an emoji, another script) both forms stay.

    Example:
        >>> format_korean("{name}을(를) 엽니다", {"name": "사진"})
        '사진을 엽니다'
    """
    text = ""
    for literal, field, spec, conversion in string.Formatter().parse(template):
        text = _append_resolved(text, literal)
        if field is not None:
            how = (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            text += f"{{{field}{how}}}".format(**values)
    return text


def final_consonant(text: str) -> str | None:
    """Return the consonant with which a text ends when read aloud in Korean.

    Digits are read as Sino-Korean numbers, capitals and words without a vowel letter by letter,
    other Latin words by a rule of thumb.

    Returns:
        "ㄹ", another consonant, "" after a vowel, None where the reading is not known.
    """
    word = unicodedata.normalize("NFC", text).rstrip().rstrip(_MARKUP)
    # In "고양이(3장)을(를)" the particle belongs to the word before the brackets.
    word = _IN_BRACKETS.sub("", word).rstrip(_MARKUP + ")")
    if not word:
        return None
    last = word[-1]
    if "가" <= last <= "힣":
        final = (ord(last) - _SYLLABLES) % _FINALS
        return "ㄹ" if final == _RIEUL else "ㄱ" if final else ""
    if last in _DIGITS:
        return "" if _ZEROS.search(word.replace(",", "")) else _DIGITS[last]  # 조, a trillion
    if letters := _LETTERS.search(word):
        return _final_of_latin(letters.group())
    return _SIGNS.get(last)


def _final_of_latin(word: str) -> str:
    """The final consonant of a Latin word or abbreviation as Koreans read it.

    After the rules for loanwords (외래어 표기법, 1986): l, m, n and ng close a syllable, p, t, k
    only after a vowel, all other consonants get a vowel of their own.
    """
    lower = word.lower()
    if (word.isupper() and len(word) <= 4) or not re.search("[aeiouy]", lower):
        return _LETTER_NAMES.get(lower[-1], "")
    if len(lower) > 2:  # a silent e: file, line, name
        lower = re.sub("(?<=[aeiouybcdfgkpstz])([lmn])e$", r"\1", lower)
    if lower.endswith("ng"):
        return "ㅇ"
    if lower[-1] in "lmn":
        return _LETTER_NAMES[lower[-1]]
    return "ㅂ" if re.search("[aeiouy][ptkcb]$", lower) else ""


def _append_resolved(text: str, literal: str) -> str:
    start = 0
    for match in _PARTICLE.finditer(literal):
        text += literal[start : match.start()]
        start = match.end()
        final = final_consonant(text)
        if final is None:
            text += match.group()
            continue
        after_consonant, after_vowel = _FORMS[match.group()]
        # 서울로, 1로: after ㄹ the particle 로 needs no 으.
        closed = final not in ("", "ㄹ") if match.group() == "(으)" else bool(final)
        text += after_consonant if closed else after_vowel
    return text + literal[start:]
