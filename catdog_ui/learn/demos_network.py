"""Demos of the Learn page about the network and its training."""

from __future__ import annotations

import numpy as np
import streamlit as st

from catdog_core.analysis import histories
from catdog_core.base.errors import SettingsError
from catdog_core.imaging import decode
from catdog_core.learn import numpy_ops, run_facts
from catdog_core.learn.numpy_ops import GreyImage
from catdog_core.models import architecture

from .. import captions, charts, format_text, gallery, widgets
from ..data.source_widgets import SPLITS
from ..i18n import escape, say, t
from ..session import page_state
from . import learner_context
from .learner_context import LearnerContext

_LAST_LAYER_INPUTS = 36_992  # numbers before the last layer of the notes' network


def show_convolution(who: LearnerContext) -> None:
    """Draw a filter on the learner's photo: the sums, and what ReLU leaves of them."""
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
            t("the photo, {n} × {n}", n=photo.shape[0]),
            t("sums, {n} × {n}", n=sums.shape[0]),
            t("after ReLU: {share:.0%} zero", share=float((left == 0).mean())),
        ],
    )
    st.code(np.array2string(np.array(numpy_ops.KERNELS[kernel][1]), precision=2), "python")
    st.caption(
        t(
            "White is large. Here the sums go from {low:.2f} to {high:.2f}; ReLU keeps those above"
            " zero.",
            low=float(sums.min()),
            high=float(sums.max()),
        )
    )
    learner_context.another_photo_button()


def show_pooling(who: LearnerContext) -> None:
    """Draw a map of edges, pooled twice, and some of its numbers."""
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
        st.code(np.array2string(part, precision=2, floatmode="fixed"), "python")
        st.code(np.array2string(numpy_ops.max_pool(part), precision=2, floatmode="fixed"), "python")
    st.caption(t("Left a part of the first map, right the largest of each 2 × 2 numbers of it."))
    learner_context.another_photo_button()


def show_network_table(who: LearnerContext) -> None:
    """Draw the table of the notes' networks for any size of photos."""
    name = widgets.choose_one(
        t("Network"),
        {name: name for name in ("notes", "notes-deep")},
        "learn_network",
        default="notes",
        label_visibility="collapsed",
    )
    size = st.slider(t("Side of the photos in pixels"), 32, 224, 150, 2, key="learn_side")
    try:
        rows = architecture.list_model_layers(name, size, max(int(who.facts["classes"]), 2))
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
        t("Layers of the network with output shapes and parameters"),
    )
    st.caption(
        t(
            "{n:,} parameters in all. The convolutions' stay the same for any size; the last"
            " layer's follow it.",
            n=architecture.count_parameters(rows),
        )
    )


