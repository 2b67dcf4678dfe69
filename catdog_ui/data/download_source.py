"""Photos from the net, downloaded in the background: the class dataset, a URL, TFDS."""

from __future__ import annotations

import streamlit as st

from catdog_core.base import access, jobs
from catdog_core.base.errors import CatDogError
from catdog_core.base.jobs import Job
from catdog_core.data import allowed_roots, cats_vs_dogs, datasets, imports, tfds
from catdog_core.data.dataset_plan import OddClassesError
from catdog_core.data.datasets import FolderReading, LabelChoice
from catdog_core.data.label_tables import LabelColumnError

from .. import job_fragment, permissions
from ..i18n import N_, escape, say, t
from ..session import page_state
from ..startup import guard
from .source_widgets import choose_dataset, demo_button, show_heading

CLASS_SET, TFDS_LOOKUP, TFDS, URL = "class_set", "tfds_look", "tfds", "url_import"
_TITLES = {
    CLASS_SET: N_("Course dataset"),
    TFDS_LOOKUP: N_("TensorFlow Datasets"),
    TFDS: N_("TensorFlow Datasets"),
    URL: N_("Photos at a URL"),
}
_POLL = 1.0  # seconds between two looks at a job
_MB = 1e6


def class_card(kind: str) -> None:
    """Draw where the dataset of the class is from, and a button that downloads it."""
    show_heading(t("The course's photos: 2,000 for training, 1,000 for validation"))
    st.caption(t(cats_vs_dogs.ORIGIN))
    st.caption(t(cats_vs_dogs.TERMS))
    st.caption(t("From {url}", url=f"`{cats_vs_dogs.URL}`"))
    class_button("source_class", kind)


def class_button(key: str, kind: str = "secondary") -> None:
    """Draw a button that downloads the dataset of the class, or chooses it where it is here."""
    if has_class_dataset():
        if st.button(t("Select it"), icon=":material/check:", key=key):
            with guard():
                choose_dataset(datasets.load_dataset(cats_vs_dogs.ID))
        return
    running = job_fragment.is_running(CLASS_SET)
    st.button(
        t("Downloading…") if running else t("Download dataset (68 MB)"),
        type=kind,  # type: ignore[arg-type]
        icon=":material/download:",
        key=key,
        **permissions.permission_kwargs("run a job", disabled=running),
        on_click=_fetch_class,
    )


def has_class_dataset() -> bool:
    """Return whether the dataset of the class is in the workspace."""
    return any(dataset.id == cats_vs_dogs.ID for dataset in datasets.list_datasets())


def tfds_card(_kind: str) -> None:
    """Draw a form for a dataset's name in the catalogue; a second click downloads it."""
    show_heading(t("A tensorflow_datasets dataset, by name"))
    with st.form("source_tfds", border=False):
        name = st.text_input(
            t("Catalog name"), key="tfds_name", placeholder="cats_vs_dogs", width=360
        )
        submitted = st.form_submit_button(
            t("Look up"),
            icon=":material/search:",
            **permissions.permission_kwargs(
                "run a job", disabled=job_fragment.is_running(TFDS_LOOKUP)
            ),
        )
    if submitted and name.strip():
        wanted = name.strip()
        _start_job(TFDS_LOOKUP, lambda job: tfds.inspect_tfds_dataset(wanted))
        st.rerun()
    job = jobs.get_job(TFDS_LOOKUP)
    if job is not None and isinstance(job.result, tfds.TfdsInfo):
        _show_tfds_offer(job.result)


def url_card(_kind: str) -> None:
    """Draw a form for the URL of a zip, tar or folder of photos."""
    show_heading(t("A zip, tar or folder of photos at a URL"))
    st.caption(
        t(
            "Photos are downloaded into the workspace. For an object store, set the credentials "
            "in the server's environment."
        )
    )
    with st.form("source_url", border=False):
        address = st.text_input(
            t("Archive or folder URL"),
            key="url_address",
            placeholder="s3://bucket/photos",
            width=560,
        )
        submitted = st.form_submit_button(
            t("Import"),
            icon=":material/download:",
            **permissions.permission_kwargs("run a job", disabled=job_fragment.is_running(URL)),
        )
    if submitted and address.strip():
        with guard():
            access.check_permission("change data")  # before anything is asked for
            url = allowed_roots.confine_url(address.strip())
            page_state().data.imported_url = url
            _import_url(url, datasets.DEFAULT_READING)
            st.rerun()


def _import_url(url: str, reading: FolderReading) -> None:
    jobs.forget_job(URL)
    _start_job(
        URL,
        lambda job: imports.import_url(
            url, job.tell, job.stopped, allowed_roots.is_allowed_url, reading
        ),
    )


