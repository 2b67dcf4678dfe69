"""Photos brought on the Data page: each source shows what is inside, and takes it on a click."""

import io
import re
import tarfile
import threading
import time
import zipfile

import fakes
import numpy as np
import pytest

from catdog_core.base import jobs
from catdog_core.base.errors import DownloadError
from catdog_core.data import cats_vs_dogs, datasets, tfds
from catdog_core.data.tfds import TfdsInfo
from catdog_core.imaging import decode

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture(autouse=True)
def no_jobs():
    yield
    for key, job in list(jobs._jobs.items()):
        job.stop()
        end = time.monotonic() + 60
        while job.status == "running" and time.monotonic() < end:
            time.sleep(0.01)
        jobs.forget_job(key)


def page(source, path="1_Data"):
    app = fakes.open_page(path)
    if source:
        app.pills("source_kind").set_value(source).run()
    assert not app.exception
    return app


def press(app, label):
    next(b for b in app.button if b.label == label).click()
    app.run()
    assert not app.exception


def chosen(app):
    value = app.query_params["dataset"]
    return value if isinstance(value, str) else value[0]


def photo(shade):
    return decode.encode_photo(np.full((30, 40, 3), shade, np.uint8))


@pytest.mark.parametrize("source", ["demo", "class", "archive", "photos", "camera", "folder"])
def test_every_source_opens(source):
    app = page(source)
    assert not app.error


def test_a_folder_is_understood_then_added(demo):
    app = page("folder")
    app.text_input("source_path").set_value(str(demo))
    press(app, "Preview")
    assert "| cats | 24 | 12 |" in fakes.joined_text(app.markdown)
    assert any(".st-key-source_preview" in html.value for html in app.get("html"))  # in view
    assert datasets.list_datasets() == []
    app.button("source_open").click().run()
    assert not app.exception
    assert chosen(app) == datasets.list_datasets()[0].id
    assert list(app.dataframe[0].value["Class"]) == ["cats", "dogs"]


def test_a_folder_that_is_none_is_refused_in_a_sentence():
    app = page("folder")
    app.text_input("source_path").set_value("/nowhere/at/all")
    press(app, "Preview")
    assert "doesn't exist" in fakes.joined_text(app.error)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_is_understood_then_imported(demo, kind):
    data = io.BytesIO()
    names = sorted(p for p in demo.rglob("*.jpg"))
    if kind == "zip":
        with zipfile.ZipFile(data, "w") as archive:
            for path in names:
                archive.write(path, "wrapped" / path.relative_to(demo))
            archive.writestr("wrapped/train/cats/read.me", "text")
    else:
        with tarfile.open(fileobj=data, mode="w:gz") as archive:
            archive.add(demo, "wrapped")
    app = page("archive")
    name = "pets.zip" if kind == "zip" else "pets.tar.gz"
    app.file_uploader("source_zip").set_value([(name, data.getvalue(), "application/zip")]).run()
    assert "| dogs | 24 | 12 |" in fakes.joined_text(app.markdown)
    assert "outer folder wrapped is skipped" in fakes.joined_text(app.caption)
    assert ("Other files skipped: 1" in fakes.joined_text(app.caption)) == (kind == "zip")
    assert datasets.list_datasets() == []
    app.button("source_import").click().run()
    assert not app.exception
    assert (datasets.list_datasets()[0].source, datasets.list_datasets()[0].name) == (kind, "pets")


def test_an_archive_that_is_none_is_refused_in_a_sentence():
    app = page("archive")
    app.file_uploader("source_zip").set_value([("x.zip", b"text", "application/zip")]).run()
    assert "isn't a complete archive" in fakes.joined_text(app.error)
    assert not [b for b in app.button if b.key == "source_import"]


def test_several_zips_become_one_dataset_and_the_encoding_can_be_chosen():
    names = {"kocky.zip": "kočky".encode("cp1250"), "psi.zip": b"psi  "}
    files = []
    for number, (name, folder) in enumerate(names.items()):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for i in range(2):
                archive.writestr(f"#####/{i}.jpg", photo(30 * i + 9 * number))
        packed = data.getvalue().replace(b"#####", folder)
        files.append((name, packed, "application/zip"))
    app = page("archive")
    app.file_uploader("source_zip").set_value(files).run()
    assert not app.exception and not app.error
    assert "choose another encoding" in fakes.joined_text(app.caption)
    (choice,) = app.selectbox
    assert choice.label == "How names are read" and "| koèky |" in fakes.joined_text(app.markdown)
    choice.set_value("cp1250").run()
    assert "| kočky |" in fakes.joined_text(app.markdown)
    assert "choose another encoding" not in fakes.joined_text(app.caption)
    app.button("source_import").click().run()
    assert not app.exception and not app.error
    (dataset,) = datasets.list_datasets()
    assert "kočky" in dataset.classes and dataset.name == "kocky + psi"


