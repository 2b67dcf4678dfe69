"""Photos as a network sees them: the map, its layouts, what is kept, and what the layer gets."""

import csv

import fakes
import numpy as np
import pytest

from catdog_core.analysis import embedding, evaluate, model_graph, predict, predictions
from catdog_core.analysis.embedding_recorder import MAX_UNPROJECTED, EmbeddingRecorder
from catdog_core.config import Network
from catdog_core.data import datasets
from catdog_core.data.datasets import PhotoEdit
from catdog_core.models import keras_models

SMALL = b"jpeg"


def clusters(n=60, width=40, apart=8.0, seed=0):
    """Two clouds of points around centres that far apart; the rows of the second are odd."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, width))
    features[1::2] += apart * np.eye(width)[0]
    return features.astype(np.float32)


def made(features, values=None):
    names = [f"{row:04}.jpg" for row in range(len(features))]
    return embedding.build_embedding(
        names, features, [SMALL] * len(names), values or features.shape[1]
    )


def test_the_first_component_parts_two_clusters():
    embeddings = made(clusters())
    first = embeddings.parts[:, 0]
    assert (first[::2].max() < first[1::2].min()) or (first[1::2].max() < first[::2].min())
    assert embeddings.shares[0] > 5 * embeddings.shares[1]


def test_the_components_are_those_of_a_singular_value_decomposition():
    features = clusters(30, 12)
    embeddings = made(features)
    centred = features - features.mean(axis=0)
    values = np.linalg.svd(centred, compute_uv=False)
    assert embeddings.parts.shape == (30, 12)
    assert np.linalg.norm(embeddings.parts, axis=0) == pytest.approx(values, rel=1e-4)
    assert embeddings.shares == pytest.approx(values**2 / (values**2).sum(), rel=1e-4)


@pytest.mark.parametrize(("n", "width"), [(60, 40), (200, 120), (80, 300)])
def test_the_same_photos_give_the_same_map_whatever_their_order(n, width):
    features = clusters(n, width)
    one, two = made(features), made(features)
    assert (one.parts == two.parts).all() and one.key == two.key
    order = np.random.default_rng(1).permutation(n)
    turned = made(features[order])
    assert np.abs(turned.parts[:, :1] - one.parts[order, :1]).max() < 0.05


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_few_photos_have_a_map_too(n):
    embeddings = made(clusters(n, 4))
    assert embeddings.parts.shape[0] == n and embeddings.parts.shape[1] >= 2
    assert np.isfinite(embeddings.parts).all()
    assert embeddings.nearest.shape == (n, min(n - 1, embedding.NEIGHBOURS))
    assert embedding.layout_embedding(embeddings, "tsne").shape == (n, 2)


def test_a_network_that_sees_all_photos_alike_has_a_map_of_one_point():
    embeddings = made(np.ones((9, 5), np.float32))
    assert not embeddings.parts.any() and not embeddings.shares.any()
    assert not embedding.layout_embedding(embeddings, "tsne").any()


def test_one_value_a_photo_makes_a_line():
    embeddings = made(np.arange(6, dtype=np.float32)[:, None])
    assert embeddings.parts.shape == (6, 2) and not embeddings.parts[:, 1].any()


def test_neighbours_are_the_nearest_and_never_the_photo_itself():
    embeddings = made(clusters())
    assert all(row not in near for row, near in enumerate(embeddings.nearest))
    assert (embeddings.nearest % 2 == np.arange(60)[:, None] % 2).all()


def test_the_class_around_a_photo_is_that_of_most_of_its_neighbours():
    embeddings = made(clusters())
    labels = np.arange(60) % 2
    labels[4] = 1  # a wrong label among those of the other cluster
    around = embedding.neighbour_labels(embeddings, embeddings.files, labels)
    assert around[4] == 0
    assert (np.delete(around, 4) == np.delete(labels, 4)).all()
    assert set(embedding.neighbour_labels(embeddings, embeddings.files[:1], [1])) <= {-1, 1}


def test_tsne_keeps_clusters_apart_and_is_the_same_each_time():
    embeddings = made(clusters(40, 10, apart=30))
    xy = embedding.layout_embedding(embeddings, "tsne")
    assert (xy == embedding.layout_embedding(embeddings, "tsne")).all()
    centres = xy[::2].mean(axis=0), xy[1::2].mean(axis=0)
    wide = max(xy[::2].std(axis=0).max(), xy[1::2].std(axis=0).max())
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * wide


def test_a_large_part_is_drawn_by_lot_the_same_each_time():
    names = [f"{n}.jpg" for n in range(5000)]
    drawn = embedding.sample_files(names)
    assert len(drawn) == embedding.MAX_PHOTOS and drawn == embedding.sample_files(names)
    assert drawn == [name for name in names if name in set(drawn)]
    assert embedding.sample_files(names[:10]) == names[:10]


@pytest.fixture
def run(workspace):
    folder = fakes.make_run()
    (folder / "best.keras").write_bytes(b"a model")
    return folder


def kept(run, dataset):
    names = [item.file for item in dataset.items("validation")]
    pictures = [bytes([n]) * n for n in range(len(names))]
    embeddings = embedding.build_embedding(names, clusters(len(names)), pictures, 40)
    digest = predictions.digest_model(run / "best.keras")
    embedding.write_embedding(run, dataset, "validation", embeddings, digest)
    return embeddings


def test_what_is_kept_is_read_back(run, dataset):
    embeddings = kept(run, dataset)
    again = embedding.read_embedding(run, dataset, "validation")
    assert again.files == embeddings.files and again.thumbnails == embeddings.thumbnails
    assert (again.parts == embeddings.parts).all() and (again.nearest == embeddings.nearest).all()
    assert (again.key, again.values) == (embeddings.key, 40)


def test_nothing_is_read_of_another_model_or_of_other_photos(run, dataset):
    kept(run, dataset)
    assert embedding.read_embedding(run, dataset, "train") is None
    changed = datasets.edit_photos(dataset.id, [PhotoEdit(dataset.items()[0].file, "exclude")])
    assert embedding.read_embedding(run, changed, "validation") is not None
    (run / "best.keras").write_bytes(b"another model")
    assert embedding.read_embedding(run, dataset, "validation") is None


@pytest.mark.parametrize("cut", [0, 10, 300, -1])
def test_a_torn_file_is_not_believed(run, dataset, cut):
    embeddings = kept(run, dataset)
    embedding.write_layout(run, dataset, "validation", "tsne", embeddings, embeddings.parts[:, :2])
    for path in (run / "predictions").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:cut])
    assert embedding.read_embedding(run, dataset, "validation") is None
    assert embedding.read_layout(run, dataset, "validation", "tsne", embeddings) is None


def test_a_layout_belongs_to_the_map_it_was_made_of(run, dataset):
    embeddings = kept(run, dataset)
    assert embedding.read_layout(run, dataset, "validation", "tsne", embeddings) is None
    xy = embeddings.parts[:, 2:4]
    embedding.write_layout(run, dataset, "validation", "tsne", embeddings, xy)
    assert (embedding.read_layout(run, dataset, "validation", "tsne", embeddings) == xy).all()
    other = made(clusters(24, seed=5))
    assert embedding.read_layout(run, dataset, "validation", "tsne", other) is None
    assert embedding.read_layout(run, dataset, "validation", "pca", other).shape == (24, 2)


def saved(model, path, classes=("cats", "dogs"), **about):
    keras_models.save_model(model, path, {"format": 1, "classes": list(classes), **about})
    return predict.load_predictor(path)


def watched(predictor, n=8):
    """A predictor's answers, those of a watch on it, and the watch after it took all photos."""
    photos = np.random.default_rng(0).integers(0, 256, (n, *predictor.size, 3))
    photos = photos.astype(np.uint8)
    names = [f"{row}.jpg" for row in range(n)]
    watch = EmbeddingRecorder(predictor, names)
    probabilities = watch.predictor.predict(photos)
    watch.record(names, list(photos))
    return predictor.predict(photos), probabilities, watch


