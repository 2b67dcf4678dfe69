"""What a page shows is in its address: opened with one, changed by a choice, and wrong."""

from dataclasses import replace
from urllib.parse import parse_qs

import fakes
import pytest
from streamlit.runtime.state.query_params_proxy import QueryParamsProxy

from catdog_core import runs
from catdog_core.base import access
from catdog_core.base.access import Visitor
from catdog_core.data import datasets

PAGES = {
    "": ("dataset",),
    "1_Data": ("dataset", "part"),
    "2_Augment": ("dataset",),
    "3_Train": ("run",),
    "4_Compare": ("runs", "run"),
    "5_Evaluate": ("dataset", "run", "part"),
    "6_Predict": ("run",),
    "7_Export": ("run",),
    "8_Learn": ("dataset", "run", "section"),
}
"""What each page shows of its address."""
PARTS = {"1_Data": "split", "5_Evaluate": "train"}


@pytest.fixture
def lab(workspace, demo, tmp_path):
    """Two datasets with two runs each, the older ones of which the address names."""
    ids = {}
    for name in ("older", "newer"):
        folder = tmp_path / name
        datasets.make_demo(folder, train=8, validation=4, size=32, seed=len(ids))
        dataset = datasets.open_folder(folder)
        for number in (1, 2):
            made = fakes.make_run(f"{name} {number}", dataset=dataset, image_size=32)
            fakes.add_fake_model(made)
        ids[name] = {"dataset": dataset.id, "run": made.name}
    return ids


def full_address(lab, path):
    """An address that names everything, and nothing that the page would begin with."""
    known = {
        **lab["older"],
        "runs": lab["older"]["run"],
        "section": "loss",
        "part": PARTS.get(path, ""),
    }
    return {name: known[name] for name in PAGES[path]}


def shown(app, name):
    """What a page shows of a parameter, as the address has it."""
    if name == "runs":
        keys = [box.key for box in app.multiselect]
        return ",".join(app.multiselect(next(k for k in keys if "runs" in k)).value)
    if name in ("part", "section"):
        return app.session_state[f"tab_{name}"]
    return app.selectbox(f"chosen_{name}").value


def address(app):
    return {
        name: value if isinstance(value, str) else value[0]
        for name, value in app.query_params.items()
    }


@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_what_its_address_says_and_keeps_it(lab, path):
    query = full_address(lab, path)
    app = fakes.open_page(path, lang="en", **query)
    assert not app.exception and not app.error and not app.warning
    assert query.items() <= address(app).items()
    if path:  # Home links to what the others show
        assert {name: shown(app, name) for name in query} == query
    app.run()
    assert query.items() <= address(app).items()


@pytest.mark.parametrize("path", PAGES)
def test_what_a_page_begins_with_is_in_its_address_too(lab, path):
    app = fakes.open_page(path, lang="en", **({"tab": "runs"} if path == "3_Train" else {}))
    if path:
        assert {name: shown(app, name) for name in PAGES[path]}.items() <= address(app).items()
    assert not app.warning


@pytest.mark.parametrize("path", PAGES)
def test_a_wrong_address_is_said_on_the_page_and_corrected(lab, path):
    wrong = dict.fromkeys(["dataset", "run", "runs", "group", *PAGES[path]], "no-such-thing")
    app = fakes.open_page(path, lang="en", **wrong)
    assert not app.exception and not app.error
    assert len([note for note in app.warning if "no-such-thing" in note.value]) == len(wrong)
    assert "no-such-thing" not in address(app).values()
    app.run()  # it stays until somebody turns to another page
    assert len(app.warning) == len(wrong)
    app.switch_page("pages/8_Learn.py" if path != "8_Learn" else "pages/2_Augment.py").run()
    assert not app.warning


def test_of_several_runs_only_the_missing_ones_are_left_out(lab):
    known = lab["older"]["run"]
    app = fakes.open_page("4_Compare", lang="en", runs=f"gone,{known}")
    assert shown(app, "runs") == known == address(app)["runs"]
    assert "gone" in fakes.joined_text(app.warning)


@pytest.mark.parametrize("name", ["dataset", "run"])
def test_a_choice_is_in_the_links_of_the_page_at_once(lab, name):
    app = fakes.open_page("8_Learn", lang="en", **lab["newer"])
    app.selectbox(f"chosen_{name}").set_value(lab["older"][name]).run()
    links = [parse_qs(link.proto.query_string) for link in app.sidebar.get("page_link")]
    assert len(links) == len(PAGES)
    for link in links:
        assert link[name] == [lab["older"][name]]


