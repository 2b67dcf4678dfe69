"""Roles, quotas and folders of a lab that several people share, and the one guard before acts."""

import asyncio
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from catdog_core.base import access
from catdog_core.base.access import Visitor
from catdog_core.base.errors import AccessError, CatDogError, DatasetError, SettingsError
from catdog_core.data import allowed_roots

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
    monkeypatch.delenv(allowed_roots.ROOTS_VARIABLE, raising=False)
    monkeypatch.setattr(access, "_visitor_provider", lambda: None)

    def write(who=None, **settings):
        workspace.mkdir(exist_ok=True)
        text = json.dumps({"format": 1, "shared": True, **settings})
        (workspace / access.FILE).write_text(text)
        access.set_visitor_provider(lambda: who)

    return write


@pytest.mark.parametrize("who", [TEACHER, STUDENT, AUDIENCE, None])
def test_in_a_lab_of_ones_own_everybody_may_do_everything(workspace, monkeypatch, who):
    monkeypatch.setattr(access, "_visitor_provider", lambda: who)
    assert all(access.is_allowed(action, "someone") for action in ACTIONS)
    access.check_quota(lambda: [run("ada", True, workspace)] * 1000)


def test_the_audience_may_do_nothing_that_leaves_a_trace(shared):
    shared(AUDIENCE)
    for action in ACTIONS:
        with pytest.raises(AccessError, match="View only"):
            access.check_permission(action)


def test_a_student_may_do_with_own_runs_what_a_teacher_may_with_all(shared):
    shared(STUDENT)
    access.check_permission("train")
    access.check_permission("manage run", "ada")
    with pytest.raises(AccessError, match="belongs to bob"):
        access.check_permission("manage run", "bob")
    with pytest.raises(AccessError, match="Only a teacher"):
        access.check_permission("empty")
    shared(TEACHER)
    access.check_permission("manage run", "bob")
    access.check_permission("empty")


def test_nobody_is_the_owner_of_a_run_without_one(shared):
    shared(Visitor("", "student"))
    with pytest.raises(AccessError):
        access.check_permission("manage run", "")


def test_who_has_the_machine_is_no_visitor(shared):
    shared(None)
    assert access.current_visitor() == access.OWNER
    access.check_permission("empty")


def test_a_quota_counts_runs_what_waits_and_what_lies_on_the_disk(shared, tmp_path):
    (tmp_path / "big").write_bytes(b"x" * 10_000_001)
    shared(STUDENT, runs_each=3, waiting_each=1, megabytes_each=10)
    access.check_quota(lambda: [run("bob", True, tmp_path)] * 9)
    with pytest.raises(AccessError, match="training or waiting, and the limit is 1"):
        access.check_quota(lambda: [run("ada", True, tmp_path)])
    with pytest.raises(AccessError, match="You have 3 of 3 runs"):
        access.check_quota(lambda: [run("ada", False, tmp_path / "gone")] * 3)
    with pytest.raises(AccessError, match="Your runs use 10 of 10 MB"):
        access.check_quota(lambda: [run("ada", False, tmp_path)])
    shared(TEACHER, runs_each=1)
    access.check_quota(lambda: [run("ms.kim", False, tmp_path)] * 5)


def test_a_code_gives_its_role_and_a_wrong_one_none(shared):
    shared(student_code=access.hash_code("meow"), teacher_code=access.hash_code("woof"))
    assert access.role_by_code(" meow ") == "student"
    assert access.role_by_code("woof") == "teacher"
    assert access.role_by_code("moo") is None
    assert access.role_by_code("") is None


def test_the_audience_is_told_to_sign_in_only_where_somebody_can(shared):
    shared(AUDIENCE, student_code=access.hash_code("meow"))
    with pytest.raises(AccessError, match=r"enter the student code\.$"):
        access.check_permission("train")
    shared(AUDIENCE, students=["*@school.org"])
    with pytest.raises(AccessError, match="or sign in"):
        access.check_permission("train")


def test_no_code_is_kept_as_it_is_and_none_opens_a_lab_without_codes(shared):
    assert "meow" not in access.hash_code("meow")
    assert access.hash_code("meow") != access.hash_code("meow")
    shared()
    assert access.role_by_code("") is None


def test_an_address_that_signed_in_has_the_role_of_its_list(shared):
    shared(teachers=["kim@school.org"], students=["*@school.org"])
    assert access.role_by_email("Kim@School.org") == "teacher"
    assert access.role_by_email("ada@school.org") == "student"
    assert access.role_by_email("ada@school.org.evil.example") == "audience"


