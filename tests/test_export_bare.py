"""A Keras file to take away holds the model alone, whatever the one it is made of holds."""

import json
import zipfile

import h5py
import numpy as np
import pytest

from catdog_core import export
from catdog_core.analysis import predict


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model somebody trained and saved whole, as both kinds of file: with its optimizer."""
    import keras

    folder = tmp_path_factory.mktemp("trained")
    layers = [keras.layers.Flatten(), keras.layers.Dense(64), keras.layers.Dense(2, "softmax")]
    model = keras.Sequential([keras.Input((16, 16, 3)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    model.fit(rng.random((8, 16, 16, 3)), rng.integers(0, 2, 8), verbose=0)
    for kind in ("keras", "h5"):
        model.save(folder / f"whole.{kind}")
    with zipfile.ZipFile(folder / "whole.keras", "a") as archive:
        archive.writestr("averages.npz", b"of the training")
    return folder


def names_in(path):
    """Everything an HDF5 file, or the one in an archive, calls by a name."""
    names = []
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            inner = path.with_suffix(".inner.h5")
            inner.write_bytes(archive.read("model.weights.h5"))
            names += archive.namelist()
            names += [
                key for key, value in json.loads(archive.read("config.json")).items() if value
            ]
        path = inner
    with h5py.File(path) as file:
        file.visit(names.append)
        names += list(file.attrs)
    return names


@pytest.mark.parametrize("source", ["whole.keras", "whole.h5"])
@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_an_exported_file_has_no_optimizer_and_gives_the_same_answers(
    source, kind, trained, tmp_path, workspace
):
    model_path = trained / source
    assert any("optimizer" in name or "adam" in name for name in names_in(model_path))
    out = export.export_in_process(model_path, kind, tmp_path / f"out.{kind}")
    names = names_in(out)
    for word in ("optimizer", "adam", "training_config", "compile_config", "averages"):
        assert not [name for name in names if word in name]
    assert out.stat().st_size < 0.5 * model_path.stat().st_size
    photos = np.random.default_rng(1).integers(0, 256, (5, 16, 16, 3)).astype(np.uint8)
    one, other = (predict.load_predictor(path).predict(photos) for path in (model_path, out))
    assert np.abs(one - other).max() < 1e-6


def test_a_file_that_is_bare_is_copied_byte_for_byte(trained, tmp_path, workspace):
    for kind in ("keras", "h5"):
        once = export.export_in_process(trained / "whole.h5", kind, tmp_path / f"once.{kind}")
        again = export.export_in_process(once, kind, tmp_path / f"again.{kind}")
        assert again.read_bytes() == once.read_bytes()
