"""The commands of the trash: what was deleted, back again, or gone for good."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from .. import runs
from ..base import trash
from ..base.files import truncate_for_display
from . import output

app = typer.Typer(
    help="List, restore or permanently remove what you deleted.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@app.command("list")
def list_entries() -> None:
    """List what's in the trash, newest first."""
    entries = trash.list_trash()
    if not entries:
        print("The trash is empty.")
    for entry in entries:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.at))
        size = f"{entry.bytes / 1e6:,.2f} MB"
        print(f"{entry.id}  {entry.kind}  {when}  {size}  {truncate_for_display(entry.name)}")


@app.command()
def restore(
    entry: Annotated[str, typer.Argument(metavar="ID", help="An id from 'trash list'.")],
) -> None:
    """Restore something from the trash."""
    restored = runs.restore_from_trash(entry)
    print(f"Restored the {restored.kind} '{truncate_for_display(restored.name)}'.")


@app.command()
def empty(
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Permanently remove everything in the trash. It asks first."""
    entries = trash.list_trash()
    if not yes:
        output.confirm(f"Permanently remove {len(entries)} items from the trash?", "--yes")
    print(f"Freed {trash.empty_trash() / 1e6:,.1f} MB.")
