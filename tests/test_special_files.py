"""Pipes, sockets, devices and files of /proc: every command says no at once, in a sentence."""

import os
import shutil
import socket
import sys
import threading
from pathlib import Path

import pytest

from catdog_core import cli
from catdog_core.base import files
from catdog_core.base.errors import CatDogError
from catdog_core.imaging import decode

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither pipes nor /dev")

COMMANDS = {
    "augment": "augment {it} {out}.png",
    "augment by a preset": "augment {photo} {out}.png --augment {it}",
    "augment with another": "augment {photo} {out}.png --mixup {it}",
    "predict a photo": "predict default {it}",
    "predict with a model": "predict {it} {photo}",
    "check": "check {it}",
    "pack": "pack {it} {out}",
    "import": "import {it}",
    "import a zip": "import {zip}",
    "import TFRecords": "import {tfrecord}",
    "look at a zip": "import {zip} --look",
    "import-run": "import-run {it}",
    "history": "history {it}",
    "history of csv": "history {csv}",
    "diagnose": "diagnose {it}",
    "diagnose csv": "diagnose {csv}",
    "evaluate a model": "evaluate {it} {folder}",
    "Add at least one to evaluate.": "evaluate default {it}",
    "train on": "train {it}",
    "train with a network": "train {folder} --model custom --network {json}",
    "train with a preset": "train {folder} --augment {json}",
    "train from": "train {folder} --from {it}",
    "estimate": "estimate {folder} --network {json}",
    "sweep over a grid": "sweep {folder} --grid {json}",
    "resume": "resume {it}",
    "stop": "stop {it}",
    "plot": "plot {it} {out}.png",
    "export a model": "export {it} keras {out}.keras",
    "decide": "decide {it} exclude {photo}",
    "split": "split {it}",
    "classes": "classes {it}",
}


def pipe(path):
    os.mkfifo(path)


def listening(path):
    here = Path.cwd()
    os.chdir(path.parent)  # the address of a socket may have 107 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)
    os.chdir(here)


KINDS = {
    "pipe": pipe,
    "socket": listening,
    "zeros": lambda path: path.symlink_to("/dev/zero"),
    "memory": lambda path: path.symlink_to("/proc/self/mem"),
    "map": lambda path: path.symlink_to("/proc/self/pagemap"),
    "folder": lambda path: path.mkdir(),
}


def make(kind, folder):
    """Something that is no regular file under names of several endings."""
    paths = {}
    for name in ("it", "it.zip", "it.csv", "it.json", "it.tfrecord"):
        paths[name.removeprefix("it.") or name] = folder / name
        KINDS[kind](folder / name)
    if not paths["it"].exists():
        pytest.skip("this system has no such file")
    return paths


def ended(call, seconds=60):
    """What a call gives or raises; fails where it goes on for longer."""
    outcomes = []

    def run():
        try:
            outcomes.append(call())
        except BaseException as error:
            outcomes.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert outcomes, "it waits"
    return outcomes[0]


FEW = ("augment", "import a zip", "import-run", "history", "history of csv")
CASES = [("pipe", command) for command in COMMANDS]
CASES += [(kind, command) for kind in KINDS if kind != "pipe" for command in FEW]


@pytest.mark.parametrize(("kind", "command"), CASES)
def test_every_command_refuses_it_at_once(kind, command, demo, photo, workspace, tmp_path, capsys):
    values = {"photo": photo, "folder": demo, "out": tmp_path / "out", **make(kind, tmp_path)}
    words = [word.format(**values) for word in COMMANDS[command].split()]
    status = ended(lambda: cli.main(words))
    message = capsys.readouterr().err.strip()
    assert status in (1, 2), message
    assert message.startswith("Error: ") and "\n" not in message


@pytest.mark.parametrize("kind", KINDS)
def test_every_reader_refuses_it_at_once(kind, tmp_path):
    path = make(kind, tmp_path)["json"]
    for read in (files.open_regular, files.read_regular):
        assert isinstance(ended(lambda read=read: read(path)), OSError)
    for read in (decode.read_photo_bytes, decode.read_dimensions, files.read_json):
        assert isinstance(ended(lambda read=read: read(path)), CatDogError)
    assert ended(lambda: files.read_json_lines(path)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these")
@pytest.mark.parametrize("path", ["/proc/self/environ", "/proc/kmsg", "/sys/kernel/uevent_seqnum"])
def test_a_file_the_system_makes_up_is_no_regular_one(path):
    if not Path(path).exists():
        pytest.skip("it is not here")
    with pytest.raises(OSError):
        files.open_regular(path)


def test_a_regular_file_is_read_up_to_its_limit_also_through_a_link(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert files.read_regular(tmp_path / "link", 5) == b"12345"
    with pytest.raises(OSError, match="large"):
        files.read_regular(tmp_path / "file", 4)


@pytest.mark.parametrize("kind", ["pipe", "socket", "zeros"])
def test_among_photos_it_costs_no_scan_its_end(kind, demo, workspace, tmp_path, capsys):
    shutil.copytree(demo, tmp_path / "set")
    KINDS[kind](tmp_path / "set" / "train" / "cats" / "extra.jpg")
    assert ended(lambda: cli.main(["check", str(tmp_path / "set")])) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "device"),
    [
        ("NUL", True),
        ("c:/photos/con.jpg", True),
        ("Lpt1 .txt", True),
        (r"\\.\pipe\lab", True),
        ("//./PhysicalDrive0", True),
        ("console.jpg", False),
        ("c:/nul/cat.jpg", False),
        (r"\\?\c:\cat.jpg", False),
    ],
)
def test_windows_names_of_devices_are_known_everywhere(path, device):
    assert files.is_windows_device(path) is device
