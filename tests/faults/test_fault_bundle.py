"""The disk fills up while a bundle is taken in: one sentence, nothing left, and a retry works."""

from __future__ import annotations

import errno
import shutil

import fakes
import pytest
from injection import fail_disk_call, fill_disk, find_leftovers, small_disk, snapshot_folder

from catdog_core import runs
from catdog_core.base import files
from catdog_core.base.errors import CatDogError
from catdog_core.export import bundle_import


def changes(path, workspace):
    """How often taking a bundle in changes the disk."""
    with fail_disk_call(workspace, 0) as counter:
        came = bundle_import.import_bundle(path).run
    shutil.rmtree(came.folder)
    return counter.count


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_change_of_the_disk_that_fails_leaves_nothing_and_a_retry_works(
    code, exported_run, workspace
):
    earlier = fakes.make_run("mine", status="stopped")
    before, count = snapshot_folder(earlier), changes(exported_run[1], workspace)
    assert count > 20
    # A full disk may come at any of them, the others at a few.
    for number in range(1, count + 1, 1 if code == errno.ENOSPC else 7):
        with (
            fail_disk_call(workspace, number, code) as counter,
            pytest.raises(CatDogError) as caught,
        ):
            bundle_import.import_bundle(exported_run[1])
        message = str(caught.value)
        assert counter.hit and "couldn't be" in message and "\n" not in message, (
            counter.hit,
            message,
        )
        assert [path.name for path in runs.runs_folder().iterdir()] == [earlier.name], counter.hit
        assert not find_leftovers(workspace), counter.hit
        assert snapshot_folder(earlier) == before
    assert (
        bundle_import.import_bundle(exported_run[1]).run.epochs
        == runs.load_run(exported_run[0]).epochs
    )


def test_a_disk_that_is_really_full_is_told_and_freed_again(exported_run, tmp_path, monkeypatch):
    size = 2 * exported_run[1].stat().st_size + 1_000_000
    with small_disk(tmp_path / "disk", size) as folder:
        monkeypatch.setenv("CATDOG_WORKSPACE", str(folder / "workspace"))
        runs.runs_folder().mkdir(parents=True)
        for leave in (0, 50_000, size // 3):
            filler = fill_disk(folder, leave)
            with pytest.raises(CatDogError, match="Free some disk space"):
                bundle_import.import_bundle(exported_run[1])
            assert not list(runs.runs_folder().iterdir())
            filler.unlink()
        assert bundle_import.import_bundle(exported_run[1]).run.folder.is_dir()
        files.remove_tree(folder / "workspace")
