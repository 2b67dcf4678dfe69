"""A folder or an archive at a URL comes into the workspace whole, or leaves only a sentence."""

import errno
import http.server
import io
import json
import logging
import shutil
import socket
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from functools import partial

import fakes
import numpy as np
import pytest

from catdog_core.base import access, jobs
from catdog_core.base.access import Visitor
from catdog_core.base.errors import AccessError, CatDogError, DatasetError
from catdog_core.data import allowed_roots, content_hashes, datasets, imports, url_import
from catdog_core.imaging import decode

fsspec = pytest.importorskip("fsspec", reason="URLs are an option of the lab")
pytest.importorskip("aiohttp", reason="URLs are an option of the lab")
SECRET = "topsecret-access-key"
WEIRD = ("1 #%.jpg", "ünï & cö.jpg", "con.jpg", ".hidden.jpg", "Thumbs.db", "notes.txt")


@pytest.fixture(autouse=True)
def quick(monkeypatch, workspace):
    monkeypatch.setattr(url_import, "_PAUSE", 0.0)
    jobs.forget_job("url_import")
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        allowed_roots.ROOTS_VARIABLE,
        allowed_roots.URLS_VARIABLE,
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """Drawn photos, one that cannot be read, a copy that leaks, names of all kinds."""
    root = tmp_path_factory.mktemp("photos") / "pets"
    datasets.make_demo(root, train=12, validation=8, size=32, seed=3)
    cats = root / "train" / "cats"
    photo = min(cats.iterdir()).read_bytes()
    for number, name in enumerate(WEIRD):
        (cats / name).write_bytes(photo + b"\0" * number)
    (cats / "broken.jpg").write_bytes(b"no photo at all")
    (root / "validation" / "dogs" / "leak.jpg").write_bytes(photo)
    return root


@pytest.fixture(scope="module")
def shared(pets):
    """What is at the URLs: a folder, a zip and a tar of it; a folder that an http server shows."""
    shutil.make_archive(str(pets), "zip", pets)
    shutil.make_archive(str(pets), "gztar", pets)
    yield pets.parent


@pytest.fixture(scope="module")
def bases(shared):
    """The URL of the same folder by protocol."""
    memory = fsspec.filesystem("memory")
    memory.put(str(shared), "/shared", recursive=True)
    handler = partial(Quiet, directory=str(shared))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield {
            "memory": "memory://shared",
            "file": shared.as_uri(),
            "http": f"http://127.0.0.1:{server.server_port}",
        }
        server.shutdown()
    memory.rm("/shared", recursive=True)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *_):
        """Say nothing."""


def held(dataset):
    """Class, split and content of each photo."""
    return sorted((i.label, i.split, content_hashes.digest_file(i.path)) for i in dataset.items())


def left(workspace):
    """What an import wrote."""
    return sorted(path.name for path in workspace.rglob("*") if not path.name.endswith(".lock"))


@pytest.mark.parametrize("what", ["pets", "pets.zip", "pets.tar.gz"])
@pytest.mark.parametrize("protocol", ["memory", "file", "http"])
def test_what_is_at_a_url_is_the_dataset_that_it_is_here(
    workspace, capsys, pets, shared, bases, protocol, what
):
    url = f"{bases[protocol]}/{what}"
    status, out, err = fakes.run_cli(capsys, "import", url, "--look")
    assert (status, err) == (0, "") and "train:" in out
    assert left(workspace) in ([], ["datasets"])
    status, out, err = fakes.run_cli(capsys, "import", url)
    assert (status, err) == (0, "")
    (dataset,) = datasets.list_datasets()
    assert f"{len(dataset.photos) - 1} photos in {dataset.root}, 1 can't be read" in out
    assert [path.name for path in dataset.root.parent.parent.iterdir()] == [dataset.id]
    here = imports.import_archive(shared / "pets.zip", "pets.zip")
    assert (dataset.classes, dataset.counts()) == (here.classes, here.counts())
    assert (dataset.name, here.name) == ("pets", "pets (2)")
    assert sorted(dataset.names.values()) == sorted(here.names.values())
    assert {"1 #%.jpg", "con.jpg"} <= set(dataset.names.values())
    assert held(dataset) == held(here)
    warnings = [[message for message, _ in each.note["warnings"]] for each in (dataset, here)]
    assert warnings[0] == warnings[1]
    loaded = decode.load_photos(
        [item.path for item in datasets.load_dataset(dataset.id).items()], 16
    )
    assert sum(isinstance(photo, Exception) for photo in loaded) == 1


