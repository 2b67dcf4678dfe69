"""``python -m catdog_core``: the command line."""

from __future__ import annotations

import sys

from . import quiet
from .cli import main

TRAINS = {"train", "resume", "experiment", "sweep"}
"""Commands whose native messages are wanted at once: they run long, and may be killed."""

if __name__ == "__main__":
    if TRAINS & set(sys.argv[1:2]):
        sys.exit(main())
    with quiet.decoders():
        status = main()
    sys.exit(status)
