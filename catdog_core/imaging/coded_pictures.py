"""Read how large the coded pictures in an AVIF or HEIC file really are, before they are decoded.

The container states a size (`ispe`), the coded picture in it another: decoders allocate the second,
and scale it to the first. So a small file that states 64 × 64 pixels can cost gigabytes. The sizes
are in the sequence header of AV1 (section 5.5 of its specification) and in the sequence parameter
set of HEVC (ITU-T H.265, 7.3.2.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

_MAX_UNITS = 20_000  # parts of a coded picture; a phone's has one for each tile
_TABLES = (b"meta", b"iinf", b"iloc", b"iprp", b"ipco", b"idat")
_CODED = (b"av01", b"hvc1", b"hev1")
_AV1_SEQUENCE, _HEVC_SEQUENCE = 1, 33


class UnreadableError(Exception):
    """The file is built in a way that isn't understood here."""


@dataclass(frozen=True)
class CodedPicture:
    """A coded picture: width and height in pixels, and bytes a pixel that its decoder may take."""

    width: int
    height: int
    bytes_per_pixel: float

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def read_coded_pictures(data: bytes | mmap) -> list[CodedPicture]:
    """Return all coded pictures of a file, tiles and auxiliary pictures among them.

    Args:
        data: the whole file.

    Raises:
        UnreadableError: it has no still picture, or too many parts.
    """
    try:
        boxes = _unique_boxes(data, 0, len(data))
        if b"meta" not in boxes or b"moov" in boxes:
            raise UnreadableError("no still picture")
        meta = _unique_boxes(data, boxes[b"meta"][0] + 4, boxes[b"meta"][1])
        kinds = _item_kinds(data, *meta[b"iinf"])
        pictures: list[CodedPicture] = []
        for item, content in _item_contents(data, meta, kinds):
            read = _av1_pictures if kinds[item] == b"av01" else _hevc_pictures
            found = list(read(content))
            if not found and kinds[item] == b"av01":
                raise UnreadableError("no sequence header")
            pictures += found
        if b"iprp" in meta:
            pictures += _declared_hevc(data, *meta[b"iprp"])
    except (IndexError, KeyError, ValueError, OverflowError) as error:
        raise UnreadableError(str(error)) from error
    if not pictures:
        raise UnreadableError("no coded picture")
    return pictures


def longest_table(data: bytes | mmap) -> int:
    """Return the bytes of the longest table of a file, which readers take quadratic time for.

    Args:
        data: the whole file.
    """
    sizes = [
        end - start
        for kind, (start, end) in _boxes(data, 0, len(data))
        if kind in (b"meta", b"moov")
    ]
    return max(sizes, default=0)


def _unique_boxes(data: bytes | mmap, at: int, end: int) -> dict[bytes, tuple[int, int]]:
    """The boxes by kind; of two of a kind, readers may take either."""
    found: dict[bytes, tuple[int, int]] = {}
    for kind, place in _boxes(data, at, end):
        if kind in found and kind in _TABLES:
            raise UnreadableError("a table twice")
        found[kind] = place
    return found


