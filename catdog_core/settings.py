"""Every tunable of the lab, as frozen models.

A field carries its label, unit, range, step and one line of help. Sliders, command-line flags,
checks and the settings reference are all derived from here; nothing else knows a range.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

FillMode = Literal["nearest", "reflect", "wrap", "constant"]
ModelName = Literal["notes", "notes-deep"]
Monitor = Literal["val_accuracy", "val_loss"]


def _field(
    default: Any,
    label: str,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    unit: str = "",
    scale: Literal["linear", "log"] = "linear",
) -> Any:
    extra: dict[str, Any] = {
        "label": label,
        "unit": unit,
        "step": step,
        "scale": scale,
        "low": low,
        "high": high,
    }
    return Field(default, ge=low, le=high, title=label, description=help, json_schema_extra=extra)


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Augmentation(_Settings):
    """Random changes to a training photo. Names, units and meaning are `ImageDataGenerator`'s."""

    rotation_range: float = _field(
        20.0,
        "Rotation",
        "Turns the photo by a random angle up to this many degrees, either way.",
        low=0,
        high=180,
        step=1,
        unit="°",
    )
    width_shift_range: float = _field(
        0.1,
        "Width shift",
        "Moves the photo left or right by up to this fraction of its width.",
        low=0,
        high=0.9,
        step=0.01,
    )
    height_shift_range: float = _field(
        0.1,
        "Height shift",
        "Moves the photo up or down by up to this fraction of its height.",
        low=0,
        high=0.9,
        step=0.01,
    )
    zoom_range: float = _field(
        0.1,
        "Zoom",
        "Scales height and width, each by its own random factor between 1 − z and 1 + z.",
        low=0,
        high=0.9,
        step=0.01,
    )
    shear_range: float = _field(
        0.0,
        "Shear",
        "Slants the photo by a random angle up to this many degrees, either way.",
        low=0,
        high=60,
        step=1,
        unit="°",
    )
    brightness_range: tuple[float, float] | None = Field(
        default=None,
        title="Brightness",
        description="Multiplies all values by a random factor from this range; 1 changes nothing.",
        json_schema_extra={
            "label": "Brightness",
            "unit": "×",
            "step": 0.05,
            "scale": "linear",
            "low": 0.0,
            "high": 3.0,
        },
    )
    channel_shift_range: float = _field(
        0.0,
        "Channel shift",
        "Adds a random number up to this, either way, to all values (0 to 255).",
        low=0,
        high=255,
        step=1,
    )
    horizontal_flip: bool = _field(
        True, "Horizontal flip", "Mirrors every other photo, left for right."
    )
    vertical_flip: bool = _field(True, "Vertical flip", "Turns every other photo upside down.")
    fill_mode: FillMode = _field(
        "nearest",
        "Fill mode",
        "What fills the corners that come into view: the edge repeated, a mirror image, the"
        " opposite side, or one grey value.",
    )
    cval: float = _field(
        0.0,
        "Fill value",
        "The grey value (0 black to 255 white) for the fill mode 'constant'.",
        low=0,
        high=255,
        step=1,
    )

    @field_validator("brightness_range")
    @classmethod
    def _check_brightness(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 <= value[0] <= value[1] <= 3:
            raise ValueError("two numbers from 0 to 3, the smaller first")
        return value

    @property
    def is_off(self) -> bool:
        """True when no field changes anything."""
        return not (
            self.rotation_range
            or self.width_shift_range
            or self.height_shift_range
            or self.zoom_range
            or self.shear_range
            or self.channel_shift_range
            or self.horizontal_flip
            or self.vertical_flip
            or self.brightness_range not in (None, (1.0, 1.0))
        )


NO_AUGMENTATION = Augmentation(
    rotation_range=0,
    width_shift_range=0,
    height_shift_range=0,
    zoom_range=0,
    horizontal_flip=False,
    vertical_flip=False,
)

PRESETS: dict[str, Augmentation] = {
    "notes": Augmentation(),
    "gentle": Augmentation(
        rotation_range=8,
        width_shift_range=0.05,
        height_shift_range=0.05,
        zoom_range=0.05,
        vertical_flip=False,
    ),
    "strong": Augmentation(
        rotation_range=35,
        width_shift_range=0.2,
        height_shift_range=0.2,
        zoom_range=0.3,
        shear_range=15,
        brightness_range=(0.6, 1.4),
        channel_shift_range=30,
        vertical_flip=False,
        fill_mode="reflect",
    ),
    "none": NO_AUGMENTATION,
}
"""Starting points by name; "notes" is the class notes' own."""


class Training(_Settings):
    """One training: the network and how it learns. Defaults are the class notes' own."""

    model: ModelName = _field(
        "notes", "Model", "The network: the notes' own, or its deeper variant."
    )
    epochs: int = _field(
        50, "Epochs", "How often the training goes through its steps.", low=1, high=1000, step=1
    )
    batch_size: int = _field(
        20,
        "Batch size",
        "Photos per step; the weights change once a step.",
        low=1,
        high=512,
        step=1,
        unit="photos",
    )
    learning_rate: float = _field(
        1e-4,
        "Learning rate",
        "How far one step of Adam moves the weights.",
        low=1e-6,
        high=1e-1,
        scale="log",
    )
    optimizer: Literal["adam"] = _field("adam", "Optimizer", "The rule that moves the weights.")
    steps_per_epoch: int | None = _field(
        None,
        "Steps per epoch",
        "Batches an epoch; unset, as many as it takes to see every training photo once.",
        low=1,
        high=100_000,
        step=1,
    )
    validation_steps: int | None = _field(
        None,
        "Validation steps",
        "Batches of validation photos after each epoch; unset, all of them.",
        low=1,
        high=100_000,
        step=1,
    )
    image_size: int = _field(
        150,
        "Image size",
        "Side of the square every photo is resized to.",
        low=32,
        high=320,
        step=1,
        unit="px",
    )
    seed: int = _field(
        0,
        "Seed",
        "The start of all chance: the same seed on the same machine gives the same run.",
        low=0,
        high=2**31 - 1,
        step=1,
    )
    early_stopping: int = _field(
        0,
        "Early stopping",
        "Ends the training after this many epochs without a better one; 0 never does.",
        low=0,
        high=1000,
        step=1,
        unit="epochs",
    )
    monitor: Monitor = _field(
        "val_accuracy",
        "Best epoch by",
        "What makes an epoch the best one: the highest validation accuracy (a tie goes to the"
        " lower loss) or the lowest validation loss.",
    )

    def steps(self, photos: int) -> int:
        """Steps of one epoch over `photos` training photos."""
        return self.steps_per_epoch or max(1, -(-photos // self.batch_size))

    def validation_batches(self, photos: int) -> int:
        """Batches of one validation over `photos` validation photos, the last maybe short."""
        whole = -(-photos // self.batch_size)
        return min(self.validation_steps or whole, whole)


RECIPES: dict[str, Training] = {
    "notes": Training(model="notes"),
    "notes-deep": Training(model="notes-deep"),
}
"""The `Training` each model starts from when nothing else is said."""
