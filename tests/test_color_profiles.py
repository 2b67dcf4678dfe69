"""An embedded colour profile is followed: every photo's colours become sRGB."""

import time
from io import BytesIO

import colour_profiles as icc
import numpy as np
import pytest
from flat_photos import flat_tiff
from PIL import Image, ImageCms

from catdog_core.imaging import color_profiles, decode, jpeg

SWAPPED = icc.rgb_profile([icc.SRGB[1], icc.SRGB[0], icc.SRGB[2]])
WIDE = icc.rgb_profile(icc.P3)


def scene():
    """Smooth colours, none beyond what others can show."""
    down, across = np.mgrid[0:64, 0:96] / 96
    pixels = np.stack([60 + 130 * across, 60 + 150 * down, 190 - 120 * across], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def under(profile, image=None):
    """The values that show the scene under a profile."""
    source, target = ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(BytesIO(profile))
    converted = ImageCms.profileToProfile(image or scene(), source, target)
    converted.info.clear()  # of the profile, which would be saved with it unasked
    return converted


def saved(image, kind, **options):
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def error(photo, expected):
    return float(np.abs(np.asarray(photo, int) - np.asarray(expected, int)).mean())


FORMATS = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "MPO": {"quality": 100, "subsampling": 0, "save_all": True},
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "profile", [WIDE, icc.rgb_profile(icc.ADOBE, 2.2), SWAPPED, icc.rgb_profile(icc.SRGB, 1.8)]
)
def test_colours_are_as_without_the_profile(kind, profile):
    data = saved(under(profile), kind, icc_profile=profile, **FORMATS[kind])
    assert error(decode.decode_photo(data), scene()) < 1
    assert error(decode.decode_photo(saved(under(profile), kind, **FORMATS[kind])), scene()) > 1


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": b"Exif\0\0MM\0*"}])
@pytest.mark.parametrize("at_least", [None, 16])
def test_each_way_of_decoding_follows_it(options, at_least):
    large = scene().resize((960, 640))
    data = saved(under(WIDE, large), "JPEG", quality=98, icc_profile=WIDE, **options)
    photo = decode.decode_photo(data, at_least)
    assert error(photo, large.resize(photo.shape[1::-1], Image.Resampling.BOX)) < 1.5