@pytest.mark.parametrize(
    ("pattern", "address", "same"),
    [
        ("kim@school.org", "KIM@School.ORG", True),
        ("kim@school.org", "kim@school.org.", False),
        ("kim@school.org", "\u212aim@school.org", False),  # a Kelvin sign, which lower() makes a k
        ("kim@school.org", "kim@school.org\n", False),
        ("kim@school.org", " kim@school.org", False),
        ("kim@school.org", "kim\u200b@school.org", False),
        ("*@school.org", "a.b@school.org", True),
        ("*@school.org", "evil@x.com@school.org", False),
        ("*@school.org", '"evil@x.com"@school.org', False),
        ("*@school.org", "evil@x.com\n@school.org", False),
        ("*@school.org", "ada@\uff53chool.org", False),  # a full-width s
        ("*@school.org", "ada@sch\u043e\u043el.org", False),  # Cyrillic letters
        ("*@school.org", "ada@sch\u00adool.org", False),  # a soft hyphen
        ("*@school.org", "@school.org", False),
        ("*@*.school.org", "ada@cs.school.org", True),
        ("*@*.school.org", "ada@school.org", False),
        ("*@school.*", "ada@school.evil.example", False),
        ("ada*@school.org", "ada@school.org", True),
        ("ad?@school.org", "ada@school.org", False),
        ("[a-z]@school.org", "a@school.org", False),
        ("*@학교.kr", "ada@학교.kr", True),
        ("*@학교.kr", "ada@xn--9d0b527e.kr", True),
        ("*", "ada@anywhere.example", True),
        ("*", "no address", False),
    ],
)
def test_an_address_is_one_of_a_pattern_or_looks_like_it(pattern, address, same):
    assert access.matches_address(address, pattern) == same


SIGNED_IN = {"is_logged_in": True, "email": "kim@school.org", "email_verified": True}


@pytest.mark.parametrize("value", [False, None, "true", "false", "", 1, 0, 1.0, [True], {"a": 1}])
@pytest.mark.parametrize("trust", [False, True])
def test_only_true_says_that_an_address_is_verified(shared, value, trust):
    shared(trust_unverified_addresses=trust)
    assert access.verified_address(SIGNED_IN) == "kim@school.org"
    with pytest.raises(AccessError, match="doesn't confirm your email"):
        access.verified_address({**SIGNED_IN, "email_verified": value})


def test_a_provider_that_says_nothing_is_trusted_only_where_the_settings_say_so(shared):
    silent = {key: value for key, value in SIGNED_IN.items() if key != "email_verified"}
    shared()
    with pytest.raises(AccessError, match="doesn't confirm your email"):
        access.verified_address(silent)
    shared(trust_unverified_addresses=True)
    assert access.verified_address(silent) == "kim@school.org"


@pytest.mark.parametrize("value", [None, "true", 1, False, 0, [True]])
def test_only_true_says_that_somebody_signed_in(shared, value):
    shared()
    assert access.verified_address({**SIGNED_IN, "is_logged_in": value}) == ""


@pytest.mark.parametrize(
    "email", [None, 1, ["kim@school.org"], "", "kim", "a@b@c.org", "k\u2028@x.org", "k@x..org"]
)
def test_what_is_no_address_gives_no_role(shared, email):
    shared()
    with pytest.raises(AccessError, match="has no email address"):
        access.verified_address({**SIGNED_IN, "email": email})


@pytest.mark.parametrize(
    ("issued", "counts"),
    [(1000.0, True), (1000.0 - 11 * 3600, True), (1000.0 - 13 * 3600, False), (9000.0, False)]
    + [(each, False) for each in (None, "1000", True, float("nan"), [1000])],
)
def test_a_sign_in_counts_for_half_a_day(shared, issued, counts):
    shared()
    claims = {**SIGNED_IN, "iat": issued}
    if counts:
        assert access.verified_address(claims, now=1000.0)
    else:
        with pytest.raises(AccessError, match=r"Your sign-in has expired, so you have no role\."):
            access.verified_address(claims, now=1000.0)


BLANK = f"{'00' * 16}:{access._scrypt('', bytes(16)).hex()}"


@pytest.mark.parametrize(
    "settings",
    [
        {"student_code": "meow"},
        {"student_code": " "},
        {"teacher_code": "zz:zz"},
        {"teacher_code": BLANK},
        {"teacher_code": BLANK[:-2]},
        {"teacher_code": 5},
        {"teacher_code": None},
        {"student_code": f"{'5a' * 16}:{'c3' * 64} "},
        {"shared": "true"},
        {"shared": 1},
        {"shared": None},
        {"everyone": "owner"},
        {"everyone": ""},
        {"teachers": "kim@school.org"},
        {"teachers": [""]},
        {"teachers": ["school.org"]},
        {"students": ["a@b@c.org"]},
        {"students": [None]},
        {"trust_unverified_addresses": "yes"},
        {"sign_in_hours": 0},
    ],
    ids=str,
)
def test_settings_that_could_open_the_lab_by_mistake_shut_it(shared, settings):
    shared(AUDIENCE, **settings)
    for act in (
        lambda: access.check_permission("train"),
        access.load_access_settings,
        lambda: access.role_by_code("x"),
    ):
        with pytest.raises(SettingsError):
            act()


def test_one_hash_or_one_code_for_two_roles_gives_none(shared):
    one = access.hash_code("meow")
    shared(teacher_code=one, student_code=one)
    with pytest.raises(SettingsError):
        access.load_access_settings()
    shared(teacher_code=one, student_code=access.hash_code("meow "))
    with pytest.raises(SettingsError, match="are the same"):
        access.role_by_code("meow")


