"""Grids: what a sweep tries, checked like any settings, combined or drawn by a seed."""

import json

import pytest

from catdog_core.base.errors import CatDogError, SettingsError
from catdog_core.config import Augmentation, Training
from catdog_core.tuning import grid, plans

RATES = {"settings": {"learning_rate": [1e-4, 1e-3]}}
DRAWN = {
    "settings": {"learning_rate": {"low": 1e-5, "high": 1e-1, "log": True}, "batch_size": [8, 16]},
    "augmentation": {"rotation_range": [0, 20]},
    "samples": 40,
    "seed": 4,
}


def made(values, training=None, augmentation=None):
    return plans.plan_sweep(
        None, grid.parse_grid(values), training or Training(), augmentation
    ).runs


def test_all_combinations_are_made_and_named_by_what_differs():
    members = made({"settings": {"learning_rate": [1e-4, 1e-3], "batch_size": [8, 16]}})
    assert [(m.training.learning_rate, m.training.batch_size) for m in members] == [
        (1e-4, 8),
        (1e-4, 16),
        (1e-3, 8),
        (1e-3, 16),
    ]
    assert members[3].name == "learning rate 0.001, batch size 16"


def test_what_has_one_value_is_set_but_names_nothing():
    members = made({"settings": {"learning_rate": [1e-4, 1e-3], "epochs": [3]}})
    assert {m.training.epochs for m in members} == {3}
    assert grid.parse_grid({"settings": {"seed": [1, 1, 2], "epochs": [3]}}).varied == ("seed",)
    assert "epochs" not in members[0].name


def test_draws_follow_from_the_seed_and_keep_to_the_ranges():
    members = made(DRAWN)
    assert members == made(DRAWN)
    assert members != made({**DRAWN, "seed": 5})
    rates = [m.training.learning_rate for m in members]
    assert all(1e-5 <= rate <= 1e-1 for rate in rates)
    assert sum(rate < 1e-3 for rate in rates) in range(10, 31)  # half of them, by the logarithm
    assert len({m.name for m in members}) == 40


def test_whole_numbers_are_drawn_whole():
    members = made({"settings": {"epochs": {"low": 2, "high": 4}}, "samples": 3})
    assert sorted(m.training.epochs for m in members) == [2, 3, 4]


def test_more_samples_than_combinations_are_all_of_them():
    assert grid.parse_grid({**RATES, "samples": 9}).size == len(made({**RATES, "samples": 9})) == 2


def test_an_augmentation_starts_from_what_is_given_or_from_none():
    values = {"augmentation": {"rotation_range": [0, 20]}}
    plain, turned = made(values)
    assert plain.augmentation is None
    assert (turned.augmentation.rotation_range, turned.augmentation.zoom_range) == (20, 0)
    assert made(values, augmentation=Augmentation())[0].augmentation.zoom_range == 0.1


def test_a_part_of_the_network_makes_it_one_of_the_users_own():
    members = made({"settings": {"dropout": [0.0, 0.5]}}, Training(model="notes-deep"))
    assert [m.training.network.dropout for m in members] == [0.0, 0.5]
    assert {(m.training.model, m.training.network.dense) for m in members} == {("custom", 512)}
    with pytest.raises(SettingsError, match="dropout, which only block networks have"):
        made({"settings": {"dropout": [0.0, 0.5]}}, Training(model="transfer"))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (3, "Use an object of settings"),
        ({"rates": 1}, "no setting 'rates'. Use one of: settings, augmentation"),
        ({}, "changes nothing"),
        ({"settings": {"learning_rate": [1e-4]}}, "changes nothing"),
        ({"settings": [1]}, r"settings is \[1\]"),
        ({"settings": {"learning_rate": [1e-4, 5]}}, "learning_rate is 5. Use a number from"),
        ({"settings": {"lr": [1, 2]}}, "no setting 'lr' in settings. Use one of: model"),
        ({"settings": {"epochs": 3}}, "epochs is 3. Give a list"),
        ({"settings": {"epochs": []}}, r"epochs is \[\]. Give a list"),
        ({"settings": {"epochs": {"low": 1, "high": 9}}}, "Set 'samples' to the number"),
        ({"settings": {"epochs": {"low": 9, "high": 1}}, "samples": 2}, "or a range such as"),
        ({"settings": {"seed": {"low": 0, "high": 9, "log": True}}, "samples": 2}, "above 0"),
        ({"settings": {"epochs": {"from": 9}}, "samples": 2}, 'a range such as {"low"'),
        ({"settings": {"model": {"low": 1, "high": 2}}}, "1000 values, each one of"),
        ({"settings": {"seed": list(range(1001))}}, "Give a list of 1 to 1000 values"),
        ({"augmentation": {"learning_rate": [1, 2]}}, "no setting 'learning_rate' in augmentation"),
        ({**RATES, "samples": 0}, "samples is 0"),
        ({**RATES, "asha": {"grace": 0}}, "grace is 0"),
        ({**RATES, "asha": {"patience": 2}}, "Use one of: grace, reduction"),
        ({"settings": {"seed": list(range(501))}}, "501 combinations, but the limit is 500"),
        (
            {"settings": {"monitor": ["val_loss", "val_accuracy"]}, "asha": {}},
            "judge all runs by the same metric",
        ),
    ],
)
def test_a_mistake_is_named_with_what_is_expected(values, told):
    with pytest.raises(SettingsError, match=told):
        grid.parse_grid(values)


def test_successive_halving_is_counted_by_hand():
    asha = grid.Asha(grace=2, reduction=3)
    assert (asha.rungs(9), asha.rungs(2)) == ([2, 6], [])
    assert asha.share(9) == pytest.approx((2 + 4 / 3 + 3 / 9) / 9)


def test_a_grid_survives_its_file(tmp_path):
    path = tmp_path / "grid.json"
    wanted = grid.parse_grid({**DRAWN, "asha": {"grace": 3}})
    path.write_text(wanted.model_dump_json())
    assert grid.load_grid(path) == wanted
    assert wanted.asha.reduction == 3
    path.write_text(json.dumps(DRAWN)[:-1])
    with pytest.raises(CatDogError, match="damaged"):
        grid.load_grid(path)
