"""Demos of the Learn page about the network and its training."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log

import numpy as np
import streamlit as st

from catdog_core.analysis import diagnose, histories
from catdog_core.base.errors import SettingsError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.metric_rows import EpochRow
from catdog_core.base.palette import TRAIN, VALIDATION
from catdog_core.data import unreadable
from catdog_core.imaging import decode
from catdog_core.learn import example_histories, numpy_ops, run_facts
from catdog_core.learn.numpy_ops import GreyImage
from catdog_core.models import architecture

from .. import captions, charts, gallery, photo_counts, widgets
from ..data.source_widgets import SPLITS
from ..i18n import escape, say, t
from ..session import page_state
from . import learner_context
from .learner_context import LearnerContext

_LAST_LAYER_INPUTS = 36_992  # numbers before the last layer of the course network
_TINY_STEPS = 40


def show_training(who: LearnerContext) -> None:
    """A network of one weight and one bias learns eight photos, step by step."""
    del who
    steps = st.slider(t("Training steps"), 0, _TINY_STEPS, 0, key="learn_steps_done")
    seed = page_state().learn.tiny_network_seed
    now = numpy_ops.train_tiny_network(steps, seed)[-1]
    x = [step / 50 for step in range(51)]
    learner_context.draw_curve(
        x,
        [numpy_ops.sigmoid(now.weight * value + now.bias) for value in x],
        (numpy_ops.TINY_BRIGHTNESS, numpy_ops.TINY_LABELS),
        (t("brightness of the photo"), t("probability of class 1")),
        "learn_tiny",
        t("Eight photos and the predictions of a tiny network after {n} steps", n=steps),
        y_range=[-0.08, 1.08],
        joined=False,
    )
    gallery.metric_row(
        [
            (t("Loss"), f"{now.loss:.2f}"),
            (t("Weight"), f"{now.weight:+.2f}"),
            (t("Bias"), f"{now.bias:+.2f}"),
        ]
    )
    st.caption(
        t(
            "Each dot is a photo, at the top if its label is 1. The line is the prediction. The"
            " gradient is now {weight:+.3f} for the weight and {bias:+.3f} for the bias.",
            weight=now.weight_gradient,
            bias=now.bias_gradient,
        )
    )
    st.button(
        t("Use random weights"),
        icon=":material/casino:",
        key="learn_tiny_again",
        on_click=_draw_other_weights,
    )


def _draw_other_weights() -> None:
    page_state().learn.tiny_network_seed += 1


def show_convolution(who: LearnerContext) -> None:
    """A filter on the learner's photo: the sums, and what ReLU leaves of them."""
    photo = _load_grey_photo(who)
    if photo is None:
        return
    kernels = {name: t(kernel[0]) for name, kernel in numpy_ops.KERNELS.items()}
    kernel = widgets.choose_one(t("Filter"), kernels, "learn_kernel", default="edges", wrap=True)
    sums = numpy_ops.convolve(photo, kernel)
    left = numpy_ops.relu(sums)
    _show_pictures(
        [photo, sums, left],
        [
            t("Gray photo, {n} × {n}", n=photo.shape[0]),
            t("Sums, {n} × {n}", n=sums.shape[0]),
            t("After ReLU, {share:.0%} are 0", share=float((left == 0).mean())),
        ],
    )
    st.code(np.array2string(np.array(numpy_ops.KERNELS[kernel][1]), precision=2), None)
    st.caption(
        t(
            "To keep it simple, the photo is gray, so the filter has 9 weights. Its sums go from"
            " {low:.2f} to {high:.2f}. White is the largest.",
            low=float(sums.min()),
            high=float(sums.max()),
        )
    )
    learner_context.another_photo_button()