def test_a_folder_of_plain_names_has_the_fingerprint_it_has_here(demo):
    """So a run that was trained on it, here or at the URL, goes on."""
    assert imports.import_url(demo.as_uri()).fingerprint == datasets.scan_folder(demo).fingerprint


def test_progress_is_told_in_bytes_by_phase(bases):
    reports = []
    imports.import_url(f"{bases['memory']}/pets", lambda *now: reports.append(now))
    for phase in ("Downloading", "Unpacking"):
        done = [row[1] for row in reports if row[0] == phase]
        assert done == sorted(done) and done[-1] == reports[-1][2] > 0


def refused(capsys, workspace, url, words, *flags):
    """An import fails with one line and leaves nothing."""
    before = left(workspace)
    status, out, err = fakes.run_cli(capsys, "import", url, *flags)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert words in err and "hunter2" not in err and "Internal error" not in err
    assert set(left(workspace)) <= {*before, "datasets"}
    return err


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("memory://nothing/there", "There's nothing at memory://nothing/there"),
        ("memory://nothing/there.zip", "There's nothing at memory://nothing/there.zip"),
        ("{http}/nobody", "There's nothing at"),
        ("{http}/nobody.tar", "There's nothing at"),
        ("{file}/pets/nobody", "There's nothing at"),
        ("{http}/pets/train/cats/notes.txt", "has no files."),
        ("{memory}/pets/train/cats", "has no class folders"),
        ("http://nowhere.invalid/pets", "no host named nowhere.invalid"),
        ("ftp://host/pets", "protocol the lab doesn't support"),
        ("zip://a::file:///etc/passwd", "protocol the lab doesn't support"),
        ("simplecache::s3://bucket/x", "protocol the lab doesn't support"),
        ("s3://bucket/x::file:///etc", "isn't the address of a folder"),
        ("file:///photos/../etc", "isn't the address of a folder"),
        ("https://example.org/allowed/%2e%2e/secret.zip", "isn't the address of a folder"),
        ("https://example.org/allowed/%2E./secret", "isn't the address of a folder"),
        ("https://example.org/allowed%2f..%2fsecret", "isn't the address of a folder"),
        ("s3://", "isn't the address of a folder"),
        ("s3://bucket/\x1b[2J", "isn't the address of a folder"),
        ("s3://AKIA:hunter2@bucket/x", "Set it in the environment"),
        ("https://h/x.zip?token=hunter2", "Set it in the environment"),
        ("sftp://me:hunter2@host/x", "Set it in the environment"),
        ("gs://bucket/photos", "pip install gcsfs"),
    ],
)
def test_a_url_that_gives_no_photos_is_refused_in_a_sentence(workspace, capsys, bases, url, words):
    refused(capsys, workspace, url.format_map(bases), words)


@pytest.mark.parametrize("what", ["pets", "pets.zip"])
@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"archive_bytes": 2000}, "at most 2,000."),
        ({"archive_entries": 5}, "at most 5."),
        ({"photo_bytes": 500}, "at most 500"),
    ],
)
@pytest.mark.parametrize("protocol", ["memory", "http"])
def test_what_is_too_much_is_refused(
    workspace, capsys, bases, set_limits, protocol, what, limit, words
):
    set_limits(**limit)
    refused(capsys, workspace, f"{bases[protocol]}/{what}", words)


@contextmanager
def at_memory(files):
    """Files in the memory of this process, by their whole names."""
    system = fsspec.filesystem("memory")
    for name, data in files.items():
        system.store[name] = type(system).open(system, name, "wb")  # any name, as a store takes it
        system.store[name].write(data)
    try:
        yield
    finally:
        for name in files:
            system.store.pop(name, None)


def archive_of(name, kind="zip"):
    """An archive with a single file of a name."""
    packed = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(packed, "w") as file:
            file.writestr(name, b"x")
    else:
        with tarfile.open(fileobj=packed, mode="w") as file:
            file.addfile(tarfile.TarInfo(name))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("files", "what", "words"),
    [
        ({"x.zip": archive_of("../cats/1.jpg")}, "x.zip", "unsafe path"),
        ({"x.tar": archive_of("/cats/1.jpg", "tar")}, "x.tar", "unsafe path"),
        ({"x.zip": archive_of("cats/1.jpg", "tar")}, "x.zip", "isn't a zip file but a tar file"),
        ({"x.zip": b"<html>sign in</html>"}, "x.zip", "is a web page"),
        ({"x/a.zip": b"PK", "x/cats/1.jpg": b"x"}, "x", "contains another archive"),
        ({"x/notes.txt": b"x"}, "x", "has no photos"),
        ({"x/.hidden/1.jpg": b"x"}, "x", "has no files."),
    ],
)
def test_hostile_content_is_refused_as_in_an_upload(workspace, capsys, files, what, words):
    with at_memory({f"/hostile/{name}": data for name, data in files.items()}):
        refused(capsys, workspace, f"memory://hostile/{what}", words)


