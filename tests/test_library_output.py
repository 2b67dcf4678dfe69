"""TensorFlow's import: silent, and without what Keras would load along."""

import subprocess
import sys

import pytest

from catdog_core.base import files, library_output

CODE = """
import sys
from catdog_core.base import library_output
library_output.import_tensorflow()
print([name for name in library_output._UNNEEDED_PACKAGES if name in sys.modules])
import keras, matplotlib
print(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).count_params())
"""


@pytest.mark.slow
def test_the_import_says_nothing_and_loads_no_ballast_which_can_be_loaded_later():
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, cwd=files.PROJECT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n3\n", "")


DAMAGED = """
import numpy as np
from catdog_core.imaging import decode
from catdog_core.base.errors import PhotoError
rng = np.random.default_rng(0)
whole = decode.encode_photo(rng.integers(0, 255, (64, 64, 3)).astype(np.uint8))
for _ in range(60):
    data = bytearray(whole)
    for place in rng.integers(700, len(data) - 2, 3):
        data[place] = rng.integers(0, 255)
    try:
        decode.decode_photo(bytes(data))
    except PhotoError:
        pass
"""


def test_a_damaged_photo_leaves_one_line_at_most_in_a_servers_log():
    done = subprocess.run(
        [sys.executable, "-c", DAMAGED], cwd=files.PROJECT, capture_output=True, timeout=120
    )
    lines = done.stderr.splitlines()
    assert done.returncode == 0 and done.stdout == b""
    assert 0 < len(lines) <= 60, "with none, SECURITY.md and `quiet` tell of what is no more"
    assert all(library_output._DECODER_MESSAGES.match(line) and len(line) < 100 for line in lines)
