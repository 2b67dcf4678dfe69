"""Classes of a model and of a dataset that are called otherwise."""

import pytest

from catdog_core.analysis.class_matching import find_class, find_match, match_classes, parse_mapping
from catdog_core.base.errors import ModelError

CATS = ("cats", "dogs")
SAME = [  # the model's classes, the dataset's, and the output column of each of the latter
    (("cats", "dogs"), CATS, (0, 1), "names"),
    (("dogs", "cats"), CATS, (1, 0), "names"),
    (("Cat", "Dog"), CATS, (0, 1), "similar names"),
    (("Dog", "Cat"), CATS, (1, 0), "similar names"),
    (CATS, ("Dog", "Cat"), (1, 0), "similar names"),
    (("CATS", " dogs"), CATS, (0, 1), "similar names"),
    (("kitten", "puppies"), CATS, (0, 1), "similar names"),
    (("강아지", "고양이"), CATS, (1, 0), "similar names"),
    (CATS, ("개", "고양이"), (1, 0), "similar names"),
    (("Hunde", "Katzen"), CATS, (1, 0), "similar names"),
    (("foxes", "mouse"), ("Fox", "mice"), (0, 1), "similar names"),
    (
        ("golden_retriever", "tabby-cat"),
        ("Golden Retriever", "tabby cats"),
        (0, 1),
        "similar names",
    ),
    (("wolf", "berry", "bus"), ("Berries", "Buses", "Wolves"), (1, 2, 0), "similar names"),
    # By letters they are told apart, though kitten is a synonym of cat.
    (("kitten", "cat"), ("Cat", "Kitten"), (1, 0), "similar names"),
]
UNCERTAIN = [
    (("kitten", "cat"), CATS),  # is a kitten a cat or a dog?
    (("cat", "cats"), CATS),
    (("cats", "birds"), CATS),
    (("Cat", "Dog"), ("cats", "kittens")),
    (("cat", "dog", "bird"), CATS),
    (("p_0", "p_1"), CATS),
    (("as", "bs"), ("a", "b")),
    (("glass", "cat"), ("glas", "cats")),
]


@pytest.mark.parametrize(("model", "dataset", "columns", "by"), SAME)
def test_names_that_mean_the_same_are_matched(model, dataset, columns, by):
    match = match_classes(model, dataset)
    assert (match.columns, match.by) == (columns, by)
    assert match.outputs == tuple(model[column] for column in columns)


@pytest.mark.parametrize(("model", "dataset"), UNCERTAIN)
def test_what_is_not_certain_is_asked(model, dataset):
    assert find_match(model, dataset) is None
    with pytest.raises(ModelError, match=r"^The model knows .* but the dataset has"):
        match_classes(model, dataset)


def test_a_model_without_class_names_goes_by_order_and_says_so():
    match = match_classes(("p_0", "p_1"), CATS, names_known=False)
    assert (match.columns, match.by, match.text) == ((0, 1), "order", "p_0 = cats, p_1 = dogs")
    assert find_match(("p_0", "p_1", "p_2"), CATS, names_known=False) is None


MAPPED = [
    (("a", "b"), ["a=dogs", "b=cats"], (1, 0)),
    (("a", "b"), ["a=dogs"], (1, 0)),  # only one pair is left
    (("a", "b"), ["dogs=a"], (1, 0)),  # the other way round
    (("x=1", "b"), ["x=1=cats"], (0, 1)),
    (("p_0", "p_1"), ["p_0 = dogs"], (1, 0)),
    (("cats", "dogs"), ["cats=dogs"], (1, 0)),  # the user knows better than the names
]


@pytest.mark.parametrize(("model", "pairs", "columns"), MAPPED)
def test_a_mapping_tells_which_class_is_which(model, pairs, columns):
    match = match_classes(model, CATS, mapping=parse_mapping(pairs, model, CATS))
    assert (match.columns, match.by) == (columns, "mapping")


def test_a_mapping_of_some_classes_leaves_the_others_to_their_names():
    model, dataset = ("Dog", "tiger", "Bird"), ("birds", "cats", "dogs")
    match = match_classes(model, dataset, mapping={"tiger": "cats"})
    assert match.columns == (2, 1, 0)
    with pytest.raises(ModelError, match="Map its classes"):
        match_classes(("x", "y", "z"), dataset, mapping={"x": "cats"})


@pytest.mark.parametrize(
    "pairs", [["Cat"], ["Cat=birds"], ["Owl=cats"], ["Cat=cats", "Dog=cats"], ["=", "Cat=Cat"]]
)
def test_a_wrong_mapping_is_refused_in_a_sentence(pairs):
    with pytest.raises(ModelError, match="'"):
        parse_mapping(pairs, ("Cat", "Dog"), CATS)


@pytest.mark.parametrize(
    ("name", "model", "found"),
    [
        ("cats", ("Cat", "Dog"), "Cat"),
        ("dogs", ("dogs", "Dog"), "dogs"),
        ("cats", ("Cat", "Kitten"), "Cat"),
        ("puppy", ("Doggy", "Dogs"), "puppy"),
        ("", ("Cat", "Dog"), ""),
    ],
)
def test_one_class_is_found_among_a_models(name, model, found):
    assert find_class(name, model) == found
