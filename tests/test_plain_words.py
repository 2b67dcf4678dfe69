"""The texts keep to plain words: habits that a reader stumbles over come back in none of them.

The rules for what cannot be counted are in CONTRIBUTING.md; here is what a pattern can find, in
the texts of the catalogue, the help of the commands and the Korean translations. An exception is
named with its reason, and one that is needed no more fails, too.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from catdog_core.cli import app
from catdog_ui import translations_tool

HABITS = {
    "“anew”: again, new": r"\banew\b",
    "“by heart”: memorize, overfit": r"\bby heart\b",
    "“that of”, “those of”: name the thing": r"\b(?:that|those) of\b",
    "“whose”: two sentences": r"\bwhose\b",
    "“is no”: isn't a": r"(?<!here )\b(?:is|are|was|were) no\b(?! longer)",
    "“is told”, “tells”: say, show, print": r"\b(?:is|are|was|be) told\b"
    r"|\btells\b(?! you|[^.]* apart)",
    "“whole” for finished or full": r"\bwhole\b(?! numbers?\b)",
    "“may”: can, might": r"\bmay\b",
    "“lies”, “lay”: is, are": r"\b(?:lies?|lay|laid|lain|lying)\b",
    "“Expected …”: what to do": r"\bExpected\b",
    "“go on”: continue, resume": r"\b(?:go|goes|going|went|gone) on\b",
    "“a second” for per second": r"\b(?:photos|images|values|steps|batches|bytes|times"
    r"|seconds|minutes|runs|trials)"
    r" an? (?:second|minute|hour|epoch|step|batch|class|photo)\b",
    "“of your own”: your own": r"\bof (?:your|their) own\b",
    "“elsewhere”: name the place": r"\belsewhere\b",
    "“speaks for”: supports, evidence": r"\b(?:speaks?|spoke) for\b",
    "“ask the model”: predict, evaluate": r"\bask(?:s|ed|ing)? (?:it|the model|a model|models)\b",
    "“no more”, “any more”: no longer": r"\b(?:no|any) more\b(?! than)",
    "“oneself”, “shall”, “upon”": r"\b(?:oneself|shall|upon)\b",
    "“must not”: can't": r"\bmust not\b",
    "“beside”: next to, besides": r"\bbeside\b",
    "no contraction": r"\b(?:do|does|did|is|are|was|were|has|have|could|would|should) not\b"
    r"|\bcannot\b|\bcan not\b|\b[Tt]here is no(?:thing)?\b",
    "a space before %": r"[\d}] %",
    "a semicolon: two sentences": r";",
    "British spelling": r"\b\w*(?:colour|behaviour|favour|neighbour|recognis|normalis|organis"
    r"|optimis|minimis|initialis|visualis|summaris|labelled|modelled|cancelled|licence)\w*"
    r"|\b(?:grey\w*|centre\w*|analyse\w*|catalogues?|learnt|programme)\b",
}
"""What to say instead, and the pattern. Patterns look at words, without code and fields."""

# The glossary names 증강 and 과적합 as other words for its own two, so that a search finds them.
KOREAN_HABITS = {
    "하십시오: 하세요": r"십시오",
    "니까?: 할까요?": r"니까\?",
    "80 %: 80%": r"[\d}] %",
    "물어보다: 예측, 평가": r"물어보|물어봅|물어본",
    "구역: 데이터 분할, 세트": r"구역",
    "과적합, 오버피팅: 과대적합": r"과적합(?!이라고도)|오버피팅",
    "증강: 증식": r"증강(?!\))",
}

ALLOWED: dict[str, str] = {}
"""A text, English or Korean, and why a pattern that it matches does not mean it."""

# A share ends in “퍼센트” whatever it is, so the particles that fit this may follow it alone.
_PARTICLE_OF_ONE_FORM = re.compile(
    r"(?:(?<!%)\}[”’'\"`*]*(?:를|가|는|와|로)|\}[”’'\"`*]*(?:을|이|은|과|으로))(?=[\s.,:;?!…)”’]|$)"
)
_NOT_PROSE = re.compile(r"`[^`]*`|\{[^{}]*\}(?! %)|https?://\S+")
_QUOTED = re.compile(r"“([^“”]+)”|‘([^‘’]+)’|\*\*([^*]+)\*\*")
_PRESSED = re.compile(r"[Pp]ress ([A-Z]\w+)(?:, then ([A-Z]\w+))?")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    found = translations_tool.extract_texts()
    return sorted(found)


@pytest.fixture(scope="module")
def korean(texts: list[str]) -> dict[str, str]:
    known = translations_tool.read_translations("ko")
    return {text: known[text] for text in texts if known.get(text)}


def _faults(sentences: dict[str, str], pattern: str) -> list[str]:
    return [
        f"{where}: {text}"
        for where, text in sentences.items()
        if re.search(pattern, _NOT_PROSE.sub("…", text)) and text not in ALLOWED
    ]


@pytest.mark.parametrize("habit", HABITS)
def test_no_text_of_the_catalogue_has_the_habit(habit, texts):
    assert _faults({text: text for text in texts}, HABITS[habit]) == []


@pytest.mark.parametrize("habit", HABITS)
def test_no_help_of_a_command_has_the_habit(habit):
    assert _faults(dict(command_helps()), HABITS[habit]) == []


@pytest.mark.parametrize("habit", KOREAN_HABITS)
def test_no_translation_has_the_habit(habit, korean):
    assert _faults(korean, KOREAN_HABITS[habit]) == []


def test_a_particle_after_a_field_is_written_in_both_forms(korean):
    one_form = [
        text
        for text in korean.values()
        if _PARTICLE_OF_ONE_FORM.search(text) and text not in ALLOWED
    ]
    assert one_form == []


def test_a_sentence_names_a_button_by_its_label_in_korean_too(korean):
    labels = button_labels()
    assert {"Predict", "Stop", "Resume", "Start training", "Undo"} <= labels
    wrong = [
        (label, korean[label], translated)
        for text, translated in korean.items()
        for label in quoted_words(text) | pressed_words(text)
        if label in labels and label in korean and text != label and text not in ALLOWED
        if korean[label] not in quoted_words(translated)
    ]
    assert wrong == []


def test_every_exception_is_needed(texts):
    known = {*texts, *translations_tool.read_translations("ko").values()}
    assert [text for text in ALLOWED if text not in {*known, *dict(command_helps()).values()}] == []


@pytest.mark.parametrize(
    ("habit", "text"),
    [
        ("“whole” for finished or full", "Run '{name}' has no whole epoch yet."),
        ("“a second” for per second", "{n} photos a second"),
        ("“is no”: isn't a", "{file} is no photo."),
        ("a space before %", "{share} % of the photos"),
        ("British spelling", "The colours are normalised."),
    ],
)
def test_a_habit_is_found(habit, text):
    assert _faults({"here": text}, HABITS[habit]) == [f"here: {text}"]


@pytest.mark.parametrize("text", ["Use a whole number from 1 to 9.", "There's no run '{id}'."])
def test_what_is_plain_is_let_through(text):
    assert [habit for habit in HABITS if _faults({"here": text}, HABITS[habit])] == []


@pytest.mark.parametrize(
    "text", ["{name}을 지웁니다.", "‘{name}’가", "**{name}**으로 바꿉니다", "{share:.0%}은"]
)
def test_a_particle_of_one_form_is_found(text):
    assert _PARTICLE_OF_ONE_FORM.search(text)


@pytest.mark.parametrize(
    "text", ["{name}을(를) 지웁니다.", "{n}이상", "다른 것({kind})을", "{share:.0%}는"]
)
def test_a_particle_of_both_forms_is_let_through(text):
    assert not _PARTICLE_OF_ONE_FORM.search(text)


def command_helps() -> Iterator[tuple[str, str]]:
    """Yield every help text of the command line, with the command and flag it belongs to."""

    def walk(command, name: str) -> Iterator[tuple[str, str]]:
        yield name, command.help or ""
        for parameter in command.params:
            yield f"{name} {parameter.name}", getattr(parameter, "help", "") or ""
        for part, each in getattr(command, "commands", {}).items():
            yield from walk(each, f"{name} {part}")

    yield from walk(typer.main.get_command(app), "catdog_core")


def quoted_words(text: str) -> set[str]:
    """Return what stands in curly quotes or in bold."""
    return {word for words in _QUOTED.findall(text) for word in words if word}


def pressed_words(text: str) -> set[str]:
    """Return what a text says to press, as in “press Stop, then Resume”."""
    return {word for words in _PRESSED.findall(text) for word in words if word}


def button_labels() -> set[str]:
    """Return the texts that buttons of the pages are labelled with."""
    labels: set[str] = set()
    for folder in ("catdog_ui", "pages"):
        for path in (translations_tool.PROJECT / folder).rglob("*.py"):
            labels |= _labels_of_a_file(path)
    return labels


def _labels_of_a_file(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assigned: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            assigned.setdefault(node.targets[0].id, set()).update(_translated_texts(node.value))
    labels: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if "button" in name:
            labels |= _translated_texts(node.args[0])
            if isinstance(node.args[0], ast.Name):
                labels |= assigned.get(node.args[0].id, set())
    return labels


def _translated_texts(node: ast.AST) -> set[str]:
    """Return the texts given to `t` or `N_` within an expression."""
    return {
        call.args[0].value
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", "") in ("t", "N_")
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }
