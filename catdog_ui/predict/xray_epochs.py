"""The same channel's map after earlier epochs of the training."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from catdog_core import images

from .. import gallery
from ..words import t
from . import predict_work, xray_doors
from .xray_look import Look, picture


def show(look: Look) -> None:
    """The map of the chosen channel at each epoch whose weights were kept, and as it is now."""
    assert look.choice.path is not None  # epochs are a run's
    maps = predict_work.result(
        "predict_epochs",
        (look.choice.path, *look.epochs, look.photo.tobytes(), look.layer.place, look.channel),
        partial(
            xray_doors.through_epochs,
            look.choice.path,
            list(look.epochs.values()),
            look.photo,
            look.layer.place,
            look.channel,
        ),
        len(look.epochs),
        quick=0,
        words=t("Looking back…"),
    )
    if maps is None:
        return
    gallery.grid(
        [images.encode(picture(one, 160), "png") for one in maps],
        captions=[t("epoch {n}", n=epoch + 1) for epoch in look.epochs],
        columns=8,
        least=120,
    )
    first, last = maps[0].ravel(), maps[-1].ravel()
    if first.std() == 0 or last.std() == 0:
        now = t("Now: one of the two ends is the same everywhere.")
    else:
        now = t(
            "Now: the first and the last of them are alike by {r} (correlation: 1 the same pattern,"
            " 0 another one).",
            r=f"{np.corrcoef(first, last)[0, 1]:.2f}",
        )
    st.caption(
        t(
            "Channel {n} of this layer for the same photo, each map scaled by itself: what changes"
            " is what the training has taught it.",
            n=look.channel + 1,
        )
        + " "
        + now
    )
