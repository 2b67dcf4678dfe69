"""A custom network as settings: blocks of convolutions, and the layers on top of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from ..base.field_specs import Settings, field

Activation = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh"]
MOST_BLOCKS, MOST_FILTERS = 8, 1024
Filters = Annotated[
    tuple[Annotated[int, Field(ge=1, le=MOST_FILTERS)], ...],
    Field(min_length=1, max_length=MOST_BLOCKS),
]


class Network(Settings):
    """Blocks of a convolution each, made smaller after each, and a head. Defaults are the notes'.

    `filters` gives the blocks: as many as it has entries, each with so many filters.
    """

    filters: Filters = (32, 64, 128)
    kernel: int = field(
        3,
        "Kernel size",
        "Side of each filter's window. It must be odd.",
        low=1,
        high=7,
        step=2,
        unit="px",
        typical=(3, 5),
    )
    padding: Literal["valid", "same"] = field(
        "valid",
        "Padding",
        "With valid, the feature map loses its border at every convolution. With same, zeros "
        "around it keep its size.",
    )
    activation: Activation = field(
        "relu",
        "Activation",
        "The nonlinear function after every convolution. Without it, many layers could do no more "
        "than one.",
    )
    batch_norm: bool = field(
        False,
        "Batch norm",
        "Brings each filter's output to a common scale. Training is faster and tolerates higher "
        "learning rates.",
    )
    pooling: Literal["max", "average", "stride"] = field(
        "max",
        "Pooling",
        "How each block halves its feature map. max takes the largest of 2×2 values, average "
        "takes their mean, and stride moves the convolution by two.",
    )
    head: Literal["flatten", "average"] = field(
        "flatten",
        "Head",
        "flatten keeps every position of the last feature map. average keeps one number per "
        "filter, wherever it responded, with far fewer weights.",
    )
    dropout: float = field(
        0.5,
        "Dropout",
        "Fraction of values dropped at random at every step, so the network doesn't memorize "
        "photos. 0 turns it off.",
        low=0.0,
        high=0.9,
        step=0.05,
        typical=(0.2, 0.5),
    )
    dense: int = field(
        0,
        "Dense units",
        "Units of a dense layer before the output. 0 leaves it out.",
        low=0,
        high=4096,
        step=1,
    )

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError("an even kernel has no middle")
        return kernel

    @classmethod
    def grown(cls, blocks: int, first: int, growth: float, **rest: Any) -> Network:
        """Make a network whose blocks grow: `first` filters, then `growth` times as many each.

        Args:
            blocks: 1 to `MOST_BLOCKS`.
            first: filters of the first block.
            growth: factor from block to block; it ends at `MOST_FILTERS`.
            rest: other fields.
        """
        filters = [min(max(round(first * growth**n), 1), MOST_FILTERS) for n in range(blocks)]
        return cls(filters=tuple(filters), **rest)


NETWORKS: dict[str, Network] = {
    "notes": Network(),
    "notes-deep": Network(filters=(32, 64, 128, 128), dense=512),
}
"""The networks of the class notes: presets of the builder."""
