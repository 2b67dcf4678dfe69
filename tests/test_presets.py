"""Saved presets and links: what goes out comes back, and untrusted files are refused by name."""

import json
import random
import threading

import pytest

from catdog_core.augmentation import presets
from catdog_core.base import files, trash
from catdog_core.base.errors import CatDogError, SettingsError
from catdog_core.base.field_specs import describe_fields
from catdog_core.config import PRESETS, Augmentation, url_params

MINE = Augmentation(rotation_range=33, brightness_range=(0.7, 1.3), fill_mode="reflect")


def any_value(control, rng):
    """A valid value of one setting, its ends and very small numbers among them."""
    if control.kind == "bool":
        return rng.random() < 0.5
    if control.kind == "choice":
        return rng.choice(control.choices)
    numbers = [control.low, control.high, max(control.low, 5e-324), 0.1 + 0.2, 1e-7 + control.low]
    numbers += [rng.uniform(control.low, control.high) for _ in range(5)]
    if control.kind == "range":
        return rng.choice([None, tuple(sorted(rng.sample(numbers, 2)))])
    return rng.choice([number for number in numbers if number <= control.high])


def any_settings(count=300):
    """Many valid augmentations, the same each time."""
    rng = random.Random(0)
    for _ in range(count):
        yield Augmentation(**{c.name: any_value(c, rng) for c in describe_fields(Augmentation)})


def test_a_saved_preset_is_listed_loaded_and_found_by_name(workspace):
    saved = presets.save_preset("  My cats ", MINE)
    assert (saved.name, saved.id, saved.settings) == ("My cats", "my-cats", MINE)
    assert presets.list_presets() == [saved] == [presets.load_preset("my-cats")]
    assert presets.find_preset("My cats") == saved
    assert presets.find_preset("other") is None


def test_a_taken_name_is_replaced_only_when_asked(workspace):
    presets.save_preset("mine", MINE)
    with pytest.raises(SettingsError, match="'mine' already"):
        presets.save_preset("mine", Augmentation())
    presets.save_preset("mine", Augmentation(), replace=True)
    assert [preset.settings for preset in presets.list_presets()] == [Augmentation()]


def test_names_that_make_one_file_name_do_not_overwrite_each_other(workspace):
    names = ["고양이", "강아지", "A b", "a-b", "A/B"]
    for name in names:
        presets.save_preset(name, MINE)
    assert sorted(preset.name for preset in presets.list_presets()) == sorted(names)
    assert len({preset.id for preset in presets.list_presets()}) == 5


def test_a_name_typed_in_pieces_is_the_same_name(workspace):
    presets.save_preset("Gro\u0308ße", MINE)
    assert presets.find_preset("Gr\u00f6ße").settings == MINE


