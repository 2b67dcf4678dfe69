"""The process behind an export: converts, then compares, told by lines of JSON on stdout.

Conversion leaves hundreds of megabytes and much chatter in its process, and native code that
fails takes it down: none of that may happen to a server.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import threading
from pathlib import Path

from .. import child


def main() -> None:
    """Do what standard input asks for: "source", "kind", "folder" to write in, "language"."""
    from .. import quiet
    from ..errors import CatDogError
    from . import formats, tongue

    child.end_with_parent()
    asked = json.load(sys.stdin)
    child.keep_stdout()
    threading.Thread(target=child.beat, daemon=True).start()
    os.environ[tongue.VARIABLE] = asked.get("language", "en")
    source, kind, folder = Path(asked["source"]), asked["kind"], Path(asked["folder"])
    try:
        exporter = formats.format_of(kind)
        if exporter.loads_tensorflow:
            quiet.import_tensorflow()
        logging.getLogger("tf2onnx").setLevel(logging.ERROR)
        out = folder / ("model" if exporter.is_folder else f"model{exporter.extension}")
        child.say(phase="writing")
        exporter.write(source, out)
        found = None
        if exporter.group == "model":
            from . import parity

            child.say(phase="comparing")
            found = parity.measure(source, kind, out)
        if exporter.is_folder and asked["packed"]:
            shutil.make_archive(str(out), "zip", folder, out.name)
            shutil.rmtree(out)
            out = out.with_suffix(".zip")
        child.say(result={"file": out.name, "bytes": size(out), "parity": found})
    except CatDogError as error:
        child.say_error(error)
    except Exception as error:
        logging.getLogger("catdog").exception("An export failed")
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
        child.say_error(
            CatDogError(
                "The model could not be written as {kind}: {reason}. Another format may do.",
                kind=kind,
                reason=reason,
            )
        )


def size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    inside = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in inside if one.is_file())


if __name__ == "__main__":
    main()
