"""Tokens of the API: made once, kept as hashes, listed, taken back; by commands."""

import json

import fakes
import pytest

from catdog_core.base import access
from catdog_core.base.errors import AccessError, SettingsError
from catdog_core.server import tokens

pytestmark = pytest.mark.usefixtures("workspace")


def test_a_token_is_shown_once_and_only_its_hash_is_kept(capsys, workspace):
    status, stdout, _ = fakes.run_cli(capsys, "token", "add", "lab laptop", "--role", "student")
    secret = stdout.strip()
    assert status == 0 and secret.startswith(tokens.PREFIX) and len(secret) > 40
    assert secret not in (workspace / tokens.FILE).read_text()
    assert tokens.find_visitor(secret) == access.Visitor("lab laptop", "student")
    _, listed, _ = fakes.run_cli(capsys, "token", "list")
    assert "lab laptop" in listed and "student" in listed and secret not in listed


def test_a_revoked_token_counts_at_once(capsys):
    kept, gone = tokens.add_token("kept", "audience"), tokens.add_token("gone", "audience")
    assert tokens.find_visitor(gone)
    assert fakes.run_cli(capsys, "token", "revoke", "GONE")[0] == 0
    assert tokens.find_visitor(gone) is None and tokens.find_visitor(kept)
    status, _, stderr = fakes.run_cli(capsys, "token", "revoke", "gone")
    assert status == 1 and "There's no token 'gone'" in stderr


def test_two_tokens_differ_and_have_two_names():
    assert tokens.add_token("a", "audience") != tokens.add_token("b", "audience")
    with pytest.raises(SettingsError, match="already a token 'A'"):
        tokens.add_token("A", "teacher")


@pytest.mark.parametrize("name", ["", " ", "\u200b", "a\nb", "x" * 41])
def test_a_name_nobody_could_read_makes_no_token(name):
    with pytest.raises(SettingsError, match="blank or too long"):
        tokens.add_token(name, "audience")
    assert tokens.list_tokens() == ()


@pytest.mark.parametrize("secret", ["", "catdog_", "x" * 10_000, "é"])
def test_a_wrong_token_is_nobodys(secret):
    tokens.add_token("a", "teacher")
    assert tokens.find_visitor(secret) is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"format": 2}',
        '{"tokens": [{"name": "a", "role": "owner", "created": 0, "sha256": ""}]}',
        '{"tokens": [{"name": "a", "role": "teacher", "created": 0, "sha256": "00"}]}',
    ],
)
def test_a_damaged_file_lets_nobody_in_and_is_not_written_over(workspace, capsys, text):
    secret = tokens.add_token("a", "audience")
    path = workspace / tokens.FILE
    path.write_text(text)
    assert tokens.find_visitor(secret) is None
    assert fakes.run_cli(capsys, "token", "add", "b")[0] == 1
    assert path.read_text() == text


def test_visitors_of_a_shared_lab_make_and_revoke_none(monkeypatch):
    monkeypatch.setenv(access.OVERRIDES, json.dumps({"shared": True}))
    with access.act_as(access.Visitor("Mina", "student")):
        for change in (lambda: tokens.add_token("a", "teacher"), lambda: tokens.revoke_token("a")):
            with pytest.raises(AccessError, match="Only a teacher"):
                change()
    assert tokens.list_tokens() == ()


def test_an_empty_list_says_how_to_make_one(capsys):
    assert "token add NAME" in fakes.run_cli(capsys, "token", "list")[1]