def test_sessions_that_save_at_once_keep_a_file_each(workspace):
    names = ["a b", "a-b", "a.b", "a_b"]
    threads = [threading.Thread(target=presets.save_preset, args=(name, MINE)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(presets.list_presets()) == 4


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\nb", "a\x00b", "a\u202eb", "\ud800"])
def test_an_unfit_name_is_refused_with_what_fits(workspace, name):
    with pytest.raises(SettingsError, match="1 to 60 characters"):
        presets.save_preset(name, MINE)
    assert presets.list_presets() == []


@pytest.mark.parametrize("name", ["notes", "Strong"])
def test_a_built_in_name_is_refused(workspace, name):
    with pytest.raises(SettingsError, match="other than notes, gentle, strong, none"):
        presets.save_preset(name, MINE)


def test_a_removed_preset_lies_in_the_trash_and_can_be_read_there(workspace):
    presets.save_preset("mine", MINE)
    entry = trash.get_trash_entry(presets.remove_preset("mine"))
    assert presets.list_presets() == []
    assert presets.read_preset(entry.parts[0][0]) == ("mine", MINE)


@pytest.mark.parametrize("act", [presets.load_preset, presets.remove_preset])
@pytest.mark.parametrize("preset_id", ["gone", "../outside", "", "sub/inside"])
def test_an_id_leads_nowhere_but_into_the_folder(workspace, act, preset_id):
    presets.save_preset("mine", MINE)
    (files.workspace_folder() / "outside.json").write_text(presets.dump_preset("x", MINE))
    with pytest.raises(SettingsError, match="no saved preset"):
        act(preset_id)


def test_damaged_files_are_told_beside_the_list_and_can_be_removed(workspace):
    presets.save_preset("mine", MINE)
    (presets.presets_folder() / "torn.json").write_text('{"format": 1, "ki')
    (presets.presets_folder() / ".mine-1234.json").write_text("half written")
    (presets.presets_folder() / "folder.json").mkdir()
    assert [preset.name for preset in presets.list_presets()] == ["mine"]
    ((name, error),) = presets.list_damaged_presets()
    assert name == "torn.json" and "torn.json isn't valid JSON" in str(error)
    presets.save_preset("torn", MINE)  # takes another file
    presets.remove_preset("torn")
    assert presets.list_damaged_presets() == []
    assert [preset.name for preset in presets.list_presets()] == ["mine", "torn"]


def test_no_folder_yet_is_an_empty_list(workspace):
    assert presets.list_presets() == presets.list_damaged_presets() == []


def test_a_full_disk_leaves_the_earlier_preset(workspace, monkeypatch):
    presets.save_preset("mine", MINE)

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_sync", full)
    with pytest.raises(CatDogError, match="No space left"):
        presets.save_preset("mine", Augmentation(), replace=True)
    assert presets.load_preset("mine").settings == MINE


def test_a_download_read_again_is_the_same():
    for settings in any_settings():
        text = presets.dump_preset("Tom & Jerry", settings)
        assert presets.parse_preset(text, "x.json") == ("Tom & Jerry", settings)


def test_a_bare_object_takes_its_name_from_its_file():
    text = b'\xef\xbb\xbf{"zoom_range": 0.3}'  # as an editor on Windows saves it
    assert presets.parse_preset(text, "lesson 3.json") == ("lesson 3", Augmentation(zoom_range=0.3))


def envelope(**changes):
    return json.dumps({**json.loads(presets.dump_preset("mine", MINE)), **changes})


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (b"\xff\xfe{", ["isn't valid JSON.", "rotation_range"]),
        ("", ["isn't valid JSON."]),
        ("{", ["isn't valid JSON."]),
        ('"\ud800"', ["isn't valid JSON."]),
        ("[" * 90_000, ["more than 12,500 values"]),
        ("[" * 900 + "]" * 900, ["nested more than 60 levels deep"]),
        ('{"zoom_range": ' + "[" * 500 + "]" * 500 + "}", ["nested more than 60 levels deep"]),
        (" " * 100_001, ["too large", "100000 bytes"]),
        ("[1]", ["Use an object of settings by name.", "list"]),
        ("null", ["Use an object of settings by name."]),
        ('{"name": "left-pad", "version": "1.3.0"}', ["no setting 'name'", "rotation_range"]),
        ('{"rotation_range": 900}', ["rotation_range is 900", "a number from 0 to 180"]),
        ('{"rotation_range": NaN}', ["rotation_range is nan", "0 to 180"]),
        ('{"rotation_range": 1e999}', ["rotation_range is inf", "0 to 180"]),
        ('{"rotation_range": 1' + "0" * 4000 + "}", ["more than 40 digits"]),
        ('{"rotation_range": 1' + "0" * 30 + "}", ["rotation_range is 1000", "0 to 180"]),
        ('{"rotation_range": "far"}', ["rotation_range is 'far'", "0 to 180"]),
        ('{"fill_mode": "mirror"}', ["fill_mode is 'mirror'", "nearest, reflect, wrap, constant"]),
        ('{"contrast_range": [0.5]}', ["contrast_range is [0.5]", "two numbers from 0 to 3"]),
        (envelope(kind="Pod"), ["kind is 'Pod'", "'catdog augmentation'"]),
        (envelope(kind=None), ["kind is None"]),
        ('{"settings": {}}', ["kind is None"]),
        (envelope(format=2), ["format is 2", "newer version", "up to 1"]),
        (envelope(format=0), ["the format 0", "from 1 to 1"]),
        (envelope(format=True), ["the format True"]),
        (envelope(format="1"), ["the format '1'"]),
        (envelope(author="me"), ["unknown field 'author'", "format, kind, name, settings"]),
        (envelope(name=7), ["preset name 7", "1 to 60 characters"]),
        (envelope(name="a\x07"), ["1 to 60 characters"]),
        (envelope(settings=None), ["Use an object of settings by name."]),
        (envelope(settings={"zoom": 1}), ["no setting 'zoom'"]),
        (envelope(settings={"hue_range": -1}), ["hue_range is -1", "0 to 180"]),
    ],
)
def test_a_file_from_elsewhere_is_refused_by_name(data, parts):
    with pytest.raises(SettingsError) as caught:
        presets.parse_preset(data, "from\nelsewhere.json")
    message = str(caught.value)
    assert "\n" not in message and len(message) < 700
    assert [part for part in parts if part not in message] == []


