"""What the Learn page teaches: complete, true to the class notes, and right in its sums."""

import math
import re
from pathlib import Path

import fakes
import numpy as np
import pytest

from catdog_core import runs
from catdog_core.augmentation import augment
from catdog_core.augmentation.augment import Transform
from catdog_core.config import PRESETS, RECIPES, Augmentation, Training
from catdog_core.data import datasets
from catdog_core.learn import example_histories, numpy_ops, run_facts
from catdog_core.learn.curriculum import (
    BEYOND_NOTES,
    CHAPTERS,
    EXPRESS,
    NOTES_STATEMENTS,
    SECTIONS,
    find_chapter,
)
from catdog_core.learn.glossary import TERMS
from catdog_core.models import architecture
from tests.conftest import SHARED

NOTES = SHARED / "NOTES.md"
SAID = {
    1: ("100,000", "1,000 to 10,000"),
    2: ("ImageDataGenerator", "I/O latency"),
    3: ("TFRecord", "laborious"),
    4: ("rescale=1/255", "another for validation"),
    5: ("classes=['cats', 'dogs']", "target_size=(150, 150)", "alphabetical", "at random"),
    6: ("binary", "categorical", "sparse_categorical", "one-hot"),
    7: ("(20, 150, 150, 3)", "(20,)", "break"),
    8: ("4 × 5",),
    9: ("3 × 3", "32", "64", "128", "2 × 2", "36,992", "130,241", "Dropout(0.5)", "sigmoid", "512"),
    10: ("Adam", "1e-4", "cross-entropy", "Accuracy"),
    11: ("steps_per_epoch=100", "validation_steps=50", "50 epochs", "validation_split"),
    12: ("0.4929", "0.7521", "0.5377", "0.7170", "20 seconds", "199 ms"),
    13: ("model.save('cat_dog_small_cnn_tf2.4.h5')",),
    14: ("history.history", "red", "blue", "accuracy on the left", "loss on the right"),
    15: ("rotation_range=20", "0.1", "both flips", "usual remedy", "overfitting"),
    16: ("20 times", "4 × 5"),
    17: ("only training photos are changed",),
    18: ("1e-3", "50 steps", "25 validation steps", "50 epochs", "two plots"),
}
"""What must be said of each statement of the class, in one of its sections."""


def told(statement):
    return " ".join(SECTIONS[name].text for name in NOTES_STATEMENTS[statement])


@pytest.mark.parametrize("statement", SAID)
def test_every_statement_of_the_class_is_retold(statement):
    for fact in SAID[statement]:
        assert fact in told(statement), fact


def test_no_statement_is_left_out_and_no_section_stands_without_one():
    assert set(NOTES_STATEMENTS) == set(SAID)
    retold = {name for names in NOTES_STATEMENTS.values() for name in names}
    assert retold | set(BEYOND_NOTES) == set(SECTIONS) and not retold & set(BEYOND_NOTES)
    assert sum(len(sections) for _, sections in CHAPTERS.values()) == len(SECTIONS)
    if NOTES.is_file():
        numbered = re.findall(r"^(\d+)\. ", NOTES.read_text("utf-8"), re.M)
        assert [int(number) for number in numbered] == list(NOTES_STATEMENTS)


def test_sections_are_retold_not_copied():
    if not NOTES.is_file():
        pytest.skip("the class notes are not beside this checkout")
    notes = re.sub(r"[`*]", "", NOTES.read_text("utf-8"))
    sentences = [s.strip() for s in re.split(r"(?<=[.:;])\s", notes) if len(s.split()) > 6]
    every = re.sub(r"[`*]", "", " ".join(section.text for section in SECTIONS.values()))
    assert not [sentence for sentence in sentences if sentence in every]


def test_each_section_has_a_way_to_see_it_terms_and_one_to_three_questions():
    for section in SECTIONS.values():
        assert section.demo_links and 1 <= len(section.questions) <= 3, section.id
        assert set(section.terms) <= set(TERMS)
        assert find_chapter(section.id) in CHAPTERS


def test_the_express_path_comes_first_and_takes_ten_minutes():
    sections = next(iter(CHAPTERS.values()))[1]
    assert sections is CHAPTERS[EXPRESS][1] and len(sections) == 8
    words = sum(len(f"{section.title} {section.text}".split()) for section in sections)
    questions = [question for section in sections for question in section.questions]
    asked = sum(len(" ".join((q.text, *q.options)).split()) for q in questions)
    assert len(questions) == 10
    # 200 words a minute, and half a minute for each question and its answer
    assert (words + asked) / 200 + len(questions) / 2 < 10
    assert words <= 600


