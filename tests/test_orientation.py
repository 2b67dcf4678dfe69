"""A photo's size told by its head is the size it is decoded to, in every format, however turned."""

import struct
from io import BytesIO

import flat_photos
import numpy as np
import pytest
from fuzz.seeds import png_chunk
from PIL import Image

from catdog_core.imaging import decode, image_header, orientation

WIDTH, HEIGHT = 48, 32
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def scene():
    """Four corners of four colours, wider than high."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:16, :16], pixels[:16, 32:], pixels[16:, :16] = (250, 9, 9), (9, 250, 9), (9, 9, 250)
    return Image.fromarray(pixels)


def exif(value):
    tags = Image.Exif()
    tags[0x112] = value
    return tags.tobytes()


def xmp(value):
    return f'<x:xmpmeta><rdf:Description tiff:Orientation="{value}"/></x:xmpmeta>'.encode()


def saved(kind, image=None, **options):
    buffer = BytesIO()
    (image or scene()).save(buffer, kind, **options)
    return buffer.getvalue()


def before_the_end(data, part):
    return data[:-12] + part + data[-12:]


def after_the_head(data, part):
    return data[:33] + part + data[33:]


def text(value):
    return png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(value))


def packed_tiff(compression, value):
    """Pillow packs no TIFF of a mark that is none."""
    data = saved("TIFF", compression=compression, exif=exif(1))
    return data.replace(struct.pack("<HHIH", 274, 3, 1, 1), struct.pack("<HHIH", 274, 3, 1, value))


def tiff_tag(value):
    return [(274, 3, 1, struct.pack("<H", value))]


WAYS = {
    "jpeg": lambda n: saved("JPEG", quality=100, subsampling=0, exif=exif(n)),
    "progressive jpeg": lambda n: saved("JPEG", progressive=True, exif=exif(n)),
    "grey jpeg": lambda n: saved("JPEG", scene().convert("L"), exif=exif(n)),
    "cmyk jpeg": lambda n: saved("JPEG", scene().convert("CMYK"), exif=exif(n)),
    "jpeg xmp": lambda n: saved("JPEG", quality=100, subsampling=0, xmp=xmp(n)),
    "mpo": lambda n: saved("MPO", save_all=True, append_images=[scene()], exif=exif(n)),
    "png": lambda n: saved("PNG", exif=exif(n)),
    "png after its pixels": lambda n: before_the_end(saved("PNG"), png_chunk(b"eXIf", exif(n)[6:])),
    "png xmp": lambda n: after_the_head(saved("PNG"), text(n)),
    "png xmp after its pixels": lambda n: before_the_end(saved("PNG"), text(n)),
    "png with a palette": lambda n: saved("PNG", scene().quantize(), exif=exif(n)),
    "webp": lambda n: saved("WEBP", lossless=True, exif=exif(n)),
    "webp xmp": lambda n: saved("WEBP", lossless=True, xmp=xmp(n)),
    "tiff": lambda n: saved("TIFF", exif=exif(n)),
    "tiff lzw": lambda n: packed_tiff("tiff_lzw", n),
    "tiff jpeg": lambda n: packed_tiff("jpeg", n),
    "tiff xmp": lambda n: saved("TIFF", tiffinfo={700: xmp(n)}),
    "tiff of floats": lambda n: flat_photos.flat_tiff(48, 32, (32,), numbers=3, tags=tiff_tag(n)),
    "tiff in tiles": lambda n: flat_photos.flat_tiff(48, 32, tile=16, tags=tiff_tag(n)),
    "tiff in planes": lambda n: flat_photos.flat_tiff(48, 32, planar=True, tags=tiff_tag(n)),
    "gif": lambda n: saved("GIF"),
    "bmp": lambda n: saved("BMP"),
}
EXACT = ("png", "png after its pixels", "png xmp", "png xmp after its pixels", "webp", "webp xmp")
EXACT += ("tiff", "tiff lzw", "tiff xmp")


def sizes(data, path):
    """As decoded, whole and small; as told by each reader of heads: widths and heights."""
    path.write_bytes(data)
    full, small = decode.decode_photo(data), decode.decode_photo(data, 150)
    reported = decode.read_dimensions(path), image_header.read_image_header(data).shown_size
    return [photo.shape[1::-1] for photo in (full, small)] + list(reported)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mark", range(10))
def test_size_and_pixels_follow_the_mark(way, mark, tmp_path):
    data = WAYS[way](mark)
    turned = mark in (5, 6, 7, 8) and way not in ("gif", "bmp")
    expected = (HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT)
    assert sizes(data, tmp_path / "photo") == [expected] * 4
    if way in EXACT:
        upright = scene().transpose(TURNS[mark]) if mark in TURNS else scene()
        assert np.array_equal(decode.decode_photo(data), np.asarray(upright))


def entry(kind, count, value):
    """An EXIF block of an orientation of a type of its own."""
    return b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHI", 274, kind, count) + value + bytes(20)


ODD = {
    "letters": entry(2, 2, b"6\0\0\0"),
    "two of them": entry(3, 2, b"\6\0\6\0"),
    "a byte": entry(1, 1, b"\6\0\0\0"),
    "no number": entry(7, 1, b"\6\0\0\0"),
    "negative": entry(9, 1, struct.pack("<i", -6)),
    "huge": entry(4, 1, b"\xff" * 4),
    "a fraction": entry(5, 1, struct.pack("<I", 26)) + struct.pack("<II", 6, 1),
    "half of one": entry(5, 1, struct.pack("<I", 26)) + struct.pack("<II", 13, 2),
    "beyond the block": entry(4, 9, struct.pack("<I", 60_000)),
    "cut": entry(3, 1, b"\6\0\0\0")[:14],
    "nonsense": b"\0\1\2\3",
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_mark_that_is_odd_counts_alike_for_size_and_pixels(kind, name, tmp_path):
    data = saved(kind, exif=b"Exif\0\0" + ODD[name])
    assert len(set(sizes(data, tmp_path / "photo"))) == 1


@pytest.mark.parametrize("kind", [1, 2, 4, 7, 9])
def test_an_odd_tag_of_a_tiff_counts_alike_for_size_and_pixels(kind, tmp_path):
    data = flat_photos.flat_tiff(48, 32, tags=[(274, kind, 1, b"\6")])
    assert len(set(sizes(data, tmp_path / "photo"))) == 1


def test_turning_a_photo_takes_no_second_copy(monkeypatch):
    data = saved("PNG", exif=exif(6))
    monkeypatch.setattr(np, "ascontiguousarray", None)
    assert decode.decode_photo(data).flags.c_contiguous


@pytest.mark.parametrize("mark", [1, 3, 6, 8])
def test_the_size_of_a_turned_tiff_is_that_of_its_pixels_as_stored(mark):
    """It is set by an attribute of Pillow's that is not public: notice where that changes."""
    with Image.open(
        BytesIO(flat_photos.flat_tiff(48, 32, tags=[(274, 3, 1, bytes([mark, 0]))]))
    ) as image:
        orientation.load_as_stored(image)
        assert image.size == image.im.size == (48, 32)
        assert np.asarray(image).shape[:2] == (32, 48)
