"""Handle Ctrl-C, SIGTERM and SIGHUP: a command ends with one sentence, and nothing stays.

Installed before anything else is imported, so it needs only the standard library. The first signal
raises `Interrupted` in the main thread, whose blocks then clean up. Where that cannot be, during
an import or when the cleaning takes too long, the process ends at once: children are killed,
temporary files removed.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf
from typing import Any

from .english_plurals import format_english
from .errors import N_

GRACE_SECONDS = 10.0
"""Seconds between a signal and the end of the process, at most."""
_REPEAT_SECONDS = 2.0
"""Seconds in which a further signal is taken for the same wish: a terminal and a supervisor may
both send one."""
_SIGNAL_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")

_at_once = 0  # blocks in which a signal ends the process at once
_received: int | None = None
_since = -inf
_stderr = 2


class Interrupted(KeyboardInterrupt):
    """A signal asks this process to end."""


def termination_signals() -> list[int]:
    """Return the signals that ask a process to end, as far as this system has them."""
    return [int(getattr(signal, name)) for name in _SIGNAL_NAMES if hasattr(signal, name)]


def install_handlers() -> None:
    """Have signals end this process in order, from now on; to be called in the main thread.

    A signal that is ignored, as by `nohup`, stays ignored. Until `enable_interrupts` the process
    ends at once.
    """
    global _at_once, _stderr
    _at_once = 1
    with suppress(OSError):
        _stderr = os.dup(2)  # stderr itself is silenced at times, see `library_output`
    for number in termination_signals():
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _handle_signal)
    sys.unraisablehook = _unraisable_hook


def enable_interrupts() -> None:
    """Let a signal raise `Interrupted` from now on: the imports are done."""
    global _at_once
    _at_once = 0


@contextmanager
def exit_on_signal() -> Iterator[None]:
    """End the process at once where a signal comes while the block runs.

    For native code that calls Python: what is raised there can be lost, or end as a crash.
    """
    global _at_once
    _at_once += 1
    try:
        yield
    finally:
        _at_once -= 1


def open_missing_streams() -> None:
    """Open what this process was started without, of input, output and errors, to nothing.

    Else the next file opened would get its number, and with it what is printed.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def run_guarded(run: Callable[[], int]) -> int:
    """Run a command; where it is interrupted outside of its own guards, end with a sentence."""
    global _at_once
    try:
        code = run()
        _at_once += 1  # nobody takes care of what is raised from here on
    except Interrupted:
        exit_now()
    return code


def received_signal() -> int | None:
    """Return the signal that asks this process to end, None where none came."""
    return _received


def clear_received_signal() -> None:
    """Forget the signal: the command does in its own way what it asks for."""
    global _received
    _received = None


def exit_status() -> int:
    """Return the exit status of an interrupted process: 128 plus the signal's number."""
    return 128 + (_received or signal.SIGINT)


def interruption_message(say: Callable[..., str] | None = None) -> str:
    """Return what is written to stderr about the interruption; by default in English."""
    say = say or (lambda message, **params: format_english(message, params))
    if _received in (None, signal.SIGINT):
        return say(N_("Interrupted."))
    return say(N_("Interrupted by {signal}."), signal=signal.Signals(_received or 0).name)


def exit_now(text: str = "") -> None:
    """End this process now: its children, its temporary files, and with a sentence itself."""
    with suppress(BaseException):
        sys.modules["catdog_core.base.processes"].end_children()
    with suppress(BaseException):
        sys.modules["catdog_core.base.files"].remove_temporaries()
    with suppress(OSError):
        os.write(
            _stderr, f"{text or 'Error: ' + interruption_message(_current_translator())}\n".encode()
        )
    os._exit(exit_status())


@contextmanager
def record_signals() -> Iterator[None]:
    """Know of signals that other code handles, while the block runs: `received_signal` tells the
    first.

    The process ends at the latest after `GRACE_SECONDS`, whatever the handler does.
    """
    usual = signal.signal

    def wrapped(number: int, handler: Any) -> Any:
        if number not in termination_signals() or not callable(handler):
            return usual(number, handler)

        def called(got: int, frame: object) -> None:
            global _received, _since
            if _received is None:
                _received, _since = got, time.monotonic()
                start_watchdog()
            handler(got, frame)

        called.__wrapped__ = handler  # type: ignore[attr-defined]
        return usual(number, called)

    signal.signal = wrapped  # type: ignore[assignment]
    try:
        yield
    finally:
        signal.signal = usual


def start_watchdog() -> None:
    """Give the process `GRACE_SECONDS` seconds to end in order, from now on."""
    _thread.start_new_thread(
        _run_watchdog, (_since,)
    )  # takes no lock the interrupted code may hold


def _handle_signal(number: int, _frame: object) -> None:
    global _received, _since
    now = time.monotonic()
    if now - _since < _REPEAT_SECONDS:
        return
    again, _received, _since = _received is not None, number, now
    if _at_once or again:
        exit_now()
    start_watchdog()
    raise Interrupted


def _run_watchdog(since: float) -> None:
    while True:
        time.sleep(0.2)
        if _received is None or _since != since:
            return
        if time.monotonic() - since > GRACE_SECONDS:
            exit_now()


def _unraisable_hook(unraisable: Any) -> None:
    """Raise again what came up where nothing can be raised, as while an object is removed."""
    if not isinstance(unraisable.exc_value, Interrupted):
        sys.__unraisablehook__(unraisable)
        return

    def again() -> None:
        global _received
        time.sleep(0.02)
        number, _received = _received, None
        if number is not None:
            signal.raise_signal(number)

    _thread.start_new_thread(again, ())


def _current_translator() -> Callable[..., str] | None:
    with suppress(BaseException):
        return sys.modules["catdog_core.base.report_language"].get_current_translator()  # type: ignore[no-any-return]
    return None
