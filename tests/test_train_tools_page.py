"""The Train page before the start: builder, part of the photos, schedule, going on from a run."""

import fakes
import pytest

from catdog_core import runs
from catdog_core.config import Network, Training
from catdog_core.data import datasets
from catdog_core.training import time_estimate
from catdog_core.training.speed_probe import Speed

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def app(demo):
    return fakes.open_page("3_Train", dataset=datasets.open_folder(demo).id)


@pytest.fixture
def started(monkeypatch):
    folders = []
    monkeypatch.setattr(runs, "start_run", folders.append)
    return folders


def test_a_built_network_changes_its_table_live_and_is_trained(app, started):
    app.radio("train_model").set_value("custom").run()
    assert "130,241 parameters" in fakes.joined_text(app.markdown)
    app.slider("network_blocks").set_value(2).run()
    app.selectbox("network_head").set_value("average").run()
    assert "19,457 parameters" in fakes.joined_text(app.markdown)
    app.button("train_start").click().run()
    assert not app.exception
    training = runs.load_run(started[0]).training
    assert training.network == Network(filters=(32, 64), head="average")


def test_the_builder_starts_from_the_notes_networks(app):
    app.radio("train_model").set_value("custom").run()
    app.button("network_as_notes-deep").click().run()
    assert not app.exception
    assert [app.number_input(f"network_block_{n}").value for n in range(4)] == [32, 64, 128, 128]
    assert app.number_input("network_dense").value == 512


def test_a_network_that_shrinks_to_nothing_is_told_and_cannot_be_started(app):
    app.radio("train_model").set_value("custom").run()
    app.slider("network_blocks").set_value(8).run()
    assert "shrink to nothing" in fakes.joined_text(app.error)
    assert "train_start" not in {button.key for button in app.button}


def test_a_schedule_is_drawn_and_what_changes_nothing_is_not(app):
    assert not app.get("plotly_chart")
    app.selectbox("train_schedule").set_value("cosine").run()
    assert len(app.get("plotly_chart")) == 1


def test_mixed_precision_is_told_to_gain_nothing_where_it_does_not(app, monkeypatch):
    for ability in ("has_graphics_card", "computes_in_16_bits"):
        monkeypatch.setattr(f"catdog_core.base.hardware.{ability}", lambda: False)
    app.toggle("train_mixed_precision").set_value(True).run()
    assert "only slow down training" in fakes.joined_text(app.warning)


def test_a_measured_speed_tells_how_long_it_will_take(app):
    assert app.button("train_time")
    time_estimate.store_speed(
        time_estimate.speed_key(Training(), None), Speed(step=1.0, validation=0.5, start=8)
    )
    app.run()
    assert "50 epochs: about 3 min 28 s" in fakes.joined_text(app.markdown)


def test_another_run_of_the_kind_tells_how_long_it_will_take(app):
    fakes.make_run("before")
    app.run()
    (estimate,) = [m for m in app.markdown if "50 epochs: about" in m.value]
    assert "At the speed of “before”" in estimate.help


def test_a_run_is_gone_on_from_with_its_settings_and_weights(demo, started):
    dataset = datasets.open_folder(demo)
    training = Training(epochs=4, image_size=64, train_photos=20)
    folder = runs.create_run(dataset, training, None, name="first")
    (folder / "best.keras").write_bytes(b"model")
    app = fakes.open_page("3_Train", dataset=dataset.id, run=folder.name)
    app.button("continue_run").click().run()
    assert not app.exception
    assert "Starts from the weights of “first”" in fakes.joined_text(app.info)
    assert app.selectbox("train_train_photos").value == 20
    app.button("train_start").click().run()
    child = runs.load_run(started[0])
    assert child.parent["id"] == folder.name
    assert child.training == runs.load_run(folder).training
    assert (child.folder / "start.keras").read_bytes() == b"model"
