"""The command that starts the lab's server: for oneself, or for a class on the local network."""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import re
import runpy
import secrets
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import psutil
import typer

from ..base import access, files, interruption, report_language
from ..base.errors import N_, CatDogError, SettingsError
from ..data.allowed_roots import ROOTS_VARIABLE

LOOPBACK = "127.0.0.1"
_HOST_PATTERN = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look like another one


def serve(
    lan: Annotated[bool, typer.Option("--lan", help="Share the lab on the local network.")] = False,
    port: Annotated[int, typer.Option(min=1024, max=65535, help="The port to listen on.")] = 8501,
    address: Annotated[
        str | None,
        typer.Option(metavar="IP", help="This machine's address, if it has several."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="This machine's name on that network."),
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="The student code. By default, a random one.")
    ] = None,
    teacher_code: Annotated[
        str | None, typer.Option(help="The teacher code. By default, a random one.")
    ] = None,
    root: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Allow datasets from this folder.")
    ] = None,
    api: Annotated[bool, typer.Option("--api", help="Serve the API without the pages.")] = False,
) -> int:
    """Start the lab on this machine, or on its network with --lan."""
    access.load_access_settings()  # tells now what is wrong with them
    if api:
        for flag, given in (("--code", code), ("--teacher-code", teacher_code), ("--root", root)):
            if given:
                raise SettingsError(
                    "{flag} is for the pages, but --api starts only the API. Leave out {flag} or"
                    " --api.",
                    flag=flag,
                )
    environment = dict(os.environ)
    if root:
        environment[ROOTS_VARIABLE] = os.pathsep.join(str(each.absolute()) for each in root)
    if not lan:
        class_options = {
            "--address": address,
            "--name": name,
            "--code": code,
            "--teacher-code": teacher_code,
        }
        for flag, value in class_options.items():
            if value is not None:
                raise SettingsError(
                    "{flag} is for a shared lab, and this one is for you alone. Add --lan, or "
                    "leave {flag} out.",
                    flag=flag,
                )
        if api:
            return _run_api(LOOPBACK, port, ["localhost"], typed=False)
        return _run_streamlit(build_streamlit_options(LOOPBACK, port, ["localhost"]), environment)
    names = [parse_host_name(each) for each in name or []]
    host = find_lan_address() if address is None else parse_listen_address(address)
    if api:
        os.environ[access.OVERRIDES] = json.dumps({"shared": True})
        return _run_api(host, port, names, typed=address is not None)
    codes = {
        "student_code": generate_code() if code is None else code,
        "teacher_code": generate_code() if teacher_code is None else teacher_code,
    }
    access.check_codes(codes["teacher_code"], codes["student_code"])
    environment[access.OVERRIDES] = json.dumps(
        {"shared": True, **{role: access.hash_code(each) for role, each in codes.items()}}
    )
    check_port_free(host, port, typed=address is not None)
    print(f"CatDog Lab on this network: {_format_url(host, port)}")
    print(f"Student code, to train:             {codes['student_code']}")
    print(f"Teacher code, to do everything:     {codes['teacher_code']}")
    print("Without a code, visitors can look, move sliders and predict.")
    print(
        "Everyone on this network can open the page, and nothing is encrypted (docs/classroom.md)."
    )
    print("Press Ctrl-C to stop the pages. Training continues.", flush=True)
    return _run_streamlit(build_streamlit_options(host, port, names), environment)


def _format_url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def build_streamlit_options(address: str, port: int, names: Iterable[str]) -> list[str]:
    """Return Streamlit's options: it listens at one address and answers to its names alone."""
    hosts = dict.fromkeys((address, *names))
    return [
        *("--server.address", address, "--server.port", str(port), "--server.headless", "true"),
        *(part for host in hosts for part in ("--server.allowedHosts", host)),
    ]