def test_photos_dropped_class_by_class_become_a_dataset():
    app = page("photos")
    for n, name in enumerate(["cats", "dogs *x*"]):
        app.text_input("pile_name").set_value(name).run()
        some = [(f"{i}.jpg", photo(40 * i + 7 * n), "image/jpeg") for i in range(3)]
        app.file_uploader(f"pile_files_{n}").set_value(some).run()
        app.button("pile_add").click().run()
        assert not app.exception
    assert app.button("pile_drop_1").label == "dogs \\*x\\*: 3 photos"
    app.text_input("pile_title").set_value("Mine").run()
    app.button("pile_make").click().run()
    assert not app.exception
    dataset = datasets.load_dataset(chosen(app))
    assert (dataset.name, dataset.source, dataset.classes) == (
        "Mine",
        "photos",
        ("cats", "dogs *x*"),
    )
    assert len(dataset.items()) == 6


def test_a_class_of_one_photo_is_told_and_can_be_taken_away():
    app = page("photos")
    for n, count in enumerate([2, 1]):
        app.text_input("pile_name").set_value(f"class{n}").run()
        some = [(f"{i}.jpg", photo(40 * i + 7 * n), "image/jpeg") for i in range(count)]
        app.file_uploader(f"pile_files_{n}").set_value(some).run()
        app.button("pile_add").click().run()
    assert "Class class1 has only 1 photo" in fakes.joined_text(app.error)
    app.button("pile_drop_1").click().run()
    assert not app.exception and not app.error


def progress_of(app):
    return " ".join(bar.proto.text for bar in app.get("progress"))


def settle(app, until):
    """Run the app again until something holds; the browser would do so by itself."""
    end = time.monotonic() + 60
    while not until(app) and time.monotonic() < end:
        time.sleep(0.05)
        app.run()
    assert until(app) and not app.exception


@pytest.mark.parametrize("path", ["", "1_Data"])
def test_the_class_dataset_comes_by_one_click_in_the_background(monkeypatch, demo, path):
    go = threading.Event()

    def fetched(fetch):
        fetch.tell(cats_vs_dogs.DOWNLOADING, 17_000_000, 68_000_000)
        go.wait(60)
        return datasets.open_folder(demo)

    monkeypatch.setattr(cats_vs_dogs, "fetch_cats_vs_dogs", fetched)
    app = page("class" if path else "", path)
    key = "source_class" if path else "home_class"
    app.button(key).click().run()
    assert app.button(key).disabled  # a second click cannot begin a second one
    settle(app, lambda app: "17 of 68 MB" in progress_of(app))
    assert page("", "2_Augment").title  # another window, another page: all as ever
    go.set()
    settle(app, lambda app: "dataset" in app.query_params)
    assert chosen(app) == datasets.list_datasets()[0].id


def test_without_a_network_a_sentence_points_at_the_demo_set(monkeypatch):
    def fail(fetch):
        raise DownloadError("There is no connection. The demo dataset needs no network.")

    monkeypatch.setattr(cats_vs_dogs, "fetch_cats_vs_dogs", fail)
    app = page("class")
    app.button("source_class").click().run()
    settle(app, lambda app: app.error)
    assert "demo dataset needs no network" in fakes.joined_text(app.error)
    app.button("job_dismiss_class_set").click().run()
    assert not app.error


def test_a_download_is_stopped_and_can_go_on(monkeypatch):
    def wait(fetch):
        while not fetch.stopped():
            time.sleep(0.01)
        raise DownloadError("It goes on from where it was.")

    monkeypatch.setattr(cats_vs_dogs, "fetch_cats_vs_dogs", wait)
    app = page("class")
    app.button("source_class").click().run()
    app.button("job_stop_class_set").click().run()
    settle(app, lambda app: "goes on from where" in fakes.joined_text(app.info))
    assert app.button("job_again").label == "Try again"


def test_a_class_dataset_that_is_here_is_chosen_not_fetched(monkeypatch, demo):
    dataset = datasets.open_folder(demo)
    monkeypatch.setattr(cats_vs_dogs, "ID", dataset.id)
    app = page("class")
    app.button("source_class").click().run()
    assert chosen(app) == dataset.id


def test_tensorflow_datasets_is_a_source_only_where_it_is_installed(monkeypatch):
    for installed in (True, False):
        monkeypatch.setattr(tfds, "is_tfds_installed", lambda installed=installed: installed)
        assert ("TensorFlow Datasets" in str(page("demo").get("button_group"))) == installed


