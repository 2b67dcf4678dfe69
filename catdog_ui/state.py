"""What the user is looking at, such as a dataset and a run: kept in the address of every page.

The address leads. A choice writes it before the page is drawn, so that every link on the page
takes it along, and a reload, a copied link and the browser's back button show the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from catdog_core import runs
from catdog_core.base.files import truncate_for_display
from catdog_core.data import datasets
from catdog_core.data.datasets import Dataset
from catdog_core.runs import RunRecord, model_registry, training_photos

from . import format_text
from .i18n import N_, escape, t
from .session import page_state

_WIDTH = 420  # pixels; narrower where the page is
CARRIED_PARAMS = ("lang", "dataset", "run", "runs", "done", "tour")
"""Query parameters every link between pages takes along."""
_MISSING = {
    "dataset": N_(
        "The dataset “{name}” in this link isn't in this lab. It might have been deleted."
    ),
    "run": N_("The run “{name}” in this link isn't in this lab. It might have been deleted."),
    "runs": N_("The run “{name}” in this link isn't in this lab. It might have been deleted."),
    "group": N_(
        "The experiment “{name}” in this link isn't in this lab. It might have been deleted."
    ),
}
"""What is said of an id in the address that nothing here has, by its name there."""


def link_query(**changes: str) -> dict[str, str]:
    """Return the query of a link to another page: what is carried, with some values changed."""
    query_params = {
        name: st.query_params[name] for name in CARRIED_PARAMS if name in st.query_params
    }
    return {**query_params, **changes}


def run_query(run: RunRecord, **changes: str) -> dict[str, str]:
    """Return the query of a link to a run: its dataset comes along, so that both agree."""
    dataset = dataset_of_run(run)
    dataset_id = {} if dataset is None else {"dataset": dataset.id}
    return link_query(run=run.id, **dataset_id, **changes)


def dataset_of_run(run: RunRecord) -> Dataset | None:
    """Return the dataset a run was trained with, or one of the very same photos; None if gone."""
    fitting = [one for one in datasets.list_datasets() if is_run_of(run, one)]
    return min(fitting, key=lambda one: one.id != run.dataset_id, default=None)


def is_run_of(run: RunRecord, dataset: Dataset) -> bool:
    """Return whether a run was trained with this dataset, or with most of the same photos."""
    return training_photos.is_training_dataset(run, dataset)


def begin_page(title: str) -> None:
    """Take ids that nothing here has out of the address, and note them for `show_missing`.

    Args:
        title: the page's name; another one than before forgets the notes.
    """
    page = page_state()
    if page.page_title == title:
        _follow_link(page.known_address)
    else:
        page.page_title = title
        page.visited_pages.add(title)
        page.visit += 1
        page.led_by = {
            name
            for name in _MISSING
            if st.query_params.get(name) and st.query_params[name] != page.known_address.get(name)
        }
        page.address_notes.clear()
        if page.lesson is not None and page.lesson.is_shown:
            page.lesson = None
    for name in _MISSING:
        requested = st.query_params.get(name)
        if not requested or requested == page.known_address.get(name):
            continue
        page.address_notes.pop(name, None)
        ids = requested.split(",") if name == "runs" else [requested]
        known = [key for key in ids if _find_name(name, key) is not None]
        if known == ids:
            page.known_address[name] = requested
            continue
        missing = ", ".join(key for key in ids if key not in known)
        page.address_notes[name] = t(_MISSING[name], name=escape(truncate_for_display(missing, 60)))
        if known:
            st.query_params[name] = page.known_address[name] = ",".join(known)
        else:
            st.query_params.pop(name, None)


def _follow_link(known: Mapping[str, str]) -> None:
    """Send the query back to the browser where a link of this page has changed it.

    Streamlit draws a page anew for a link to itself, but leaves the browser's address as it was,
    and the next click would send that one.

    Args:
        known: what the pickers of the page had written, by name.
    """
    if any(st.query_params.get(name, value) != value for name, value in known.items()):
        st.query_params.update({})


def show_missing() -> None:
    """Say which ids of the address nothing here has, until another choice or page."""
    for name in _MISSING:
        _show_note(name)


def _show_note(name: str) -> None:
    if note := page_state().address_notes.get(name):
        st.warning(note, icon=":material/link_off:")


def _find_name(kind: str, key: str) -> str | None:
    """The name of what has this id, None where nothing has."""
    if kind == "dataset":
        return next((one.name for one in datasets.list_datasets() if one.id == key), None)
    if kind == "group":
        every_group = (run.group for run in runs.list_runs())
        return next(
            (str(group.get("name")) for group in every_group if group.get("id") == key), None
        )
    every = [*runs.list_runs(), *model_registry.list_other_models()]
    return next((format_text.model_name(run) for run in every if run.id == key), None)


def choose_dataset(
    label: str = "", among: Sequence[Dataset] | None = None, follow_run: bool = True
) -> Dataset | None:
    """Let the user choose a dataset; where there is none, say what to do and return None.

    Args:
        label: above the box.
        among: the choice, the first of them the default; all by default.
        follow_run: another dataset drops the chosen run, unless it was trained on it.
    """
    every = datasets.list_datasets() if among is None else list(among)
    datasets_by_id = {dataset.id: dataset for dataset in every}
    if not datasets_by_id:
        show_no_dataset()
        return None
    names = _unique_names({key: dataset.name for key, dataset in datasets_by_id.items()})
    key = choose_from_address(
        "dataset",
        {key: truncate_for_display(name) for key, name in names.items()},
        label or t("Dataset"),
        default=_dataset_of_chosen_run() if among is None else "",
        on_change=_drop_other_run if follow_run else None,
        width=_WIDTH,
    )
    return datasets_by_id[key]


def show_no_dataset() -> None:
    """Say what to do where there is no dataset yet."""
    st.info(
        t(
            "There's no dataset yet. Create the demo dataset or add your own photos on the Data "
            "page."
        ),
        icon=":material/photo_library:",
    )
    st.page_link(
        "pages/1_Data.py",
        label=t("Open Data"),
        icon=":material/arrow_forward:",
        query_params=link_query(),
    )


def _dataset_of_chosen_run() -> str:
    """The id of the dataset of the run in the address; empty where there is none."""
    requested = st.query_params.get("run") or page_state().known_address.get("run")
    run = next((run for run in runs.list_runs() if run.id == requested), None)
    dataset = None if run is None else dataset_of_run(run)
    return "" if dataset is None else dataset.id


def _drop_other_run(dataset_id: str) -> None:
    """Forget the chosen run where it belongs to another dataset than the one just chosen."""
    if _dataset_of_chosen_run() != dataset_id:
        st.query_params.pop("run", None)
        page_state().known_address.pop("run", None)


def follow_run() -> None:
    """Choose the dataset of the run in the address, if both are here."""
    dataset_id = _dataset_of_chosen_run()
    if dataset_id and st.query_params.get("dataset") != dataset_id:
        st.query_params["dataset"] = page_state().known_address["dataset"] = dataset_id


def choose_run(
    label: str = "", others: Sequence[RunRecord] = (), with_model: bool = False
) -> RunRecord | None:
    """Let the user choose a run; None where there is none yet.

    Its dataset is chosen with it. Where the address names no run, it begins with the newest one
    of the dataset in the address, else with the newest.

    Args:
        label: above the box.
        others: what stands below the workspace's runs, such as the model that comes with the lab.
        with_model: begin with one that has a model.
    """
    every = [*runs.list_runs(), *others]
    if not every:
        st.info(t("There's no run yet. Start one on the Train page."))
        return None
    return choose_among_runs(every, label, with_model)


def choose_among_runs(
    every: Sequence[RunRecord],
    label: str = "",
    with_model: bool = False,
    same_dataset: bool = False,
    **options: Any,
) -> RunRecord | None:
    """Let the user choose one of these runs or models, as `choose_run` does.

    Args:
        every: at least one.
        label: above the box.
        with_model: begin with one that has a model.
        same_dataset: begin with no run where none was trained on the dataset in the address, and
            return None then.
        options: others of `st.selectbox`.
    """
    runs_by_id = {run.id: run for run in every}
    names = _unique_names({key: format_text.model_name(run) for key, run in runs_by_id.items()})
    ready = [run for run in every if not with_model or run.best_model is not None]
    dataset_id = st.query_params.get("dataset", "")
    dataset = next((one for one in datasets.list_datasets() if one.id == dataset_id), None)
    same = [run for run in ready if dataset is not None and is_run_of(run, dataset)]
    key = choose_from_address(
        "run",
        {key: truncate_for_display(name) for key, name in names.items()},
        label or t("Run"),
        default=next((run.id for run in (same if same_dataset else [*same, *ready])), ""),
        on_change=lambda _: follow_run(),
        is_optional=same_dataset,
        **{"width": _WIDTH, **options},
    )
    return runs_by_id.get(key)


def choose_from_address(
    parameter: str,
    names: Mapping[str, str],
    label: str,
    default: str = "",
    on_change: Callable[[str], None] | None = None,
    is_optional: bool = False,
    **options: Any,
) -> str:
    """Let the user choose one of many in a box, kept in the address; return its id.

    Where the address doesn't name one, it is what the session chose last, else the default. An
    address that names another thing is corrected, and a sentence says so.

    Args:
        parameter: the name in the address.
        names: plain text of each line, by its id in the address.
        label: above the box.
        default: the id to begin with; the first one if empty.
        on_change: called with the id that was just chosen.
        is_optional: without a default, nothing is chosen, which returns an empty text.
        options: others of `st.selectbox`.
    """
    page, key = page_state(), f"chosen_{parameter}"

    def write_address() -> None:
        chosen = st.session_state[key]
        st.query_params[parameter] = page.known_address[parameter] = chosen
        page.address_notes.pop(parameter, None)
        page.address_notes.pop(f"{parameter}_here", None)
        if on_change is not None:
            on_change(chosen)

    in_address = st.query_params.get(parameter, "")
    requested = in_address or page.known_address.get(parameter, "")
    first = "" if is_optional else next(iter(names))
    value = next((one for one in (requested, default) if one in names), first)
    if in_address and in_address not in names and value:
        _note_other(parameter, in_address, names[value])
    st.session_state[key] = value or None
    st.selectbox(
        label,
        list(names),
        format_func=lambda name: names.get(name, ""),
        key=key,
        on_change=write_address,
        **options,
    )
    _show_note(f"{parameter}_here")
    if value:
        if st.query_params.get(parameter) != value:
            st.query_params[parameter] = value
        page.known_address[parameter] = value
    else:
        st.query_params.pop(parameter, None)
        page.known_address.pop(parameter, None)
    return value


def choose_several_from_address(
    parameter: str,
    names: Mapping[str, str],
    label: str,
    default: Sequence[str] = (),
    most: int | None = None,
    **options: Any,
) -> list[str]:
    """Let the user choose some of many, kept in the address with commas; return their ids.

    Args:
        parameter: the name in the address.
        names: plain text of each choice, by its id in the address.
        label: above the box.
        default: the ids of an address that says nothing of them.
        most: how many at most; of an address with more, the first ones are taken.
        options: others of `st.multiselect`.
    """
    page, key = page_state(), f"chosen_{parameter}"

    def write_address() -> None:
        joined = ",".join(st.session_state[key])
        st.query_params[parameter] = page.known_address[parameter] = joined
        page.address_notes.pop(parameter, None)

    requested = st.query_params.get(parameter, page.known_address.get(parameter))
    ids = list(default) if requested is None else requested.split(",")
    chosen = [name for name in dict.fromkeys(ids) if name in names][:most]
    st.session_state[key] = chosen
    st.multiselect(
        label,
        list(names),
        format_func=lambda name: names.get(name, ""),
        max_selections=most,
        key=key,
        on_change=write_address,
        **options,
    )
    joined = ",".join(chosen)
    if st.query_params.get(parameter) != joined:
        st.query_params[parameter] = joined
    page.known_address[parameter] = joined
    return chosen


def choose_tab(
    names: Mapping[str, str],
    parameter: str = "tab",
    default: str = "",
    draw: Callable[..., Any] = st.segmented_control,
    **options: Any,
) -> str:
    """Let the user choose a part of a page, kept as ``?tab=`` in its address; return its name.

    `st.tabs` would write the tab's translated label.

    Args:
        names: label of each tab, with its icon, by its name in the address.
        parameter: the name in the address.
        default: the tab of an address without one; the first one if empty.
        draw: `st.segmented_control` or `st.pills`.
        options: others of it.
    """
    page, key = page_state(), f"tab_{parameter}"

    def write_address() -> None:
        st.query_params[parameter] = page.known_address[parameter] = st.session_state[key]
        page.address_notes.pop(parameter, None)

    requested = st.query_params.get(parameter)
    wanted = (name for name in (requested, default, *names) if name in names)
    value = str(next(wanted))
    if requested and requested not in names:
        page.address_notes[parameter] = t(
            "This page has no part “{name}”, so another one is shown.",
            name=escape(truncate_for_display(requested, 60)),
        )
    st.session_state[key] = value
    options = {"label_visibility": "collapsed", "label": t("Page section"), **options}
    draw(
        options=list(names),
        format_func=lambda name: names.get(name, ""),
        required=True,
        key=key,
        on_change=write_address,
        **options,
    )
    _show_note(parameter)
    if requested != value:
        st.query_params[parameter] = value
    page.known_address[parameter] = value
    return value


def write_address(query: Mapping[str, str], names: Sequence[str]) -> None:
    """Keep a form's settings in the page's address without a step in the browser's history.

    `st.query_params` would add one for every move of a slider, and a query sent along with the
    next move before the browser has followed would undo it. So such a form reads the address on
    arrival only, and the browser itself writes it.

    Args:
        query: values by name; they may hold anything.
        names: all names the form owns. Those without a value are removed from the address.
    """
    # A value that a user typed must not end the script element.
    values = json.dumps(dict(query)).replace("<", "\\u003c")
    st.html(
        "<script>{const address = new URL(window.location.href);"
        f"const query = {values};"
        f"for (const name of {json.dumps(list(names))}) Object.hasOwn(query, name)"
        " ? address.searchParams.set(name, query[name]) : address.searchParams.delete(name);"
        "if (address.href !== window.location.href)"
        ' window.history.replaceState(window.history.state, "", address);}</script>',
        unsafe_allow_javascript=True,
    )


def _note_other(parameter: str, requested: str, shown: str) -> None:
    """Note that what the address names is here, but not among what this page can show."""
    name = _find_name(parameter, requested)
    if name is None:
        return  # it was deleted meanwhile, or `begin_page` has said it
    page_state().address_notes[f"{parameter}_here"] = t(
        "This page can't show “{name}”, so “{shown}” is shown.",
        name=escape(truncate_for_display(name, 60)),
        shown=escape(shown),
    )


def _unique_names(names: dict[str, str]) -> dict[str, str]:
    """Names by id, with the end of the id added to those that occur twice."""
    every = list(names.values())
    return {
        key: f"{name} · {key[-8:]}" if every.count(name) > 1 else name
        for key, name in names.items()
    }
