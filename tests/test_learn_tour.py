"""The tour of Home: there at a first visit, closed by a click, and to be opened again."""

import re

import fakes
import pytest

from catdog_core.data import datasets
from catdog_ui import home_view, startup

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


def test_what_was_done_elsewhere_moves_the_tour_on(demo):
    app = fakes.open_page(lang="en")
    dataset = datasets.open_folder(demo)  # as on the Data page
    app.run()
    assert "2 of 4" in fakes.joined_text(app.markdown)
    fakes.add_fake_model(fakes.make_run(dataset=dataset))
    app.run()
    assert "3 of 4" in fakes.joined_text(app.markdown)
    app.button("tour_back").click().run()  # a look back isn't undone
    app.run()
    assert "2 of 4" in fakes.joined_text(app.markdown)
    app.switch_page("pages/5_Evaluate.py").run()
    app.switch_page("streamlit_app.py").run()
    assert "4 of 4" in fakes.joined_text(app.markdown)


def test_a_reload_in_the_middle_of_the_tour_keeps_its_step(demo):
    app = fakes.open_page(lang="en")
    datasets.open_folder(demo)
    app.run()
    again = fakes.open_page(**fakes.page_address(app))
    assert is_open(again) and "2 of 4" in fakes.joined_text(again.markdown)
    again.button("tour_close").click().run()
    assert "tour" not in again.query_params and not is_open(again)
    assert not is_open(fakes.open_page(lang="en", tour="9"))


def test_the_tour_names_buttons_and_pages_as_they_are(demo):
    app = fakes.open_page(lang="en")
    labels = {button.label for button in app.main.button}
    pages = {title for _, title, _ in startup.PAGES}
    for title, text, _, page in home_view._TOUR_STEPS:
        names = set(re.findall(r"\*\*(.+?)\*\*", text))
        assert names <= labels | pages, (title, names - labels - pages)
        assert page in pages


def test_the_cards_of_home_name_what_they_open(demo):
    dataset = datasets.open_folder(demo)
    fakes.add_fake_model(fakes.make_run("mine", dataset=dataset))
    app = fakes.open_page(lang="en")
    labels = " ".join(link.proto.label for link in app.main.get("page_link"))
    texts = fakes.joined_text(app.caption)
    assert "Explore “cartoons”" in labels
    assert "on “cartoons” for 5 epochs" in texts and "Your newest model is “mine”" in texts
