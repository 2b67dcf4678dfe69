"""Read labels from a table: CSV, TSV, a list or JSON, with columns known by what is in them.

A table says the class of a photo in a column of labels, in one column per class (0 and 1), or only
which split it belongs to, as trainval.txt does. `read_table` reads bytes with a bound on the work,
`match_table` finds the columns and the photos its rows mean. Nothing here opens a file.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from ..base.errors import DatasetError
from ..base.files import truncate_for_display
from ..imaging import photo_formats
from . import folder_names, photo_names, text_encoding
from .folder_tree import File

MAX_BYTES = 20_000_000
"""Size of a table; 300,000 rows of a long path and a label take as much."""
MAX_ROWS = 300_000
MAX_COLUMNS = 1000
MAX_CELLS = 1_500_000
MAX_DEPTH = 30
"""Folders of a path in a table."""
MAX_TABLES = 20
"""Tables beside the photos that are looked into."""
TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".lst")
JSON_SUFFIXES = (".jsonl", ".ndjson", ".manifest", ".json")
_DELIMITERS = (",", "\t", ";", "|")
_SNIFFED = 40  # lines
_SAMPLED = 400  # rows by which columns are judged; fewer of a wide table
_SAMPLED_CELLS = 20_000
_LABEL_NAMES = (
    *("label", "labels", "class", "classes", "classname", "target", "category", "breed"),
    *(
        "species",
        "diagnosis",
        "dx",
        "tag",
        "y",
        "정답",
        "라벨",
        "레이블",
        "클래스",
        "분류",
        "종류",
        "범주",
    ),
)
_SPLIT_NAMES = ("split", "set", "dataset", "subset", "usage", "partition", "phase", "fold", "구분")
_NO_TABLES = re.compile("submission|requirements|readme|license")
_FILE_COLUMN, _LABEL_COLUMN = "file", "label"  # of JSON that names none
_BETWEEN_RECORDS = re.compile(r"[\s,\[\]\ufeff]*")
_SAME_NAME = 60  # photos of one name among which the one that a row means is looked for
_TRUE = ("1", "1.0", "1,0", "true", "yes", "y", "x", "✓", "✔", "예", "o")
_FALSE = ("0", "0.0", "0,0", "false", "no", "n", "", "아니요")
_NO_LABEL = ("", "nan", "null", "n/a", "#n/a", "<na>")
_YES_MEANS = {
    **dict.fromkeys(("isvalid", "isvalidation", "isval", "validation"), ("validation", "train")),
    **dict.fromkeys(("istest", "istesting"), ("test", "train")),
    **dict.fromkeys(("istrain", "istraining", "istrainingimage"), ("train", "test")),
}
"""Splits that yes and no stand for in a column, by its name."""
_RECORD_LETTERS = 20_000  # of one record of JSON
_SMALL_JSON = 1_000_000  # letters of a file that may be one record
_RECORD_DEPTH = 8  # levels within a record that become columns
_ID_PREFIX = re.compile(r"[0-9a-f]{8}-")  # Label Studio puts it before the name of an uploaded file


class LabelColumnError(DatasetError):
    """Several columns of a table could hold the label, so that a person has to choose one."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(map(str, self.params["columns"]))  # type: ignore[call-overload]


