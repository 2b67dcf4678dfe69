"""A shared lab before its visitors: who one is, what the audience meets, whose run is ahead."""

import json
import re
import threading

import evaluated_runs
import fakes
import pytest
from test_pages import PAGES, page

from benchmarks import server
from catdog_core import runs
from catdog_core.base import access, jobs
from catdog_core.base.access import Visitor
from catdog_core.base.errors import AccessError
from catdog_core.config import Training
from catdog_core.data import datasets
from catdog_ui import permissions


@pytest.fixture(scope="module")
def codes():
    return {"student_code": access.hash_code("meow"), "teacher_code": access.hash_code("woof")}


@pytest.fixture(autouse=True)
def shared(workspace, monkeypatch, codes):
    """A class's lab, in which everyone is the audience until they tell the code."""
    workspace.mkdir()
    text = json.dumps({"format": 1, "shared": True, "waiting_each": 1, **codes})
    (workspace / access.FILE).write_text(text)
    monkeypatch.setattr(access, "_visitor_provider", permissions.current_visitor)
    permissions._failed_attempts.clear()


@pytest.fixture
def all_on(monkeypatch):
    """Pages that leave every button on: what says no then is the guard behind them."""

    def gate(action, owner=None, disabled=False, help=None):
        return {"disabled": disabled, "help": help}

    monkeypatch.setattr(permissions, "permission_kwargs", gate)


def told(app):
    return fakes.joined_text(app.error)


def tell(app, code="", name=""):
    app.text_input("visitor_name_field").set_value(name)
    app.text_input("visitor_code").set_value(code)
    button = next(b for b in app.button if "FormSubmitter:visitor_form" in b.key)
    return button.click().run()


LOOKS = re.compile(
    r"FormSubmitter:visitor_form|home_predict|tour_|new_batch|photo_|new_draw|augment_reset"
    r"|use_in_training|train_rate_use|continue_run|clone|care_continue"
    r"|evaluate_(again|best|half|cell_)"
    r"|evaluate_\w+_(choose|none)|similar_|advice_|predict_|learn_|group_curves|FormSubmitter:source_folder"
)
"""Buttons that only show something, or lead to another page."""


@pytest.mark.parametrize("path", PAGES)
def test_the_audience_may_look_at_every_page_where_what_it_may_not_do_is_off(path, dataset):
    folder = evaluated_runs.make_dataset_run(dataset)
    fakes.add_fake_model(folder)
    evaluated_runs.write_answers(folder, dataset)
    fakes.make_run("stopped", status="stopped", epochs=1)
    tab = {"tab": "mistakes"} if path == "5_Evaluate" else {}
    app = page(path, dataset=dataset.id, run=folder.name, **tab)
    assert not told(app)
    assert "View only." in fakes.joined_text(app.caption)
    assert "sign in" not in fakes.joined_text(app.caption)  # nobody can here
    buttons = [*app.main.button, *app.main.menu_button]
    assert [b.key for b in buttons if not b.disabled and not LOOKS.match(b.key)] == []
    off = [b for b in buttons if b.disabled and not LOOKS.match(b.key)]
    assert all("View only" in b.help for b in off)
    downloads = [download.proto for download in app.main.get("download_button")]
    if path == "7_Export":  # a click would make the file first
        assert downloads and all(one.disabled and "View only" in one.help for one in downloads)
    assert off or path in ("6_Predict", "7_Export", "8_Learn")


def test_a_student_finds_off_what_is_not_theirs(dataset):
    fakes.make_run("hers", status="stopped", epochs=1)
    app = tell(page("3_Train", dataset=dataset.id, tab="runs"), "meow", "Bob")
    assert "View only." not in fakes.joined_text(app.caption)
    assert app.button("resume_run").disabled
    assert "belongs to the teacher" in app.button("resume_run").help
    app.segmented_control("tab_tab").set_value("new").run()
    assert not app.button("train_start").disabled
    app = tell(page("1_Data", dataset=dataset.id, part="tfrecord"), "meow", "Bob")
    assert not app.button("shards_pack").disabled


def test_in_a_lab_of_ones_own_nothing_is_off_for_want_of_a_role(workspace, dataset):
    (workspace / access.FILE).unlink()
    app = page("1_Data", dataset=dataset.id)
    assert "View only" not in fakes.joined_text(app.caption)
    assert not app.button("dataset_remove").disabled and not app.button("dataset_remove").help


def test_the_audience_stops_no_job_of_others(monkeypatch):
    ended = threading.Event()
    job = jobs.start_background_job("of a teacher", lambda job: ended.wait(60))
    monkeypatch.setattr(access, "_visitor_provider", lambda: Visitor("", "audience"))
    with pytest.raises(AccessError):
        job.stop()
    assert not job.stopped()
    second_job = jobs.start_background_job("a look", lambda job: ended.wait(60), action=None)
    second_job.stop()
    assert second_job.stopped()
    ended.set()


def test_the_audience_starts_no_training(dataset, all_on):
    app = page(dataset=dataset.id)
    app.button("home_train").click().run()
    assert not app.exception
    assert "View only" in told(app)
    assert not runs.list_runs()


def test_the_audience_moves_sliders(dataset):
    app = page("2_Augment", dataset=dataset.id)
    before = [each.value for each in app.get("html")]
    app.slider("augment_rotation_range").set_value(90).run()
    assert not app.exception and not told(app)
    assert [each.value for each in app.get("html")] != before


def test_the_audience_starts_no_job_and_deletes_no_dataset(dataset, all_on):
    app = page("1_Data", dataset=dataset.id, part="tfrecord")
    app.button("shards_pack").click().run()
    assert not app.exception
    assert "View only" in told(app)
    app = page("1_Data", dataset=dataset.id)
    app.button("dataset_remove").click().run()
    app.button("dataset_remove_sure").click().run()
    assert datasets.list_datasets()


