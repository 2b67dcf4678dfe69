"""What the Export page says of a file: its size, and how far its answers are from Keras's."""

from __future__ import annotations

from typing import Any

from catdog_core.files import shown

from ..words import escape, t


def size(count: int) -> str:
    """Bytes as people read them."""
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"


def parity(told: dict[str, Any]) -> str:
    """One or two sentences on a comparison, as `exports.parity.measure` tells it."""
    if "missing" in told:
        if not told["missing"]:
            return t("Python cannot run this format, so its answers were not compared.")
        return t(
            "Its answers were not compared: {package} is not installed here.",
            package=f"`{told['missing']}`",
        )
    photos = (
        t("{n} photos of “{name}”", n=told["photos"], name=escape(shown(told["dataset"], 40)))
        if told["dataset"]
        else t("{n} drawn pets", n=told["photos"])
    )
    sentence = t(
        "At most **{difference}** off the Keras model's probability, on {photos}, in {runtime}.",
        difference=_difference(told["difference"]),
        photos=photos,
        runtime=escape(told["runtime"]),
    )
    if told["labels"]:
        labels = t("{n} of them are called otherwise.", n=told["labels"])
    else:
        labels = t("All are called the same.")
    sentences = [sentence, labels]
    if "accuracy" in told:
        ours, theirs = told["accuracy"]
        sentences.append(
            t(
                "Accuracy **{theirs:.1%}**, that of the Keras model {ours:.1%}, on {n:,} photos.",
                theirs=theirs,
                ours=ours,
                n=told["counted"],
            )
        )
    return " ".join(sentences)


def _difference(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else f"{value:.0e}" if value else "0"
