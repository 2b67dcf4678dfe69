"""``python -m catdog_core``: the command line."""

import _signal
import os
import sys

if __name__ == "__main__":

    def _end(number: int, _frame: object) -> None:
        os.write(2, b"Error: Interrupted.\n")
        os._exit(128 + number)

    for _name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        _number = getattr(_signal, _name, None)
        if _number is not None and _signal.getsignal(_number) != _signal.SIG_IGN:
            _signal.signal(_number, _end)

from catdog_core.base import interruption

TRAINS = {"train", "resume", "experiment", "sweep"}
"""Commands whose native messages are wanted at once: they run long, and may be killed."""
SERVES = {"serve"}
"""Commands whose output goes on for as long as they run."""


def run() -> int:
    """Run one command and return the exit status."""
    interruption.open_missing_streams()
    interruption.install_handlers()
    from catdog_core.base import library_output, stale_files
    from catdog_core.cli import main

    interruption.enable_interrupts()
    stale_files.remove_leftovers()
    if (TRAINS | SERVES) & set(sys.argv[1:2]):
        return main()
    with library_output.suppress_decoder_warnings():
        return main()


def main() -> None:
    """Run the command line as a program: `python -m catdog_core`, or `catdog` once installed."""
    sys.exit(interruption.run_guarded(run))


if __name__ == "__main__":
    main()
