"""The Data page's source Camera: what the buttons below the recorder do, and who may press them."""

import json
from types import SimpleNamespace

import fakes
import pytest
from test_recording import record

from catdog_core import runs
from catdog_core.base import access
from catdog_core.data import datasets, recording
from catdog_ui.data import recording_view

pytestmark = pytest.mark.usefixtures("workspace")
COMPLETE = [(3, 1), (2, 2)]


def page(**query):
    app = fakes.open_page("1_Data", source="camera", **query)
    assert not app.exception and not app.error
    return app


def button(app, key):
    return next((one for one in app.button if one.key == key), None)


def press(app, key):
    button(app, key).click()
    app.run()
    assert not app.exception
    return app


def test_an_address_leads_to_the_recorder_and_nothing_is_stored_by_looking():
    app = page()
    assert app.pills("source_kind").value == "camera"
    assert recording.find_recording() is None and not button(app, "recording_save")


def test_what_is_missing_is_said_and_the_buttons_wait_for_it():
    record([(2, 1), (2,)])
    app = page()
    assert "Missing: dogs." in " ".join(one.value for one in app.info)
    assert button(app, "recording_save").disabled and button(app, "recording_train").disabled


def test_a_complete_recording_becomes_the_chosen_dataset():
    record(COMPLETE)
    app = page()
    app.text_input("recording_name").set_value("Our pets").run()
    press(app, "recording_save")
    (dataset,) = datasets.list_datasets()
    assert (dataset.name, dataset.source) == ("Our pets", "camera")
    assert app.query_params["dataset"] in (dataset.id, [dataset.id])
    assert "source" not in app.query_params and recording.find_recording() is None
    press(app, "dataset_record")
    assert len(recording.find_recording().photos) == 8
    assert app.query_params["source"] in ("camera", ["camera"])


def test_one_click_trains_transfer_on_it(monkeypatch):
    started = []
    monkeypatch.setattr(runs, "start_run", lambda folder, **_: started.append(folder))
    record(COMPLETE)
    press(page(), "recording_train")
    (run,) = runs.list_runs()
    (dataset,) = datasets.list_datasets()
    assert started == [run.folder] and run.dataset_id == dataset.id
    names = ("model", "image_size", "batch_size", "epochs")
    assert [getattr(run.training, name) for name in names] == ["transfer", 224, 8, 15]


def test_a_full_quota_leaves_the_recording_as_it_is(monkeypatch):
    record(COMPLETE)
    refusal = access.AccessError(
        "You have {n} of {most} runs. Delete one you no longer need.", n=1, most=1
    )

    def refuse(*_, **__):
        raise refusal

    monkeypatch.setattr(access, "check_quota", refuse)
    assert button(page(), "recording_train").disabled
    with pytest.raises(access.AccessError):
        recording_view._create_run("Mine")
    assert recording.find_recording().is_complete and not datasets.list_datasets()


def test_it_is_discarded_after_a_question():
    record(COMPLETE)
    app = press(page(), "recording_discard")
    assert "8 photos" in " ".join(one.value for one in app.markdown)
    press(app, "recording_discard_sure")
    assert recording.find_recording() is None


def test_an_unfinished_recording_is_offered_where_its_source_is_closed():
    record([(2,), ()])
    app = fakes.open_page("1_Data")
    assert "2 photos" in " ".join(one.value for one in app.info)
    press(app, "recording_continue")
    assert app.pills("source_kind").value == "camera"
    assert not button(app, "recording_continue")


def test_the_audience_sees_the_recorder_switched_off(workspace):
    workspace.mkdir()
    (workspace / access.FILE).write_text(json.dumps({"format": 1, "shared": True}))
    app = page()
    data = json.loads(app.get("bidi_component")[0].proto.json)
    assert data["disabled"] is True and data["begun"] is False


@pytest.mark.parametrize(
    ("edit", "classes"),
    [
        (("begin", -1, ""), ["Class 1", "Class 2"]),
        (("rename", 1, "dogs"), ["Class 1", "dogs"]),
        (("add", -1, ""), ["Class 1", "Class 2", "Class 3"]),
        (("remove", 0, ""), ["Class 2"]),
        (("rename", 0, "class 2"), ["Class 1", "Class 2"]),  # refused
    ],
)
def test_edits_of_the_recorder_are_done_or_refused(monkeypatch, edit, classes):
    state = SimpleNamespace(recording_error=None)
    monkeypatch.setattr(recording_view, "page_state", lambda: SimpleNamespace(data=state))
    op, label, name = edit
    value = SimpleNamespace(edit={"op": op, "label": label, "name": name})
    monkeypatch.setattr(recording_view.st, "session_state", {recording_view.KEY: value})
    recording_view._apply_edit()
    assert list(recording.find_recording().classes.values()) == classes
    assert (state.recording_error is not None) == (name == "class 2")


def test_a_class_with_photos_is_not_removed_without_a_question(monkeypatch):
    record([(2,), (1,)])
    value = SimpleNamespace(edit={"op": "remove", "label": 0, "name": ""})
    monkeypatch.setattr(recording_view.st, "session_state", {recording_view.KEY: value})
    recording_view._apply_edit()
    assert len(recording.find_recording().photos) == 3
