"""The measurement of a class at once: what it counts, and a small class before a real server."""

import time

import pytest
from patience import busy
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks import load, server, wire
from catdog_core import datasets


class Socket:
    """A server that answers every request with a script that ends, and tells one timer."""

    def __init__(self, *elements):
        self.asked, self._elements, self._waiting = [], elements, []

    def send(self, data):
        self.asked.append(wire.BackMsg.FromString(data).rerun_script)
        timer = ForwardMsg()
        timer.auto_rerun.interval, timer.auto_rerun.fragment_id = 0.02, "part"
        ended = ForwardMsg(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY)
        self._waiting = [timer, *self._elements, ended]

    def recv(self, timeout):
        return self._waiting.pop(0).SerializeToString()


def test_a_visitor_who_rests_asks_for_what_is_drawn_again_as_a_browser_does():
    socket = Socket()
    visitor = wire.Visitor(socket, "nowhere")
    visitor.open("Train")
    started = time.monotonic()
    took = visitor.rest(1.0)
    assert time.monotonic() - started >= 0.99
    assert len(took) >= 2
    assert {(each.fragment_id, each.is_auto_rerun) for each in socket.asked[1:]} == {("part", True)}


def test_an_error_on_the_page_is_a_fault():
    box = ForwardMsg()
    box.delta.new_element.alert.body = "Something went wrong"
    box.delta.new_element.alert.format = box.delta.new_element.alert.ERROR
    thrown = ForwardMsg()
    thrown.delta.new_element.exception.message = "ZeroDivisionError"
    visitor = wire.Visitor(Socket(box, thrown), "nowhere")
    visitor.open("")
    assert visitor.faults == ["Something went wrong", "ZeroDivisionError"]


def test_growth_leaves_the_loading_aside():
    loading = [(n, 100.0 * n) for n in range(8)]
    assert load.growth([*loading, *((n, 800.0) for n in range(8, 20))]) == 0
    assert load.growth([(n, 100.0 + n) for n in range(100)]) == pytest.approx(0.27, abs=0.02)


def test_what_redraws_itself_is_no_interaction():
    tally = load.Tally()
    tally.add("redrawn", 9.0)
    tally.add("slider moved", 0.1)
    assert tally.all() == [0.1]


def test_of_20_sessions_12_move_sliders():
    for watch in (False, True):
        roles = load._roles(20, watch)
        assert roles.count(load._move) == 12 and len(roles) == 20


@pytest.mark.long
def test_a_small_class_meets_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("CATDOG_WORKSPACE", str(tmp_path / "workspace"))
    datasets.create_demo()
    with server.process(tmp_path) as (address, pid):
        tally = load.crowd(address, pid, load._roles(6, watch=False), min(25 * busy(), 150))
    assert tally.faults == []
    assert {"slider moved", "photo predicted", "page opened"} <= set(tally.times)


@pytest.mark.long
def test_100_photos_in_one_upload_are_all_predicted(tmp_path):
    with server.running(tmp_path) as address:
        assert load._hundred(address) < 60 * busy()
