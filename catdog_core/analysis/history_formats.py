"""Read the table of a training history from the files that training programs write.

CSV of any delimiter, with decimal points or commas (Keras, fastai, Lightning, Ultralytics, pandas),
TensorBoard's and MLflow's one file per metric, JSON (Keras, pandas, Hugging Face), JSON lines,
Python's own way to write a dict, and printed text. What a file is, its content tells. Which column
is what, `history_columns` finds.
"""

from __future__ import annotations

import csv
import itertools
import pickletools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, TypeAlias

from ..base import bounded_readers
from ..base.bounded_readers import BoundError
from ..base.errors import RunError
from ..base.files import truncate_for_display
from ..data import text_encoding
from . import history_console

MAX_BYTES = 5_000_000
"""Bytes of a history's file; 10,000 epochs take one million."""
MAX_EPOCHS = 1000
MAX_FILES = 20
MAX_COLUMNS = 1000
MAX_ROWS = 50_000
"""Rows of a table: some programs write one per step."""
MAX_CELLS = 1_000_000
JSON_EXPORT_LINE = (
    "json.dump({k: [float(x) for x in v] for k, v in history.history.items()},"
    ' open("history.json", "w"))'
)
"""The line of Python that writes a Keras history as a file this module reads."""
EPOCH: Final = "epoch"
STEP: Final = "step"

TableRow: TypeAlias = Mapping[str, object]


@dataclass(frozen=True)
class HistoryFile:
    """A file as it was brought: its name, for messages and TensorBoard's metrics, and content."""

    name: str
    data: bytes


@dataclass(frozen=True)
class HistoryTable:
    """The columns of a history and its rows: an epoch, a step, or half an epoch each.

    Attributes:
        name: of the file, for messages.
        columns: in their order; no cell of a row is of another one.
        rows: numbers or texts by column. A row may lack some.
        decimal_comma: whether texts are numbers such as 0,69.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[TableRow]
    decimal_comma: bool = False


def read_table(files: Sequence[HistoryFile]) -> HistoryTable:
    """Read the table of one file, or of TensorBoard's or MLflow's files, one per metric.

    Raises:
        RunError: a file is a pickle or no history, or several files do not belong together.
    """
    if len(files) > MAX_FILES:
        raise RunError(
            "You chose {count} files, but a history takes at most {most}.",
            count=len(files),
            most=MAX_FILES,
        )
    tables = [_read_file(file) for file in files]
    if len(tables) == 1:
        return tables[0]
    if not all(table.columns[:1] == (STEP,) for table in tables):
        raise RunError(
            "Only TensorBoard or MLflow files belong together, one per metric. Choose a single "
            "file, or only such files."
        )
    rows = [row for table in tables for row in table.rows]
    _check_size(files[0].name, len(rows), len(tables) + 1)
    columns = dict.fromkeys(column for table in tables for column in table.columns)
    return HistoryTable(files[0].name, tuple(columns), rows)


def _read_file(file: HistoryFile) -> HistoryTable:
    _check_not_pickle(file)
    if len(file.data) > MAX_BYTES:
        error = BoundError("it has more than {most:,} bytes", most=MAX_BYTES)
        raise _csv_error(file.name, error)
    start = file.data[:200].removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"")
    if start.lstrip(b"\xff\xfe \t\r\n").startswith((b"{", b"[", b'"{')):
        return _table_from_json(file)
    text = _decode_text(file)
    if metric := _METRIC_FILE.fullmatch(text):
        return _table_of_metric(
            file.name, [line.split()[::-1][:2] for line in metric[0].split("\n")]
        )
    if ":" in text and (printed := history_console.find_printed_epochs(text)):
        columns = dict.fromkeys(column for row in printed for column in row)
        _check_size(file.name, len(printed), len(columns))
        return HistoryTable(file.name, tuple(columns), printed)
    return _table_from_csv(file.name, text)


_METRIC_FILE = re.compile(r"(?:\d{10,16} \S{1,40} \d{1,12}\r?\n?)++")
"""MLflow's file of one metric: a time, a value and a step a line."""


_ARCHIVE_MAGIC = (
    *(b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"]\0\0", b'\x04"M\x18', b"PK"),  # gzip to zip, npz
    *(b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"ZF"),  # zlib, as joblib packs
    *(b"\x93NUMPY", b"\x89HDF"),
)
_PICKLE_START_BYTES = b"(])}cVSIFNKJMGXU"  # instructions that an old pickle can begin with
_PICKLE_OPCODES_READ = 50  # instructions of a pickle


