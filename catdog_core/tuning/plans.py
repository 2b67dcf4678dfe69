"""Plans of groups: which runs a sweep, a twin or a small-data experiment is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..analysis import seed_runs, sweep_table
from ..analysis.diagnose import MIN_EPOCHS, Remark
from ..base import access, field_specs
from ..base.errors import N_, RunError, SettingsError
from ..config import NETWORKS, NO_AUGMENTATION, PRESETS, Augmentation, Training
from ..data.datasets import Dataset
from ..data.splits import SUBSET_SIZES
from ..models import backbones
from ..runs import lifecycle, list_runs, run_names, training_photos
from ..runs.run_folder import Run, RunRecord
from ..training import time_estimate
from . import grid as grids
from .grid import Grid

GroupKind = Literal["sweep", "twin", "small-data", "repeat"]
Budget = Literal["steps", "epochs"]

KIND_TITLES: dict[str, str] = {
    "sweep": N_("Sweep"),
    "twin": N_("With and without augmentation"),
    "small-data": N_("More data"),
    "repeat": N_("Several seeds"),
}
SEED_COUNTS = (1, 3, 5)
"""With how many seeds an experiment can train each of its runs."""
_SEED_LIMIT = 2**31  # seeds of a training are below it
TOO_FEW_EPOCHS = N_("To compare the two runs, train at least {least} epochs.")
TOO_FEW_RUNS = N_("With fewer than {least} runs, you can't see which setting matters.")
_MAX_LABEL = 60
"""Characters of a trial's settings from which it has a number besides."""
_NETWORK_SETTINGS = ("network", "backbone", "unfreeze", "mixed_precision")
STARTUP_SECONDS = 12.0
"""Seconds until a run's first step: the process, TensorFlow, the graph."""


@dataclass(frozen=True)
class RunSpec:
    """A run to be: its name and its settings."""

    name: str
    training: Training
    augmentation: Augmentation | None


@dataclass(frozen=True)
class GroupPlan:
    """A group to be: on what, and its runs in the order they will train.

    `grid` is what a sweep tries, None for other kinds.
    """

    kind: GroupKind
    dataset: Dataset
    runs: tuple[RunSpec, ...]
    grid: Grid | None = None


def plan_sweep(
    dataset: Dataset, grid: Grid, training: Training, augmentation: Augmentation | None
) -> GroupPlan:
    """Plan a run for each combination of a grid, named by what differs.

    Args:
        dataset: what to train on.
        grid: what differs; the same grid gives the same runs.
        training: what all runs have in common.
        augmentation: likewise; None for none.

    Raises:
        SettingsError: a combination does not go together, or the model has no such part.
    """
    combinations = list(grids.sample_grid(grid))
    labels = [
        ", ".join(f"{_field_label(key)} {_format_value(values[key])}" for key in grid.varied)
        for values in combinations
    ]
    if any(len(label) > _MAX_LABEL for label in labels):  # wherever they are cut, numbers stay
        digits = len(str(len(labels)))
        labels = [f"#{number:0{digits}} {label}" for number, label in enumerate(labels, 1)]
    run_specs = []
    for values, label in zip(combinations, labels, strict=True):
        changed = _apply_to_augmentation(grid, values, augmentation)
        run_specs.append(
            RunSpec(label or "as given", _apply_to_training(grid, values, training), changed)
        )
    return GroupPlan("sweep", dataset, tuple(run_specs), grid)


def plan_paired_experiment(
    dataset: Dataset, training: Training, augmentation: Augmentation, seeds: int = 1
) -> GroupPlan:
    """Plan the same training twice, on the same photos with the same seed: plain and augmented.

    Args:
        dataset: what to train on.
        training: what both have in common.
        augmentation: of the augmented run.
        seeds: how many such pairs to train, with the training's seed and those after it; one of
            `SEED_COUNTS`.

    Raises:
        RunError: the augmentation changes nothing, or `seeds` is another number.
    """
    if augmentation.is_off:
        raise RunError(
            "The paired experiment's augmentation changes nothing, so both runs would be the "
            "same. Choose one that changes the photos."
        )
    pair = (RunSpec("plain", training, None), RunSpec("augmented", training, augmentation))
    return GroupPlan("twin", dataset, _repeat_with_seeds(pair, seeds))


def available_sizes(dataset: Dataset) -> list[int]:
    """The training sizes a dataset can give: those of `splits.SUBSET_SIZES`, and all it has."""
    there = len(dataset.items("train"))
    sizes = [size for size in SUBSET_SIZES if len(dataset.classes) <= size <= there]
    return sizes if there >= SUBSET_SIZES[-1] or there in sizes else [*sizes, there]


