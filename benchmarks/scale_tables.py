"""The tables of docs/scale.md, from the constants the page states.

python -m benchmarks.scale_tables docs/scale.md    draws them anew, after a constant has changed
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

from . import scale
from .scale import STEPS, Constants

Table = list[list[str]]


def _by_steps(name: str, row: Callable[[int], dict[str, float]], total: bool) -> Table:
    columns = [row(photos) for photos in STEPS]
    rows = [[name, *(f"{photos:,}" for photos in STEPS)]]
    rows += [[key, *(size(column[key]) for column in columns)] for key in columns[0]]
    if total:
        rows.append(["**together**", *(f"**{size(sum(c.values()))}**" for c in columns)])
    return rows


def table_stored(c: Constants) -> Table:
    """What lies on disks."""
    return _by_steps("on disks", lambda photos: scale.stored(c, photos), total=True)


def table_kept(c: Constants) -> Table:
    """What is kept in memory."""
    rows = _by_steps("in the memory of a training", lambda n: scale.kept(c, n), total=False)
    whole = [f"**{size(scale.memory(c, photos))}**" for photos in STEPS]
    names = [size(scale.opened(c, photos)) for photos in STEPS]
    rows.append(["**with TensorFlow and the network**", *whole])
    return [*rows, ["in the page or process that opens the dataset", *names]]


def table_alone(c: Constants) -> Table:
    """What one machine of two cores takes."""
    return [
        ["one machine of two cores", *(f"{photos:,}" for photos in STEPS)],
        ["opening `dataset.json`", *(span(n / c.open_rate) for n in STEPS)],
        ["packing", *(span(n / c.pack_rate) for n in STEPS)],
        ["reading an epoch", *(span(n / c.read_rate) for n in STEPS)],
        ["decoding an epoch of JPEGs instead", *(span(n / c.decode_rate / 2) for n in STEPS)],
        ["training an epoch, one core", *(span(n / c.worker_rate) for n in STEPS)],
    ]


def table_class(c: Constants) -> Table:
    """How long students wait for their runs."""
    head = ["runs at once", "notes, all start now", "notes, one each half hour"]
    rows = [[*head, "transfer, all start now", "transfer, one each half hour"]]
    for slots in (1, 8, 15, 30, 80, 100):
        cells = [f"{slots}"]
        for minutes in (c.notes_minutes, c.transfer_minutes):
            steady = scale.wait(minutes, slots)
            cells.append(f"the last after {span(scale.last(minutes, slots) * 60)}")
            told = f"{span(steady * 60)} each" if steady * 60 >= 1 else "none"
            cells.append("grows" if math.isinf(steady) else told)
        rows.append(cells)
    return rows


def table_servers(c: Constants) -> Table:
    """What the pages and the runs of a class cost."""
    servers = math.ceil(scale.STUDENTS / c.sessions)
    per_server = c.server_memory + c.sessions * c.session_memory
    rows = [["for 300 students", "servers or runs", "cores", "memory", "core-hours of a class"]]
    pages = [f"{servers}", f"{servers * 2}", size(servers * per_server)]
    rows.append(["pages, all at once", *pages, f"{servers * 2 * scale.CLASS / 60:.0f}"])
    for name, minutes in (("notes", c.notes_minutes), ("transfer", c.transfer_minutes)):
        slots = math.ceil(scale.STUDENTS / scale.EVERY * minutes) + 3
        hours = scale.STUDENTS * scale.CLASS / scale.EVERY * minutes * 2 / 60
        cells = [f"{slots}", f"{slots * 2}", size(slots * c.worker_memory), f"{hours:.0f}"]
        rows.append([f"a run of `{name}` each half hour", *cells])
    return rows


TABLES = {
    "stored": table_stored,
    "kept": table_kept,
    "alone": table_alone,
    "class": table_class,
    "servers": table_servers,
}


def size(number: float) -> str:
    """Bytes for people, three digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} TB" if number < 999.5 else f"{number:,.0f} TB"


def span(seconds: float) -> str:
    """Seconds for people."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.3g} {unit}"
    return f"{seconds:.3g} s" if seconds >= 1 or not seconds else f"{seconds * 1e3:.3g} ms"


def markdown(rows: Table) -> str:
    """A table of Markdown whose first row is its head, numbers to the right."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---|" + "---:|" * (len(rows[0]) - 1), *lines[1:]])


def constants(page: str) -> Constants:
    """The constants a page states, in the rows of its table: `name`, a number."""
    told = dict(re.findall(r"^\| `(\w+)` \| ([\d.,]+) \|", page, re.M))
    return Constants(**{f.name: float(told[f.name].replace(",", "")) for f in fields(Constants)})


def drawn(page: str) -> str:
    """A page with the table after each mark drawn anew from the constants it states."""
    c = constants(page)
    for name, make in TABLES.items():
        table = markdown(make(c))
        before, mark, rest = page.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        page = f"{before}{mark}{table}\n{end}{after}"
    return page


def main(arguments: Sequence[str]) -> None:
    """Draw the tables of a page anew."""
    path = Path(arguments[0])
    path.write_text(drawn(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
