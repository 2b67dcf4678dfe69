"""English sentences for one and for many, and a dash for a number that is missing.

A message is written for many: "{n} photos are skipped". Where a field's value is 1,
`format_english` writes the noun after it, and the verb after that, for one: "1 photo is skipped".
Values that are missing (None, NaN, infinite) become a dash, in every language.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from numbers import Real

MISSING = "–"
"""What stands in a sentence for a number that isn't known."""

_NOUNS = re.compile(
    r"annotations|answers|archives|augmentations|batches|bits|blocks|bytes|channels|"
    r"characters|classes|clicks|clips|codes|colors|columns|combinations|copies|core-hours|"
    r"core-minutes|core-seconds|datasets|days|decisions|drawings|entries|epochs|examples|"
    r"experiments|files|filters|findings|folders|groups|hours|images|items|kinds|labels|"
    r"layers|letters|links|losses|mappings|maps|masks|mistakes|models|multiply-adds|"
    r"names|neighbors|networks|numbers|parameters|parts|photos|piles|pixels|points|"
    r"positions|predictions|presets|probabilities|questions|rates|recordings|records|results|"
    r"rows|runs|scans|seconds|sections|seeds|sentences|settings|shards|sizes|steps|"
    r"terms|times|tokens|trials|updates|values|variants|votes|weights|windows|words|workers"
)
_PHRASES = {
    "classes that are": "class that is",
    "files that aren't photos are": "file that isn't a photo is",
    "folders are treated as existing classes": "folder is treated as an existing class",
    "masks and annotation images are": "mask or annotation image is",
    "photos are copies": "photo is a copy",
    "photos are empty files": "photo is an empty file",
    "photos as they are": "photo as it is",
    "training files stay as they are": "training file stays as it is",
    "unreadable files or folders are": "unreadable file or folder is",
}
"""Where more than a noun and its verb differs."""
_SINGULAR_VERBS = {
    "are": "is",
    "aren't": "isn't",
    "belong": "belongs",
    "don't": "doesn't",
    "get": "gets",
    "have": "has",
    "haven't": "hasn't",
    "lead": "leads",
    "leave": "leaves",
    "make": "makes",
    "match": "matches",
    "need": "needs",
    "remain": "remains",
    "respond": "responds",
    "shrink": "shrinks",
    "stay": "stays",
    "take": "takes",
    "train": "trains",
    "were": "was",
    "weren't": "wasn't",
}
_AUXILIARIES = re.compile(r"can|can't|could|couldn't|don't|haven't|might|to|will|would")
"""Words after which a verb stays as it is: "doesn't have"."""
_CLAUSE_STARTS = re.compile(r"if|since|so|that|they|which|who")
# "of" and the like end the search for a noun: "{n} of {total} photos".
_NO_ADJECTIVE = re.compile(
    r"a|an|and|are|as|at|by|can|for|from|has|have|if|in|is|less|not|of|"
    r"on|or|per|that|the|to|was|which|with"
)
_FIELD = re.compile(r"\{(\w+)(![rsa])?(:[^{}]*)?\}(?!\})")
_WORD = re.compile(r"[^\W\d_](?:[\w'’-]*\w)?")
# Words before a number that go without it: "All 1 photos" is "The only photo".
_BEFORE = re.compile(
    r"(?P<of>\{\w+[^{}]*\} of )?\b(?P<words>all|these|(?:the|its)(?: (?:last|first|other|best))?) "
    r"(?P<markup>\**)$",
    re.IGNORECASE,
)
_DETERMINERS = {"all": "the only", "these": "this"}


class _Missing:
    """A value that isn't known: a dash, whatever the format."""

    def __format__(self, _: str) -> str:
        return MISSING

    __str__ = __repr__ = lambda self: MISSING