def test_the_model_that_comes_with_the_lab_is_watched(default_predictor):
    plain, probabilities, watch = watched(default_predictor, n=3)  # a transfer network
    assert probabilities == pytest.approx(plain, abs=1e-6)
    assert watch.build_embedding().values == 1280


@pytest.mark.parametrize("head", ["flatten", "average"])
def test_a_network_of_ones_own_is_watched(tmp_path, head):
    network = Network(filters=(8, 16), batch_norm=True, head=head)
    model = keras_models.build_model("custom", 48, network=network)
    plain, probabilities, watch = watched(saved(model, tmp_path / "m.keras"))
    assert probabilities == pytest.approx(plain, abs=1e-6)
    assert len(watch.build_embedding()) == 8


@pytest.mark.parametrize("name", ["notes", "notes-deep", "compact"])
def test_the_labs_networks_are_watched_without_changing_what_they_say(tmp_path, name):
    predictor = saved(keras_models.build_model(name, 96), tmp_path / "m.keras")
    plain, probabilities, watch = watched(predictor)
    assert probabilities == pytest.approx(plain, abs=1e-6)
    seen = watch.build_embedding()
    assert len(seen) == 8 and seen.thumbnails[0].startswith(b"\xff\xd8")
    last = [
        layer for layer in model_graph.list_layers(predictor.model) if hasattr(layer, "kernel")
    ][-1]
    assert seen.values == int(last.kernel.shape[-2])


