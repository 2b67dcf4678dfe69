"""Run folders as a worker would leave them, without training anything."""

from __future__ import annotations

import functools
import json
import re
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from catdog_core import cli, runs
from catdog_core.base import files
from catdog_core.config import Augmentation, Training
from catdog_ui import session
from catdog_ui.session import PageState

# Every AppTest looks through all installed packages for components, which takes nine tenths of it.
manifest_scanner.scan_component_manifests = functools.cache(
    manifest_scanner.scan_component_manifests
)


def open_page(path: str = "", state: dict[str, Any] | None = None, **query: str) -> AppTest:
    """The app opened at ``pages/<path>.py``, or at its entry point, with a session and a query."""
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    for key, value in query.items():
        app.query_params[key] = value
    for key, value in (state or {}).items():
        app.session_state[key] = value
    if path:
        app.switch_page(f"pages/{path}.py")
    return app.run()


def page_state(app: AppTest) -> PageState:
    """What the pages of a session keep beside the values of widgets; to read or to change."""
    if session.PAGE_STATE_KEY not in app.session_state:
        app.session_state[session.PAGE_STATE_KEY] = PageState()
    state: PageState = app.session_state[session.PAGE_STATE_KEY]
    return state


def run_cli(capsys: Any, *arguments: Any) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of one command of the lab, run in this process."""
    status = cli.main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def joined_text(elements: Iterable[Any]) -> str:
    """The texts of elements in one line."""
    return " ".join(str(element.value) for element in elements)


METRIC_ROWS = [
    {"loss": 0.69, "accuracy": 0.52, "val_loss": 0.68, "val_accuracy": 0.55},
    {"loss": 0.60, "accuracy": 0.68, "val_loss": 0.61, "val_accuracy": 0.70},
    {"loss": 0.45, "accuracy": 0.83, "val_loss": 0.66, "val_accuracy": 0.66},
]


def add_fake_model(folder: Path, name: str = "best.keras") -> None:
    """Put something into a run that is an archive, as a model file is, and no model."""
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("config.json", "{}")


def make_run(
    name: str = "first",
    *,
    status: str | None = "done",
    epochs: int = 3,
    dataset: Any = None,
    augmentation: Augmentation | None = None,
    state: dict[str, Any] | None = None,
    dataset_name: str = "Cartoons",
    classes: tuple[str, ...] = ("cats", "dogs"),
    **training: Any,
) -> Path:
    """Make a run in the workspace that ended as `status` after `epochs` epochs."""
    photos = {"train": 200, "validation": 100}
    dataset = dataset or SimpleNamespace(
        id=dataset_name.lower(),
        name=dataset_name,
        root=Path("nowhere"),
        classes=classes,
        fingerprint="f" if dataset_name == "Cartoons" else dataset_name,
        domain="photos",
        photos=(),
        items=lambda split: range(photos[split]),
        counts=lambda: {split: {"cats": n // 2, "dogs": n - n // 2} for split, n in photos.items()},
    )
    settings = Training(**{"epochs": 3, **training})
    folder = runs.create_run(dataset, settings, augmentation, name=name)
    for epoch in range(epochs):
        row = {"epoch": epoch, **METRIC_ROWS[epoch % 3], "learning_rate": 1e-4, "seconds": 2.5}
        files.append_json_line(folder / "metrics.jsonl", row)
        point = {"epoch": epoch, "batch": 5, "steps": 10, "loss": 0.7, "accuracy": 0.5}
        files.append_json_line(folder / "batches.jsonl", point)
    if status:
        values = {"format": 1, "status": status, "beat": 1, "time": time.time(), **(state or {})}
        files.write_json(folder / "state.json", values)
    return folder


BUG_TEXT = "went wrong in the lab"  # how a page and a command tell of a mistake of their own


def only_error(app: AppTest) -> str:
    """The one error on a page."""
    assert not app.exception
    texts = [element.value for element in app.error]
    assert len(texts) == 1, texts
    assert BUG_TEXT not in texts[0] and "Traceback" not in texts[0] and "\n" not in texts[0].strip()
    return texts[0]


def failed_clearly(result: tuple[int, Any, str]) -> bool:
    """Whether a command failed, and then with one line."""
    status, _, err = result
    assert status in (0, 1)
    if status:
        last = err.strip().splitlines()
        assert last[-1].startswith("Error: ") and BUG_TEXT not in err and "Traceback" not in err, (
            err
        )
        assert "Internal error" not in err, err
        assert len([line for line in last if line.startswith("Error: ")]) == 1
    return status == 1


def page_address(app):
    """Return what the address of an `AppTest` is set to, by the server and the browser's script."""
    scripts = [re.search(r"const query = (.*?);for", each.value) for each in app.get("html")]
    written = [json.loads(script[1]) for script in scripts if script]
    query = {name: v if isinstance(v, str) else v[0] for name, v in app.query_params.items()}
    return query | dict(*written)
