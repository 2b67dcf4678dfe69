"""The network builder: its table agrees with Keras, and what cannot work is said before."""

import json

import fakes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catdog_core import runs
from catdog_core.base import field_specs, files
from catdog_core.base.errors import RunError, SettingsError
from catdog_core.config import NETWORKS, Network, Training
from catdog_core.models import architecture, keras_models
from catdog_core.runs import lifecycle
from catdog_core.training.execution import execute_run


def drawn(seed):
    """A network, image size and number of classes drawn at random, possible or not."""
    rng = np.random.default_rng(seed)
    pick = lambda *options: options[rng.integers(len(options))]  # noqa: E731
    return (
        Network(
            filters=tuple(int(n) for n in rng.integers(1, 12, rng.integers(1, 6))),
            kernel=pick(1, 3, 5, 7),
            padding=pick("valid", "same"),
            activation=pick("relu", "gelu", "leaky_relu", "silu", "elu", "tanh"),
            batch_norm=pick(True, False),
            pooling=pick("max", "average", "stride"),
            head=pick("flatten", "average"),
            dropout=pick(0.0, 0.3),
            dense=pick(0, 7),
        ),
        int(rng.integers(32, 64)),
        int(rng.integers(2, 5)),
    )


@pytest.mark.parametrize("seed", range(16))
def test_the_table_agrees_with_the_keras_model_for_networks_drawn_at_random(seed):
    network, size, classes = drawn(seed)
    try:
        rows = architecture.list_model_layers("custom", size, classes, network=network)
    except SettingsError as error:
        least = architecture.min_network_image_size(network)
        assert size < least and f"at least {least} px" in str(error)
        size = least
        rows = architecture.list_model_layers("custom", size, classes, network=network)
    model = keras_models.build_model("custom", size, tuple("abcd"[:classes]), network)
    assert [type(layer).__name__ for layer in model.layers] == [row.kind for row in rows]
    assert [row.output_shape for row in rows] == [tuple(x.output.shape[1:]) for x in model.layers]
    assert [row.parameters for row in rows] == [layer.count_params() for layer in model.layers]


def test_the_notes_networks_are_presets_and_multiply_adds_are_those_of_their_layers():
    rows = architecture.list_model_layers("notes")
    assert rows == architecture.list_model_layers("custom", network=NETWORKS["notes"])
    assert architecture.count_parameters(rows) == 130_241
    first = 148 * 148 * 32 * 27
    second, third = 72 * 72 * 64 * 32 * 9, 34 * 34 * 128 * 64 * 9
    assert architecture.count_operations(rows) == first + second + third + 36_992


def test_a_preset_begins_with_the_very_weights_of_the_model_it_is_a_preset_of():
    one = keras_models.build_initialized(Training(model="notes", image_size=40, seed=5))
    other = keras_models.build_initialized(
        Training(model="custom", network=NETWORKS["notes"], image_size=40, seed=5)
    )
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_a_network_that_shrinks_to_nothing_says_where_and_what_to_do():
    network = Network(filters=(8,) * 6, kernel=5)
    with pytest.raises(SettingsError, match=r"block 5 of 6.*at least 316 px.*'same'"):
        architecture.list_model_layers("custom", 128, network=network)


def test_a_network_that_fits_no_memory_is_refused():
    network = Network(filters=(1024,), dense=4096)
    with pytest.raises(SettingsError, match="the limit is 200,000,000"):
        architecture.list_model_layers("custom", 150, network=network)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_the_smallest_size_is_the_smallest(seed):
    network, _, _ = drawn(seed)
    least = architecture.min_network_image_size(network)
    assert architecture.list_sequential_layers(network, least)
    if least > 1:
        with pytest.raises(SettingsError):
            architecture.list_sequential_layers(network, least - 1)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"kernel": 4}, "kernel"),
        ({"filters": []}, "filters"),
        ({"filters": [0, 4]}, "filters"),
        ({"pooling": "none"}, "one of max, average, stride"),
        ({"blocks": 3}, "no setting 'blocks'"),
    ],
)
def test_a_bad_network_in_a_file_is_refused_by_name(values, part):
    with pytest.raises(SettingsError, match=r"mine\.json") as caught:
        field_specs.parse_settings(Training, {"model": "custom", "network": values}, "mine.json")
    assert part in str(caught.value)