def plan_small_data(
    dataset: Dataset,
    trainings: Sequence[Training],
    chosen: Sequence[int],
    augmentations: Sequence[Augmentation | None],
    budget: Budget = "steps",
    seeds: int = 1,
) -> GroupPlan:
    """Plan the same trainings on more and more photos, a small choice within the larger ones.

    Args:
        dataset: what to train on.
        trainings: one for each network to compare.
        chosen: numbers of training photos.
        augmentations: None for plain.
        budget: "steps" gives every run as many changes of the weights as the one with the most
            photos, so that they differ in the photos alone; "epochs" shows every photo equally
            often, which is quicker and gives small runs fewer changes.
        seeds: how many times to train all this, with each training's seed and those after it,
            which also choose the photos of the smaller sizes; one of `SEED_COUNTS`.

    Raises:
        RunError: fewer than two sizes, nothing to train, or another number of seeds.
    """
    if len(set(chosen)) < 2 or not trainings or not augmentations:
        raise RunError(
            "A small-data experiment with {sizes} sizes and {networks} networks shows nothing. "
            "Choose at least two sizes and one network.",
            sizes=len(set(chosen)),
            networks=len(trainings),
        )
    run_specs = []
    for size in sorted(set(chosen)):
        for training in trainings:
            steps = training.steps(max(chosen)) if budget == "steps" else None
            change = {"train_photos": size, "steps_per_epoch": steps}
            for augmentation in augmentations:
                is_plain = augmentation is None or augmentation.is_off
                name = f"{training.model}, {size} photos, {'plain' if is_plain else 'augmented'}"
                run_specs.append(RunSpec(name, training.model_copy(update=change), augmentation))
    return GroupPlan("small-data", dataset, _repeat_with_seeds(run_specs, seeds))


def plan_repeat(run: RunRecord, known: Sequence[RunRecord], seeds: int = 3) -> GroupPlan:
    """Plan a run again with other seeds, so that there are so many seeds of its settings in all.

    Args:
        run: what to repeat.
        known: all runs of the workspace. Those that differ from `run` in nothing but the seed
            count, if they are done, train, or wait in an experiment.
        seeds: how many there are to be; 3 or 5.

    Raises:
        RunError: there are so many already, its photos are gone or changed, or it began with the
            weights of another run.
    """
    if not isinstance(run, Run):
        raise RunError(
            "The settings of '{name}' are unknown, so it can't be repeated. Choose a run that was "
            "trained here.",
            name=run.name or run.id,
        )
    if seeds not in SEED_COUNTS[1:]:
        raise RunError("A run can't be repeated with {n} seeds. Choose 3 or 5.", n=seeds)
    if run.parent:
        raise RunError(
            "'{name}' started from another run's weights, so a seed changes little. Repeat a run"
            " that started from random weights.",
            name=run.name,
        )
    match = training_photos.find_training_dataset(run)
    if match is None or match.dataset.fingerprint != run.dataset_fingerprint:
        raise RunError(
            "The photos of '{name}' were changed or removed, so another seed can't train on the"
            " same ones. Train this network again first.",
            name=run.name,
        )
    there = {one.training.seed for one in seed_runs.find_seed_runs(run, known, is_planned=True)}
    if len(there) >= seeds:
        raise RunError(
            "'{name}' already has {n} seeds, finished or planned. See its results on the Compare "
            "page.",
            name=run.name,
            n=len(there),
        )
    following = ((run.training.seed + offset) % _SEED_LIMIT for offset in range(seeds + len(there)))
    wanted = [seed for seed in following if seed not in there][: seeds - len(there)]
    return GroupPlan(
        "repeat",
        match.dataset,
        tuple(
            RunSpec(
                f"{run_names.own_name(run)}, seed {seed}",
                run.training.model_copy(update={"seed": seed}),
                run.augmentation,
            )
            for seed in wanted
        ),
    )


def _repeat_with_seeds(run_specs: Sequence[RunSpec], count: int) -> tuple[RunSpec, ...]:
    """Return all runs with their seed, then all with the next one: the first results come early."""
    if count not in SEED_COUNTS:
        raise RunError("An experiment can't train with {n} seeds. Choose 1, 3 or 5.", n=count)
    if count == 1:
        return tuple(run_specs)
    return tuple(
        RunSpec(
            f"{spec.name}, seed {seed}",
            spec.training.model_copy(update={"seed": seed}),
            spec.augmentation,
        )
        for offset in range(count)
        for spec in run_specs
        for seed in [(spec.training.seed + offset) % _SEED_LIMIT]
    )


