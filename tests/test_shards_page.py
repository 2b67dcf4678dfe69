"""The TFRecord section of the Data page: packing in the background, the code shown, the cache."""

import shutil

import fakes
import numpy as np
import pytest
from evaluated_runs import wait_for_job

from catdog_core.base import jobs
from catdog_core.data import datasets
from catdog_core.storage import shard_cache
from catdog_ui.data import shards_view

pytestmark = pytest.mark.usefixtures("workspace")


def page(**query):
    app = fakes.open_page("1_Data", part="tfrecord", **query)
    assert not app.exception
    return app


def pack(app, dataset):
    app.button("shards_pack").click().run()
    wait_for_job(jobs.get_job(shards_view._job_key(dataset, 150)))
    app.run()


def told(app):
    return " ".join(element.value for element in app.get("html"))


def test_one_click_packs_and_a_second_verifies(demo):
    dataset = datasets.open_folder(demo)
    app = page(dataset=dataset.id)
    pack(app, dataset)
    assert "just written" in told(app)
    assert (shard_cache.packed_folder(dataset.fingerprint, 150) / "index.json").is_file()
    pack(app, dataset)
    assert "verified" in told(app)


def test_a_damaged_shard_is_mended(demo):
    dataset = datasets.open_folder(demo)
    app = page(dataset=dataset.id)
    pack(app, dataset)
    shard = next(shard_cache.packed_folder(dataset.fingerprint, 150).glob("train-*.tfrecord"))
    good = shard.read_bytes()
    shard.write_bytes(good[:5000] + b"\x00" * 100 + good[5100:])
    pack(app, dataset)
    assert not app.error
    assert shard.read_bytes() == good
    assert f"Repaired 1 file: `{shard.name}`" in fakes.joined_text(app.success)
    pack(app, dataset)
    assert "There was nothing to repair" in fakes.joined_text(app.success)


def test_the_cache_is_shown_and_cleared(demo):
    dataset = datasets.open_folder(demo)
    app = page(dataset=dataset.id)
    pack(app, dataset)
    jobs.forget_job(shards_view._job_key(dataset, 150))
    app.run()
    assert dataset.name in list(app.dataframe[-1].value["Dataset"])
    app.button("shards_clear").click().run()
    assert not app.exception and shard_cache.list_cache_entries() == []


def test_a_failed_packing_says_why(demo, monkeypatch):
    dataset = datasets.open_folder(demo)
    app = page(dataset=dataset.id)
    shard_cache.packed_folder(dataset.fingerprint, 150).parent.parent.mkdir(exist_ok=True)
    shard_cache.cache_root().write_text("in the way")  # a file where the cache's folder should be
    pack(app, dataset)
    assert "couldn't be saved" in fakes.joined_text(app.error)


@pytest.mark.slow
def test_the_code_shown_runs_and_gives_the_photos(demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(demo / "train", tmp_path / "train")
    names = {"classes": "['cats', 'dogs']", "size": 32}
    exec(compile(shards_view._WRITE_CODE.format(**names), "<write>", "exec"), {})
    scope = {}
    code = shards_view._READ_CODE.format(size=32, pattern=str(tmp_path / "train*.tfrecord"))
    exec(compile(code, "<read>", "exec"), scope)
    images, labels = zip(*scope["batches"].as_numpy_iterator(), strict=True)
    assert np.concatenate(images).shape == (48, 32, 32, 3)
    assert np.concatenate(labels).sum() == 24
    assert 100 < np.concatenate(images).max() <= 255
