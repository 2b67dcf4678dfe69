"""Korean particles fit the word that a field is filled with."""

import pytest

from catdog_core.base.korean_particles import final_consonant, format_korean
from catdog_core.base.report_language import get_translator

OBJECT, SUBJECT, TOPIC, WITH = "을(를)", "이(가)", "은(는)", "과(와)"
CASES = [
    # Hangul: by the last syllable
    ("사진", OBJECT, "사진을"),
    ("고양이", OBJECT, "고양이를"),
    ("모델", OBJECT, "모델을"),
    ("개", SUBJECT, "개가"),
    ("실험", SUBJECT, "실험이"),
    ("검증 세트", TOPIC, "검증 세트는"),
    ("학습", TOPIC, "학습은"),
    ("개", WITH, "개와"),
    ("손실", WITH, "손실과"),
    ("서울", "(으)로", "서울로"),
    ("폴더", "(으)로", "폴더로"),
    ("작업 공간", "(으)로", "작업 공간으로"),
    ("고양이", "(이)라고", "고양이라고"),
    ("말", "(이)라고", "말이라고"),
    ("파일", "(이)나", "파일이나"),
    ("휴지통", "를(을)", "휴지통을"),
    ("의자", "가(이)", "의자가"),
    ("의자", "는(은)", "의자는"),
    ("의자", "와(과)", "의자와"),
    ("\u1100\u1162", OBJECT, "\u1100\u1162를"),  # 개, decomposed as macOS stores names
    ("\u1106\u1161\u11af", "(으)로", "\u1106\u1161\u11af로"),  # 말
    # digits: 영 일 이 삼 사 오 육 칠 팔 구, 십 백 천 만 억 조
    (0, SUBJECT, "0이"),
    (1, OBJECT, "1을"),
    (1, "(으)로", "1로"),
    (2, OBJECT, "2를"),
    (3, "(으)로", "3으로"),
    (4, TOPIC, "4는"),
    (5, WITH, "5와"),
    (6, "(으)로", "6으로"),
    (7, "(으)로", "7로"),
    (8, SUBJECT, "8이"),
    (9, OBJECT, "9를"),
    (10, "(으)로", "10으로"),
    (200, OBJECT, "200을"),
    ("3,000", TOPIC, "3,000은"),
    (20_000, WITH, "20000과"),
    (1_000_000_000_000, SUBJECT, "1000000000000가"),
    (0.5, "(으)로", "0.5로"),
    ("1e-4", OBJECT, "1e-4를"),
    ("80%", TOPIC, "80%는"),
    ("80%", "(으)로", "80%로"),
    ("45°", OBJECT, "45°를"),
    # Latin letters: abbreviations letter by letter, words by rule of thumb
    ("CNN", SUBJECT, "CNN이"),
    ("URL", "(으)로", "URL로"),
    ("ROC", OBJECT, "ROC를"),
    ("cat.1.jpg", OBJECT, "cat.1.jpg를"),
    ("index.html", OBJECT, "index.html을"),
    ("table.csv", "(으)로", "table.csv로"),
    ("settings.json", "(으)로", "settings.json으로"),
    ("photos.zip", OBJECT, "photos.zip을"),
    ("model.keras", "(으)로", "model.keras로"),
    ("cats", TOPIC, "cats는"),
    ("dogs", "(이)라고", "dogs라고"),
    ("cat", SUBJECT, "cat이"),
    ("dog", SUBJECT, "dog가"),
    ("notes", OBJECT, "notes를"),
    ("compact", OBJECT, "compact를"),
    ("transfer", "(으)로", "transfer로"),
    ("training", OBJECT, "training을"),
    ("Adam", "(으)로", "Adam으로"),
    ("Muon", OBJECT, "Muon을"),
    ("profile", "(으)로", "profile로"),
    ("pipeline", OBJECT, "pipeline을"),
    ("image", OBJECT, "image를"),
    ("MobileNetV2", OBJECT, "MobileNetV2를"),
    # what closes a word is passed over
    ("“고양이”", OBJECT, "“고양이”를"),
    ("**사진**", TOPIC, "**사진**은"),
    ("`run`", SUBJECT, "`run`이"),
    ("고양이(12장)", OBJECT, "고양이(12장)를"),
    ("사진 (사본)", OBJECT, "사진 (사본)을"),
    # not known: both stay
    ("🐱", OBJECT, "🐱을(를)"),
    ("猫", SUBJECT, "猫이(가)"),
    ("", OBJECT, "을(를)"),
]


@pytest.mark.parametrize(("value", "particle", "expected"), CASES)
def test_the_particle_fits_the_value(value, particle, expected):
    assert format_korean("{value}" + particle, {"value": value}) == expected


def test_markup_of_the_text_around_a_field_is_passed_over():
    text = "**{a}**은(는) ‘{b}’(으)로, {n:,}장이(가) 아니라 `{c}`을(를)"
    values = {"a": "run 3", "b": "자물쇠", "n": 1200, "c": "x.keras"}
    assert format_korean(text, values) == ("**run 3**은 ‘자물쇠’로, 1,200장이 아니라 `x.keras`를")


def test_what_a_value_brings_along_stays_as_it_is():
    assert format_korean("{name}을(를)", {"name": "을(를) 사진"}) == "을(를) 사진을"


def test_braces_and_formats_mean_what_they_mean_to_str_format():
    assert format_korean("{{{x:.1%}}}{y!r:>5}", {"x": 0.5, "y": "a"}) == "{50.0%}  'a'"


@pytest.mark.parametrize("text", ["사진 ", "사진*", "(사진"])
def test_the_last_sound_is_that_of_the_last_letter(text):
    assert final_consonant(text) not in (None, "", "ㄹ")


def test_a_translation_is_said_with_the_particle_that_fits():
    from catdog_ui import translations_tool

    known = translations_tool.read_translations("ko")
    texts = [text for text, korean in known.items() if _only_field(korean, "{name}을(를)")]
    assert texts
    for text in texts:
        assert "고양이를" in get_translator("ko")(text, name="고양이")


def _only_field(korean, marker):
    return marker in korean and korean.count("{") == 1
