"""Bad files through every way in: page uploads and the command line.

By default a part goes through the pages, chosen by a seed; `pytest -m long` sends all.
"""

import csv
import json
import random
import shutil
from pathlib import Path

import fakes
import pytest
from fakes import failed_clearly, only_error

from catdog_core import runs
from catdog_core.base import files
from catdog_core.base.files import truncate_for_display

pytestmark = pytest.mark.usefixtures("workspace")
MARKER = Path("/tmp/catdog_pwned")
"""What the collected attacks would create."""


@pytest.fixture(scope="module")
def manifest(bad_inputs):
    with open(bad_inputs / "manifest.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(autouse=True)
def nothing_is_run():
    yield
    assert not MARKER.exists()


def of_kind(manifest, *kinds, most=None):
    """Rows of the manifest; of all or, with `most`, of a seeded part."""
    rows = [row for row in manifest if row["kind"].startswith(kinds)]
    assert len(rows) > 20
    return random.Random(5).sample(rows, most) if most else rows


def upload(bad_inputs, row):
    """Name and bytes as a browser would send them."""
    name = row["upload_name"].encode().decode("unicode_escape") or row["file"]
    return name, (bad_inputs / "files" / row["file"]).read_bytes(), ""


def refused(row):
    return row["expectation"].startswith("reject")


def may_be_either(row):
    return " or reject" in row["expectation"] or "(or reject" in row["expectation"]


def predicted(bad_inputs, rows):
    """Names that the Predict page says it could not read, of photos in one upload."""
    app = fakes.open_page("6_Predict")
    sent = [upload(bad_inputs, row) for row in rows]
    app.file_uploader("predict_photos").set_value(sent).run()
    while app.get("progress") and not app.dataframe and not app.warning:
        app.run()
    assert not app.exception and not app.error
    warning_text = fakes.joined_text(app.warning)
    return warning_text, app


def check_predict_page(bad_inputs, rows):
    for start in range(0, len(rows), 15):  # a page names twenty that it could not read
        part = rows[start : start + 15]
        warning_text, _ = predicted(bad_inputs, part)
        for row in part:
            name = upload(bad_inputs, row)[0]
            if row["kind"].startswith("name"):
                assert refused(row) is False
            elif not may_be_either(row):
                assert (f"**{_escaped(name)}**" in warning_text) == refused(row), row["file"]


def _escaped(name):
    from catdog_ui.i18n import escape

    return escape(truncate_for_display(name))


def check_augment_page(bad_inputs, rows):
    app = fakes.open_page("2_Augment")
    for row in rows:
        app.file_uploader("augment_upload").set_value([upload(bad_inputs, row)]).run()
        if refused(row):
            only_error(app)
        elif not may_be_either(row):
            assert not app.exception and not app.error, row["file"]


def check_zip_page(bad_inputs, rows):
    app = fakes.open_page("1_Data")
    app.pills("source_kind").set_value("archive").run()
    for row in rows:
        app.file_uploader("source_zip").set_value([upload(bad_inputs, row)]).run()
        if app.error:
            only_error(app)
            assert "reject" in row["expectation"], row["file"]
        else:
            assert not app.exception
            assert "accept" in row["expectation"], row["file"]
            next(b for b in app.button if b.key == "source_import").click()
            app.run()
            assert not app.exception and not app.error, row["file"]
            app = fakes.open_page("1_Data")
            app.pills("source_kind").set_value("archive").run()


def check_model_page(bad_inputs, rows):
    app = fakes.open_page("6_Predict")
    app.segmented_control("predict_kind").set_value("file").run()
    for row in rows:
        app.file_uploader("predict_model").set_value([upload(bad_inputs, row)]).run()
        if app.error:
            only_error(app)
            assert "reject" in row["expectation"], row["file"]
        else:
            assert not app.exception
            assert "accept" in row["expectation"], row["file"]


def test_some_photos_through_the_pages(bad_inputs, manifest, demo, default_model_loaded):
    rows = of_kind(manifest, "image", "name", most=8)
    check_predict_page(bad_inputs, rows)
    check_augment_page(bad_inputs, rows[:3])


def test_some_archives_and_models_through_the_pages(bad_inputs, manifest):
    check_zip_page(bad_inputs, of_kind(manifest, "zip", most=3))
    check_model_page(bad_inputs, of_kind(manifest, "model", most=3))


@pytest.mark.long
def test_all_photos_through_the_predict_page(bad_inputs, manifest):
    check_predict_page(bad_inputs, of_kind(manifest, "image", "name"))


@pytest.mark.long
def test_all_archives_through_the_data_page(bad_inputs, manifest):
    check_zip_page(bad_inputs, of_kind(manifest, "zip"))


@pytest.mark.long
def test_all_models_through_the_predict_page(bad_inputs, manifest):
    check_model_page(bad_inputs, of_kind(manifest, "model"))


def test_photos_through_predict_on_the_command_line(
    bad_inputs, manifest, capsys, default_model_loaded
):
    rows = of_kind(manifest, "image", "name")
    paths = [bad_inputs / "files" / row["file"] for row in rows]
    status, out, _ = fakes.run_cli(capsys, "predict", "default", *paths, "--json")
    predictions = json.loads(out)["predictions"]
    assert status == 0 and len(predictions) == len(rows)
    for row, one in zip(rows, predictions, strict=True):
        if not may_be_either(row):
            assert ("error" in one) == refused(row), row["file"]
        assert "\n" not in one.get("error", "")


@pytest.mark.long
def test_photos_through_augment_on_the_command_line(bad_inputs, manifest, capsys, tmp_path):
    for row in of_kind(manifest, "image", most=20):
        out = tmp_path / "sheet.png"
        result = fakes.run_cli(
            capsys, "augment", bad_inputs / "files" / row["file"], out, "--count", "1"
        )
        if not may_be_either(row):
            assert failed_clearly(result) == refused(row), row["file"]


def test_photos_in_a_folder_through_check_on_the_command_line(
    bad_inputs, manifest, demo, capsys, tmp_path
):
    shutil.copytree(demo / "train", tmp_path / "set")
    rows = of_kind(manifest, "image")
    for row in rows:
        shutil.copy(bad_inputs / "files" / row["file"], tmp_path / "set" / "cats")
    result = fakes.run_cli(capsys, "check", tmp_path / "set", "--json")
    assert not failed_clearly(result)
    kinds = {
        file: finding["kind"]
        for finding in json.loads(result[1])["findings"]
        for file in finding["files"]
        if finding["kind"] in ("unreadable", "truncated")
    }
    for row in rows:
        if Path(row["file"]).suffix in (".jpg", ".png", ".gif", ".tiff", ".bmp", ".webp"):
            assert (f"cats/{row['file']}" in kinds) == refused(row), row["file"]


def test_archives_through_import_on_the_command_line(bad_inputs, manifest, capsys, workspace):
    for row in of_kind(manifest, "zip"):
        failed = failed_clearly(fakes.run_cli(capsys, "import", bad_inputs / "files" / row["file"]))
        assert ("reject" if failed else "accept") in row["expectation"], row["file"]
    assert {path.name for path in workspace.parent.iterdir()} <= {"workspace"}


@pytest.mark.parametrize("most", [8, pytest.param(None, marks=pytest.mark.long)])
def test_models_through_predict_and_evaluate_on_the_command_line(
    bad_inputs, manifest, demo, photo, capsys, most
):
    for row in of_kind(manifest, "model", most=most):
        model = bad_inputs / "files" / row["file"]
        failed = failed_clearly(fakes.run_cli(capsys, "predict", model, photo))
        assert ("reject" if failed else "accept") in row["expectation"], row["file"]
        if refused(row):
            assert failed_clearly(fakes.run_cli(capsys, "evaluate", model, demo)), row["file"]


def test_a_run_folder_of_strangers_is_refused_clearly(bad_inputs, capsys, photo):
    folder = fakes.make_run("odd", status="done")
    for name in ("lambda.h5", "huge_dense_40g.keras", "zero.keras"):
        shutil.copy(bad_inputs / "files" / name, folder / "best.keras")
        assert failed_clearly(fakes.run_cli(capsys, "predict", runs.load_run(folder).folder, photo))


def test_a_photo_beyond_the_limit_is_not_read_into_memory(
    tmp_path, capsys, photo, default_model_loaded
):
    huge = tmp_path / "huge.jpg"
    with open(huge, "wb") as file:
        file.truncate(60_000_000_000)
    result = fakes.run_cli(capsys, "predict", "default", photo, huge)
    assert result[0] == 0 and "the limit is 50,000,000" in result[2]
    assert files.PROJECT.is_dir()


PRESETS = {
    "deep": b"[" * 50_000,
    "deep objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "huge number": b'{"rotation_range": ' + b"9" * 90_000 + b"}",
    "exponent": b'{"rotation_range": 1e400}',
    "NaN": b'{"rotation_range": NaN}',
    "infinity": b'{"zoom_range": -Infinity}',
    "text for a number": b'{"rotation_range": "20; rm -rf /"}',
    "list for a number": b'{"rotation_range": [[[1]]]}',
    "50 MB": b'{"rotation_range": 20, "x": "' + b"x" * 50_000_000 + b'"}',
    "50 MB of spaces": b" " * 50_000_000,
    "UTF-16": '{"rotation_range": 20}'.encode("utf-16"),
    "bytes": bytes(range(256)),
    "a photo": b"\xff\xd8\xff\xe0" + bytes(999),
    "a zip file": b"PK\x03\x04" + bytes(99),
    "a list": b"[1, 2]",
    "a number": b"7",
    "null": b"null",
    "empty": b"",
    "unknown field": b'{"__class__": 1}',
    "unknown HTML field": b'{"<img src=x onerror=alert(1)>": 1}',
    "another kind": b'{"kind": "../../x", "format": 1, "settings": {}}',
    "newer": b'{"kind": "catdog augmentation", "format": 99, "settings": {}}',
    "odd name": b'{"kind": "catdog augmentation", "format": 1, "name": "a\\u202eb",'
    b' "settings": {}}',
    "long name": b'{"kind": "catdog augmentation", "format": 1, "name": "' + b"n" * 9999 + b'",'
    b' "settings": {}}',
    "lone surrogate": b'{"kind": "catdog augmentation", "format": 1, "name": "\\ud800",'
    b' "settings": {}}',
}


