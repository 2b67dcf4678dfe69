"""Models from strangers: nothing runs, floods or leaves the process that looks at them."""

import csv
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import fakes
import keras
import pytest
import strange_models

from catdog_core import files, limits, models, predict
from catdog_core.errors import ModelError
from catdog_core.limits import Limits
from catdog_core.networks import known_classes, model_check, model_child, strangers

SECONDS = 10


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
    found = {name for name in dir(keras.layers) if isinstance(getattr(keras.layers, name), type)}
    assert found - known_classes.LAYERS - known_classes.REFUSED == {"InputSpec", "Layer"}
    assert found >= known_classes.LAYERS


NAMES = sorted(strange_models.escapes(files.PROJECT))


@pytest.mark.parametrize("name", NAMES)
def test_a_known_escape_is_refused_as_data(plain, tmp_path, marker, name):
    change = strange_models.escapes(marker)[name]
    path = strange_models.rewritten(plain / "plain.keras", tmp_path / "x.keras", change)
    with pytest.raises(ModelError, match="Expected a"):
        strangers.inspect(path)
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


@pytest.mark.parametrize("name", sorted(set(strange_models.floods()) - ONLY_BUILT))
def test_a_small_file_that_asks_for_much_is_refused_as_data(plain, tmp_path, name):
    change = strange_models.floods()[name]
    path = strange_models.rewritten(plain / "plain.keras", tmp_path / "x.keras", change)
    with pytest.raises(ModelError, match="Expected"):
        strangers.inspect(path)


def test_weights_are_counted_before_they_are_allocated(plain, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.Layer, "add_weight", keras.Layer.add_weight)  # put back at the end
    change = strange_models.floods()["units that the weights do not hold"]
    path = strange_models.rewritten(plain / "plain.keras", tmp_path / "x.keras", change)
    with pytest.raises(ModelError, match="weights or more, but holds"):
        model_child.try_out(path, path.name, strangers.held(path))


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(strange_models.floods()))
def test_a_small_file_that_asks_for_much_costs_little(plain, tmp_path, workspace, apart, name):
    change = strange_models.floods()[name]
    path = strange_models.rewritten(plain / "plain.keras", tmp_path / "x.keras", change)
    before = cpu()
    with pytest.raises(ModelError, match="Expected"):
        predict.load(path)
    assert cpu() - before < SECONDS


def cpu():
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def test_tricks_of_hdf5_are_refused(plain, tmp_path):
    tricks = strange_models.h5_tricks(plain / "plain.h5", tmp_path)
    # What Keras never walks through, or refuses itself.
    harmless = {"circle", "a trillion paths", "no weights"}
    for name, path in tricks.items():
        if name in harmless:
            assert strangers.inspect(path) == ".h5"
            continue
        with pytest.raises(ModelError):
            strangers.inspect(path)
            pytest.fail(name)


def test_tricks_of_zips_are_refused(plain, tmp_path):
    for name, path in strange_models.zip_tricks(plain / "plain.keras", tmp_path).items():
        with pytest.raises(ModelError):
            strangers.inspect(path)
            pytest.fail(name)


def test_a_good_model_passes_within_seconds_and_is_checked_once(plain, workspace, apart):
    start = cpu()
    assert predict.load(plain / "plain.keras").size == 32
    assert cpu() - start < SECONDS
    before = time.monotonic()
    predict.load(plain / "plain.keras")
    assert time.monotonic() - before < 1
    assert len(list((workspace / "models_checked").glob("*.json"))) == 1


def test_other_limits_have_a_model_checked_anew(plain, workspace, apart, allow, monkeypatch):
    asked = []
    monkeypatch.setattr(model_check, "_ask", lambda *args: asked.append(args))
    model_check.check(plain / "plain.h5", "a", "d" * 64)
    model_check.check(plain / "plain.h5", "a", "d" * 64)
    allow(model_seconds=5)
    model_check.check(plain / "plain.h5", "a", "d" * 64)
    assert len(asked) == 2


