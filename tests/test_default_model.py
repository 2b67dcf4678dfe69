"""The model that comes with the lab: small, harmless, ready, and told of by its card."""

import pytest

from catdog_core import cli
from catdog_core.models import untrusted_models
from catdog_core.runs import model_registry

CARD = model_registry.default_model_folder() / "README.md"


def test_it_is_a_finished_run_with_nothing_in_it_that_is_not_needed():
    run = model_registry.load_default_run()
    assert run.status == "done" and run.model == "transfer" and run.best_epoch is not None
    assert untrusted_models.inspect_model_file(run.best_model) == ".keras"
    assert run.best_model.stat().st_size < 20_000_000
    files = {path.name for path in model_registry.default_model_folder().iterdir()}
    assert not files - {
        "README.md",
        "about.json",
        "batches.jsonl",
        "best.keras",
        "curves.png",
        "metrics.jsonl",
        "photo_hashes.bin",
        "settings.json",
        "state.json",
    }


def test_its_card_tells_the_accuracy_that_its_run_recorded():
    run = model_registry.load_default_run()
    best = next(row for row in run.epochs if row["epoch"] == run.best_epoch)
    text = CARD.read_text(encoding="utf-8")
    assert f"{best['val_accuracy']:.3f}" in text
    assert "95% confidence interval" in text and "neither" in text
    assert f"--seed {run.training.seed}" in text


@pytest.mark.slow
def test_it_tells_a_drawn_photo_by_its_name_alone(
    workspace, demo, capsys, default_predictor, default_model_loaded
):
    assert default_predictor.classes == ("cats", "dogs")
    photos = sorted((demo / "validation" / "cats").iterdir())[:1]
    assert cli.main(["predict", "default", *map(str, photos)]) == 0
    out = capsys.readouterr().out
    assert ": cats " in out or ": dogs " in out
