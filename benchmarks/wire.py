"""A page's visitor without a browser: Streamlit's own messages over its websocket."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect  # comes with Streamlit
from websockets.typing import Origin, Subprotocol

_PATIENCE = 60.0  # seconds between two messages of a run


class Arrival(NamedTuple):
    """A message of the server: seconds after what caused it was sent, bytes on the wire."""

    after: float
    size: int
    message: Any


class Visitor:
    """One session, which answers as the browser does: the same fields, the state of its sliders."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._page = ""  # the server's name for it
        self._query = ""
        self._sliders: dict[str, Any] = {}  # by the key the page gave it: element and fragment

    def open(self, page: str) -> list[Arrival]:
        """Open a page by its name and return what the server sent until its script ended."""
        request = BackMsg()
        request.rerun_script.page_name = page
        return self._ask(request)

    def move(self, key: str, value: float) -> list[Arrival]:
        """Move the slider of a key; its fragment alone runs again, as in the browser."""
        moved, fragment = next(v for name, v in self._sliders.items() if name.endswith(f"-{key}"))
        request = BackMsg()
        script = request.rerun_script
        script.page_script_hash, script.query_string = self._page, self._query
        script.fragment_id = fragment
        for slider, _ in self._sliders.values():
            state = script.widget_states.widgets.add(id=slider.id)
            state.double_array_value.data[:] = [value] if slider.id == moved.id else slider.value
        return self._ask(request)

    def _ask(self, request: BackMsg) -> list[Arrival]:
        found = []
        start = time.perf_counter()
        self._socket.send(request.SerializeToString())
        while True:
            data = self._socket.recv(timeout=_PATIENCE)
            after = time.perf_counter() - start
            message = ForwardMsg.FromString(data)
            found.append(Arrival(after, len(data), message))
            self._learn(message)
            if message.WhichOneof("type") == "script_finished":
                return found

    def _learn(self, message: Any) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._page = message.new_session.page_script_hash
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.new_element.WhichOneof("type") == "slider":
            slider = message.delta.new_element.slider
            old = self._sliders.get(slider.id)
            if not slider.set_value:  # the browser keeps its own value, unless told another
                slider.value[:] = old[0].value if old else slider.default
            self._sliders[slider.id] = (slider, message.delta.fragment_id)


@contextmanager
def visitor(address: str) -> Iterator[Visitor]:
    """Connect to a server as a browser on the same machine does."""
    with connect(
        f"ws://{address}/_stcore/stream",
        origin=Origin(f"http://{address}"),
        subprotocols=[Subprotocol("streamlit")],
        max_size=None,
    ) as socket:
        yield Visitor(socket)