def _check_not_pickle(file: HistoryFile) -> None:
    """Refuse what can run code, or hides it, with the line that writes JSON. Nothing is loaded."""
    if is_pickle(file.data):
        raise RunError(
            "{file} is a pickle, which can run any program. Save the history as JSON instead: "
            "{line}",
            file=file.name,
            line=JSON_EXPORT_LINE,
        )
    if file.data.startswith(_ARCHIVE_MAGIC) and not _is_text(file.data):
        raise RunError(
            "{file} is compressed or binary, but the lab reads only plain text. Save the history "
            "as JSON instead: {line}",
            file=file.name,
            line=JSON_EXPORT_LINE,
        )


def is_pickle(data: bytes) -> bool:
    """Return whether bytes are a pickle of any protocol, by their content; nothing is loaded."""
    if data[:1] == b"\x80":  # protocols 2 to 5 say so; no text begins with this byte
        return True
    if data[:1] not in {bytes([one]) for one in _PICKLE_START_BYTES} or data.rstrip()[-1:] != b".":
        return False
    try:
        opcodes = list(itertools.islice(pickletools.genops(data), _PICKLE_OPCODES_READ))
    except Exception:  # text fails in as many ways as there are instructions
        return False
    return len(opcodes) > 1


def _is_text(data: bytes) -> bool:
    try:
        return b"\0" not in data and bool(data.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _decode_text(file: HistoryFile) -> str:
    """Return the text of a file. Spreadsheets write UTF-16, or what their system has."""
    wide = file.data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if b"\0" in file.data and not wide:
        raise _csv_error(file.name, "UnicodeDecodeError")
    return text_encoding.decode_text(file.data)


def _check_size(name: str, rows: int, columns: int) -> None:
    if rows > MAX_ROWS or columns > MAX_COLUMNS:
        raise RunError(
            "{file} has {rows:,} rows with {columns:,} numbers each. Keep at most {most:,} rows "
            "with {widest:,} numbers.",
            file=name,
            rows=rows,
            columns=columns,
            most=MAX_ROWS,
            widest=MAX_COLUMNS,
        )


_DELIMITERS = ",;\t|"


def _table_from_csv(name: str, text: str) -> HistoryTable:
    delimiter, text = _find_delimiter(text)
    try:
        header, lines = bounded_readers.parse_bounded_csv(text, MAX_COLUMNS, MAX_ROWS, delimiter)
        if sum(map(len, lines)) > MAX_CELLS:
            raise BoundError("it has more than {most:,} cells", most=MAX_CELLS)
    except BoundError as error:
        raise _csv_error(name, error) from error
    except csv.Error as error:
        raise _csv_error(name, type(error).__name__) from error
    columns = [column.strip() for column in header]
    if [column.casefold() for column in columns] == ["wall time", "step", "value"]:
        return _table_of_metric(name, [line[1:3] for line in lines])
    if delimiter == " " and lines and all(len(line) == len(columns) + 1 for line in lines):
        columns.insert(0, "")  # the numbers of rows, as pandas prints them
    # A training that went on writes its header again.
    rows = [dict(zip(columns, line, strict=False)) for line in lines if line != header]
    found = tuple(dict.fromkeys(filter(None, columns)))
    commas = delimiter != "," or any(map(_DECIMAL_COMMA.fullmatch, itertools.chain(*lines)))
    if (kinds := _long_columns(found)) is not None:
        return _table_from_long(name, rows, kinds, commas)
    return HistoryTable(name, found, rows, commas)


_DECIMAL_COMMA = re.compile(r"\s*-?(0,\d+|\d+,\d{4,})\s*")
"""A number with a decimal comma, which is not one with thousands set apart."""
_METRIC_COLUMNS = ("metric", "key", "tag", "name", "variable")
_VALUE_COLUMNS = ("value", "val")


def _long_columns(columns: Sequence[str]) -> tuple[str, str, str] | None:
    """Return the columns of a table with one metric a row: its name, its value and its step."""
    names = {column.casefold(): column for column in columns}
    metric = next((names[each] for each in _METRIC_COLUMNS if each in names), None)
    value = next((names[each] for each in _VALUE_COLUMNS if each in names), None)
    step = next((names[each] for each in (EPOCH, STEP) if each in names), None)
    return (metric, value, step) if metric and value and step else None


def _table_from_long(
    name: str, lines: Sequence[TableRow], kinds: tuple[str, str, str], commas: bool
) -> HistoryTable:
    metric, value, step = kinds
    rows = [
        {step: line.get(step), str(line[metric]).strip(): line.get(value)}
        for line in lines
        if line.get(metric)
    ]
    columns = dict.fromkeys(column for row in rows for column in row)
    _check_size(name, len(rows), len(columns))
    return HistoryTable(name, tuple(columns), rows, commas)


def _find_delimiter(text: str) -> tuple[str, str]:
    """Return the character between a table's columns, and the table from its header on."""
    text = text.lstrip()
    while text[:1] == "#" or text[:4].lower() == "sep=":  # a comment; a line for spreadsheets
        text = text.partition("\n")[2].lstrip()
    header = text[: text.find("\n")] if "\n" in text else text
    counts = {delimiter: header.count(delimiter) for delimiter in _DELIMITERS}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    if not counts[best] and len(header.split()) > 1:  # columns as fastai prints them
        spaces = re.compile(r"[ \t]++")
        lines = (spaces.sub(" ", line.strip()) for line in text.splitlines())
        return " ", "\n".join(lines)
    return best, text


def _csv_error(name: str, reason: object) -> RunError:
    return RunError(
        "{file} couldn't be read as CSV: {reason}. Use a run folder or a history with one row per "
        "epoch.",
        file=name,
        reason=reason,
    )


def _table_of_metric(name: str, cells: Sequence[Sequence[object]]) -> HistoryTable:
    """Return the table of one of TensorBoard's downloads: the file's name tells the metric."""
    column = PurePath(name.replace("\\", "/")).stem or name
    rows = [{STEP: cell[0], column: cell[1]} for cell in cells if len(cell) == 2]
    return HistoryTable(name, (STEP, column), rows)


def _table_from_json(file: HistoryFile) -> HistoryTable:
    history = _parse_json(file)
    if isinstance(history, str):  # str(history.history), saved as JSON
        history = _parse_json(HistoryFile(file.name, history.encode("utf-8", "replace")))
    if isinstance(history, Mapping):
        log = history.get("log_history")  # of Hugging Face's Trainer
        if isinstance(log, list):
            # The last entry sums up the whole training.
            history = [
                row for row in log if not isinstance(row, Mapping) or "train_runtime" not in row
            ]
        elif isinstance(history.get("history"), Mapping):
            history = history["history"]  # a History object written down whole
        elif isinstance(rows := history.get("data"), list):  # pandas's orient="split" or "table"
            names = history.get("columns")
            history = rows
            if isinstance(names, list) and all(isinstance(row, list) for row in rows):
                history = [dict(zip(map(str, names), row, strict=False)) for row in rows]
    if isinstance(history, list):
        return _table_from_list(file.name, history)
    if not isinstance(history, Mapping):
        raise _json_error(file.name, "file", f"it holds a {type(history).__name__}")
    return _table_from_columns(file.name, history)


def _parse_json(file: HistoryFile) -> object:
    try:
        return bounded_readers.parse_bounded_json(file.data, MAX_BYTES)
    except BoundError as error:
        raise _json_error(file.name, "JSON", error) from error
    except ValueError as error:
        with suppress(ValueError):
            return bounded_readers.parse_bounded_json(_python_to_json(file), MAX_BYTES)
        lines = [line for line in file.data.splitlines() if line.strip()]
        if len(lines) > 1 and all(line.lstrip()[:1] == b"{" for line in lines):  # JSON lines
            try:
                return bounded_readers.parse_bounded_json(
                    b"[" + b",".join(lines) + b"]", MAX_BYTES + 2
                )
            except ValueError:
                pass  # then the whole is told
        reason = truncate_for_display(str(error), 120)
        raise _json_error(file.name, "JSON", reason) from error


_NUMPY_NUMBER = re.compile(r"(?:(?:np|numpy)\.)?(?:float|int)(?:16|32|64)?\(([^()]{0,40})\)")
_NUMPY_ARRAY = re.compile(r"(?:(?:np|numpy)\.)?array\(([^()]*+)\)")
_NUMPY_TYPE = re.compile(r",\s*dtype=[\w.]{1,20}")
_PYTHON_WORDS = {"'": '"', "nan": "NaN", "inf": "Infinity", "None": "null"}
_PYTHON_WORD = re.compile(r"'|(?<![\w'\"])(?:nan|inf|None)(?![\w'\"])")


def _python_to_json(file: HistoryFile) -> str:
    """Return a dict as Python prints it, such as {'loss': [np.float32(0.7)]}, in JSON's spelling.

    Nothing is evaluated: what isn't JSON after that is refused.
    """
    text = _NUMPY_NUMBER.sub(r"\1", _NUMPY_TYPE.sub("", _decode_text(file)))
    text = _NUMPY_ARRAY.sub(r"\1", text)
    return _PYTHON_WORD.sub(lambda match: _PYTHON_WORDS[match[0]], text)


def _json_error(name: str, kind: str, reason: object) -> RunError:
    return RunError(
        "{file} isn't a valid {kind} history: {reason}. Save only history.history, a dict with "
        "one list per metric.",
        file=name,
        kind=kind,
        reason=reason,
    )


def _table_from_list(name: str, rows: list[object]) -> HistoryTable:
    dicts = [row for row in rows if isinstance(row, Mapping)]
    if rows and all(isinstance(row, list) and len(row) == 3 for row in rows):
        _check_size(name, len(rows), 2)
        return _table_of_metric(name, [row[1:] for row in rows if isinstance(row, list)])
    if len(dicts) < len(rows):
        raise _json_error(name, "file", "it holds a list")
    if dicts and all(isinstance(v, list) for row in dicts for v in row.values()):
        # The histories of several calls of fit, one after another.
        tables = [_table_from_columns(name, row) for row in dicts]
        dicts = [row for table in tables for row in table.rows]
    _check_size(name, len(dicts), max(map(len, dicts), default=0))
    columns = dict.fromkeys(str(key) for row in dicts for key in row)
    _check_size(name, len(dicts), len(columns))
    return HistoryTable(name, tuple(columns), dicts)


def _table_from_columns(name: str, history: Mapping[str, object]) -> HistoryTable:
    """Return the table of a dict of lists, or of pandas's dict of dicts."""
    columns = {
        key: list(values.values()) if isinstance(values, Mapping) else list(values)
        for key, values in _iter_columns(history)
        if values
    }
    longest = max(map(len, columns.values()), default=0)
    _check_size(name, longest, len(columns))
    for key, column in list(columns.items()):
        if len(column) < longest:
            columns[key] = _spread(name, key, column, longest)
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    return HistoryTable(name, tuple(columns), rows)


def _iter_columns(
    history: Mapping[str, object],
) -> Iterator[tuple[str, list[object] | Mapping[str, object]]]:
    """Yield the lists of a history by name, those within {"train": {"loss": …}} as train_loss."""
    for key, values in history.items():
        if isinstance(values, str) and values[:1] == "[":  # str(list), saved as JSON
            with suppress(ValueError):
                values = bounded_readers.parse_bounded_json(values, MAX_BYTES)
        if isinstance(values, Mapping) and all(isinstance(v, list) for v in values.values()):
            yield from ((f"{key}_{inner}", v) for inner, v in values.items() if isinstance(v, list))
        elif isinstance(values, list | Mapping):
            yield str(key), values


def _spread(name: str, key: str, column: list[object], length: int) -> list[object]:
    """Return a list with a cell for each epoch of one with fewer, as validation_freq=2 makes it.

    What is of no epoch, such as a learning rate, is left out.
    """
    every = length // len(column)
    if not any(word in key.lower() for word in ("loss", "acc")):
        return [None] * length
    if "val" not in key.lower() or every < 2 or len(column) != length // every:
        raise _json_error(name, "file", f"its lists have {len(column)} to {length} entries")
    spread: list[object] = [None] * length
    spread[every - 1 :: every] = column
    return spread


_EMPTY = ("", "na", "n/a", "none", "null", "no log")


def parse_number(cell: object, decimal_comma: bool = False) -> float | None:
    """Return the number of a cell, infinity for what is no number, None for an empty cell.

    Args:
        cell: a number, or a text; "51.2%" is 0.512.
        decimal_comma: whether texts are numbers such as 0,69.
    """
    if cell is None:
        return None
    if isinstance(cell, str):
        text = cell.strip()
        if text.casefold() in _EMPTY or not text.strip("-:"):
            return None
        if decimal_comma and "," in text:
            text = text.replace(".", "").replace(",", ".")
        is_percent = text.endswith("%")
        number = _to_float(text.rstrip("% "))
        return number / 100 if is_percent else number
    if isinstance(cell, bool):
        return float("inf")
    return _to_float(cell)


def _to_float(value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return float("inf")
    return number if number == number else float("inf")
