"""Photos built to cost much or to confuse: a clear answer to each, within 3 s and 300 MB."""

import json
import struct
import subprocess
import sys

import numpy as np
import pytest
import strange_photos
from fuzz import seeds
from PIL import Image

from catdog_core import files, images
from catdog_core.errors import PhotoError
from catdog_core.photos import heads, parts

SECONDS, MEGABYTES = 3, 300
COST = """
import json, sys, time
from pathlib import Path
from catdog_core import images
from catdog_core.curation import looks
from catdog_core.errors import PhotoError

def memory(which):
    return int(Path("/proc/self/status").read_text().split(which + ":")[1].split()[0]) / 1024

told = {}
for name in sys.argv[1:]:
    data = Path(name).read_bytes()
    Path("/proc/self/clear_refs").write_text("5")
    before, start, said = memory("VmRSS"), time.process_time(), "taken"
    try:
        images.decode(data)
    except PhotoError as error:
        said = str(error)
    seconds = time.process_time() - start
    start = time.process_time()
    looks.take(Path(name).parent, [Path(name).name], Path(name).parent)
    images.load_all([Path(name)], 150)
    try:
        images.dimensions(Path(name))
    except PhotoError:
        pass
    seconds = max(seconds, time.process_time() - start)
    told[name] = seconds, memory("VmHWM") - before, said
print(json.dumps(told))
"""


def costs(named, folder):
    """CPU seconds, megabytes and what was said of each file, in a process of its own."""
    if sys.platform != "linux":
        pytest.skip("memory is measured on Linux only")
    paths = {}
    for number, (name, data) in enumerate(named.items()):
        paths[str(folder / f"{number}.jpg")] = name
        (folder / f"{number}.jpg").write_bytes(data)
    command = [sys.executable, "-c", COST, *paths]
    done = subprocess.run(command, cwd=files.PROJECT, capture_output=True, text=True, check=True)
    return {paths[path]: cost for path, cost in json.loads(done.stdout).items()}


def too_costly(found):
    return {n: c for n, c in found.items() if c[0] > SECONDS or c[1] > MEGABYTES or "\n" in c[2]}


@pytest.mark.long
def test_odd_photos_cost_little_and_are_told_in_a_sentence(tmp_path):
    found = costs(strange_photos.all_of_them(), tmp_path)
    assert len(found) > 80
    assert too_costly(found) == {}


@pytest.mark.long
def test_files_of_millions_of_parts_cost_little(tmp_path):
    found = costs(strange_photos.many_parts(4_000_000), tmp_path)
    assert {name for name, cost in found.items() if cost[2] == "taken"} == set()
    assert too_costly(found) == {}


@pytest.mark.parametrize("name", sorted(strange_photos.many_parts(1)))
def test_a_file_of_too_many_parts_is_refused_unread(name, monkeypatch):
    data = strange_photos.many_parts(1_000_000)[name]
    monkeypatch.setattr(Image, "open", None)
    for read in (images.decode, heads.head):
        with pytest.raises(PhotoError, match=r"parts|a part of"):
            read(data)


def test_ordinary_photos_have_few_parts(tmp_path):
    for name, data in seeds.photos().items():
        parts.refuse_many(data)
        (tmp_path / name).write_bytes(data)
        assert images.dimensions(tmp_path / name) in ((60, 45), (45, 60))
        assert images.decode(data).shape[2] == 3


def test_other_limits_hold_for_photos(allow):
    photo = seeds.photos()["rgb.png"]  # 60 × 45
    for limit in ({"photo_pixels": 2699}, {"photo_bytes": len(photo) - 1}):
        allow(**limit)
        with pytest.raises(PhotoError, match="Expected at most"):
            images.decode(photo)
    allow(photo_pixels=2700, photo_bytes=len(photo))
    assert images.decode(photo).shape == (45, 60, 3)


def test_the_largest_tiles_of_a_tiff_are_no_flood(tmp_path):
    buffer = tmp_path / "a.tif"
    Image.fromarray(np.zeros((2000, 2000), np.uint8)).save(buffer, tiffinfo={278: 1})
    assert images.decode(buffer.read_bytes()).shape == (2000, 2000, 3)


HITS = {
    "a directory beyond 2**63": b"II+\0" + struct.pack("<HHQ", 8, 0, 2**64 - 1),
    "a directory at the end": b"II*\0" + struct.pack("<I", 8),
}
"""Files that got past an earlier version."""


@pytest.mark.parametrize("name", HITS)
def test_what_once_got_through_is_refused(name):
    for read in (images.decode, heads.head):
        with pytest.raises(PhotoError):
            read(HITS[name])


@pytest.mark.parametrize("size", [(70_000, 1), (1, 70_000)])
def test_a_picture_of_one_endless_row_is_refused(tmp_path, size):
    Image.new("L", size).save(tmp_path / "a.png")
    with pytest.raises(PhotoError, match="sides of at most 65,535"):
        images.decode((tmp_path / "a.png").read_bytes())


def test_the_head_of_a_png_is_read_without_its_pixels(monkeypatch):
    data = strange_photos.png(strange_photos._header(39_000, 1000), strange_photos._rows(9, 9))
    assert heads.head(data).width == 39_000  # its pixels are not there


@pytest.mark.skipif(sys.platform != "linux", reason="libjpeg's words were seen on Linux")
def test_what_libjpeg_says_of_a_damaged_photo_does_not_reach_stderr(tmp_path):
    good = seeds.photos()["plain.jpg"]
    path = tmp_path / "damaged.jpg"
    path.write_bytes(good[:-300] + good[-150:])
    plain = [
        sys.executable,
        "-c",
        f"from catdog_core import images; from pathlib import Path;"
        f" images.decode(Path({str(path)!r}).read_bytes())",
    ]
    assert b"Corrupt JPEG" in subprocess.run(plain, cwd=files.PROJECT, capture_output=True).stderr
    command = [sys.executable, "-m", "catdog_core", "augment", path, tmp_path / "out.png"]
    done = subprocess.run(command, cwd=files.PROJECT, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_other_native_messages_are_passed_on():
    code = (
        "import os\nfrom catdog_core import quiet\n"
        "with quiet.decoders():\n"
        "    os.write(2, b'Corrupt JPEG data: x\\nlibpng warning: y\\nout of memory\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=files.PROJECT, capture_output=True)
    assert done.stderr == b"out of memory\n"
