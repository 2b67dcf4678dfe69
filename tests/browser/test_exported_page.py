"""The web page to take away, opened from disk: it answers in the browser as the lab does."""

import base64
import re
import shutil
import subprocess
import zipfile

import numpy as np
import pytest

from catdog_core.analysis import predict
from catdog_core.data.synthetic import draw_pet
from catdog_core.export import web_page
from catdog_core.imaging import decode
from tests.browser.conftest import BROWSER_FLAGS, BROWSERS
from tests.model_factory import make_model_file

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900)]
SIZES = [(64, 64), (300, 200), (70, 90), (40, 30), (130, 64), (640, 480), (256, 128), (500, 375)]
"""Width and height of photos: enlarged, shrunk a little, sampled twice, and by whole areas."""
CAMERA_FLAGS = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
CLASSES = ("</script>", "고양이", "a'b\"", "dogs", "x" * 60, "foxes", "owls")
CLOSE = 1e-4
RESIZE_JS = """([text, width, height]) => {
  const data = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const bytes = resizePhoto({ data, width, height, step: 3 }).data;
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""


@pytest.fixture(scope="session")
def runtime(tmp_path_factory):
    """The npm package that runs the model, installed as the lab says."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm isn't installed, which brings the runtime of the web page")
    folder = tmp_path_factory.mktemp("npm")
    package = f"@litertjs/core@{web_page.LITERT_JS}"
    line = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", package]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm couldn't install {package}: {done.stderr.strip()[-300:]}")
    return folder / "node_modules"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of two classes, and one of seven with odd names."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "many").mkdir()
    return make_model_file(folder, "notes"), make_model_file(folder / "many", "notes", CLASSES)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Twenty drawn pets of many sizes, as PNG files, so that no decoder makes a difference."""
    folder = tmp_path_factory.mktemp("photos")
    paths = []
    for number in range(20):
        pet = draw_pet(number % 2, 700, np.random.default_rng(number))
        paths.append(folder / f"{number}.png")
        pet.resize(SIZES[number % len(SIZES)]).save(paths[-1])
    return paths


def make_page(model, folder, runtime=None):
    """Write the page of a model and unzip it; return its address on disk."""
    web_page.write_web_page(model, folder / "page.zip", runtime)
    with zipfile.ZipFile(folder / "page.zip") as archive:
        archive.extractall(folder)
    return (folder / "index.html").as_uri()


def ask(page, path, count):
    """Choose a photo, and return the probabilities that the page shows, in label order."""
    page.evaluate("() => { probabilities = speed = null; show(); }")  # of the photo before
    page.set_input_files("#file", path)
    page.wait_for_function(
        "count => document.querySelectorAll('#bars [data-probability]').length === count",
        arg=min(count, 5) if count > 6 else count,
    )
    rows = page.locator("#all li" if count > 6 else "#bars li").all()
    return [float(row.get_attribute("data-probability")) for row in rows]


@pytest.mark.parametrize("number", [0, 1], ids=["two classes", "seven classes"])
def test_the_page_answers_as_the_lab_does(
    number, model, photos, runtime, chromium, workspace, tmp_path
):
    path = model[number]
    predictor = predict.load_predictor(path)
    page = chromium.new_context(offline=True).new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(make_page(path, tmp_path, runtime))
    count = len(predictor.classes)
    if count > 6:
        page.locator("#more summary").click()
    shown = [ask(page, photo, count) for photo in photos]
    own = predict.predict_photos(predictor, [(p.name, p.read_bytes()) for p in photos])
    expected = np.array([row.probabilities for row in own])
    assert expected.std(axis=0).max() > 0.02  # the photos differ
    assert np.abs(np.array(shown) - expected).max() < CLOSE
    assert page.locator("#answer").inner_text() in (*predictor.classes, "unsure")
    assert errors == []
    page.context.close()


def test_the_camera_answers_until_it_is_turned_off(
    model, runtime, chromium, expect, workspace, tmp_path
):
    executable = next(filter(None, map(shutil.which, BROWSERS)))
    browser = chromium.browser_type.launch(
        executable_path=executable, args=[*BROWSER_FLAGS, *CAMERA_FLAGS]
    )
    page = browser.new_page()
    page.goto(make_page(model[0], tmp_path, runtime))
    page.locator("#camera").click()
    expect(page.locator("#speed")).to_contain_text("frames per second")
    assert page.locator("#bars [data-probability]").count() == 2
    page.locator("#camera").click()
    assert page.evaluate("document.getElementById('video').srcObject") is None
    assert page.locator("#answer").inner_text() == "" and page.locator("#hint").is_visible()
    browser.close()


def test_a_page_without_the_runtime_downloads_just_the_pinned_one(
    model, photos, runtime, chromium, workspace, tmp_path
):
    address, package = make_page(model[0], tmp_path), runtime / "@litertjs/core"
    asked, changed = [], []

    def answer(route):
        name = route.request.url.removeprefix(web_page.CDN)
        asked.append(name)
        route.fulfill(
            body=(package / name).read_bytes() + b"\n" * (name in changed),
            headers={"access-control-allow-origin": "*"},
        )

    page = chromium.new_page()
    page.context.route(re.compile("^https:"), answer)
    page.goto(address)
    assert len(ask(page, photos[0], 2)) == 2
    assert sorted(asked) == sorted(web_page.RUNTIME_FILES)
    changed += [name for name in web_page.RUNTIME_FILES if name.endswith(".js")]
    page.goto(address)
    page.locator("#problem").wait_for()
    assert "LiteRT.js couldn't be downloaded" in page.locator("#problem").inner_text()
    page.close()


def write_tools(folder, **settings):
    """Write a page whose model and runtime are none; its functions are there all the same."""
    resize = {"coarse": decode.COARSE_RATIO, "fine": decode.FINE_RATIO}
    defaults = {"name": "tools", "classes": ["a", "b"], "shape": [64, 97, 3], "scale": "0..255"}
    runtime = dict.fromkeys(web_page.RUNTIME_FILES, b"")
    page = web_page.build_page(
        defaults | {"resize": resize, "least": 0.75} | settings, b"", runtime
    )
    (folder / "tools.html").write_text(page, "utf-8")
    return (folder / "tools.html").as_uri()


def test_photos_are_resized_to_the_very_pixels_of_the_lab(chromium, tmp_path):
    rng = np.random.default_rng(0)
    page = chromium.new_page()
    page.goto(write_tools(tmp_path))
    sizes = [*SIZES, (97, 64), (1000, 201), (970, 640), (194, 128), (170, 112), (250, 200), (9, 1)]
    for width, height in sizes:
        photo = rng.integers(0, 256, (height, width, 3), np.uint8)
        found = page.evaluate(RESIZE_JS, [base64.b64encode(photo).decode(), width, height])
        expected = decode.resize_photo(photo, (64, 97))
        assert base64.b64decode(found) == expected.tobytes(), (width, height)
    page.close()


@pytest.mark.parametrize("scale", ["0..255", "0..1", "-1..1", "imagenet", "bgr", "grey"])
def test_pixels_become_the_very_values_of_the_lab(scale, chromium, tmp_path):
    is_grey = scale == "grey"
    photo = np.random.default_rng(1).integers(0, 256, (1, 40, 50, 3), np.uint8)
    shape, named = ([40, 50, 1], "0..1") if is_grey else ([40, 50, 3], scale)
    page = chromium.new_page()
    page.goto(write_tools(tmp_path, shape=shape, scale=named))
    found = page.evaluate("data => [...networkInput({data, step: 3})]", photo.ravel().tolist())
    values = photo.astype(np.float32)
    if is_grey:
        values = np.rint(values @ predict._GREY)[..., np.newaxis]
    expected = predict.scale_values(values, named).ravel()
    assert np.array_equal(np.array(found, np.float32), expected)
    page.close()


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_the_page_fits_wide_windows_and_phones_in_both_languages(
    width, theme, chromium, expect, pictures, tmp_path
):
    names = [f"{number} {'w' * 60}" for number in range(60)]
    address = write_tools(tmp_path, name="고양이" * 30, classes=names)
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=theme)
    page = context.new_page()
    page.goto(address)
    for language, label in (("en", "Choose photo"), ("ko", "사진 선택")):
        page.locator(f".languages [lang={language}]").click()
        assert page.locator(".button").inner_text() == label
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.documentElement.lang") == language
    page.locator("#more summary").click()
    expect(page.locator("#all li")).to_have_count(60)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=pictures / f"web-page-{width}-{theme}.png", full_page=True)
    context.close()
