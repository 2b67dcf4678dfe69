"""The command that starts the lab's pages: for oneself, or for a class on the local network."""

from __future__ import annotations

import ipaddress
import json
import os
import runpy
import secrets
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import psutil
import typer

from .. import access, files, interruption
from ..errors import N_, CatDogError, SettingsError
from ..exports import tongue
from ..sources.roots import ROOTS

LOOPBACK = "127.0.0.1"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look like another one


def serve(
    lan: Annotated[bool, typer.Option("--lan", help="For a class on the local network.")] = False,
    port: Annotated[int, typer.Option(min=1024, max=65535, help="Where to listen.")] = 8501,
    address: Annotated[
        str, typer.Option(metavar="IP", help="Of this machine in that network, if it has several.")
    ] = "",
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="A name this machine has in that network."),
    ] = None,
    code: Annotated[str, typer.Option(help="The class code; else one is made up.")] = "",
    teacher_code: Annotated[str, typer.Option(help="The teacher's; else one is made up.")] = "",
    root: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Datasets may be opened within it.")
    ] = None,
) -> int:
    """Start the lab's pages, on this machine only or, with --lan, for a class."""
    environment = dict(os.environ)
    if root:
        environment[ROOTS] = os.pathsep.join(str(each.absolute()) for each in root)
    if not lan:
        return _run(options(LOOPBACK, port, ["localhost"]), environment)
    place = address or lan_address()
    codes = {"student_code": code or made_up(), "teacher_code": teacher_code or made_up()}
    environment[access.OVERRIDES] = json.dumps(
        {"shared": True, **{role: access.hashed(each) for role, each in codes.items()}}
    )
    access.settings()  # tells now what is wrong with access.json
    print(f"CatDog Lab for a class: http://{place}:{port}")
    print(f"Class code, for who may train:   {codes['student_code']}")
    print(f"Teacher's code, for everything:  {codes['teacher_code']}")
    print("Who tells none may look, move sliders and ask models.")
    print("Everybody in this network can open the page, and nothing is encrypted: docs/class.md")
    print("Ctrl-C stops the pages; a training goes on.", flush=True)
    return _run(options(place, port, name or []), environment)


def options(address: str, port: int, names: Iterable[str]) -> list[str]:
    """Streamlit's command line: it listens at one address only and answers to its names alone."""
    hosts = dict.fromkeys((address, *names))
    return [
        *("--server.address", address, "--server.port", str(port), "--server.headless", "true"),
        *(part for host in hosts for part in ("--server.allowedHosts", host)),
    ]


def made_up() -> str:
    """A code of eight letters and digits, hard to guess and easy to read aloud: 40 bits."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def lan_address() -> str:
    """The address of this machine in its local network.

    Raises:
        CatDogError: it is in none, or only in public ones.
    """
    found = [_on_the_way_out(), *_of_all_cards()]
    for address in found:
        if address and _is_local(address):
            return address
    raise CatDogError(
        "This machine has no address in a local network: found {found}. Connect it, or name one"
        " with --address.",
        found=", ".join(dict.fromkeys(filter(None, found))) or "none",
    )


def _on_the_way_out() -> str:
    """The address other machines see; nothing is sent to find it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address of documentation, RFC 5737
            return str(probe.getsockname()[0])
        except OSError:
            return ""


def _of_all_cards() -> list[str]:
    cards = psutil.net_if_addrs().values()
    return [each.address for card in cards for each in card if each.family == socket.AF_INET]


def _is_local(address: str) -> bool:
    try:
        place = ipaddress.ip_address(address)
    except ValueError:
        return False
    return place.is_private and not (place.is_loopback or place.is_link_local)


def _run(arguments: list[str], environment: dict[str, str]) -> int:
    script = files.PROJECT / "streamlit_app.py"
    if not script.is_file():
        raise SettingsError("{file} is missing. Expected the lab's own folder.", file=script)
    if environment.get("CATDOG_WORKSPACE"):
        environment["CATDOG_WORKSPACE"] = str(files.workspace())
    os.environ.update(environment)
    os.chdir(files.PROJECT)  # Streamlit reads its settings there
    sys.argv = ["streamlit", "run", str(script), *arguments]
    # In this process: whoever ends it, in whatever way, ends the pages, on any system.
    code = 0
    with interruption.at_once(), interruption.noted():
        try:
            runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    if interruption.received() is None:
        return code
    interruption.end(tongue.current()(N_("The pages have ended. A training goes on.")))
    return interruption.status()
