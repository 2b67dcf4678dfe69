"""Read the epochs that a training printed: Keras's progress bars, and prints of PyTorch's loops.

A printed line is not a format, so little is taken for granted: an epoch begins with the word Epoch
and its number, and a metric is a name, a colon or an equals sign, and a number.
"""

from __future__ import annotations

import re

_KERAS_EPOCH = re.compile(r"\s*Epoch (\d{1,6})/(\d{1,6})\b")
_EPOCH = re.compile(r"\bepoch[\s:=#\[(]{0,4}(\d{1,6})\b", re.IGNORECASE)
_EPOCH_CHARS = 120  # of a line that names its epoch
_TERMINAL_CODE = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")
_PROGRESS_LINE = re.compile(r"\s*(\d+/(\d+|Unknown)\b|- \d+(s|ms|us|m|h)\b)")
_PRINTED_METRIC = re.compile(
    r"(?<![\w/])([A-Za-z_][\w/]{0,80}+): (-?(?:\d[\d.]*+(?:e[+-]?\d+)?|nan|inf))", re.IGNORECASE
)
_METRIC = re.compile(
    r"(?<![\w./-])([^\W\d][\w/.]{0,40}+(?:[ -][^\W\d][\w/.]{0,40}+){0,3}) ?[:=] ?"
    r"(-?(?:\d[\d.]*+(?:e[+-]?\d+)?%?|nan|inf)(?![\w/]))",
    re.IGNORECASE,
)
_PART = re.compile(r"\s*\W{0,3}(train(?:ing)?|val(?:id(?:ation)?)?|eval|test)\b", re.IGNORECASE)
_LINE_CHARS = 2000  # of a line of progress

PrintedRow = dict[str, object]


def find_printed_epochs(text: str) -> list[PrintedRow]:
    """Return the metrics of each epoch in a printed text, by name; none where it isn't one.

    Args:
        text: what the terminal or notebook showed, of bounded length.
    """
    # A bar is drawn over itself by going back: each state becomes a line.
    lines = re.sub(r"[\b\r]+", "\n", _TERMINAL_CODE.sub("", text)).split("\n")
    return _read_bars(lines) or _read_prints(lines)


def _read_bars(lines: list[str]) -> list[PrintedRow]:
    """Return the last state of the bar of each of Keras's epochs."""
    rows: list[PrintedRow] = []
    is_within_epoch = False
    for line in lines:
        if _KERAS_EPOCH.match(line):
            is_within_epoch = True
            rows.append({})
        elif is_within_epoch and _PROGRESS_LINE.match(line[:100]):
            found = _PRINTED_METRIC.findall(line[:_LINE_CHARS])
            if found and len(found) >= len(rows[-1]):
                rows[-1] = dict(found)
    return [row for row in rows if row]


def _read_prints(lines: list[str]) -> list[PrintedRow]:
    """Return what a loop prints of its epochs, on the epoch's line or on those after it.

    "val Loss: 0.6 Acc: 0.7" is of validation in both: the first word counts for its line. Of a
    metric that an epoch prints again, such as after each 100 steps, the last counts.
    """
    rows: list[PrintedRow] = []
    last: str | None = None
    for line in lines:
        line = line[:_LINE_CHARS]
        epoch = _EPOCH.search(line[:_EPOCH_CHARS])
        if epoch is not None:
            line = line[epoch.end() :]
            if epoch.group(1) != last:
                last = epoch.group(1)
                rows.append({})
        if not rows:
            continue
        part = _PART.match(line)
        for name, value in _METRIC.findall(line):
            if part is not None and not _PART.match(name):
                name = f"{part.group(1)} {name}"
            rows[-1][name] = value
    return [row for row in rows if row]
