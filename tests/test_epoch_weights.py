"""Weights of a few epochs, kept to look back at."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from faults.waiting import TINY_TRAINING

from catdog_core import runs
from catdog_core.analysis import predict
from catdog_core.base.errors import ModelError
from catdog_core.config import Training
from catdog_core.models import keras_models
from catdog_core.training import epoch_weights, training_loop


def test_epochs_are_spread_and_never_more_than_asked_for():
    assert epoch_weights.select_stored_epochs(3, 8) == {0, 1, 2, 3}
    assert epoch_weights.select_stored_epochs(8, 8) == {0, 2, 4, 6, 8}
    assert epoch_weights.select_stored_epochs(49, 8) == {0, 8, 16, 24, 32, 40, 48, 49}
    assert (
        epoch_weights.select_stored_epochs(5, 1) == {5}
        and epoch_weights.select_stored_epochs(5, 0) == set()
    )
    for most in range(1, 17):
        for epoch in range(200):
            stored_epochs = epoch_weights.select_stored_epochs(epoch, most)
            assert len(stored_epochs) <= most and epoch in stored_epochs
            # Never one that was dropped before: it must have been there an epoch earlier.
            assert not epoch or stored_epochs - {epoch} <= epoch_weights.select_stored_epochs(
                epoch - 1, most
            )


def test_only_small_networks_keep_epochs_where_nothing_is_said():
    assert epoch_weights.max_stored_epochs(Training(), 1_000_000) == 8
    assert epoch_weights.max_stored_epochs(Training(), 10_000_000) == 0
    assert epoch_weights.max_stored_epochs(Training(epoch_weights=3), 10_000_000) == 3
    assert epoch_weights.max_stored_epochs(Training(epoch_weights=0), 1_000) == 0


def test_a_folder_holds_no_more_than_asked_for(tmp_path):
    for epoch in range(30):
        epoch_weights.save_epoch_weights(tmp_path, epoch, [np.full(3, epoch, np.float32)], 4)
    paths_by_epoch = epoch_weights.list_epoch_weights(tmp_path)
    assert list(paths_by_epoch) == [0, 16, 29]
    assert len(list((tmp_path / "epochs").iterdir())) == 3
    assert (
        epoch_weights.load_epoch_weights(paths_by_epoch[16], [np.zeros(3, np.float32)])[0].tolist()
        == [16] * 3
    )


def test_a_resume_that_does_epochs_over_again_drops_the_later_ones(tmp_path):
    for epoch in (0, 1, 2, 3, 2):
        epoch_weights.save_epoch_weights(tmp_path, epoch, [np.zeros(1, np.float32)], 8)
    assert list(epoch_weights.list_epoch_weights(tmp_path)) == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text" * 99])
def test_what_is_no_file_of_weights_is_told(tmp_path, content):
    path = tmp_path / "epoch-0000.npz"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="can't be read as a saved epoch"):
        epoch_weights.load_epoch_weights(path, [])


def test_weights_of_another_network_are_told(tmp_path):
    epoch_weights.save_epoch_weights(tmp_path, 0, [np.zeros(3, np.float32)], 1)
    with pytest.raises(ModelError, match="belong to a different network"):
        epoch_weights.load_epoch_weights(
            epoch_weights.list_epoch_weights(tmp_path)[0], [np.zeros(4, np.float32)]
        )


def test_a_training_keeps_the_model_of_each_epoch(workspace, demo):
    from catdog_core.data import datasets

    chosen = TINY_TRAINING.model_copy(update={"weight_averaging": 0.5})
    folder = runs.create_run(datasets.open_folder(demo), chosen, None)
    training_loop.train_model(
        runs.load_run(folder), SimpleNamespace(stop_wanted=False, update=lambda **_: None)
    )
    paths_by_epoch = epoch_weights.list_epoch_weights(folder)
    assert list(paths_by_epoch) == [0, 1, 2]
    best = runs.load_run(folder).best_epoch
    model = keras_models.load_model(folder / "best.keras")
    weights = epoch_weights.load_epoch_weights(paths_by_epoch[best], model.get_weights())
    for one, other in zip(weights, model.get_weights(), strict=True):
        assert np.array_equal(one, other)
    photos = np.full((1, 32, 32, 3), 90, np.uint8)
    predictors = {
        epoch: predict.load_predictor_at_epoch(folder / "best.keras", path)
        for epoch, path in paths_by_epoch.items()
    }
    answers = {epoch: model.predict(photos)[0, 0] for epoch, model in predictors.items()}
    assert answers[best] == predict.load_predictor(folder).predict(photos)[0, 0]
    assert len(set(answers.values())) == 3
    keras.backend.clear_session()
