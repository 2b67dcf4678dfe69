"""The split on the Data page: how the photos are divided, and dividing them anew."""

from __future__ import annotations

import streamlit as st

from catdog_core import datasets
from catdog_core.datasets import Dataset
from catdog_core.files import shown
from catdog_core.sources.preview import LAYOUTS

from .. import visitors
from ..startup import guard
from ..words import N_, t
from . import decide
from .source_parts import SPLITS, progress

_BEFORE = "split_before"
_SEEDS = 2**31 - 1
Counts = dict[str, dict[str, int]]
_WHY = N_(
    "A network is asked about photos it has not seen. So photos that are alike stay on one side:"
    " what was learnt by heart must not be asked again. **Validation** photos tell, after every"
    " epoch, how well it does; whoever chooses among models by them chooses a little luck, too."
    " **Test** photos are asked once, at the end, and tell the truth."
)


def show(dataset: Dataset) -> None:
    """The section: the split as it is, and a form for another one."""
    st.subheader(t("Who trains, who is asked?"), anchor=False)
    st.markdown(t(_WHY))
    with st.grid(2, min_column_width=340, gap="large"):
        with st.container():
            _present(dataset)
        with st.container():
            _form(dataset)


def _present(dataset: Dataset) -> None:
    made = dataset.note.get("split")
    st.markdown(t("**As it is now**"))
    lines = [t(LAYOUTS.get(dataset.note.get("layout", "split"), LAYOUTS["split"]))]
    if made:
        lines.append(
            t(
                "Each class is divided by the same parts: {validation:.0%} to validate, {test:.0%}"
                " to test, by seed {seed}.",
                validation=made["validation_fraction"],
                test=made.get("test_fraction", 0),
                seed=made["seed"],
            )
        )
    st.caption("  \n".join(lines))
    at, before = st.session_state.get(_BEFORE, (0.0, {}))
    last = dataset.changes[-1] if dataset.changes else None
    _table(dataset, before if last and last.at == at else None)


def _table(dataset: Dataset, before: Counts | None) -> None:
    now = dataset.counts()
    splits = [split for split in SPLITS if split in now or split in (before or {})]
    whole = len(dataset.photos) or 1
    columns = {t("Class"): [*(shown(name, 60) for name in dataset.classes), t("All")]}
    for split in splits:
        row, was = now.get(split, {}), (before or {}).get(split, {})
        head = f"{t(SPLITS[split])} ({sum(row.values()) / whole:.0%})"
        numbers = [(row.get(name, 0), was.get(name, 0)) for name in dataset.classes]
        numbers.append((sum(row.values()), sum(was.values())))
        columns[head] = [f"{old:,} → {new:,}" if before else f"{new:,}" for new, old in numbers]
    st.dataframe(
        columns,
        hide_index=True,
        height=min(38 + 35 * (len(dataset.classes) + 1), 400),
        key="split_table",
        alt=t("Photos by split and class"),
    )
    if before:
        st.caption(t("Left of the arrow: the photos before they were divided anew."))


def _form(dataset: Dataset) -> None:
    made = dataset.note.get("split") or {}
    given = any(split == "test" for split in dataset.counts()) and not made.get("test_fraction")
    with st.form("split_form"):
        st.markdown(t("**Divide anew**"))
        seed = st.number_input(
            t("Seed"),
            min_value=0,
            max_value=_SEEDS,
            value=int(made.get("seed", 0)),
            key="split_seed",
            help=t("The same seed divides the same photos alike, on every computer."),
        )
        validation = st.slider(
            t("To validate (%)"),
            5,
            60,
            round(100 * made.get("validation_fraction", 0.25)),
            key="split_validation",
        )
        test = st.slider(
            t("To test (%)"),
            0,
            35,
            round(100 * made.get("test_fraction", 0)),
            key="split_test",
            help=t("Photos of a test folder stay in the test; then this stays at 0."),
            disabled=given,
        )
        pressed = st.form_submit_button(
            t("Divide anew"),
            icon=":material/call_split:",
            key="split_divide",
            **visitors.gate("change data"),
        )
        st.caption(t("Files stay where they are. Runs go on with the photos they began with."))
    if pressed:
        with guard():
            _divide(dataset, int(seed), validation / 100, test / 100)


def _divide(dataset: Dataset, seed: int, validation: float, test: float) -> None:
    before = dataset.counts()
    with progress(t("Looking for photos that are alike…")) as tell:
        found = datasets.resplit(dataset.id, seed, validation, test, tell)
    decide.remember(found)
    st.session_state[_BEFORE] = (found.changes[-1].at, before)
    st.rerun()
