"""The web page to take away: what is in it, and that no name can break it."""

import base64
import hashlib
import json
import re
import zipfile
from html.parser import HTMLParser

import pytest
from model_factory import build_brightness_model

from catdog_core import export
from catdog_core.base.errors import CatDogError
from catdog_core.cli import main
from catdog_core.export import web_page
from catdog_core.imaging import decode

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\"'`${x}{{model}}\\u003c",
    "고양이 🐱 \u2028 end",
)
SETTINGS = {
    "name": HOSTILE[0],
    "classes": HOSTILE,
    "shape": (64, 48, 3),
    "scale": "-1..1",
    "resize": {"coarse": decode.COARSE_RATIO, "fine": decode.FINE_RATIO},
    "least": 0.6,
}
RUNTIME = {name: name.encode() for name in web_page.RUNTIME_FILES}


class Page(HTMLParser):
    """The scripts of a page by id ("" for its code), its policy, and its other attributes."""

    def __init__(self, text):
        super().__init__()
        self.scripts, self.policy, self.starts, self._id = {}, "", [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.starts.append((tag, attrs))
        if attrs.get("http-equiv") == "Content-Security-Policy":
            self.policy = attrs["content"]
        if tag == "script":
            self._id = attrs.get("id", "")
            self.scripts[self._id] = ""

    def handle_endtag(self, tag):
        if tag == "script":
            self._id = None

    def handle_data(self, data):
        if self._id is not None:
            self.scripts[self._id] += data


def page_of(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["index.html", "README.txt"]
        return archive.read("index.html").decode(), archive.read("README.txt").decode()


def test_names_of_classes_can_not_break_the_page():
    text = web_page.build_page(SETTINGS, b"model", {})
    page = Page(text)
    assert list(page.scripts) == ["settings", "model", ""]
    settings = json.loads(page.scripts["settings"])
    assert settings["classes"] == list(HOSTILE) and settings["name"] == HOSTILE[0]
    assert "<" not in page.scripts["settings"]
    # Nothing else of the page says a name, and its code puts names in as text only.
    assert text.count("alert(1)") == page.scripts["settings"].count("alert(1)") == 2
    code = page.scripts[""]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", code)


def test_only_the_code_of_the_page_runs_and_only_the_runtime_is_fetched():
    page = Page(web_page.build_page(SETTINGS, b"model", {}))
    digest = base64.b64encode(hashlib.sha256(page.scripts[""].encode()).digest()).decode()
    rules = dict(rule.split(" ", 1) for rule in page.policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["connect-src"] == web_page.CDN
    assert rules["script-src"] == f"'sha256-{digest}' 'wasm-unsafe-eval' blob:"
    assert all("src" not in attrs and "href" not in attrs for _, attrs in page.starts)


def test_the_runtime_is_pinned_by_version_and_hash():
    settings = json.loads(Page(web_page.build_page(SETTINGS, b"", {})).scripts["settings"])
    files = settings["runtime"]["files"]
    assert [file["url"].removeprefix(web_page.CDN) for file in files] == [*web_page.RUNTIME_FILES]
    assert f"@litertjs/core@{web_page.LITERT_JS}/" in web_page.CDN
    for file in files:
        kind, digest = file["integrity"].split("-", 1)
        assert kind == "sha384" and len(base64.b64decode(digest, validate=True)) == 48


def test_a_runtime_inside_leaves_nothing_to_fetch():
    page = Page(web_page.build_page(SETTINGS, b"model", RUNTIME))
    assert "connect-src 'none'" in page.policy
    assert list(page.scripts) == ["settings", "model", "runtime-0", "runtime-1", "runtime-2", ""]
    texts = json.loads(page.scripts["settings"])["texts"]
    assert texts["en"]["network"] == "This page works offline."


def test_every_text_of_the_page_is_there_in_both_languages_and_used():
    page = web_page.build_page(SETTINGS, b"", {})
    texts = json.loads(Page(page).scripts["settings"])["texts"]
    used = set(re.findall(r'data-text="(\w+)"', page))
    code = Page(page).scripts[""]
    used |= {key for key in texts["en"] if f'"{key}"' in code}
    assert set(re.findall(r'(?<!\w)text\("(\w+)"', code)) <= set(texts["en"])
    assert set(re.findall(r'showProblem\("(\w+)"', code)) <= set(texts["en"])
    assert used == set(texts["en"]) == set(texts["ko"])
    fields = {code: [sorted(re.findall(r"\{\w+\}", text)) for text in texts[code].values()]
              for code in texts}  # fmt: skip
    assert fields["en"] == fields["ko"]


@pytest.fixture(scope="module")
def zipped(tmp_path_factory):
    """The page of a tiny grey model of three classes, and the model file."""
    folder = tmp_path_factory.mktemp("web")
    model = build_brightness_model(
        (20, 30, 1), kernel=(5.0, 1.0, -5.0), bias=(0, 0, 1), activation="softmax"
    )
    model.save(folder / "day or night.keras")
    return export.export_in_process(folder / "day or night.keras", "web", folder / "page.zip")


def test_the_zip_holds_the_model_its_classes_and_its_preprocessing(zipped):
    text, readme = page_of(zipped)
    settings = json.loads(Page(text).scripts["settings"])
    assert settings["name"] == "day or night" and settings["classes"] == ["p_0", "p_1", "p_2"]
    assert settings["shape"] == [20, 30, 1] and settings["scale"] == "0..1"
    assert settings["resize"] == {"coarse": 3.0, "fine": 1.75}
    assert settings["least"] == pytest.approx(2 / 3)
    assert web_page.read_model(zipped)[4:8] == b"TFL3"
    assert "index.html" in readme and "needs an internet connection" in readme


def test_the_model_in_the_page_answers_as_the_keras_model_does(zipped):
    from catdog_core.export import parity

    report = parity.measure_parity(zipped.parent / "day or night.keras", "web", zipped)
    assert report["photos"] == 50 and report["difference"] < 1e-5 and report["labels"] == 0


def test_a_folder_without_this_version_of_the_runtime_is_refused(tmp_path, capsys):
    out = tmp_path / "page.zip"
    package = tmp_path / "node_modules/@litertjs/core"
    for folder in (package / "dist", package / "wasm"):
        folder.mkdir(parents=True)
    (package / "package.json").write_text("{}")
    for name in RUNTIME:
        (package / name).write_bytes(b"of another version")
    for runtime in (tmp_path / "nowhere", tmp_path, package):
        with pytest.raises(CatDogError, match=f"npm install @litertjs/core@{web_page.LITERT_JS}"):
            web_page.write_web_page(tmp_path / "any", out, runtime)
    line = ["export", "default", "keras", str(tmp_path / "m.keras"), "--runtime", str(package)]
    assert main(line) == 1 and "use a runtime" in capsys.readouterr().err
    assert not out.exists()
