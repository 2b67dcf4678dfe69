"""The Health part of the Data page: findings open their photos; decisions are told and undone."""

import shutil

import fakes
import numpy as np
import pytest

from catdog_core.data import datasets
from catdog_core.data.datasets import PhotoEdit
from catdog_core.imaging import decode
from catdog_ui.data import edit_actions

pytestmark = pytest.mark.usefixtures("workspace")
TRAIN = "train/cats/cat.0001.jpg"


@pytest.fixture
def folder(demo, tmp_path):
    """The demo set, to be spoilt."""
    return shutil.copytree(demo, tmp_path / "pets")


def page(folder, **query):
    app = fakes.open_page("1_Data", dataset=datasets.open_folder(folder).id, part="health", **query)
    assert not app.exception
    return app


def press(app, start):
    """Click the first button whose key begins so."""
    button = next(b for b in app.button if (b.key or "").startswith(start))
    button.click().run()
    assert not app.exception
    return button.label


def dataset():
    return datasets.list_datasets()[0]


def titles(app):
    return [expander.label for expander in app.expander]


def leak(folder):
    copy = folder / "validation/cats/copy.jpg"
    shutil.copy(folder / TRAIN, copy)
    return "validation/cats/copy.jpg"


def spoil(folder, count):
    for n in range(count):
        (folder / f"train/cats/bad{n:03}.jpg").write_bytes(b"no photo %d" % n)


def test_a_sound_dataset_is_told_so(folder):
    app = page(folder)
    assert "All 72 photos are readable" in fakes.joined_text(app.success)


def test_a_leak_shows_both_photos_and_one_click_keeps_the_training_copy(folder):
    copy = leak(folder)
    app = page(folder)
    assert "Duplicates across splits (1)" in titles(app)
    shown = " ".join(html.value for html in app.get("html"))
    assert "cat.0001.jpg\ncats · Training" in shown and "copy.jpg\ncats · Validation" in shown
    assert press(app, "only_") == "Keep training copy"
    assert dataset().excluded == (copy,)
    assert "Duplicates across splits (1)" not in titles(app)
    assert "Excluded **validation/cats/copy.jpg**" in fakes.joined_text(app.markdown)
    assert (folder / copy).is_file()


def test_what_was_decided_is_undone_by_one_click(folder):
    leak(folder)
    app = page(folder)
    press(app, "only_")
    press(app, "decision_undo")
    assert dataset().excluded == ()
    assert "Duplicates across splits (1)" in titles(app)
    assert "Undone: " in fakes.joined_text(app.info)


def test_an_opened_kind_stays_open_when_its_count_changes(folder):
    leak(folder)
    spoil(folder, 2)
    app = page(folder)
    app.session_state[f"health_leak_{dataset().id}"] = True
    app.run()
    press(app, "exclude_")
    assert "Unreadable files (1)" in titles(app)
    assert [b for b in app.button if (b.key or "").startswith("only_")]
    press(app, "exclude_")
    assert [b for b in app.button if (b.key or "").startswith("only_")]


def test_a_kept_finding_is_told_no_more_though_the_fingerprint_is_the_same(folder):
    spoil(folder, 1)
    app = page(folder)
    before = dataset().fingerprint
    press(app, "keep_")
    assert dataset().fingerprint == before
    assert "Unreadable files (1)" not in titles(app)


def test_photos_are_moved_and_relabelled_from_the_menu(folder):
    leak(folder)
    app = page(folder)
    menu = next(m for m in app.menu_button if "copy" not in (m.key or ""))
    menu.click(PhotoEdit(TRAIN, "move", "test")).run()
    assert not app.exception
    assert dataset().counts()["test"] == {"cats": 1, "dogs": 0}
    app.menu_button[0].click(PhotoEdit(TRAIN, "relabel", "dogs")).run()
    assert "Relabeled **train/cats/cat.0001.jpg** as dogs" in fakes.joined_text(app.markdown)


def test_many_unreadable_files_are_paged_and_excluded_at_once(folder):
    spoil(folder, 45)
    app = page(folder)
    assert sum((b.key or "").startswith("exclude_") for b in app.button) == 20
    app.pagination[0].set_value(3).run()
    assert sum((b.key or "").startswith("exclude_") for b in app.button) == 5
    assert press(app, "all_out_unreadable") == "Exclude all 45"
    assert len(dataset().excluded) == 45
    assert "Unreadable files" not in " ".join(titles(app))


def test_a_choice_that_empties_a_class_is_refused_in_a_sentence(folder):
    for path in sorted(folder.glob("validation/cats/*"))[1:]:
        path.unlink()
    last = next(folder.glob("validation/cats/*"))
    last.write_bytes(b"no photo")
    app = page(folder)
    press(app, "exclude_")
    assert "validation would have no photos of cats" in fakes.joined_text(app.error)
    assert dataset().changes == ()


def test_all_decisions_are_listed_and_an_excluded_photo_is_restored(folder):
    opened = datasets.open_folder(folder)
    datasets.edit_photos(opened.id, [PhotoEdit(TRAIN, "exclude")])
    app = page(folder)
    app.session_state[f"decisions_{opened.id}"] = True
    app.run()
    assert "Changes (1)" in titles(app)
    press(app, "restore_")
    assert dataset().excluded == ()


def test_a_group_under_two_labels_is_settled_by_naming_the_class(folder):
    shutil.copy(folder / TRAIN, folder / "train/dogs/stray.jpg")
    app = page(folder)
    assert press(app, "only_0_") == "Keep one as cats"
    assert dataset().excluded == ("train/dogs/stray.jpg",)


def test_of_copies_the_largest_stays(folder):
    photo = decode.decode_photo((folder / TRAIN).read_bytes())
    large = np.repeat(np.repeat(photo, 2, axis=0), 2, axis=1)
    (folder / "train/cats/large.png").write_bytes(decode.encode_photo(large, "png"))
    app = page(folder)
    press(app, "only_")
    assert dataset().excluded == (TRAIN,)


def test_decisions_in_force_forget_what_was_restored_or_divided_anew(folder):
    name = datasets.open_folder(folder).id
    datasets.edit_photos(
        name, [PhotoEdit(TRAIN, "move", "test"), PhotoEdit("train/dogs/dog.0001.jpg", "keep")]
    )
    assert len(edit_actions.list_active_edits(dataset())) == 2
    datasets.resplit(name)
    assert list(edit_actions.list_active_edits(dataset())) == ["train/dogs/dog.0001.jpg"]
    datasets.edit_photos(name, [PhotoEdit("train/dogs/dog.0001.jpg", "restore")])
    assert edit_actions.list_active_edits(dataset()) == {}
