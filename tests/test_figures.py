"""Pictures for files: nothing cut off, readable whatever was drawn."""

import numpy as np
import pytest

from catdog_core import augment, figures
from catdog_core.settings import PRESETS


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were about to be written, in place of files."""
    kept = []
    monkeypatch.setattr(figures, "_save", lambda figure, out: kept.append(figure))
    return kept


@pytest.mark.parametrize("preset", ["notes", "strong"])
@pytest.mark.parametrize("count", [1, 7, 20])
def test_every_caption_stands_whole_under_its_variant(drawn, tmp_path, preset, count):
    photo = np.full((150, 150, 3), 90, np.uint8)
    figures.contact_sheet(augment.variants(photo, PRESETS[preset], count), tmp_path / "sheet.png")
    (figure,) = drawn
    figure.canvas.draw()
    used = [axes for axes in figure.axes if axes.get_xlabel()]
    assert len(used) == count
    for axes in used:
        caption = axes.xaxis.label.get_window_extent()
        assert caption.y1 <= axes.get_window_extent().y0
        assert caption.y0 >= 0 and caption.x0 >= 0 and caption.x1 <= figure.bbox.x1


def test_history_shows_training_red_and_validation_blue_from_epoch_1(drawn, tmp_path):
    numbers = {"accuracy": 0.6, "val_accuracy": 0.5, "loss": 0.6, "val_loss": 0.7}
    figures.history([{"epoch": n, **numbers} for n in range(3)], 1, tmp_path / "curves.png")
    left, right = drawn[0].axes
    assert (left.get_title(), right.get_title()) == ("Accuracy", "Loss")
    training, validation = left.lines[:2]
    assert (training.get_color(), validation.get_color()) == ("#D55E00", "#0072B2")
    assert list(training.get_xdata()) == [1, 2, 3]
