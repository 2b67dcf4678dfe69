"""Photos as phones and browsers write them: AVIF, HEIC, .jfif, and JPEGs of 200 megapixels."""

import hashlib
import io
import struct

import numpy as np
import pytest
from colour_profiles import ADOBE, rgb_profile
from fakes import run_cli
from flat_photos import flat_jpeg, jpeg_segment
from hostile_photos import measure_costs, store_files, too_costly
from PIL import Image

from catdog_core.base.errors import PhotoError
from catdog_core.data import audit, datasets, imports
from catdog_core.imaging import coded_pictures, decode, image_header, photo_formats

JPEG_ENDINGS = ("jfif", "jpe", "JFIF", "pjpeg", "jif", "mpo")


def scene(width=96, height=64):
    """Smooth colors that differ in every corner."""
    rows, columns = np.mgrid[0:height, 0:width]
    red, green = 255 * columns / width, 255 * rows / height
    return np.stack([red, green, 255 - red], axis=-1).astype(np.uint8)


def saved(pixels, kind, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def saved_heic(pixels):
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(buffer, quality=95)
    return buffer.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    return exif


def test_every_ending_of_a_jpeg_is_a_photo_in_folders_and_archives(tmp_path, workspace):
    content = {}
    for name in ("cats", "dogs"):
        for number, end in enumerate(JPEG_ENDINGS):
            data = saved(scene(60 + number, 40 + 9 * (name == "cats")), "JPEG")
            content[f"{name}/{number}.{end}"] = data
            (tmp_path / "set" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / name / f"{number}.{end}").write_bytes(data)
    dataset = datasets.scan_folder(tmp_path / "set")
    assert len(dataset.items()) == 12 and dataset.note["ignored"] == 0
    assert [f for f in audit.audit_dataset(dataset) if f.kind == "wrong_extension"] == []
    photos = {c: [(n[5:], d) for n, d in content.items() if n[:4] == c] for c in ("cats", "dogs")}
    assert len(imports.import_photos(photos, "mine").items()) == 12


def test_avif_is_read_like_any_other_photo(tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for number in range(3):
            data = saved(scene(70 + number, 50 + 9 * (name == "cats")), "AVIF", quality=95)
            (tmp_path / name / f"{number}.avif").write_bytes(data)
    assert np.abs(decode.decode_photo(data).astype(int) - scene(72, 50)).mean() < 3
    assert decode.read_dimensions(tmp_path / "dogs" / "2.avif") == (72, 50)
    dataset = datasets.scan_folder(tmp_path)
    assert len(dataset.items()) == 6 and dataset.note["warnings"] == []
    assert all(f.kind in ("grey", "near_duplicate") or "near" in f.kind for f in _findings(dataset))


def _findings(dataset):
    return audit.audit_dataset(dataset)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned_upright_as_a_png_is(orientation):
    options = {"exif": turned(orientation)}
    upright = decode.decode_photo(saved(scene(), "PNG", **options)).astype(int)
    data = saved(scene(), "AVIF", quality=95, **options)
    assert image_header.read_image_header(data).orientation == orientation
    assert np.abs(decode.decode_photo(data) - upright).mean() < 3


def test_transparent_avif_is_laid_on_white():
    clear = np.zeros((32, 32, 4), np.uint8)
    assert decode.decode_photo(saved(clear, "AVIF")).min() > 250


def test_heic_is_read_where_its_package_is_installed(tmp_path):
    data = saved_heic(scene())
    assert np.abs(decode.decode_photo(data, 20).astype(int) - scene()).mean() < 4
    assert image_header.read_image_header(data).kind == "HEIF"
    (tmp_path / "IMG_1.HEIC").write_bytes(data)
    assert decode.read_dimensions(tmp_path / "IMG_1.HEIC") == (96, 64)
    with pytest.raises(PhotoError, match="HEIC photo is damaged"):
        decode.decode_photo(data[: len(data) // 2])


def test_without_the_package_one_sentence_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(photo_formats, "is_heif_installed", lambda: False)
    for read in (decode.decode_photo, image_header.read_image_header):
        with pytest.raises(PhotoError, match="Run pip install pillow-heif"):
            read(b"\0\0\0\x18ftypheic" + bytes(300))
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for number in range(2):
            (tmp_path / name / f"{number}.jpg").write_bytes(saved(scene(60 + number), "JPEG"))
        (tmp_path / name / "IMG_7.HEIC").write_bytes(b"any")
    ((message, values),) = datasets.scan_folder(tmp_path).note["warnings"]
    assert "Run pip install pillow-heif" in message.format(**values) and values["n"] == "2"


def shrunk_on_paper(data, side):
    """The same file, whose container states 8 × 8 pixels."""
    stated = b"ispe\0\0\0\0" + struct.pack(">II", side, side)
    assert stated in data
    return data.replace(stated, b"ispe\0\0\0\0" + struct.pack(">II", 8, 8))


def test_the_coded_size_counts_not_what_the_container_states(set_limits):
    data = {"AVIF": saved(scene(600, 600), "AVIF")}
    if photo_formats.is_heif_installed():
        data["HEIC"] = saved_heic(scene(600, 600))
    set_limits(photo_pixels=100_000)
    for kind, whole in data.items():
        (picture, *_) = coded_pictures.read_coded_pictures(whole)
        assert (picture.width, picture.height)[: 1 + (kind == "AVIF")] in (
            (600, 600),
            (600,),
            (608,),
        )
        with pytest.raises(PhotoError, match=r"60[08] × 60[08] pixels"):
            decode.decode_photo(shrunk_on_paper(whole, 600))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(b"iloc", b"ilox"),
        lambda data: data.replace(b"iinf", b"iinx"),
        lambda data: data.replace(b"meta", b"mexa"),
        lambda data: data[: data.index(b"mdat")],
        lambda data: data[:40],
        lambda data: data + struct.pack(">I", 8) + b"moov",
        lambda data: data + struct.pack(">I", 12) + b"meta" + bytes(4),
    ],
)
def test_an_avif_that_is_built_oddly_is_refused_in_a_sentence(damage):
    with pytest.raises(PhotoError, match=r"AVIF photo is damaged|as a photo") as caught:
        decode.decode_photo(damage(saved(scene(), "AVIF")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [b"meta", b"moov"])
def test_long_tables_of_an_avif_are_refused_unread(name, monkeypatch):
    data = saved(scene(), "AVIF")
    head, rest = data[: data.index(b"meta") - 4], data[data.index(b"meta") - 4 :]
    table = struct.pack(">I", 500_008) + name + bytes(500_000)
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(PhotoError, match="a part of 500,000 bytes"):
        decode.decode_photo(head + table + rest)


def test_an_avif_has_fewer_pixels_than_others_can_have(set_limits):
    set_limits(photo_pixels=10_000)
    with pytest.raises(PhotoError, match="save it as a baseline JPEG"):
        decode.decode_photo(saved(scene(100, 80), "AVIF"))


LARGE = {"JPEG": {}, "grey": {"mode": "L"}, "inks": {"mode": "CMYK"}, "restarts": {"restart": 9}}


def large_jpeg(width, height, mode="RGB", restart=0, **options):
    """A flat JPEG of any size, cheap to make."""
    buffer = io.BytesIO()
    image = Image.new(mode, (width, height), (120, 90, 60, 9)[: len(mode)] if mode != "L" else 120)
    image.save(buffer, "JPEG", quality=60, restart_marker_rows=restart, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def phone_photo():
    mark = jpeg_segment(0xE1, b"Exif\0\0" + turned(6).tobytes().removeprefix(b"Exif\0\0"))
    return flat_jpeg(16_384, 12_288, ((2, 2), (1, 1), (1, 1)), segments=mark)


def test_a_phone_photo_of_200_megapixels_costs_little(phone_photo, tmp_path):
    costs = measure_costs(store_files({"phone.jpg": phone_photo}, tmp_path))
    assert too_costly(costs) == {} and costs["phone.jpg"].shape is not None
    assert decode.decode_and_fit(phone_photo, 150).shape == (150, 150, 3)
    assert decode.decode_photo(phone_photo, at_least=150).shape == (2048, 1536, 3)


@pytest.mark.parametrize("kind", LARGE)
def test_a_large_jpeg_is_decoded_at_half_the_pixels_allowed_or_less(kind, set_limits):
    set_limits(photo_pixels=100_000)
    data = large_jpeg(900, 500, **LARGE[kind])
    assert decode.decode_photo(data).shape == (125, 225, 3)
    assert decode.decode_photo(data, at_least=400).shape == (125, 225, 3)
    assert decode.decode_photo(data, at_least=60).shape == (63, 113, 3)


def test_what_cannot_be_reduced_keeps_its_limit_and_says_so(set_limits):
    set_limits(photo_pixels=100_000)
    for data in (saved(scene(900, 500), "PNG"), large_jpeg(900, 500, progressive=True)):
        with pytest.raises(PhotoError, match=r"100,000 pixels in this format.*baseline JPEG"):
            decode.decode_photo(data, 64)
    with pytest.raises(PhotoError, match="the limit is 600,000 pixels in all"):
        decode.decode_photo(large_jpeg(900, 700), 64)


def natural(width, height):
    """A picture with detail at every scale, as photographs have."""
    rng, total = np.random.default_rng(3), np.zeros((height, width, 3))
    for step in (256, 64, 16, 4):
        small = rng.integers(0, 255, (height // step + 1, width // step + 1, 3), dtype=np.uint8)
        total += np.asarray(
            Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        )
    return (total / 4).astype(np.uint8)


@pytest.mark.parametrize("orientation", [1, 6, 3])
def test_a_reduced_photo_looks_the_same_to_the_network(orientation, set_limits):
    data = saved(natural(2400, 1600), "JPEG", quality=92, exif=turned(orientation))
    whole = decode.resize_photo(decode.decode_photo(data), 150).astype(int)
    set_limits(photo_pixels=1_000_000)
    reduced = decode.decode_and_fit(data, 150).astype(int)
    assert np.abs(reduced - whole).mean() < 1.5


def test_a_reduced_photo_keeps_its_color_profile(set_limits):
    pixels, profile = scene(1200, 800), rgb_profile(ADOBE, 2.2)
    data = saved(pixels, "JPEG", quality=95, icc_profile=profile)
    whole = decode.resize_photo(decode.decode_photo(data), 100).astype(int)
    set_limits(photo_pixels=300_000)
    assert np.abs(decode.decode_and_fit(data, 100) - whole).mean() < 1
    assert np.abs(whole - decode.resize_photo(pixels, 100)).mean() > 3


ORDINARY = {
    "JPEG": ("JPEG", {}),
    "progressive": ("JPEG", {"progressive": True}),
    "full colors": ("JPEG", {"subsampling": 0, "quality": 97}),
    "PNG": ("PNG", {}),
    "WebP": ("WEBP", {"quality": 80}),
    "TIFF": ("TIFF", {"compression": "tiff_lzw"}),
    "BMP": ("BMP", {}),
}


@pytest.mark.parametrize("at_least", [None, 150, 300])
@pytest.mark.parametrize("name", ORDINARY)
def test_photos_within_the_limit_are_decoded_to_the_very_pixels_of_pillow(name, at_least):
    kind, options = ORDINARY[name]
    data = saved(natural(1300, 900), kind, **options)
    with Image.open(io.BytesIO(data)) as image:
        if at_least:
            image.draft("RGB", (at_least, at_least))
        expected = np.asarray(image.convert("RGB"))
    digests = [
        hashlib.sha256(pixels.tobytes()).hexdigest()
        for pixels in (decode.decode_photo(data, at_least), expected)
    ]
    assert digests[0] == digests[1]


def test_predict_answers_for_avif_and_large_photos(
    tmp_path, workspace, capsys, phone_photo, default_model_loaded
):
    (tmp_path / "a.avif").write_bytes(saved(scene(), "AVIF"))
    (tmp_path / "b.jfif").write_bytes(saved(scene(), "JPEG"))
    (tmp_path / "phone.jpg").write_bytes(phone_photo)
    names = [tmp_path / name for name in ("a.avif", "b.jfif", "phone.jpg")]
    status, out, error = run_cli(capsys, "predict", "default", *names)
    assert status == 0 and all(path.name in out for path in names), error