AWAY = {"away": "http://127.0.0.2/latest/meta-data", "port": "http://127.0.0.1:1/pets"}


class Odd(http.server.BaseHTTPRequestHandler):
    """Answers by the path that is asked for."""

    def do_GET(self):
        path, body, length = self.path.strip("/"), b"<html>", None
        first = path.split("/")[0]
        links = {
            "up": ["cats/..%2F..%2F..%2Fevil.jpg"],
            "deep": [f"{'a/' * 40}1.jpg"],
            "elsewhere": ["http://127.0.0.2/pets/1.jpg", "/other/1.jpg", "../1.jpg", "?C=N"],
            "half": ["cats/1.jpg"],
            "lost": ["cats/1.jpg"],
        }.get(path)
        if links:
            body = "".join(f'<a href="{link}">' for link in links).encode()
        if first == "loop":
            self.send_response(302)
            self.send_header("Location", "/loop/again")
        elif path == "inside/out.zip":
            self.send_response(302)
            self.send_header("Location", "/secret.zip")
        elif first in AWAY:
            self.send_response(302)
            self.send_header("Location", AWAY[first])
        elif first.isdigit() or path == "lost/cats/1.jpg":
            self.send_response(int(first) if first.isdigit() else 404)
        else:
            length = 900 if path in ("cut", "half/cats/1.jpg", "cut.zip") else len(body)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if length:
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def odd():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("500/pets", "status 500"),
        ("403/pets.zip", "status 403"),
        ("loop", "redirects too many times"),
        ("loop/pets.zip", "redirects too many times"),
        ("away", "leads to another server"),
        ("port", "leads to another server"),
        ("away/pets.zip", "leads to another server"),
        ("cut", "broke before"),
        ("cut.zip", "broke before"),
        ("half", "broke before {odd}/half/cats/1.jpg"),
        ("lost", "There's nothing at {odd}/lost/cats/1.jpg"),
        ("up", "unsafe path"),
        ("deep", "41 folders deep"),
        ("elsewhere", "has no files."),
        ("page", "has no files."),
        ("page.zip", "is a web page, not an archive"),
    ],
)
def test_a_server_that_gives_something_else_is_told_by_its_answer(
    workspace, capsys, odd, path, words
):
    refused(capsys, workspace, f"{odd}/{path}", words.format(odd=odd))


def test_a_server_may_not_lead_out_of_what_is_allowed(workspace, odd, monkeypatch):
    monkeypatch.setenv(allowed_roots.URLS_VARIABLE, f"{odd}/inside")
    assert allowed_roots.is_allowed_url(f"{odd}/inside/pets")
    with pytest.raises(DatasetError, match="which you can't open here"):
        imports.import_url(f"{odd}/inside/out.zip", is_allowed=allowed_roots.is_allowed_url)
    assert left(workspace) in ([], ["datasets"])


def test_a_stop_is_heard_before_a_silent_server_is_asked_again(workspace, monkeypatch):
    monkeypatch.setattr(url_import, "_SILENCE", 0.2)
    with socket.socket() as quiet:
        quiet.bind(("127.0.0.1", 0))
        quiet.listen()
        url = f"http://127.0.0.1:{quiet.getsockname()[1]}/pets.zip"
        with pytest.raises(CatDogError, match="was stopped"):
            imports.import_url(url, stopped=lambda: True)
        quiet.setblocking(False)
        with pytest.raises(BlockingIOError):
            quiet.accept()  # nobody came


def test_where_nobody_listens_or_answers_it_is_said(workspace, capsys, odd, monkeypatch):
    monkeypatch.setattr(url_import, "_SILENCE", 0.2)
    with socket.socket() as quiet:
        quiet.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{quiet.getsockname()[1]}/pets"
        refused(capsys, workspace, url, f"{url} doesn't respond")
        quiet.listen()
        refused(capsys, workspace, url, "didn't respond within")
    refused(capsys, workspace, odd.replace("http:", "https:") + "/pets", "certificate")


