"""Photo files as an attacker might send them: small ones that ask for much, and odd ones."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from fuzz.seeds import make_png, png_chunk, seed_photos
from PIL import Image

from catdog_core.base import files

MAX_SECONDS, MAX_MEGABYTES = 3, 300  # that a photo may cost, whatever it is
_COST = """
import json, sys, time
from pathlib import Path
from catdog_core.imaging import decode
from catdog_core.data import photo_scan
from catdog_core.base.errors import PhotoError

def memory(which):
    return int(Path("/proc/self/status").read_text().split(which + ":")[1].split()[0]) / 1024

for name in sys.argv[1:]:
    path, said, shape = Path(name), "taken", None
    ways = [
        lambda: decode.decode_photo(path.read_bytes()),
        lambda: decode.decode_photo(path.read_bytes(), 150),
        lambda: photo_scan.scan_photos(path.parent, [path.name], path.parent),
        lambda: list(decode.load_photos([path], 150)),
        lambda: decode.read_dimensions(path),
    ]
    worst = most = 0
    for number, way in enumerate(ways):
        Path("/proc/self/clear_refs").write_text("5")
        before, start = memory("VmRSS"), time.process_time()
        try:
            found = way()
            shape = found.shape if number == 0 else shape
            del found  # not beside what the next way takes
        except PhotoError as error:
            said = str(error) if number == 0 else said
        worst = max(worst, time.process_time() - start)
        most = max(most, memory("VmHWM") - before)
    print(json.dumps([name, worst, most, said, shape]))
