"""A file of a kind that is not decoded is told by the name of its kind, never as "no photo"."""

import io
import struct

import flat_photos
import numpy as np
import pytest
from flat_photos import FULL_FACTORS, flat_jpeg, flat_tiff
from PIL import Image

from catdog_core.base.errors import PhotoError
from catdog_core.imaging import decode, image_header


def box(brand):
    return b"\0\0\0\x18ftyp" + brand + bytes(300)


NAMED = {
    "12 bits": flat_jpeg(16, 16, FULL_FACTORS, 0xC1, bits=12),
    "16 bits": flat_jpeg(16, 16, FULL_FACTORS, 0xC3, bits=16),
    "hierarchical": flat_jpeg(16, 16, FULL_FACTORS, 0xC5),
    "2 colors": flat_jpeg(16, 16, FULL_FACTORS[:2], 0xC0),
    "3 floating-point numbers of 32 bits": flat_tiff(9, 9, (32,) * 3, numbers=3),
    "4 floating-point numbers of 32 bits": flat_tiff(9, 9, (32,) * 4, numbers=3),
    "3 floating-point numbers of 16 bits": flat_tiff(9, 9, (16,) * 3, numbers=3),
    "1 floating-point number of 16 bits": flat_tiff(9, 9, (16,), numbers=3, packed=False),
    "1 floating-point number of 64 bits": flat_tiff(9, 9, (64,), numbers=3),
    "3 whole numbers of 32 bits": flat_tiff(9, 9, (32,) * 3),
    "1 whole number of 64 bits": flat_tiff(9, 9, (64,)),
    "7 whole numbers of 8 bits": flat_tiff(9, 9, (8,) * 7, colours=1),
    "number 34712": flat_tiff(9, 9, tags=[(259, 3, 1, struct.pack("<H", 34712))]),
    "number 52546": flat_tiff(9, 9, order=">", tags=[(259, 3, 1, struct.pack(">H", 52546))]),
    r"camera raw \(TIFF\)": flat_tiff(9, 9, (16,), colours=32803),
    "JPEG-LS": b"\xff\xd8\xff\xf7\0\x0b\x08\0\x09\0\x09\1\1\x11\0\xff\xda\0\0",
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99),
    "JPEG XL": b"\xff\x0a" + bytes(99),
    "JPEG XR": b"II\xbc\x01" + bytes(99),
    "HEIC": box(b"heic"),
    "AVIF": box(b"avif"),
    r"camera raw \(CR3\)": box(b"crx "),
    "QuickTime video": box(b"qt  "),
    r"Photoshop \(PSD\)": b"8BPS\0\1" + bytes(99),
    "PDF": b"%PDF-1.7\n",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "SVG": b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    r"camera raw \(RAF\)": b"FUJIFILMCCD-RAW 0201" + bytes(99),
    r"camera raw \(RW2\)": b"IIU\0\x18\0\0\0" + bytes(99),
    "OpenEXR": b"\x76\x2f\x31\x01\2\0\0\0",
    "Netpbm": b"P6 4 4 255\n" + bytes(48),
    "DICOM": bytes(128) + b"DICM" + bytes(9),
    "AVI video": b"RIFF\0\1\0\0AVI LIST",
    r"icon \(ICO\)": b"\0\0\1\0\1\0" + bytes(99),
}


@pytest.mark.parametrize("kind", NAMED)
def test_the_kind_is_named_by_every_reader(kind, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(NAMED[kind])
    for read, source in (
        (decode.decode_photo, NAMED[kind]),
        (decode.read_dimensions, tmp_path / "photo.jpg"),
    ):
        if read is decode.decode_photo or kind not in ("hierarchical", "16 bits"):
            with pytest.raises(PhotoError, match=kind) as caught:
                read(source)
            assert "as a photo" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [name for name in NAMED if "bits" not in name])
def test_the_sentence_says_what_to_do(kind):
    with pytest.raises(PhotoError, match=r"(Convert it|Save it).*(JPEG|PNG)"):
        decode.decode_photo(NAMED[kind])


def test_a_lossless_jpeg_is_decoded_or_named():
    try:
        assert decode.decode_photo(flat_jpeg(16, 16, FULL_FACTORS, 0xC3)).shape == (16, 16, 3)
    except PhotoError as error:
        assert "lossless" in str(error)


@pytest.mark.parametrize("kind", [0xC9, 0xCA])
def test_arithmetic_codes_are_decoded(kind):
    assert decode.decode_photo(flat_jpeg(32, 16, FULL_FACTORS, kind)).shape == (16, 32, 3)


@pytest.mark.parametrize(
    ("bits", "numbers", "value"),
    [((16,), 1, "<H"), ((32,), 2, "<i"), ((32,), 3, "<f"), ((16,) * 3, 1, "<H"), ((8,), 1, "<B")],
)
def test_deep_tiffs_that_can_be_decoded_still_are(bits, numbers, value):
    half = {"<H": 32_768, "<i": 128, "<f": 0.5, "<B": 128}[value]
    photo = decode.decode_photo(
        flat_tiff(9, 9, bits, numbers=numbers, value=struct.pack(value, half))
    )
    assert photo.shape == (9, 9, 3) and np.abs(photo.astype(int) - 128).max() <= 1


def test_a_photo_of_a_usual_kind_that_is_cut_is_damaged_not_of_another_kind():
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((99, 99), np.uint16)).save(buffer, "TIFF")
    for data in (buffer.getvalue()[:5000], flat_photos.flat_jpeg(99, 99)[:-50]):
        with pytest.raises(PhotoError, match=r"damaged|as a photo"):
            decode.decode_photo(data)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"II*\0", b"MM\0+", b"<svgx", b"P6", b"hello"])
def test_what_only_begins_like_a_kind_is_told_in_a_sentence(data):
    for read in (decode.decode_photo, image_header.read_image_header):
        with pytest.raises(PhotoError):
            read(data)
