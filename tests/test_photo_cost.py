"""What a photo costs in memory is told by its head, before a pixel is read."""

import flat_photos
import numpy as np
import pytest
from flat_photos import FULL_FACTORS, flat_jpeg, flat_tiff, jpeg_segment
from hostile_photos import measure_costs, store_files, too_costly
from PIL import Image

from catdog_core.base.errors import PhotoError
from catdog_core.imaging import decode
from catdog_core.imaging import jpeg as jpegs

INKS = ((1, 1),) * 4
HALVED = ((2, 2), (1, 1), (1, 1))
LARGE = 6320  # a side, pixels: nearly 40 million in all
ALPHA = [(338, 3, 1, b"\2\0")]
TURNED = [(274, 3, 1, b"\6\0")]


@pytest.mark.parametrize(
    ("factors", "width", "height", "blocks"),
    [
        (FULL_FACTORS, 16, 16, 12),
        (FULL_FACTORS, 17, 1, 9),
        (HALVED, 16, 16, 6),
        (HALVED, 17, 17, 24),
        (((4, 1), (1, 1), (1, 1)), 33, 8, 12),
        (((4, 4), (1, 1), (1, 1)), 32, 32, 18),
        (((1, 1), (2, 2), (1, 2)), 16, 16, 7),
        (((1, 1),), 65_000, 8, 8125),
        (INKS, 8, 9, 8),
    ],
)
@pytest.mark.parametrize("kind", [0xC0, 0xC1, 0xC2, 0xC9, 0xCA])
def test_coefficients_are_counted_by_sampling_and_scans(factors, width, height, blocks, kind):
    data = flat_jpeg(width, height, factors, kind, each=len(factors) > 1)
    several = len(factors) > 1 or kind in (0xC2, 0xCA)
    assert jpegs.read_jpeg_frame(data).buffered_bytes == blocks * 128 * several
    if len(factors) == 3 and kind in (0xC0, 0xC1, 0xC9):
        assert jpegs.read_jpeg_frame(flat_jpeg(width, height, factors, kind)).buffered_bytes == 0


REFUSED = {
    "progressive": lambda: flat_jpeg(LARGE, LARGE, FULL_FACTORS, 0xC2),
    "a scan each": lambda: flat_jpeg(LARGE, LARGE, FULL_FACTORS, 0xC0, each=True),
    "extended, 16-bit tables": lambda: flat_jpeg(
        LARGE, LARGE, FULL_FACTORS, 0xC1, each=True, deep_tables=True
    ),
    "arithmetic, a scan each": lambda: flat_jpeg(LARGE, LARGE, FULL_FACTORS, 0xC9, each=True),
    "arithmetic, progressive": lambda: flat_jpeg(LARGE, LARGE, FULL_FACTORS, 0xCA),
    "inks, a scan each": lambda: flat_jpeg(LARGE, LARGE, INKS, 0xC0, each=True),
    "inks, progressive": lambda: flat_jpeg(LARGE, LARGE, INKS, 0xC2),
    "tiff of 16 bits in one strip": lambda: flat_tiff(LARGE, LARGE, (16,) * 3),
    "tiff with alpha in one strip": lambda: flat_tiff(LARGE, LARGE, (8,) * 4, tags=ALPHA),
    "tiff of 16 bits in one tile": lambda: flat_tiff(LARGE, LARGE, (16,) * 3, tile=6336),
    "tiff of floats in one strip": lambda: flat_tiff(LARGE, LARGE, (32,), numbers=3),
    "tiff of inks in one strip": lambda: flat_tiff(LARGE, LARGE, (8,) * 4, colours=5),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_take_too_much_is_refused_at_any_size_asked(name, monkeypatch):
    data = REFUSED[name]()
    Image.init()  # some of its plugins ask for what is taken away here
    monkeypatch.setattr(Image.Image, "load", None)
    for at_least in (None, 150):
        with pytest.raises(PhotoError, match=r"MB of memory to decode"):
            decode.decode_photo(data, at_least)


def test_the_same_kinds_are_read_where_they_are_smaller():
    for factors, kind in ((FULL_FACTORS, 0xC2), (HALVED, 0xC0), (INKS, 0xC9)):
        assert (
            decode.decode_photo(
                flat_jpeg(900, 700, factors, kind, each=True and kind != 0xC2)
            ).shape[2]
            == 3
        )


def test_segments_count_as_well():
    profile = jpeg_segment(0xE2, bytes(65_000)) * 400
    with pytest.raises(PhotoError, match="MB of memory"):
        decode.decode_photo(flat_jpeg(LARGE, LARGE, HALVED, 0xC2, segments=profile))


TAKEN = {
    "halved": lambda: flat_jpeg(LARGE, LARGE, HALVED, 0xC2),
    "as large as may be": lambda: flat_jpeg(5400, 5400, FULL_FACTORS, 0xC2),
    "as large as may be, a scan each": lambda: flat_jpeg(5400, 5400, FULL_FACTORS, 0xC0, each=True),
    "inks as large as may be": lambda: flat_jpeg(4900, 4900, INKS, 0xCA),
    "tiff turned": lambda: flat_tiff(LARGE, LARGE, rows=64, tags=TURNED),
    "tiff of floats turned": lambda: flat_tiff(
        LARGE, LARGE, (32,), numbers=3, rows=64, tags=TURNED
    ),
    "tiff of 16 bits": lambda: flat_tiff(5350, 5350, (16,) * 3),
    "tiff in planes": lambda: flat_tiff(LARGE, LARGE, planar=True),
    "tiff of lab": lambda: flat_tiff(LARGE, LARGE, colours=8),
}


@pytest.mark.long
@pytest.mark.slow
def test_no_kind_costs_more_than_is_promised(tmp_path):
    photos = {name: make() for name, make in (TAKEN | REFUSED).items()}
    plain = Image.fromarray(np.zeros((LARGE, LARGE, 3), np.uint8))
    mark = Image.Exif()
    mark[0x112] = 6
    for kind in ("JPEG", "PNG"):
        plain.save(tmp_path / f"turned {kind}", kind, exif=mark)
    costs = measure_costs(store_files(photos, tmp_path))
    assert too_costly(costs) == {}
    assert sum(cost.shape is not None for cost in costs.values()) == len(TAKEN) + 2


def test_the_collected_photo_of_many_scans_is_refused(photos):
    path = photos.parents[1] / "field" / "files" / "prog444_flat.jpg"
    if not path.is_file():
        pytest.skip("the collected photo is not beside this checkout")
    with pytest.raises(PhotoError, match="MB of memory"):
        decode.decode_photo(path.read_bytes())
    assert flat_photos.flat_jpeg(8, 8)[:2] == path.read_bytes()[:2]