"""


class Cost(NamedTuple):
    """CPU seconds of the slowest reader, megabytes above before, what was said, the shape."""

    seconds: float
    megabytes: float
    said: str
    shape: list[int] | None


def measure_costs(paths: Iterable[Path]) -> dict[str, Cost]:
    """What every reader of photos takes for each file, in a process of its own, by name."""
    if sys.platform != "linux":
        pytest.skip("memory is measured on Linux only")
    command = [sys.executable, "-c", _COST, *map(str, paths)]
    done = subprocess.run(command, cwd=files.PROJECT, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(name).name: Cost(*rest) for name, *rest in rows}


def too_costly(costs: dict[str, Cost]) -> dict[str, Cost]:
    """Those beyond the promise, or told in more than a line."""
    return {
        name: cost
        for name, cost in costs.items()
        if cost.seconds > MAX_SECONDS or cost.megabytes > MAX_MEGABYTES or "\n" in cost.said
    }


def store_files(named: dict[str, bytes], folder: Path) -> list[Path]:
    """The files, each under its name."""
    for name, data in named.items():
        (folder / name.replace("/", "-")).write_bytes(data)
    return sorted(folder.iterdir())


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _header(width: int, height: int, bits: int = 8, colour: int = 2, laced: int = 0) -> bytes:
    return struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, laced)


def _rows(width: int, height: int, colours: int = 3) -> bytes:
    return png_chunk(b"IDAT", zlib.compress(bytes((width * colours + 1) * height)))


def _pngs() -> dict[str, bytes]:
    zeros = zlib.compress(bytes(300_000_000), 9)
    plain = _rows(8, 8)
    return {
        "png text of 300 MB": make_png(_header(8, 8), png_chunk(b"zTXt", b"a\0\0" + zeros), plain),
        "png itxt of 300 MB": make_png(
            _header(8, 8), png_chunk(b"iTXt", b"a\0\1\0\0\0" + zeros), plain
        ),
        "png profile of 300 MB": make_png(
            _header(8, 8), png_chunk(b"iCCP", b"a\0\0" + zeros), plain
        ),
        "png 100,000 texts": make_png(
            _header(8, 8), *[png_chunk(b"tEXt", b"k\0v")] * 100_000, plain
        ),
        "png pixels of 300 MB for 8": make_png(_header(8, 8), png_chunk(b"IDAT", zeros)),
        "png without pixels": make_png(_header(8, 8)),
        "png of no width": make_png(_header(0, 8), plain),
        "png of 2**31 width": make_png(_header(2**31 - 1, 1), plain),
        "png of one row": make_png(_header(39_000_000, 1), _rows(39_000_000, 1)),
        "png of one column": make_png(_header(1, 39_000_000), _rows(1, 39_000_000)),
        "png interlaced and large": make_png(_header(6000, 6000, laced=1), _rows(6000, 6000)),
        "png palette without colours": make_png(_header(8, 8, 8, 3), _rows(8, 8, 1)),
        "png of 64 bits": make_png(_header(8, 8, 64), plain),
        "png 16 bits large": make_png(
            _header(6000, 6000, 16), png_chunk(b"IDAT", zlib.compress(bytes(36001 * 6000), 1))
        ),
        "png of a million frames": make_png(
            _header(8, 8), png_chunk(b"acTL", struct.pack(">II", 1_000_000, 0)), plain
        ),
        "png with no frame": make_png(
            _header(8, 8), png_chunk(b"acTL", struct.pack(">II", 0, 0)), plain
        ),
        "png frame beyond it": make_png(
            _header(8, 8),
            png_chunk(b"acTL", struct.pack(">II", 2, 0)),
            png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 2**30, 2**30, 5, 5, 1, 1, 0, 0)),
            plain,
        ),
        "png chunk of 4 GB": b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**32 - 1) + b"IHDR" + b"x",
        "png of 200,000 empty pixel parts": make_png(
            _header(8, 8), *[png_chunk(b"IDAT", b"")] * 200_000, plain
        ),
    }


def _tiff(entries: list[tuple[int, int, int, int]], tail: bytes = b"", following: int = 0) -> bytes:
    """A TIFF of one directory: (tag, type, count, value), little end first."""
    body = struct.pack("<H", len(entries))
    body += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + body + struct.pack("<I", following) + tail


def _tiff_of(width: int, height: int, **changes: tuple[int, int, int]) -> bytes:
    tags = {
        "width": (256, 4, 1, width),
        "height": (257, 4, 1, height),
        "bits": (258, 3, 1, 8),
        "packing": (259, 3, 1, 1),
        "meaning": (262, 3, 1, 1),
        "place": (273, 4, 1, 8),
        "colours": (277, 3, 1, 1),
        "rows": (278, 4, 1, height),
        "bytes": (279, 4, 1, width * height % 2**32),
    }
    for name, (tag, *rest) in {
        n: (t[0], *c) for (n, c) in changes.items() for t in [tags[n]]
    }.items():
        tags[name] = (tag, *rest)  # type: ignore[assignment]
    return _tiff(sorted(tags.values()))


def _tiffs() -> dict[str, bytes]:
    loop = bytearray(_tiff_of(8, 8))
    loop[-4:] = struct.pack("<I", 8)
    pages = _saved(
        Image.new("L", (4, 4)), "TIFF", save_all=True, append_images=[Image.new("L", (4, 4))] * 500
    )
    return {
        "tiff of huge counts": _tiff_of(8, 8, place=(4, 2**32 - 1, 8), bytes=(4, 2**32 - 1, 8)),
        "tiff whose next page is itself": bytes(loop),
        "tiff of 500 pages": pages,
        "tiff of 40 million strips": _tiff_of(6000, 6000, rows=(4, 1, 1)),
        "tiff of 2**31 px": _tiff_of(2**31 - 1, 2**31 - 1),
        "tiff of no rows": _tiff_of(8, 0),
        "tiff of 65535 colours": _tiff_of(8, 8, colours=(3, 1, 65535)),
        "tiff of 65,535 tags": _tiff([(65000, 4, 1, 1)] * 65_535),
        "tiff that lacks its pixels": _tiff_of(6000, 6000),
        "tiff of zeros, deflated": _saved(
            Image.new("L", (6300, 6300)), "TIFF", compression="tiff_adobe_deflate"
        ),
        "tiff of zeros, lzw": _saved(
            Image.new("RGB", (6300, 6300)), "TIFF", compression="tiff_lzw"
        ),
        "tiff fax of zeros": _saved(Image.new("1", (6300, 6300)), "TIFF", compression="group4"),
        "tiff lab": _saved(Image.new("LAB", (6300, 6300)), "TIFF"),
        "tiff cmyk": _saved(Image.new("CMYK", (3100, 3100)), "TIFF"),
        "tiff of NaN": _saved(Image.fromarray(np.full((9, 9), np.nan, "f4")), "TIFF"),
        "tiff of infinity": _saved(Image.fromarray(np.full((9, 9), np.inf, "f4")), "TIFF"),
        "tiff big": b"II+\0" + struct.pack("<HHQ", 8, 0, 16) + struct.pack("<Q", 2**63),
    }


def _jpegs() -> dict[str, bytes]:
    good = seed_photos()["plain.jpg"]
    segment = b"\xff\xe1" + struct.pack(">H", 65_535) + b"Exif\0\0" + b"I" * 65_527
    profile = b"\xff\xe2" + struct.pack(">H", 65_535) + b"ICC_PROFILE\0\1\xff" + b"x" * 65_519
    comment = b"\xff\xfe\0\2"
    frame = good.find(b"\xff\xc0")
    sized = bytearray(good)
    sized[frame + 5 : frame + 9] = struct.pack(">HH", 65_500, 65_500)
    wide = bytearray(good)
    wide[frame + 5 : frame + 9] = struct.pack(">HH", 600, 65_500)
    return {
        "jpeg exif of 30 MB": good[:2] + segment * 450 + good[2:],
        "jpeg profile of 16 MB": good[:2] + profile * 255 + good[2:],
        "jpeg of a million comments": good[:2] + comment * 1_000_000 + good[2:],
        "jpeg of 4 Gpx": bytes(sized),
        "jpeg wider than its data": bytes(wide),
        "jpeg of a million ends": good + b"\xff\xd9" * 1_000_000,
        "jpeg in a jpeg": good[:-2] + good + good[-2:],
        "jpeg of zero height": good[: frame + 5] + b"\0\0" + good[frame + 7 :],
        "jpeg of restarts": good[:-2] + b"\xff\xd0" * 1_000_000 + good[-2:],
        "jpeg of fill bytes": good[:2] + b"\xff" * 5_000_000 + good[2:],
        "jpeg then zip": good + b"PK\x03\x04" + bytes(500),
        "jpeg 100 scans, large": _scans(100, 3000),
        "jpeg arithmetic": good.replace(b"\xff\xc0", b"\xff\xc9", 1),
        "jpeg lossless": good.replace(b"\xff\xc0", b"\xff\xc3", 1),
        "jpeg 12 bits": good[: frame + 4] + b"\x0c" + good[frame + 5 :],
        "jpeg cmyk, large": _saved(Image.new("CMYK", (6300, 6300)), "JPEG"),
        "jpeg 100 frames": _saved(
            Image.new("RGB", (9, 9)),
            "MPO",
            save_all=True,
            append_images=[Image.new("RGB", (9, 9))] * 99,
        ),
    }


def _scans(count: int, side: int) -> bytes:
    """A progressive JPEG whose last scan is there many times."""
    data = _saved(Image.effect_noise((side, side), 60), "JPEG", progressive=True, quality=20)
    last = data.rfind(b"\xff\xda")
    have = data.count(b"\xff\xda")
    return data[:last] + data[last:-2] * max(count - have, 1) + data[-2:]


def _others() -> dict[str, bytes]:
    gif = seed_photos()["moving.gif"]
    canvas = bytearray(gif)
    canvas[6:10] = struct.pack("<HH", 65_535, 65_535)
    bmp = bytearray(seed_photos()["rgb.bmp"])
    upside = bytearray(bmp)
    upside[22:26] = struct.pack("<i", -45)
    negative = bytearray(bmp)
    negative[18:22] = struct.pack("<i", -60)
    depth = bytearray(bmp)
    depth[22:26] = struct.pack("<i", -(2**31))
    rle = bytearray(seed_photos()["rle.bmp"])
    rle[18:26] = struct.pack("<ii", 6000, 6000)
    webp = seed_photos()["lossy.webp"]
    flood = [Image.new("P", (5, 5), n % 250) for n in range(3000)]
    return {
        "gif of a huge canvas": bytes(canvas),
        "gif of 3,000 frames": _saved(flood[0], "GIF", save_all=True, append_images=flood[1:]),
        "gif of comments": gif[:13] + b"!\xfe" + b"\xff" + b"x" * 255 + b"\0" + gif[13:],
        "gif without an end": gif[:-1],
        "bmp upside down": bytes(upside),
        "bmp of negative width": bytes(negative),
        "bmp of the least height": bytes(depth),
        "bmp of run lengths, large": bytes(rle),
        "webp cut": webp[:-20],
        "webp large": _saved(Image.new("RGB", (3900, 3900)), "WEBP", method=0),
        "webp larger": _saved(Image.new("RGB", (6000, 6000)), "WEBP", method=0),
        "webp of 100 frames": _saved(
            Image.new("RGB", (9, 9)),
            "WEBP",
            save_all=True,
            append_images=[Image.new("RGB", (9, 9), (n, n, n)) for n in range(100)],
        ),
        "webp with 20 MB of metadata": webp[:12]
        + b"EXIF"
        + struct.pack("<I", 20_000_000)
        + bytes(20_000_000),
        "ppm": b"P6 4000 4000 255\n" + bytes(48_000_000),
        "pgm in letters": b"P2 2 2 255 " + b"1 " * 10_000_000,
        "heif": b"\0\0\0\x18ftypmif1" + bytes(200),
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        "svg of entities": b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><svg>&a;</svg>",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(run) system\n",
        "xpm": b'/* XPM */ static char *x[] = {"1 1 1 1"};',
        "tga": bytes((0, 0, 2, *[0] * 9, 9, 0, 9, 0, 24, 0)) + bytes(243),
        "zeros": bytes(1_000_000),
        "only FF": b"\xff" * 1_000_000,
        "jpeg marks only": b"\xff\xd8" * 500_000,
        "byte order mark": b"\xef\xbb\xbf" + seed_photos()["plain.jpg"],
        "49 MB of noise as jpeg": b"\xff\xd8\xff\xe0" + np.random.default_rng(0).bytes(49_000_000),
    }


def many_parts(n: int) -> dict[str, bytes]:
    """Files of `n` parts before their first pixel: readers would take a microsecond for each."""
    shown = seed_photos()
    good, gif, bmp = shown["plain.jpg"], shown["moving.gif"], bytearray(shown["rle.bmp"])
    side = int(n**0.5)
    bmp[18:26] = struct.pack("<ii", side, side)
    exif = _tiff([(0x112, 3, 2 * n, 26)], b"\1\2" * 2 * n)
    webp = shown["lossy.webp"][12:]
    exif_chunk = b"EXIF" + struct.pack("<I", len(exif)) + exif
    strips = _tiff_of(8, 8, place=(4, n, 200), rows=(4, 1, 1))
    segments = b"".join(
        b"\xff\xe1" + struct.pack(">H", 60_008) + b"Exif\0\0" + exif[at : at + 60_000]
        for at in range(0, len(exif) - 60_000, 60_000)
    )
    return {
        "jpeg comments": good[:2] + b"\xff\xfe\0\2" * n + good[2:],
        "jpeg fill bytes": good[:2] + b"\xff" * n + good[2:],
        "jpeg stray bytes": good[:2] + bytes(n) + good[2:],
        "jpeg restarts in the head": good[:2] + b"\xff\xd0" * n + good[2:],
        "jpeg exif": good[:2] + segments + good[2:],
        "png texts": make_png(_header(8, 8), png_chunk(b"tEXt", b"k\0v") * n, _rows(8, 8)),
        "png empty pixel parts": make_png(_header(8, 8), png_chunk(b"IDAT", b"") * n, _rows(8, 8)),
        "png exif": make_png(_header(8, 8), png_chunk(b"eXIf", exif), _rows(8, 8)),
        "gif comments": gif[:781] + b"!\xfe\0" * n + gif[781:],
        "gif comment of many blocks": gif[:781] + b"!\xfe" + b"\1x" * n + b"\0" + gif[781:],
        "tiff strips": strips + bytes(200 - len(strips)) + b"\0\1\2\3" * n,
        "webp exif": b"RIFF"
        + struct.pack("<I", len(webp) + len(exif) + 12)
        + b"WEBP"
        + webp
        + exif_chunk,
        "bmp runs": bytes(bmp[:1078]) + b"\1\7" * (2 * n) + b"\0\1",
    }


def costly_photos() -> dict[str, bytes]:
    """Name and bytes of each; some are refused, some taken, none may cost much."""
    makers: tuple[Callable[[], dict[str, bytes]], ...] = (_pngs, _tiffs, _jpegs, _others)
    return {name: data for make in makers for name, data in make().items()}
