"""Photos from the net, downloaded in the background: the class dataset, a URL, TFDS."""

from __future__ import annotations

import streamlit as st

from catdog_core.base import access, jobs
from catdog_core.base.errors import CatDogError
from catdog_core.base.jobs import Job
from catdog_core.data import allowed_roots, cats_vs_dogs, datasets, imports, tfds

from .. import job_fragment, visitors
from ..i18n import N_, escape, say, t
from ..startup import guard
from .source_widgets import choose, demo_button, heading

CLASS, LOOK, TFDS, URL = "class_set", "tfds_look", "tfds", "url_import"
_TITLES = {
    CLASS: N_("The dataset of the class"),
    LOOK: N_("TensorFlow Datasets"),
    TFDS: N_("TensorFlow Datasets"),
    URL: N_("Photos at a URL"),
}
_MINE = "awaited_jobs"
_POLL = 1.0  # seconds between two looks at a job
_MB = 1e6


def class_card(kind: str) -> None:
    """The dataset of the class: where it is from, and a button that fetches it."""
    heading(t("2,000 photos to train on, 1,000 to validate: those of the class"))
    st.caption(t(cats_vs_dogs.ORIGIN))
    st.caption(t(cats_vs_dogs.TERMS))
    st.caption(t("From {url}", url=f"`{cats_vs_dogs.URL}`"))
    class_button("source_class", kind)


def class_button(key: str, kind: str = "secondary") -> None:
    """A button that fetches the dataset of the class, or chooses it where it is here."""
    if class_is_here():
        if st.button(t("It is here: choose it"), icon=":material/check:", key=key):
            with guard():
                choose(datasets.load(cats_vs_dogs.ID))
        return
    running = job_fragment.is_running(CLASS)
    st.button(
        t("Downloading…") if running else t("Download the class dataset (68 MB)"),
        type=kind,  # type: ignore[arg-type]
        icon=":material/download:",
        key=key,
        **visitors.gate("run a job", disabled=running),
        on_click=_fetch_class,
    )


def class_is_here() -> bool:
    """Whether the dataset of the class is in the workspace."""
    return any(dataset.id == cats_vs_dogs.ID for dataset in datasets.listing())


def tfds_card(_kind: str) -> None:
    """A dataset by its name in the catalogue: looked up, then fetched on a second click."""
    heading(t("A dataset of tensorflow_datasets, by its name"))
    if not tfds.is_installed():
        st.caption(
            t(
                "The package `tensorflow_datasets` is not installed. With it, hundreds of datasets"
                " come by name. Install it, then start the lab again:"
            )
        )
        st.code("pip install tensorflow-datasets", language=None)
        return
    with st.form("source_tfds", border=False):
        name = st.text_input(
            t("Name in the catalogue"), key="tfds_name", placeholder="cats_vs_dogs", width=360
        )
        asked = st.form_submit_button(
            t("Look it up"),
            icon=":material/search:",
            **visitors.gate("run a job", disabled=job_fragment.is_running(LOOK)),
        )
    if asked and name.strip():
        wanted = name.strip()
        _start(LOOK, lambda job: tfds.look(wanted))
        st.rerun()
    job = jobs.get(LOOK)
    if job is not None and isinstance(job.result, tfds.Found):
        _offer(job.result)


def url_card(_kind: str) -> None:
    """A zip, tar or folder of photos at a URL, downloaded into the workspace."""
    heading(t("A zip, tar or folder of photos at a URL"))
    st.caption(
        t(
            "The photos are downloaded into the workspace. The server's environment holds the"
            " credentials for an object store."
        )
    )
    with st.form("source_url", border=False):
        address = st.text_input(
            t("URL of the archive or folder"),
            key="url_address",
            placeholder="s3://bucket/photos",
            width=560,
        )
        asked = st.form_submit_button(
            t("Import it"),
            icon=":material/download:",
            **visitors.gate("run a job", disabled=job_fragment.is_running(URL)),
        )
    if asked and address.strip():
        with guard():
            access.check("change data")  # before anything is asked for
            url = allowed_roots.confine_url(address.strip())
            _start(
                URL,
                lambda job: imports.url(url, job.tell, job.stopped, allowed_roots.is_allowed_url),
            )
            st.rerun()