@dataclass(frozen=True)
class LabelChoice:
    """The table a person chose, and its columns if they chose those: names, or numbers from 1.

    Without a path, the columns are those of a table beside the photos.
    """

    path: Path | None
    file_column: str = ""
    label_column: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of text, all as wide as `header`, which is empty where the table has none.

    `value_names` are names that comments give to numbers, by column.
    """

    name: str
    folder: PurePosixPath
    header: list[str]
    rows: list[list[str]]
    value_names: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def is_json(self) -> bool:
        """Whether it is made of records of JSON."""
        return is_json(PurePosixPath(self.name))


@dataclass
class TableMatch:
    """What a table says of photos.

    Attributes:
        table: the table.
        file_column, label_column: their names; the second is empty where there is a column per
            class, or no label.
        labels: class of each photo, by its path.
        splits: split of each photo, by its path, where the table says so.
        missing: cells that name no photo, or several.
        unclear: cells of rows without exactly one class.
        columns: all columns.
        choices: columns that could hold the label; more than one where a person has to choose.
        from_names: whether names of files say what the numbers of the table mean.
    """

    table: Table
    file_column: str
    label_column: str = ""
    labels: dict[PurePosixPath, str] = field(default_factory=dict)
    splits: dict[PurePosixPath, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    from_names: bool = False


class PhotoIndex:
    """Photos by what a table may call them: a path, a file's name, or the name without its end."""

    def __init__(self, photos: Iterable[File]) -> None:
        self.photos = list(photos)
        self._by_name: dict[str, list[tuple[tuple[str, ...], File]]] = defaultdict(list)
        self._by_stem: dict[str, list[tuple[tuple[str, ...], File]]] = defaultdict(list)
        self._by_path: dict[tuple[str, ...], File] = {}
        self._by_number: dict[str, list[File]] = defaultdict(list)
        for file in self.photos:
            parts = tuple(_plain(part) for part in file.path.parts)
            self._by_path[parts] = file
            self._by_name[parts[-1]].append((parts, file))
            stem = _without_ending(parts[-1])
            self._by_stem[stem].append((parts, file))
            if stem.isdecimal():
                self._by_number[stem.lstrip("0")].append(file)

    def find_loosely(self, cell: str, folder: PurePosixPath, split: str = "train") -> File | None:
        """Return the one photo that programs meant by a cell, though they wrote it otherwise.

        A URL is read without its query and escapes, the name of a file uploaded to Label Studio
        without what that puts before it, and a number with the zeros that Excel takes off.

        Args:
            cell, folder, split: as for `find`.
        """
        plain = cell
        if "://" in cell:
            plain = unquote(cell.partition("?")[0].partition("#")[0])
        head, slash, name = plain.rpartition("/")
        for each in (plain, head + slash + _ID_PREFIX.sub("", name, count=1)):
            if (file := self.find(each, folder, split)) is not None:
                return file
        same = self._by_number.get(cell.lstrip("0"), []) if cell.isdecimal() else []
        return same[0] if len(same) == 1 else None

    def find(self, cell: str, folder: PurePosixPath, split: str = "train") -> File | None:
        """Return the one photo a cell names; None where there is none, or are several.

        Args:
            cell: a path of any kind, absolute or not, or a name.
            folder: of the table. Photos in or below it come first.
            split: that the table is about. Of equal photos, the one in its folder is meant.
        """
        wanted = tuple(part for part in _plain(cell).replace("\\", "/").split("/") if part != ".")
        if not wanted or not wanted[-1]:
            return None
        for start in range(max(0, len(wanted) - MAX_DEPTH), len(wanted) - 1):
            if (file := self._by_path.get(wanted[start:])) is not None:
                return file
        found = self._by_name.get(wanted[-1]) or self._by_stem.get(wanted[-1])
        found = found or self._by_stem.get(_without_ending(wanted[-1])) or []
        if len(found) == 1:
            return found[0][1]
        if len(found) > _SAME_NAME:
            return None
        home = tuple(_plain(part) for part in folder.parts)
        ranked = [
            (_common_end(parts, wanted), parts[: len(home)] == home, split in _splits(parts[:-1]))
            for parts, _ in found
        ]
        best = max(ranked, default=None)
        return found[ranked.index(best)][1] if best and ranked.count(best) == 1 else None


def is_table(path: PurePosixPath) -> bool:
    """Tell whether a file may be a table of labels, by its name."""
    is_known = path.suffix.lower() in TEXT_SUFFIXES or is_json(path)
    return is_known and not _NO_TABLES.search(path.stem.casefold())


def is_json(path: PurePosixPath) -> bool:
    """Tell whether a table has a record of JSON per photo, by its name."""
    return path.suffix.lower() in JSON_SUFFIXES


