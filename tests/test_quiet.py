"""TensorFlow's import: silent, and without what Keras would load along."""

import subprocess
import sys

import pytest

from catdog_core import files

CODE = """
import sys
from catdog_core import quiet
quiet.import_tensorflow()
print([name for name in quiet._BALLAST if name in sys.modules])
import keras, matplotlib
print(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).count_params())
"""


@pytest.mark.slow
def test_the_import_says_nothing_and_loads_no_ballast_which_can_be_loaded_later():
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, cwd=files.PROJECT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n3\n", "")