def test_no_section_needs_a_word_that_a_later_one_teaches():
    order = list(SECTIONS)
    names = {
        term_id: re.sub(r" \(.*\)", "", term.name).casefold().split(", ")[0]
        for term_id, term in TERMS.items()
        if term_id != "validation"  # explained where the curves of overfitting are
    }
    for section in SECTIONS.values():
        text = all_text(section).casefold()
        for term_id, name in names.items():
            if order.index(TERMS[term_id].section) > order.index(section.id):
                assert not re.search(rf"\b{re.escape(name)}(s|es)?\b", text), (section.id, name)
        for term_id in section.terms:
            assert order.index(TERMS[term_id].section) <= order.index(section.id), section.id


def all_text(section):
    texts = [section.title, section.text]
    for question in section.questions:
        texts += [question.text, *question.options, question.explanation]
        texts += [example.text for example in question.examples]
    return " ".join(texts)


EXAMPLE_FACTS = example_histories.collect_example_facts()
NUMBER = r"\d(?:[\d,]*\d)?(?:\.\d+)?"
SUM = re.compile(rf"(?:−ln [\d.]+|[\d(][\d ,.()×/+−]*) = {NUMBER}")
"""Such as 600 / 20 = 30 or −ln 0.5 = 0.69."""


def evaluate(text):
    """The value of an arithmetic text such as "64 × (3 × 3 × 32 + 1)" or "−ln 0.5"."""
    if text.startswith("−ln "):
        return -math.log(float(text[4:]))
    plain = text.replace(",", "").replace("×", "*").replace("−", "-")
    assert re.fullmatch(r"[\d\s.()*/+-]+", plain), text
    return eval(plain)


def all_questions():
    return [
        pytest.param(question, id=f"{section.id}-{number}")
        for section in SECTIONS.values()
        for number, question in enumerate(section.questions)
    ]


@pytest.mark.parametrize("question", all_questions())
def test_sums_in_explanations_come_out(question):
    for sides in SUM.finditer(question.explanation):
        left, right = sides[0].split(" = ")
        stated = float(right.replace(",", ""))
        digits = len(right.partition(".")[2])
        assert round(evaluate(left), digits) == stated, sides[0]


COUNTED_ELSEWHERE = {
    "17 × 17 × 128 = 36,992": {"36,993"},  # the last layer's parameters
    "1 / 1.1": {"91"},
    "The 1 is the bias": {"1"},
    "the course's 2,000 photos": {"2,000"},
    "e⁰ is 1": {"1"},
    "They get 0 and dogs get 1": {"0", "1"},
    "0.1 is the probability of class 1": {"0.1", "1", "0"},
    "The actual class gets the 1": {"1"},
    "One-hot needs 100": {"100"},
    "fit values from 0 to 1": {"0", "1"},
    "Dropout sets some to 0": {"0"},
    "An upside-down 6": {"6", "9"},
}
"""Numbers of explanations outside a sum: names of classes, repeated from the question, or tested
below; by a part of the explanation that has them."""


@pytest.mark.parametrize("question", all_questions())
def test_every_number_of_an_explanation_is_computed_or_known(question):
    rest = re.sub(r"\{[^}]*\}", "", question.explanation)
    rest = SUM.sub("", rest)
    known = {
        n for part, ns in COUNTED_ELSEWHERE.items() if part in question.explanation for n in ns
    }
    assert set(re.findall(NUMBER, rest)) <= known


def test_numbers_that_explanations_name_are_the_networks():
    rows = architecture.list_model_layers("notes")
    parameters = [row.parameters for row in rows if row.parameters]
    assert parameters == [896, 18_496, 73_856, 36_993]
    assert architecture.count_parameters(rows) == 130_241
    assert (36_992,) in [row.output_shape for row in rows]
    assert round(100 / 1.1) == 91 and Training().steps(2000) * 20 == 2000


@pytest.mark.parametrize("question", all_questions())
def test_answers_of_a_question_differ_and_so_do_their_values(question):
    assert 0 <= question.correct < len(question.options)
    assert len(set(question.options)) == len(question.options)
    values = [
        evaluate(option) for option in question.options if re.fullmatch(r"[\d\s,.×]+", option)
    ]
    assert len(set(values)) == len(values)


