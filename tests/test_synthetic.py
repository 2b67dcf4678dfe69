"""The drawn pets: repeatable, balanced, and told apart by nothing but what they are."""

import functools

import numpy as np
import pytest

from catdog_core.base.errors import DatasetError
from catdog_core.data import datasets, synthetic
from catdog_core.imaging import decode


def drawn(label, count, size=32):
    """(count, size, size, 3) photos of one kind."""
    rngs = [np.random.default_rng((label, i)) for i in range(count)]
    return np.stack([np.asarray(synthetic.draw_pet(label, size, rng)) for rng in rngs])


def test_the_same_seed_draws_the_same_photos(tmp_path):
    for name in ("a", "b"):
        datasets.make_demo(tmp_path / name, train=4, validation=2, size=48, seed=5)
    datasets.make_demo(tmp_path / "c", train=4, validation=2, size=48, seed=6)
    a, b, c = (datasets.scan_folder(tmp_path / name).fingerprint for name in "abc")
    assert a == b != c


def test_nothing_is_drawn_into_a_folder_with_something_in_it(tmp_path):
    (tmp_path / "letter.jpg").touch()
    with pytest.raises(DatasetError, match="isn't empty"):
        datasets.make_demo(tmp_path, train=2, validation=2)
    assert len(list(tmp_path.iterdir())) == 1


def test_counts_are_totals_and_names_are_those_of_the_notes(tmp_path):
    reports = []
    datasets.make_demo(
        tmp_path, train=6, validation=4, size=48, progress=lambda *n: reports.append(n)
    )
    names = [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*.jpg"))]
    assert names[:3] == [f"train/cats/cat.000{i}.jpg" for i in range(3)]
    assert len(names) == 10
    assert reports[-1] == (10, 10)


def test_photos_have_the_size_asked_for(tmp_path):
    datasets.make_demo(tmp_path, train=2, validation=2, size=77)
    for path in tmp_path.rglob("*.jpg"):
        assert decode.decode_photo(path.read_bytes()).shape == (77, 77, 3)


def test_no_two_photos_are_the_same(request):
    folder = request.getfixturevalue("demo")
    contents = [path.read_bytes() for path in folder.rglob("*.jpg")]
    assert len(set(contents)) == len(contents)


def test_average_colours_do_not_give_the_class_away():
    means = [drawn(label, 150).mean((0, 1, 2)) for label in (0, 1)]
    assert np.abs(means[0] - means[1]).max() < 12


def test_brightness_and_contrast_do_not_give_the_class_away():
    cats, dogs = drawn(0, 200).astype(float), drawn(1, 200).astype(float)
    for measure in (np.mean, np.std):
        values = [measure(photos, (1, 2, 3)) for photos in (cats, dogs)]
        best = max(
            np.mean(np.concatenate([values[0] < cut, values[1] >= cut]))
            for cut in np.concatenate(values)
        )
        assert 0.3 < best < 0.66


def test_a_set_of_its_own_is_made_once(workspace, monkeypatch):
    small = functools.partial(synthetic.make_demo, train=8, validation=4, size=32)
    monkeypatch.setattr(synthetic, "make_demo", small)
    first = datasets.create_demo()
    monkeypatch.setattr(synthetic, "make_demo", None)
    assert datasets.create_demo() == first
    assert first.source == "demo"
