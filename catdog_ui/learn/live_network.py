"""Miniatures of the sections about the network, computed by hand in numpy."""

from __future__ import annotations

import numpy as np
import streamlit as st

from catdog_core import images
from catdog_core.errors import SettingsError
from catdog_core.learn import by_hand
from catdog_core.learn.by_hand import Grey
from catdog_core.networks import architecture

from .. import gallery
from ..words import escape, say, t
from . import learner, live_charts
from .learner import Learner

_ROW = 36_992  # numbers before the last layer of the notes' network


def convolution(who: Learner) -> None:
    """A filter on the learner's photo: the sums, and what ReLU leaves of them."""
    photo = _grey(who)
    if photo is None:
        return
    kernel = st.segmented_control(
        t("Filter"),
        list(by_hand.KERNELS),
        format_func=lambda name: t(by_hand.KERNELS[name][0]),
        default="edges",
        required=True,
        key="learn_kernel",
        wrap=True,
    )
    sums = by_hand.convolve(photo, str(kernel))
    left = by_hand.relu(sums)
    _pictures(
        [photo, sums, left],
        [
            t("the photo, {n} × {n}", n=photo.shape[0]),
            t("sums, {n} × {n}", n=sums.shape[0]),
            t("after ReLU: {share:.0%} zero", share=float((left == 0).mean())),
        ],
    )
    st.code(np.array2string(np.array(by_hand.KERNELS[str(kernel)][1]), precision=2), "python")
    st.caption(
        t(
            "White is large. Here the sums go from {low:.2f} to {high:.2f}; ReLU keeps those above"
            " zero.",
            low=float(sums.min()),
            high=float(sums.max()),
        )
    )
    learner.another()


def pooling(who: Learner) -> None:
    """A map of edges, pooled twice, and one of its places in numbers."""
    photo = _grey(who)
    if photo is None:
        return
    found = by_hand.relu(by_hand.convolve(photo, "edges"))
    once = by_hand.max_pool(found)
    twice = by_hand.max_pool(once)
    maps = [found, once, twice]
    _pictures(maps, [t("{h} × {w}", h=m.shape[0], w=m.shape[1]) for m in maps])
    rows, columns = np.unravel_index(int(once.argmax()), once.shape)
    top, left = max(2 * int(rows) - 2, 0), max(2 * int(columns) - 2, 0)
    part = found[top : top + 4, left : left + 4]
    with st.grid(2, min_column_width=200, gap="small"):
        st.code(np.array2string(part, precision=2, floatmode="fixed"), "python")
        st.code(np.array2string(by_hand.max_pool(part), precision=2, floatmode="fixed"), "python")
    st.caption(t("Left a part of the first map, right the largest of each 2 × 2 numbers of it."))
    learner.another()


def network(who: Learner) -> None:
    """The table of the notes' networks for any size of photos."""
    name = st.segmented_control(
        t("Network"),
        ["notes", "notes-deep"],
        default="notes",
        required=True,
        key="learn_network",
        label_visibility="collapsed",
    )
    size = st.slider(t("Side of the photos in pixels"), 32, 224, 150, 2, key="learn_side")
    try:
        rows = architecture.layers(str(name), size, max(int(who.facts["classes"]), 2))
    except SettingsError as error:
        st.warning(escape(say(error)))
        return
    st.dataframe(
        {
            t("Layer"): [f"{row.kind} {row.detail}".strip() for row in rows],
            t("Output"): [" × ".join(f"{n:,}" for n in row.output_shape) for row in rows],
            t("Parameters"): [f"{row.parameters:,}" for row in rows],
        },
        hide_index=True,
        height="content",
        key="learn_layers",
        alt=t("Layers of the network with output shapes and parameters"),
    )
    st.caption(
        t(
            "{n:,} parameters in all. The convolutions' stay the same for any size; the last"
            " layer's follow it.",
            n=architecture.parameters(rows),
        )
    )


def dropout(who: Learner) -> None:
    """A row of numbers in training, with half of them gone."""
    del who
    rate = st.slider(t("Dropped share"), 0.0, 0.9, 0.5, 0.1, key="learn_rate")
    seed = st.session_state.get("learn_drop", 0)
    values = np.random.default_rng(7).random((16, 16)) * 0.9 + 0.1
    left = by_hand.dropped(values, rate, seed)
    pictures = [
        np.kron(by_hand.as_picture(v), np.ones((12, 12, 1), np.uint8))
        for v in (values, np.minimum(left, 1.0))
    ]
    gallery.grid(
        [images.encode(picture, "png") for picture in pictures],
        captions=[t("in validation and prediction"), t("in this training step")],
        columns=2,
        width=420,
    )
    gone = int((by_hand.dropped(np.ones(_ROW), rate, seed) == 0).sum())
    st.caption(
        t(
            "Each square is one number, black is zero. Of the {row:,} numbers before the notes'"
            " last layer this step drops {gone:,}.",
            row=_ROW,
            gone=gone,
        )
    )
    st.button(t("Next step"), icon=":material/casino:", key="learn_step", on_click=_next_step)


def _next_step() -> None:
    st.session_state["learn_drop"] = st.session_state.get("learn_drop", 0) + 1


def sigmoid(who: Learner) -> None:
    """A sum, pressed into a probability; softmax of two sums says the same."""
    score = st.slider(t("Sum of the last layer"), -6.0, 6.0, 1.0, 0.1, key="learn_score")
    x = [step / 10 for step in range(-60, 61)]
    probability = by_hand.sigmoid(score)
    live_charts.curve(
        x,
        [by_hand.sigmoid(value) for value in x],
        ([score], [probability]),
        (t("sum"), t("probability")),
        "learn_sigmoid",
        t("The sigmoid curve; at {score:.1f} it is {p:.3f}", score=score, p=probability),
        y_range=[-0.05, 1.05],
    )
    other, same = by_hand.softmax((0.0, score))
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


def _grey(who: Learner) -> Grey | None:
    assert who.dataset is not None
    found = learner.photo(who.dataset)
    return None if found is None else by_hand.grey(found[1])


def _pictures(maps: list[Grey], captions: list[str]) -> None:
    gallery.grid(
        [images.encode(by_hand.as_picture(one), "png") for one in maps],
        captions=captions,
        columns=len(maps),
        least=110,
    )
