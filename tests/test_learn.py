"""What the Learn page teaches: complete, true to the class notes, and right in its sums."""

import re
from pathlib import Path

import fakes
import numpy as np
import pytest

from catdog_core import runs
from catdog_core.config import PRESETS, RECIPES, Augmentation, Training
from catdog_core.data import datasets
from catdog_core.learn import numpy_ops, run_facts
from catdog_core.learn.curriculum import CHAPTERS, NOTES_STATEMENTS, SECTIONS, find_chapter
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
    14: ("history.history", "red", "blue", "accuracy left", "loss right", "overfitting"),
    15: ("rotation_range=20", "0.1", "both flips", "usual remedy"),
    16: ("20 times", "4 × 5"),
    17: ("only training photos are changed",),
    18: ("1e-3", "50 steps", "25 in validation", "50 epochs", "two plots"),
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
    assert {name for names in NOTES_STATEMENTS.values() for name in names} == set(SECTIONS)
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


def test_each_section_has_two_to_four_sentences_a_way_to_see_it_and_two_or_three_questions():
    for section in SECTIONS.values():
        sentences = re.findall(r"[.?](?:\s|$)", re.sub(r"`[^`]*`", "", section.text))
        assert 2 <= len(sentences) <= 5, section.id
        assert section.demo_links and 2 <= len(section.questions) <= 3
        assert set(section.terms) <= set(TERMS)
        assert find_chapter(section.id) in CHAPTERS


def test_what_buttons_set_are_settings_that_exist():
    for section in SECTIONS.values():
        for show in section.demo_links:
            recipe = RECIPES[show.training.get("model", "notes")].training
            Training(**{**recipe.model_dump(), **show.training})
            Augmentation(**(show.augmentation or {}))


def test_the_notes_augmentation_of_the_sections_is_the_preset():
    show = SECTIONS["augmentation"].demo_links[0]
    assert PRESETS["none"].model_copy(update=dict(show.augmentation)) == PRESETS["notes"]


def test_explanations_can_be_told_with_any_runs_numbers(workspace, demo):
    dataset, run = (
        datasets.open_folder(demo),
        runs.load_run(fakes.make_run("one", learning_rate=0.01)),
    )
    for facts in (
        run_facts.collect_run_facts(None, None),
        run_facts.collect_run_facts(dataset, run),
    ):
        for section in SECTIONS.values():
            for question in section.questions:
                assert 0 <= question.correct < len(question.options)
                assert "{" not in question.explanation.format(**facts)


def test_numbers_are_the_runs_own_and_else_the_notes(workspace, demo):
    notes = run_facts.collect_run_facts(None, None)
    assert (notes["steps"], notes["validation_steps"], notes["parameters"]) == (100, 50, 130_241)
    own = run_facts.collect_run_facts(
        None, runs.load_run(fakes.make_run("one", epochs=2, batch_size=40))
    )
    assert (own["steps"], own["updates"], own["shown"]) == (5, 10, 200)
    assert own["val_accuracy"] == fakes.METRIC_ROWS[1]["val_accuracy"]
    dataset_facts = run_facts.collect_run_facts(datasets.open_folder(demo), None)
    assert (dataset_facts["photos"], dataset_facts["validation_photos"]) == (48, 24)


def test_a_diverged_run_gives_numbers_all_the_same(workspace):
    folder = fakes.make_run("wild", epochs=1)
    (folder / "metrics.jsonl").write_text('{"epoch": 0, "loss": NaN, "accuracy": null}\n')
    assert run_facts.collect_run_facts(None, runs.load_run(folder))["loss"] == pytest.approx(0.4929)


def test_terms_lead_to_sections_and_say_one_sentence():
    for name, term in TERMS.items():
        assert term.section in SECTIONS, name
        assert term.meaning.endswith(".") and term.meaning.count(". ") == 0, name


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
