"""The message catalogues: extract the texts, update every language, compile.

    python -m catdog_ui.translations_tool            write the .po and .mo files to assets/locale
    python -m catdog_ui.translations_tool --check    write nothing, fail when something is outdated

Texts are what `i18n.t`, `N_` and the errors of the core are given, and the labels, help lines
and units of the settings. The files hold no dates, line numbers or machine paths, and are sorted
by text, so that they change only when a text does. Texts that are gone leave the catalogue.
"""

from __future__ import annotations

import argparse
import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from pydantic import BaseModel

from catdog_core import config
from catdog_core.base import errors, field_specs
from catdog_core.base.files import PROJECT
from catdog_core.base.report_language import CONTEXT_SEPARATOR

from .i18n import LANGUAGES, LOCALE

DOMAIN = "catdog"
_HEADER = "# The words of the CatDog Lab. Written by `python -m catdog_ui.translations_tool`."
_DATE = datetime(2026, 1, 1, tzinfo=UTC)  # the format wants one; a true one would always change


def extraction_keywords() -> dict[str, tuple[int | tuple[int, int] | tuple[int, str], ...] | None]:
    """Return the functions and classes whose first argument is a text, or context and text."""
    kinds = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.CatDogError)
    ]
    return {**dict.fromkeys(["t", "say", "N_", *kinds]), "pgettext": ((1, "c"), 2)}


def extract_texts() -> dict[str, set[str]]:
    """Return every text of the project, with the files it stands in.

    A text with a context has the key "context\\x04text", as in compiled catalogues.
    """
    with open(PROJECT / "babel.cfg", encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    files_by_text: dict[str, set[str]] = {}
    for file_name, _, message, _, context in extract_from_dir(
        PROJECT,
        methods,
        options,
        keywords=extraction_keywords(),
        directory_filter=_holds_texts,
    ):
        if isinstance(message, tuple):  # of pgettext
            message = message[-1]
        if isinstance(message, str) and message:
            key = f"{context}{CONTEXT_SEPARATOR}{message}" if context else message
            files_by_text.setdefault(key, set()).add(Path(file_name).as_posix())
    for text in _setting_texts():
        files_by_text.setdefault(text, set()).add("catdog_core/config/__init__.py")
    return files_by_text


def _holds_texts(folder: str) -> bool:
    """Whether a folder is one of the product's own, however deep."""
    inside = Path(folder).resolve().relative_to(PROJECT).parts
    return bool(inside) and inside[0] in {"catdog_core", "catdog_ui", "pages"}


def update_catalogue(code: str, texts: dict[str, set[str]]) -> Catalog:
    """Return a language's catalogue: today's texts with the translations there are already."""
    known = read_translations(code)
    catalogue = Catalog(
        locale=code,
        domain=DOMAIN,
        header_comment=_HEADER,
        project="CatDog Lab",
        msgid_bugs_address="issues",
        version="1",
        creation_date=_DATE,
        revision_date=_DATE,
        last_translator="CatDog Lab",
        language_team="CatDog Lab",
        fuzzy=False,
    )
    for text in sorted(texts):
        locations = [(file_name, 1) for file_name in sorted(texts[text])]
        flags = ["python-brace-format"] if "{" in text else []
        context, _, message = text.rpartition(CONTEXT_SEPARATOR)
        catalogue.add(
            message,
            known.get(text, ""),
            locations=locations,
            flags=flags,
            context=context or None,
        )
    return catalogue


def catalogue_files(code: str, texts: dict[str, set[str]]) -> dict[Path, bytes]:
    """Return the .po and .mo files of a language as they should be."""
    folder = LOCALE / code / "LC_MESSAGES"
    catalogue = update_catalogue(code, texts)
    text, binary = io.BytesIO(), io.BytesIO()
    write_po(text, catalogue, width=100, include_lineno=False, sort_output=True)
    write_mo(binary, catalogue)
    return {
        folder / f"{DOMAIN}.po": text.getvalue(),
        folder / f"{DOMAIN}.mo": binary.getvalue(),
    }


def untranslated_texts(code: str, texts: dict[str, set[str]]) -> list[str]:
    """Return the texts a language still lacks."""
    known = read_translations(code)
    return [text for text in sorted(texts) if not known.get(text)]


def main(arguments: list[str] | None = None) -> int:
    """Write or check the catalogues; 1 when a check finds something out of date."""
    parser = argparse.ArgumentParser(
        prog="python -m catdog_ui.translations_tool", description=__doc__
    )
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check = parser.parse_args(arguments).check
    texts, stale = extract_texts(), []
    for code in LANGUAGES:
        for path, content in catalogue_files(code, texts).items():
            if not path.is_file() or path.read_bytes() != content:
                stale.append(path)
                if not check:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
        missing = 0 if code == "en" else len(untranslated_texts(code, texts))
        print(f"{code}: {len(texts)} texts, {missing} not translated")
    for path in stale:
        print(f"{'out of date' if check else 'written'}: {path.relative_to(PROJECT)}")
    return 1 if check and stale else 0


def read_translations(code: str) -> dict[str, str]:
    """Return the texts a language has now, with their translations, which may be empty."""
    path = LOCALE / code / "LC_MESSAGES" / f"{DOMAIN}.po"
    if not path.is_file():
        return {}
    with open(path, "rb") as file:
        return {_key(message): str(message.string or "") for message in read_po(file)}


def _key(message: Message) -> str:
    context = f"{message.context}{CONTEXT_SEPARATOR}" if message.context else ""
    return f"{context}{message.id}"


def _setting_texts() -> list[str]:
    """Labels, help lines and units of every settings model."""
    texts = []
    for model in vars(config).values():
        if isinstance(model, type) and issubclass(model, BaseModel) and model.model_fields:
            for control in field_specs.describe_fields(model):
                texts += [control.label, control.help, control.unit]
    return [text for text in texts if text]


if __name__ == "__main__":
    sys.exit(main())
