"""What chance does to a file: the same seed and number, the same file, on every machine."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any

EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NAMES = (
    *(
        "../../out.jpg",
        "/out.jpg",
        "C:\\out.jpg",
        "\\\\server\\share\\out.jpg",
        "cats/../../out.jpg",
    ),
    *(
        "CON.jpg",
        "cats/NUL",
        "cats/a\0b.jpg",
        "cats/a\nb.jpg",
        "cats/\u202egpj.exe",
        "cats/" + "x" * 300,
    ),
    *(
        "cats",
        "cats/",
        "",
        ".",
        "..",
        "CATS/1.jpg",
        "cats/1.JPG",
        "a.zip",
        "~/out.jpg",
        "cats/.hid.jpg",
    ),
    *(
        "cats/" * 40 + "x.jpg",
        "고양이/1.jpg",
        "cats//1.jpg",
        "./cats/1.jpg",
        " /1.jpg",
        "cats/x.jpg/y.jpg",
    ),
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**31, 2**63, 10**30, 1e308, float("nan"), "", "x", [], {}),
    *([None], [0, 0], [[[]]], "Lambda", "keras", "os.system", "../x", {"class_name": "Dense"}),
)


def mutate_photo(seeds: Mapping[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """A photo's name and bytes."""
    rng = random.Random(f"photo-{seed}-{number}")
    name = rng.choice(sorted(seeds))
    data = _mutate_bytes(rng, seeds[name], seeds[rng.choice(sorted(seeds))])
    if name.endswith(".png") and rng.random() < 0.7:
        data = _checked_png(data)
    return name, data


