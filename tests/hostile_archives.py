"""Archives as an attacker might send them; `good` tells which are to be taken all the same."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from typing import Any

from fuzz.seeds import seed_photos

PLAIN_NAMES = [f"{name}/{i}.jpg" for name in ("cats", "dogs") for i in range(3)]


def make_zip(
    names: Iterable[str] = PLAIN_NAMES, packing: int = zipfile.ZIP_DEFLATED, **odd: Any
) -> bytes:
    """A zip of photos under these names."""
    buffer, data = io.BytesIO(), list(seed_photos().values())
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", packing) as archive:
        warnings.simplefilter("ignore")
        for number, name in enumerate(names):
            info = zipfile.ZipInfo("plain")
            info.filename, info.compress_type = name, packing
            for key, value in odd.items():
                setattr(info, key, value)
            archive.writestr(info, data[number % 5])
    return buffer.getvalue()


def patch_bytes(
    data: bytes, mark: bytes, offset: int, value: bytes, all_of_them: bool = False
) -> bytes:
    """The same with bytes changed at an offset from a mark, the first or each."""
    out, position = bytearray(data), data.find(mark)
    while position >= 0:
        out[position + offset : position + offset + len(value)] = value
        position = data.find(mark, position + 1) if all_of_them else -1
    return bytes(out)


def odd_zips() -> dict[str, bytes]:
    """Odd zips by name."""
    data, stored, row = make_zip(), make_zip(packing=zipfile.ZIP_STORED), b"PK\x01\x02"
    zeros = zlib.compressobj(9, zlib.DEFLATED, -15)
    flood = zeros.compress(bytes(20_000_000)) + zeros.flush()
    liar = make_zip(["cats/9.jpg"])
    return {
        **{f"name {n}": make_zip([*PLAIN_NAMES, name]) for n, name in enumerate(_NAMES)},
        "wrong checksum": patch_bytes(data, row, 16, b"\1\2\3\4"),
        "claims of no bytes": patch_bytes(stored, row, 24, bytes(4), True),
        "claims of 4 GB": patch_bytes(data, row, 24, b"\xff\xff\xff\x7f"),
        "packed size of 4 GB": patch_bytes(data, row, 20, b"\xff\xff\xff\x7f"),
        "place beyond the file": patch_bytes(data, row, 42, b"\xff\xff\xff\x7f"),
        "unknown method": patch_bytes(data, row, 10, b"\x63\0", True),
        "every entry encrypted": patch_bytes(data, row, 8, b"\1\0", True),
        "strongly encrypted": patch_bytes(data, row, 8, b"\x41\0", True),
        "version of the future": patch_bytes(data, row, 6, b"\xff\0", True),
        "a flood that claims little": _inflated(liar, flood, len(flood), 900),
        "zip64 sizes of exabytes": _zip64(),
        "ten ends": data + data[-22:] * 10,
        "only an end": data[-22:],
        "table before the file": patch_bytes(data, b"PK\x05\x06", 16, b"\xff\xff\xff\xfe"),
        "fifo": make_zip([*PLAIN_NAMES, "cats/x.jpg"], external_attr=0o010644 << 16),
        "device": make_zip([*PLAIN_NAMES, "cats/x.jpg"], external_attr=0o060644 << 16),
        "link": make_zip([*PLAIN_NAMES, "cats/x.jpg"], external_attr=0o120777 << 16),
        "zip in zip in zip": _with(data, "inner.zip", _with(data, "inner.zip", data)),
        "office document": _with(b"", "[Content_Types].xml", b"<Types/>"),
        "java": _with(b"", "META-INF/MANIFEST.MF", b"x"),
    }


def good_zips() -> dict[str, bytes]:
    """Odd zips that are to be taken."""
    data = make_zip()
    return {
        "same name twice": make_zip([*PLAIN_NAMES, "cats/0.jpg", "cats/0.jpg"]),
        "names alike but for case": make_zip([*PLAIN_NAMES, "cats/A.jpg", "cats/a.JPG"]),
        "devices of Windows": make_zip(
            [*PLAIN_NAMES, "cats/CON.jpg", "cats/nul.jpg", "cats/com1.png"]
        ),
        "trailing dots and spaces": make_zip([*PLAIN_NAMES, "cats/a .jpg", "cats/b..jpg"]),
        "long names": make_zip([*PLAIN_NAMES, f"cats/{'x' * 5000}.jpg", f"cats/{'고' * 300}.jpg"]),
        "a line break": make_zip(
            [*PLAIN_NAMES, "cats/a\nb.jpg", "cats/a\rb.jpg", "cats/a\x1b[31m.jpg"]
        ),
        "turned around": make_zip([*PLAIN_NAMES, "cats/\u202egpj.exe.jpg", "cats/\u2066a.jpg"]),
        "HTML": make_zip([*PLAIN_NAMES, "cats/<img src=x onerror=alert(1)>.jpg"]),
        "formula": make_zip([*PLAIN_NAMES, "cats/=cmd|calc!A1.jpg"]),
        "streams of NTFS": make_zip([*PLAIN_NAMES, "cats/a.jpg:evil.exe", "cats/b.jpg::$DATA"]),
        "hidden and left by systems": make_zip(
            [
                *PLAIN_NAMES,
                "cats/.hidden.jpg",
                "__MACOSX/cats/._0.jpg",
                "cats/Thumbs.db",
                "desktop.ini",
            ]
        ),
        "zip in zip": _with(data, "cats/inner.zip", data),
        "a program beside": _with(make_zip(), "cats/setup.exe", b"MZ"),
        "bzip2": make_zip(packing=zipfile.ZIP_BZIP2),
        "lzma": make_zip(packing=zipfile.ZIP_LZMA),
        "comment of 64 kB": data[:-2] + b"\xff\xff" + b"x" * 65_535,
        "first half of another": data[: len(data) // 2] + data,
        "end that counts 65,535": patch_bytes(data, b"PK\x05\x06", 8, b"\xff\xff\xff\xff"),
        "spanned": b"PK\x07\x08" + data,
        "self-extracting": b"MZ" + bytes(5000) + data,
        "executable bits": make_zip(external_attr=0o104777 << 16),
    }


_NAMES = (
    *("../x.jpg", "cats/../../x.jpg", "/x.jpg", "//server/share/x.jpg", "C:/x.jpg", "c:x.jpg"),
    *("\\x.jpg", "\\\\server\\x.jpg", "..\\x.jpg", "cats\\..\\..\\x.jpg", "cats/" * 40 + "x.jpg"),
    *("cats/inner.tar.gz", "cats/inner.7z", "..", "cats/..", "..//x.jpg"),
)


def _with(data: bytes, name: str, content: bytes) -> bytes:
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def _inflated(head: bytes, packed: bytes, packed_size: int, size: int) -> bytes:
    """A zip of one entry whose packed bytes give far more than it claims."""
    name, crc = b"cats/0.jpg", 0
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, packed_size, size, len(name), 0)
    local = b"PK\x03\x04" + fields + name + packed
    table = (
        b"PK\x01\x02" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    )
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(table), len(local), 0)
    assert head
    return local + table + end


def _zip64() -> bytes:
    name = b"cats/0.jpg"
    extra = struct.pack("<HHQQ", 1, 16, 2**62, 2**62)
    fields = struct.pack("<HHHHHIIIHH", 45, 0, 0, 0, 33, 0, 2**32 - 1, 2**32 - 1, len(name), 0)
    local = b"PK\x03\x04" + fields + name
    fields = fields[:-2] + struct.pack("<H", len(extra))
    table = b"PK\x01\x02" + struct.pack("<H", 45) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0)
    table += name + extra
    return (
        local
        + table
        + b"PK\x05\x06"
        + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(table), len(local), 0)
    )


def make_tar(names: Iterable[str] = PLAIN_NAMES, **odd: Any) -> bytes:
    """A tar of photos, the last under odd values of its header."""
    buffer, data, names = io.BytesIO(), list(seed_photos().values()), list(names)
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size = len(data[number % 5])
            if number == len(names) - 1:
                for key, value in odd.items():
                    setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data[number % 5]) if info.isreg() else None)
    return buffer.getvalue()


def odd_tars() -> dict[str, bytes]:
    """Odd tars; the name's end tells how they are packed."""
    extra = [*PLAIN_NAMES, "cats/x.jpg"]
    kinds = {
        "hard link": (tarfile.LNKTYPE, "/etc/passwd"),
        "link": (tarfile.SYMTYPE, "../../etc"),
        "fifo": (tarfile.FIFOTYPE, ""),
        "character device": (tarfile.CHRTYPE, ""),
        "block device": (tarfile.BLKTYPE, ""),
    }
    tars = {
        f"{name}.tar": make_tar(extra, type=kind, linkname=link, size=0)
        for name, (kind, link) in kinds.items()
    }
    tars |= {f"name {n}.tar": make_tar([*PLAIN_NAMES, name]) for n, name in enumerate(_NAMES)}
    pax = {"path": "../../x.jpg"}
    sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(2**60)}
    size = make_tar(extra)
    position = size.rfind(b"cats/x.jpg")
    return tars | {
        "path of pax.tar": make_tar(extra, pax_headers=pax),
        "pax of 300 kB.tar": make_tar(extra, pax_headers={"comment": "x" * 300_000}),
        "sparse of an exabyte.tar": make_tar(extra, pax_headers=sparse),
        "negative size.tar": _resized(size, position, struct.pack(">B3xq", 0xFF, -512)),
        "size of exabytes.tar": _resized(size, position, struct.pack(">B3xQ", 0x80, 2**62)),
        "half.tar.gz": gzip.compress(make_tar())[:-500],
        "twice packed.tar.gz": gzip.compress(gzip.compress(make_tar())),
        "a zip.tar": make_zip(),
        "nothing.tar": bytes(10_240),
        "text.tar": b"cats" * 4000,
    }


def _resized(data: bytes, position: int, size: bytes) -> bytes:
    out = bytearray(data)
    out[position + 124 : position + 136] = size
    out[position + 148 : position + 156] = b" " * 8
    out[position + 148 : position + 155] = b"%06o\0" % sum(out[position : position + 512])
    return bytes(out)
