"""Which class of a dataset a model's class is, where the two are called otherwise.

``Cat`` and ``cats``, ``dog`` and ``강아지`` are the same class. Names are compared by steps, from
strict to loose: as they are, by letters alone, as singular and plural, as synonyms. A step counts
only where it gives each class exactly one partner. Where a class could be one of two, no step
decides: the user does. Imports no TensorFlow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..base.errors import ModelError
from ..data.class_names import class_key

_SYNONYMS = (
    "cat kitten kitty feline 고양이 냥이 야옹이 猫 ねこ ネコ gato gata chat katze gatto",
    "dog puppy doggy canine 강아지 개 멍멍이 犬 狗 いぬ イヌ perro perra chien hund cane",
)
"""Names of the classes that the built-in model knows, in the singular."""
_SYNONYM_GROUPS = {name: number for number, names in enumerate(_SYNONYMS) for name in names.split()}
_IRREGULAR = {"mice": "mouse", "geese": "goose", "men": "man", "children": "child"}
_IRREGULAR |= {"people": "person", "feet": "foot", "teeth": "tooth", "oxen": "ox"}
_IRREGULAR |= {"katzen": "katze", "hunde": "hund", "gatti": "gatto", "cani": "cane"}
_SHORTEST = 3  # letters of a singular: "as" is no plural of "a"

Matched = Literal["names", "order", "similar names", "mapping"]


@dataclass(frozen=True)
class ClassMatch:
    """A model's classes set against a dataset's.

    Attributes:
        columns: for each class of the dataset the model's output column.
        by: what tells: equal names, the order where the model's file names no classes, names that
            mean the same, or a mapping the user gave.
        pairs: the model's and the dataset's name of each class, in the dataset's order.
    """

    columns: tuple[int, ...]
    by: Matched
    pairs: tuple[tuple[str, str], ...]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The model's names in the order of the dataset's classes."""
        return tuple(theirs for theirs, _ in self.pairs)

    @property
    def text(self) -> str:
        """The pairs of names, such as "Cat = cats, Dog = dogs"."""
        return ", ".join(f"{model} = {dataset}" for model, dataset in self.pairs)


def match_classes(
    model: Sequence[str],
    dataset: Sequence[str],
    names_known: bool = True,
    mapping: Mapping[str, str] | None = None,
) -> ClassMatch:
    """Find the output column of each class of a dataset.

    Args:
        model: class names in output order.
        dataset: class names in label order.
        names_known: whether the model's names are its file's or a user's; others count by order.
        mapping: classes of the dataset by the model's names, for some or all of these.

    Raises:
        ModelError: a class has no partner or more than one, or the mapping names others.
    """
    if mapping:
        return _match_by_mapping(model, dataset, mapping)
    if set(model) == set(dataset):
        return _build_match(model, dataset, dict(zip(dataset, dataset, strict=True)), "names")
    if not names_known and len(model) == len(dataset):
        return _build_match(model, dataset, dict(zip(dataset, model, strict=True)), "order")
    partners = _match_names(model, dataset)
    if partners is None:
        raise _no_match_error(model, dataset)
    return _build_match(model, dataset, partners, "similar names")


def find_match(
    model: Sequence[str], dataset: Sequence[str], names_known: bool = True
) -> ClassMatch | None:
    """Return what `match_classes` gives without a mapping, None where it raises."""
    try:
        return match_classes(model, dataset, names_known)
    except ModelError:
        return None


def find_class(name: str, model: Sequence[str]) -> str:
    """Return what a model calls a class; the name itself where that is not certain."""
    for meanings in _STEPS:
        found = [theirs for theirs in model if meanings(theirs) & meanings(name)]
        if found:
            return found[0] if len(found) == 1 else name
    return name


