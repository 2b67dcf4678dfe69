"""The commands of tokens: what lets other machines and programs use the API."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ..base.access import Role
from ..base.files import truncate_for_display
from ..server import tokens

app = typer.Typer(
    help="Make, list or revoke tokens for the API.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what it is for.")],
    role: Annotated[
        Role, typer.Option(help="What who has it can do in a shared lab.")
    ] = "audience",
) -> None:
    """Make a token for the API. It is shown once."""
    print(tokens.add_token(name, role))


@app.command("list")
def list_tokens() -> None:
    """List tokens, oldest first."""
    known = tokens.list_tokens()
    if not known:
        print("No tokens. Make one with 'token add NAME'.")
    for token in known:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(token.created))
        print(f"{when}  {token.role:8}  {truncate_for_display(token.name)}")


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from 'token list'.")],
) -> None:
    """Revoke a token. Requests with it are refused from now on."""
    tokens.revoke_token(name)
    print(f"'{truncate_for_display(name.strip())}' is revoked.")