def _boxes(data: bytes | mmap, at: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Kind, first byte of the content and end of each box."""
    for _ in range(_MAX_UNITS):
        if at + 8 > end:
            return
        size, head = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            return
        yield bytes(data[at + 4 : at + 8]), (at + head, at + size)
        at += size
    raise UnreadableError("many boxes")


class _Numbers:
    """Whole numbers of a table, one after the other."""

    def __init__(self, data: bytes | mmap, at: int, end: int) -> None:
        self._data, self.at, self._end = data, at, end

    def take(self, size: int) -> int:
        """Return the next number of so many bytes."""
        if self.at + size > self._end:
            raise UnreadableError("cut table")
        value = int.from_bytes(self._data[self.at : self.at + size], "big")
        self.at += size
        return value


def _item_kinds(data: bytes | mmap, start: int, end: int) -> dict[int, bytes]:
    """The kind of each item, by its number (`iinf`)."""
    version = data[start]
    kinds = {}
    for kind, (at, _) in _boxes(data, start + (6 if version == 0 else 8), end):
        if kind == b"infe" and data[at] in (2, 3):
            size = 2 if data[at] == 2 else 4
            item = int.from_bytes(data[at + 4 : at + 4 + size], "big")
            kinds[item] = bytes(data[at + 6 + size : at + 10 + size])
    return kinds


def _item_contents(
    data: bytes | mmap, meta: dict[bytes, tuple[int, int]], kinds: dict[int, bytes]
) -> Iterator[tuple[int, bytes]]:
    """Number and content of each coded picture (`iloc`)."""
    start, end = meta[b"iloc"]
    version, row = data[start], _Numbers(data, start + 4, end)
    sizes = row.take(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version in (1, 2) else 0
    left = len(data)  # extents may overlap: together they are no more than the file
    for _ in range(row.take(2 if version < 2 else 4)):
        item = row.take(2 if version < 2 else 4)
        method = row.take(2) & 15 if version in (1, 2) else 0
        row.take(2)
        base, parts = row.take(base_size), []
        if method == 1:
            base += meta[b"idat"][0]
        for _ in range(row.take(2)):
            row.take(index_size)
            offset, length = base + row.take(offset_size), row.take(length_size)
            if kinds.get(item) in _CODED:
                part = bytes(data[offset : offset + length] if length else data[offset:])
                left -= len(part)
                if method > 1 or left < 0:
                    raise UnreadableError("extents")
                parts.append(part)
        if parts:
            yield item, b"".join(parts)


class _Bits:
    """The bits of a header, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        """Return the next bits as a number."""
        self._left -= count
        if self._left < 0:
            raise UnreadableError("cut header")
        return self._value >> self._left & ((1 << count) - 1)

    def take_golomb(self) -> int:
        """Return the next number as both codes write those without a fixed length."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise UnreadableError("long number")
        return (1 << zeros) - 1 + self.take(zeros)


def _av1_pictures(content: bytes) -> Iterator[CodedPicture]:
    """The sizes in the sequence headers of AV1."""
    at = 0
    for _ in range(_MAX_UNITS):
        if at >= len(content):
            return
        head = content[at]
        at += 2 if head & 4 else 1
        size = len(content) - at
        if head & 2:
            size = shift = 0
            while True:
                byte = content[at]
                at, size, shift = at + 1, size | (byte & 127) << shift, shift + 7
                if byte < 128:
                    break
        if head >> 3 & 15 == _AV1_SEQUENCE:
            yield _av1_size(_Bits(content[at : at + min(size, 300)]))
        at += size
    raise UnreadableError("many units")


def _av1_size(bits: _Bits) -> CodedPicture:
    profile = bits.take(3)
    bits.take(1)
    if bits.take(1):  # a still picture's short header
        bits.take(5)
    else:
        delay_bits = 0
        if bits.take(1):
            bits.take(64)
            if bits.take(1):
                bits.take_golomb()
            if bits.take(1):
                delay_bits = bits.take(5) + 1
                bits.take(42)
        has_display_delay = bits.take(1)
        for _ in range(bits.take(5) + 1):
            bits.take(12)
            if bits.take(5) > 7:
                bits.take(1)
            if delay_bits and bits.take(1):
                bits.take(2 * delay_bits + 1)
            if has_display_delay and bits.take(1):
                bits.take(4)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    width, height = bits.take(width_bits) + 1, bits.take(height_bits) + 1
    # Two bytes a value: profile 0 halves the colours, the others need not.
    return CodedPicture(width, height, 3.0 if profile == 0 else 6.0)


def _hevc_pictures(content: bytes) -> Iterator[CodedPicture]:
    """The sizes in parameter sets among a picture's data, where hardly any program writes them."""
    at = 0
    for _ in range(_MAX_UNITS):
        if at + 5 > len(content):
            return
        size = int.from_bytes(content[at : at + 4], "big")
        if content[at + 4] >> 1 & 63 == _HEVC_SEQUENCE:
            yield _hevc_size(content[at + 4 : at + 4 + size])
        at += 4 + size
    raise UnreadableError("many units")


def _declared_hevc(data: bytes | mmap, start: int, end: int) -> Iterator[CodedPicture]:
    """The sizes in the parameter sets of the container (`hvcC`)."""
    for kind, (at, stop) in _boxes(data, *_unique_boxes(data, start, end)[b"ipco"]):
        if kind != b"hvcC":
            continue
        if data[at + 21] & 3 != 3:
            raise UnreadableError("short lengths")  # of units, which `_hevc_pictures` reads as four
        row = _Numbers(data, at + 22, stop)
        for _ in range(row.take(1)):
            row.take(1)
            for _ in range(row.take(2)):
                size = row.take(2)
                unit = bytes(data[row.at : row.at + size])
                row.at += size
                if unit and unit[0] >> 1 & 63 == _HEVC_SEQUENCE:
                    yield _hevc_size(unit)


def _hevc_size(unit: bytes) -> CodedPicture:
    bits = _Bits(unit[2:600].replace(b"\0\0\3", b"\0\0"))
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 96)
    if layers:
        present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
        bits.take(2 * (8 - layers))
        for has_profile, has_level in present:
            bits.take(88 * has_profile + 8 * has_level)
    bits.take_golomb()
    colours = bits.take_golomb()
    if colours == 3:
        bits.take(1)
    width, height = bits.take_golomb(), bits.take_golomb()
    if bits.take(1):
        for _ in range(4):
            bits.take_golomb()
    each = 2 if bits.take_golomb() else 1
    return CodedPicture(width, height, each * {0: 1.0, 1: 1.5, 2: 2.0}.get(colours, 3.0))
