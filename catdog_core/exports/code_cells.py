"""A run as plain Keras code, in cells of prose and Python: what `script` and `notebook` write.

The code imports nothing of this lab. Where photos lie in class folders and the augmentation is one
`ImageDataGenerator` knows, it reads like the class notes; else the photos are read into memory once
and Keras's layers change them. Muon and the compact network are the lab's own source, copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import datasets, runs
from ..errors import N_, CatDogError, DatasetError, RunError
from ..insight import model_file
from ..networks import architecture, backbones
from ..runs import Run
from . import code_callbacks, code_data, code_grids, code_network, code_training, code_transfer

Prose = tuple[str, dict[str, Any]]
"""A message of the catalogue and its values; values that are names are escaped where shown."""


@dataclass(frozen=True)
class Cell:
    """A step of the code: its title and explanation, messages of the catalogue, and the Python.

    In `code`, a line ``SHOW`` stands where a picture is to be shown.
    """

    title: str
    prose: tuple[Prose, ...]
    code: str


def of(source: Path) -> tuple[Run, list[Cell]]:
    """A run, and its code from the first line to the last.

    Args:
        source: a run folder.

    Raises:
        RunError: it is damaged, or has no settings to make code of.
        CatDogError: its dataset is gone, so that nobody knows which photos it was trained on.
    """
    run = runs.load(model_file.folder(source))
    if run.training is None or run.is_history:
        raise RunError(
            "Run '{name}' has no settings the code could be made of. Expected one trained here.",
            name=run.name or run.id,
        )
    photos = code_data.photos(run, _dataset(run))
    transfer = run.model == backbones.TRANSFER
    return run, [
        _head(run, photos),
        Cell(
            N_("The photos"),
            _told(code_data.prose(photos)),
            code_data.loading(run, photos),
        ),
        Cell(
            N_("One batch"),
            _told([N_("A batch as the network gets it, in a grid of four by five.")]),
            code_grids.batch_grid(photos),
        ),
        *_augmented(run, photos),
        *(
            [Cell(N_("The network"), *_with(code_transfer.network(run)))]
            if transfer
            else [Cell(N_("The network"), *_with(code_network.network(run)))]
        ),
        Cell(N_("Training"), *_with(code_training.fit(run, photos))),
        Cell(N_("Saving"), *_with(code_training.save(run, photos))),
        Cell(
            N_("Overfitting"),
            _told(
                [
                    N_(
                        "Training (red) against validation (blue), accuracy left, loss right: where"
                        " the two part, the network learns its training photos by heart."
                    )
                ]
            ),
            code_callbacks.PLOTS,
        ),
    ]


def _head(run: Run, photos: code_data.Photos) -> Cell:
    assert run.training is not None
    parameters = architecture.parameters(architecture.of(run.training, max(len(run.classes), 2)))
    packages = "tensorflow keras numpy matplotlib pillow scipy"
    prose: list[Prose] = [
        (
            N_(
                "The training “{name}” of CatDog Lab as plain Keras code: network “{model}” with"
                " {parameters:,} parameters, {epochs} epochs."
            ),
            {
                "name": run.name or run.id,
                "model": run.model,
                "parameters": parameters,
                "epochs": run.training.epochs,
            },
        ),
        (N_("It needs: pip install {packages}"), {"packages": packages}),
        (
            N_(
                "Network, settings and photos are the run's own. The order of photos and their"
                " random changes are drawn anew, so the curves come out alike, not equal."
            ),
            {},
        ),
    ]
    if run.parent:
        prose.append(
            (
                N_(
                    "The run began with the weights of another one, “{name}”; this code begins with"
                    " random ones."
                ),
                {"name": str(run.parent.get("name") or run.parent.get("id") or "")},
            )
        )
    return Cell(N_("A training as code"), tuple(prose), code_data.head(run, photos))


def _augmented(run: Run, photos: code_data.Photos) -> list[Cell]:
    code = code_grids.augmented_grid(run, photos)
    if not code:
        return []
    prose = [
        N_("Augmentation makes many photos of one: one training photo, changed 20 times."),
        N_("Validation photos are never changed."),
    ]
    return [Cell(N_("One photo, augmented"), _told(prose), code)]


def _told(messages: list[str]) -> tuple[Prose, ...]:
    return tuple((message, {}) for message in messages)


def _with(made: tuple[list[Prose], str]) -> tuple[tuple[Prose, ...], str]:
    prose, code = made
    return tuple(prose), code


def _dataset(run: Run) -> datasets.Dataset:
    try:
        found = datasets.as_of(run.dataset_id, run.dataset_fingerprint)
        if isinstance(found.root, Path):
            return found
        raise DatasetError(
            "The photos lie at {url}, which the code of an export does not read.", url=found.root
        )
    except CatDogError as error:
        raise RunError(
            "The photos of run '{name}' are not as they were when it was made: {reason} Expected"
            " them, to write down which ones it was trained on. Put them back, or export another"
            " run.",
            name=run.name or run.id,
            reason=error,
        ) from error