@pytest.mark.parametrize("code", ["", " ", "\t\n", "\u200b", "\u3164", "a\x00b", "x" * 101])
def test_a_code_nobody_can_type_is_neither_kept_nor_right(shared, code):
    with pytest.raises(SettingsError, match="blank"):
        access.hash_code(code)
    shared(student_code=access.hash_code("meow"))
    assert access.role_by_code(code) is None


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "null", " ", '{"shared": "no"}', "[" * 200_000])
def test_a_damaged_environment_shuts_the_door(workspace, monkeypatch, text):
    monkeypatch.setenv(access.OVERRIDES, text)
    with pytest.raises(SettingsError, match=access.OVERRIDES):
        access.check_permission("train")


def test_a_damaged_or_misspelt_file_shuts_the_door(workspace):
    workspace.mkdir()
    for text, error in (("{", CatDogError), ('{"sharde": true}', SettingsError)):
        (workspace / access.FILE).write_text(text)
        with pytest.raises(error):
            access.check_permission("train")


def test_in_a_lab_of_ones_own_any_folder_may_be_opened(workspace, monkeypatch):
    monkeypatch.delenv(allowed_roots.ROOTS_VARIABLE, raising=False)
    assert allowed_roots.allowed_roots() is None
    assert allowed_roots.confine_path(Path("/etc")) == Path("/etc")


def test_a_shared_lab_opens_folders_of_its_roots_only(shared, tmp_path):
    shared(STUDENT, roots=[str(tmp_path / "photos")])
    inside = tmp_path / "photos" / "pets"
    inside.mkdir(parents=True)
    assert allowed_roots.confine_path(inside) == inside
    for path in (tmp_path, inside / ".." / "..", Path("/etc"), tmp_path / "photos2"):
        with pytest.raises(DatasetError, match="You can't open"):
            allowed_roots.confine_path(path)
    shared(STUDENT)
    with pytest.raises(DatasetError, match=r"or any other folder here\."):
        allowed_roots.confine_path(inside)


def test_what_is_refused_tells_not_whether_it_is_there(shared, tmp_path):
    shared(STUDENT, roots=[str(tmp_path / "photos")])
    messages = []
    (tmp_path / "is here").mkdir()
    for name in ("is here", "is gone"):
        with pytest.raises(DatasetError) as error:
            allowed_roots.confine_path(tmp_path / name)
        messages.append(str(error.value).replace(name, "…"))
    assert messages[0] == messages[1]


def test_links_are_followed_before_a_place_is_judged(shared, tmp_path):
    secret, photos = tmp_path / "secret", tmp_path / "photos"
    (photos / "cats").mkdir(parents=True)
    secret.mkdir()
    (secret / "cat.jpg").write_bytes(b"private")
    (photos / "link").symlink_to(secret)
    shared(STUDENT, roots=[str(photos)])
    with pytest.raises(DatasetError):
        allowed_roots.confine_path(photos / "link")
    with pytest.raises(DatasetError):
        allowed_roots.confine_path(photos)
    (photos / "link").unlink()
    (photos / "cats" / "cat.jpg").symlink_to(secret / "cat.jpg")
    with pytest.raises(DatasetError):
        allowed_roots.confine_path(photos)
    (photos / "cats" / "cat.jpg").unlink()
    assert allowed_roots.confine_path(photos) == photos


def test_the_environment_names_roots_for_a_lab_of_ones_own_too(workspace, monkeypatch, tmp_path):
    monkeypatch.setenv(allowed_roots.ROOTS_VARIABLE, os.pathsep.join(["~", str(tmp_path / "data")]))
    assert allowed_roots.allowed_roots() == [Path.home().resolve(), tmp_path / "data"]
    with pytest.raises(DatasetError):
        allowed_roots.confine_path(Path("/etc"))


def test_links_that_lead_out_of_the_roots_are_named_with_the_setting(shared, tmp_path):
    photos, other = tmp_path / "photos", tmp_path / "other"
    for folder in (photos / "cats", other):
        folder.mkdir(parents=True)
    (photos / "cats" / "linked.jpg").symlink_to(other / "secret.jpg")
    shared(STUDENT, roots=[str(photos)])
    with pytest.raises(DatasetError, match=r"cats/linked\.jpg.*CATDOG_ROOTS") as error:
        allowed_roots.confine_path(photos)
    assert "secret" not in str(error.value)
    shared(STUDENT, roots=[str(photos), str(other)])
    assert allowed_roots.confine_path(photos) == photos


def test_within_act_as_the_work_is_for_that_visitor_in_its_threads_too():
    ann = access.Visitor("Ann", "student")

    async def ask_in_a_thread():
        return await asyncio.to_thread(access.current_visitor)

    with access.act_as(ann):
        assert access.current_visitor() == ann
        assert asyncio.run(ask_in_a_thread()) == ann
    assert access.current_visitor() == access.OWNER