@pytest.mark.parametrize(
    ("section", "number", "value"),
    [
        ("photo-array", 0, 150 * 150 * 3),
        ("pooling", 0, max(3, 9, 1, 4)),
        ("network", 1, 18_496),
        ("network", 2, 36_992),
        ("steps", 0, 600 // 20),
        ("steps", 1, 50 * 20),
        ("rescale", 0, 51 / 255),
        ("sigmoid", 1, numpy_ops.sigmoid(0)),
        ("loss", 1, round(numpy_ops.cross_entropy(0.5), 2)),
    ],
)
def test_the_marked_number_is_the_right_one(section, number, value):
    question = SECTIONS[section].questions[number]
    assert evaluate(question.options[question.correct]) == pytest.approx(value)


def test_what_buttons_set_are_settings_that_exist():
    for section in SECTIONS.values():
        for show in section.demo_links:
            recipe = RECIPES[show.training.get("model", "notes")].training
            Training(**{**recipe.model_dump(), **show.training})
            Augmentation(**(show.augmentation or {}))


def test_the_notes_augmentation_of_the_sections_is_the_preset():
    show = SECTIONS["augmentation"].demo_links[0]
    assert PRESETS["none"].model_copy(update=dict(show.augmentation)) == PRESETS["notes"]


def tell(section, number, facts, source="run"):
    """What a question says of these numbers, as the page chooses it."""
    for example in SECTIONS[section].questions[number].examples:
        if example.source == source and example.holds(facts):
            return example.text.format(**facts)
    return ""


def run_facts_of(name, **settings):
    return run_facts.collect_run_facts(runs.load_run(fakes.make_run(name, **settings)))


def test_explanations_and_examples_have_all_their_fields(workspace, demo):
    dataset_facts = run_facts.collect_dataset_facts(datasets.open_folder(demo))
    facts = {"dataset": dataset_facts, "run": run_facts_of("one", learning_rate=0.01)}
    for section in SECTIONS.values():
        for question in section.questions:
            assert "{" not in question.explanation.format(**EXAMPLE_FACTS)
            for example in question.examples:
                assert example.holds(facts[example.source]) in (True, False)
                assert "{" not in example.text.format(**facts[example.source])


def test_numbers_are_the_learners_own(workspace, demo):
    own = run_facts_of("one", epochs=2, batch_size=40)
    assert (own["steps"], own["updates"], own["shown"]) == (5, 10, 200)
    assert own["val_accuracy"] == fakes.METRIC_ROWS[1]["val_accuracy"]
    photos = run_facts.collect_dataset_facts(datasets.open_folder(demo))
    assert (photos["photos"], photos["validation_photos"]) == (48, 24)


def test_steps_are_told_as_the_run_really_had_them(workspace):
    assert "200 / 20 = 10." in tell("steps", 0, run_facts_of("even", batch_size=20))
    assert "rounded up to 7" in tell("steps", 0, run_facts_of("odd", batch_size=32))
    few = tell("steps", 0, run_facts_of("few", batch_size=20, steps_per_epoch=5))
    assert "5 steps" in few and "10" in few and "=" not in few


def test_a_lead_of_validation_is_told_only_of_a_run_that_has_it(workspace):
    assert "2.0 percentage points" in tell("validation-above", 0, run_facts_of("b", epochs=2))
    assert not tell("validation-above", 0, run_facts_of("c", epochs=3))


def test_a_diverged_run_is_told_nothing_of_numbers_it_lacks(workspace):
    folder = fakes.make_run("wild", epochs=1)
    (folder / "metrics.jsonl").write_text('{"epoch": 0, "loss": NaN, "accuracy": null}\n')
    facts = run_facts.collect_run_facts(runs.load_run(folder))
    assert math.isnan(facts["loss"]) and math.isnan(facts["gap"])
    for section in ("overfitting", "loss", "result", "twin", "validation-above"):
        for number in range(len(SECTIONS[section].questions)):
            assert "nan" not in tell(section, number, facts)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("plain", "overfitting"), ("augmented", "healthy"), ("slow", "underfitting")],
)
def test_recorded_trainings_show_what_they_stand_for(name, kind):
    example = example_histories.load_examples()[name]
    assert example.diagnose().kind == kind
    assert [row["epoch"] for row in example.rows] == list(range(len(example.rows)))


def test_claims_of_explanations_hold_in_the_recorded_trainings():
    facts = EXAMPLE_FACTS
    assert facts["plain_end"] > facts["plain_lowest"] and facts["plain_best"] > 1
    assert facts["ahead_val_accuracy"] > facts["ahead_accuracy"]
    assert abs(facts["slow_accuracy"] - 0.5) < 0.1 and abs(facts["slow_val_accuracy"] - 0.5) < 0.1
    last = example_histories.load_examples()["augmented"].rows[-1]
    assert facts["plain_gap"] > 100 * (last["accuracy"] - last["val_accuracy"])


