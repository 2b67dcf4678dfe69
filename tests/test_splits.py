"""Splits: by class, seed and likeness; subsets that lie within each other."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catdog_core.base.errors import DatasetError
from catdog_core.data import splits

NAMES = ("cats", "dogs")


def photos(*per_class, split="train"):
    rows = [(f"{x}/{i}.jpg", x, split) for x, count in enumerate(per_class) for i in range(count)]
    return sorted(rows)


def counts(rows):
    return Counter((label, split) for _, label, split in rows)


def sides(rows):
    return {file: split for file, _, split in rows}


def test_each_class_gives_its_part_to_validation_and_test():
    split_rows = splits.stratified_split(photos(40, 80), NAMES, 0, 0.25, 0.1)
    assert counts(split_rows) == {
        (0, "train"): 26,
        (0, "validation"): 10,
        (0, "test"): 4,
        (1, "train"): 52,
        (1, "validation"): 20,
        (1, "test"): 8,
    }


def test_a_test_split_leaves_the_validation_as_it_was():
    without = sides(splits.stratified_split(photos(40, 40), NAMES, 3, 0.25))
    with_test = sides(splits.stratified_split(photos(40, 40), NAMES, 3, 0.25, 0.2))
    changed = {file for file in without if without[file] != with_test[file]}
    assert {without[file] for file in changed} == {"train"}
    assert {with_test[file] for file in changed} == {"test"}


def test_another_seed_divides_otherwise_and_the_same_alike():
    first = splits.stratified_split(photos(40, 40), NAMES, 0, 0.25)
    assert splits.stratified_split(photos(40, 40), NAMES, 0, 0.25) == first
    assert splits.stratified_split(photos(40, 40), NAMES, 1, 0.25) != first


def test_an_earlier_validation_is_divided_anew_and_a_test_folder_stays():
    rows = [*photos(20, 20, split="validation"), ("t/0.jpg", 0, "test"), ("t/1.jpg", 1, "test")]
    split_rows = splits.stratified_split(rows, NAMES, 0, 0.25)
    assert counts(split_rows)[0, "train"] == 15
    assert [file for file, _, split in split_rows if split == "test"] == ["t/0.jpg", "t/1.jpg"]


@given(st.integers(0, 50), st.lists(st.integers(2, 6), max_size=6), st.sampled_from([0.0, 0.2]))
def test_like_photos_stay_on_one_side_and_no_side_is_empty(seed, sizes, test):
    rows = photos(40, 40)
    names = iter([file for pair in zip(rows[:40], rows[40:], strict=True) for file, _, _ in pair])
    together = [[next(names) for _ in range(size)] for size in sizes]  # of both classes
    split_by_file = sides(splits.stratified_split(rows, NAMES, seed, 0.25, test, together))
    assert all(len({split_by_file[file] for file in group}) == 1 for group in together)
    wanted = {"train", "validation"} | ({"test"} if test else set())
    assert {split_by_file[f"{x}/{i}.jpg"] for x in range(2) for i in range(40)} == wanted


def test_a_class_of_like_photos_only_is_divided_all_the_same():
    rows = photos(4, 8)
    alike = [file for file, label, _ in rows if label == 0]
    split_counts = counts(splits.stratified_split(rows, NAMES, 0, 0.25, together=[alike]))
    assert (split_counts[0, "train"], split_counts[0, "validation"]) == (3, 1)


def test_a_group_larger_than_the_part_is_placed_when_there_is_nothing_else():
    rows = photos(8, 8)
    cats = [file for file, label, _ in rows if label == 0]
    split_by_file = sides(
        splits.stratified_split(rows, NAMES, 0, 0.25, together=[cats[:4], cats[4:]])
    )
    assert {split_by_file[file] for file in cats} == {"train", "validation"}


@pytest.mark.parametrize("parts", [(0.5, 0.5), (1.0, 0.0), (-0.1, 0.0), (0.3, -0.1), (0.2, 1.0)])
def test_parts_that_leave_nothing_to_train_are_refused(parts):
    with pytest.raises(DatasetError, match="add up to less than 1"):
        splits.stratified_split(photos(40, 40), NAMES, 0, *parts)


def test_too_few_photos_for_three_sides_are_told():
    with pytest.raises(
        DatasetError, match=r"Class cats has only 2 photos\. Add photos until it has at least 3"
    ):
        splits.stratified_split(photos(2, 9), NAMES, 0, 0.25, 0.25)


def test_smaller_subsets_lie_within_larger_ones_and_keep_the_proportions():
    rows = photos(900, 1800)
    chosen = [splits.nested_subset(rows, count, 0, 2) for count in (*splits.SUBSET_SIZES, 2700)]
    assert all(small < large for small, large in pairwise(chosen))
    for count, files in zip(splits.SUBSET_SIZES, chosen, strict=False):
        assert len(files) == count
        assert abs(sum(file[0] == "0" for file in files) - count / 3) <= 1


def test_the_smallest_subset_has_a_photo_of_each_class():
    files = splits.nested_subset(photos(500, 3, 2), 3, 0, 3)
    assert {file[0] for file in files} == {"0", "1", "2"}


def test_another_seed_chooses_others_and_validation_is_never_chosen():
    rows = [*photos(50, 50), ("v/0.jpg", 0, "validation")]
    first = splits.nested_subset(rows, 20, 0, 2)
    assert first != splits.nested_subset(rows, 20, 1, 2)
    assert "v/0.jpg" not in splits.nested_subset(rows, 100, 0, 2)


@pytest.mark.parametrize("count", [1, 101])
def test_a_subset_larger_than_the_training_or_without_a_class_is_refused(count):
    with pytest.raises(DatasetError, match="Choose 2 to 100"):
        splits.nested_subset(photos(50, 50), count, 0, 2)
