"""Read the table of a training history from the files that training programs write.

CSV of any delimiter, with decimal points or commas (Keras, fastai, Lightning, Ultralytics, pandas),
TensorBoard's one file per metric, JSON (Keras, pandas, Hugging Face), JSON lines, and the text that
Keras prints. What a file is, its content tells. Which column is what, `history_columns` finds.
"""

from __future__ import annotations

import csv
import itertools
import pickletools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, TypeAlias

from ..base import bounded_readers
from ..base.bounded_readers import BoundError
from ..base.errors import RunError
from ..base.files import truncate_for_display

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
    """Read the table of one file, or of TensorBoard's files, one per metric.

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
            "Only TensorBoard's CSV files belong together, one per metric. Choose one file, or "
            "only those."
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
    if start.lstrip(b"\xff\xfe \t\r\n")[:1] in (b"{", b"["):
        return _table_from_json(file)
    text = _decode_text(file)
    printed = _TERMINAL_CODE.sub("", text)
    if _KERAS_EPOCH.search(printed):
        return _table_from_console(file.name, printed)
    return _table_from_csv(file.name, text)


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
    """Return the text of a file. PowerShell and spreadsheets write UTF-16."""
    wide = file.data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return file.data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise _csv_error(file.name, type(error).__name__) from error


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
    rows = [dict(zip(columns, line, strict=False)) for line in lines]
    return HistoryTable(name, tuple(dict.fromkeys(filter(None, columns))), rows, delimiter != ",")


def _find_delimiter(text: str) -> tuple[str, str]:
    """Return the character between a table's columns, and the table from its header on."""
    text = text.lstrip()
    if text[:4].lower() == "sep=":  # a line that spreadsheets understand
        text = text.partition("\n")[2]
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
    if isinstance(history, Mapping):
        log = history.get("log_history")  # of Hugging Face's Trainer
        if isinstance(log, list):
            # The last entry sums up the whole training.
            history = [
                row for row in log if not isinstance(row, Mapping) or "train_runtime" not in row
            ]
        elif isinstance(history.get("history"), Mapping):
            history = history["history"]  # a History object written down whole
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
    _check_size(name, len(dicts), max(map(len, dicts), default=0))
    columns = dict.fromkeys(str(key) for row in dicts for key in row)
    _check_size(name, len(dicts), len(columns))
    return HistoryTable(name, tuple(columns), dicts)


def _table_from_columns(name: str, history: Mapping[str, object]) -> HistoryTable:
    """Return the table of a dict of lists, or of pandas's dict of dicts."""
    columns = {
        str(key): list(values.values()) if isinstance(values, Mapping) else list(values)
        for key, values in history.items()
        if isinstance(values, list | Mapping)
    }
    lengths = {len(column) for column in columns.values()}
    _check_size(name, max(lengths, default=0), len(columns))
    if len(lengths) > 1:
        raise _json_error(name, "file", f"its lists have {min(lengths)} to {max(lengths)} entries")
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    return HistoryTable(name, tuple(columns), rows)


_KERAS_EPOCH = re.compile(r"^[^\S\n]*Epoch (\d{1,6})/(\d{1,6})\b", re.MULTILINE)
_TERMINAL_CODE = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")
_PROGRESS_LINE = re.compile(r"\s*(\d+/(\d+|Unknown)\b|- \d+(s|ms|us|m|h)\b)")
_PRINTED_METRIC = re.compile(
    r"(?<![\w/])([A-Za-z_][\w/]{0,80}+): (-?(?:\d[\d.]*+(?:e[+-]?\d+)?|nan|inf))", re.IGNORECASE
)
_LINE_CHARS = 2000  # of a line of progress


def _table_from_console(name: str, text: str) -> HistoryTable:
    """Return the table of Keras's printed epochs: the last state of each epoch's bar."""
    # A bar is drawn over itself by going back: each state becomes a line.
    lines = re.sub(r"[\b\r]+", "\n", text).split("\n")
    rows: list[dict[str, object]] = []
    columns: dict[str, None] = {}
    is_within_epoch = False
    for line in lines:
        if _KERAS_EPOCH.match(line):
            is_within_epoch = True
            rows.append({})
        elif is_within_epoch and _PROGRESS_LINE.match(line[:100]):
            found = _PRINTED_METRIC.findall(line[:_LINE_CHARS])
            if found and len(found) >= len(rows[-1]):
                rows[-1] = dict(found)
    rows = [row for row in rows if row]
    for row in rows:
        columns |= dict.fromkeys(row)
    _check_size(name, len(rows), len(columns))
    return HistoryTable(name, tuple(columns), rows)


_EMPTY = ("", "na", "n/a", "none", "null")


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
