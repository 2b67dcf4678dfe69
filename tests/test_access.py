"""Roles, quotas and folders of a lab that several people share, and the one guard before acts."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from catdog_core import access
from catdog_core.access import Visitor
from catdog_core.errors import AccessError, CatDogError, DatasetError, SettingsError
from catdog_core.sources import roots

TEACHER, STUDENT = Visitor("ms.kim", "teacher"), Visitor("ada", "student")
AUDIENCE = Visitor("", "audience")
ACTIONS = (
    "train",
    "manage run",
    "change data",
    "run a job",
    "keep presets",
    "empty",
    "choose a cluster",
)


def run(owner, is_active, folder):
    return SimpleNamespace(owner=owner, is_active=is_active, folder=folder)


@pytest.fixture
def shared(workspace, monkeypatch):
    """Write access.json; and say who asks."""
    monkeypatch.delenv(roots.ROOTS, raising=False)
    monkeypatch.setattr(access, "_ask", lambda: None)

    def write(who=None, **settings):
        workspace.mkdir(exist_ok=True)
        text = json.dumps({"format": 1, "shared": True, **settings})
        (workspace / access.FILE).write_text(text)
        access.ask_of(lambda: who)

    return write


@pytest.mark.parametrize("who", [TEACHER, STUDENT, AUDIENCE, None])
def test_in_a_lab_of_ones_own_everybody_may_do_everything(workspace, monkeypatch, who):
    monkeypatch.setattr(access, "_ask", lambda: who)
    assert all(access.may(action, "someone") for action in ACTIONS)
    access.check_quota(lambda: [run("ada", True, workspace)] * 1000)


def test_the_audience_may_do_nothing_that_leaves_a_trace(shared):
    shared(AUDIENCE)
    for action in ACTIONS:
        with pytest.raises(AccessError, match="as the audience"):
            access.check(action)


def test_a_student_may_do_with_own_runs_what_a_teacher_may_with_all(shared):
    shared(STUDENT)
    access.check("train")
    access.check("manage run", "ada")
    with pytest.raises(AccessError, match="belongs to bob"):
        access.check("manage run", "bob")
    with pytest.raises(AccessError, match="Only a teacher"):
        access.check("empty")
    shared(TEACHER)
    access.check("manage run", "bob")
    access.check("empty")


def test_nobody_is_the_owner_of_a_run_without_one(shared):
    shared(Visitor("", "student"))
    with pytest.raises(AccessError):
        access.check("manage run", "")


def test_who_has_the_machine_is_no_visitor(shared):
    shared(None)
    assert access.visitor() == access.OWNER
    access.check("empty")


def test_a_quota_counts_runs_what_waits_and_what_lies_on_the_disk(shared, tmp_path):
    (tmp_path / "big").write_bytes(b"x" * 10_000_001)
    shared(STUDENT, runs_each=3, waiting_each=1, megabytes_each=10)
    access.check_quota(lambda: [run("bob", True, tmp_path)] * 9)
    with pytest.raises(AccessError, match="at most 1 at once"):
        access.check_quota(lambda: [run("ada", True, tmp_path)])
    with pytest.raises(AccessError, match="at most 3 each"):
        access.check_quota(lambda: [run("ada", False, tmp_path / "gone")] * 3)
    with pytest.raises(AccessError, match="Your runs take 10 MB"):
        access.check_quota(lambda: [run("ada", False, tmp_path)])
    shared(TEACHER, runs_each=1)
    access.check_quota(lambda: [run("ms.kim", False, tmp_path)] * 5)


def test_a_code_gives_its_role_and_a_wrong_one_none(shared):
    shared(student_code=access.hashed("meow"), teacher_code=access.hashed("woof"))
    assert access.role_by_code(" meow ") == "student"
    assert access.role_by_code("woof") == "teacher"
    assert access.role_by_code("moo") is None
    assert access.role_by_code("") is None


def test_no_code_is_kept_as_it_is_and_none_opens_a_lab_without_codes(shared):
    assert "meow" not in access.hashed("meow")
    assert access.hashed("meow") != access.hashed("meow")
    shared()
    assert access.role_by_code("") is None
    shared(student_code="meow")
    assert access.role_by_code("meow") is None


def test_an_address_that_signed_in_has_the_role_of_its_list(shared):
    shared(teachers=["kim@school.org"], students=["*@school.org"])
    assert access.role_by_email("Kim@School.org") == "teacher"
    assert access.role_by_email("ada@school.org") == "student"
    assert access.role_by_email("ada@school.org.evil.example") == "audience"


def test_a_damaged_or_misspelt_file_shuts_the_door(workspace):
    workspace.mkdir()
    for text, error in (("{", CatDogError), ('{"sharde": true}', SettingsError)):
        (workspace / access.FILE).write_text(text)
        with pytest.raises(error):
            access.check("train")


def test_in_a_lab_of_ones_own_any_folder_may_be_opened(workspace, monkeypatch):
    monkeypatch.delenv(roots.ROOTS, raising=False)
    assert roots.roots() is None
    assert roots.confine(Path("/etc")) == Path("/etc")


def test_a_shared_lab_opens_folders_of_its_roots_only(shared, tmp_path):
    shared(STUDENT, roots=[str(tmp_path / "photos")])
    inside = tmp_path / "photos" / "pets"
    inside.mkdir(parents=True)
    assert roots.confine(inside) == inside
    for path in (tmp_path, inside / ".." / "..", Path("/etc"), tmp_path / "photos2"):
        with pytest.raises(DatasetError, match="may not be opened here"):
            roots.confine(path)
    shared(STUDENT)
    with pytest.raises(DatasetError, match="no folder may"):
        roots.confine(inside)


def test_what_is_refused_tells_not_whether_it_is_there(shared, tmp_path):
    shared(STUDENT, roots=[str(tmp_path / "photos")])
    told = []
    (tmp_path / "is here").mkdir()
    for name in ("is here", "is gone"):
        with pytest.raises(DatasetError) as error:
            roots.confine(tmp_path / name)
        told.append(str(error.value).replace(name, "…"))
    assert told[0] == told[1]


def test_links_are_followed_before_a_place_is_judged(shared, tmp_path):
    secret, photos = tmp_path / "secret", tmp_path / "photos"
    (photos / "cats").mkdir(parents=True)
    secret.mkdir()
    (secret / "cat.jpg").write_bytes(b"private")
    (photos / "door").symlink_to(secret)
    shared(STUDENT, roots=[str(photos)])
    with pytest.raises(DatasetError):
        roots.confine(photos / "door")
    with pytest.raises(DatasetError):
        roots.confine(photos)
    (photos / "door").unlink()
    (photos / "cats" / "cat.jpg").symlink_to(secret / "cat.jpg")
    with pytest.raises(DatasetError):
        roots.confine(photos)
    (photos / "cats" / "cat.jpg").unlink()
    assert roots.confine(photos) == photos


def test_the_environment_names_roots_for_a_lab_of_ones_own_too(workspace, monkeypatch, tmp_path):
    monkeypatch.setenv(roots.ROOTS, os.pathsep.join(["~", str(tmp_path / "data")]))
    assert roots.roots() == [Path.home().resolve(), tmp_path / "data"]
    with pytest.raises(DatasetError):
        roots.confine(Path("/etc"))