def test_a_zoom_factor_above_one_makes_the_picture_smaller():
    photo = np.zeros((50, 50, 3), np.uint8)
    photo[15:35, 15:35] = 255
    for factor, smaller in ((1.25, True), (0.8, False)):
        changed = augment.apply_transform(photo, Transform(zx=factor, zy=factor))
        assert (changed[..., 0] > 127).sum() < 400 if smaller else (changed > 127).sum() > 1200
    moved = augment.apply_transform(photo, Transform(shift_x=-5))
    assert moved[25, 36, 0] == 255 and moved[25, 16, 0] == 0  # to the right, as the demo says


def test_a_tiny_network_learns_from_any_random_start():
    for seed in range(10):
        history = numpy_ops.train_tiny_network(40, seed)
        assert history[-1].loss < min(0.4, history[0].loss)
    start = numpy_ops.train_tiny_network(0, 3)[0]
    step = numpy_ops.train_tiny_network(1, 3, rate=1e-4)[1]
    change = 1e-4 * (start.weight_gradient**2 + start.bias_gradient**2)
    assert start.loss - step.loss == pytest.approx(change, rel=0.01)


def test_terms_lead_to_sections_and_say_one_or_two_sentences():
    for name, term in TERMS.items():
        assert term.section in SECTIONS, name
        assert term.meaning.endswith(".") and term.meaning.count(". ") <= 1, name


def test_convolution_by_hand_is_opencvs():
    import cv2

    image = np.random.default_rng(0).random((9, 11))
    for name, (_, kernel) in numpy_ops.KERNELS.items():
        full = cv2.filter2D(image, cv2.CV_64F, np.array(kernel, dtype=np.float64))
        assert np.allclose(numpy_ops.convolve(image, name), full[1:-1, 1:-1])


def test_pooling_keeps_the_largest_and_leaves_an_odd_rim_out():
    values = np.array([[3.0, 9, 5], [1, 4, 7], [8, 8, 8]])
    assert numpy_ops.max_pool(values).tolist() == [[9.0]]
    shapes = [
        row.output_shape for row in architecture.list_model_layers("notes") if row.kind != "Dense"
    ]
    assert numpy_ops.max_pool(numpy_ops.convolve(np.zeros((150, 150)), "blur")).shape == (74, 74)
    assert (148, 148, 32) in shapes and (74, 74, 32) in shapes


def test_sigmoid_and_softmax_of_two_agree():
    for score in (-3.0, 0.0, 1.5):
        assert numpy_ops.softmax((0.0, score))[1] == pytest.approx(numpy_ops.sigmoid(score))
    assert sum(numpy_ops.softmax((1.0, 700.0, -700.0))) == pytest.approx(1)
    assert numpy_ops.cross_entropy(0.5) == pytest.approx(0.6931, abs=1e-4)


def test_dropout_drops_its_share_and_keeps_the_mean():
    left = numpy_ops.apply_dropout(np.ones(36_992), 0.5, seed=1)
    assert (left == 0).mean() == pytest.approx(0.5, abs=0.02)
    assert left.mean() == pytest.approx(1, abs=0.03)


def test_descent_arrives_with_a_fitting_rate_and_leaves_with_one_too_large():
    assert abs(numpy_ops.gradient_descent(0.2)[-1]) < 0.01
    assert abs(numpy_ops.gradient_descent(1.02)[-1]) > 0.9


def test_batches_of_an_epoch_show_each_photo_once_and_never_end():
    first = [n for number in (1, 2, 3) for n in numpy_ops.batch_indices(50, 20, number)]
    assert sorted(first) == list(range(50))
    again = [n for number in (4, 5, 6) for n in numpy_ops.batch_indices(50, 20, number)]
    assert sorted(again) == list(range(50)) and again != first
    assert len(numpy_ops.batch_indices(50, 20, 3000)) == 10


def test_terms_that_pages_explain_are_in_the_glossary():
    used_terms = set()
    for path in (Path(__file__).parents[1] / "catdog_ui").rglob("*.py"):
        for call in re.findall(r"\bshow_terms\((\"[^)]*)\)", path.read_text("utf-8")):
            used_terms |= set(re.findall(r'(?<!=)"([\w-]+)"', call))
    assert len(used_terms) > 20
    assert used_terms <= set(TERMS)