def parse_mapping(
    pairs: Sequence[str], model: Sequence[str], dataset: Sequence[str]
) -> dict[str, str]:
    """Parse ``Cat=cats`` pairs to classes of the dataset by the model's names.

    Args:
        pairs: the model's name, then the dataset's; the other way round where only that fits.
        model, dataset: class names.

    Raises:
        ModelError: a pair names no class of the model and of the dataset, or one of them again.
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        found = _split_pair(pair, model, dataset)
        if found is None and (turned := _split_pair(pair, dataset, model)) is not None:
            found = turned[1], turned[0]
        if found is None:
            raise ModelError(
                "'{pair}' doesn't name a class of the model ({model}) and one of the dataset "
                "({dataset}). Write it as MODEL=DATASET.",
                pair=pair,
                model=", ".join(model),
                dataset=", ".join(dataset),
            )
        theirs, ours = found
        if mapping.get(theirs, ours) != ours or ours in (
            other for name, other in mapping.items() if name != theirs
        ):
            raise ModelError(
                "'{pair}' maps a class that another pair maps already. Map each class once.",
                pair=pair,
            )
        mapping[theirs] = ours
    return mapping


def _split_pair(pair: str, left: Sequence[str], right: Sequence[str]) -> tuple[str, str] | None:
    """Split at the "=" that leaves a name of each side: names may hold one themselves."""
    for at in (match.start() for match in re.finditer("=", pair)):
        first, second = pair[:at].strip(), pair[at + 1 :].strip()
        if first in left and second in right:
            return first, second
    return None


def _match_by_mapping(
    model: Sequence[str], dataset: Sequence[str], mapping: Mapping[str, str]
) -> ClassMatch:
    partners = {ours: theirs for theirs, ours in mapping.items()}
    rest = [name for name in dataset if name not in partners]
    others = [name for name in model if name not in mapping]
    if len(rest) == len(others) == 1:  # only this one is left
        found: dict[str, str] | None = {rest[0]: others[0]}
    else:
        found = _match_names(others, rest) if rest or others else {}
    if found is None or len(partners) != len(mapping):
        raise _no_match_error(others, rest)
    return _build_match(model, dataset, {**partners, **found}, "mapping")


def _match_names(model: Sequence[str], dataset: Sequence[str]) -> dict[str, str] | None:
    """Return the model's name for each class of the dataset, None where it is not certain."""
    if len(model) != len(dataset):
        return None
    for meanings in _STEPS:
        partners = {
            ours: [theirs for theirs in model if meanings(theirs) & meanings(ours)]
            for ours in dataset
        }
        counts = [len(found) for found in partners.values()]
        taken = [theirs for found in partners.values() for theirs in found]
        if max(counts, default=0) > 1 or len(set(taken)) < len(taken):
            return None  # looser steps find no fewer
        if all(counts):
            return {ours: found[0] for ours, found in partners.items()}
    return None


def _letters(name: str) -> str:
    return re.sub(r"[\s_\-.]+", " ", class_key(name)).strip()


def _singulars(name: str) -> frozenset[str]:
    """Return a name in small letters, and what it may be the plural of."""
    text = _letters(name)
    found = {text, _IRREGULAR.get(text, text)}
    endings = [("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("ves", "fe"), ("들", "")]
    for ending, instead in endings:
        singular = text.removesuffix(ending) + instead
        long_enough = len(singular) >= _SHORTEST or ending == "들"
        if text.endswith(ending) and not text.endswith("ss") and long_enough and singular:
            found.add(singular)
    return frozenset(found)


def _synonyms(name: str) -> frozenset[str]:
    singulars = _singulars(name)
    groups = {f"\0{_SYNONYM_GROUPS[each]}" for each in singulars if each in _SYNONYM_GROUPS}
    return singulars | groups


_STEPS: tuple[Callable[[str], frozenset[str]], ...] = (
    lambda name: frozenset([name]),
    lambda name: frozenset([_letters(name)]),
    _singulars,
    _synonyms,
)
"""What names that mean the same have in common, from strict to loose."""


def _build_match(
    model: Sequence[str], dataset: Sequence[str], partners: Mapping[str, str], by: Matched
) -> ClassMatch:
    pairs = tuple((partners[name], name) for name in dataset)
    return ClassMatch(tuple(model.index(theirs) for theirs, _ in pairs), by, pairs)


def _no_match_error(model: Sequence[str], dataset: Sequence[str]) -> ModelError:
    names = {"model": ", ".join(model), "dataset": ", ".join(dataset)}
    if len(model) != len(dataset):
        return ModelError(
            "The model knows {model}, but the dataset has {dataset}. Choose the dataset that the "
            "model was trained on, or rename its folders.",
            **names,
        )
    return ModelError(
        "The model knows {model}, but the dataset has {dataset}. Map its classes with --map "
        "MODEL=DATASET, or on the Evaluate page.",
        **names,
    )