def show_pooling(who: LearnerContext) -> None:
    """A map of edges, pooled twice, and one of its places in numbers."""
    photo = _load_grey_photo(who)
    if photo is None:
        return
    edge_map = numpy_ops.relu(numpy_ops.convolve(photo, "edges"))
    once = numpy_ops.max_pool(edge_map)
    twice = numpy_ops.max_pool(once)
    maps = [edge_map, once, twice]
    _show_pictures(maps, [t("{h} × {w}", h=m.shape[0], w=m.shape[1]) for m in maps])
    rows, columns = np.unravel_index(int(once.argmax()), once.shape)
    top, left = max(2 * int(rows) - 2, 0), max(2 * int(columns) - 2, 0)
    part = edge_map[top : top + 4, left : left + 4]
    with st.grid(2, min_column_width=200, gap="small"):
        st.code(np.array2string(part, precision=2, floatmode="fixed"), None)
        st.code(np.array2string(numpy_ops.max_pool(part), precision=2, floatmode="fixed"), None)
    st.caption(
        t(
            "Part of the first map is on the left, and the values that pooling keeps are on the "
            "right."
        )
    )
    learner_context.another_photo_button()


def show_network_table(who: LearnerContext) -> None:
    """The table of the course networks for any size of photos."""
    name = widgets.choose_one(
        t("Network"),
        {name: name for name in ("notes", "notes-deep")},
        "learn_network",
        default="notes",
        label_visibility="collapsed",
    )
    size = st.slider(t("Photo size in pixels per side"), 32, 224, 150, 2, key="learn_side")
    try:
        rows = architecture.list_model_layers(
            name, size, max(who.dataset_facts["classes"] if who.dataset_facts else 2, 2)
        )
    except SettingsError as error:
        st.warning(escape(say(error)))
        return
    widgets.show_table(
        {
            t("Layer"): [f"{row.kind} {row.detail}".strip() for row in rows],
            t("Output"): [" × ".join(f"{n:,}" for n in row.output_shape) for row in rows],
            t("Parameters"): [f"{row.parameters:,}" for row in rows],
        },
        "learn_layers",
        t("Layers of the network with output shape and parameters"),
    )
    st.caption(
        t(
            "The network has {n:,} parameters. With another photo size, only the Dense layers"
            " change theirs.",
            n=architecture.count_parameters(rows),
        )
    )


def show_dropout(who: LearnerContext) -> None:
    """A row of numbers in training, with half of them gone."""
    del who
    rate = st.slider(t("Dropout rate"), 0.0, 0.9, 0.5, 0.1, key="learn_rate")
    seed = page_state().learn.dropout_seed
    values = np.random.default_rng(7).random((16, 16)) * 0.9 + 0.1
    left = numpy_ops.apply_dropout(values, rate, seed)
    pictures = [
        np.kron(numpy_ops.to_picture(v), np.ones((12, 12, 1), np.uint8))
        for v in (values, np.minimum(left, 1.0))
    ]
    gallery.image_grid(
        [decode.encode_photo(picture, "png") for picture in pictures],
        captions=[t("In validation and prediction"), t("In this training step")],
        columns=2,
        width=420,
    )
    gone = int((numpy_ops.apply_dropout(np.ones(_LAST_LAYER_INPUTS), rate, seed) == 0).sum())
    st.caption(
        t(
            "Each square is a number, and black is 0. Of the {row:,} numbers before the course"
            " network's last layer, this step sets {gone:,} to 0.",
            row=_LAST_LAYER_INPUTS,
            gone=gone,
        )
    )
    st.button(
        t("Next step"),
        icon=":material/casino:",
        key="learn_step",
        on_click=_drop_others,
    )


def _drop_others() -> None:
    page_state().learn.dropout_seed += 1


def show_sigmoid(who: LearnerContext) -> None:
    """A sum, pressed into a probability; softmax of two sums says the same."""
    score = st.slider(t("Sum of the last layer"), -6.0, 6.0, 1.0, 0.1, key="learn_score")
    x = [step / 10 for step in range(-60, 61)]
    probability = numpy_ops.sigmoid(score)
    learner_context.draw_curve(
        x,
        [numpy_ops.sigmoid(value) for value in x],
        ([score], [probability]),
        (t("sum"), t("probability of class 1")),
        "learn_sigmoid",
        t("The sigmoid curve, {p:.3f} at {score:.1f}", score=score, p=probability),
        y_range=[-0.05, 1.05],
    )
    other, same = numpy_ops.softmax((0.0, score))
    facts = who.dataset_facts
    first, second = (facts["first"], facts["second"]) if facts else ("cats", "dogs")
    st.markdown(
        t(
            "sigmoid({score:.1f}) = **{p:.3f}** for {second}, which leaves {q:.3f} for {first}."
            " softmax(0, {score:.1f}) = ({q2:.3f}, {p2:.3f}) is the same.",
            score=score,
            p=probability,
            q=1 - probability,
            q2=other,
            p2=same,
            first=escape(first),
            second=escape(second),
        )
    )