def read_table(data: bytes, path: PurePosixPath) -> Table:
    """Read a table of any usual encoding and delimiter.

    Args:
        data: the file's bytes.
        path: the file, which names the table.

    Raises:
        DatasetError: it is too large, or no table.
    """
    name = truncate_for_display(path.name)
    if len(data) > MAX_BYTES:
        raise DatasetError(
            "{file} is too large. Use a table of at most {most:,} bytes.", file=name, most=MAX_BYTES
        )
    text = text_encoding.decode_text(data)
    if sum(map(text.count, "\n\r")) > 4 * MAX_ROWS:  # quoted cells and ends of two characters
        raise _too_many_rows_error(name)
    if path.suffix.lower() not in TEXT_SUFFIXES and text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        return _read_records(text, path)
    lines = [] if "\0" in text[:10_000] else text.splitlines()
    comments = [line for line in lines if line.startswith("#")]
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    if not lines:
        raise DatasetError(
            "{file} isn't a table. Choose a CSV with a column of file names and one of labels.",
            file=name,
        )
    rows: list[list[str]] = []
    cells = 0
    try:
        for row in _split_rows(lines):
            cells += len(row)
            if len(rows) >= MAX_ROWS or len(row) > MAX_COLUMNS or cells > MAX_CELLS:
                raise _too_many_rows_error(name)
            rows.append([cell.strip() for cell in row])
    except csv.Error as error:
        raise DatasetError(
            "{file} isn't a table: {reason}. Save it again as CSV.",
            file=name,
            reason=truncate_for_display(str(error)),
        ) from error
    width = max(map(len, rows))
    for row in rows:
        row += [""] * (width - len(row))
    return Table(
        str(path), path.parent, _header_of_comments(comments, width), rows, _value_names(comments)
    )


def _read_records(text: str, path: PurePosixPath) -> Table:
    """Read JSON as a table: a record per photo, one per line or in a list, or names with labels.

    What is within a record becomes columns such as data.image. Each record is read alone, so that
    a hostile file takes no more than its own bytes.
    """
    name = truncate_for_display(path.name)
    decoder = json.JSONDecoder()
    columns: dict[str, None] = {}
    records: list[dict[str, str]] = []
    cells, at = 0, _BETWEEN_RECORDS.match(text)
    try:
        while at is not None and at.end() < len(text):
            # A small file may be one record: {"001.jpg": "cat", "002.jpg": "dog", …}
            most = _RECORD_LETTERS if len(text) > _SMALL_JSON else len(text)
            record, length = decoder.raw_decode(text[at.end() : at.end() + most])
            values = dict(_flatten(record, "", _RECORD_DEPTH))
            cells += len(values)
            columns |= dict.fromkeys(values)
            records.append(values)
            if len(records) > MAX_ROWS or len(columns) > MAX_COLUMNS or cells > MAX_CELLS:
                raise _too_many_rows_error(name)
            at = _BETWEEN_RECORDS.match(text, at.end() + length)
        if len(columns) < 2:
            raise ValueError("no records")
    except (ValueError, RecursionError) as error:
        raise DatasetError(
            "{file} has no records of photos and labels. Choose JSON with one record per photo, or "
            "a CSV.",
            file=name,
        ) from error
    if len(records) * len(columns) > MAX_CELLS:
        raise _too_many_rows_error(name)
    header = list(columns)
    if len(records) == 1:  # {"001.jpg": "cat", "002.jpg": "dog"}
        rows = [[key, value] for key, value in records[0].items()]
        return Table(str(path), path.parent, [_FILE_COLUMN, _LABEL_COLUMN], rows)
    rows = [[values.get(column, "") for column in header] for values in records]
    return Table(str(path), path.parent, header, rows)


