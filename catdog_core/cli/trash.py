"""The commands of the trash: what was deleted, back again, or gone for good."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ..base import trash
from ..base.files import truncate_for_display
from . import output

app = typer.Typer(
    help="What was deleted: list it, put it back, or remove it for good.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@app.command("list")
def list_entries() -> None:
    """List what is in the trash, the latest first."""
    entries = trash.list_trash()
    if not entries:
        print("The trash is empty.")
    for entry in entries:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.at))
        size = f"{entry.bytes / 1e6:,.2f} MB"
        print(f"{entry.id}  {entry.kind}  {when}  {size}  {truncate_for_display(entry.name)}")


@app.command()
def restore(
    entry: Annotated[str, typer.Argument(metavar="ID", help="As 'trash list' tells it.")],
) -> None:
    """Put something back to where it was."""
    restored = trash.restore_from_trash(entry)
    print(f"The {restored.kind} '{truncate_for_display(restored.name)}' is back.")


@app.command()
def empty(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove all that is in the trash for good; asks first."""
    entries = trash.list_trash()
    if not yes:
        output.confirm(f"Remove {len(entries)} things from the trash for good?", "--yes")
    print(f"{trash.empty_trash() / 1e6:,.1f} MB are free again.")
