"""Models from outside: nothing runs, floods or leaves the process that looks at them."""

import csv
import json
import resource
import zipfile
import zlib
from pathlib import Path

import fakes
import hostile_models
import keras
import pytest

from catdog_core.analysis import model_sandbox_process, predict
from catdog_core.base import files, limits
from catdog_core.base.errors import ModelError
from catdog_core.models import allowed_classes, keras_models, model_sandbox, untrusted_models

SECONDS = 10
REMEDY = r"Use a|is damaged or incomplete|Save it again"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A small good model in both formats."""
    folder = tmp_path_factory.mktemp("plain")
    keras.utils.set_random_seed(0)
    layers = keras.layers
    stack = [keras.Input((32, 32, 3)), layers.Rescaling(1 / 255), layers.Conv2D(4, 3)]
    stack += [layers.GlobalAveragePooling2D(), layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential(stack)
    model.compile("adam", "binary_crossentropy")
    for name in ("plain.keras", "plain.h5"):
        model.save(folder / name)
    return folder


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "marker"


def test_the_list_of_classes_is_that_of_the_keras_installed():
    class_names = {
        name for name in dir(keras.layers) if isinstance(getattr(keras.layers, name), type)
    }
    assert class_names - allowed_classes.ALLOWED_LAYERS - allowed_classes.REFUSED_LAYERS == {
        "InputSpec",
        "Layer",
    }
    assert class_names >= allowed_classes.ALLOWED_LAYERS


NAMES = sorted(hostile_models.code_execution_models(files.PROJECT))


@pytest.mark.parametrize("name", NAMES)
def test_a_known_escape_is_refused_as_data(plain, tmp_path, marker, name):
    change = hostile_models.code_execution_models(marker)[name]
    path = hostile_models.rewrite_config(plain / "plain.keras", tmp_path / "x.keras", change)
    with pytest.raises(ModelError, match="Use a"):
        untrusted_models.inspect_model_file(path, compiled=True)
    assert not marker.exists()


ONLY_BUILT = {
    "NaN in the configuration",
    "every pixel 9 million times",
    "input without pixels",
    "negative units",
    "no layers",
    "units as a float",
    "units that the weights do not hold",
}
"""What shows only while Keras builds the network, in the process apart."""


@pytest.mark.parametrize("name", sorted(set(hostile_models.resource_bombs()) - ONLY_BUILT))
def test_a_small_file_that_asks_for_much_is_refused_as_data(plain, tmp_path, name):
    change = hostile_models.resource_bombs()[name]
    path = hostile_models.rewrite_config(plain / "plain.keras", tmp_path / "x.keras", change)
    with pytest.raises(ModelError, match=REMEDY):
        untrusted_models.inspect_model_file(path)


@pytest.mark.parametrize("name", sorted(ONLY_BUILT))
def test_what_shows_only_while_keras_builds_is_refused_at_little_cost(
    plain, tmp_path, monkeypatch, name
):
    for owner, method in (
        (keras.Layer, "add_weight"),
        (keras.layers.Normalization, "build"),
        (keras.layers.MelSpectrogram, "build"),
    ):
        monkeypatch.setattr(owner, method, getattr(owner, method))  # put back at the end
    change = hostile_models.resource_bombs()[name]
    path = hostile_models.rewrite_config(plain / "plain.keras", tmp_path / "x.keras", change)
    words = REMEDY
    if name == "units that the weights do not hold":
        words = "weights but contains only"  # counted before they are allocated
    before = cpu()
    with pytest.raises(ModelError, match=words):
        model_sandbox_process.try_model(path, path.name, untrusted_models.count_model_weights(path))
    assert cpu() - before < SECONDS


@pytest.mark.long
@pytest.mark.parametrize("name", ["models within models", "units that the weights do not hold"])
def test_a_small_file_that_asks_for_much_is_refused_by_the_process_apart(
    plain, tmp_path, workspace, apart, name
):
    """One of those refused as data, and one only while Keras builds it."""
    change = hostile_models.resource_bombs()[name]
    path = hostile_models.rewrite_config(plain / "plain.keras", tmp_path / "x.keras", change)
    with pytest.raises(ModelError, match=REMEDY):
        predict.load_predictor(path)


def cpu():
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def test_tricks_of_hdf5_are_refused(plain, tmp_path):
    tricks = hostile_models.h5_tricks(plain / "plain.h5", tmp_path)
    # What Keras never walks through, or refuses itself.
    harmless = {"circle", "a trillion paths", "no weights"}
    for name, path in tricks.items():
        if name in harmless:
            assert untrusted_models.inspect_model_file(path) == ".h5"
            continue
        with pytest.raises(ModelError):
            untrusted_models.inspect_model_file(path, compiled=True)
            pytest.fail(name)


def test_tricks_of_zips_are_refused(plain, tmp_path):
    for name, path in hostile_models.zip_tricks(plain / "plain.keras", tmp_path).items():
        with pytest.raises(ModelError):
            untrusted_models.inspect_model_file(path)
            pytest.fail(name)


def test_a_good_model_passes_within_seconds_and_is_checked_once(
    plain, workspace, apart, monkeypatch
):
    start = cpu()
    assert predict.load_predictor(plain / "plain.keras").size == (32, 32)
    assert cpu() - start < SECONDS
    monkeypatch.setattr(model_sandbox, "_run_check", lambda *_: pytest.fail("asked"))
    assert predict.load_predictor(plain / "plain.keras").size == (32, 32)
    assert len(list((workspace / "models_checked").glob("*.json"))) == 1


def test_other_limits_have_a_model_checked_anew(plain, workspace, apart, set_limits, monkeypatch):
    calls = []
    monkeypatch.setattr(model_sandbox, "_run_check", lambda *args: calls.append(args))
    model_sandbox.check_model(plain / "plain.h5", "a", "d" * 64)
    model_sandbox.check_model(plain / "plain.h5", "a", "d" * 64)
    set_limits(model_seconds=5)
    model_sandbox.check_model(plain / "plain.h5", "a", "d" * 64)
    assert len(calls) == 2


def test_the_labs_own_models_are_looked_at_but_not_opened_apart(
    plain, workspace, apart, monkeypatch
):
    monkeypatch.setattr(model_sandbox, "_run_check", lambda *_: pytest.fail("asked"))
    own = workspace / "runs" / "first" / "best.keras"
    own.parent.mkdir(parents=True)
    own.write_bytes((plain / "plain.keras").read_bytes())
    assert predict.load_predictor(own).size == (32, 32)


def test_what_this_process_wrote_is_its_own_until_it_changes(plain, workspace, tmp_path):
    path = tmp_path / "mine.keras"
    keras_models.save_model(keras.models.load_model(plain / "plain.h5", compile=False), path, {})
    assert model_sandbox.is_own_model(path)
    path.write_bytes((plain / "plain.keras").read_bytes())
    assert not model_sandbox.is_own_model(path)


def test_a_model_uploaded_to_the_page_is_checked_apart(plain, workspace, apart, monkeypatch):
    calls = []
    monkeypatch.setattr(model_sandbox, "_run_check", lambda *args: calls.append(args))
    app = fakes.open_page("6_Predict")
    app.segmented_control("predict_kind").set_value("file").run()
    upload = ("plain.h5", (plain / "plain.h5").read_bytes(), "")
    app.file_uploader("predict_model").set_value([upload]).run()
    assert not app.exception and not app.error
    assert "32 × 32" in fakes.joined_text(app.caption) and len(calls) == 1


def test_a_link_among_the_runs_to_a_strangers_model_is_a_strangers(plain, workspace):
    (workspace / "runs").mkdir(parents=True)
    (workspace / "runs" / "link.keras").symlink_to(plain / "plain.keras")
    assert not model_sandbox.is_own_model(workspace / "runs" / "link.keras")


def test_limits_come_from_the_workspace_and_are_named_when_wrong(workspace):
    workspace.mkdir()
    (workspace / "limits.json").write_text(json.dumps({"model_bytes": 2_000_000}))
    limits._load_limits.cache_clear()
    assert limits.current_limits().model_bytes == 2_000_000
    for text, words in (
        ('{"x": 1}', "no setting 'x'"),
        ('{"photo_scans": 0}', "Use a whole number"),
    ):
        (workspace / "limits.json").write_text(text)
        limits._load_limits.cache_clear()
        with pytest.raises(Exception, match=words):
            limits.current_limits()
    limits._load_limits.cache_clear()


@pytest.mark.long  # tests/test_bad_files.py judges all of them in this process
@pytest.mark.parametrize(
    "name", ["gadget_os_system.keras", "huge_dense_4g.keras", "wrong_shape.h5", "softmax2.keras"]
)
def test_collected_models_are_judged_apart_as_their_manifest_says(
    bad_inputs, workspace, apart, name
):
    with open(bad_inputs / "manifest.csv", newline="", encoding="utf-8") as file:
        (row,) = (row for row in csv.DictReader(file) if row["file"] == name)
    before = cpu()
    try:
        predictor = predict.load_predictor(bad_inputs / "files" / name)
        outcome = "accept with warning" if predictor.warnings else "accept"
    except ModelError:
        outcome = "reject"
    assert outcome in row["expectation"]
    assert cpu() - before < SECONDS
    assert not Path("/tmp/catdog_pwned").exists()


def unicode_path(name, stored):
    """The extra field 0x7075: another name for a member, which newer versions of zipfile take."""
    data = b"\x01" + zlib.crc32(stored.encode()).to_bytes(4, "little") + name.encode()
    return b"\x75\x70" + len(data).to_bytes(2, "little") + data


@pytest.mark.parametrize("trick", ["alias", "extra"])
def test_a_member_with_two_names_is_refused_or_has_one_for_all(plain, tmp_path, trick):
    path = tmp_path / "two.keras"
    with zipfile.ZipFile(plain / "plain.keras") as old, zipfile.ZipFile(path, "w") as new:
        names = sorted(old.namelist())
        for name in names:
            info = zipfile.ZipInfo(f"./{name}" if trick == "alias" else name)
            if trick == "extra" and name == "metadata.json":
                info.extra = unicode_path("config.json", name)
            new.writestr(info, old.read(name))
    with zipfile.ZipFile(path) as archive:
        plainly_named = sorted(archive.namelist()) == names
    if plainly_named:
        untrusted_models.inspect_model_file(path)
    else:
        with pytest.raises(ModelError, match=r"two different names|twice|is missing"):
            untrusted_models.inspect_model_file(path)
