"""What to do after a training has ended: the verdict's advice as buttons that fill the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st

from catdog_core import runs
from catdog_core.analysis import comparability
from catdog_core.analysis.diagnose import Remark, Verdict
from catdog_core.config import PRESETS, Augmentation
from catdog_core.models import backbones
from catdog_core.runs import Run, RunRecord

from .. import captions, widgets
from ..i18n import N_, t
from . import form_requests, run_actions

_MOST_BUTTONS = 2
_SLOW_START_EPOCHS = 20  # as the verdict says: some runs take that many to get going
_CONTINUE_HELP = N_(
    "Fills in the form with this run's settings. The new run starts from the weights of this run's "
    "best epoch."
)


@dataclass(frozen=True)
class Advice:
    """A button that opens the form with a run's settings and some changes.

    Attributes:
        label: a message of the catalogue.
        icon: a name of Material Symbols.
        values: fields of `Training` to change, which also fill the label.
        augmentation: as in `form_requests.open_form`.
    """

    label: str
    icon: str
    values: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Augmentation | Literal["keep"] | None = "keep"


def advise_settings(step: Remark, run: Run) -> Advice | None:
    """Return what a verdict's step means for the next training; None where it means other photos.

    Args:
        step: one of `Verdict.steps`.
        run: the run that was judged.
    """
    match step.id:
        case "more_epochs":
            epochs = step.params.get("n") or max(_SLOW_START_EPOCHS, 2 * len(run.epochs))
            return Advice(N_("Train {epochs} epochs"), "update", {"epochs": min(int(epochs), 1000)})
        case "raise_rate":
            rate = min(float(step.params["higher"]), 0.1)
            return Advice(N_("Train at {learning_rate:g}"), "speed", {"learning_rate": rate})
        case "lower_rate" if "lower" in step.params:
            rate = max(float(step.params["lower"]), 1e-6)
            return Advice(N_("Train at {learning_rate:g}"), "speed", {"learning_rate": rate})
        case "find_rate" if run.model != backbones.TRANSFER:
            same = {"learning_rate": run.training.learning_rate}
            return Advice(N_("Find learning rate"), "query_stats", same)
        case "stop_early":
            patience = {"early_stopping": int(step.params["patience"])}
            return Advice(N_("Train with early stopping"), "front_hand", patience)
        case "augment" if run.augmentation is None or run.augmentation.is_off:
            return Advice(
                N_("Train with augmentation"), "auto_awesome", augmentation=PRESETS["notes"]
            )
        case "balance":
            return Advice(N_("Train with balanced classes"), "balance", {"class_weights": True})
        case "transfer":
            return Advice(N_("Train “{model}”"), "bolt", {"model": "transfer"})
        case "larger":
            return Advice(N_("Train “{model}”"), "bolt", {"model": "compact"})
        case _:
            return None


def show_advice(run: RunRecord, verdict: Verdict) -> None:
    """Draw what can be done with a run that has ended, the verdict's own advice first.

    Args:
        run: a run that isn't active.
        verdict: on this run.
    """
    with st.container(horizontal=True, vertical_alignment="center", key="train_advice"):
        if isinstance(run, Run):
            # Where it can go on, going on is the page's first button.
            _show_advice_buttons(
                run, verdict, "advice", "secondary" if run.can_resume else "primary"
            )
            _show_continue_button(run)
        if run.best_model is None:
            return
        widgets.page_link(
            "pages/6_Predict.py",
            t("Try it on a photo"),
            "image_search",
            run=run.id,
            **{"try": "1"},
        )
        widgets.page_link(
            "pages/6_Predict.py", t("Try it live"), "videocam", run=run.id, view="live"
        )
        widgets.page_link(
            "pages/5_Evaluate.py",
            t("Which photos go wrong?"),
            "fact_check",
            run=run.id,
            tab="mistakes",
        )
        widgets.page_link(
            "pages/4_Compare.py",
            t("Compare with other runs"),
            "compare_arrows",
            run=run.id,
            runs=",".join(one.id for one in comparability.suggest_runs(runs.list_runs(), run)),
        )


def show_next_steps(run: RunRecord, verdict: Verdict) -> None:
    """Draw a button that opens what to try next, with the advice as buttons where it has ended.

    Args:
        run: one of several on a page.
        verdict: on this run.
    """
    if not verdict.steps and not verdict.remarks:
        return
    with st.popover(t("What to try next"), type="tertiary"):
        captions.verdict_details(verdict)
        if isinstance(run, Run) and not run.is_active:
            with st.container(horizontal=True):
                _show_advice_buttons(run, verdict, f"advice_{run.id}")


def _show_advice_buttons(
    run: Run, verdict: Verdict, key: str, first_type: Literal["primary", "secondary"] = "secondary"
) -> None:
    advised = [advice for step in verdict.steps if (advice := advise_settings(step, run))]
    for number, advice in enumerate(advised[:_MOST_BUTTONS]):
        if st.button(
            t(advice.label, **advice.values),
            key=f"{key}_{number}",
            icon=f":material/{advice.icon}:",
            type="secondary" if number else first_type,
        ):
            form_requests.open_form(
                advice.values,
                augmentation=advice.augmentation,
                run=run.id,
            )


def _show_continue_button(run: Run) -> None:
    if run.best_model is None:
        return
    is_transfer = run.model == backbones.TRANSFER
    if st.button(
        t("Continue training"),
        icon=":material/fork_right:",
        key="continue_run",
        disabled=is_transfer,
        help=t(run_actions.NOT_CONTINUED if is_transfer else _CONTINUE_HELP),
    ):
        form_requests.open_form(run=run.id, with_weights=True)
