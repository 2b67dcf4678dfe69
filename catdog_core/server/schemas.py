"""What the API answers, as models: the JSON and the OpenAPI document are both made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field

from ..base.metric_rows import EpochRow
from ..base.report_language import Translator
from ..runs import model_registry
from ..runs.model_registry import ModelKind
from ..runs.run_folder import RunRecord
from ..runs.status import Status

HeatMapKind = Literal["none", "overlay", "map"]
HEAT_MAP_KINDS: tuple[HeatMapKind, ...] = get_args(HeatMapKind)
R = TypeVar("R", bound="RunSummary")


class _Reply(BaseModel):
    # A loss that is no number becomes null: JSON has no NaN.
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")


class Problem(_Reply):
    """What went wrong and what to do, in the language of the header Accept-Language."""

    kind: str = Field(examples=["PhotoError"], description="The kind of error, for programs.")
    message: str = Field(description="A sentence for people.")


class ErrorReply(_Reply):
    """The answer to a request that failed."""

    error: Problem


class Health(_Reply):
    """The server answers."""

    status: Literal["ok"] = "ok"


class ModelInfo(_Reply):
    """A model to predict with."""

    id: str
    name: str
    kind: ModelKind
    network: str = Field(description="Empty for an imported model.")
    classes: list[str] = Field(description="Class names in the order of the outputs.")
    scale: model_registry.InputScale = Field(description="The range of values it takes.")
    created: float = Field(description="Unix time.")

    @classmethod
    def of(cls, model: RunRecord) -> ModelInfo:
        """Describe a model of the registry."""
        return cls(
            id=model.id,
            name=model.name,
            kind=model_registry.get_model_kind(model),
            network=model.model,
            classes=list(model.classes),
            scale=model_registry.get_model_scale(model),
            created=model.created,
        )


class ModelList(_Reply):
    """All models, newest first: of runs, the built-in one, imported ones."""

    models: list[ModelInfo]


class EpochMetrics(_Reply):
    """The metrics of an epoch. Accuracies are fractions, and null stands for a value that isn't
    known or isn't finite."""

    epoch: int = Field(ge=1, description="Counts from 1.")
    loss: float | None = None
    accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    learning_rate: float | None = None
    seconds: float | None = None

    @classmethod
    def of(cls, row: EpochRow) -> EpochMetrics:
        """Take over a row of a run."""
        return cls.model_validate({**row, "epoch": row["epoch"] + 1})


class RunSummary(_Reply):
    """A run in the list of runs."""

    id: str
    name: str
    status: Status
    network: str
    classes: list[str]
    dataset: str = Field(description="The dataset's name.")
    owner: str = Field(description="Empty for the owner of the lab.")
    created: float = Field(description="Unix time.")
    epochs: int = Field(description="Epochs that are finished.")
    planned_epochs: int | None
    best: EpochMetrics | None = Field(description="The best epoch so far. Its model is kept.")
    error: str | None = Field(description="Why it failed, or what is damaged.")

    @classmethod
    def of(cls: type[R], run: RunRecord, say: Translator, **more: object) -> R:
        """Describe a run; `say` translates why it failed, and `more` are fields of a subclass."""
        failure: Mapping[str, Any] = run.state.get("error") or {}
        error = None
        if run.status == "failed":
            error = say(str(failure.get("message", "")), **failure.get("params", {})) or None
        if run.problem is not None:
            error = say(run.problem.message, **run.problem.params)
        fields = {
            "id": run.id,
            "name": run.name,
            "status": run.status,
            "network": run.model,
            "classes": list(run.classes),
            "dataset": run.dataset_name,
            "owner": run.owner,
            "created": run.created,
            "epochs": len(run.epochs),
            "planned_epochs": run.planned_epochs,
            "best": EpochMetrics.of(run.best_row) if run.best_row else None,
            "error": error,
        }
        return cls.model_validate({**fields, **more})


class RunList(_Reply):
    """All runs, newest first."""

    runs: list[RunSummary]


class RunDetail(RunSummary):
    """A run with the metrics of its epochs so far."""

    rows: list[EpochMetrics]


class PhotoPrediction(_Reply):
    """What the model says about one photo, or why it can't."""

    file: str = Field(description="The file's name as it was sent.")
    label: str | None = Field(default=None, description="The class with the highest probability.")
    probabilities: dict[str, float] | None = Field(
        default=None, description="By class, the highest first; as many as `top` asks for."
    )
    heat_map: str | None = Field(
        default=None,
        description="A PNG in Base64, of the model's photo size: where the model looked for "
        "`label`, by Grad-CAM. `overlay` is the photo with the map in color, `map` is gray.",
    )
    error: Problem | None = None


class PredictReply(_Reply):
    """Predictions in the order of the photos."""

    model: ModelInfo
    predictions: list[PhotoPrediction]
