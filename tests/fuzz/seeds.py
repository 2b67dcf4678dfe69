"""The good files that mutations begin with, made here: one or two of every kind the lab reads."""

from __future__ import annotations

import functools
import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


@functools.cache
def seed_photos() -> dict[str, bytes]:
    """Small photos of every format and mode, by name."""
    rng = np.random.default_rng(7)
    ramp = np.add.outer(np.arange(45), np.arange(60))
    pixels = np.stack([ramp * 2, ramp + 40, 200 - ramp], -1).astype(np.uint8)
    pixels[10:30, 20:40] = rng.integers(0, 255, (20, 20, 3))
    rgb = Image.fromarray(pixels)
    deep = (ramp * 600).astype(np.uint16)
    photos: dict[str, bytes] = {}

    def keep(name: str, image: Image.Image, kind: str, **options: Any) -> None:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        photos[name] = buffer.getvalue()

    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    keep("plain.jpg", rgb, "JPEG")
    keep("progressive.jpg", rgb, "JPEG", progressive=True, quality=95)
    keep("exif.jpg", rgb, "JPEG", exif=exif, icc_profile=bytes(range(200)), subsampling=0)
    keep("grey.jpg", rgb.convert("L"), "JPEG")
    keep("cmyk.jpg", rgb.convert("CMYK"), "JPEG")
    keep("rgb.png", rgb, "PNG")
    keep("rgba.png", rgb.convert("RGBA"), "PNG")
    keep("palette.png", rgb.convert("P"), "PNG", transparency=3)
    keep("bits.png", rgb.convert("1"), "PNG")
    keep("deep.png", Image.fromarray(deep), "PNG")
    keep("moving.png", rgb, "PNG", save_all=True, append_images=[rgb.rotate(90)], duration=50)
    photos["interlaced.png"] = _interlaced(pixels)
    keep("lossy.webp", rgb, "WEBP")
    keep("lossless.webp", rgb.convert("RGBA"), "WEBP", lossless=True)
    keep("moving.webp", rgb, "WEBP", save_all=True, append_images=[rgb.rotate(180)])
    keep("rgb.bmp", rgb, "BMP")
    keep("palette.bmp", rgb.convert("P"), "BMP")
    photos["rle.bmp"] = _run_lengths(60, 45)
    keep("moving.gif", rgb.convert("P"), "GIF", save_all=True, append_images=[rgb.rotate(180)])
    for packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        keep(f"{packing}.tif", rgb, "TIFF", compression=packing)
    keep("fax.tif", rgb.convert("1"), "TIFF", compression="group4")
    keep("float.tif", Image.fromarray((ramp / 104).astype(np.float32)), "TIFF")
    keep("deep.tif", Image.fromarray(deep), "TIFF", compression="tiff_lzw")
    keep("lab.tif", rgb.convert("LAB"), "TIFF")
    keep("exif.tif", rgb, "TIFF", exif=exif)
    keep("phone.mpo", rgb, "MPO", save_all=True, append_images=[rgb])
    return photos


def seed_archives() -> dict[str, bytes]:
    """Small zips and tars of two classes, by name."""
    some = list(seed_photos().items())
    names = [f"{c}/{n}-{name}" for c in ("cats", "dogs") for n, (name, _) in enumerate(some[:4])]
    members = [(name, some[n % 4][1]) for n, name in enumerate(names)]
    archives: dict[str, bytes] = {}
    for name, packing in (("stored.zip", zipfile.ZIP_STORED), ("packed.zip", zipfile.ZIP_DEFLATED)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", packing) as archive:
            for member, data in members:
                archive.writestr(member, data)
            archive.comment = b"photos"
        archives[name] = buffer.getvalue()
    for name, mode, form in (
        ("plain.tar", "w", tarfile.PAX_FORMAT),
        ("gnu.tar.gz", "w:gz", tarfile.GNU_FORMAT),
        ("pax.tar.bz2", "w:bz2", tarfile.PAX_FORMAT),
        ("old.tar.xz", "w:xz", tarfile.USTAR_FORMAT),
    ):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:  # type: ignore[call-overload]
            for member, data in members:
                info = tarfile.TarInfo(member)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        archives[name] = buffer.getvalue()
    return archives


def seed_models(folder: Path) -> dict[str, bytes]:
    """Small models in both formats, by name; needs Keras."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    models = {}
    plain = keras.Sequential(
        [
            *(keras.Input((24, 24, 3)), layers.Rescaling(1 / 255), layers.Conv2D(4, 3)),
            *(layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.5)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    inputs = keras.Input((None, None, 3))
    x = layers.SeparableConv2D(4, 3, padding="same", activation="relu")(inputs)
    x = layers.Add()([x, layers.BatchNormalization()(x)])
    x = layers.GlobalAveragePooling2D()(x)
    branched = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    for name, model in (("plain", plain), ("branched", branched)):
        model.compile("adam", "mse")
        for kind in ("keras", "h5"):
            path = folder / f"{name}.{kind}"
            model.save(path)
            models[path.name] = path.read_bytes()
    return models


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def make_png(header: bytes, *chunks: bytes) -> bytes:
    """A PNG of an IHDR's 13 bytes and more chunks."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + b"".join(chunks)
        + png_chunk(b"IEND", b"")
    )


def _interlaced(pixels: np.ndarray) -> bytes:
    rows = b""
    for top, left, down, across in (
        *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
        *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
    ):
        part = pixels[top::down, left::across]
        rows += b"".join(b"\0" + row.tobytes() for row in part)
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    return make_png(header, png_chunk(b"IDAT", zlib.compress(rows)))


def _run_lengths(width: int, height: int) -> bytes:
    """A BMP packed by run lengths, which Pillow reads and does not write."""
    palette = b"".join(bytes((n, 255 - n, n // 2, 0)) for n in range(256))
    lines = b"".join(bytes((30, y * 5 % 256, width - 30, 7, 0, 0)) for y in range(height))
    data, start = lines + b"\0\1", 54 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data), 0, 0, 256, 0)
    return head + info + palette + data
