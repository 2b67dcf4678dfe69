"""The catalogues: complete, up to date, and harmless when something is amiss."""

import pickle
import re
import string
from gettext import GNUTranslations

import pytest

from catdog_core.base import errors, report_language
from catdog_core.base.errors import PhotoError
from catdog_ui import i18n, translations_tool


@pytest.fixture(scope="module")
def texts():
    return translations_tool.extract_texts()


@pytest.fixture
def korean(monkeypatch):
    monkeypatch.setattr(i18n, "language", lambda: "ko")


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_texts_of_pages_errors_and_settings_are_found(texts):
    assert "Create demo dataset" in texts
    assert "The file is empty. Check that the photo was copied completely." in texts
    assert "Rotation" in texts


def test_every_text_has_a_korean_translation(texts):
    assert translations_tool.untranslated_texts("ko", texts) == []


def test_translations_keep_the_fields(texts):
    known = translations_tool.read_translations("ko")
    wrong = [text for text in texts if known.get(text) and fields(text) != fields(known[text])]
    assert wrong == []


@pytest.mark.parametrize("code", i18n.LANGUAGES)
def test_the_files_are_what_the_command_writes(code, texts):
    for path, content in translations_tool.catalogue_files(code, texts).items():
        # Not an assertion on the bytes: their difference, 200 KB of escapes, would bury what to do.
        if path.read_bytes() != content:
            pytest.fail(f"{code} is out of date: run python -m catdog_ui.translations_tool")


def test_extraction_gives_the_same_twice(texts):
    assert translations_tool.catalogue_files("ko", texts) == translations_tool.catalogue_files(
        "ko", translations_tool.extract_texts()
    )


def test_a_text_is_shown_in_the_language_of_the_session(korean):
    assert i18n.t("Predict") != "Predict"
    assert i18n.t("and {n} more", n=3).count("3") == 1


def test_an_error_is_told_in_the_language_of_the_session(korean):
    error = PhotoError("The file is empty. Check that the photo was copied completely.")
    assert i18n.say(error) != str(error)


def test_a_text_without_translation_stays_english(korean):
    assert i18n.t("no such text {n}", n=1) == "no such text 1"


def test_a_slip_in_a_catalogue_falls_back_to_english(monkeypatch):
    class Bad(GNUTranslations):
        def __init__(self):
            pass

        def gettext(self, message):
            return "{m}"

    monkeypatch.setattr(report_language, "_load_catalogue", lambda code: Bad())
    report_language.get_translator.cache_clear()
    assert i18n.t("{n} photos", n=2) == "2 photos"
    report_language.get_translator.cache_clear()


def test_no_text_hides_inside_an_f_string_where_extraction_may_miss_it():
    # Before Python 3.12 an f-string is one token, and what is called inside it is not seen.
    hidden = re.compile(r"""f(["']).*\{(?:t|N_)\(["']""")
    for folder in ("catdog_core", "catdog_ui", "pages"):
        for path in (translations_tool.PROJECT / folder).rglob("*.py"):
            assert not hidden.search(path.read_text(encoding="utf-8")), path


def test_an_error_inside_an_error_is_said_in_the_language_too(korean):
    inner = PhotoError("The file is empty. Check that the photo was copied completely.")
    outer = PhotoError("{file} can't be read: {reason}", file="a.jpg", reason=inner)
    assert i18n.say(inner) in i18n.say(outer)
    assert "empty" not in i18n.say(outer)


def test_a_word_with_a_context_is_translated_by_it_and_never_shows_it():
    english, korean = report_language.get_translator("en"), report_language.get_translator("ko")
    key = f"count{report_language.CONTEXT_SEPARATOR}Photos"
    assert (english(key), english("Photos")) == ("Photos", "Photos")
    assert (korean(key), korean("Photos")) == ("사진 수", "사진")
    assert english(f"nowhere{report_language.CONTEXT_SEPARATOR}Photos") == "Photos"


def test_the_name_of_a_split_is_translated_inside_a_sentence():
    error = errors.DatasetError("{name}: {split}", name="train", split=errors.Term("train"))
    assert str(error) == "train: train"
    assert report_language.get_translator("ko")(error.message, **error.params) == "train: 학습"
    again = pickle.loads(pickle.dumps(error))  # as through a pool of processes
    assert isinstance(again.params["split"], errors.Term)
