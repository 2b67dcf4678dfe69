"""Small inputs that ask for large work, each with the reader it comes to; run as a program.

    python tests/bounded_cases.py FOLDER

replays all groups in one process and says a line of JSON for each case: its group, CPU seconds,
megabytes above before, and what came of it. `test_bounded_work` reads the lines.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import io
import json
import lzma
import os
import struct
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

CPU_LIMIT = 60  # seconds of a case, after which the system ends the process
MEMORY_LIMIT = 8_000_000_000  # bytes of address space
HEAD = b"loss,accuracy,val_loss,val_accuracy"
COLUMNS = HEAD.decode().split(",")

Case = tuple[bytes, Callable[[bytes], Any]]
Cases = dict[str, Case]


def _wide(count: int) -> bytes:
    return b",".join(b"%x" % number for number in range(count))


def history_cases(home: Path) -> Cases:
    from catdog_core.analysis import history_import

    def read(data: bytes) -> Any:
        (home / "history").write_bytes(data)
        return history_import.read_history(home / "history")

    flat = ",".join(f'"{name}":[1e0]' for name in COLUMNS)
    files = {
        "csv: a wide header over 1,000 rows": HEAD + b"," + _wide(20_000) + b"\n" + b"1\n" * 1000,
        "csv: a million rows": HEAD + b"\n" + b"1\n" * 1_200_000,
        "csv: a million columns": HEAD + b"\n" + b"," * 1_000_000,
        "csv: a million names": HEAD + b"," + _wide(700_000) + b"\n1,1,1,1\n",
        "csv: empty lines": HEAD + b"\n" + b"\n" * 4_900_000,
        "csv: one cell of 4 MB": HEAD + b"\n" + b"1" * 4_000_000,
        "csv: a quote that never closes": HEAD + b'\n"' + b"1\n" * 2_000_000,
        "csv: quotes in quotes": HEAD + b'\n"' + b'""' * 2_000_000,
        "csv: NULs": HEAD + b"\n" + b"\0" * 4_000_000,
        "csv: 50 MB": HEAD + b"\n" + b"1,1,1,1\n" * 6_250_000,
        "csv: epoch a billion": b"epoch," + HEAD + b"\n1e9,1,1,1,1\n1e300,1,1,1,1\n-5,1,1,1,1\n",
        "csv: UTF-16": (HEAD + b"\n1,1,1,1\n").decode().encode("utf-16"),
        "csv: a million columns of spaces": HEAD + b"\n" + b"1 " * 2_400_000,
        "csv: semicolons alone": b";" * 4_900_000,
        "csv: 1,000 columns over 5,000 rows": _wide(1000) + (b"\n" + b"," * 950) * 5000,
        "text: a word of 4 MB": b"Epoch 1/9\n1/9 - " + b"a" * 4_800_000,
        "text: words without an end": b"Epoch 1/9\n" + b"1/9 a/a/a/a: x" * 340_000,
        "text: a million epochs": b"Epoch 1/9\n1/9 - a: 1\n" * 220_000,
        "text: a million states": b"Epoch 1/9\n" + b"1/9 loss: 1\b\r" * 370_000,
        "text: terminal codes": b"Epoch 1/9\n" + b"\x1b[" * 2_400_000,
        "json: a column of columns": b'{"loss":' + b'{"a":1},"b":' * 380_000 + b"{}}",
        "json: empty objects": b"[" + b"{}," * 1_600_000 + b"{}]",
        "json: small rows": b"[" + b'{"a":1},' * 600_000 + b"{}]",
        "json: a column of millions": b'{"loss":[' + b"1," * 2_400_000 + b"1]}",
        "json: 300,000 curves": (
            "{" + ",".join(f'"c{n}":[1]' for n in range(300_000)) + "," + flat + "}"
        ).encode(),
        "json: a number of 400 digits": ("{" + flat.replace("1e0", "1" * 400) + "}").encode(),
        "json: a number of 4 million digits": b'{"loss":[' + b"9" * 4_000_000 + b"]}",
        "json: nested arrays": b"[" * 2_400_000 + b"]" * 2_400_000,
        "json: nested objects": b'{"a":' * 900 + b"1" + b"}" * 900,
        "json: a name of 4 MB": b'{"' + b"a" * 4_000_000 + b'":[1]}',
        "json: 1e999 and NaN": ("{" + flat.replace("1e0", "1e999,NaN,-Infinity") + "}").encode(),
        "json: the same name": b"{" + b'"loss":[],' * 480_000 + b'"loss":[1]}',
        "pickle: one list 1,500 times": b"\x80\x04]\x94(" + b"h\0" * 2_400_000 + b"e.",
    }
    return {name: (data, read) for name, data in files.items()}


def settings_cases(home: Path) -> Cases:
    from catdog_core.augmentation import presets
    from catdog_core.base import access, limits
    from catdog_core.cli import options
    from catdog_core.config import Augmentation, url_params

    sys.modules.setdefault("tensorflow", MagicMock())  # what reads labels needs none of it
    from catdog_core.data import tfrecord_import
    from catdog_core.tuning import grid

    def at(name: str, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
        def take(data: bytes) -> Any:
            path = home / "workspace" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            try:
                return read(path)
            finally:
                path.unlink()

        return take

    def link(data: bytes) -> Any:
        return url_params.settings_from_query({"brightness_range": data.decode()}, Augmentation())

    def fresh(read: Callable[[], Any]) -> Callable[[Path], Any]:
        return lambda path: (limits._load_limits.cache_clear(), read())[1]

    network = at("net.json", lambda path: options.load_network(str(path)))
    grids = at("grid.json", grid.load_grid)
    preset = at("p.json", presets.read_preset)
    small, own = fresh(limits.current_limits), fresh(access.load_access_settings)
    labels = at("labels.txt", tfrecord_import._names_from_labels_file)
    rates = [1e-3 + n * 1e-9 for n in range(4000)]
    colliding = {"fill_mode": ["nearest", "wrap"], "horizontal_flip": [True, False]} | {
        name: [0, 1] for name in ("rotation_range", "shear_range", "hue_range", "noise_range")
    }
    return {
        "link: 60,000 digits": (b"1" * 60_000, link),
        "link: digits and dots": (b"1." * 30_000 + b"-1", link),
        "link: an exponent of digits": (b"1e" + b"1" * 60_000 + b"-1", link),
        "preset: 90,000 digits": (b'{"rotation_range":' + b"9" * 90_000 + b"}", preset),
        "preset: 24,000 unknown fields": (
            json.dumps({f"f{n}": n for n in range(6000)}).encode(),
            preset,
        ),
        "preset: nested": (b'{"rotation_range":' + b"[" * 900 + b"]" * 900 + b"}", preset),
        "network: a million filters": (b'{"filters":[' + b'"x",' * 1_000_000 + b"1]}", network),
        "network: 40,000 filters": (b'{"filters":[' + b'"x",' * 20_000 + b"1]}", network),
        "network: nested": (b'{"kernel":' + b"[" * 900 + b"]" * 900 + b"}", network),
        "network: 10 MB of spaces": (b" " * 10_000_000 + b"{}", network),
        "grid: a list of 4,000": (
            json.dumps({"settings": {"learning_rate": rates}, "samples": 5}).encode(),
            grids,
        ),
        "grid: 500 of combinations that collide": (
            json.dumps({"augmentation": colliding, "samples": 63}).encode(),
            grids,
        ),
        "limits.json: 30 MB": (
            b'{"photo_bytes":[' + b"1," * 15_000_000 + b"1]}",
            at("limits.json", small),
        ),
        "limits.json: 10^12": (b'{"photo_pixels": 1000000000000}', at("limits.json", small)),
        "access.json: 30 MB": (b'{"roots":[' + b"1," * 15_000_000 + b"1]}", at("access.json", own)),
        "labels.txt: a line of spaces": (b"0:a" + b" " * 99_000 + b"\x0bb" * 5, labels),
        "labels.txt: spaces and letters": (b"0:" + b"a " * 49_000 + b"\x1c", labels),
        "labels.txt: 50 MB": (b"0:a\n" * 12_500_000, labels),
    }


def _header(name: str, size: int, kind: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def _block(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 512) * 512, b"\0")


def _pax(data: bytes, kind: bytes = b"x") -> bytes:
    return _header("x", len(data), kind) + _block(data)


def archive_cases(home: Path) -> Cases:
    from catdog_core.data import archives

    def read(end: str) -> Callable[[bytes], Any]:
        return lambda data: archives.inspect_archive(io.BytesIO(data), f"photos{end}")

    photo = _header("cats/1.jpg", 0, b"0")
    name = b"./" * 32_000 + b"a"
    negative = bytearray(_header("cats/1.jpg", 0, b"0"))
    negative[124:136] = b"\xff" * 12
    negative[148:156] = b"%06o\0 " % (sum(negative[:148]) + 8 * 32 + sum(negative[156:]))
    sparse = b"".join(b"%d\n0\n512\n" % n for n in range(9000))
    tars = {
        "pax: digits": (_pax(b"1" * 65_000) + photo) * 50,
        "pax: digits in a value": (_pax(b"65000 path=" + b"1" * 64_988 + b"\n") + photo) * 50,
        "pax: digits and charset": (_pax(b"65000 hdrcharset=" + b"1 " * 32_491 + b"\n") + photo)
        * 50,
        "pax: 10,000 values": (_pax(b"6 a=b\n" * 10_000) + photo) * 200,
        "pax: 10,000 values for all": _pax(b"6 a=b\n" * 10_000, b"g") * 400 + photo,
        "pax: no length": (_pax(b"0 a=b\n" * 10_000) + photo) * 200,
        "pax: a header of 8 GB": _header("x", 8_000_000_000, b"x") + photo,
        "pax: a size of 5,000 digits": _pax(b"5008 size=" + b"9" * 4997 + b"\n") + photo,
        "pax: a size below zero": _pax(b"19 size=-1000000000\n") + photo,
        "pax: sparse maps": _pax(b"22 GNU.sparse.major=1\n" + b"22 GNU.sparse.minor=0\n")
        + _header("x", len(sparse), b"0")
        + _block(sparse),
        "a size below zero": bytes(negative) + bytes(1024),
        "a sparse file": _header("x", 512, b"S") + bytes(512) * 4,
        "names within names": _pax(b"abc\0", b"L") * 3000 + photo,
        "headers within headers": _pax(b"6 a=b\n", b"x") * 3000 + photo,
        "names of 64,000 dots": (_pax(name + b"\0", b"L") + photo) * 500,
        "a name of 8 GB": _header("x", 8_000_000_000, b"L") + photo,
    }
    cases: Cases = {
        f"tar: {name}": (gzip.compress(data, 1), read(".tar.gz")) for name, data in tars.items()
    }
    cases |= {
        "gzip: 400,000 empty members": (gzip.compress(b"") * 400_000, read(".tar.gz")),
        "bzip2: 600,000 empty streams": (bz2.compress(b"") * 600_000, read(".tar.bz2")),
        "xz: 250,000 empty streams": (lzma.compress(b"") * 250_000, read(".tar.xz")),
        "zip: extra fields of 64 kB": (_zip(300, extra=bytes(65_532)), read(".zip")),
        "zip: extra fields of 1 kB": (_zip(3000, extra=bytes(1024)), read(".zip")),
        "zip: comments of 64 kB": (_zip(300, comment=b"c" * 65_535), read(".zip")),
        "zip: names of 64 kB": (_zip(100, name="./" * 30_000 + "{}.jpg"), read(".zip")),
        "zip: 200,000 rows": (_rows(200_000), read(".zip")),
    }
    return cases


def _zip(count: int, name: str = "cats/{}.jpg", extra: bytes = b"", comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(count):
            archive.writestr(zipfile.ZipInfo(name.format(number)), b"")
        for info in archive.filelist:
            info.extra, info.comment = extra, comment
    return out.getvalue()


def _rows(count: int, more: bytes = b"") -> bytes:
    """A zip of a table of contents alone, with `more` rows at its end."""
    row = b"PK\x01\x02" + bytes(24) + b"\x01" + bytes(17) + b"a"
    size = len(row) * count + len(more)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, size, 0, 0)
    return b"PK\x03\x04" + bytes(26) + row * count + more + end


def model_cases(home: Path) -> Cases:
    import h5py
    import numpy as np

    from catdog_core.models import untrusted_models

    def read(data: bytes) -> Any:
        (home / "model").write_bytes(data)
        return untrusted_models.count_model_weights(home / "model", "model.keras")

    def h5(fill: Callable[[h5py.File], None]) -> bytes:
        with h5py.File(home / "made.h5", "w", libver="latest") as file:
            fill(file)
        return (home / "made.h5").read_bytes()

    def keras(config: bytes, weights: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", config)
            archive.writestr("model.weights.h5", weights)
        return out.getvalue()

    def shaped(sides: str) -> bytes:
        return b'{"config":{"batch_shape":[' + sides.encode() + b"]}}"

    def listed(file: h5py.File) -> None:
        file.attrs["model_config"] = "{}"
        values = np.empty(1, h5py.vlen_dtype(np.int64))
        values[0] = np.arange(9)
        file.attrs.create("layer_names", values)

    def many(file: h5py.File) -> None:
        file.attrs["model_config"] = "{}"
        file.attrs.create("layer_names", ["a"] * 30_000, dtype=h5py.string_dtype())

    def chunk(file: h5py.File) -> None:
        big = (400_000_000,)
        data = file.create_dataset(
            "x", (10,), maxshape=(None,), chunks=big, compression="gzip", dtype="u1"
        )
        packed = gzip.compress(bytes(400_000_000), 1)[10:-8]
        data.id.write_direct_chunk((0,), b"x\x01" + packed + bytes(4))

    plain = h5(lambda file: None)
    huge = ",".join(["9" * 4000] * 900)
    return {
        "h5: one text for a configuration of many": (
            h5(lambda f: f.attrs.create("model_config", ["{}"] * 3, dtype=h5py.string_dtype())),
            read,
        ),
        "h5: a configuration of numbers": (
            h5(lambda f: f.attrs.__setitem__("model_config", np.arange(9))),
            read,
        ),
        "h5: lists of any length": (h5(listed), read),
        "h5: 30,000 texts": (h5(many), read),
        "keras: a chunk of 400 MB": (keras(b"{}", h5(chunk)), read),
        "keras: sides of 4,000 digits": (keras(shaped(huge), plain), read),
        "keras: 300,000 sides": (keras(shaped("999999," * 300_000 + "1"), plain), read),
        "keras: sides of 39 digits": (keras(shaped(("9" * 39 + ",") * 90_000 + "1"), plain), read),
        "keras: empty objects": (keras(b'{"a":[' + b"{}," * 1_300_000 + b"{}]}", plain), read),
        "keras: empty arrays": (keras(b'{"a":[' + b"[]," * 1_300_000 + b"[]]}", plain), read),
        "keras: nested": (keras(b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", plain), read),
        "keras: a class name of 3 MB": (
            keras(b'{"class_name":"' + b"\\u202e" * 600_000 + b'"}', plain),
            read,
        ),
        "keras: a million members": (_rows(1_000_000), read),
        "keras: a million members before long ones": (
            _rows(1_000_000, _rows(0)[30:-22] + _long_rows(8)),
            read,
        ),
    }


def _long_rows(count: int) -> bytes:
    head = b"PK\x01\x02" + bytes(24) + struct.pack("<HHH", 1, 0, 65_535) + bytes(12)
    return (head + b"a" + b"c" * 65_535) * count


def bundle_cases(home: Path) -> Cases:
    from catdog_core.config import Training
    from catdog_core.export import bundle_import

    settings = {
        "format": 1,
        "created": 1.0,
        "training": Training().model_dump(),
        "augmentation": None,
        "classes": ["cats", "dogs"],
        "dataset": {"id": "d", "name": "d", "folder": "", "fingerprint": "f"}
        | {"train": 9, "validation": 9},
    }

    def read(data: bytes) -> Any:
        return bundle_import.import_bundle(io.BytesIO(data))

    def bundle(changed: dict[str, bytes], more: dict[str, Any] | None = None) -> bytes:
        parts = {
            "run/settings.json": json.dumps({**settings, **(more or {})}).encode(),
            "run/metrics.jsonl": b'{"epoch":0}\n',
            "run/best.keras": b"x",
            **changed,
        }
        listed = {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in parts.items()
        }
        manifest = {"kind": "catdog run bundle", "format": 1, "run": {}, "files": listed}
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, data in {"manifest.json": json.dumps(manifest).encode(), **parts}.items():
                archive.writestr(name, data)
        return out.getvalue()

    filters = {**settings["training"], "network": {"filters": ["x"] * 900_000}}
    bundles = {
        "45 MB of epochs": bundle({"run/metrics.jsonl": b'{"epoch":1}\n' * 3_750_000}),
        "45 MB of empty lines": bundle({"run/metrics.jsonl": b"\n" * 45_000_000}),
        "45 MB of batches": bundle({"run/batches.jsonl": b'{"epoch":1,"batch":1}\n' * 2_000_000}),
        "15 MB of batches": bundle({"run/batches.jsonl": b'{"epoch":1,"batch":1}\n' * 700_000}),
        "a million filters": bundle({}, {"training": filters}),
        "200,000 classes": bundle({}, {"classes": [str(n) for n in range(200_000)]}),
        "100,000 versions": bundle({}, {"versions": {str(n): n for n in range(200_000)}}),
        "a manifest of 4 MB": bundle({f"run/x{n}": b"" for n in range(40_000)}),
    }
    return {f"bundle: {name}": (data, read) for name, data in bundles.items()}


def answer_cases(home: Path) -> Cases:
    """Tables of answers, as an imported run may hold them."""
    from catdog_core.analysis import predictions

    def case(photos: Any, data: bytes, classes: int = 2) -> Case:
        def read(table: bytes) -> Any:
            table_path = home / "t-test.csv"
            about = {
                "format": 1,
                "classes": [str(n) for n in range(classes)],
                "photos": photos,
                "table": hashlib.blake2b(table, digest_size=20).hexdigest(),
            }
            table_path.write_bytes(table)
            table_path.with_suffix(".json").write_text(json.dumps(about), encoding="utf-8")
            return predictions.read_table_file(table_path)

        return data, read

    return {
        "answers: 45 million empty lines": case(10**9, b"\n" * 45_000_000),
        "answers: 20 million short lines": case(2, b"a\n" * 20_000_000),
        "answers: 20 million columns": case(2, b"a,b\n" + b"," * 20_000_000),
        "answers: photos below zero": case(-1, b"a\n" * 9_000_000),
        "answers: photos of text": case("9", b"a\n" * 9_000_000),
        "answers: 100,000 classes": case(2, b"a\n", 100_000),
    }


def photo_cases(home: Path) -> Cases:
    from PIL import Image

    from catdog_core.imaging import decode, image_header

    def read(data: bytes) -> Any:
        with contextlib.suppress(Exception):
            image_header.read_image_header(data)
        return decode.decode_photo(data).shape

    def directory(count: int, start: int, size: int) -> bytes:
        rows = (struct.pack(">HHII", 1000 + n, 7, size, 8) for n in range(count))
        return struct.pack(">H", count) + b"".join(rows) + struct.pack(">I", start)

    def saved(kind: str, **more: Any) -> bytes:
        out = io.BytesIO()
        Image.new("RGB", (8, 8)).save(out, kind, **more)
        return out.getvalue()

    exif = b"MM\0*\0\0\0\x08" + directory(5000, 8, 60_000)
    large = b"MM\0*\0\0\0\x08" + directory(49_000, 8, 580_000)
    loop = b"MM\0*\0\0\0\x08" + directory(1, 8, 4)
    return {
        "jpeg: tags that share their bytes": (
            saved("JPEG", exif=b"Exif\0\0" + exif.ljust(65_000, b"\0")),
            read,
        ),
        "png: tags that share their bytes": (saved("PNG", exif=large.ljust(600_000, b"\0")), read),
        "tiff: a directory that leads to itself": (loop + bytes(999), read),
        "tiff: 65,000 tags": (b"MM\0*\0\0\0\x08" + directory(64_000, 0, 700_000), read),
        "tiff: a directory of 2^63 tags": (
            b"II+\0\x08\0\0\0" + b"\x10" + bytes(7) + b"\xff" * 99,
            read,
        ),
        "gif: comments of a byte": (b"GIF89a" + bytes(7) + b"!\xfe" + b"\1a" * 2_000_000, read),
    }


GROUPS = {
    "histories": history_cases,
    "settings": settings_cases,
    "archives": archive_cases,
    "models": model_cases,
    "bundles": bundle_cases,
    "answers": answer_cases,
    "photos": photo_cases,
}


def _all_cases(home: Path) -> Iterator[tuple[str, str, bytes, Callable[[bytes], Any]]]:
    for group, make in GROUPS.items():
        for name, (data, reader) in make(home).items():
            yield group, name, data, reader


def main() -> None:
    """Replay the cases of every group."""
    home = Path(sys.argv[1])
    os.environ["CATDOG_WORKSPACE"] = str(home / "workspace")
    from fuzz.child import _forget_peak, _limit, _memory, _one_more

    from catdog_core.base.errors import CatDogError

    _limit()
    for group, name, data, reader in _all_cases(home):
        _one_more(CPU_LIMIT)
        before, start = _memory("VmRSS"), time.process_time()
        _forget_peak()
        try:
            reader(data)
            outcome = "answered"
        except (CatDogError, ValueError) as error:
            outcome = f"{type(error).__name__}: {error}"
        except BaseException as error:
            outcome = f"HIT: {type(error).__name__}: {str(error)[:200]}"
        result = {"group": group, "case": name, "bytes": len(data), "outcome": outcome[:400]}
        result["seconds"] = time.process_time() - start
        result["megabytes"] = _memory("VmHWM") - before
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
