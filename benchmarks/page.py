"""On the server: from a slider's event to the 20 encoded pictures on the wire."""

from __future__ import annotations

from pathlib import Path

from .race import console, report
from .server import lab
from .wire import Arrival, visitor

SLIDER = "augment_rotation_range"
ROUNDS = 60
_WARM_UP = 5


def page(folder: Path | None = None) -> None:
    """A real Streamlit server on this machine; the client speaks its protocol, draws nothing."""
    pictures, ends, sizes = [], [], []
    with lab() as address, visitor(address) as one:
        one.open("Augment")
        for number in range(_WARM_UP + ROUNDS):
            arrivals = one.move(SLIDER, 21.0 + number)  # a value not seen before, never cached
            gallery = next(filter(_is_gallery, arrivals))
            if number >= _WARM_UP:
                pictures.append(gallery.after)
                sizes.append(gallery.size)
                ends.append(arrivals[-1].after)
    rows = {"20 pictures on the wire": pictures, "the fragment's script has ended": ends}
    report(f"A moved slider, on the server, {ROUNDS} rounds", rows)
    console.print(f"{max(sizes) / 1e3:.0f} kB at most. Target: 40 ms at the median.\n")


def _is_gallery(arrival: Arrival) -> bool:
    html = arrival.message.delta.new_element.html.body
    return bool(html.count("data:image/") >= 20)