def test_a_photo_that_breaks_off_once_is_downloaded_again(bases, monkeypatch):
    true_open, failed = fsspec.get_filesystem_class("memory").open, []

    def failing(self, path, *more, **options):
        if path.endswith(".jpg") and path not in failed:
            failed.append(path)
            raise ConnectionResetError("reset")
        return true_open(self, path, *more, **options)

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "open", failing)
    dataset = imports.import_url(f"{bases['memory']}/pets")
    assert len(failed) == len(dataset.photos)


def test_a_photo_that_shrank_since_it_was_listed_ends_the_import(workspace, capsys, monkeypatch):
    with at_memory({"/shrinking/cats/1.jpg": b"12345"}):
        kind = fsspec.get_filesystem_class("memory")
        true_ls = kind.ls

        def larger(self, *more, **options):
            return [{**row, "size": 9} for row in true_ls(self, *more, **options)]

        monkeypatch.setattr(kind, "ls", larger)
        refused(
            capsys,
            workspace,
            "memory://shrinking",
            "broke before memory://shrinking/cats/1.jpg",
        )


def test_a_full_disk_is_told_before_and_in_the_middle(workspace, capsys, bases, monkeypatch):
    url = f"{bases['memory']}/pets"
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 9))
        refused(capsys, workspace, url, "only 9 free")

    class Full(io.BytesIO):
        def write(self, _data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(url_import, "open", lambda *_: Full(), raising=False)
    for each in (url, f"{url}.zip"):
        refused(capsys, workspace, each, "No space left on device")


@pytest.mark.parametrize("what", ["pets", "pets.zip"])
@pytest.mark.parametrize("phase", ["Downloading", "Unpacking"])
def test_an_interruption_leaves_nothing(workspace, bases, what, phase):
    def interrupt(now, done, _total):
        if now == phase and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imports.import_url(f"{bases['memory']}/{what}", interrupt)
    assert left(workspace) == ["datasets"]


def test_a_stop_ends_the_download_in_a_sentence(workspace, bases):
    for what in ("pets", "pets.zip"):
        with pytest.raises(CatDogError, match="was stopped"):
            imports.import_url(f"{bases['memory']}/{what}", stopped=lambda: True)
    assert left(workspace) == ["datasets"]


def test_who_may_not_change_data_asks_for_nothing(workspace, class_lab, bases, monkeypatch):
    class_lab()
    monkeypatch.setattr(access, "_visitor_provider", lambda: Visitor("", "audience"))
    monkeypatch.setattr(url_import, "download_url", lambda *_: pytest.fail("was asked for"))
    for action in (imports.import_url, lambda url: imports.preview_url(url, lambda *_: None)):
        with pytest.raises(AccessError):
            action(f"{bases['memory']}/pets")
    assert left(workspace) == ["access.json"]


@pytest.fixture
def class_lab(workspace, monkeypatch):
    def shared(**settings):
        workspace.mkdir(exist_ok=True)
        (workspace / "access.json").write_text(json.dumps({"shared": True, **settings}))

    monkeypatch.setattr(access, "_visitor_provider", lambda: Visitor("Ada", "student"))
    return shared


def test_ones_own_lab_imports_from_object_stores_but_no_hosts_that_were_not_named(monkeypatch):
    assert allowed_roots.confine_url("s3://any//photos/") == "s3://any/photos"
    for url in ("http://169.254.169.254/latest", "sftp://me@host/x", "hdfs://name/x"):
        with pytest.raises(DatasetError, match=r"can't open \S+ here"):
            allowed_roots.confine_url(url)
    monkeypatch.setenv(allowed_roots.URLS_VARIABLE, "https://data.example/photos s3://mine")
    assert allowed_roots.confine_url("https://data.example/photos/cats")
    for url in ("s3://any/photos", "https://data.example/photoshop", "https://data.example"):
        with pytest.raises(DatasetError, match=r"Choose a place in https://data\.example"):
            allowed_roots.confine_url(url)


def test_a_shared_lab_imports_only_from_urls_that_were_named(class_lab):
    class_lab()
    with pytest.raises(DatasetError, match=r"can't open \S+ here"):
        allowed_roots.confine_url("s3://bucket/photos")
    class_lab(urls=["s3://bucket/class"])
    assert allowed_roots.confine_url("s3://bucket/class/cats")
    for url in ("s3://bucket/classified", "s3://bucket", "memory://x"):
        with pytest.raises(DatasetError, match=r"can't open \S+ here"):
            allowed_roots.confine_url(url)


def test_a_file_by_its_url_is_confined_as_by_its_path(class_lab, tmp_path):
    inside, outside = tmp_path / "photos", tmp_path / "private"
    inside.mkdir()
    outside.mkdir()
    class_lab(roots=[str(inside)], urls=["file:///tmp"])
    assert allowed_roots.confine_url(f"file://{inside}") == f"file://{inside}"
    (inside / "link").symlink_to(outside)
    for folder in (outside, inside / "link", inside):
        with pytest.raises(DatasetError, match=r"can't open \S+ here"):
            allowed_roots.confine_url(f"file://{folder}")


def asked(url):
    app = fakes.open_page("1_Data")
    app.pills("source_kind").set_value("url").run()
    app.text_input("url_address").set_value(url)
    next(button for button in app.button if button.label == "Import").click()
    app.run()
    assert not app.exception
    return app


def test_the_page_imports_a_url_and_chooses_the_dataset(bases):
    app = asked(f"{bases['memory']}/pets.zip")
    wait_for_import(app)
    assert not app.error
    (dataset,) = datasets.list_datasets()
    assert dataset.source == "zip" and app.query_params["dataset"] in (dataset.id, [dataset.id])


def wait_for_import(app):
    thread = next((t for t in threading.enumerate() if t.name == "job-url_import"), None)
    if thread:
        thread.join(60)
    app.run()
    assert not app.exception


@pytest.mark.parametrize(
    ("classes", "table"),
    [(("2021", "2022"), ""), (("glad", "sad"), "photo,color,mood\n")],
    ids=["odd classes", "two columns of labels"],
)
def test_what_the_import_of_a_url_has_to_be_told_is_asked(tmp_path, workspace, classes, table):
    rows = [f"{i}.jpg,{['red', 'blue'][i % 2]},{['sad', 'glad'][i > 3]}" for i in range(8)]
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(8):
            folder = "" if table else f"{2021 + i % 2}/"
            archive.writestr(
                f"{folder}{i}.jpg", decode.encode_photo(np.full((8, 8, 3), i, np.uint8))
            )
        if table:
            archive.writestr("x.csv", table + "\n".join(rows))
    app = asked(path.as_uri())
    wait_for_import(app)
    assert len(app.error) == 1
    if table:
        next(box for box in app.selectbox if box.label == "Label column").set_value("mood").run()
        app.button("url_import_column").click().run()
    else:
        app.button("url_confirm").click().run()
    wait_for_import(app)
    assert not app.error
    (dataset,) = datasets.list_datasets()
    assert dataset.classes == classes


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://169.254.169.254/latest/meta-data", "You can't open"),
        ("s3://key:hunter2@bucket/photos", "Set it in the environment"),
        ("/home/me/photos", "protocol the lab doesn't support"),
    ],
)
def test_the_page_refuses_a_url_before_anything_is_asked_for(url, words):
    app = asked(url)
    assert words in fakes.joined_text(app.error) and "hunter2" not in fakes.joined_text(app.error)
    assert jobs.get_job("url_import") is None