def test_errors_about_a_file_name_it(workspace, tmp_path):
    with pytest.raises(SettingsError, match=r"gone\.json can't be read: No such file"):
        presets.read_preset(tmp_path / "gone.json")
    with pytest.raises(SettingsError, match=r"elsewhere\.json: zoom_range is 5"):
        presets.parse_preset('{"zoom_range": 5}', "elsewhere.json")


def test_whatever_is_made_of_a_preset_s_file_is_read_or_refused():
    rng = random.Random(0)
    original = presets.dump_preset("mine", MINE).encode()
    for _ in range(500):
        data = bytearray(original)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            _, settings = presets.parse_preset(bytes(data), "any.json")
        except SettingsError as error:
            assert str(error)
        else:
            assert isinstance(settings, Augmentation)


def test_a_link_tells_only_what_differs():
    assert url_params.settings_to_query(Augmentation(), Augmentation()) == {}
    assert url_params.settings_to_query(MINE, Augmentation()) == {
        "rotation_range": "33",
        "brightness_range": "0.7-1.3",
        "fill_mode": "reflect",
    }
    assert url_params.settings_to_query(PRESETS["none"], Augmentation())["vertical_flip"] == "false"


def test_a_link_brings_back_the_very_settings():
    for settings in any_settings():
        query = url_params.settings_to_query(settings, Augmentation())
        assert url_params.settings_from_query(query, Augmentation()) == (settings, [])


def test_a_bad_value_in_a_link_is_named_and_replaced_by_the_default():
    query = {"zoom_range": "0.4", "rotation_range": "900", "fill_mode": "mirror", "lang": "ko"}
    settings, refused = url_params.settings_from_query(query, Augmentation())
    assert settings == Augmentation(zoom_range=0.4)
    assert [str(error) for error in refused] == [
        "URL: rotation_range is '900'. Use a number from 0 to 180. The default, 20, applies"
        " instead.",
        "URL: fill_mode is 'mirror'. Use one of nearest, reflect, wrap, constant. The default,"
        " nearest, applies instead.",
    ]


@pytest.mark.parametrize("text", ["", "1.3-0.7", "0.7", "-1-2", "0.7-1.3-2", "nan-1", "0-9", "x-y"])
def test_a_bad_pair_in_a_link_is_refused(text):
    query = {"brightness_range": text}
    settings, (error,) = url_params.settings_from_query(query, Augmentation())
    assert settings == Augmentation()
    assert "two numbers from 0 to 3, the smaller first" in str(error)
    assert "default, 1-1," in str(error)


@pytest.mark.parametrize("text", ["", " ", "\x00", "1e999", "-0", "٣", "9" * 5000, "[]", "None"])
def test_any_text_in_a_link_gives_settings_or_is_told(text):
    settings, refused = url_params.settings_from_query(
        dict.fromkeys(Augmentation.model_fields, text), Augmentation()
    )
    assert isinstance(settings, Augmentation)
    assert all(len(str(error)) < 250 for error in refused)
