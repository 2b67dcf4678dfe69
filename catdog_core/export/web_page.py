"""A model as one web page that predicts photos and camera frames in the visitor's browser.

`web_page.html` and `web_page.js` are its parts. The model stands inside it, gzipped and in base64,
since pages opened from disk can load nothing beside them. LiteRT.js, which runs it, is downloaded
from a CDN when the page opens, or stands inside too. Its files are pinned by their hashes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import time
import zipfile
from pathlib import Path
from typing import Any

from ..analysis.uncertainty import default_threshold
from ..base import bounded_readers, files, report_language
from ..base.errors import N_, CatDogError
from ..base.files import truncate_for_display
from ..imaging import decode
from ..runs import model_registry

LITERT_JS = "2.5.3"
"""Version of the npm package @litertjs/core."""
RUNTIME_FILES = {
    "dist/index.js": "MapSVJ/DPwvaWpp7q+Bid9O3uY1oB0KOU1QRMP+Mm5zdz5oMme/BUyX6dVAMWnPg",
    "wasm/litert_wasm_compat_internal.js": (
        "oh4nb8zDq6eVOpGeZE5gwDOJ16QujHLL8k/HEXt3XiPxr+8zn3YnkXP8P3BlJET1"
    ),
    "wasm/litert_wasm_compat_internal.wasm": (
        "glAZ6WjS7tLRt89pbTPXvLC1c7DCaVSfL2ngn5gZJiUuPs76fWYJy7ZeFaD0PJXx"
    ),
}
"""SHA-384 in base64 of the package's files that a page needs; this build runs in every browser."""
CDN = f"https://cdn.jsdelivr.net/npm/@litertjs/core@{LITERT_JS}/"
OFFLINE_USAGE = f"""\
npm install @litertjs/core@{LITERT_JS}
python -m catdog_core export {{run}} web {{file}} --runtime node_modules"""
"""The lines that make a page which works offline, of a run by its id."""
_PACKAGE_FOLDERS = ("", "@litertjs/core", "node_modules/@litertjs/core")
_MOST_RUNTIME_BYTES = 20_000_000  # of one file
_LANGUAGES = {"en": "English", "ko": "한국어"}
_TEXTS = {
    "about": N_("It knows {n} classes and assigns one of them to every photo."),
    "allClasses": N_("All {n} classes"),
    "cameraOff": N_("Stop camera"),
    "cameraOn": N_("Start camera"),
    "choose": N_("Choose photo"),
    "drop": N_("Drop a photo here, or turn on the camera."),
    "frames": N_("{frames} frames per second, {ms} ms per frame"),
    "loading": N_("Loading the model…"),
    "made": N_("Made with CatDog Lab. It runs in LiteRT.js {version}."),
    "milliseconds": N_("{ms} ms for this photo"),
    "network": N_(
        "This page needs an internet connection to download LiteRT.js. After that, it works"
        " offline."
    ),
    "noCamera": N_(
        "The camera couldn't be opened. Connect one, close other programs that use it, and allow "
        "it for this page."
    ),
    "noCameraHere": N_(
        "This browser doesn't let this page use a camera. Open it in Chrome or Edge, or at an"
        " https address."
    ),
    "noModel": N_(
        "The model couldn't be loaded. Update the browser, close other tabs, then reload this page."
    ),
    "noPhoto": N_("This file can't be read as a photo. Choose a JPEG, PNG or WebP."),
    "noRuntime": N_(
        "LiteRT.js couldn't be downloaded. Connect to the internet, then reload this page."
    ),
    "otherCamera": N_("Switch camera"),
    "photo": N_("Your photo"),
    "privacy": N_("Photos and camera frames never leave this device."),
    "sees": N_("The model sees each photo resized to {width} × {height} pixels."),
    "unsure": N_("unsure"),
    "unsureBelow": N_("Unsure below"),
    "video": N_("Camera"),
}
"""The texts of the page by the names that `web_page.js` uses; it fills in the fields."""
_OFFLINE = N_("This page works offline.")
_README = """\
Unzip this file, then open index.html by a double click. It predicts photos and camera frames in
the browser. To publish it, upload index.html to any web host with https.

{network}

The page contains the model, the class names and the lab's preprocessing. It runs the model in
LiteRT.js {version} (@litertjs/core, Apache License 2.0, https://www.apache.org/licenses/LICENSE-2.0).
"""