def _load_grey_photo(who: LearnerContext) -> GreyImage | None:
    assert who.dataset is not None
    sample = learner_context.current_photo(who.dataset)
    return None if sample is None else numpy_ops.to_grey(sample[1])


def _show_pictures(maps: list[GreyImage], captions: list[str]) -> None:
    gallery.image_grid(
        [decode.encode_photo(numpy_ops.to_picture(one), "png") for one in maps],
        captions=captions,
        columns=len(maps),
        least=110,
    )


_RATES = (0.01, 0.05, 0.2, 0.5, 0.9, 1.02)
_HISTORY, _OWN = "learn_history", "own"


def show_loss(who: LearnerContext) -> None:
    """The loss of one prediction, by the probability the actual class got."""
    del who
    probability = st.slider(
        t("Probability of the actual class"), 0.01, 0.99, 0.6, 0.01, key="learn_given"
    )
    x = [step / 100 for step in range(1, 100)]
    value = numpy_ops.cross_entropy(probability)
    learner_context.draw_curve(
        x,
        [numpy_ops.cross_entropy(p) for p in x],
        ([probability], [value]),
        (t("probability of the actual class"), t("loss")),
        "learn_loss",
        t("Loss by probability of the actual class"),
        y_range=[0, 4.7],
    )
    counted = (
        t("Accuracy counts this prediction as right.")
        if probability > 0.5
        else t("Accuracy counts this prediction as wrong.")
    )
    st.caption(f"−ln {probability:.2f} = {value:.2f}. {counted}")


def show_learning_rate(who: LearnerContext) -> None:
    """Steps down into a valley, too small, fitting or too large."""
    del who
    rate = st.select_slider(t("Learning rate"), _RATES, 0.2, key="learn_lr")
    weights = numpy_ops.gradient_descent(float(rate))
    x = [step / 20 for step in range(-30, 31)]
    seen = [weight for weight in weights if abs(weight) <= 1.5]
    learner_context.draw_curve(
        x,
        [weight * weight for weight in x],
        (seen, [weight * weight for weight in seen]),
        (t("weight"), t("loss")),
        "learn_valley",
        t(
            "{n} steps through a valley of loss with learning rate {rate:g}",
            n=len(weights) - 1,
            rate=rate,
        ),
        x_range=[-1.5, 1.5],
        y_range=[-0.1, 2.3],
    )
    outcome = (
        t("They leave the valley, so training diverges.")
        if abs(weights[-1]) > abs(weights[0])
        else t(
            "After {n} steps, the distance from the bottom is {far:.3f}.",
            n=len(weights) - 1,
            far=abs(weights[-1]),
        )
    )
    st.caption(t("The dots are steps of plain gradient descent. {outcome}", outcome=outcome))


