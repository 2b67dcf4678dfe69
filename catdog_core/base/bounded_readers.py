"""Read JSON and CSV that someone else supplies, with a bound on the work. Light.

A small file can ask for large work: a JSON array of empty objects takes 24 times its size in
memory, a CSV row is as wide as its header, and a number of 100,000 digits is read in quadratic
time. So bytes, values, depth, digits, columns and rows are counted before anything is built.
"""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

from .errors import CatDogError
from .regular_files import open_regular

MOST_DEPTH = 60
"""Arrays and objects within each other; files of the lab have 4, a model of models has 20."""
MOST_DIGITS = 40
"""Digits in a row within a number; a float as Python writes it has 17."""
SMALL_BYTES = 200_000
"""Bytes of a file of settings, such as a preset, limits.json or a run's settings.json."""
_LONG_NUMBER = re.compile(rb"\d{%d}" % (MOST_DIGITS + 1))
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class BoundError(CatDogError, ValueError):
    """An input asks for more work than it may; its sentence says which bound it passes."""


def parse_bounded_json(
    data: str | bytes, most: int = SMALL_BYTES, values: int | None = None
) -> Any:
    """Read JSON of bounded size, depth and number of values.

    Args:
        data: the text, or its bytes in UTF-8, UTF-16 or UTF-32.
        most: bytes it may have.
        values: numbers, texts, arrays and objects it may hold; by default one for 8 of `most`.

    Raises:
        BoundError: it passes a bound.
        ValueError: it is no JSON.
    """
    if len(data) > most:
        raise BoundError("it has more than {most:,} bytes", most=most)
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    elif (encoding := json.detect_encoding(data)) != "utf-8":
        data = data.decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass")
    allowed = most // 8 if values is None else values
    # Each value but the first follows one of these; those within texts count as well.
    if sum(map(data.count, (b",", b"[", b"{"))) > allowed:
        raise BoundError("it holds more than {most:,} values", most=allowed)
    if _LONG_NUMBER.search(data) and _LONG_NUMBER.search(_STRING.sub(b"", data)):
        raise BoundError("it holds a number of more than {most} digits", most=MOST_DIGITS)
    try:
        found = json.loads(data)
    except RecursionError:
        raise _depth_error() from None
    if _is_deeper(found, MOST_DEPTH):
        raise _depth_error()
    return found


def read_bounded_json(path: Path, most: int = SMALL_BYTES, values: int | None = None) -> Any:
    """Read a JSON file as `parse_bounded_json`, and no more than `most` bytes of it.

    Raises:
        OSError: it cannot be read.
        ValueError: as `parse_bounded_json`.
    """
    with open_regular(path) as file:
        return parse_bounded_json(file.read(most + 1), most, values)


def parse_bounded_csv(text: str, columns: int, rows: int) -> tuple[list[str], list[list[str]]]:
    """Read a CSV table of bounded width and length: its header, and the rows that aren't empty.

    Args:
        text: the table; the caller bounds its size.
        columns: cells a row may have.
        rows: rows it may have below the header.

    Raises:
        BoundError: it passes a bound.
        csv.Error: a cell has more than `csv.field_size_limit` characters.
    """
    header: list[str] | None = None
    found: list[list[str]] = []
    for row in csv.reader(io.StringIO(text, newline="")):
        if not row:
            continue
        if len(row) > columns:
            raise BoundError("it has more than {most:,} columns", most=columns)
        if header is None:
            header = row
            continue
        if len(found) == rows:
            raise BoundError("it has more than {most:,} rows", most=rows)
        found.append(row)
    return header or [], found


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether arrays and objects lie within each other more than so many levels deep."""
    layer: list[Any] = [value] if isinstance(value, (dict, list)) else []
    for _ in range(levels):
        inner = (each.values() if isinstance(each, dict) else each for each in layer)
        layer = [v for part in inner for v in part if isinstance(v, (dict, list))]
        if not layer:
            return False
    return True


def _depth_error() -> BoundError:
    return BoundError("its values are nested more than {most} levels deep", most=MOST_DEPTH)