def test_a_url_in_the_place_of_a_folder_is_told_where_it_belongs():
    app = fakes.open_page("1_Data")
    app.pills("source_kind").set_value("folder").run()
    app.text_input("source_path").set_value("s3://bucket/photos")
    next(button for button in app.button if button.label == "Preview").click()
    app.run()
    assert "choose URL as the source" in fakes.joined_text(app.error)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_bucket_is_imported_and_its_secret_is_written_nowhere(
    workspace, pets, shared, capsys, monkeypatch
):
    pytest.importorskip("s3fs", reason="object stores need s3fs")
    moto = pytest.importorskip("moto.server", reason="the tests' own S3 is moto")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        system = fsspec.filesystem("s3", skip_instance_cache=True)
        system.mkdir("bucket")
        system.put(str(shared), "bucket/shared", recursive=True)
        for what in ("pets", "pets.zip"):
            assert fakes.run_cli(capsys, "import", f"s3://bucket/shared/{what}")[0] == 0
        refused(capsys, workspace, "s3://bucket/nobody", "There's nothing at s3://bucket/nobody")
    finally:
        server.stop()
    first, second = datasets.list_datasets()
    assert held(first) == held(second)
    texts = [path.read_bytes() for path in workspace.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in text for text in texts)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    refused(capsys, workspace, "s3://bucket/shared/pets", "s3://bucket/shared/pets")
