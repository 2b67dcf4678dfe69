"""Bundles changed as a stranger would change them."""

import hashlib
import io
import json
import zipfile


def repacked(path, change=lambda name, data: data, extra=(), lies=False, how=zipfile.ZIP_STORED):
    """The bundle with its files changed, and the manifest with them unless it is to lie."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w", how) as target:
        kept = {name: source.read(name) for name in source.namelist()}
        kept = {name: change(name, data) for name, data in kept.items()}
        kept = {name: data for name, data in kept.items() if data is not None}
        manifest = json.loads(kept.pop("manifest.json"))
        if not lies:
            manifest["files"] = {
                name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                for name, data in [*kept.items(), *extra]
            }
        for name, data in [*kept.items(), *extra, ("manifest.json", json.dumps(manifest))]:
            target.writestr(name, data)
    out.seek(0)
    return out


def edited(wanted, **values):
    """A change of one JSON file of the bundle."""

    def change(name, data):
        if name != wanted:
            return data
        found = json.loads(data)
        for key, value in values.items():
            place = found
            *path, last = key.split("__")
            for part in path:
                place = place[part]
            place[last] = value
        return json.dumps(found).encode()

    return change


def replaced(wanted, content):
    return lambda name, data: content if name == wanted else data