def check_plan(plan: GroupPlan) -> None:
    """Refuse a plan of which a run could not be made, before anything is made or trained.

    Raises:
        AccessError: it takes more runs than the visitor may have.
        RunError, DatasetError, SettingsError: as `runs.create_run`.
    """
    access.check_quota(list_runs, wanted=len(plan.runs))
    there = lifecycle.count_split_photos(plan.dataset)["train"]
    for run in plan.runs:
        backbones.refuse_transfer_settings(run.training, run.augmentation)
        photos = run.training.train_photos
        if photos and not len(plan.dataset.classes) <= photos <= there:
            plan.dataset.subset(photos, run.training.seed)  # raises what is wrong with it


def describe_limits(plan: GroupPlan) -> list[Remark]:
    """Say what a plan can't show once it is trained."""
    epochs = min(run.training.epochs for run in plan.runs)
    if plan.kind == "twin" and epochs < MIN_EPOCHS:
        return [Remark("epochs", TOO_FEW_EPOCHS, {"least": MIN_EPOCHS})]
    if plan.kind == "sweep" and len(plan.runs) < sweep_table.MIN_RESULTS:
        return [Remark("runs", TOO_FEW_RUNS, {"least": sweep_table.MIN_RESULTS})]
    return []


def estimate_plan_seconds(plan: GroupPlan, known: Sequence[RunRecord]) -> float | None:
    """Estimate how long a plan takes, one run after another, if nothing else trains.

    Args:
        plan: what is to be trained.
        known: earlier runs of this machine, the newest first.

    Returns:
        None where a network of the plan has never been timed.
    """
    spent = [_estimate_run_seconds(run, plan.dataset, known) for run in plan.runs]
    return sum(s for s in spent if s is not None) if None not in spent else None


def _estimate_run_seconds(
    run: RunSpec, dataset: Dataset, known: Sequence[RunRecord]
) -> float | None:
    counts = time_estimate.count_photos(run.training, dataset)
    # Augmentation hardly slows a training: any run of the network tells, those most alike first.
    for augmentation in (run.augmentation, None, PRESETS["notes"]):
        earlier = time_estimate.estimate_from_runs(run.training, augmentation, counts, known)
        if earlier is not None:
            return STARTUP_SECONDS + earlier[0]
        speed = time_estimate.load_speed(time_estimate.speed_key(run.training, augmentation))
        if speed is not None:
            return time_estimate.estimate_seconds(run.training, counts, speed)
    return _estimate_from_other_settings(run.training, counts, known)


def _estimate_from_other_settings(
    training: Training, counts: Mapping[str, int], known: Sequence[RunRecord]
) -> float | None:
    """Estimate from a run of the same network with another size of photos, batches or optimizer.

    The layers of these networks cost in proportion to the pixels; the rest matters much less.
    """
    for run in known:
        if not isinstance(run, Run) or run.model != training.model:
            continue
        if any(getattr(run.training, n) != getattr(training, n) for n in _NETWORK_SETTINGS):
            continue
        unlike = {name: getattr(run.training, name) for name in time_estimate.SPEED_SETTINGS}
        earlier = time_estimate.estimate_from_runs(
            training.model_copy(update=unlike), run.augmentation, counts, [run]
        )
        if earlier is not None:
            pixels = (training.image_size / run.training.image_size) ** 2
            batch = training.batch_size / run.training.batch_size if training.steps_per_epoch else 1
            return STARTUP_SECONDS + earlier[0] * pixels * batch
    return None


def _apply_to_training(grid: Grid, values: dict[str, Any], training: Training) -> Training:
    """The training of one run of a sweep; parts of the network make it one of the user's own."""
    fields = Training.model_fields
    change = {name: values[name] for name in grid.settings if name in fields}
    built = {name: values[name] for name in grid.settings if name not in fields}
    if built:
        model = change.get("model", training.model)
        base = training.network or NETWORKS.get("notes" if model == "custom" else model)
        if base is None:
            raise SettingsError(
                "The grid sets {name}, which only block networks have, but '{model}' isn't one. "
                "Use one of {names}.",
                name=next(iter(built)),
                model=model,
                names=", ".join(("custom", *NETWORKS)),
            )
        change |= {"model": "custom", "network": {**base.model_dump(), **built}}
    return field_specs.parse_settings(Training, {**training.model_dump(), **change}, "The grid")


def _apply_to_augmentation(
    grid: Grid, values: dict[str, Any], augmentation: Augmentation | None
) -> Augmentation | None:
    if not grid.augmentation:
        return augmentation
    change = {name: values[f"augmentation.{name}"] for name in grid.augmentation}
    base = augmentation or NO_AUGMENTATION
    changed = field_specs.parse_settings(Augmentation, {**base.model_dump(), **change}, "The grid")
    return None if changed.is_off else changed


def _field_label(name: str) -> str:
    return name.removeprefix("augmentation.").replace("_", " ")


def _format_value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return " to ".join(f"{part:g}" for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