def generate_code() -> str:
    """Return a code of eight letters and digits, easy to read aloud: 40 bits."""
    letters = "".join(secrets.choice(_CODE_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def parse_listen_address(text: str) -> str:
    """Return an IP address somebody typed in its usual spelling; IPv6 also in brackets.

    Raises:
        SettingsError: it is no address, or none of a single machine.
    """
    bare = text.strip()
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    try:
        parsed = ipaddress.ip_address(bare)
    except ValueError:
        raise SettingsError(
            "'{address}' isn't an IP address. Use one of this machine's, such as 192.168.1.20, or "
            "leave out --address.",
            address=files.truncate_for_display(text),
        ) from None
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    several = (
        parsed.is_unspecified or parsed.is_multicast or (parsed.version == 4 and parsed.is_reserved)
    )
    if several or getattr(parsed, "scope_id", None):
        raise SettingsError(
            "{address} isn't the address of a single machine. Use one that is, or leave out "
            "--address.",
            address=files.truncate_for_display(text),
        )
    return str(parsed)


def parse_host_name(text: str) -> str:
    """Return a name somebody typed for this machine, as a browser writes it.

    Raises:
        SettingsError: it is no host name, such as an address with a port or a wildcard.
    """
    name = text.strip().rstrip(".").lower()
    try:
        name = name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not _HOST_PATTERN.fullmatch(name) or len(name) > 253:
        raise SettingsError(
            "'{name}' isn't a host name. Use one such as lab.local, without http:// or a port.",
            name=files.truncate_for_display(text),
        )
    return name


def check_port_free(address: str, port: int, typed: bool = True) -> None:
    """Check that a server can listen at an address.

    Args:
        address: of this machine.
        port: there.
        typed: whether somebody typed the address, which then may be another machine's.

    Raises:
        SettingsError: the port is in use or not allowed, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            if os.name != "nt":  # there it would take a port from who has it
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
            probe.listen(1)  # two that reuse an address may both bind it, but not listen
    except OSError as error:
        where = {"address": address, "port": port}
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                "Port {port} of {address} is in use. Choose another with --port, or close the "
                "program that uses it.",
                **where,
            ) from error
        if error.errno == errno.EACCES:
            raise SettingsError(
                "This system doesn't let you use port {port}. Choose another one with --port.",
                **where,
            ) from error
        if typed:
            raise SettingsError(
                "This machine doesn't have the address {address}. Choose one it has with "
                "--address.",
                **where,
            ) from error


def find_lan_address() -> str:
    """Return the address of this machine in its local network.

    Raises:
        CatDogError: it is in none, or only in public ones.
    """
    addresses = [_find_outgoing_address(), *_list_interface_addresses()]
    for address in addresses:
        if address and _is_private_address(address):
            return address
    raise CatDogError(
        "This machine has no local network address (found: {found}). Connect it to a network, or "
        "choose an address with --address.",
        found=", ".join(dict.fromkeys(filter(None, addresses))) or "none",
    )


def _find_outgoing_address() -> str:
    """Return the address other machines see; nothing is sent to find it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address of documentation, RFC 5737
            return str(probe.getsockname()[0])
        except OSError:
            return ""


def _list_interface_addresses() -> list[str]:
    cards = psutil.net_if_addrs().values()
    return [each.address for card in cards for each in card if each.family == socket.AF_INET]


def _is_private_address(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.is_private and not (parsed.is_loopback or parsed.is_link_local)


def _run_streamlit(arguments: list[str], environment: dict[str, str]) -> int:
    script = files.PROJECT / "streamlit_app.py"
    if not script.is_file():
        raise SettingsError("{file} is missing. Run the lab from its complete folder.", file=script)
    check_port_free(arguments[1], int(arguments[3]))  # as `build_streamlit_options` writes them
    os.environ.update(environment)
    os.chdir(files.PROJECT)  # Streamlit reads its settings there
    sys.argv = ["streamlit", "run", str(script), *arguments]
    return _run_until_signal(
        lambda: runpy.run_module("streamlit", run_name="__main__", alter_sys=True),
        N_("The pages have stopped. Training continues."),
    )


def _run_api(host: str, port: int, names: Iterable[str], typed: bool) -> int:
    from ..server import standalone
    from ..server.origin_check import KnownNames

    check_port_free(host, port, typed)
    print(f"CatDog Lab API: {_format_url(host, port)}/api/v1")
    if access.load_access_settings().shared:
        print("Each request needs a token: python -m catdog_core token add NAME")
    if host != LOOPBACK:
        print("Nothing is encrypted, so everyone on this network can read it (docs/api.md).")
    print("Press Ctrl-C to stop the API. Training continues.", flush=True)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read by TensorFlow when it is imported
    known = KnownNames(tuple(dict.fromkeys((host, *names))))
    return _run_until_signal(
        lambda: standalone.run_server(host, port, known),
        N_("The API has stopped. Training continues."),
    )


def _run_until_signal(run: Callable[[], object], words: str) -> int:
    """Run a server in this process, and say how it ended where a signal ended it.

    Whoever ends this process, in whatever way, ends the server, on any system.
    """
    code = 0
    with interruption.exit_on_signal(), interruption.record_signals():
        try:
            run()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    if interruption.received_signal() is None:
        return code
    interruption.exit_now(report_language.get_current_translator()(words))
    return interruption.exit_status()