def test_the_labs_own_models_are_looked_at_but_not_opened_apart(
    plain, workspace, apart, monkeypatch
):
    monkeypatch.setattr(model_check, "_ask", lambda *_: pytest.fail("asked"))
    own = workspace / "runs" / "first" / "best.keras"
    own.parent.mkdir(parents=True)
    own.write_bytes((plain / "plain.keras").read_bytes())
    assert predict.load(own).size == 32


def test_what_this_process_wrote_is_its_own_until_it_changes(plain, workspace, tmp_path):
    path = tmp_path / "mine.keras"
    models.save(keras.models.load_model(plain / "plain.h5", compile=False), path, {})
    assert model_check._is_own(path)
    path.write_bytes((plain / "plain.keras").read_bytes())
    assert not model_check._is_own(path)


def test_a_model_uploaded_to_the_page_is_checked_apart(plain, workspace, apart):
    app = fakes.page("6_Predict")
    app.segmented_control("predict_kind").set_value("file").run()
    upload = ("plain.h5", (plain / "plain.h5").read_bytes(), "")
    app.file_uploader("predict_model").set_value([upload]).run()
    assert not app.exception and not app.error
    assert "32 × 32" in fakes.said(app.caption)
    assert len(list((workspace / "models_checked").glob("*.json"))) == 1


def test_a_link_among_the_runs_to_a_strangers_model_is_a_strangers(plain, workspace):
    (workspace / "runs").mkdir(parents=True)
    (workspace / "runs" / "link.keras").symlink_to(plain / "plain.keras")
    assert not model_check._is_own(workspace / "runs" / "link.keras")


def test_the_process_knows_no_secrets_and_holds_no_files(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("PYTHONSTARTUP", "x")
    known = model_check.environment(tmp_path)
    assert "hush" not in known.values()
    assert set(known) <= {*model_check._KEPT, *model_check.environment(tmp_path)}
    assert not [key for key in known if "KEY" in key or "TOKEN" in key or key == "PYTHONSTARTUP"]
    assert known["HOME"] == str(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_real_process_sees_neither_secrets_nor_files_nor_our_folder(
    plain, workspace, tmp_path, monkeypatch
):
    monkeypatch.setenv("GITHUB_TOKEN", "hush")
    (tmp_path / "secret").write_text("hush")
    told = (
        "import json, os; links = [os.path.realpath(f'/proc/self/fd/{n}') for n in range(3, 99)];"
        " seen = [*os.environ.values(), *links, os.getcwd(), str(os.listdir())];"
        " os.write(1, json.dumps({'message': '{x}', 'params': {'x': ' '.join(seen)}}).encode())"
    )
    monkeypatch.setattr(model_check, "_START", told.replace("{", "{{").replace("}", "}}"))
    with open(tmp_path / "secret") as file, pytest.raises(ModelError) as found:
        os.set_inheritable(file.fileno(), True)
        model_check._ask(plain / "plain.h5", "a.h5", Limits())
    assert "catdog-check-" in str(found.value) and "[]" in str(found.value)
    for private in ("hush", str(tmp_path / "secret"), str(Path.cwd())):
        assert private not in str(found.value).replace(str(Path(sys.executable).parent), "")


def prisoner(tmp_path, code):
    """Exit status of a process that runs code where a model would run."""
    home = tmp_path / "home"
    home.mkdir()
    text = f"""
import sys, os
sys.path.insert(0, {str(files.PROJECT)!r})
from pathlib import Path
from catdog_core.networks import model_child
sys.addaudithook(model_child._warden(Path.cwd()))
{code}
"""
    done = subprocess.run([sys.executable, "-c", text], cwd=home, capture_output=True)
    return done.returncode


@pytest.mark.parametrize(
    "code",
    [
        "os.system('touch {marker}')",
        "import subprocess; subprocess.run(['touch', '{marker}'])",
        "open('{marker}', 'w')",
        "os.open('{marker}', os.O_CREAT | os.O_WRONLY)",
        "Path('../marker').write_text('x')",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import urllib.request; urllib.request.urlopen('http://localhost:9')",
        "import pickle; pickle.loads(pickle.dumps(os.system))",
        "os.fork()",
        "try:\n    os.system('touch {marker}')\nexcept BaseException:\n    pass",
    ],
)
def test_whatever_runs_in_the_process_cannot_leave_it(tmp_path, marker, code):
    assert prisoner(tmp_path, code.format(marker=marker)) == model_child.BREACH
    assert not marker.exists()


def test_it_may_write_in_its_own_folder(tmp_path):
    assert prisoner(tmp_path, "open('note', 'w').write('x'); open(os.devnull, 'w')") == 0


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (0, b"", "break off"),
        (0, b"[]", "break off"),
        (0, b'{"ok": 1}', "break off"),
        (1, b'{"ok": true}', "break off"),
        (-11, b"", "break off"),
        (-24, b"", "more than 10 s"),
        (0, b'{"memory": true}', "bytes of memory"),
        (model_child.BREACH, b'{"ok": true}', "reach outside"),
        (0, b'{"message": "{x.__class__}", "params": {"x": "a"}}', "break off"),
        (0, b'{"message": "{x:>9999999999}", "params": {"x": "a"}}', "break off"),
        (0, b'{"message": "{y}", "params": {"x": "a"}}', "break off"),
        (0, b'{"message": "{x} it is", "params": {"x": "so"}}', "so it is"),
        (0, b"\xff" * 100, "break off"),
    ],
)
def test_only_the_form_of_an_answer_is_believed(status, answer, words):
    with pytest.raises(ModelError, match=words):
        model_check._judge("a.keras", Limits(), status, answer)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds these limits")