def test_a_palette_and_transparency_follow_it_and_paper_stays_white():
    clear = under(SWAPPED).convert("RGBA")
    clear.putalpha(Image.new("L", clear.size, 255))
    clear.paste((0, 0, 0, 0), (0, 0, 10, 10))
    photo = decode.decode_photo(saved(clear, "PNG", icc_profile=SWAPPED))
    assert photo[:10, :10].min() == 255
    assert error(photo[20:], np.asarray(scene())[20:]) < 1
    few = scene().quantize(16)
    data = saved(under(SWAPPED, few.convert("RGB")).quantize(16), "PNG", icc_profile=SWAPPED)
    assert error(decode.decode_photo(data), few.convert("RGB")) < 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_grey_follows_a_grey_profile(kind):
    ramp = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (64, 1)))
    photo = decode.decode_photo(saved(ramp, kind, icc_profile=icc.grey_profile(1.0)))
    linear = np.arange(256) / 255
    expected = 255 * np.where(
        linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    assert np.abs(photo[32].mean(axis=1) - expected)[8:].max() < 4
    assert np.ptp(photo.astype(int), axis=2).max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_follow_their_profile(kind):
    profile = icc.cmyk_profile()
    printed = scene().convert("CMYK")
    options = {"quality": 100} if kind == "JPEG" else {}
    photo = decode.decode_photo(saved(printed, kind, icc_profile=profile, **options))
    source, target = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
    exact = ImageCms.profileToProfile(printed, source, target, outputMode="RGB")
    assert error(photo, exact) < 1.5
    assert error(photo, printed.convert("RGB")) > 4


def test_lab_follows_its_profile_or_the_usual_meaning():
    lab = ImageCms.profileToProfile(
        scene(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert error(decode.decode_photo(saved(lab, "TIFF")), scene()) < 3
    dark = icc.lut_profile(
        b"Lab ", 3, 9, lambda v: np.stack([v[:, 0] * 50, v[:, 1] * 0, v[:, 2] * 0], axis=1)
    )
    assert decode.decode_photo(saved(lab, "TIFF", icc_profile=dark)).mean() < 90


SRGBS = {
    "littlecms's": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "of numbers": icc.rgb_profile(icc.SRGB),
}
_long = bytearray(WIDE)
_long[0:4] = (len(WIDE) + 9).to_bytes(4, "big")
IGNORED = {
    "nothing": b"",
    "noise": np.random.default_rng(0).bytes(3000),
    "cut in two": WIDE[: len(WIDE) // 2],
    "longer than it is": bytes(_long),
    "no mark": WIDE.replace(b"acsp", b"xxxx"),
    "of inks": icc.cmyk_profile(5),
    "of greys": icc.grey_profile(1.0),
    "a link of two devices": WIDE.replace(b"mntr", b"link"),
    "too large": WIDE + bytes(color_profiles.MAX_BYTES),
    "a million tags": WIDE[:128] + b"\0\x0f\x42\x40" + WIDE[132:],
    "steps without end": icc.make_profile({b"D2B0": b"mpet" + bytes(200)}, b"RGB "),
    "without primaries": icc.make_profile({b"wtpt": icc.xyz_tag((1, 1, 1))}, b"RGB "),
    "tags beyond it": WIDE[:148] + b"\x7f\xff\xff\xff" + WIDE[152:],
    **SRGBS,
}


@pytest.mark.parametrize("name", IGNORED)
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_profile_that_is_srgb_damaged_or_of_other_colours_changes_no_pixel(name, kind):
    plain = decode.decode_photo(saved(scene(), kind))
    data = saved(scene(), kind, icc_profile=IGNORED[name] or None)
    assert np.array_equal(decode.decode_photo(data), plain)


def test_a_profile_for_colours_is_ignored_on_grey():
    grey = scene().convert("L")
    photo = decode.decode_photo(saved(grey, "PNG", icc_profile=icc.rgb_profile(icc.SRGB, 1.0)))
    assert np.array_equal(photo, decode.decode_photo(saved(grey, "PNG")))


def test_conversions_are_made_once_and_few_are_kept(monkeypatch):
    calls = []
    build = ImageCms.buildTransform
    monkeypatch.setattr(
        ImageCms, "buildTransform", lambda *a, **k: calls.append(1) or build(*a, **k)
    )
    for _ in range(3):
        color_profiles.get_srgb_transform(icc.rgb_profile(icc.P3, 1.23), "RGB")
    assert len(calls) == 1
    for gamma in np.linspace(1, 3, 40):
        color_profiles.get_srgb_transform(icc.rgb_profile(icc.P3, gamma), "RGB")
    assert len(color_profiles._conversions) <= color_profiles._CACHE_SIZE


def test_a_plain_photo_without_profile_never_meets_the_conversion(monkeypatch):
    data = saved(scene(), "JPEG")
    monkeypatch.setattr(color_profiles, "get_srgb_transform", None)
    assert jpeg.decode_plainest_jpeg(data, None, 10**6) is not None
    assert decode.decode_photo(data).shape == (64, 96, 3)


def test_a_large_photo_under_a_table_of_colours_is_refused_before_it_takes_long():
    def lab(values):
        return values * (100, 50, 50)

    profile = icc.lut_profile(b"RGB ", 3, 5, lab)
    data = flat_tiff(5600, 5600, rows=64, tags=[(34675, 7, len(profile), profile)])
    start = time.process_time()
    with pytest.raises(decode.PhotoError, match="28,000,000 pixels"):
        decode.decode_photo(data)
    assert time.process_time() - start < 3
