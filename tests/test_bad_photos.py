"""Nasty photos in a dataset: told of as they should be, each at a bounded cost."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from catdog_core import datasets, files, health, images
from catdog_core.images import EXTENSIONS

SECONDS, MEGABYTES = 3, 300
COST = """
import json, sys, time
from pathlib import Path
from catdog_core.photos import heads
from catdog_core import images
from catdog_core.curation import likeness, looks

def memory(which):
    return int(Path("/proc/self/status").read_text().split(which + ":")[1].split()[0]) / 1024

told = {}
for name in sys.argv[1:]:
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is forgotten
    before, start = memory("VmRSS"), time.process_time()
    looks.take(Path(name).parent, [Path(name).name], Path(name).parent)
    told[name] = time.process_time() - start, memory("VmHWM") - before
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def rows(bad_inputs):
    """What the manifest says of each photo."""
    with open(bad_inputs / "manifest.csv", encoding="utf-8") as file:
        found = [row for row in csv.DictReader(file) if row["kind"].startswith(("image", "name"))]
    assert len(found) > 50
    return found


def cost(paths):
    """CPU seconds and megabytes of a look at each file, in a process of its own."""
    if sys.platform != "linux":
        pytest.skip("memory is measured on Linux only")
    command = [sys.executable, "-c", COST, *map(str, paths)]
    done = subprocess.run(command, cwd=files.PROJECT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_in_class_folders_every_one_is_told_as_its_manifest_says(rows, bad_inputs, demo, tmp_path):
    shutil.copytree(demo / "train", tmp_path / "set")
    for row in rows:
        shutil.copy(bad_inputs / "files" / row["file"], tmp_path / "set" / "cats")
    dataset = datasets.scan(tmp_path / "set")
    found = [f for f in health.check(dataset) if f.kind in ("unreadable", "truncated")]
    told = {finding.files[0].removeprefix("cats/") for finding in found}
    for row in rows:
        if row["file"].endswith(EXTENSIONS):
            assert (row["file"] in told) == row["expectation"].startswith("reject"), row["file"]
    left_out = dataset.note["warnings"][0][1]["files"]
    assert left_out == "heic_header.heic, ok.avif, svg.svg"


def test_every_one_costs_little(rows, bad_inputs):
    found = cost(bad_inputs / "files" / row["file"] for row in rows)
    worst = {name: spent for name, spent in found.items() if spent > [SECONDS, MEGABYTES]}
    assert worst == {}
    assert max(memory for _, memory in found.values()) < MEGABYTES


def large(mode, side):
    if mode in ("F", "I"):
        kind = np.float32 if mode == "F" else np.int32
        return Image.fromarray(np.zeros((side, side), kind))
    return Image.new(mode, (side, side), 9)


@pytest.mark.long
@pytest.mark.parametrize(
    ("mode", "name", "side", "options"),
    [
        ("RGBA", "a.png", 6300, {}),
        ("L", "a.gif", 6300, {}),
        ("P", "p.png", 6300, {"transparency": 9}),
        ("F", "a.tif", 6300, {"compression": "tiff_adobe_deflate"}),
        ("I", "a.tif", 6300, {"compression": "tiff_adobe_deflate"}),
        ("CMYK", "c.jpg", 3990, {"progressive": True}),
        ("RGBA", "a.webp", 3990, {"method": 0}),
    ],
)
def test_the_largest_photos_cost_no_more(tmp_path, mode, name, side, options):
    large(mode, side).save(tmp_path / name, **options)
    ((seconds, memory),) = cost([tmp_path / name]).values()
    assert seconds < SECONDS and memory < MEGABYTES
    assert images.load((tmp_path / name).read_bytes(), 150).shape == (150, 150, 3)
