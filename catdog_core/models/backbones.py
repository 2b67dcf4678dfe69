"""The pretrained networks by name, as plain numbers; no TensorFlow needed."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import SettingsError
from ..config import MIXES, Augmentation, Training


@dataclass(frozen=True)
class Backbone:
    """A pretrained network without its classifier.

    Attributes:
        title: the network's name in its paper.
        features: how many numbers it makes of a photo.
        parameters: its weights and biases.
        blocks: how many can be unfrozen, counted from the end.
        pattern: a regular expression that finds a layer's block at the start of its name.
        keras_name: in `keras.applications`, whose weights are downloaded; empty for the bundled.
    """

    title: str
    features: int
    parameters: int
    blocks: int
    pattern: str
    keras_name: str = ""


TRANSFER = "transfer"
"""The model that is a pretrained network with a new last layer."""
BUNDLED = "lite0"
BACKBONES: dict[str, Backbone] = {
    BUNDLED: Backbone("EfficientNet-Lite0", 1280, 3_350_000, 16, r"block(\d+)_"),
    "mobilenet-v3-small": Backbone(
        "MobileNetV3-Small", 576, 939_120, 11, r"expanded_conv_(\d+_)?", "MobileNetV3Small"
    ),
    "mobilenet-v3-large": Backbone(
        "MobileNetV3-Large", 960, 2_996_352, 15, r"expanded_conv_(\d+_)?", "MobileNetV3Large"
    ),
    "efficientnet-v2-b0": Backbone(
        "EfficientNetV2-B0", 1280, 5_919_312, 21, r"block\d[a-z]_", "EfficientNetV2B0"
    ),
    "convnext-tiny": Backbone(
        "ConvNeXt-Tiny", 768, 27_820_128, 18, r"convnext_tiny_stage_\d_block_\d_", "ConvNeXtTiny"
    ),
}


def refuse_transfer_settings(training: Training, augmentation: Augmentation | None) -> None:
    """Raise SettingsError with the reason when a transfer training's settings do not fit."""
    if training.model != TRANSFER:
        return
    if augmentation is not None and augmentation.mixes and not training.unfreeze:
        raise SettingsError(
            "The pretrained network processes each photo separately before training, so photos "
            "can't be mixed (MixUp, CutMix). Turn off mixing, or unfreeze some blocks to use "
            "mixing in the unfrozen epochs."
        )
    if training.unfreeze and training.unfreeze_epochs >= training.epochs:
        raise SettingsError(
            "{unfrozen} unfrozen epochs leave none of the {epochs} for the new last layer, which "
            "has to learn first. Train more epochs, or unfreeze fewer.",
            unfrozen=training.unfreeze_epochs,
            epochs=training.epochs,
        )
    if training.unfreeze > BACKBONES[training.backbone].blocks:
        raise SettingsError(
            "{title} has only {blocks} blocks, so {received} can't be unfrozen. Choose {blocks} "
            "or fewer.",
            title=BACKBONES[training.backbone].title,
            blocks=BACKBONES[training.backbone].blocks,
            received=training.unfreeze,
        )


def per_photo_augmentation(augmentation: Augmentation | None) -> Augmentation | None:
    """Return what an augmentation does to a photo by itself; None where that is nothing."""
    alone = augmentation and augmentation.model_copy(update=dict.fromkeys(MIXES, 0.0))
    return None if alone is None or alone.is_off else alone


def count_feature_passes(training: Training, augmentation: Augmentation | None) -> int:
    """Return how often the pretrained network computes features of each training photo."""
    return 1 + training.looks if per_photo_augmentation(augmentation) else 1


@dataclass(frozen=True)
class Lite0Block:
    """One inverted bottleneck of EfficientNet-Lite0; see `transfer`."""

    channels_in: int
    channels: int
    expand: int
    kernel: int
    stride: int

    @property
    def has_shortcut(self) -> bool:
        """Whether the block's input is added to its output."""
        return self.stride == 1 and self.channels_in == self.channels

    @property
    def parameters(self) -> int:
        """Weights and biases of its two or three convolutions."""
        wide = self.channels_in * self.expand
        first = (self.channels_in + 1) * wide if self.expand > 1 else 0
        return first + (self.kernel**2 + 1) * wide + (wide + 1) * self.channels


LITE0_STEM, LITE0_HEAD = 32, 1280
LITE0_STAGES = (  # blocks, kernel, stride of the first, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def lite0_blocks() -> tuple[Lite0Block, ...]:
    """Return the blocks of EfficientNet-Lite0 in their order."""
    blocks, before = [], LITE0_STEM
    for count, kernel, stride, expand, channels in LITE0_STAGES:
        for index in range(count):
            blocks.append(Lite0Block(before, channels, expand, kernel, stride if index == 0 else 1))
            before = channels
    return tuple(blocks)


def list_backbone_stages(name: str, image_size: int) -> list[tuple[str, str, tuple[int, ...], int]]:
    """List a network's stages: kind, detail, shape of the output, weights and biases.

    Args:
        name: a key of `BACKBONES`.
        image_size: side of the square input in pixels.
    """
    backbone = BACKBONES[name]
    if name != BUNDLED:
        return [(backbone.title, "", (backbone.features,), backbone.parameters)]
    side = -(-image_size // 2)
    stages: list[tuple[str, str, tuple[int, ...], int]] = [
        ("Rescaling", "(x − 127) / 128", (image_size, image_size, 3), 0),
        ("Conv2D", "32 × 3×3 / 2, ReLU6", (side, side, LITE0_STEM), (27 + 1) * LITE0_STEM),
    ]
    blocks = list(lite0_blocks())
    for count, kernel, stride, _, channels in LITE0_STAGES:
        side = -(-side // stride)
        stage, blocks = blocks[:count], blocks[count:]
        detail = f"{count} × {kernel}×{kernel} / {stride}"
        weights = sum(block.parameters for block in stage)
        stages.append(("Bottlenecks", detail, (side, side, channels), weights))
    weights = (channels + 1) * LITE0_HEAD
    stages.append(("Conv2D", f"{LITE0_HEAD} × 1×1, ReLU6", (side, side, LITE0_HEAD), weights))
    return [*stages, ("GlobalAveragePooling2D", "", (LITE0_HEAD,), 0)]
