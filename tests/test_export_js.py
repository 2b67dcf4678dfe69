"""TensorFlow.js, whose converter lives in an environment of its own and is looked for there."""

import os

import pytest
from exporting import made_model

from catdog_core import export
from catdog_core.cli import main
from catdog_core.errors import CatDogError


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
