"""What the pages of a session keep: one object, safe after its source was loaded anew."""

import dataclasses

import pytest
import streamlit

from catdog_ui import session


@pytest.fixture
def state(monkeypatch):
    state = {}
    monkeypatch.setattr(streamlit, "session_state", state)
    return state


def test_a_session_has_one_page_state_that_is_changed_in_place(state):
    session.page_state().augment.seed += 1
    assert session.page_state().augment.seed == 1
    assert list(state) == [session.PAGE_STATE_KEY]


def test_a_state_of_the_class_before_a_reload_is_replaced(state):
    """Streamlit loads edited sources anew: the class is another one then, of the same name."""
    fields = [(field.name, field.type) for field in dataclasses.fields(session.PageState)[:1]]
    earlier = dataclasses.make_dataclass("PageState", fields)
    state[session.PAGE_STATE_KEY] = earlier("as it was")
    assert isinstance(session.page_state(), session.PageState)
    assert session.page_state().session_id != "as it was"
    assert session.page_state() is session.page_state()


def test_two_sessions_share_nothing(state):
    first = session.page_state()
    state.clear()
    first.data.expanders["key"] = session.ExpanderState("a", True, True)
    assert not session.page_state().data.expanders
    assert session.page_state().session_id != first.session_id
