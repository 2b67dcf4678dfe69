"""How sure a model is, and the archive of photos sorted by what it says."""

import io
import zipfile
from math import exp, log

import pytest

from catdog_core.analysis import uncertainty


def names(photos, classes=("cats", "dogs")):
    with zipfile.ZipFile(io.BytesIO(uncertainty.zip_by_label(photos, classes))) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def test_entropy_is_told_in_bits():
    assert uncertainty.entropy((1.0, 0.0)) == 0
    assert uncertainty.entropy((0.5, 0.5)) == 1
    assert uncertainty.entropy((0.25,) * 4) == pytest.approx(2)
    assert uncertainty.entropy((0.9, 0.1)) == pytest.approx(0.469, abs=1e-3)


def test_energy_is_minus_the_log_sum_of_exponentials():
    assert uncertainty.energy([0.0, 0.0]) == pytest.approx(-log(2))
    assert uncertainty.energy([3.0, 1.0, -2.0]) == pytest.approx(-log(exp(3) + exp(1) + exp(-2)))
    assert uncertainty.energy([1000.0, 0.0]) == -1000  # no overflow
    # Known photos have large scores, and so a lower energy at the same probabilities.
    assert uncertainty.energy([9.0, 8.0]) < uncertainty.energy([1.0, 0.0])


def test_a_single_score_has_the_energy_of_two_that_differ_by_it():
    assert uncertainty.energy([2.0]) == pytest.approx(uncertainty.energy([-1.0, 1.0]))
    assert uncertainty.energy([2.0]) == uncertainty.energy([-2.0]) < uncertainty.energy([0.5])


def test_a_photo_is_unsure_below_the_threshold_not_at_it():
    assert uncertainty.is_unsure((0.79, 0.21), 0.8)
    assert not uncertainty.is_unsure((0.2, 0.8), 0.8)


def test_photos_lie_in_the_folders_of_their_labels():
    photos = [("a.jpg", "cats", b"1"), ("b.jpg", "dogs", b"2"), ("c.jpg", None, b"3")]
    assert names(photos) == ["cats/a.jpg", "dogs/b.jpg", "unsure/c.jpg"]


def test_files_of_one_name_are_all_kept():
    photos = [("x/a.jpg", "cats", b"1"), ("y/A.jpg", "cats", b"2"), ("a.jpg", "dogs", b"3")]
    assert names(photos) == ["cats/a.jpg", "cats/A (2).jpg", "dogs/a.jpg"]


def test_a_class_called_unsure_has_a_folder_of_its_own():
    paths = names([("a.jpg", "unsure", b""), ("a.jpg", None, b"")], ["unsure", "dogs"])
    assert paths == ["unsure (2)/a.jpg", "unsure/a.jpg"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\..\\evil.jpg", "..", "a\x00.jpg", ""])
def test_no_name_leads_out_of_its_folder(name):
    (path,) = names([(name, "../cats", b"")], ["../cats", "CON"])
    folder, file = path.split("/")
    assert folder == "-cats" and file not in ("", ".", "..") and "\\" not in file


def test_names_in_other_scripts_stay():
    assert names([("나비.jpg", "고양이", b"")], ["고양이", "개"]) == ["고양이/나비.jpg"]


def test_device_names_of_windows_are_not_used():
    assert names([("con.jpg", "nul", b"")], ["nul", "dogs"]) == ["_nul/_con.jpg"]


@pytest.mark.parametrize(
    ("answers", "threshold"),
    [
        ([(0.99, True)] * 29, None),  # too few
        ([(0.6 + n / 100, n % 2 == 0) for n in range(40)], None),  # never right often enough
        ([(0.55, True)] + [(0.8, True)] * 30, 0.55),
        ([(0.6, False)] * 5 + [(0.6, True)] * 5 + [(0.9, True)] * 30, 0.9),
        # A lucky answer among wrong ones changes nothing.
        ([(0.6, False)] * 5 + [(0.61, True)] + [(0.62, False)] * 5 + [(0.9, True)] * 30, 0.9),
    ],
)
def test_a_threshold_comes_from_how_often_the_model_is_right(answers, threshold):
    assert uncertainty.suggest_threshold(answers) == threshold


def test_without_answers_the_threshold_lies_between_a_guess_and_certainty():
    assert [uncertainty.default_threshold(n) for n in (2, 10)] == pytest.approx([0.75, 0.55])
