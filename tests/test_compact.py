"""The compact network and the optimizer its recipe trains it with."""

import numpy as np
import pytest

from catdog_core.config import Training
from catdog_core.config.recipes import RECIPES
from catdog_core.models import architecture, compact_network, keras_models
from catdog_core.training import muon, optimizers

PHOTOS = np.random.default_rng(0).uniform(0, 255, (4, 40, 40, 3)).astype("float32")
LABELS = np.array([0, 1, 0, 1], np.float32)


@pytest.fixture(scope="module")
def trained():
    """The network after three steps, its weights before them, its first and its last loss."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras_models.build_model("compact", 40)
    keras_models.compile_for_training(
        model, optimizers.build_optimizer(RECIPES["compact"].training), shares=True
    )
    model.run_eagerly = True  # tracing the graph takes longer than so few steps
    before = [weight.numpy() for weight in model.trainable_weights]
    first = model.train_on_batch(PHOTOS, LABELS)[0]
    model.optimizer.learning_rate = 3e-3
    for _ in range(2):
        last = model.train_on_batch(PHOTOS, LABELS)[0]
    return model, before, first, last


def test_it_has_about_a_million_parameters_and_halves_the_map_five_times():
    rows = architecture.list_model_layers("compact", 112)
    assert (
        architecture.count_parameters(rows)
        == keras_models.build_model("compact", 112).count_params()
        == 1_231_073
    )
    assert rows[-4].output_shape == (4, 4, 256)
    assert architecture.count_operations(rows) == 59_574_784


@pytest.mark.parametrize("size", [32, 45, 112])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_table_agrees_with_the_network_built(size, classes):
    built = keras_models.build_model("compact", size, tuple("abc"[:classes]))
    rows = architecture.list_model_layers("compact", size, classes)
    assert architecture.count_parameters(rows) == built.count_params()
    areas = [np.prod(layer.output.shape[1:-1], dtype=int) for layer in built.layers]
    weights = [sum(np.prod(w.shape) for w in layer.trainable_weights) for layer in built.layers]
    weights[-1] -= classes if classes > 2 else 1  # its biases
    assert architecture.count_operations(rows) == int(np.dot(areas, weights))
    shapes = iter([tuple(layer.output.shape[1:]) for layer in built.layers])
    assert all(row.output_shape in shapes for row in rows)  # in their order, none left out


def test_a_block_passes_on_what_it_gets_at_first():
    import keras

    photos = keras.Input((8, 8, 32))
    block = keras.Model(photos, compact_network._block(photos, 32, 1))
    seen = np.abs(PHOTOS[:, :8, :8, :1]).repeat(32, axis=-1)
    assert np.allclose(block(seen), seen)


def test_steps_move_every_weight_and_lower_the_loss(trained):
    model, before, first, last = trained
    assert last < first
    now = [weight.numpy() for weight in model.trainable_weights]
    assert not any(np.array_equal(a, b) for a, b in zip(before, now, strict=True))


def test_a_saved_model_needs_nothing_but_keras_and_predicts_the_same(trained, tmp_path):
    import keras

    model = trained[0]
    about = {"classes": ["cats", "dogs"]}
    keras_models.save_model(model, tmp_path / "whole.keras", about)
    elsewhere = keras.models.load_model(tmp_path / "whole.keras", safe_mode=True)
    assert type(elsewhere.optimizer) is keras.optimizers.AdamW
    keras_models.save_model(model, tmp_path / "bare.keras", about, optimizer=False)
    sizes = [(tmp_path / name).stat().st_size for name in ("whole.keras", "bare.keras")]
    assert sizes[1] < 0.5 * sizes[0]
    for reloaded in (elsewhere, keras_models.load_model(tmp_path / "bare.keras")):
        np.testing.assert_array_equal(reloaded(PHOTOS), model(PHOTOS))


def test_muon_goes_on_from_a_file_as_if_nothing_had_happened(tmp_path):
    import keras

    layers = keras.layers
    stack = [keras.Input((40, 40, 3)), layers.Conv2D(4, 3), layers.BatchNormalization()]
    stack += [layers.Conv2D(6, 3), layers.GlobalAveragePooling2D()]
    model = keras.Sequential([*stack, layers.Dense(1, activation="sigmoid")])
    chosen = RECIPES["compact"].training
    keras_models.compile_for_training(model, optimizers.build_optimizer(chosen), shares=True)
    model.train_on_batch(PHOTOS, LABELS)
    keras_models.save_model(model, tmp_path / "model.keras", {"classes": ["cats", "dogs"]})
    other = keras_models.load_model(tmp_path / "model.keras", compiled=True)
    keras_models.recompile_keep_state(other, optimizers.build_optimizer(chosen), shares=True)
    for one in (model, other):
        one.train_on_batch(PHOTOS, LABELS)
    for a, b in zip(model.weights, other.weights, strict=True):
        assert np.array_equal(a, b), a.path


def test_keras_still_keeps_the_momentum_where_muon_looks_for_it():
    import keras

    model = keras.Sequential([keras.layers.Input((4, 4, 3)), keras.layers.Conv2D(2, 3)])
    optimizer = muon.make(0.01, 0.1)
    optimizer.build(model.trainable_variables)
    for variable in model.trainable_variables:
        momentum = muon._get_momentum(optimizer, variable)
        assert momentum.shape == variable.shape
        assert sum(momentum is kept for kept in optimizer.variables) == 1


def test_muon_makes_all_directions_of_a_step_about_equally_strong():
    kernel = np.random.default_rng(1).normal(size=(288, 32)).astype("float32")
    kernel[:, 0] *= 50  # one direction Adam would follow alone
    strengths = np.linalg.svd(muon.orthogonalize(kernel), compute_uv=False)
    assert strengths.min() > 0.6 and strengths.max() < 1.3


def test_what_is_no_convolution_moves_as_by_adamw():
    import keras

    layers = [keras.layers.Dense(3) for _ in range(2)]
    for layer, optimizer in zip(
        layers, [muon.make(0.01, 0.1), keras.optimizers.AdamW(0.01, weight_decay=0.1)], strict=True
    ):
        layer.build((None, 5))
        layer.kernel.assign(np.ones((5, 3)))
        optimizer.build(layer.trainable_variables)
        optimizer.apply([np.full((5, 3), 0.5, "float32"), np.ones(3, "float32")])
    assert np.allclose(layers[0].kernel, layers[1].kernel)


def test_its_recipe_names_its_optimizer_and_mixes_photos():
    recipe = RECIPES["compact"]
    assert recipe.training.optimizer == "muon" and recipe.training.model == architecture.COMPACT
    assert recipe.augmentation.mixes and Training(model="compact").optimizer == "adam"
