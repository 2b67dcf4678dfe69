"""The tour of Home: there at a first visit, closed by a click, and to be opened again."""

import fakes
import pytest

from catdog_core.data import datasets

pytestmark = pytest.mark.usefixtures("workspace")


def is_open(app):
    return any(button.key == "tour_next" for button in app.button)


def test_the_tour_is_there_at_a_first_visit_and_goes_step_by_step():
    app = fakes.open_page(lang="en")
    assert is_open(app) and "1 of 4" in fakes.joined_text(app.markdown)
    for step in ("2 of 4", "3 of 4", "4 of 4"):
        app.button("tour_next").click().run()
        assert step in fakes.joined_text(app.markdown)
    app.button("tour_next").click().run()
    assert not is_open(app)


def test_a_closed_tour_stays_closed_in_the_session_and_can_be_opened_again():
    app = fakes.open_page(lang="en")
    app.button("tour_close").click().run()
    assert not is_open(app)
    app.switch_page("pages/1_Data.py").run()
    app.switch_page("streamlit_app.py").run()
    assert not is_open(app)
    app.button("tour_open").click().run()
    assert is_open(app) and not app.exception


def test_where_something_is_already_the_tour_waits_to_be_asked(demo):
    datasets.open_folder(demo)
    assert not is_open(fakes.open_page(lang="en"))