def test_a_name_of_tensorflow_datasets_is_looked_up_then_fetched(monkeypatch, demo):
    info = TfdsInfo("beans", ("a", "b"), {"train": 1034}, 180_000_000, "image", "label", None)
    monkeypatch.setattr(tfds, "is_tfds_installed", lambda: True)
    monkeypatch.setattr(tfds, "inspect_tfds_dataset", lambda name: info)
    monkeypatch.setattr(tfds, "import_tfds_dataset", lambda name, tell: datasets.open_folder(demo))
    app = page("tfds")
    app.text_input("tfds_name").set_value("beans")
    press(app, "Look up")
    settle(app, lambda app: re.search("1,034 train", fakes.joined_text(app.markdown)))
    assert "180 MB" in fakes.joined_text(app.caption)
    app.button("tfds_fetch").click().run()
    settle(app, lambda app: "dataset" in app.query_params)
    assert chosen(app) == datasets.list_datasets()[0].id


def test_an_uploaded_folder_becomes_what_a_zip_of_it_becomes():
    app = page("folder")
    some = [
        (f"pets/{split}/{name}/{i}.jpg", photo(30 * i + 90 * n + shade), "image/jpeg")
        for shade, split in enumerate(("train", "validation"))
        for n, name in enumerate(("cats", "dogs"))
        for i in range(3)
    ]
    extra = [("pets/notes.txt", b"text", "text/plain"), ("pets/.DS_Store", b"x", "")]
    app.file_uploader("source_directory").set_value([*some, *extra]).run()
    assert not app.exception
    assert "| cats | 3 | 3 |" in fakes.joined_text(app.markdown)
    app.button("source_directory_import").click().run()
    assert not app.exception
    dataset = datasets.load_dataset(chosen(app))
    assert (dataset.name, dataset.classes) == ("pets", ("cats", "dogs"))
    assert len(dataset.items("train")) == len(dataset.items("validation")) == 6


@pytest.mark.parametrize("path", ["pets/../../x/1.jpg", "/etc/1.jpg"])
def test_an_uploaded_path_out_of_its_folder_is_refused(path):
    app = page("folder")
    some = [(f"pets/{c}/{i}.jpg", photo(40 * i), "image/jpeg") for c in "ab" for i in range(3)]
    app.file_uploader("source_directory").set_value([*some, (path, photo(9), "")]).run()
    assert not app.exception
    assert "unsafe path" in fakes.joined_text(app.error)
    assert not [b for b in app.button if b.key == "source_directory_import"]


def moods(prefix=""):
    """Photos beside a table of which two columns could be the label."""
    rows = "".join(f"{i}.jpg,{['red', 'blue'][i % 2]},{['sad', 'glad'][i > 3]}\n" for i in range(8))
    some = {f"{prefix}{i}.jpg": photo(30 * i) for i in range(8)}
    return {**some, f"{prefix}x.csv": f"image,color,mood\n{rows}".encode()}


@pytest.mark.parametrize("source", ["archive", "folder"])
def test_the_label_column_of_uploaded_files_is_chosen(source):
    app = page(source)
    if source == "archive":
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for name, content in moods().items():
                archive.writestr(name, content)
        app.file_uploader("source_zip").set_value([("m.zip", data.getvalue(), "application/zip")])
    else:
        app.file_uploader("source_directory").set_value(
            [(name, content, "") for name, content in moods("m/").items()]
        )
    app.run()
    assert not app.exception and not app.error
    column = next(box for box in app.selectbox if box.label == "Label column")
    assert column.options == ["color", "mood"] and column.value is None
    assert not [b for b in app.button if b.label == "Import photos"]
    column.set_value("mood").run()
    assert "column mood" in fakes.joined_text(app.caption)
    press(app, "Import photos")
    assert datasets.load_dataset(chosen(app)).classes == ("glad", "sad")


def test_an_uploaded_folder_of_odd_classes_is_confirmed_first():
    app = page("folder")
    some = [
        (f"trip/{year}/{i}.jpg", photo(30 * i + year % 7), "image/jpeg")
        for year in (2021, 2022)
        for i in range(4)
    ]
    app.file_uploader("source_directory").set_value(some).run()
    assert "look like dates" in fakes.joined_text(app.warning)
    assert app.button("source_directory_import").disabled
    app.checkbox[0].check().run()
    app.button("source_directory_import").click().run()
    assert not app.exception and not app.error
    assert datasets.load_dataset(chosen(app)).classes == ("2021", "2022")
