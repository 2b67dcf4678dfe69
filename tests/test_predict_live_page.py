"""Predict → Live as a page: what stands around the camera, and frames that were frozen."""

import base64
import json

import fakes
import numpy as np
import pytest

from catdog_core.base import report_language
from catdog_core.data.synthetic import draw_pet
from catdog_core.imaging import decode
from catdog_core.server import live
from catdog_ui.predict import live_view, predict_inputs
from catdog_ui.session import PAGE_STATE_KEY, PageState

pytestmark = pytest.mark.usefixtures("workspace", "default_model_loaded")
SLIDER = "predict_least_2_"


def frame():
    return decode.encode_photo(np.asarray(draw_pet(0, 96, np.random.default_rng(0))))


def component_data(app):
    """What the page hands to the script of the camera."""
    return json.loads(app.main.get("bidi_component")[0].proto.json)


def test_the_page_hands_model_threshold_and_words_to_the_camera():
    app = fakes.open_page("6_Predict", view="live")
    assert not app.exception and not app.error
    assert "stores none of them" in fakes.joined_text(app.caption)
    data = component_data(app)
    assert data["request"]["url"] == f"{live.PATH}?model=default"
    assert data["size"] == [288, 288] and data["classes"] == ["cats", "dogs"]
    assert data["least"] == 0.75 and data["words"]["neither"] == "Neither"
    assert len(base64.b64decode(data["colormap"])) == 3 * 256
    assert "/" not in data["model"]
    ticket = data["request"]["headers"]
    slider = next(each for each in app.slider if each.key.startswith(SLIDER))
    app = slider.set_value(90).run()
    data = component_data(app)
    assert data["least"] == 0.9 and data["request"]["headers"] == ticket


def test_of_more_than_two_classes_it_says_none_of_these():
    assert live_view._words(3)["neither"] == "None of these"


def test_a_model_file_is_imported_before_the_camera_uses_it():
    app = fakes.open_page("6_Predict", {"predict_kind": "file"}, view="live")
    assert not app.exception and not app.main.get("bidi_component")


def test_a_frozen_frame_is_a_photo_of_the_page_until_it_is_cleared(monkeypatch):
    kept = PageState()

    def freeze(value):
        """As the page does when its script sends a frame; returns what it leaves for widgets."""
        state = {live_view._KEY: {"frozen": value}}
        with monkeypatch.context() as patch:
            patch.setattr(live_view.st, "session_state", state)
            patch.setattr(live_view.st, "query_params", {})
            patch.setattr(live_view, "page_state", lambda: kept)
            patch.setattr(live_view, "t", report_language.format_english)
            live_view._keep_frozen_frame()
        return state

    for nothing in (None, 7, "no base64!", "A" * (live_view._LONGEST_FRAME + 1)):
        freeze(nothing)
    assert not kept.predict.frozen_frames
    state = freeze(base64.b64encode(frame()).decode())
    (frozen,) = kept.predict.frozen_frames
    assert (frozen.name, frozen.data) == ("frame 1.jpg", frame())
    source = {predict_inputs.SOURCE_KEY: state[predict_inputs.SOURCE_KEY]}
    app = fakes.open_page("6_Predict", {PAGE_STATE_KEY: kept, **source}, view="photos")
    assert not app.exception
    assert "frame 1.jpg: predicted" in fakes.joined_text(app.main.get("html"))
    app.button("predict_unfreeze").click().run()
    assert not app.exception and not fakes.page_state(app).predict.frozen_frames
    sources = app.segmented_control(predict_inputs.SOURCE_KEY)
    assert sources.value == "files" and "Frozen frames" not in sources.options