def show_dropout(who: LearnerContext) -> None:
    """Draw a row of numbers in training, with half of them gone."""
    del who
    rate = st.slider(t("Dropped share"), 0.0, 0.9, 0.5, 0.1, key="learn_rate")
    seed = page_state().learn.dropout_seed
    values = np.random.default_rng(7).random((16, 16)) * 0.9 + 0.1
    left = numpy_ops.apply_dropout(values, rate, seed)
    pictures = [
        np.kron(numpy_ops.to_picture(v), np.ones((12, 12, 1), np.uint8))
        for v in (values, np.minimum(left, 1.0))
    ]
    gallery.image_grid(
        [decode.encode_photo(picture, "png") for picture in pictures],
        captions=[t("in validation and prediction"), t("in this training step")],
        columns=2,
        width=420,
    )
    gone = int((numpy_ops.apply_dropout(np.ones(_LAST_LAYER_INPUTS), rate, seed) == 0).sum())
    st.caption(
        t(
            "Each square is one number, black is zero. Of the {row:,} numbers before the notes'"
            " last layer this step drops {gone:,}.",
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
    """Draw a sum, pressed into a probability; softmax of two sums says the same."""
    score = st.slider(t("Sum of the last layer"), -6.0, 6.0, 1.0, 0.1, key="learn_score")
    x = [step / 10 for step in range(-60, 61)]
    probability = numpy_ops.sigmoid(score)
    learner_context.draw_curve(
        x,
        [numpy_ops.sigmoid(value) for value in x],
        ([score], [probability]),
        (t("sum"), t("probability")),
        "learn_sigmoid",
        t("The sigmoid curve; at {score:.1f} it is {p:.3f}", score=score, p=probability),
        y_range=[-0.05, 1.05],
    )
    other, same = numpy_ops.softmax((0.0, score))
    st.markdown(
        t(
            "sigmoid({score:.1f}) = **{p:.3f}** for {second}, so {q:.3f} for {first}."
            " softmax(0, {score:.1f}) = ({q2:.3f}, {p2:.3f}): the same.",
            score=score,
            p=probability,
            q=1 - probability,
            q2=other,
            p2=same,
            first=escape(who.facts["first"]),
            second=escape(who.facts["second"]),
        )
    )


def _load_grey_photo(who: LearnerContext) -> GreyImage | None:
    assert who.dataset is not None
    sample = learner_context.current_photo(who.dataset)
    return None if sample is None else numpy_ops.to_grey(sample[1])


def _show_pictures(maps: list[GreyImage], labels: list[str]) -> None:
    gallery.image_grid(
        [decode.encode_photo(numpy_ops.to_picture(one), "png") for one in maps],
        captions=labels,
        columns=len(maps),
        least=110,
    )


_RATES = (0.01, 0.05, 0.2, 0.5, 0.9, 1.02)
_NOTES_SECONDS = 20


def show_loss(who: LearnerContext) -> None:
    """Draw the loss of one answer, by the probability the true class got."""
    probability = st.slider(
        t("Probability given to the true class"), 0.01, 0.99, 0.6, 0.01, key="learn_given"
    )
    x = [step / 100 for step in range(1, 100)]
    value = numpy_ops.cross_entropy(probability)
    learner_context.draw_curve(
        x,
        [numpy_ops.cross_entropy(p) for p in x],
        ([probability], [value]),
        (t("probability of the true class"), t("loss")),
        "learn_loss",
        t("Loss falls as the probability of the true class grows"),
        y_range=[0, 4.7],
    )
    st.caption(
        t(
            "−ln {given:.2f} = {value:.2f}, and accuracy counts this answer as {verdict}. The last"
            " training loss of the run told of, {loss:.3f}, is that of {likely:.0%}.",
            given=probability,
            value=value,
            verdict=t("right") if probability > 0.5 else t("wrong"),
            loss=who.facts["loss"],
            likely=who.facts["likely"],
        )
    )


def show_learning_rate(who: LearnerContext) -> None:
    """Draw steps down into a valley: too small, fitting or too large."""
    rate = st.select_slider(t("Learning rate"), _RATES, 0.2, key="learn_lr")
    weights = numpy_ops.gradient_descent(float(rate))
    x = [step / 20 for step in range(-30, 31)]
    seen = [weight for weight in weights if abs(weight) <= 1.5]
    learner_context.draw_curve(
        x,
        [weight * weight for weight in x],
        (seen, [weight * weight for weight in seen]),
        (t("a weight"), t("loss")),
        "learn_valley",
        t(
            "{n} steps in a valley of loss, at learning rate {rate:g}",
            n=len(weights) - 1,
            rate=rate,
        ),
        x_range=[-1.5, 1.5],
        y_range=[-0.1, 2.3],
    )
    outcome = (
        t("It climbs out of the valley: it diverges.")
        if abs(weights[-1]) > abs(weights[0])
        else t(
            "After {n} steps it is {far:.3f} from the bottom.",
            n=len(weights) - 1,
            far=abs(weights[-1]),
        )
    )
    st.caption(
        t(
            "Each dot is a step of plain gradient descent. {told} Your run takes {rate:g}.",
            told=outcome,
            rate=who.facts["learning_rate"],
        )
    )


def show_steps(who: LearnerContext) -> None:
    """What batch size and epochs come to for the learner's photos."""
    facts = who.facts
    batch = st.slider(t("Batch size"), 1, 100, min(int(facts["batch"]), 100), key="learn_size")
    count = -(-int(facts["photos"]) // batch)
    gallery.metric_row(
        [
            (t("training photos"), f"{facts['photos']:,}"),
            (t("steps an epoch"), f"{count:,}"),
            (t("epochs"), f"{facts['epochs']:,}"),
            (t("weight updates"), f"{count * facts['epochs']:,}"),
        ]
    )
    st.code(
        f"steps_per_epoch  = {facts['photos']:,} / {batch} = {count:,}\n"
        f"validation_steps = {facts['validation_photos']:,} / {batch}"
        f" = {-(-int(facts['validation_photos']) // batch):,}",
        None,
    )
    st.caption(
        t(
            "Your run was told {steps:,} steps an epoch with batches of {batch}, and {n:,} in"
            " validation.",
            steps=facts["steps"],
            batch=facts["batch"],
            n=facts["validation_steps"],
        )
    )


def show_validation_split(who: LearnerContext) -> None:
    """Draw the parts of the learner's dataset."""
    assert who.dataset is not None
    counts = who.dataset.counts()
    total = sum(sum(row.values()) for row in counts.values())
    gallery.metric_row(
        [(t(SPLITS[split]), f"{sum(row.values()):,}") for split, row in counts.items()]
    )
    rows = [
        f"| {escape(name[:40])} | " + " | ".join(f"{counts[s][name]:,}" for s in counts) + " |"
        for name in who.dataset.classes[:8]
    ]
    names = [t("Class"), *(t(SPLITS[split]) for split in counts)]
    heads = f"| {' | '.join(names)} |"
    st.markdown("\n".join([heads, "|---|" + "--:|" * len(counts), *rows]))
    share = sum(counts.get("validation", {}).values()) / max(total, 1)
    st.caption(t("{share:.0%} of your photos are kept back for validation.", share=share))


def show_result(who: LearnerContext) -> None:
    """Draw the class's result beside the learner's."""
    facts, notes = who.facts, run_facts.NOTES_METRICS
    own = (facts["loss"], facts["accuracy"], facts["val_loss"], facts["val_accuracy"])
    names = {
        "loss": t("training loss"),
        "accuracy": t("training accuracy"),
        "val_loss": t("validation loss"),
        "val_accuracy": t("validation accuracy"),
    }
    widgets.show_table(
        {
            t("last epoch"): [*names.values(), t("seconds an epoch"), t("epochs")],
            t("the class"): [
                *(f"{notes[key]:.4f}" for key in names),
                f"{_NOTES_SECONDS}",
                "50",
            ],
            t("your run"): [
                *(f"{value:.4f}" for value in own),
                f"{facts['seconds']:.1f}",
                f"{facts['epochs']}",
            ],
        },
        "learn_result",
        t("The class's last epoch beside that of your run"),
    )
    better = facts["val_accuracy"] - notes["val_accuracy"]
    st.caption(
        t(
            "Your validation accuracy is {points} away from the class's. Other photos, other"
            " epochs: it says little about which network is better.",
            points=format_text.format_points(better),
        )
    )


def show_saved_model(who: LearnerContext) -> None:
    """Draw the size of the learner's model file, and where its bytes go."""
    assert who.run is not None
    model = who.run.best_model
    weights = 4 * int(who.facts["parameters"])
    size = model.stat().st_size if model else 0
    gallery.metric_row(
        [
            (t("parameters"), f"{who.facts['parameters']:,}"),
            (t("4 bytes each"), t("{n:,.0f} kB", n=weights / 1000)),
            (t("your file"), t("{n:,.0f} kB", n=size / 1000) if model else "–"),
        ]
    )
    st.code("model.save('cats_and_dogs.h5')\nmodel = keras.models.load_model('cats_and_dogs.h5')")
    st.caption(
        t(
            "The file of “{name}” may hold more than the weights: the optimizer keeps up to two"
            " numbers beside each, to go on training from here.",
            name=escape(who.run.name),
        )
        if model
        else t("This run keeps no model yet.")
    )


def show_overfitting(who: LearnerContext) -> None:
    """Draw the two plots of the class, of the learner's run, with the verdict."""
    assert who.run is not None
    run = who.run
    curve = charts.LearningCurve(
        epochs=run.epochs,
        planned=len(run.epochs),
        classes=max(len(run.classes), 2),
        best=run.best_epoch,
    )
    verdict = histories.diagnose_run(run)
    st.html(charts.live_legend_html())
    with st.grid(2, min_column_width=190, gap="small"):
        for metric in charts.METRICS:
            figure = charts.live_figure(metric, curve)
            charts.draw_gap(figure, metric, run.epochs)
            charts.mark_overfitting(figure, verdict.since)
            widgets.plot_figure(
                figure,
                key=f"learn_{metric}",
                alt=t("Training and validation over the epochs of your run"),
            )
    st.caption(t("Lines that part tell of learning by heart; the band is the gap."))
    st.markdown(captions.verdict_sentence(verdict))