def test_memory_and_time_are_bounded_by_the_system(tmp_path):
    start = f"import sys; sys.path.insert(0, {str(files.PROJECT)!r})\n"
    start += "from catdog_core.networks import model_child as c\n"
    flood = (
        "c._bound(300_000_000)\ntry:\n    bytearray(10**9)\nexcept MemoryError:\n    sys.exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", start + flood]).returncode == 9
    hang = "c._bound_cpu(0)\nwhile True: pass"
    assert subprocess.run([sys.executable, "-c", start + hang]).returncode in (-24, -9)


def test_a_process_that_sleeps_or_grows_is_ended_from_here(plain, workspace, monkeypatch):
    def start(code, allowed):
        monkeypatch.setattr(model_check, "_START", code + "  # {path}")
        model_check._ask(plain / "plain.h5", "a.h5", allowed)

    hog = "import time; x = bytearray(200_000_000); time.sleep(60)"
    with pytest.raises(ModelError, match="bytes of memory"):
        start(hog, Limits().model_copy(update={"model_memory": 100_000_000}))
    clock = iter([0.0, *[1e9] * 99])
    monkeypatch.setattr(model_check.time, "monotonic", lambda: next(clock))
    with pytest.raises(ModelError, match="more than 10 s"):
        start("import time; time.sleep(60)", Limits())


def test_limits_come_from_the_workspace_and_are_named_when_wrong(workspace):
    workspace.mkdir()
    (workspace / "limits.json").write_text(json.dumps({"model_bytes": 2_000_000}))
    limits._of.cache_clear()
    assert limits.current().model_bytes == 2_000_000
    for text, words in (('{"x": 1}', "no setting 'x'"), ('{"photo_scans": 0}', "Expected a whole")):
        (workspace / "limits.json").write_text(text)
        limits._of.cache_clear()
        with pytest.raises(Exception, match=words):
            limits.current()
    limits._of.cache_clear()


@pytest.mark.long
def test_every_collected_model_is_judged_apart_as_its_manifest_says(bad_inputs, workspace, apart):
    with open(bad_inputs / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"].startswith("model/")]
    for row in rows:
        before = cpu()
        try:
            found = predict.load(bad_inputs / "files" / row["file"])
            outcome = "accept with warning" if found.warnings else "accept"
        except ModelError:
            outcome = "reject"
        assert outcome in row["expectation"], (row["file"], outcome)
        assert cpu() - before < SECONDS, row["file"]
    assert not Path("/tmp/catdog_pwned").exists()
