"""Split and labels on the Data page: divided anew, counted in another order, told by class mode."""

import fakes
import numpy as np
import pytest

from catdog_core.data import datasets, synthetic
from catdog_core.imaging import decode
from catdog_ui.data import split_view

pytestmark = pytest.mark.usefixtures("workspace")


def page(folder, part="split"):
    app = fakes.open_page("1_Data", dataset=datasets.open_folder(folder).id, part=part)
    assert not app.exception
    return app


def press(app, key):
    app.button(key).click().run()
    assert not app.exception


def dataset():
    return datasets.list_datasets()[0]


def table(app):
    """The split's table: a row a class, a column a split."""
    return next(d.value for d in app.dataframe if d.value.iloc[-1, 0] == "All")


@pytest.fixture
def three(tmp_path):
    """Three classes of eight photos each."""
    rng = np.random.default_rng(0)
    for name in ("ants", "bees", "wasps"):
        (tmp_path / "three" / name).mkdir(parents=True)
        for n in range(8):
            photo = rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)
            (tmp_path / "three" / name / f"{n}.jpg").write_bytes(decode.encode_photo(photo))
    return tmp_path / "three"


def test_the_photos_are_divided_anew_and_back(demo):
    app = page(demo)
    app.slider("split_validation").set_value(20)
    app.slider("split_test").set_value(10)
    app.number_input("split_seed").set_value(3)
    press(app, "split_divide")
    counts = dataset().counts()
    assert counts["test"] == {"cats": 4, "dogs": 4}
    assert list(table(app)["Validation (19%)"]) == ["12 → 7", "12 → 7", "24 → 14"]
    assert "seed 3, 20% validation" in fakes.joined_text(app.markdown)
    press(app, "decision_undo")
    assert "test" not in dataset().counts()


def test_a_division_that_cannot_be_is_refused_in_a_sentence(tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / "few" / name).mkdir(parents=True)
        for n in range(2):
            photo = synthetic.draw_pet(0, 64, np.random.default_rng(n + 10 * len(name)))
            photo.save(tmp_path / "few" / name / f"{name}{n}.png")
    app = page(tmp_path / "few")
    app.slider("split_test").set_value(20)
    press(app, "split_divide")
    assert "at least 3" in fakes.joined_text(app.error)


def test_two_classes_swap_their_numbers(demo):
    app = page(demo)
    assert "**0** = cats" in fakes.joined_text(app.markdown)
    press(app, "labels_swap")
    assert dataset().classes == ("dogs", "cats")
    assert "**0** = dogs" in fakes.joined_text(app.markdown)
    press(app, "labels_sort")
    assert dataset().classes == ("cats", "dogs")


def test_a_class_of_several_gets_the_number_wanted(three):
    app = page(three)
    app.selectbox("labels_class").set_value(2).run()
    press(app, "labels_set")
    assert dataset().classes == ("wasps", "ants", "bees")


def test_each_class_mode_shows_its_array_layer_and_loss(demo):
    app = page(demo)
    code = fakes.joined_text(app.code)
    assert "(6, 2)" in code and code.count("(6,)") == 2
    assert 'Dense(1, activation="sigmoid")\nloss="binary_crossentropy"' in code
    assert 'Dense(2, activation="softmax")\nloss="sparse_categorical_crossentropy"' in code


def test_three_classes_have_no_binary_mode_and_are_told_why(three):
    app = page(three)
    assert "only two classes apart. This dataset has 3" in fakes.joined_text(app.info)
    assert "sigmoid" not in fakes.joined_text(app.code)


def test_the_sample_takes_turns_among_the_classes(three):
    drawn = split_view.sample_photos(datasets.open_folder(three))
    assert sorted(item.label for item in drawn) == [0, 0, 1, 1, 2, 2]


def test_only_the_part_in_the_address_is_worked_out(demo):
    app = page(demo, part="race")
    assert [b.key for b in app.button if b.key == "race_start"]
    assert not [b for b in app.button if b.key in ("new_batch", "health_check")]
    app = page(demo, part="no such part")
    assert app.button("new_batch")


def test_a_part_that_is_opened_is_kept_in_the_address(demo):
    app = page(demo)
    app.segmented_control("tab_part").set_value("health").run()
    assert not app.exception
    assert app.query_params["part"] in ("health", ["health"])
