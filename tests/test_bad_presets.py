"""Presets that are none, by every door a preset can come by."""

import fakes
import pytest
from doors import failed_clearly, one_sentence

pytestmark = pytest.mark.usefixtures("workspace")


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
    "a zip": b"PK\x03\x04" + bytes(99),
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


@pytest.mark.parametrize("name", [*PRESETS, *FINE])
def test_presets_through_the_command_line(name, photo, capsys, tmp_path):
    (tmp_path / "theirs.json").write_bytes({**PRESETS, **FINE}[name])
    told = fakes.shell(
        capsys, "augment", photo, tmp_path / "out.png", "--augment", tmp_path / "theirs.json"
    )
    assert failed_clearly(told) == (name in PRESETS)
    if name in PRESETS:
        assert "xpected" in told[2] and len(told[2]) < 1000


def test_presets_through_the_augment_page():
    app = fakes.page("2_Augment")
    for name, data in {**PRESETS, **FINE}.items():
        if len(data) > 1_000_000:
            continue  # the uploader itself takes one megabyte
        app.file_uploader("augment_preset_file").set_value([(f"{name}.json", data, "")]).run()
        if name in PRESETS:
            assert "xpected" in one_sentence(app)
        else:
            assert not app.error and not app.exception, name


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_same_files_as_a_network(name, demo, capsys, tmp_path):
    (tmp_path / "theirs.json").write_bytes(PRESETS[name])
    told = fakes.shell(
        capsys, "train", demo, "--model", "custom", "--network", tmp_path / "theirs.json"
    )
    assert failed_clearly(told)