def mark_missing(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values of a message's fields, with a dash for what is None, NaN or infinite."""
    return {name: _Missing() if _is_missing(value) else value for name, value in values.items()}


def format_english(template: str, values: Mapping[str, object]) -> str:
    """Fill in the fields of an English message, for one where a number is 1.

    Only words of the template change, never text that a value brings along.

    Example:
        >>> format_english("{n:,} photos are skipped: {names}.", {"n": 1, "names": "2 cats.jpg"})
        '1 photo is skipped: 2 cats.jpg.'
    """
    return fit_to_numbers(template, values).format_map(mark_missing(values))


def format_count(count: int, noun: str) -> str:
    """Return a number and what it counts.

    Args:
        count: a whole number.
        noun: in the plural, such as "training photos".

    Example:
        >>> format_count(1, "training photos")
        '1 training photo'
    """
    return format_english(f"{{count}} {noun}", {"count": count})


def fit_to_numbers(template: str, values: Mapping[str, object]) -> str:
    """Return a message with its fields, its nouns and verbs in the singular after each 1."""
    position = 0
    while field := _FIELD.search(template, position):
        position = field.end()
        if _is_one(values.get(field[1]), field[3] or ""):
            template, position = _fit_after_one(template, field)
    return template


def _fit_after_one(template: str, field: re.Match[str]) -> tuple[str, int]:
    """The template with the noun phrase after a field that is 1 in the singular; where it ends."""
    before, after = template[: field.start()], template[field.end() :]
    for many, single in _PHRASES.items():
        if after.startswith(f" {many}"):
            return _drop_determiner(before, field[0], f" {single}{after[len(many) + 1 :]}")
    noun = _find_noun(after)
    if noun is None:
        whole = re.match(r" of (?:all |the |these )?\**\{\w+[^{}]*\}", after)
        counted = _find_noun(after[whole.end() :]) if whole else None
        if whole and counted:  # "1 of 10 photos is unsure"
            end = whole.end() + counted.end()
            after = after[:end] + _singular_verb(after[end:])
        return before + field[0] + after, field.end()
    rest = after[: noun.start()] + _singular(noun[0]) + _singular_verb(after[noun.end() :])
    return _drop_determiner(before, field[0], rest)


def _drop_determiner(before: str, field: str, rest: str) -> tuple[str, int]:
    """A template in three parts put together, "all 1" as "the only"; where its second part ends."""
    determiner = _BEFORE.search(before)
    if determiner is None:
        return before + field + rest, len(before) + len(field)
    start, words = determiner.start("words"), determiner["words"]
    if determiner["of"]:  # "1 of these 1 photos" is "1 of 1 photo"
        before = before[:start] + determiner["markup"]
        return before + field + rest, len(before) + len(field)
    new = _DETERMINERS.get(words.lower(), words)
    new = new[0].upper() + new[1:] if words[0].isupper() else new
    before = f"{before[:start]}{new} {determiner['markup']}"
    return before + rest.lstrip(), len(before)


def _find_noun(text: str) -> re.Match[str] | None:
    """The counted noun after a number, which at most three adjectives come before."""
    position = re.match(r"\** ?", text)
    start = position.end() if position else 0
    for _ in range(4):
        word = _WORD.match(text, start)
        if word is None or _NO_ADJECTIVE.fullmatch(word[0].lower()):
            return None
        if _NOUNS.fullmatch(word[0].lower()):
            return word
        start = word.end()
        if text[start : start + 1] != " ":
            return None
        start += 1
    return None


def _singular(noun: str) -> str:
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    return noun[:-2] if noun.endswith(("sses", "ches", "xes")) else noun[:-1]


def _singular_verb(text: str) -> str:
    """The text after a noun with its verbs for one, up to where their clause ends."""
    words = re.split(r"(?<=[ .,;:?!])", text)
    previous = ""
    for position, word in enumerate(words):
        plain = word.rstrip(" .,;:?!")
        if _CLAUSE_STARTS.fullmatch(plain) or (
            plain.startswith("{") and _find_noun_after(words, position)
        ):
            break
        if plain in _SINGULAR_VERBS and not _AUXILIARIES.fullmatch(previous):
            words[position] = word.replace(plain, _SINGULAR_VERBS[plain])
        if word[len(plain) :].strip():  # a comma ends the clause
            break
        previous = plain
    return "".join(words)


def _find_noun_after(words: list[str], position: int) -> bool:
    return _find_noun(" " + "".join(words[position + 1 :])) is not None


def _is_one(value: object, spec: str) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real) or float(value) != 1:
        return False
    return format(value, spec.removeprefix(":")) in ("1", "+1")


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