def test_filters_grow_from_block_to_block_up_to_a_limit():
    assert Network.grown(3, 32, 2).filters == (32, 64, 128)
    assert Network.grown(8, 64, 2).filters[-1] == 1024


NETWORK = Network(filters=(4, 8), batch_norm=True, pooling="stride", head="average", dense=6)
SMALL = Training(
    model="custom", network=NETWORK, epochs=2, batch_size=8, image_size=32, steps_per_epoch=3
)


@pytest.mark.slow
def test_a_run_keeps_its_network_is_gone_on_from_trains_and_predicts(dataset):
    from catdog_core.analysis import predict

    parent_folder = runs.create_run(dataset, SMALL, None)
    assert files.read_json(parent_folder / "settings.json")["training"]["network"]["filters"] == [
        4,
        8,
    ]
    model = keras_models.build_initialized(SMALL.model_copy(update={"seed": 7}))
    best = model.get_weights()
    keras_models.save_model(model, parent_folder / "best.keras", {"classes": ["cats", "dogs"]})
    files.append_json_line(
        parent_folder / "metrics.jsonl", {"epoch": 0, "seconds": 1, **fakes.METRIC_ROWS[0]}
    )

    parent = runs.load_run(parent_folder)
    child = runs.create_run(
        dataset, SMALL.model_copy(update={"learning_rate": 1e-6}), None, parent=parent
    )
    assert runs.load_run(child).parent == {
        "id": parent_folder.name,
        "name": parent.name,
        "epoch": 0,
    }
    start = keras_models.build_initialized(
        SMALL, start=child / lifecycle.INITIAL_WEIGHTS_FILE
    ).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(start, best, strict=True))
    runs.remove_run(parent_folder)  # what becomes of the parent does not matter
    execute_run(child)
    assert runs.load_run(child).status == "done"
    trained = keras_models.load_model(child / "backup.keras").trainable_weights
    begun = keras_models.build_initialized(SMALL).trainable_weights
    for now, then, untrained in zip(trained, model.trainable_weights, begun, strict=True):
        assert np.allclose(now, then, atol=1e-4)
        if now.path.endswith("kernel"):
            assert not np.allclose(now, untrained, atol=1e-2)
    photo = dataset.items("validation")[0].path
    predictor = predict.load_predictor(child / "best.keras")
    prediction = predict.predict_photos(predictor, [("cat", photo.read_bytes())])[0]
    assert prediction.label in ("cats", "dogs")


def test_weights_that_do_not_fit_are_refused_by_what_differs(dataset):
    parent = runs.create_run(dataset, SMALL, None)
    with pytest.raises(RunError, match="no model to continue from yet"):
        runs.create_run(dataset, SMALL, None, parent=runs.load_run(parent))
    (parent / "best.keras").write_bytes(b"model")
    for change, what in (
        ({"image_size": 48}, "image_size is 48 here but 32 there"),
        ({"network": Network()}, "network is"),
        ({"model": "notes"}, "model is notes"),
    ):
        with pytest.raises(RunError, match=what):
            runs.create_run(
                dataset, SMALL.model_copy(update=change), None, parent=runs.load_run(parent)
            )


def test_the_command_line_takes_a_network_from_a_file(dataset, demo, tmp_path, monkeypatch, capsys):
    import fakes

    monkeypatch.setattr("catdog_core.cli.program._train_and_report", lambda folder: None)
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"filters": [4, 4], "head": "average"}))
    assert fakes.run_cli(capsys, "train", demo, "--network", path)[0] == 0
    training = runs.list_runs()[0].training
    assert training.model == "custom" and training.network.filters == (4, 4)
    status, _, error = fakes.run_cli(capsys, "train", demo, "--network", "nowhere.json")
    assert status == 1 and "no network 'nowhere.json'" in error