def test_the_class_code_makes_a_student_whose_runs_have_a_name(dataset, monkeypatch):
    monkeypatch.setattr("catdog_core.runs.run_process.start_worker", lambda *_: None)
    app = tell(page(dataset=dataset.id), "meow", "Ada *Lovelace*")
    app.button("home_train").click().run()
    assert not app.exception and not told(app)
    assert [run.owner for run in runs.list_runs()] == ["Ada *Lovelace*"]
    app = tell(page(dataset=dataset.id), "meow", "Ada *Lovelace*")
    app.button("home_train_show").click().run()
    assert not app.exception and len(runs.list_runs()) == 1
    app.segmented_control("tab_tab").set_value("new").run()
    why = "1 of your runs are training or waiting, and the limit is 1"
    assert app.button("train_start").disabled and why in app.button("train_start").help
    assert why in fakes.joined_text(app.caption)


def test_a_student_stops_no_run_of_somebody_else(dataset, all_on):
    fakes.make_run("hers", status="stopped", epochs=1)
    app = tell(page("3_Train", tab="runs"), "meow", "Bob")
    app.button("resume_run").click().run()
    assert "belongs to the teacher" in told(app)


def test_a_wrong_code_changes_nothing_and_ten_of_them_close_the_door(dataset):
    app = page()
    for _ in range(10):
        tell(app, "moo")
    tell(app, "meow")
    assert not app.exception
    assert fakes.page_state(app).visitor.role is None


def sign_in(monkeypatch, **claims):
    monkeypatch.setattr(
        permissions.st, "user", {"is_logged_in": True, "email": "kim@school.org", **claims}
    )


def test_an_address_that_is_not_verified_gives_no_role_and_the_page_says_why(
    workspace, monkeypatch
):
    text = json.dumps({"format": 1, "shared": True, "teachers": ["kim@school.org"]})
    (workspace / access.FILE).write_text(text)
    sign_in(monkeypatch, email_verified=True)
    assert "Teacher" in fakes.joined_text(page().caption)
    for claims in ({}, {"email_verified": "true"}, {"email_verified": False}):
        sign_in(monkeypatch, **claims)
        app = page()
        assert "Audience" in fakes.joined_text(app.caption) and not app.exception
        assert "doesn't confirm your email" in fakes.joined_text(app.warning)


def test_a_role_ends_when_its_code_is_another(workspace):
    app = tell(page(), "woof")
    assert "Teacher" in fakes.joined_text(app.caption)
    text = json.dumps({"format": 1, "shared": True, "teacher_code": access.hash_code("bark")})
    (workspace / access.FILE).write_text(text)
    assert "Audience" in fakes.joined_text(app.run().caption)


def test_a_code_of_two_roles_gives_neither(workspace):
    same = {name: access.hash_code("meow") for name in ("teacher_code", "student_code")}
    (workspace / access.FILE).write_text(json.dumps({"format": 1, "shared": True, **same}))
    app = tell(page(), "meow")
    assert "Audience" in fakes.joined_text(app.caption) and not app.exception
    assert "are the same" in fakes.joined_text(app.toast)


def test_nobody_takes_the_name_of_who_signed_in():
    for name in ("kim@school.org", "kim\uff20school.org"):
        app = tell(page(), name=name)
        assert fakes.page_state(app).visitor.name == "kim school.org"


def test_a_submitted_code_does_not_stay_in_its_field():
    field = tell(page(), "meow").text_input("visitor_code")
    assert field.proto.set_value and field.proto.value == ""


def panel_labels(app):
    return [each.proto.popover.label for each in app.get("popover")]


def test_the_sidebar_says_where_the_code_goes_until_a_name_or_a_code_is_told():
    app = page()
    assert panel_labels(app) == ["Enter code"]
    assert panel_labels(tell(app, "meow")) != ["Enter code"]
    assert panel_labels(tell(page(), name="Ada")) == ["Ada"]


def test_a_name_is_no_markdown_in_the_sidebar():
    app = tell(page(), name="[x](http://evil.example) **loud**")
    assert panel_labels(app) == ["\\[x\\]\\(http\\://evil.example\\) \\*\\*lou"]


def test_a_run_keeps_whose_it_is(dataset, monkeypatch):
    for name in ("Ada", ""):
        monkeypatch.setattr(access, "_visitor_provider", lambda name=name: Visitor(name, "teacher"))
        folder = runs.create_run(dataset, Training(epochs=2), None)
        assert runs.load_run(folder).owner == name


def test_a_thread_of_the_server_without_a_session_is_the_owner():
    assert permissions.current_visitor() is None
    access.check_permission("empty")
    with pytest.raises(AccessError):
        access.set_visitor_provider(lambda: Visitor("", "audience"))
        access.check_permission("empty")


def test_the_audience_asks_a_model_about_many_photos():
    access.set_visitor_provider(lambda: Visitor("", "audience"))
    job = jobs.start_background_job("a look", lambda _job: "seen", action=None)
    assert job.key == "a look"
    with pytest.raises(AccessError):
        jobs.start_background_job("work", lambda _job: "done")


def test_every_job_a_callback_starts_says_why_it_may_not():
    for path in (server.PROJECT / "catdog_ui").rglob("*.py"):
        lines = path.read_text("utf-8").splitlines()
        for number, line in enumerate(lines):
            if "jobs.start_background_job(" in line and "action=None" not in line:
                assert lines[number - 1].strip() in ("with guard():", "try:"), f"{path}:{number}"
