"""Photos of one colour in every way a format stores them: small files of many pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

Factors = Sequence[tuple[int, int]]
"""Of each colour of a JPEG, how often it is sampled across and down."""
FULL_FACTORS: Factors = ((1, 1),) * 3


def jpeg_segment(kind: int, body: bytes) -> bytes:
    return bytes((0xFF, kind)) + struct.pack(">H", len(body) + 2) + body


def flat_jpeg(
    width: int,
    height: int,
    factors: Factors = FULL_FACTORS,
    kind: int = 0xC0,
    *,
    bits: int = 8,
    each: bool = False,
    deep_tables: bool = False,
    segments: bytes = b"",
) -> bytes:
    """A JPEG whose coefficients are all 0.

    Args:
        width: in pixels, as height.
        factors: of each colour.
        kind: the frame's mark: 0xC0 baseline, 0xC1 extended, 0xC2 progressive, 0xC9 and 0xCA
            the last two with arithmetic codes.
        bits: of each colour, as the frame says.
        each: a scan for each colour instead of one for all.
        deep_tables: quantization tables of 16 bits.
        segments: put before the frame, such as a profile.
    """
    table = b"\x10" + b"\0\1" * 64 if deep_tables else b"\0" + b"\1" * 64
    body = struct.pack(">BHHB", bits, height, width, len(factors))
    body += b"".join(bytes((n + 1, h << 4 | v, 0)) for n, (h, v) in enumerate(factors))
    one_code = b"\1" + bytes(15) + b"\0"  # the only code, 0, stands for nothing
    out = b"\xff\xd8" + segments + jpeg_segment(0xDB, table) + jpeg_segment(kind, body)
    out += jpeg_segment(0xC4, b"\0" + one_code) + jpeg_segment(0xC4, b"\x10" + one_code)
    numbers = range(len(factors))
    progressive, arithmetic = kind in (0xC2, 0xCA), kind >= 0xC9
    widest, highest = (max(side) for side in zip(*factors, strict=True))
    for scan in [[n] for n in numbers] if each else [list(numbers)]:
        across, down = -(-width // (8 * widest)), -(-height // (8 * highest))
        blocks = across * down * sum(factors[n][0] * factors[n][1] for n in scan)
        out += jpeg_segment(
            0xDA,
            bytes((len(scan),))
            + b"".join(bytes((n + 1, 0)) for n in scan)
            + (b"\0\0\0" if progressive else b"\0\x3f\0"),
        )
        out += bytes(16 if arithmetic else blocks * (1 if progressive else 2) // 8 + 1)
    return out + b"\xff\xd9"


def flat_tiff(
    width: int,
    height: int,
    bits: Sequence[int] = (8, 8, 8),
    *,
    numbers: int = 1,
    colours: int | None = None,
    rows: int | None = None,
    tile: int = 0,
    planar: bool = False,
    order: str = "<",
    value: bytes = b"\0",
    tags: Sequence[tuple[int, int, int, bytes]] = (),
    packed: bool = True,
) -> bytes:
    """A TIFF whose pixels all are the same, deflated.

    Args:
        width: in pixels, as height.
        bits: of each sample of a pixel.
        numbers: 1 unsigned, 2 signed, 3 float.
        colours: what they mean, as tag 262 says.
        rows: of a strip; all of them when None.
        tile: the side of its squares, pixels; 0 for strips.
        planar: each sample in a plane of its own.
        order: "<" or ">".
        value: of a pixel, or of a sample where planar, repeated.
        tags: further ones: number, type, count, bytes.
        packed: deflated; otherwise as they are.
    """
    planes = len(bits) if planar else 1
    each = sum(bits) // 8 // planes if sum(bits) >= 8 else 1
    if tile:
        count, size = -(-width // tile) * -(-height // tile), tile * tile * each
        sizes = [size] * count
    else:
        rows = rows or height
        sizes = [width * min(rows, height - top) * each for top in range(0, height, rows)]
    data_by_size: dict[int, bytes] = {}
    strips = []
    for size in sizes * planes:
        if size not in data_by_size:
            plain = value * (size // len(value))
            data_by_size[size] = zlib.compress(plain, 1) if packed else plain
        strips.append(data_by_size[size])
    data, offsets, at = b"".join(data_by_size.values()), {}, 8
    for size, strip in data_by_size.items():
        offsets[size] = at
        at += len(strip)
    if colours is None:
        colours = 1 if len(bits) < 3 else 2

    def longs(values: Sequence[int]) -> bytes:
        return struct.pack(f"{order}{len(values)}I", *values)

    def shorts(*values: int) -> bytes:
        return struct.pack(f"{order}{len(values)}H", *values)

    where = longs([offsets[size] for size in sizes * planes])
    lengths = longs([len(strip) for strip in strips])
    fields = {
        256: (4, 1, longs([width])),
        257: (4, 1, longs([height])),
        258: (3, len(bits), shorts(*bits)),
        259: (3, 1, shorts(8 if packed else 1)),
        262: (3, 1, shorts(colours)),
        277: (3, 1, shorts(len(bits))),
        284: (3, 1, shorts(2 if planar else 1)),
        339: (3, len(bits), shorts(*[numbers] * len(bits))),
    }
    if tile:
        fields |= {322: (4, 1, longs([tile])), 323: (4, 1, longs([tile]))}
        fields |= {324: (4, len(strips), where), 325: (4, len(strips), lengths)}
    else:
        fields |= {278: (4, 1, longs([rows or height]))}
        fields |= {273: (4, len(strips), where), 279: (4, len(strips), lengths)}
    fields |= {tag: (kind, count, content) for tag, kind, count, content in tags}
    begin = at + at % 2
    extra, after = b"", begin + 2 + 12 * len(fields) + 4
    entries = b""
    for tag, (kind, count, content) in sorted(fields.items()):
        entries += struct.pack(f"{order}HHI", tag, kind, count)
        if len(content) <= 4:
            entries += content.ljust(4, b"\0")
        else:
            entries += struct.pack(f"{order}I", after + len(extra))
            extra += content + b"\0" * (len(content) % 2)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", begin)
    body = struct.pack(f"{order}H", len(fields)) + entries + bytes(4) + extra
    return head + data + bytes(at % 2) + body