def write_web_page(source: Path, out: Path, runtime: Path | None = None) -> None:
    """Write a zip with a page that predicts by a model.

    Args:
        source: a run folder or model file.
        out: the zip to write.
        runtime: a folder with the npm package of LiteRT.js, to put it inside the page; without it,
            the page downloads it when it opens.

    Raises:
        ModelError: there is no usable model.
        CatDogError: the folder holds another version of the package, or none.
    """
    runtime_files = _read_runtime(runtime) if runtime else {}
    from ..analysis.predict import ASSUMED_SCALE  # lazy: needs TensorFlow
    from .model_writers import write_litert_for_one  # lazy: needs TensorFlow

    with files.temporary_folder("export") as folder:
        predictor = write_litert_for_one(source, folder / "model.tflite")
        model = (folder / "model.tflite").read_bytes()
    settings = {
        "name": _find_name(source, predictor.classes),
        "classes": predictor.classes,
        "shape": predictor.input_shape,
        "scale": predictor.input_scale or ASSUMED_SCALE,
        "resize": {"coarse": decode.COARSE_RATIO, "fine": decode.FINE_RATIO},
        "least": default_threshold(len(predictor.classes)),
    }
    page = build_page(settings, model, runtime_files)
    network = _OFFLINE if runtime else _TEXTS["network"]
    with files.atomic_replace(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, text in (
            ("index.html", page),
            ("README.txt", _README.format(network=network, version=LITERT_JS)),
        ):
            info = zipfile.ZipInfo(name, time.localtime()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, text)


def build_page(settings: dict[str, Any], model: bytes, runtime_files: dict[str, bytes]) -> str:
    """Return the page.

    Args:
        settings: name, classes, shape, scale, resize and least, see `write_web_page`.
        model: a LiteRT model that takes one photo.
        runtime_files: the files of `RUNTIME_FILES`, to put inside; empty to download them.
    """
    folder = Path(__file__).parent
    script = (folder / "web_page.js").read_text("utf-8")
    ids = {name: f"runtime-{number}" for number, name in enumerate(RUNTIME_FILES)}
    texts = _TEXTS | ({"network": _OFFLINE} if runtime_files else {})
    say = {code: report_language.get_translator(code) for code in _LANGUAGES}
    settings = settings | {
        "languages": _LANGUAGES,
        "texts": {
            code: {key: translate(text) for key, text in texts.items()}
            for code, translate in say.items()
        },
        "runtime": {
            "version": LITERT_JS,
            "files": [
                {"id": ids[name], "url": CDN + name, "integrity": f"sha384-{digest}"}
                for name, digest in RUNTIME_FILES.items()
            ],
        },
    }
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "policy": "; ".join(
            [
                "default-src 'none'",
                f"script-src 'sha256-{digest}' 'wasm-unsafe-eval' blob:",
                "style-src 'unsafe-inline'",
                "img-src blob:",
                "media-src blob:",
                f"connect-src {chr(39) + 'none' + chr(39) if runtime_files else CDN}",
                "base-uri 'none'",
                "form-action 'none'",
            ]
        ),
        # No name can end the element: JSON has another way to write "<".
        "settings": json.dumps(settings, ensure_ascii=False).replace("<", "\\u003c"),
        "model": _pack(model),
        "runtime": "\n".join(
            f'<script type="text/plain" id="{ids[name]}">{_pack(content)}</script>'
            for name, content in runtime_files.items()
        ),
        "script": script,
    }
    template = (folder / "web_page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def read_model(path: Path) -> bytes:
    """Return the LiteRT model inside the page of a zip that `write_web_page` wrote."""
    with zipfile.ZipFile(path) as archive:
        page = archive.read("index.html")
    start = page.index(b'id="model">') + len(b'id="model">')
    return gzip.decompress(base64.b64decode(page[start : page.index(b"<", start)]))


def _read_runtime(folder: Path) -> dict[str, bytes]:
    """Return the files of `RUNTIME_FILES` from a folder, checked. Raises CatDogError."""
    packages = [folder / name for name in _PACKAGE_FOLDERS]
    package = next((each for each in packages if (each / "package.json").is_file()), folder)
    found = {}
    for name, expected in RUNTIME_FILES.items():
        try:
            content = bounded_readers.read_regular(package / name, _MOST_RUNTIME_BYTES)
        except (OSError, CatDogError, ValueError):
            content = b""
        if base64.b64encode(hashlib.sha384(content).digest()).decode() != expected:
            raise CatDogError(
                "{folder} doesn't contain LiteRT.js {version}. Run 'npm install "
                "@litertjs/core@{version}', then use its node_modules folder.",
                folder=truncate_for_display(str(folder), 300),
                version=LITERT_JS,
            )
        found[name] = content
    return found


def _find_name(source: Path, classes: tuple[str, ...]) -> str:
    """Return what the page is called: as the run, or for the built-in model by its classes."""
    run = model_registry.find_run_of_model(source)
    if run is not None and not model_registry.is_built_in(run):
        return run.name
    imported = model_registry.find_imported_model(source)
    if imported is not None:
        return imported.name
    return " · ".join(classes) if run is not None else Path(source).stem


def _pack(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()
