"""Miniatures of the sections about training, told with the learner's own run."""

from __future__ import annotations

import streamlit as st

from catdog_core.learn import by_hand, own_numbers
from catdog_core.outcomes import histories

from .. import chart_marks, charts, phrases, tiles, verdict
from ..data.source_parts import SPLITS
from ..words import escape, t
from . import live_charts
from .learner import Learner

_CONFIG = {"displaylogo": False, "displayModeBar": False}
_RATES = (0.01, 0.05, 0.2, 0.5, 0.9, 1.02)
_NOTES_SECONDS = 20


def loss(who: Learner) -> None:
    """The loss of one answer, by the probability the true class got."""
    given = st.slider(
        t("Probability given to the true class"), 0.01, 0.99, 0.6, 0.01, key="learn_given"
    )
    x = [step / 100 for step in range(1, 100)]
    value = by_hand.cross_entropy(given)
    live_charts.curve(
        x,
        [by_hand.cross_entropy(p) for p in x],
        ([given], [value]),
        (t("probability of the true class"), t("loss")),
        "learn_loss",
        t("Loss falls as the probability of the true class grows"),
        y_range=[0, 4.7],
    )
    st.caption(
        t(
            "−ln {given:.2f} = {value:.2f}, and accuracy counts this answer as {verdict}. The last"
            " training loss of the run told of, {loss:.3f}, is that of {likely:.0%}.",
            given=given,
            value=value,
            verdict=t("right") if given > 0.5 else t("wrong"),
            loss=who.facts["loss"],
            likely=who.facts["likely"],
        )
    )


def learning_rate(who: Learner) -> None:
    """Steps down into a valley, too small, fitting or too large."""
    rate = st.select_slider(t("Learning rate"), _RATES, 0.2, key="learn_lr")
    places = by_hand.descent(float(rate))
    x = [step / 20 for step in range(-30, 31)]
    seen = [place for place in places if abs(place) <= 1.5]
    live_charts.curve(
        x,
        [place * place for place in x],
        (seen, [place * place for place in seen]),
        (t("a weight"), t("loss")),
        "learn_valley",
        t("{n} steps in a valley of loss, at learning rate {rate:g}", n=len(places) - 1, rate=rate),
        x_range=[-1.5, 1.5],
        y_range=[-0.1, 2.3],
    )
    told = (
        t("It climbs out of the valley: it diverges.")
        if abs(places[-1]) > abs(places[0])
        else t(
            "After {n} steps it is {far:.3f} from the bottom.",
            n=len(places) - 1,
            far=abs(places[-1]),
        )
    )
    st.caption(
        t(
            "Each dot is a step of plain gradient descent. {told} Your run takes {rate:g}.",
            told=told,
            rate=who.facts["learning_rate"],
        )
    )


def steps(who: Learner) -> None:
    """What batch size and epochs come to for the learner's photos."""
    facts = who.facts
    batch = st.slider(t("Batch size"), 1, 100, min(int(facts["batch"]), 100), key="learn_size")
    count = -(-int(facts["photos"]) // batch)
    tiles.show(
        [
            (t("training photos"), f"{facts['photos']:,}"),
            (t("steps an epoch"), f"{count:,}"),
            (t("epochs"), f"{facts['epochs']:,}"),
            (t("changes of the weights"), f"{count * facts['epochs']:,}"),
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


def validation(who: Learner) -> None:
    """The parts of the learner's dataset."""
    assert who.dataset is not None
    counts = who.dataset.counts()
    total = sum(sum(row.values()) for row in counts.values())
    tiles.show([(t(SPLITS[split]), f"{sum(row.values()):,}") for split, row in counts.items()])
    rows = [
        f"| {escape(name[:40])} | " + " | ".join(f"{counts[s][name]:,}" for s in counts) + " |"
        for name in who.dataset.classes[:8]
    ]
    names = [t("Class"), *(t(SPLITS[split]) for split in counts)]
    heads = f"| {' | '.join(names)} |"
    st.markdown("\n".join([heads, "|---|" + "--:|" * len(counts), *rows]))
    share = sum(counts.get("validation", {}).values()) / max(total, 1)
    st.caption(t("{share:.0%} of your photos are kept back for validation.", share=share))


def result(who: Learner) -> None:
    """The class's result beside the learner's."""
    facts, notes = who.facts, own_numbers.CLASS
    names = {
        "loss": t("training loss"),
        "accuracy": t("training accuracy"),
        "val_loss": t("validation loss"),
        "val_accuracy": t("validation accuracy"),
    }
    st.dataframe(
        {
            t("last epoch"): [*names.values(), t("seconds an epoch"), t("epochs")],
            t("the class"): [
                *(f"{notes[key]:.4f}" for key in names),
                f"{_NOTES_SECONDS}",
                "50",
            ],
            t("your run"): [
                *(f"{facts[key]:.4f}" for key in names),
                f"{facts['seconds']:.1f}",
                f"{facts['epochs']}",
            ],
        },
        hide_index=True,
        height="content",
        key="learn_result",
        alt=t("The class's last epoch beside that of your run"),
    )
    better = facts["val_accuracy"] - notes["val_accuracy"]
    st.caption(
        t(
            "Your validation accuracy is {points} away from the class's. Other photos, other"
            " epochs: it says little about which network is better.",
            points=phrases.points(better),
        )
    )


def save(who: Learner) -> None:
    """The size of the learner's model file, and where its bytes go."""
    assert who.run is not None
    model = who.run.best_model
    weights = 4 * int(who.facts["parameters"])
    size = model.stat().st_size if model else 0
    tiles.show(
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


def overfitting(who: Learner) -> None:
    """The two plots of the class, of the learner's run, with the verdict."""
    assert who.run is not None and who.run.training is not None
    run = who.run
    curve = charts.Curve(
        epochs=run.epochs,
        planned=len(run.epochs),
        classes=max(len(run.classes), 2),
        best=run.best_epoch,
    )
    found = histories.of_run(run)
    st.html(charts.live_legend())
    metrics: tuple[charts.Metric, ...] = ("accuracy", "loss")
    with st.grid(2, min_column_width=190, gap="small"):
        for metric in metrics:
            figure = charts.live(metric, curve)
            chart_marks.band(figure, metric, run.epochs)
            chart_marks.onset(figure, found.since)
            st.plotly_chart(
                figure,
                key=f"learn_{metric}",
                config=_CONFIG,
                alt=t("Training and validation over the epochs of your run"),
            )
    st.caption(t("Lines that part tell of learning by heart; the band is the gap."))
    st.markdown(verdict.sentence(found))
