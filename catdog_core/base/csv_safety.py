"""Escape names from outside in CSV tables that people open in a spreadsheet."""

from __future__ import annotations

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def escape_cell(text: str, for_spreadsheet: bool = True) -> str:
    """Return a text as a cell of a CSV file that no spreadsheet takes for a formula.

    Args:
        text: any name. An apostrophe is put before one that begins as a formula does; the wide
            signs count too, since Excel in Japanese, Chinese and Korean reads them as the others.
        for_spreadsheet: False where a program reads the file: then the text stays as it is.
    """
    return f"'{text}" if for_spreadsheet and text[:1] in _RISKY else text
