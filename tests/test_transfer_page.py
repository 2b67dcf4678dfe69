"""The Train page with a pretrained network: its recipe, its settings, what it looks at."""

import fakes
import pytest

from catdog_core.data import datasets

pytestmark = pytest.mark.usefixtures("workspace")


def chosen(demo):
    app = fakes.open_page("3_Train", dataset=datasets.open_folder(demo).id)
    app.radio(key="train_model").set_value("transfer").run()
    assert not app.exception and not app.error
    return app


def test_choosing_transfer_fills_in_its_recipe_and_sums_up_its_stages(demo):
    app = chosen(demo)
    assert app.number_input(key="train_epochs").value == 15
    assert "3,351,281 parameters" in fakes.joined_text(app.markdown)
    assert "Bottlenecks 2 × 5×5 / 2" in list(app.dataframe[0].value["Layer"])
    assert "48 × 1 training and 24 validation photos" in fakes.joined_text(app.caption)


def test_why_there_is_no_search_for_a_rate_and_nothing_to_continue_is_told(demo):
    app = chosen(demo)
    assert "There's no learning rate search for this model." in fakes.joined_text(app.caption)
    assert not [button for button in app.button if button.key == "train_rate_find"]
    folder = fakes.make_run(model="transfer", image_size=256)
    fakes.add_fake_model(folder)
    for path, key in (("3_Train", "continue_run"), ("4_Compare", "care_continue")):
        button = fakes.open_page(path, run=folder.name).button(key)
        assert button.disabled and "You can't continue a “transfer” run." in button.help


def test_settings_without_an_effect_are_greyed(demo):
    app = chosen(demo)
    assert app.slider(key="train_looks").disabled
    assert app.select_slider(key="train_unfreeze_rate").disabled
    app.slider(key="train_unfreeze").set_value(2).run()
    assert not app.select_slider(key="train_unfreeze_rate").disabled


def test_augmentation_makes_more_looks(demo):
    app = chosen(demo)
    app.session_state["train_augment"] = "notes"
    app.run()
    assert not app.slider(key="train_looks").disabled
    assert "48 × 4 training" in fakes.joined_text(app.caption)


def test_too_many_unfrozen_epochs_are_told_before_the_start(demo):
    app = chosen(demo)
    app.slider(key="train_unfreeze").set_value(2).run()
    app.number_input(key="train_epochs").set_value(4).run()
    assert "leave none of the 4" in fakes.joined_text(app.error)
    assert "train_start" not in [button.key for button in app.button]