def _offer(found: tfds.Found) -> None:
    with st.container(border=True):
        counts = ", ".join(f"{n:,} {escape(split)}" for split, n in found.counts.items())
        more = ", …" if len(found.classes) > 12 else ""
        st.markdown(f"**{escape(found.name)}** {counts}")
        st.caption(t("Classes: {names}", names=escape(", ".join(found.classes[:12])) + more))
        if found.size:
            st.caption(t("{size:,.0f} MB are fetched.", size=found.size / _MB))
        else:
            st.caption(t("How much is fetched, the package knows only when it does so."))
    st.button(
        t("Fetch and import it"),
        type="primary",
        icon=":material/download:",
        key="tfds_fetch",
        **visitors.gate("run a job", disabled=job_fragment.is_running(TFDS)),
        on_click=_start,
        args=(TFDS, lambda job: tfds.dataset(found.name, job.tell)),
    )


def background() -> None:
    """What is being fetched now, on any page; what was awaited here becomes the chosen dataset."""
    for key in _TITLES:
        job = jobs.get(key)
        if job is None:
            continue
        if job.status == "done" and key in _mine():
            _mine().discard(key)
            if isinstance(job.result, datasets.Dataset):
                st.query_params["dataset"] = job.result.id
                st.toast(t("{name} is ready.", name=escape(job.result.name)))
        elif job.status != "done":
            job_fragment.watch_job(key, _show, _POLL)


def _show(job: Job | None) -> None:
    if job is None:
        return
    with st.container(border=True):
        if job.status == "running":
            _bar(job)
        else:
            _ended(job)


def _bar(job: Job) -> None:
    share = min(job.done / job.total, 1.0) if job.total else 0.0
    words = [t(_TITLES[job.key]), t(job.phase) if job.phase else t("Starting…")]
    if job.total:
        words.append(t("{done:,.0f} of {n:,.0f} MB", done=job.done / _MB, n=job.total / _MB))
    if job.rate:
        words.append(t("{rate:,.1f} MB/s", rate=job.rate / _MB))
    st.progress(share, " · ".join(words))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(t("You may leave the page; it goes on."))
        if job.key in (CLASS, URL):
            st.button(
                t("Stop"),
                type="tertiary",
                icon=":material/stop:",
                key=f"job_stop_{job.key}",
                **visitors.gate(job.action, disabled=job.stopped()),
                on_click=job.stop,
            )


def _ended(job: Job) -> None:
    error = job.error or CatDogError(N_("The download was stopped."))
    if job.status == "stopped":
        st.info(escape(say(error)), icon=":material/pause_circle:")
    else:
        st.error(escape(say(error)), icon=":material/error:")
    with st.container(horizontal=True):
        if job.key == CLASS:
            st.button(
                t("Try again"),
                icon=":material/refresh:",
                key="job_again",
                **visitors.gate("run a job"),
                on_click=_fetch_class,
            )
        if not any(dataset.id == datasets.DEMO_ID for dataset in datasets.listing()):
            demo_button("job_demo", "secondary")
        st.button(
            t("Dismiss"),
            type="tertiary",
            key=f"job_dismiss_{job.key}",
            on_click=jobs.forget,
            args=(job.key,),
        )


def _fetch_class() -> None:
    _start(
        CLASS,
        lambda job: cats_vs_dogs.dataset(cats_vs_dogs.Fetch(tell=job.tell, stopped=job.stopped)),
    )


def _start(key: str, work: jobs.Work) -> None:
    with guard():
        jobs.start(key, work)
        _mine().add(key)


def _mine() -> set[str]:
    """The jobs this session waits for."""
    mine: set[str] = st.session_state.setdefault(_MINE, set())
    return mine
