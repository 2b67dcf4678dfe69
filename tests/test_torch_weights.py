"""The reader of the one legacy PyTorch file: it admits four names and nothing else."""

import hashlib
import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest

from catdog_core.base.errors import ModelError
from catdog_core.models import transfer


class Named:
    """Pickles as a call of `module.name` with arguments, whatever that is."""

    def __init__(self, module, name, *arguments):
        self.module, self.name, self.arguments = module, name, arguments


class Legacy(pickle._Pickler):
    """Writes what `torch.save` used to write, and anything hostile besides."""

    def save(self, value, *rest):
        if isinstance(value, Named):
            self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())
            if value.arguments:
                super().save(value.arguments)
                self.write(pickle.REDUCE)
        elif isinstance(value, dict) and value.get("storage"):
            super().save(("storage", *value["storage"]))
            self.write(pickle.BINPERSID)
        else:
            super().save(value, *rest)


def written(tmp_path, table, storages):
    path = tmp_path / "weights.pth"
    with open(path, "wb") as file:
        for part in (
            0x1950A86A20F9469CFC6C,
            1001,
            {"protocol_version": 1001, "little_endian": True},
            table,
            list(storages),
        ):
            Legacy(file, 2).dump(part)
        for numbers in storages.values():
            file.write(struct.pack("<q", len(numbers)) + numbers.tobytes())
    return path


def tensor(key, offset, shape, strides, kind="FloatStorage"):
    storage = {"storage": (Named("torch", kind), key, "cpu", 6, None)}
    return Named("torch._utils", "_rebuild_tensor_v2", storage, offset, shape, strides, False, None)


def read(path):
    return transfer.read_torch_weights(path, hashlib.sha256(path.read_bytes()).hexdigest())


def test_tensors_are_read_by_their_offset_shape_and_strides(tmp_path):
    numbers = np.arange(6, dtype="<f4")
    table = OrderedDict(a=tensor("7", 0, (2, 3), (3, 1)), b=tensor("7", 0, (3, 2), (1, 3)))
    table["c"] = tensor("8", 0, (), (), "LongStorage")
    tensors = read(written(tmp_path, table, {"7": numbers, "8": np.array([5], "<i8")}))
    assert np.array_equal(tensors["a"], numbers.reshape(2, 3))
    assert np.array_equal(tensors["b"], tensors["a"].T)
    assert tensors["c"] == 5 and tensors["c"].dtype == np.int64


def test_a_tensor_beyond_its_storage_is_refused(tmp_path):
    path = written(tmp_path, {"a": tensor("7", 1, (2, 3), (3, 1))}, {"7": np.zeros(6, "<f4")})
    with pytest.raises(ModelError, match="reaches beyond its storage"):
        read(path)


def test_another_file_than_the_known_one_is_not_even_unpickled(tmp_path):
    path = written(tmp_path, {"a": Named("os", "system", "touch pwned")}, {})
    with pytest.raises(ModelError, match="isn't the pretrained weights file"):
        transfer.read_torch_weights(path, "0" * 64)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "mkdir"),
        ("posix", "mkdir"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("collections", "OrderedDict.fromkeys"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("numpy", "load"),
    ],
)
def test_every_other_name_is_refused_and_nothing_runs(tmp_path, monkeypatch, module, name):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, {"a": Named(module, name, "pwned")}, {})
    with pytest.raises(ModelError, match=f"it names {module}.{name}".replace(".", r"\.")):
        read(path)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.pth"]


@pytest.mark.parametrize("keep", [0, 9, 30, 150, -5])
def test_a_file_that_is_cut_short_is_told_plainly(tmp_path, keep):
    path = written(tmp_path, {"a": tensor("7", 0, (6,), (1,))}, {"7": np.zeros(6, "<f4")})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match="couldn't be read as weights"):
        read(path)


def test_a_missing_file_is_told_plainly(tmp_path):
    with pytest.raises(ModelError, match=r"none\.pth couldn't be read: No such file"):
        transfer.read_torch_weights(tmp_path / "none.pth", "0" * 64)
