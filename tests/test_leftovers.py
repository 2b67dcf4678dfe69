"""What killed processes left behind goes at the next start; what is in use stays."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from catdog_core.base import files, locks, processes, stale_files

AREAS = ("datasets", "runs/one", "cache/exports")
MAKES = """
import sys, time
from pathlib import Path
from catdog_core.base import files
with files.temporary_folder("model"), files.temporary_beside(Path(sys.argv[1])) as folder:
    folder.mkdir(parents=True)
    (folder / "photo.jpg").touch()
    with files.atomic_replace(Path(sys.argv[1]).with_name("model.keras")) as file:
        file.touch()
        print("HELD", flush=True)
        time.sleep(100)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder of temporary files of one's own, also for processes that are started."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def dead_maker():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    maker = processes._build_maker_tag.__wrapped__(ended.pid)
    ended.wait()
    return maker


def age(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.mark.parametrize("area", AREAS)
def test_what_a_killed_process_made_goes_and_what_a_living_one_made_stays(
    temporary, workspace, area
):
    command = [sys.executable, "-c", MAKES, str(workspace / area / "name")]
    process = subprocess.Popen(command, cwd=files.PROJECT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "HELD\n"
    created_paths = [*temporary.iterdir(), *(workspace / area).iterdir()]
    assert len(created_paths) == 3 and stale_files.remove_leftovers() == 0
    process.kill()
    process.wait()
    process.stdout.close()
    assert stale_files.remove_leftovers() == 3
    assert not any(path.exists() for path in created_paths)


def test_a_command_sweeps_at_its_start(temporary, workspace):
    left = temporary / f"catdog-check-{dead_maker()}-0123abcd"
    (left / "home").mkdir(parents=True)
    command = [sys.executable, "-m", "catdog_core", "runs"]
    subprocess.run(command, cwd=files.PROJECT, check=True, capture_output=True)
    assert not left.exists()


def test_a_folder_with_a_short_name_tells_its_maker_inside(temporary, workspace):
    for name, maker in (
        ("catdog-abcd1234", dead_maker()),
        ("catdog-x_y_z_12", processes.maker_tag()),
    ):
        (temporary / name).mkdir()
        (temporary / name / stale_files.MAKER_FILE).write_text(f"-{maker}-00000000")
    assert stale_files.remove_leftovers() == 1
    assert [path.name for path in temporary.iterdir()] == ["catdog-x_y_z_12"]


def test_a_number_that_is_used_again_does_not_save_what_was_left(temporary, workspace):
    prefix = processes.maker_tag().rsplit("-", 1)[0]
    left = temporary / f"catdog-model-{prefix}-000000-0123abcd"  # this process's number, no start
    left.mkdir()
    assert processes.maker_state(left.name) == "dead" and stale_files.remove_leftovers() == 1


@pytest.mark.parametrize(
    "name",
    [
        "catdog-model-p17-ffffff-000000-0123abcd",  # of another machine
        "catdog-model-abcd1234",  # of an earlier version
        "catdog-check-x_y_z_12",
    ],
)
def test_where_no_maker_can_be_looked_up_the_age_decides(temporary, workspace, name):
    (temporary / name).mkdir()
    assert stale_files.remove_leftovers() == 0
    age(temporary / name, stale_files.STALE_SECONDS + 60)
    assert stale_files.remove_leftovers() == 1


@pytest.mark.parametrize(
    "name", ["catdog", "catdog-notes", "catdog-model-mine", "mine-p1-000000-000000-0123abcd", "x"]
)
def test_files_of_others_stay_however_old(temporary, workspace, name):
    (temporary / name).mkdir()
    age(temporary / name, 100 * stale_files.STALE_SECONDS)
    assert stale_files.remove_leftovers() == 0 and (temporary / name).is_dir()


@pytest.mark.skipif(not hasattr(os, "chown") or os.geteuid() != 0, reason="needs another user")
def test_what_another_user_left_stays(temporary, workspace):
    left = temporary / f"catdog-model-{dead_maker()}-0123abcd"
    left.mkdir()
    os.chown(left, 12_345, 12_345)
    assert stale_files.remove_leftovers() == 0 and left.is_dir()


def test_a_link_is_removed_and_not_followed(temporary, workspace, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "photo.jpg").touch()
    link = temporary / f"catdog-model-{dead_maker()}-0123abcd"
    link.symlink_to(tmp_path / "precious")
    stale_files.remove_leftovers()
    assert (tmp_path / "precious" / "photo.jpg").is_file() and not link.is_symlink()


def test_hidden_names_of_earlier_versions_go_by_age_and_locks_and_photos_stay(temporary, workspace):
    names = ["datasets/.pets-a1b2c3", "runs/.run-0123abcd", "cache/.going-0123abcd"]
    stay = ["runs/.pets-0123abcd.lock", "datasets/pets/photos/.cat-0123abcd", "runs/.gitignore"]
    for name in (*names, *stay):
        (workspace / name).mkdir(parents=True)
        age(workspace / name, stale_files.STALE_SECONDS + 60)
    assert stale_files.remove_leftovers() == len(names)
    assert all((workspace / name).is_dir() for name in stay)


def test_a_packing_goes_unless_a_shard_of_it_is_whole_or_somebody_packs(temporary, workspace):
    none, some, busy = (workspace / "cache" / f".{c * 20}-32.packing" for c in "abc")
    for folder in (none, some, busy):
        folder.mkdir(parents=True)
        (folder / "train-00000.tfrecord").touch()
    (some / "train-00000.json").touch()
    with locks.hold_path_lock(Path(workspace / "cache" / f"{'c' * 20}-32")):
        assert stale_files.remove_leftovers() == 1
    assert (none.exists(), some.exists(), busy.exists()) == (False, True, True)


def test_a_sweep_of_a_large_workspace_is_quick(temporary, workspace):
    for number in range(300):
        (workspace / "runs" / f"run-{number}").mkdir(parents=True)
    begun = time.process_time()
    stale_files.remove_leftovers()
    assert time.process_time() - begun < 1
