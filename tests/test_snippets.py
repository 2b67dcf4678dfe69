"""Copy as code: every text runs, and says what it leaves out."""

import ast
import re

import numpy as np
import pytest
from exec_snippets import PET, find_unnamed_imports, only_settings, run_snippet

from catdog_core.augmentation import augment
from catdog_core.augmentation.code_templates import LIBRARIES, make_snippets
from catdog_core.config import NO_AUGMENTATION, PRESETS, Augmentation

# Keras itself calls SciPy by a name SciPy deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Please import .affine_transform.:DeprecationWarning"
)
EVERYTHING = Augmentation(
    rotation_range=35,
    width_shift_range=0.2,
    height_shift_range=0.1,
    zoom_range=0.3,
    shear_range=15,
    brightness_range=(0.6, 1.4),
    channel_shift_range=30,
    fill_mode="constant",
    cval=90,
    contrast_range=(0.4, 1.2),
    saturation_range=(0.5, 1.5),
    hue_range=20,
    blur_range=1.5,
    noise_range=12,
    erasing_probability=0.5,
    mixup_alpha=0.4,
    cutmix_alpha=1.5,
)
ALONE = {
    "rotation_range": 30,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "zoom_range": 0.3,
    "shear_range": 20,
    "brightness_range": (0.4, 0.6),
    "channel_shift_range": 40,
    "horizontal_flip": True,
    "vertical_flip": True,
    "contrast_range": (0.4, 0.6),
    "saturation_range": (0.0, 0.2),
    "hue_range": 90,
    "blur_range": 3,
    "noise_range": 30,
    "erasing_probability": 1,
    "mixup_alpha": 1,
    "cutmix_alpha": 1,
}
"""Each setting that changes something by itself, at a value one cannot overlook."""
SMALL = PET[::3, ::3]
"""A photo of 50 pixels, for texts whose size does not matter."""
FLIP = only_settings(horizontal_flip=True)
OTHERS = {"fill_mode": "wrap", "cval": 7, "erasing_area": 0.2, **ALONE}
FACTORS = ("brightness_range", "contrast_range", "saturation_range")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Texts run in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")  # else it asks the network at import


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    "settings",
    [PRESETS["strong"], FLIP, NO_AUGMENTATION, EVERYTHING],
    ids=["strong", "flip", "none", "everything"],
)
def test_every_text_runs_and_ends_with_twenty_variants(demo, library, settings):
    names = run_snippet(library, settings)
    assert find_unnamed_imports(make_snippets(settings)[library].code) == []
    variants = names["variants"]
    assert variants.shape == (20, 150, 150, 3)
    assert variants.min() >= 0 and variants.max() <= 255
    assert settings.is_off or np.ptp(variants, axis=0).max() > 20
    if "labels" in names:
        assert settings.mixes and np.allclose(names["labels"].sum(axis=1), 1, atol=1e-5)
    # With and without mixing; every layer is in one of these two.
    if settings in (FLIP, EVERYTHING) and library in ("ImageDataGenerator", "Keras layers"):
        run_lines_for_a_folder(demo, library, settings, names)


def run_lines_for_a_folder(demo, library, settings, names):
    """What stands in the comment at the end of a text works, too, with the names before it."""
    comment = make_snippets(settings)[library].code.split("one subfolder per class:\n")[1]
    exec(comment.replace("# ", "").replace('"train"', repr(str(demo / "train"))), names)
    photos, labels = next(iter(names["train"]))
    assert photos.shape == (20, 150, 150, 3)
    assert len(labels) == 20


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("end", ["low", "high"])
def test_no_library_refuses_the_ends_of_a_range(library, end):
    values = {}
    for name, field in Augmentation.model_fields.items():
        extra = field.json_schema_extra
        number = extra["high"] if end == "high" else (extra["low"] or 0) + (extra["step"] or 0)
        values[name] = (number, number) if name in FACTORS else number
    settings = Augmentation(
        **{**values, "horizontal_flip": 1, "vertical_flip": 1, "fill_mode": "wrap"}
    )
    variants = run_snippet(library, settings, SMALL, side=50)["variants"]
    assert variants.shape == (20, 50, 50, 3)
    assert np.isfinite(variants).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_same_seed_gives_the_same_variants(library):
    one, two, other = (
        run_snippet(library, EVERYTHING, SMALL, seed, side=50)["variants"] for seed in (0, 0, 1)
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("field", [name for name in ALONE if not name.endswith("alpha")])
def test_a_setting_is_either_at_work_or_named_as_missing(library, field):
    settings = only_settings(**{field: ALONE[field]})
    missing = field in make_snippets(settings)[library].missing
    names = run_snippet(library, settings, SMALL, side=50)
    differ = np.abs(names["variants"] - SMALL.astype(np.float64)).mean(axis=(1, 2, 3)) > 1
    assert differ.any() != missing


def test_every_setting_on_is_either_written_or_named_as_missing():
    rng = np.random.default_rng(5)
    for _ in range(60):
        chosen = {name: value for name, value in OTHERS.items() if rng.random() < 0.5}
        settings = EVERYTHING.model_copy(
            update={
                **only_settings(**chosen).model_dump(),
                "fill_mode": rng.choice(["reflect", "constant"]),
            }
        )
        codes = {}
        for library, snippet in make_snippets(settings).items():
            ast.parse(snippet.code)
            assert max(map(len, snippet.code.splitlines())) <= 100
            left_out, codes[library] = split(snippet.code)
            assert re.findall(r"[a-z]+(?:_[a-z]+)+", left_out) == list(snippet.missing)
            assert {*snippet.missing, *snippet.approximate} <= {*settings.active}
        for name in settings.active:
            other = settings.model_copy(update={name: another(getattr(settings, name))})
            for library, snippet in make_snippets(other).items():
                changes = split(snippet.code)[1] != codes[library]
                assert changes != (name in snippet.missing), (library, name)


def split(code):
    """The comment on what is left out, and the rest."""
    lines = code.splitlines()
    start = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return " ".join(line[2:] for line in lines[:start]), "\n".join(lines[start:])


def another(value):
    """A different value of the same kind, within every range."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return "wrap"
    if isinstance(value, tuple):
        return (value[0], value[1] + 0.1)
    return value * 0.9 + 0.01


@pytest.mark.parametrize("settings", [PRESETS["notes"], PRESETS["strong"], NO_AUGMENTATION])
def test_the_labs_own_text_gives_the_variants_of_the_page(settings):
    names = run_snippet("CatDog Lab", settings, seed=6)
    expected = np.stack([image for image, _ in augment.make_variants(PET, settings, 20, seed=6)])
    assert np.array_equal(names["variants"], expected)


def test_the_labs_own_text_holds_exactly_the_settings():
    rng = np.random.default_rng(7)
    cases = [
        *PRESETS.values(),
        EVERYTHING,
        only_settings(brightness_range=(1.0, 1.0), fill_mode="wrap"),
    ]
    for _ in range(30):
        chosen = {name: value for name, value in OTHERS.items() if rng.random() < 0.5}
        cases.append(only_settings(**{**chosen, "rotation_range": float(rng.uniform(0, 180))}))
    for settings in cases:
        code = make_snippets(settings)["CatDog Lab"].code
        call = re.search(r"settings = (Augmentation\(.*?\n?\))\n", code, re.DOTALL)[1]
        assert eval(call, {"Augmentation": Augmentation}) == settings