def _flatten(value: object, name: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield the values within a record, each with the names that lead to it."""
    if isinstance(value, dict) and depth:
        for key, inner in value.items():
            yield from _flatten(inner, f"{name}.{key}" if name else str(key), depth - 1)
    elif isinstance(value, list) and len(value) == 1 and depth:
        yield from _flatten(value[0], name, depth - 1)
    elif isinstance(value, str | int | float | bool):
        yield name or _LABEL_COLUMN, str(value).strip()


def _too_many_rows_error(name: str) -> DatasetError:
    return DatasetError(
        "{file} is too large. Use a table of at most {rows:,} rows and {columns:,} columns.",
        file=name,
        rows=MAX_ROWS,
        columns=MAX_COLUMNS,
    )


def match_table(
    table: Table, index: PhotoIndex, file_column: str = "", label_column: str = ""
) -> TableMatch | None:
    """Find the columns of a table and the photos its rows mean.

    Args:
        table: as `read_table` returns it.
        index: the photos.
        file_column, label_column: the columns, by name or number from 1; found by their content
            where they are empty.

    Returns:
        The match; None where no column names photos.

    Raises:
        DatasetError: there is no such column.
    """
    width = len(table.rows[0])
    header, rows = table.header, table.rows
    home, split_of_table = table.folder, _split_of_table(table.name)

    head = header or rows[0]
    chosen = _column_number(table, head, file_column) if file_column else None
    columns = range(width) if chosen is None else (chosen,)
    sampled = min(_SAMPLED, 20 + _SAMPLED_CELLS // width)
    sample = rows[:: max(1, len(rows) // sampled)]
    enough = min(len(sample), len(index.photos)) / 2 if chosen is None else 1
    for look_up in (index.find, index.find_loosely):
        find = partial(look_up, folder=home, split=split_of_table or "train")
        found = {
            column: {file.path for row in sample if (file := find(row[column]))}
            for column in columns
        }
        file_number = max(columns, key=lambda column: (len(found[column]), -column))
        hits = len(found[file_number])
        if hits and hits >= enough - 1:
            break
    else:
        return None
    if not header and find(rows[0][file_number]) is None and len(rows) > 1:
        header, rows = rows[0], rows[1:]
    names = _unique_names(header, width)
    match = TableMatch(table, names[file_number], columns=names)
    files = [find(row[file_number]) for row in rows]
    match.missing = [row[file_number] for row, file in zip(rows, files, strict=True) if not file]
    split_number = _find_split_column(header, rows, file_number)
    others = [n for n in range(width) if n not in (file_number, split_number)]
    if label_column:
        label_number: int | None = _column_number(table, names, label_column)
        one_hot: list[int] = []
    else:
        one_hot = _find_one_hot(header, rows, others)
        label_number = None if one_hot else _find_label_column(match, names, rows, files, others)
    _assign(match, names, rows, files, label_number, one_hot)
    if split_number is not None:
        for row, file in zip(rows, files, strict=True):
            if file and (split := _split_of_cell(row[split_number], names[split_number])):
                match.splits[file.path] = split
    elif split_of_table:
        match.splits = {file.path: split_of_table for file in files if file}
    return match


def _assign(
    match: TableMatch,
    names: list[str],
    rows: list[list[str]],
    files: list[File | None],
    label_number: int | None,
    one_hot: list[int],
) -> None:
    """Give each photo the class of its row; rows that contradict each other give none."""
    if label_number is None and not one_hot:
        return
    match.label_column = "" if label_number is None else names[label_number]
    named = match.table.value_names.get(match.label_column.casefold(), {})
    refused: set[PurePosixPath] = set()
    for row, file in zip(rows, files, strict=True):
        if file is None:
            continue
        if label_number is not None:
            label = named.get(row[label_number], row[label_number])
            label = "" if label.casefold() in _NO_LABEL else label
        else:
            marked = [number for number in one_hot if row[number].casefold() in _TRUE]
            label = names[marked[0]] if len(marked) == 1 else ""
        before = match.labels.get(file.path, label)
        if not label or before != label or file.path in refused:
            refused.add(file.path)
            match.labels.pop(file.path, None)
        else:
            match.labels[file.path] = label
    match.unclear = sorted(str(path) for path in refused)
    if match.from_names:
        match.labels = {
            path: name
            for path in match.labels
            if (name := photo_names.label_from_name(path.stem)) is not None
        }


def _find_label_column(
    match: TableMatch,
    names: list[str],
    rows: list[list[str]],
    files: list[File | None],
    others: list[int],
) -> int | None:
    """The column of labels; None where there is none, or `match.choices` are several."""
    used = [(row, file) for row, file in zip(rows, files, strict=True) if file]
    eligible = []
    for number in others:
        cells = (row[number] for row, _ in used)
        counts = Counter(cell for cell in cells if cell.casefold() not in _NO_LABEL)
        if 2 <= len(counts) <= max(2, len(used) // 2) and not _is_measure(counts):
            eligible.append(number)
    match.choices = [names[number] for number in eligible]
    labels = [photo_names.label_from_name(file.path.stem) for _, file in used]
    for number in () if None in labels else eligible:  # one that the names of the files confirm
        pairs = {(row[number], label) for (row, _), label in zip(used, labels, strict=True)}
        values = {value for value, _ in pairs}
        if len(pairs) == len(values) == len(set(labels)):
            match.from_names = all(value.isdecimal() for value in values)
            return number
    if len(eligible) < 2:
        return eligible[0] if eligible else None
    named = [n for n in eligible if _is_label_name(names[n])]
    named = named or [n for n in eligible if _has_label_word(names[n])]
    if len(named) == 1:
        return named[0]
    words = [n for n in named or eligible if not all(row[n].isdecimal() for row, _ in used)]
    return words[0] if len(words) == 1 else None


def _find_one_hot(header: list[str], rows: list[list[str]], others: Sequence[int]) -> list[int]:
    """The columns of 0 and 1, one per class; none where there are not at least two."""
    if not header:
        return []
    columns = [
        number
        for number in others
        if all(row[number].casefold() in (*_TRUE, *_FALSE) for row in rows)
        and header[number].strip()
    ]
    if len(columns) < 2:
        return []
    single = sum(sum(row[n].casefold() in _TRUE for n in columns) == 1 for row in rows)
    if single < len(rows) / 2:
        return []
    # A column named label counts, unless it repeats what the others say: label, cat, dog.
    for number in others:
        if number not in columns and _is_label_name(header[number]):
            values = {row[number].casefold() for row in rows}
            if not values <= {header[n].strip().casefold() for n in columns}:
                return [] if 2 <= len(values) <= len(rows) / 2 else columns
    return columns


def _is_label_name(name: str) -> bool:
    """Whether a column is named label, class, species, …; of records, the last part counts."""
    return _plain_column(name.rpartition(".")[2]) in _LABEL_NAMES


def _find_split_column(header: list[str], rows: list[list[str]], file_number: int) -> int | None:
    """The column whose cells all name splits."""
    for number in range(len(rows[0])):
        if number == file_number:
            continue
        values = {row[number] for row in rows[:MAX_ROWS]}
        if len(values) > 6:
            continue
        plain = _plain_column(header[number]) if header else ""
        is_split = len(values) > 1 or plain in _SPLIT_NAMES
        if is_split and all(_split_of_cell(value, plain) for value in values):
            return number
    return None


def _split_of_cell(cell: str, column: str) -> str | None:
    """The split that a cell names, or says by yes or no in a column such as is_valid."""
    yes_means = _YES_MEANS.get(_plain_column(column))
    if yes_means and cell and cell.casefold() in (*_TRUE, *_FALSE):
        return yes_means[cell.casefold() in _FALSE]
    return folder_names.split_from_name(cell)


def _has_label_word(name: str) -> bool:
    """Whether a word of a column's name stands for a label, as in Finding Labels and dog_breed."""
    words = re.split(r"[\s_\-.]+", name.casefold())
    return any(len(word) > 2 and word in _LABEL_NAMES for word in words)


def _plain_column(name: str) -> str:
    return re.sub(r"[\s_\-]", "", name.casefold())


def _split_of_table(name: str) -> str | None:
    found = folder_names.split_and_rest(PurePosixPath(name).stem)
    return found[0] if found and not found[1] else None


def _column_number(table: Table, head: Sequence[str], wanted: str) -> int:
    plain = [_plain(name) for name in head]
    if _plain(wanted) in plain:
        return plain.index(_plain(wanted))
    if wanted.isdecimal() and 1 <= int(wanted[:6]) <= len(head):
        return int(wanted) - 1
    raise DatasetError(
        "{file} has no column {name}. Choose one of: {names}.",
        file=truncate_for_display(table.name),
        name=truncate_for_display(wanted),
        names=truncate_for_display(", ".join(head), 200),
    )


def _unique_names(header: list[str], width: int) -> list[str]:
    """The names of columns; their numbers where they have none."""
    names: list[str] = []
    for number in range(width):
        name = header[number] if header else ""
        names.append(name if name and name not in names else str(number + 1))
    return names


def _is_measure(values: Counter[str]) -> bool:
    """Whether a column holds measures rather than classes: fractions, or very many numbers."""
    numbers = [value for value in values if re.fullmatch(r"-?\d{1,20}(\.\d{1,20})?", value)]
    fractions = [value for value in numbers if "." in value and value.rpartition(".")[2].strip("0")]
    return len(fractions) > len(values) / 2 or len(numbers) == len(values) > 200


def _split_rows(lines: Sequence[str]) -> Iterator[list[str]]:
    """The rows of a table, by the delimiter that cuts its first lines alike."""
    some = lines[:_SNIFFED]
    best, columns, alike = "", 1, 0
    for delimiter in _DELIMITERS:
        widths = Counter(
            len(row) for row in csv.reader(some, delimiter=delimiter, skipinitialspace=True)
        )
        width, times = widths.most_common(1)[0]
        if (width, times) > (columns, alike) and width > 1 and times >= 0.8 * widths.total():
            best, columns, alike = delimiter, width, times
    if best:
        # Joined, since a quoted cell may have several lines.
        text = io.StringIO("\n".join(lines), newline="")
        return (row for row in csv.reader(text, delimiter=best, skipinitialspace=True) if row)
    widths = Counter(len(line.split()) for line in some)
    if len(widths) == 1 and 2 <= next(iter(widths)) <= MAX_COLUMNS:
        return (line.split(maxsplit=MAX_COLUMNS) for line in lines)
    return ([line] for line in lines)


def _header_of_comments(comments: Sequence[str], width: int) -> list[str]:
    """The names of columns that the first comment gives, if it has enough words."""
    for line in comments[:_SNIFFED]:
        words = line.lstrip("# ").split()[:MAX_COLUMNS]
        if ":" not in line and width <= len(words) <= width + 1:
            return [*words[: width - 1], " ".join(words[width - 1 :])]
    return []


def _value_names(comments: Sequence[str]) -> dict[str, dict[str, str]]:
    """Names of numbers that comments give, as in ``#SPECIES: 1:Cat 2:Dog``, by column."""
    names = {}
    for line in comments[:_SNIFFED]:
        column, _, values = line[:2000].lstrip("# ").partition(":")
        pairs = [value.partition(":") for value in values.split()]
        if pairs and all(number.isdecimal() and name.isalpha() for number, _, name in pairs):
            names[column.strip().casefold()] = {number: name for number, _, name in pairs}
    return names


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip()).casefold()


def _without_ending(name: str) -> str:
    stem, dot, end = name.rpartition(".")
    return stem if dot and f".{end}" in photo_formats.photo_extensions() else name


@lru_cache(maxsize=1000)
def _splits(folders: tuple[str, ...]) -> set[str | None]:
    return {folder_names.split_from_name(folder) for folder in folders}


def _common_end(first: Sequence[str], second: Sequence[str]) -> int:
    """How many folders two paths have in common, counted from the file upwards."""
    length = 0
    for one, other in zip(reversed(first[:-1]), reversed(second[:-1]), strict=False):
        if one != other:
            break
        length += 1
    return length