FINE = {
    "byte order mark": b'\xef\xbb\xbf{"rotation_range": 20}',
    "named twice": b'{"rotation_range": 999, "rotation_range": 20}',
    "spaces around": b' \n\t{"rotation_range": 20}\n\n',
}


def says_what_to_do(message):
    return any(words in message for words in ("Use ", "Choose ", "Correct it", "Update "))


def test_presets_through_the_command_line(photo, capsys, tmp_path):
    path = tmp_path / "theirs.json"
    for name, data in {**PRESETS, **FINE}.items():
        path.write_bytes(data)
        command = ["augment", photo, tmp_path / "out.png", "--count", 1, "--augment", path]
        result = fakes.run_cli(capsys, *command)
        assert failed_clearly(result) == (name in PRESETS), name
        assert name in FINE or (says_what_to_do(result[2]) and len(result[2]) < 1000), name


def test_presets_through_the_augment_page():
    app = fakes.open_page("2_Augment")
    for name in ("deep", "NaN", "UTF-16", "a photo", "odd name"):
        upload = (f"{name}.json", PRESETS[name], "")
        app.file_uploader("augment_preset_file").set_value([upload]).run()
        assert says_what_to_do(only_error(app))
    for name, data in FINE.items():
        app.file_uploader("augment_preset_file").set_value([(f"{name}.json", data, "")]).run()
        assert not app.error and not app.exception, name
