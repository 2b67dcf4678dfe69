"""TensorFlow.js, whose converter lives in an environment of its own and is looked for there."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from exporting import made_model

from catdog_core import export
from catdog_core.cli import main
from catdog_core.errors import CatDogError
from catdog_core.exports import usage

STAND_IN = """
const said = [];
const tensor = (shape) => ({
  shape,
  toFloat: () => { said.push('float'); return tensor(shape); },
  div: (by) => { said.push('/' + by); return tensor(shape); },
  expandDims: () => tensor([1, ...shape]),
});
const document = { getElementById: (id) => ({ id }) };
const tf = {
  loadGraphModel: async (url) => ({ predict: (batch) => ({
    data: async () => { said.push(url, batch.shape.join('x')); return Float32Array.from(ANSWER); },
  }) }),
  browser: { fromPixels: (image) => tensor([480, 640, 3]) },
  image: { resizeBilinear: (photo, size) => tensor([...size, photo.shape[2]]) },
};
const console_ = { log: (label) => said.push(label) };
"""
"""TensorFlow.js and a page, as far as the lines use them."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return made_model(tmp_path_factory.mktemp("model"), "notes")


@pytest.mark.skipif(
    not export.FORMATS["tfjs"].missing, reason="the converter of TensorFlow.js is here"
)
def test_without_the_converter_of_tensorflow_js_the_command_says_how_to_get_it(
    model, tmp_path, capsys
):
    assert main(["export", str(model), "tfjs", str(tmp_path / "js")]) == 1
    assert "environment of its own" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_the_converter_of_tensorflow_js_is_given_a_savedmodel(model, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "tensorflowjs_converter"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\ntest -f "$2/saved_model.pb" && mkdir "$3" && echo {} > "$3/model.json"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    out = export.save(model, "tfjs", tmp_path / "js")
    assert (out / "model.json").is_file()
    program.write_text("#!/bin/sh\necho 'it broke' >&2\nexit 1\n")
    with pytest.raises(CatDogError, match="it broke"):
        export.save(model, "tfjs", tmp_path / "js2")


def node():
    """A program that runs JavaScript: the system's, or the one playwright brings along."""
    found = shutil.which("node")
    if found is None:
        playwright = pytest.importorskip("playwright", reason="no program runs JavaScript here")
        own = (
            Path(playwright.__file__).parent
            / "driver"
            / ("node.exe" if os.name == "nt" else "node")
        )
        found = str(own) if own.is_file() else None
    return found or pytest.skip("no program runs JavaScript here")


@pytest.mark.parametrize(
    ("classes", "answer", "expected"),
    [
        (("cats", "dogs"), [0.7], "dogs"),
        (("cats", "dogs"), [0.3], "cats"),
        (("cats", "dogs"), [0.8, 0.2], "cats"),
        (("cats", 'it\'s "x"; </script>', "owls"), [0.1, 0.7, 0.2], 'it\'s "x"; </script>'),
    ],
)
@pytest.mark.parametrize("rescales", [True, False])
def test_the_lines_for_a_page_run_and_name_the_class(classes, answer, expected, rescales, tmp_path):
    lines = usage.text("tfjs", "model", classes, 64, rescales).replace("console.", "console_.")
    script = tmp_path / "page.mjs"
    start = STAND_IN.replace("ANSWER", json.dumps(answer))
    script.write_text(f"{start}{lines}\nconsole.log(JSON.stringify(said));\n", "utf-8")
    done = subprocess.run([node(), script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    scaled = [] if rescales else ["/255"]
    told = ["float", *scaled, "model/model.json", "1x64x64x3", expected]
    assert json.loads(done.stdout) == told
