"""Folder names that mean one class are one; those that only look alike are displayed apart."""

import unicodedata

import pytest

from catdog_core.base.files import truncate_for_display
from catdog_core.data import class_names

NFC = "\uace0\uc591\uc774"


@pytest.mark.parametrize(
    "other",
    ["Cats", "CATS.", "cats..  ", " cats", "c\u200bats", "cats\ufeff", "ca\u00adts", "cats\ufe0f"],
)
def test_spellings_of_one_class(other):
    assert class_names.class_key(other) == class_names.class_key("cats")
    assert class_names.plainest_spelling([other, "cats"]) in ("Cats", "cats")


@pytest.mark.parametrize("name", [NFC, "caf\u00e9", "\u00c5ngstr\u00f6m", "\u304c"])
def test_composed_and_decomposed_names_are_one_class(name):
    other = unicodedata.normalize("NFD", name)
    assert other != name and class_names.class_key(other) == class_names.class_key(name)
    assert class_names.plainest_spelling([other, name]) == name


@pytest.mark.parametrize(
    "names",
    [
        ("cats", "c\u0430ts"),
        ("cats", "\u202ecats"),
        ("cats", "\uff43\uff41\uff54\uff53"),
        ("big cats", "big\u00a0cats"),
        ("big cats", "big\u3000cats"),
        ("BCE", "\u0412\u0421\u0415"),
        ("vov", "\u03bdo\u03bd"),
        ("a-b", "a\u2013b"),
        ("\u53e3", "\u30ed"),
        ("x" * 90 + "1" + "y" * 90, "x" * 90 + "2" + "y" * 90),
    ],
)
def test_names_that_look_alike_are_displayed_apart(names):
    displayed, pairs = class_names.display_names(names)
    assert len(pairs) == 1
    assert class_names.lookalike_key(displayed[0]) != class_names.lookalike_key(displayed[1])
    assert (
        truncate_for_display(displayed[0], 60) != truncate_for_display(displayed[1], 60)
        and max(map(len, displayed)) < 80
    )


@pytest.mark.parametrize(
    "names",
    [
        ("cats", "dogs"),
        ("cafe", "caf\u00e9"),
        ("0", "O", "1", "I", "l"),
        ("개", "게"),
        ("a1", "a2"),
    ],
)
def test_names_that_differ_are_displayed_as_they_are(names):
    assert class_names.display_names(names) == (list(names), [])


def test_many_names_never_look_alike():
    names = [f"{'long ' * 30}{n}{' end' * 30}" for n in range(50)]
    names += ["cats", "c\u0430ts", "ca\u0442s", "c\u0430\u0442s", "c\u0430ts (U+0430)"]
    displayed, _ = class_names.display_names(names)
    assert len({class_names.lookalike_key(name) for name in displayed}) == len(names)