def test_what_is_noted_is_what_the_last_layer_gets(tmp_path):
    import keras

    predictor = saved(strange(keras, "raw"), tmp_path / "m.keras", ("a", "b", "c"))
    _, _, watch = watched(predictor)
    inner = keras.Model(predictor.model.inputs[0], predictor.model.layers[-1].input)
    photos = np.random.default_rng(0).integers(0, 256, (8, 48, 48, 3)).astype(np.uint8)
    known = made(inner(predictor.scale_photos(photos)).numpy())
    assert watch.build_embedding().parts == pytest.approx(known.parts, rel=1e-3, abs=1e-3)


def strange(keras, kind):
    """Models from elsewhere: raw scores, a convolution at the end, a flattened map, nested."""
    kl = keras.layers
    inputs = keras.Input((48, 48, 3))
    x = kl.Conv2D(8, 3, activation="relu")(inputs)
    if kind == "raw":
        return keras.Model(inputs, kl.Dense(3)(kl.GlobalAveragePooling2D()(x)))
    if kind == "convolution":
        x = kl.GlobalAveragePooling2D()(kl.Conv2D(3, 1)(x))
        return keras.Model(inputs, kl.Softmax()(x))
    if kind == "flat":
        return keras.Model(inputs, kl.Dense(3, activation="softmax")(kl.Flatten()(x)))
    inner = keras.Sequential([keras.Input((46, 46, 8)), kl.GlobalMaxPooling2D(), kl.Dense(3)])
    return keras.Model(inputs, kl.Softmax()(inner(x)))


@pytest.mark.parametrize(
    ("kind", "values"), [("raw", 8), ("convolution", 8), ("flat", 46 * 46 * 8), ("nested", 8)]
)
def test_models_from_elsewhere_are_watched_too(tmp_path, kind, values):
    import keras

    predictor = saved(strange(keras, kind), tmp_path / "m.keras", ("a", "b", "c"))
    plain, probabilities, watch = watched(predictor)
    assert probabilities == pytest.approx(plain, abs=1e-6)
    seen = watch.build_embedding()
    assert seen.values == values
    assert seen.parts.shape[1] <= 8 and (values <= MAX_UNPROJECTED or kind == "flat")


def test_a_pass_keeps_the_map_and_a_look_makes_it_anew(dataset, run, tmp_path):
    saved(keras_models.build_model("notes", 32), run / "best.keras")
    evaluate.evaluate_and_cache(run, predict.load_predictor, dataset, "validation")
    first = embedding.read_embedding(run, dataset, "validation")
    assert set(first.files) == {item.file for item in dataset.items("validation")}
    for path in (run / "predictions").glob("*-map.npz"):
        path.unlink()
    evaluate.compute_embeddings(run, predict.load_predictor, dataset, "validation")
    again = embedding.read_embedding(run, dataset, "validation")
    assert again.parts == pytest.approx(first.parts, abs=1e-3)


def test_a_large_part_is_sampled_in_the_pass(dataset, run, monkeypatch):
    monkeypatch.setattr(embedding, "MAX_PHOTOS", 10)
    monkeypatch.setattr(embedding.sample_files, "__defaults__", (10, 0))
    saved(keras_models.build_model("notes", 32), run / "best.keras")
    table = evaluate.evaluate_and_cache(run, predict.load_predictor, dataset, "validation")
    assert len(table) == 24 and len(embedding.read_embedding(run, dataset, "validation")) == 10


def test_the_command_line_writes_the_map(tmp_path, demo, capsys, workspace):
    saved(keras_models.build_model("notes", 32), tmp_path / "m.keras")
    out = tmp_path / "map.csv"
    status, text, _ = fakes.run_cli(
        capsys, "evaluate", tmp_path / "m.keras", demo, "--embedding", out
    )
    assert status == 0 and "24 photos" in text
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24 and list(rows[0]) == ["file", "truth", "label", "x", "y"]
    assert len({row["x"] for row in rows}) > 1
