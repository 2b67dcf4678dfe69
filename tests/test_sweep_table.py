"""Runs as columns: what differs, what came of it, and which setting goes with the result."""

from dataclasses import replace

import fakes
import numpy as np
import pytest

from catdog_core import runs
from catdog_core.analysis import sweep_table
from catdog_core.base import files
from catdog_core.config import PRESETS, Augmentation, Network

pytestmark = pytest.mark.usefixtures("workspace")


def trained(name, accuracy, augmentation=None, **training):
    folder = fakes.make_run(name, epochs=0, augmentation=augmentation, **training)
    if accuracy is not None:
        row = {"epoch": 0, "loss": 0.5, "accuracy": 0.8, "val_loss": 0.5, "val_accuracy": accuracy}
        files.append_json_line(folder / "metrics.jsonl", {**row, "seconds": 1.0})
    return runs.load_run(folder)


def columns(*members):
    return {column.name: column for column in sweep_table.build_sweep_table(members).columns}


def test_only_settings_that_differ_become_columns_each_on_its_scale():
    columns_by_name = columns(
        trained("a", 0.6, learning_rate=1e-4, batch_size=20, optimizer="adam"),
        trained("b", 0.7, learning_rate=1e-3, batch_size=40, optimizer="sgd"),
    )
    assert list(columns_by_name) == ["batch_size", "learning_rate", "optimizer"]
    assert [column.scale for column in columns_by_name.values()] == ["linear", "log", "named"]
    assert columns_by_name["learning_rate"].values == (1e-4, 1e-3)


def test_an_axis_that_spans_much_is_logarithmic_and_unset_photos_are_all_of_them():
    few = replace(trained("a", 0.6), train_photos=4)
    columns_by_name = columns(few, trained("b", 0.7))
    assert columns_by_name["train_photos"].values == (4, 200)
    assert columns_by_name["train_photos"].scale == "log"


def test_steps_that_follow_from_the_batch_size_are_no_setting():
    assert list(columns(trained("a", 0.6, batch_size=10), trained("b", 0.6))) == ["batch_size"]


def test_parts_of_networks_of_ones_own_are_settings_too():
    columns_by_name = columns(
        trained("a", 0.6, model="custom", network=Network(dropout=0.2)),
        trained("b", 0.7, model="custom"),
    )
    assert columns_by_name["dropout"].values == (0.2, 0.5)


def test_names_keep_the_order_of_their_choices_and_numbers_come_before_unset():
    columns_by_name = columns(
        trained("a", 0.6, optimizer="sgd", steps_per_epoch=None),
        trained("b", 0.7, optimizer="adam", steps_per_epoch=9),
        trained("c", 0.7, optimizer="adamw", steps_per_epoch=3),
    )
    assert columns_by_name["optimizer"].order == ("adam", "adamw", "sgd")
    assert columns_by_name["steps_per_epoch"].order == (3, 9, None)
    assert columns_by_name["optimizer"].ranked is None


def test_with_and_without_augmentation_is_one_column_and_its_parts_are_columns_where_they_vary():
    plain, augmented = trained("a", 0.6), trained("b", 0.7, PRESETS["notes"])
    assert list(columns(plain, augmented)) == ["augmentation"]
    gentle = Augmentation(rotation_range=5, zoom_range=0.3)
    columns_by_name = columns(plain, augmented, trained("c", 0.7, gentle))
    assert columns_by_name["augmentation.rotation_range"].values[2] == 5
    assert "augmentation" not in columns_by_name


def test_off_and_none_are_the_same_augmentation():
    assert columns(trained("a", 0.6), trained("b", 0.6, PRESETS["none"])) == {}


def test_runs_without_an_epoch_have_no_result_and_stand_last():
    table = sweep_table.build_sweep_table(
        [trained("a", None), trained("b", 0.6), trained("c", 0.9)]
    )
    assert table.results == (None, 0.6, 0.9)
    assert sweep_table.rank_runs(table) == [2, 1, 0]
    assert table.measured == 2


def test_a_result_that_is_no_number_is_none():
    assert sweep_table.best_accuracy(trained("a", float("nan"))) is None


def test_the_rank_correlation_is_spearmans_with_mean_ranks_for_ties():
    rates = [1e-4, 1e-4, 1e-3, 1e-3, 1e-2, 1e-2]
    results = [0.5, 0.6, 0.7, 0.6, 0.9, 0.8]
    members = [
        trained(f"r{number}", result, learning_rate=rate)
        for number, (rate, result) in enumerate(zip(rates, results, strict=True))
    ]
    (link,) = sweep_table.rank_correlations(sweep_table.build_sweep_table(members))
    by_hand = np.corrcoef([1.5, 1.5, 3.5, 3.5, 5.5, 5.5], [1, 2.5, 4, 2.5, 6, 5])[0, 1]
    assert link.rho == pytest.approx(by_hand)
    assert (link.column.name, link.n) == ("learning_rate", 6)
    assert 0.03 < link.chance < 0.06  # 0.0444 of all 720 orders reach it


def test_many_settings_of_no_meaning_make_none_look_sure():
    rng = np.random.default_rng(3)
    members = [
        trained(
            f"r{number}",
            float(rng.random()),
            learning_rate=float(10 ** rng.uniform(-4, -1)),
            batch_size=int(rng.integers(1, 100)),
            weight_decay=float(rng.uniform(0, 0.3)),
            label_smoothing=float(rng.uniform(0, 0.5)),
            seed=number,
        )
        for number in range(12)
    ]
    correlations = sweep_table.rank_correlations(sweep_table.build_sweep_table(members))
    assert len(correlations) == 5
    assert correlations[0].chance > 0.05
    assert abs(correlations[0].rho) >= abs(correlations[-1].rho)


def test_too_few_runs_and_equal_results_have_no_correlation():
    few = [trained(f"f{n}", 0.5 + n / 10, seed=n) for n in range(4)]
    assert sweep_table.rank_correlations(sweep_table.build_sweep_table(few)) == []
    alike = [trained(f"a{n}", 0.5, seed=n) for n in range(6)]
    assert sweep_table.rank_correlations(sweep_table.build_sweep_table(alike)) == []