def test_a_run_brings_its_dataset_and_a_dataset_its_runs(lab):
    app = fakes.open_page("8_Learn", lang="en", **lab["newer"])
    app.selectbox("chosen_run").set_value(lab["older"]["run"]).run()
    assert {name: shown(app, name) for name in lab["older"]} == lab["older"]
    app.selectbox("chosen_dataset").set_value(lab["newer"]["dataset"]).run()
    assert shown(app, "run") == lab["newer"]["run"] == address(app)["run"]


def test_without_a_run_on_the_dataset_learn_counts_no_run(lab, tmp_path):
    datasets.make_demo(tmp_path / "bare", train=8, validation=4, size=32, seed=9)
    bare = datasets.open_folder(tmp_path / "bare")
    app = fakes.open_page("8_Learn", lang="en", dataset=bare.id, section="steps")
    assert shown(app, "run") is None and "run" not in address(app)
    assert "Training photos of your run" not in fakes.joined_text(app.get("html"))
    assert "steps_per_epoch\n  = ceil(8 / " in fakes.joined_text(app.code)


def test_learn_says_whose_photos_a_run_counts(lab):
    dataset = datasets.load_dataset(lab["older"]["dataset"])
    few = fakes.make_run("few", dataset=dataset, train_photos=4, image_size=32)
    app = fakes.open_page("8_Learn", lang="en", run=few.name, section="steps")
    assert "“few” was trained on 4 photos" in fakes.joined_text(app.caption)
    assert "Training photos of your run" in fakes.joined_text(app.get("html"))
    assert "steps_per_epoch\n  = ceil(4 / " in fakes.joined_text(app.code)


def test_another_session_still_shows_a_run_after_its_dataset_was_removed(lab):
    query = lab["older"]
    datasets.remove_dataset(query["dataset"])
    app = fakes.open_page("8_Learn", lang="en", **query)
    assert shown(app, "run") == query["run"]
    assert "isn't in this lab" in fakes.joined_text([*app.warning, *app.caption])


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [("3_Train", "run", "default"), ("8_Learn", "run", "default"), ("6_Predict", "run", "plain")],
)
def test_what_a_page_cannot_show_is_named_beside_what_it_shows(lab, path, name, value):
    if value == "plain":
        value = fakes.make_run("plain").name  # it has no model
    app = fakes.open_page(path, lang="en", **{name: value})
    assert "can't show" in fakes.joined_text(app.warning)
    assert shown(app, name) == address(app)[name] != value


@pytest.mark.parametrize("path", [path for path in PAGES if path])
def test_the_link_can_be_copied_on_every_page(lab, path):
    app = fakes.open_page(path, lang="en")
    (button,) = [one.value for one in app.get("html") if "Copy link" in one.value]
    assert "window.location.href" in button  # the browser's own address, whatever wrote it
    assert "execCommand" in button  # without https there is no clipboard


def test_the_browser_follows_a_link_of_a_page_to_itself(lab, monkeypatch):
    sent = []
    monkeypatch.setattr(QueryParamsProxy, "update", lambda query, _: sent.append(query.to_dict()))
    app = fakes.open_page("3_Train", lang="en", tab="runs", **lab["older"])
    app.run()
    assert sent == []  # nothing is sent back that the browser has
    for name, value in {**lab["newer"], "tab": "new"}.items():
        app.query_params[name] = value
    app.run()
    assert len(sent) == 1 and lab["newer"].items() <= sent[0].items()
    assert app.segmented_control("tab_tab").value == "new"


def test_the_sidebar_begins_with_what_trains_and_the_visitors_own_run(workspace, monkeypatch):
    queue = []
    for number, owner in enumerate(("Ada", "Ada", "Ada", "Bob", "Ada")):
        run = runs.load_run(fakes.make_run(f"run {number}", epochs=0))
        status = "queued" if number else "running"
        state = {"status": status, "queued": float(number)}
        queue.append(replace(run, owner=owner, status=status, state=state))
    (workspace / access.FILE).write_text('{"format": 1, "shared": true}')
    monkeypatch.setattr(runs, "list_runs", lambda: queue[::-1])  # the newest first
    monkeypatch.setattr(access, "_visitor_provider", lambda: Visitor("Bob", "student"))
    app = fakes.open_page("2_Augment", lang="en")
    labels = [link.proto.label for link in app.sidebar.get("page_link")][-3:]
    assert labels == ["run 0 · Ada", "run 3 · Bob", "run 1 · Ada"]


def test_a_run_in_the_sidebar_leads_to_it_and_its_dataset(lab, monkeypatch):
    query = lab["older"]
    monkeypatch.setattr(runs.RunRecord, "is_active", property(lambda run: run.id == query["run"]))
    app = fakes.open_page("2_Augment", lang="en", **lab["newer"])
    card = app.sidebar.get("page_link")[-1]
    link = {name: values[0] for name, values in parse_qs(card.proto.query_string).items()}
    assert link["tab"] == "runs" and query.items() <= link.items()
