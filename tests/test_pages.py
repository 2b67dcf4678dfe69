"""Home, Data and Augment, driven from the entry point; language and choice in the address."""

import re
from pathlib import Path

import fakes
import pytest

from catdog_core import runs
from catdog_core.data import datasets

pytestmark = pytest.mark.usefixtures("workspace")

PAGES = ["", *sorted(p.stem for p in (Path(__file__).parents[1] / "pages").glob("*.py"))]


def page(path="", **query):
    app = fakes.open_page(path, **query)
    assert not app.exception
    return app


def pictures(app):
    return re.findall(r'<img src="([^"]+)"', " ".join(e.value for e in app.get("html")))


def one(value):
    return value if isinstance(value, str) else value[0]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_an_empty_lab_opens_and_says_what_to_do(path):
    app = page(path, lang="en")
    assert app.title
    assert not app.error
    enabled_buttons = [button for button in app.main.button if not button.disabled]
    assert enabled_buttons or app.main.get("page_link") or app.main.get("download_button")
    assert app.info or "Create demo dataset" in fakes.joined_text(app.markdown) or path[:1] in "67"


@pytest.mark.parametrize("path", PAGES)
def test_a_damaged_run_and_record_break_no_page(path, demo):
    for folder in (runs.runs_folder() / "broken", datasets.datasets_folder() / "broken"):
        folder.mkdir(parents=True)
    (runs.runs_folder() / "broken" / "settings.json").write_text("{")
    (datasets.datasets_folder() / "broken" / "dataset.json").write_text("[]")
    datasets.open_folder(demo)
    page(path)


def test_home_makes_the_demo_set_with_one_click(monkeypatch, demo):
    monkeypatch.setattr(datasets, "create_demo", lambda progress: datasets.open_folder(demo))
    app = page()
    app.button("home_demo").click().run()
    assert not app.exception
    assert one(app.query_params["dataset"]) == datasets.list_datasets()[0].id


def test_home_starts_a_short_training_with_one_click(monkeypatch, demo):
    started = []
    monkeypatch.setattr(runs, "start_run", started.append)
    dataset = datasets.open_folder(demo)
    app = page(dataset=dataset.id)
    app.button("home_train").click().run()
    assert not app.exception
    run = runs.load_run(started[0])
    assert run.dataset_id == dataset.id
    assert 2 <= run.training.epochs <= 10


def test_home_lists_datasets_and_runs(demo):
    datasets.open_folder(demo)
    fakes.make_run("my run")
    app = page()
    links = " ".join(link.proto.label for link in app.get("page_link"))
    assert "cartoons" in links and "my run" in links


def test_a_batch_shows_20_photos_and_its_labels_in_three_modes(demo):
    app = page("1_Data", dataset=datasets.open_folder(demo).id)
    assert len(pictures(app)) == 20
    tables = [table.value for table in app.dataframe]
    arrays = next(table for table in tables if "Shape" in table)
    assert next(iter(arrays["Shape"])) == "(20, 150, 150, 3)"
    labels = next(table for table in tables if "sparse" in table)
    assert set(labels["categorical"]) == {"[1 0]", "[0 1]"}


def test_a_new_batch_is_another_and_the_first_comes_again(demo):
    dataset = datasets.open_folder(demo)
    app = page("1_Data", dataset=dataset.id)
    first = pictures(app)
    app.button("new_batch").click().run()
    assert pictures(app) != first
    assert pictures(page("1_Data", dataset=dataset.id)) == first


def test_a_dataset_is_removed_only_after_a_question(demo):
    app = page("1_Data", dataset=datasets.open_folder(demo).id)
    app.button("dataset_remove").click().run()
    assert datasets.list_datasets()
    app.button("dataset_remove_sure").click().run()
    assert not app.exception
    assert not datasets.list_datasets() and demo.is_dir()


def test_the_language_comes_from_the_address_and_a_bad_one_is_english():
    assert page(lang="ko").title[0].value != page(lang="en").title[0].value
    app = page(lang="../../etc")
    assert one(app.query_params["lang"]) == "en"


def test_language_and_dataset_stay_in_the_address_from_page_to_page(demo, tmp_path):
    older = datasets.open_folder(demo)
    datasets.make_demo(tmp_path / "newer", train=8, validation=4, size=48)
    datasets.open_folder(tmp_path / "newer")
    app = page("1_Data", lang="ko", dataset=older.id)
    assert app.selectbox("chosen_dataset").value == older.id
    app.switch_page("pages/2_Augment.py").run()
    assert one(app.query_params["lang"]) == "ko"
    assert one(app.query_params["dataset"]) == older.id


def test_a_dataset_in_the_address_that_is_gone_gives_way_to_one_that_is_there(demo):
    dataset = datasets.open_folder(demo)
    app = page("1_Data", dataset="gone")
    assert one(app.query_params["dataset"]) == dataset.id
