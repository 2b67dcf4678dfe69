"""Sentences with numbers: right for 0, 1, many, and for a number that is missing."""

from __future__ import annotations

import re

import pytest

from catdog_core.base import english_plurals, report_language
from catdog_core.base.english_plurals import format_count, format_english
from catdog_core.base.errors import CatDogError
from catdog_ui import translations_tool

ONE = [
    ("{n} photos are skipped: {names}.", "1 photo is skipped: 2 photos.zip."),
    ("**{n:,} training photos** have no label.", "**1 training photo** has no label."),
    ("{n} of {m} photos are unsure.", "1 of 7 photos is unsure."),
    ("{m} of {n} photos", "7 of 1 photo"),
    ("All {n:,} photos are readable.", "The only photo is readable."),
    ("In the last {n} epochs, loss fell.", "In the last epoch, loss fell."),
    ("These {n} kinds make up {share:.0%}.", "This kind makes up 50%."),
    ("{n} of these {n} photos are new.", "1 of 1 photo is new."),
    (
        "{n} photos don't have a label and are left out.",
        "1 photo doesn't have a label and is left out.",
    ),
    ("{n} photos would take a minute.", "1 photo would take a minute."),
    (
        "{n} photos of {names} couldn't be read and are skipped.",
        "1 photo of 2 photos.zip couldn't be read and is skipped.",
    ),
    ("{n} copies in {m} classes.", "1 copy in 7 classes."),
    ("epoch {n} of {m}", "epoch 1 of 7"),
    ("{n} px photos, batch size {n}", "1 px photo, batch size 1"),
    ("{{n}} photos of {n} batches", "{n} photos of 1 batch"),
    ("{n:.1f} points", "1.0 points"),
    ("{n:.0%} of photos", "100% of photos"),
]
MANY = [0, 2, 21, 1001, -1]


@pytest.mark.parametrize(("template", "text"), ONE)
def test_noun_and_verb_fit_one(template, text):
    values = {"n": 1, "m": 7, "share": 0.5, "names": "2 photos.zip"}
    assert format_english(template, values) == text


@pytest.mark.parametrize("n", MANY)
def test_other_numbers_leave_the_sentence_as_it_is(n):
    assert (
        format_english("All {n:,} photos are readable.", {"n": n})
        == f"All {n:,} photos are readable."
    )


def test_a_name_that_looks_like_a_number_changes_nothing():
    assert format_english("{name} photos are here", {"name": "1"}) == "1 photos are here"
    assert format_english("{on} photos are here", {"on": True}) == "True photos are here"


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_missing_number_is_a_dash(missing, language):
    say = report_language.get_translator(language)
    for message in ("{n:,} photos", "{n:.1f} points", "{n} epochs"):
        text = say(message, n=missing)
        assert "–" in text and "None" not in text and "nan" not in text


def test_errors_and_counts_fit_their_number():
    assert str(CatDogError("There are {n} photos.", n=1)) == "There are 1 photo."
    assert format_count(1, "class labels") == "1 class label"
    assert format_count(0, "classes") == "0 classes"


# A number, up to three words, then a word that ends like a plural.
COUNTS = {"n", "count", "total", "photos", "classes", "epochs", "steps", "limit", "most", "all"}
"""Fields that are numbers wherever they stand, beside those with a format for numbers."""
# A number, up to two words, then a word that ends like a plural, and is no verb or other word.
_AFTER_ONE = re.compile(r"(?<![\w.,×-])1\** ((?:[a-z-]+ ){0,2}?[a-z-]*[^\Ws]s)\b")
_NO_NOUN = re.compile(
    r"\b(a|and|as|at|but|continues|declares|does|enlarges|gets|gives|has|hides|in|is|its|keeps|leads|leaves|less|"
    r"looks|makes|of|or|responds|removes|shrinks|stays|takes|this|to|turns|unpacks|was|with)\b"
)


@pytest.fixture(scope="module")
def messages():
    """Every sentence of the lab, with the fields of it that are numbers."""
    numbered = {}
    for message in translations_tool.read_translations("ko"):
        fields = {
            field[1]
            for field in english_plurals._FIELD.finditer(message)
            if field[1] in COUNTS or re.search("[,defg%]$", field[3] or "")
        }
        if fields:
            numbered[message] = fields
    assert len(numbered) > 400
    return numbered


def test_no_sentence_of_the_lab_says_one_photos(messages):
    wrong = []
    for message, fields in messages.items():
        for field in fields:
            text = _say_with(message, field, 1)
            found = _AFTER_ONE.search(text)
            if found and not _NO_NOUN.search(found[1]):
                wrong.append(text)
    assert wrong == []


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("value", [0, 1, 12_345, None])
def test_every_sentence_of_the_lab_takes_any_number(messages, language, value):
    translate = report_language.get_translator(language)
    for message, fields in messages.items():
        for field in fields:
            text = _say_with(message, field, value, translate)
            assert re.search(r"\bNone\b(?! of)", text) is None
            assert "{" not in text or "{{" in message, message


def _say_with(message, field, value, translate=None):
    """A message with a number in one of its fields and what fits in the others."""
    values = {
        match[1]: "X" if not match[3] else 2 if match[3][-1] in "dx," else 2.5
        for match in english_plurals._FIELD.finditer(message)
    } | {field: value}
    if translate:
        return translate(message, **values)
    return format_english(message.rpartition(report_language.CONTEXT_SEPARATOR)[2], values)