def show_steps(who: LearnerContext) -> None:
    """What batch size and epochs come to, for the learner's photos or the course's."""
    photos, validation, batch, epochs = _choose_step_numbers(who)
    size = st.slider(t("Batch size"), 1, 100, min(batch, 100), key="learn_size")
    count = -(-photos // size)
    gallery.metric_row(
        [
            (
                t("Training photos of your run") if who.run_facts else t("Training photos"),
                f"{photos:,}",
            ),
            (t("Steps per epoch"), f"{count:,}"),
            (t("Epochs"), f"{epochs:,}"),
            (t("Weight changes"), f"{count * epochs:,}"),
        ]
    )
    st.code(
        "\n".join(
            (
                _write_division("steps_per_epoch", photos, size),
                _write_division("validation_steps", validation, size),
            )
        ),
        None,
    )
    if who.run_facts is not None:
        st.caption(
            t(
                "Your run has {steps:,} steps per epoch with batches of {batch}, and {n:,}"
                " validation steps.",
                steps=who.run_facts["steps"],
                batch=batch,
                n=who.run_facts["validation_steps"],
            )
        )
    elif who.dataset_facts is not None:
        st.caption(t("These are your photos, with the course's 50 epochs."))
    else:
        st.caption(t("These are the course's photos and epochs."))


def _choose_step_numbers(who: LearnerContext) -> tuple[int, int, int, int]:
    """Training photos, validation photos, batch size and epochs of what the learner has."""
    if who.run_facts is not None:
        run = who.run_facts
        return run["photos"], run["validation_photos"], run["batch"], run["epochs"]
    batch, epochs = run_facts.COURSE_BATCH, run_facts.COURSE_EPOCHS
    if who.dataset_facts is not None:
        photos = who.dataset_facts
        return photos["photos"], photos["validation_photos"], batch, epochs
    return run_facts.COURSE_TRAINING_PHOTOS, run_facts.COURSE_VALIDATION_PHOTOS, batch, epochs


def _write_division(name: str, photos: int, batch: int) -> str:
    """Two lines such as "steps_per_epoch", "= ceil(50 / 20) = 3"; no "ceil" where it is exact."""
    quotient = f"{photos:,} / {batch}"
    if photos % batch:
        quotient = f"ceil({quotient})"
    return f"{name}\n  = {quotient} = {-(-photos // batch):,}"


def show_validation_split(who: LearnerContext) -> None:
    """The parts of the learner's dataset."""
    assert who.dataset is not None
    counts = unreadable.count_readable(who.dataset)
    total = sum(sum(row.values()) for row in counts.values())
    gallery.metric_row(
        [(t(SPLITS[split]), f"{sum(row.values()):,}") for split, row in counts.items()]
    )
    photo_counts.show_unreadable_link(who.dataset)
    rows = [
        f"| {escape(truncate_for_display(name, 40))} | "
        + " | ".join(f"{counts[s][name]:,}" for s in counts)
        + " |"
        for name in who.dataset.classes[:8]
    ]
    names = [t("Class"), *(t(SPLITS[split]) for split in counts)]
    heads = f"| {' | '.join(names)} |"
    st.markdown("\n".join([heads, "|---|" + "--:|" * len(counts), *rows]))
    share = sum(counts.get("validation", {}).values()) / max(total, 1)
    st.caption(t("{share:.0%} of your photos are for validation.", share=share))


def show_result(who: LearnerContext) -> None:
    """The course's result, beside the learner's where there is one."""
    facts, course = who.run_facts, run_facts.COURSE_METRICS
    names = {
        "loss": t("training loss"),
        "accuracy": t("training accuracy"),
        "val_loss": t("validation loss"),
        "val_accuracy": t("validation accuracy"),
    }
    columns: dict[str, object] = {
        t("Last epoch"): [*names.values(), t("seconds per epoch"), t("number of epochs")],
        t("Course"): [
            *(f"{course[key]:.4f}" for key in names),
            f"{run_facts.COURSE_SECONDS}",
            f"{run_facts.COURSE_EPOCHS}",
        ],
    }
    if facts is not None:
        own = (facts["loss"], facts["accuracy"], facts["val_loss"], facts["val_accuracy"])
        columns[t("Your run")] = [
            *(f"{value:.4f}" if isfinite(value) else "–" for value in own),
            f"{facts['seconds']:.1f}" if isfinite(facts["seconds"]) else "–",
            f"{facts['epochs']}",
        ]
    widgets.show_table(columns, "learn_result", t("The last epoch of the course and of your run"))
    if facts is None or not isfinite(facts["val_accuracy"]):
        st.caption(t("Train a run, and its numbers appear here too."))
        return
    difference = facts["val_accuracy"] - course["val_accuracy"]
    st.caption(
        t(
            "Your validation accuracy differs from the course's by {points:.1f} percentage points."
            " Photos and epochs differ too, so this says little about the networks.",
            points=100 * abs(difference),
        )
    )


def show_saved_model(who: LearnerContext) -> None:
    """The size of the learner's model file, and where its bytes go."""
    assert who.run is not None
    model = who.run.best_model
    size = model.stat().st_size if model else 0
    parameters = who.run_facts["parameters"] if who.run_facts else None
    gallery.metric_row(
        [
            (t("Parameters"), "–" if parameters is None else f"{parameters:,}"),
            (
                t("At 4 bytes each"),
                "–" if parameters is None else t("{n:,.0f} kB", n=4 * parameters / 1000),
            ),
            (t("Your file"), t("{n:,.0f} kB", n=size / 1000) if model else "–"),
        ]
    )
    st.code("model.save('cats_and_dogs.h5')\nmodel = keras.models.load_model('cats_and_dogs.h5')")
    st.caption(
        t(
            "The file of “{name}” can be larger than its weights. It also keeps the optimizer's"
            " values, so you can continue training.",
            name=escape(who.run.name),
        )
        if model
        else t("This run has no model yet.")
    )


def show_overfitting(who: LearnerContext) -> None:
    """The two plots of the course, of a recorded training or the learner's run, with the verdict.

    The learner's run comes first only where it overfits, so that the section shows what it says.
    """
    names = {name: t(label) for name, label in example_histories.EXAMPLE_NAMES.items()}
    first = "plain"
    if who.run is not None:
        names = {_OWN: t("Your run"), **names}
        if histories.diagnose_run(who.run).kind == "overfitting":
            first = _OWN
    widgets.reset_unknown_choice(_HISTORY, names)
    chosen = widgets.choose_one(t("History"), names, _HISTORY, default=first, wrap=True)
    if chosen == _OWN and who.run is not None:
        run = who.run
        rows: Sequence[EpochRow] = run.epochs
        guess, best, verdict = run.guess_accuracy, run.best_epoch, histories.diagnose_run(run)
        guess_loss = run.guess_loss
    else:
        example = example_histories.load_examples()[chosen]
        rows, best, verdict = example.rows, example.best_epoch, example.diagnose()
        guess, guess_loss = 0.5, log(2)
    curve = charts.LearningCurve(rows, len(rows), guess, guess_loss, best)
    st.html(
        charts.legend_html([(t("Training"), TRAIN, "line"), (t("Validation"), VALIDATION, "line")])
    )
    with st.grid(2, min_column_width=190, gap="small"):
        for metric in charts.METRICS:
            figure = charts.live_figure(metric, curve)
            charts.draw_gap(figure, metric, rows)
            charts.mark_overfitting(figure, verdict.since)
            widgets.plot_figure(
                figure,
                key=f"learn_{metric}",
                alt=t("Training and validation by epoch"),
            )
    st.markdown(captions.verdict_sentence(verdict))
    if chosen != _OWN:
        st.caption(t("This is a recorded run of the course network on real photos."))


def show_validation_above(who: LearnerContext) -> None:
    """Accuracy of the learner's run where validation ends above, else of a recorded training."""
    own = who.run if who.run_facts is not None and who.run_facts["lead"] > 0 else None
    rows: Sequence[EpochRow] = (
        own.epochs if own is not None else example_histories.load_examples()["augmented"].rows
    )
    curve = (
        charts.LearningCurve(rows, len(rows), own.guess_accuracy, own.guess_loss)
        if own is not None
        else charts.LearningCurve(rows, len(rows))
    )
    st.html(
        charts.legend_html([(t("Training"), TRAIN, "line"), (t("Validation"), VALIDATION, "line")])
    )
    figure = charts.live_figure("accuracy", curve)
    charts.draw_gap(figure, "accuracy", rows)
    widgets.plot_figure(figure, key="learn_above", alt=t("Training and validation by epoch"))
    above = sum(row["val_accuracy"] > row["accuracy"] for row in diagnose.clean_history(rows))
    counted = t("Validation is above training in {n} of {total} epochs.", n=above, total=len(rows))
    source = (
        t("This is your run.")
        if own is not None
        else t("This is a recorded run of the course network with augmentation.")
    )
    st.caption(f"{counted} {source}")
