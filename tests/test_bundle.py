"""Runs that travel: out as a zip, in elsewhere, with nothing lost and nothing believed."""

import hashlib
import io
import json
import shutil
import stat
import zipfile

import fakes
import numpy as np
import pytest

from catdog_core import access, datasets, export, files, runs
from catdog_core.errors import AccessError, CatDogError, ModelError, RunError
from catdog_core.exports import bundle_in
from catdog_core.insight import predictions
from catdog_core.networks import model_check
from catdog_core.outcomes import histories
from catdog_core.settings import Training


@pytest.fixture(scope="module")
def travelled(demo, tmp_path_factory):
    """A run stopped after two of four epochs and asked about its photos, and its bundle."""
    from catdog_core import evaluate, predict

    folder = tmp_path_factory.mktemp("elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(folder / "workspace"))
        dataset = datasets.open_folder(demo)
        training = Training(epochs=4, image_size=32, batch_size=12, learning_rate=1e-3)
        run = runs.create(dataset, training, None, name="far *away*")
        runs.annotate(run, "What a run.")
        stop = lambda state: state.get("epoch") == 2 and (run / "stop").touch()  # noqa: E731
        runs.work(run, stop)
        assert runs.load(run).status == "stopped" and len(runs.load(run).epochs) == 2
        evaluate.keep(run, predict.load, dataset, "validation")
        path = export.save(run, "bundle", folder / "run.zip")
    return run, path


@pytest.fixture
def here(workspace, demo, tmp_path):
    """An empty workspace, and the same photos in another place of this machine."""
    shutil.copytree(demo, tmp_path / "copied")
    return tmp_path / "copied"


def test_a_run_that_travelled_is_the_same_run(travelled, here):
    from catdog_core import predict

    run, path = travelled
    datasets.open_folder(here)
    found = bundle_in.bring(path)
    before, after = runs.load(run), found.run
    assert (after.name, after.note, after.status) == ("far *away*", "What a run.", "stopped")
    assert after.training == before.training and after.epochs == before.epochs
    assert runs.batches(after.folder) == runs.batches(before.folder)
    assert histories.of_run(after) == histories.of_run(before)
    photos = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    answers = [predict.load(folder).predict(photos) for folder in (run, after.folder)]
    assert np.array_equal(*answers)


def test_its_photos_are_recognised_under_another_name(travelled, here):
    run, path = travelled
    dataset = datasets.open_folder(here)
    found = bundle_in.bring(path)
    assert found.dataset is not None and found.dataset.id == dataset.id
    assert found.run.dataset_id == dataset.id != runs.load(run).dataset_id
    # What the model said of them elsewhere need not be asked again.
    table = predictions.read(found.run.folder, dataset, "validation").table
    assert table is not None and len(table) == 24


def test_it_trains_on_where_it_stopped_even_if_its_photos_come_later(travelled, here):
    run, path = travelled
    found = bundle_in.bring(path)
    assert found.dataset is None and found.run.can_resume
    with pytest.raises(CatDogError, match="no dataset"):
        runs.work(found.run.folder)
    datasets.open_folder(here)
    runs.work(found.run.folder)
    ended = runs.load(found.run.folder)
    assert ended.status == "done" and len(ended.epochs) == 4
    assert ended.epochs[:2] == runs.load(run).epochs


def test_every_model_is_tried_in_a_process_of_its_own_first(travelled, workspace, monkeypatch):
    asked = []
    monkeypatch.setattr(model_check, "check", lambda path, name, digest: asked.append(name))
    bundle_in.bring(travelled[1])
    assert asked == ["backup.keras", "best.keras"]

    def refuse(path, name, digest):
        raise ModelError("{name} took too long.", name=name)

    monkeypatch.setattr(model_check, "check", refuse)
    with pytest.raises(ModelError, match="took too long"):
        bundle_in.bring(travelled[1])
    assert len(runs.listing()) == 1


def test_nobody_learns_from_a_bundle_where_its_photos_lie(travelled, demo):
    with zipfile.ZipFile(travelled[1]) as archive:
        for name in archive.namelist():
            assert str(demo.parent).encode() not in archive.read(name), name


def test_a_bundle_tells_what_another_program_must_know(travelled):
    with zipfile.ZipFile(travelled[1]) as archive:
        told = json.loads(archive.read("preprocessing.json"))
        assert told["resize"]["width"] == 32 and told["input"]["values"] == [0, 255]
        assert archive.read("labels.txt") == b"cats\ndogs\n"
        assert "keras" in json.loads(archive.read("environment.json"))["training"]
        readme = archive.read("README.txt").decode()
        assert "32 x 32" in readme and "resumed" in readme
        manifest = json.loads(archive.read("manifest.json"))
        assert set(manifest["files"]) | {"manifest.json"} == set(archive.namelist())


def test_no_run_that_is_there_is_touched(travelled, workspace):
    first = bundle_in.bring(travelled[1]).run
    runs.rename(first.folder, "mine")
    second = bundle_in.bring(travelled[1]).run
    assert second.id != first.id and runs.load(first.folder).name == "mine"
    assert len(runs.listing()) == 2


def test_the_shipped_model_travels_too(workspace, tmp_path):
    path = export.save("default", "bundle", tmp_path / "default.zip")
    found = bundle_in.bring(path).run
    assert found.status == "done" and found.model == "transfer"


def test_what_has_no_model_or_is_training_is_not_bundled(workspace, tmp_path):
    with pytest.raises(RunError, match="no model yet"):
        export.save(fakes.run("bare"), "bundle", tmp_path / "b.zip")
    with pytest.raises(CatDogError, match="There is no run"):
        export.save(tmp_path / "nowhere", "bundle", tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


def test_the_command_brings_a_run_in_and_says_what_can_be_done(travelled, here, capsys):
    assert fakes.shell(capsys, "import-run", travelled[1])[0] == 0
    datasets.open_folder(here)
    status, out, _ = fakes.shell(capsys, "import-run", travelled[1])
    assert status == 0 and "2 epochs, stopped" in out and "go on with 'resume" in out
    status, out, _ = fakes.shell(capsys, "import-run", travelled[1], "--json")
    assert json.loads(out)["dataset"] == datasets.listing()[0].id
    status, _, error = fakes.shell(capsys, "import-run", here / "nothing.zip")
    assert status == 1 and "could not be read" in error


def repacked(path, change=lambda name, data: data, extra=(), lies=False, how=zipfile.ZIP_STORED):
    """The bundle with its files changed, and the manifest with them unless it is to lie."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w", how) as target:
        kept = {name: source.read(name) for name in source.namelist()}
        kept = {name: change(name, data) for name, data in kept.items()}
        kept = {name: data for name, data in kept.items() if data is not None}
        manifest = json.loads(kept.pop("manifest.json"))
        if not lies:
            manifest["files"] = {
                name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                for name, data in [*kept.items(), *extra]
            }
        for name, data in [*kept.items(), *extra, ("manifest.json", json.dumps(manifest))]:
            target.writestr(name, data)
    out.seek(0)
    return out


def edited(wanted, **values):
    """A change of one JSON file of the bundle."""

    def change(name, data):
        if name != wanted:
            return data
        found = json.loads(data)
        for key, value in values.items():
            place = found
            *path, last = key.split("__")
            for part in path:
                place = place[part]
            place[last] = value
        return json.dumps(found).encode()

    return change


def replaced(wanted, content):
    return lambda name, data: content if name == wanted else data


BAD = {
    "leads out of its folder": {"extra": [("../evil.txt", b"x")]},
    "an absolute path": {"extra": [("/etc/evil", b"x")]},
    "backslashes that lead out": {"extra": [("run\\..\\..\\evil", b"x")]},
    "a file no run has": {"extra": [("run/evil.py", b"x")]},
    "odd names of tables": {"extra": [("run/predictions/../../x-test.csv", b"x")]},
    "a file twice": {"extra": [("run/about.json", b"{}")]},
    "a flipped bit": {"change": replaced("run/best.keras", b"PK\x03\x04zzz"), "lies": True},
    "a file that is missing": {"change": replaced("run/best.keras", None), "lies": True},
    "no model": {"change": replaced("run/best.keras", None)},
    "a model that is none": {"change": replaced("run/best.keras", b"no model")},
    "metrics of text": {"change": replaced("run/metrics.jsonl", b'{"epoch": 0, "loss": "<b>"}\n')},
    "no epoch": {"change": replaced("run/metrics.jsonl", b"")},
    "settings that are no JSON": {"change": replaced("run/settings.json", b"[" * 9000)},
    "settings of a list": {"change": replaced("run/settings.json", b"[]")},
    "a newer format": {"change": edited("manifest.json", format=99)},
    "something else's manifest": {"change": edited("manifest.json", kind="recipe")},
    "another class": {"change": edited("run/settings.json", classes=["cats", "cows"])},
    "one class": {"change": edited("run/settings.json", classes=["cats"])},
    "an absurd time": {"change": edited("run/settings.json", created=1e99)},
    "photos below zero": {"change": edited("run/settings.json", dataset__train=-1)},
    "a setting out of range": {"change": edited("run/settings.json", training__epochs=10**9)},
    "an unknown setting": {"change": edited("run/settings.json", training__evil=1)},
    "a resume point of text": {"change": edited("run/backup.json", epoch="1")},
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bundle_with_a_fault_is_refused_and_leaves_nothing(fault, travelled, workspace, tmp_path):
    with pytest.raises((RunError, ModelError, CatDogError)) as caught:
        with pytest.warns(UserWarning) if "twice" in fault else io.BytesIO():
            file = repacked(travelled[1], **BAD[fault])
        bundle_in.bring(file)
    assert type(caught.value) is not CatDogError and len(str(caught.value)) > 40
    assert not (runs.root().is_dir() and list(runs.root().iterdir()))
    assert not list(tmp_path.rglob("evil*"))


def test_a_bundle_that_claims_little_and_unpacks_to_much_is_refused(travelled, workspace):
    extra = [(f"run/predictions/d{n}-test.csv", b" " * 40_000_000) for n in range(4)]
    bomb = repacked(travelled[1], extra=extra, how=zipfile.ZIP_DEFLATED)
    with pytest.raises(RunError, match=r"unpacks from [\d,]+ to"):
        bundle_in.bring(bomb)
    large = repacked(travelled[1], replaced("run/about.json", b" " * 5_000_000))
    with pytest.raises(CatDogError, match=r"about\.json has 5,000,000 bytes"):
        bundle_in.bring(large)


def test_links_and_what_is_no_zip_are_refused(travelled, workspace, tmp_path):
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as archive:
        info = zipfile.ZipInfo("run/best.keras")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(CatDogError, match="link"):
        bundle_in.bring(tmp_path / "l.zip")
    for content in (b"", b"no zip at all", travelled[1].read_bytes()[:-500]):
        (tmp_path / "n.zip").write_bytes(content)
        with pytest.raises(RunError, match="cannot be brought in"):
            bundle_in.bring(tmp_path / "n.zip")
    assert not list(runs.root().iterdir())


def test_a_zip_of_photos_is_no_bundle(workspace, tmp_path, photo):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(photo, "cats/1.png")
    with pytest.raises(RunError, match=r"cats/1\.png, which no run has"):
        bundle_in.bring(tmp_path / "photos.zip")


def test_a_full_disk_leaves_no_half_of_a_run(travelled, workspace, monkeypatch):
    real = files.write_json

    def fail(path, value):
        if path.name == "state.json":
            raise CatDogError("The disk is full.")
        real(path, value)

    monkeypatch.setattr(files, "write_json", fail)
    with pytest.raises(CatDogError, match="disk is full"):
        bundle_in.bring(travelled[1])
    assert not list(runs.root().iterdir())


def test_names_that_would_be_markup_or_a_path_stay_names(travelled, workspace):
    file = repacked(
        travelled[1], edited("run/about.json", name="../../<b>x</b>\x1b[31m", group={"id": "g"})
    )
    run = bundle_in.bring(file).run
    assert run.folder.parent == runs.root() and not run.group
    assert "\x1b" not in run.name
    file = repacked(travelled[1], edited("manifest.json", run__id="../../outside"))
    assert bundle_in.bring(file).run.folder.parent == runs.root()


def test_in_a_shared_lab_a_run_that_comes_in_has_its_owner(travelled, workspace, monkeypatch):
    monkeypatch.setenv("CATDOG_ACCESS", '{"shared": true}')
    monkeypatch.setattr(access, "_ask", lambda: access.Visitor("mina", "student"))
    assert bundle_in.bring(travelled[1]).run.owner == "mina"
    monkeypatch.setattr(access, "_ask", lambda: access.Visitor("", "audience"))
    with pytest.raises(AccessError):
        bundle_in.bring(travelled[1])
    assert len(runs.listing()) == 1


def test_a_bundle_of_many_files_is_refused_before_it_is_unpacked(travelled, workspace):
    extra = [(f"run/predictions/d{n}-test.csv", b"") for n in range(300)]
    with pytest.raises(RunError, match="more than 200 files"):
        bundle_in.bring(repacked(travelled[1], extra=extra))


@pytest.mark.long
def test_the_models_of_a_bundle_pass_the_check_in_a_process_of_its_own(travelled, workspace, apart):
    assert bundle_in.bring(travelled[1]).run.can_resume
    assert len(list((workspace / "models_checked").iterdir())) == 2


@pytest.mark.parametrize("seed", [0, pytest.param(range(1, 12), marks=pytest.mark.long)])
def test_a_bundle_with_bytes_changed_by_chance_is_whole_or_refused(seed, travelled, workspace):
    whole = travelled[1].read_bytes()
    for one in [seed] if isinstance(seed, int) else seed:
        rng = np.random.default_rng(one)
        for _ in range(40):
            changed = bytearray(whole)
            # Half of the places lie in the table of contents and the manifest, at the end.
            for place in rng.integers(0, rng.choice([len(whole), 3000]), rng.integers(1, 5)):
                changed[-1 - place] = rng.integers(0, 256)
            try:
                came = bundle_in.bring(io.BytesIO(changed)).run
            except CatDogError:
                assert not list(runs.root().iterdir())
                continue
            assert came.epochs == runs.load(travelled[0]).epochs
            files.remove_tree(came.folder)