def _answer_import(error: CatDogError) -> None:
    """Draw what a URL's import has to be told, if that is all it failed for."""
    url = page_state().data.imported_url
    if not url:  # another session's
        return
    may = permissions.permission_kwargs("run a job")
    if isinstance(error, OddClassesError):
        st.button(
            t("Use these folders as classes"),
            key="url_confirm",
            on_click=_import_url,
            args=(url, FolderReading(is_confirmed=True)),
            **may,
        )
    elif isinstance(error, LabelColumnError):
        column = st.selectbox(
            t("Label column"),
            error.columns,
            index=None,
            placeholder=t("Choose the column with the classes"),
            key="url_column",
            width=360,
        )
        if column is not None:
            st.button(
                t("Import"),
                key="url_import_column",
                on_click=_import_url,
                args=(url, FolderReading(LabelChoice(None, "", column))),
                **may,
            )


def _show_tfds_offer(info: tfds.TfdsInfo) -> None:
    with st.container(border=True):
        counts = ", ".join(f"{n:,} {escape(split)}" for split, n in info.counts.items())
        more = ", …" if len(info.classes) > 12 else ""
        st.markdown(f"**{escape(info.name)}** {counts}")
        st.caption(t("Classes: {names}", names=escape(", ".join(info.classes[:12])) + more))
        if info.size:
            st.caption(t("Download size: {size:,.0f} MB.", size=info.size / _MB))
        else:
            st.caption(t("The download size is unknown until the download starts."))
    st.button(
        t("Download and import"),
        type="primary",
        icon=":material/download:",
        key="tfds_fetch",
        **permissions.permission_kwargs("run a job", disabled=job_fragment.is_running(TFDS)),
        on_click=_start_job,
        args=(TFDS, lambda job: tfds.import_tfds_dataset(info.name, job.tell)),
    )


def show_background_jobs() -> None:
    """Draw the downloads that run; one this session waited for becomes the chosen dataset."""
    for key in _TITLES:
        job = jobs.get_job(key)
        if job is None:
            continue
        awaited = page_state().data.awaited_jobs
        if job.status == "done" and key in awaited:
            awaited.discard(key)
            if isinstance(job.result, datasets.Dataset):
                st.query_params["dataset"] = job.result.id
                st.toast(t("{name} is ready.", name=escape(job.result.name)))
        elif job.status != "done":
            job_fragment.watch_job(key, _show_job, _POLL)


def _show_job(job: Job | None) -> None:
    if job is None:
        return
    with st.container(border=True):
        if job.status == "running":
            _show_progress(job)
        else:
            _show_ended(job)


def _show_progress(job: Job) -> None:
    share = min(job.done / job.total, 1.0) if job.total else 0.0
    words = [t(_TITLES[job.key]), t(job.phase) if job.phase else t("Starting…")]
    if job.total:
        words.append(t("{done:,.0f} of {n:,.0f} MB", done=job.done / _MB, n=job.total / _MB))
    if job.rate:
        words.append(t("{rate:,.1f} MB/s", rate=job.rate / _MB))
    st.progress(share, " · ".join(words))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(t("You can leave this page. The download continues."))
        if job.key in (CLASS_SET, URL):
            st.button(
                t("Stop"),
                type="tertiary",
                icon=":material/stop:",
                key=f"job_stop_{job.key}",
                **permissions.permission_kwargs(job.action, disabled=job.stopped()),
                on_click=job.stop,
            )


def _show_ended(job: Job) -> None:
    error = job.error or CatDogError(N_("The download was stopped."))
    if job.status == "stopped":
        st.info(escape(say(error)), icon=":material/pause_circle:")
    else:
        st.error(escape(say(error)), icon=":material/error:")
    if job.key == URL:
        _answer_import(error)
    with st.container(horizontal=True):
        if job.key == CLASS_SET:
            st.button(
                t("Try again"),
                icon=":material/refresh:",
                key="job_again",
                **permissions.permission_kwargs("run a job"),
                on_click=_fetch_class,
            )
        if not any(dataset.id == datasets.DEMO_ID for dataset in datasets.list_datasets()):
            demo_button("job_demo", "secondary")
        st.button(
            t("Dismiss"),
            type="tertiary",
            key=f"job_dismiss_{job.key}",
            on_click=jobs.forget_job,
            args=(job.key,),
        )


def _fetch_class() -> None:
    _start_job(
        CLASS_SET,
        lambda job: cats_vs_dogs.fetch_cats_vs_dogs(
            cats_vs_dogs.Fetch(tell=job.tell, stopped=job.stopped)
        ),
    )


def _start_job(key: str, work: jobs.Work) -> None:
    with guard():
        jobs.start_background_job(key, work)
        page_state().data.awaited_jobs.add(key)
