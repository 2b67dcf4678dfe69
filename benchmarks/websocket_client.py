"""A page's visitor without a browser: Streamlit's own messages over its websocket."""

from __future__ import annotations

import http.client
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from uuid import uuid4

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect  # comes with Streamlit
from websockets.typing import Origin, Subprotocol

_PATIENCE = 180.0  # seconds between two messages of a run, on a machine that is busy
_XSRF = "_streamlit_xsrf"
_BROKEN = ForwardMsg.ScriptFinishedStatus.FINISHED_WITH_COMPILE_ERROR
_AGAIN = ForwardMsg.ScriptFinishedStatus.FINISHED_EARLY_FOR_RERUN


class Arrival(NamedTuple):
    """A message of the server: seconds after what caused it was sent, bytes on the wire."""

    after: float
    size: int
    message: Any


class Visitor:
    """One session, which answers as the browser does: the same fields, the state of its sliders.

    `faults` are what went wrong so far: exceptions and error boxes on the page, scripts that
    ended badly.
    """

    def __init__(self, socket: Any, address: str) -> None:
        self.faults: list[str] = []
        self._socket, self._address = socket, address
        self._session = ""
        self._timers: dict[str, tuple[float, float]] = {}  # seconds, and when next, by fragment
        self._uploaders: set[str] = set()
        self._shown: set[str] = set()  # ids of elements
        self._page = ""  # the server's name for it
        self._query = ""
        self._sliders: dict[str, Any] = {}  # by the key the page gave it: element and fragment

    @property
    def watches(self) -> bool:
        """Whether a part of the page is drawn again from time to time."""
        return bool(self._timers)

    def has(self, key: str) -> bool:
        """Return whether an uploader of this key has been on a page."""
        return any(each.endswith(f"-{key}") for each in self._uploaders)

    def shows(self, key: str) -> bool:
        """Return whether an element of this key has come since the page was last opened."""
        return any(each.endswith(f"-{key}") for each in self._shown)

    def open(self, page: str) -> list[Arrival]:
        """Open a page by its name and return what the server sent until its script ended."""
        request = BackMsg()
        request.rerun_script.page_name = page
        return self._send(request)

    def move(self, key: str, value: float) -> list[Arrival]:
        """Move the slider of a key; its fragment alone runs again, as in the browser."""
        moved, fragment = next(v for name, v in self._sliders.items() if name.endswith(f"-{key}"))
        request = self._request(fragment)
        for slider, _ in self._sliders.values():
            state = request.rerun_script.widget_states.widgets.add(id=slider.id)
            state.double_array_value.data[:] = [value] if slider.id == moved.id else slider.value
        return self._send(request)

    def rest(self, seconds: float) -> list[float]:
        """Do nothing for a while, as a person who looks; the browser meanwhile asks by itself for
        the parts of the page that are drawn again from time to time.

        Returns:
            How long each of these took, in seconds.
        """
        took: list[float] = []
        end = time.monotonic() + seconds
        while True:
            fragment, (_, due) = min(
                self._timers.items(), key=lambda timer: timer[1][1], default=("", (0.0, end))
            )
            time.sleep(max(min(due, end) - time.monotonic(), 0.0))
            if due >= end:
                return took
            request = self._request(fragment)
            request.rerun_script.is_auto_rerun = True
            took.append(self._send(request)[-1].after)
            if fragment in self._timers:
                every = self._timers[fragment][0]
                self._timers[fragment] = (every, time.monotonic() + every)

    def upload(self, key: str, files: Mapping[str, bytes]) -> list[Arrival]:
        """Put files by name into an uploader, in place of what it held.

        The times of what arrives count from the moment all files are on the server.
        """
        uploader = next(each for each in self._uploaders if each.endswith(f"-{key}"))
        url_infos = self._request_upload_urls(list(files))
        for url_info, (name, data) in zip(url_infos, files.items(), strict=True):
            self._put(url_info.upload_url, name, data)
        request = self._request("")
        state = request.rerun_script.widget_states.widgets.add(id=uploader)
        for url_info, (name, data) in zip(url_infos, files.items(), strict=True):
            state.file_uploader_state_value.uploaded_file_info.add(
                name=name, size=len(data), file_id=url_info.file_id, file_urls=url_info
            )
        return self._send(request)

    def _request(self, fragment: str) -> Any:
        request = BackMsg()
        script = request.rerun_script
        script.page_script_hash, script.query_string = self._page, self._query
        script.fragment_id = fragment
        return request

    def _request_upload_urls(self, names: list[str]) -> list[Any]:
        """Ask the server where to put files of these names."""
        request = BackMsg()
        request.file_urls_request.request_id = uuid4().hex
        request.file_urls_request.file_names.extend(names)
        request.file_urls_request.session_id = self._session
        self._socket.send(request.SerializeToString())
        while True:
            message = ForwardMsg.FromString(self._socket.recv(timeout=_PATIENCE))
            if message.WhichOneof("type") == "file_urls_response":
                return list(message.file_urls_response.file_urls)

    def _put(self, path: str, name: str, data: bytes) -> None:
        mark, edge = token(self._address), uuid4().hex
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        body = f"--{edge}\r\n{head}\r\n\r\n".encode() + data + f"\r\n--{edge}--\r\n".encode()
        connection = http.client.HTTPConnection(self._address, timeout=_PATIENCE)
        try:
            connection.request(
                "PUT",
                path if path.startswith("/") else f"/{path}",
                body,
                {
                    "Content-Type": f"multipart/form-data; boundary={edge}",
                    "Cookie": f"{_XSRF}={mark}",
                    "X-Xsrftoken": mark,
                },
            )
            status = connection.getresponse().status
        finally:
            connection.close()
        if status != 204:
            self.faults.append(f"an upload was answered by {status}")

    def _send(self, request: BackMsg) -> list[Arrival]:
        arrivals = []
        if not request.rerun_script.fragment_id:
            self._timers.clear()  # the page is made anew and tells them again
            self._shown.clear()
        start = time.perf_counter()
        self._socket.send(request.SerializeToString())
        while True:
            data = self._socket.recv(timeout=_PATIENCE)
            after = time.perf_counter() - start
            message = ForwardMsg.FromString(data)
            arrivals.append(Arrival(after, len(data), message))
            self._update(message)
            ended = message.WhichOneof("type") == "script_finished"
            if ended and message.script_finished != _AGAIN:
                return arrivals

    def _update(self, message: Any) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._page = message.new_session.page_script_hash
            self._session = message.new_session.initialize.session_id or self._session
        elif kind == "navigation":
            self._page = message.navigation.page_script_hash
        elif kind == "auto_rerun":
            every = message.auto_rerun.interval
            self._timers[message.auto_rerun.fragment_id] = (every, time.monotonic() + every)
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._timers.pop(fragment, None)
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "script_finished" and message.script_finished == _BROKEN:
            self.faults.append("a script did not compile")
        elif kind == "delta":
            self._update_element(message.delta.new_element, message.delta.fragment_id)

    def _update_element(self, element: Any, fragment: str) -> None:
        kind = element.WhichOneof("type")
        self._shown.add(str(getattr(getattr(element, kind, None), "id", "")) if kind else "")
        match kind:
            case "slider":
                slider = element.slider
                old = self._sliders.get(slider.id)
                if not slider.set_value:  # the browser keeps its own value, unless told another
                    slider.value[:] = old[0].value if old else slider.default
                self._sliders[slider.id] = (slider, fragment)
            case "file_uploader":
                self._uploaders.add(element.file_uploader.id)
            case "exception":
                self.faults.append(element.exception.message)
            case "alert" if element.alert.format == element.alert.ERROR:
                self.faults.append(element.alert.body)


@contextmanager
def visitor(address: str) -> Iterator[Visitor]:
    """Connect to a server as a browser on the same machine does."""
    with connect(
        f"ws://{address}/_stcore/stream",
        origin=Origin(f"http://{address}"),
        subprotocols=[Subprotocol("streamlit")],
        max_size=None,
        ping_interval=None,  # a browser sends none of its own
    ) as socket:
        yield Visitor(socket, address)


def token(address: str) -> str:
    """Return the token against cross-site requests that a browser gets with its first page."""
    with urllib.request.urlopen(f"http://{address}/_stcore/health", timeout=_PATIENCE) as response:
        return SimpleCookie(response.headers["Set-Cookie"])[_XSRF].value