def mutate_archive(seeds: Mapping[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """An archive's name and bytes."""
    rng = random.Random(f"archive-{seed}-{number}")
    name = rng.choice(sorted(seeds))
    if name.endswith(".zip") and rng.random() < 0.4:
        return name, _odd_zip(rng, seeds[name])
    data = seeds[name]
    if name.endswith(".tar") and rng.random() < 0.7:
        return name, _checked_tar(_mutate_bytes(rng, data, data))
    if name.endswith(".zip") and rng.random() < 0.6:  # the table at the end
        offset = data.find(b"PK\x01\x02")
        return name, data[:offset] + _mutate_bytes(rng, data[offset:], data[offset:])
    return name, _mutate_bytes(rng, data, data)


def mutate_model(seeds: Mapping[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """A model's file name and bytes."""
    rng = random.Random(f"model-{seed}-{number}")
    name = rng.choice(sorted(seeds))
    data = seeds[name]
    if name.endswith(".h5"):
        if rng.random() < 0.5:
            return name, _odd_h5(rng, data)
        return name, _mutate_bytes(rng, data, data)
    if rng.random() < 0.2:
        return name, _mutate_bytes(rng, data, data)
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        members = {member: old.read(member) for member in old.namelist()}
    member = rng.choice(["config.json"] * 3 + sorted(members))
    if member.endswith(".json"):
        members[member] = _odd_json(rng, members[member])
    else:
        members[member] = _mutate_bytes(rng, members[member], members["config.json"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as new:
        for key, content in members.items():
            new.writestr(key, content)
    return name, buffer.getvalue()


def _mutate_bytes(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """One to four of the changes below."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not out:
            break
        rng.choice(_CHANGES)(rng, out, other)
    return bytes(out)


def _random_offset(rng: random.Random, size: int) -> int:
    """Anywhere, but every other time in the head, where a format says what follows."""
    return rng.randrange(min(size, 400) if rng.random() < 0.5 else size)


def _flip(rng: random.Random, out: bytearray, _: bytes) -> None:
    for _bit in range(rng.choice((1, 2, 8, 64))):
        out[_random_offset(rng, len(out))] ^= 1 << rng.randrange(8)


def _number(rng: random.Random, out: bytearray, _: bytes) -> None:
    offset, size = _random_offset(rng, len(out)), rng.choice((1, 2, 4))
    value = rng.choice(EDGES) & (256**size - 1)
    out[offset : offset + size] = value.to_bytes(size, rng.choice(("little", "big")))


def _noise(rng: random.Random, out: bytearray, _: bytes) -> None:
    offset, size = _random_offset(rng, len(out)), rng.choice((4, 16, 200))
    out[offset : offset + size] = rng.randbytes(size)


def _cut(rng: random.Random, out: bytearray, _: bytes) -> None:
    del out[_random_offset(rng, len(out)) :]


def _drop(rng: random.Random, out: bytearray, _: bytes) -> None:
    offset = _random_offset(rng, len(out))
    del out[offset : offset + rng.choice((1, 4, 100))]


def _repeat(rng: random.Random, out: bytearray, _: bytes) -> None:
    offset, size = _random_offset(rng, len(out)), rng.choice((1, 8, 100, 1000))
    out[offset:offset] = bytes(out[offset : offset + size]) * rng.choice((1, 3, 50))


def _graft(rng: random.Random, out: bytearray, other: bytes) -> None:
    start, offset = rng.randrange(len(other)), _random_offset(rng, len(out))
    part = other[start : start + rng.choice((10, 100, 2000))]
    out[offset : offset + (len(part) if rng.random() < 0.5 else 0)] = part


_CHANGES: tuple[Callable[[random.Random, bytearray, bytes], None], ...]
_CHANGES = (_flip, _flip, _number, _number, _noise, _cut, _drop, _repeat, _graft)


def _checked_png(data: bytes) -> bytes:
    """The same with right checksums, so that a change is read and not refused at once."""
    out, offset = data[:8], 8
    while offset + 8 <= len(data):
        (size,) = struct.unpack(">I", data[offset : offset + 4])
        body = data[offset + 4 : offset + 8 + size]
        out += data[offset : offset + 4] + body + struct.pack(">I", zlib.crc32(body))
        offset += 12 + size
    return out


def _checked_tar(data: bytes) -> bytes:
    out = bytearray(data)
    for start in range(0, len(out) - 511, 512):
        if out[start + 257 : start + 262] == b"ustar":
            out[start + 148 : start + 156] = b" " * 8
            out[start + 148 : start + 155] = b"%06o\0" % sum(out[start : start + 512])
    return bytes(out)


def _odd_zip(rng: random.Random, data: bytes) -> bytes:
    """Members under odd names, with odd claims."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for info in old.infolist():
            member = zipfile.ZipInfo("plain")
            member.filename = rng.choice(NAMES) if rng.random() < 0.3 else info.filename
            member.external_attr = rng.choice((0, 0, 0o120777 << 16, 0o60666 << 16, 0o100644 << 16))
            new.writestr(member, old.read(info))
    return buffer.getvalue()


def _odd_json(rng: random.Random, text: bytes) -> bytes:
    if rng.random() < 0.15:
        return _mutate_bytes(rng, text, text)
    value = json.loads(text)
    for _ in range(rng.choice((1, 1, 2, 5))):
        _change(rng, value)
    return json.dumps(value).encode()


def _change(rng: random.Random, value: Any) -> None:
    """Walk down by chance; somewhere a value becomes another, goes, or is there twice."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = rng.choice(keys)
        inner = value[key]
        if isinstance(inner, (dict, list)) and inner and rng.random() < 0.9:
            value = inner
            continue
        kind = rng.random()
        if kind < 0.1 and isinstance(value, dict):
            del value[key]
        elif kind < 0.2 and isinstance(value, list):
            value.append(inner)
        elif kind < 0.4 and type(inner) in (int, float):
            value[key] = inner * rng.choice((-1, 0, 2, 1000, 10**9))
        else:
            value[key] = rng.choice(VALUES)
        return


def _odd_h5(rng: random.Random, data: bytes) -> bytes:
    """An HDF5 model whose configuration or weights are changed through HDF5 itself."""
    import h5py

    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        if rng.random() < 0.8:
            key = rng.choice(("model_config", "model_config", "training_config"))
            text = file.attrs[key]
            odd = _odd_json(rng, text if isinstance(text, bytes) else text.encode())
            file.attrs[key] = odd.replace(b"\0", b"0")  # which HDF5 does not keep
        else:
            group = file["model_weights"]
            while isinstance(group, h5py.Group) and len(group):
                parent, key = group, rng.choice(sorted(group))
                group = group[key]
            del parent[key]
            if rng.random() < 0.7:
                parent[key] = [float("nan")] * rng.choice((1, 3, 1000))
    return buffer.getvalue()
