"""The Export page: a run in every format, compared, with the lines that use it; runs brought in."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import streamlit as st

from catdog_core import export
from catdog_core.analysis.photo_overlap import KEPT_EPOCH_TEXT
from catdog_core.base import files, jobs, report_language
from catdog_core.base.errors import CatDogError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.jobs import Job
from catdog_core.export import Exporter, ExportResult, bundle_import, report, usage, web_page
from catdog_core.export.bundle_import import ImportedBundle
from catdog_core.export.export_cache import ExportCache
from catdog_core.export.formats import NO_ACCURACY, NetworkInput, Parity
from catdog_core.runs import ImportedHistory, Run, RunRecord, model_registry
from catdog_core.runs.model_registry import ImportedModel

from .. import format_text, gallery, job_fragment, loaders, permissions, state, uploads, widgets
from ..i18n import N_, escape, language, say, t
from ..session import page_state
from ..startup import guarded_fragment

_GROUPS = {
    "model": (
        N_("Model for other programs"),
        N_(
            "Each format takes photos with values 0 to 255 and rescales them itself. Its "
            "predictions are compared with the Keras model's on the same photos."
        ),
    ),
    "code": (N_("Keras code"), N_("The run as Keras code that works without this lab.")),
    "record": (N_("Run record"), N_("All settings and measurements, to keep or share.")),
}
_IMPORTED_ABOUT = N_(
    "Each format takes the same input values as the imported model. Its predictions are compared "
    "with the Keras model's on the same photos."
)
_ICONS = {
    "keras": ":material/deployed_code:",
    "h5": ":material/dataset:",
    "saved_model": ":material/folder_zip:",
    "litert": ":material/smartphone:",
    "litert_int8": ":material/compress:",
    "onnx": ":material/swap_horiz:",
    "web": ":material/language:",
    "notebook": ":material/menu_book:",
    "script": ":material/code:",
    "bundle": ":material/inventory_2:",
    "report": ":material/summarize:",
}


_NO_FILE = N_("The file wasn't made. Try again.")
_LONGEST_WAIT = 170.0
"""Seconds; the browser gives up after 180, and the file is there at the next click."""
_WAIT_STEP = 0.2  # seconds
_MOST_NAMED = 4  # classes by their names
POLL_SECONDS = 0.7
"""Seconds between two looks while something is being made."""


def choose_model() -> RunRecord | None:
    """Let the user choose a model; None, and what to do, where a run has none."""
    run = state.choose_run(t("Model"), model_registry.list_other_models(), with_model=True)
    if run is None:
        return None
    if isinstance(run, ImportedHistory):
        offer_report(run)
        return None
    if isinstance(run, ImportedModel) and run.best_model is not None:
        st.caption(format_text.describe_imported_model(run))
        return run
    if not isinstance(run, Run) or run.best_model is None:
        widgets.show_no_model(
            t("This run has no model yet. It appears after the first finished epoch.")
        )
        return None
    size = run.training.image_size
    names = ", ".join(run.classes) if len(run.classes) <= _MOST_NAMED else str(len(run.classes))
    gallery.metric_row(
        [
            (t("Network"), run.model),
            (t("Photo size"), f"{size} × {size} px"),
            (t("Classes"), truncate_for_display(names, 40)),
        ]
    )
    return run


def show_formats(run: RunRecord) -> None:
    """Draw a card per format, in their groups; they redraw themselves while one is being made.

    An imported model has no training to tell of, so only formats of models are there.
    """
    shelf = ExportCache(run.folder, run.classes, language())
    if shelf.dataset is None:
        st.caption(
            t(
                "The photos that this model trained on aren't here. It's compared on pet drawings "
                "instead, which might look unfamiliar to it."
            )
        )
    running = _is_any_running(run)
    # One fragment for all: of several clicks in a row the last one draws them all.
    guarded_fragment(_format_cards, POLL_SECONDS if running else None)(run, shelf, running)


def _format_cards(run: RunRecord, shelf: ExportCache, was_running: bool) -> None:
    if _is_any_running(run) != was_running:
        st.rerun()  # the whole page begins to look, or need not any more
    for group, (title, about) in _GROUPS.items():
        formats = [one for one in export.FORMATS.values() if one.group == group]
        kinds = [one.kind for one in formats if isinstance(run, Run) or not one.needs_run]
        if not kinds:
            continue
        st.subheader(t(title), anchor=False)
        st.caption(t(about if isinstance(run, Run) else _IMPORTED_ABOUT))
        cards = st.grid(min_column_width=280, gap="medium")
        for kind in kinds:
            key = f"export_card_{kind}"  # for page.css
            with cards.container(), st.container(border=True, height="stretch", key=key):
                _format_card(run, shelf, export.FORMATS[kind])


def _is_any_running(run: RunRecord) -> bool:
    export_jobs = (jobs.get_job(_job_key(run, kind)) for kind in export.FORMATS)
    return any(job is not None and job.status == "running" for job in export_jobs)


def _job_key(run: RunRecord, kind: str) -> str:
    return f"export-{kind}-{run.id}"


def _format_card(run: RunRecord, shelf: ExportCache, exporter: Exporter) -> None:
    icon = _ICONS.get(exporter.kind, ":material/description:")
    st.markdown(f"{icon} **{t(exporter.label)}** &nbsp; `{exporter.extension}`")
    st.caption(t(exporter.about))
    if exporter.missing:
        st.caption(f":material/info: {escape(t(exporter.install))}")
        return
    key = _job_key(run, exporter.kind)
    result = shelf.find(exporter.kind)
    _download_button(run, shelf, exporter, result, key)
    if result is not None:
        _describe_file(run, exporter, result)
    else:
        _show_progress(key)


def _download_button(
    run: RunRecord, shelf: ExportCache, exporter: Exporter, result: ExportResult | None, key: str
) -> None:
    """The button that makes the file unless it was made before, and downloads it."""
    making = {
        "data": partial(_wait_for_file, shelf, exporter.kind, key, jobs.get_job(key)),
        "on_click": partial(_start_export, shelf, exporter.kind, key),
        **permissions.permission_kwargs("run a job"),
    }
    made = {"data": result.path.read_bytes, "on_click": "ignore"} if result is not None else {}
    st.download_button(
        t("Download"),
        file_name=_file_name(run, exporter),
        icon=":material/download:",
        type="primary" if exporter.kind == "keras" else "secondary",
        key=f"download_{exporter.kind}",
        **(made or making),
    )


def _wait_for_file(shelf: ExportCache, kind: str, key: str, earlier: Job | None) -> bytes:
    """Return the file that the click's job makes; called in a thread without a session.

    Args:
        shelf: where the file is kept.
        kind: of the export.
        key: of the job.
        earlier: the job of this key when the button was drawn, which had ended then or still runs.

    Raises:
        CatDogError: the job failed or was stopped; the page says why.
    """
    deadline = time.monotonic() + _LONGEST_WAIT
    while time.monotonic() < deadline:
        job = jobs.get_job(key)
        is_new = job is not None and (job is not earlier or job.status == "running")
        if is_new and job is not None and job.status in ("failed", "stopped"):
            raise job.error or CatDogError(_NO_FILE)
        if not (is_new and job is not None and job.status == "running"):
            result = shelf.find(kind)
            if result is not None:
                return result.path.read_bytes()
        time.sleep(_WAIT_STEP)
    raise CatDogError(_NO_FILE)


def _describe_file(run: RunRecord, exporter: Exporter, result: ExportResult) -> None:
    st.markdown(f"**{format_text.format_bytes(result.bytes)}**")
    if result.parity is not None:
        st.caption(parity_text(result.parity))
    if isinstance(run, Run) or result.network is not None:
        with st.popover(t("How to use it"), icon=":material/code:"):
            _usage_code(run, exporter, result.network)


def _usage_code(run: RunRecord, exporter: Exporter, network: NetworkInput | None) -> None:
    name = _file_name(run, exporter)
    if exporter.kind == "web":
        st.caption(
            t(
                "Unzip the file, then double-click `index.html`. To publish it, upload"
                " `index.html` to any web host. These lines create a page that works offline."
            )
        )
        lines = web_page.OFFLINE_USAGE.format(file=name, run=run.id)
        st.code(lines, language=None, wrap_lines=True)
        return
    if exporter.group != "model":
        st.code(exporter.usage.format(file=name), language=None)
        return
    if exporter.is_folder:
        st.caption(t("Unzip the file first. Run these lines next to its `model` folder."))
        name = "model"
    text = _usage_text(run, exporter.kind, name, network)
    st.code(text, language="python", wrap_lines=True)
    st.caption(
        t(
            "It reads `photo.jpg` with the same pixels as the lab, and prints the class. Photos "
            "with transparency, 16 bits or a color profile can differ."
        )
    )


def _usage_text(run: RunRecord, kind: str, file: str, network: NetworkInput | None) -> str:
    if isinstance(run, Run):
        return usage.build_usage_code(kind, file, run.classes, run.training.image_size)
    assert network is not None
    height, width, channels = network["shape"]
    return usage.build_usage_code(
        kind,
        file,
        run.classes,
        (height, width),
        model_registry.get_model_scale(run),
        channels,
        network["gives_scores"],
        network["is_keras2"],
    )


def _file_name(run: RunRecord, exporter: Exporter) -> str:
    """The name a file is downloaded by; two formats may share an extension."""
    extensions = [one.extension for one in export.FORMATS.values()]
    unique = extensions.count(exporter.extension) == 1 or exporter.kind == "litert"
    end = "" if unique else f"-{exporter.kind.replace('_', '-')}"
    return f"{loaders.download_stem(run)}{end}{exporter.extension}"


def _show_progress(key: str) -> None:
    """How far a file is while it is made, or why it was not."""
    job = jobs.get_job(key)
    if job is not None and job.status == "running":
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":material/hourglass_top: {t(job.phase or _STARTING_TEXT)}", width="stretch"
            )
            job_fragment.stop_button(job, f"stop_{key}")
        st.caption(t("The download starts when the file is ready."))
        return
    job_fragment.show_job_error(job)


_STARTING_TEXT = N_("Loading TensorFlow…")


def _start_export(shelf: ExportCache, kind: str, key: str) -> None:
    try:
        jobs.start_background_job(key, partial(_run_export, shelf, kind))
    except CatDogError as error:  # a visitor who may not
        st.toast(escape(say(error)), icon=":material/lock:")


def _run_export(shelf: ExportCache, kind: str, job: Job) -> Path:
    def phase(message: str) -> None:
        job.tell(message, 0, 0)
        if job.stopped():
            raise CatDogError("The export was stopped. Nothing was saved.")

    return shelf.make(kind, phase).path


def parity_text(parity: Parity) -> str:
    """Say how far an export's answers differ, by what `export.parity.measure_parity` returns."""
    if "missing" in parity:
        if not parity["missing"]:
            return t("Its predictions weren't compared because Python can't run this format.")
        return t(
            "Its predictions weren't compared because {package} isn't installed here.",
            package=f"`{parity['missing']}`",
        )
    photos = (
        t(
            "{n} photos of “{name}”",
            n=parity["photos"],
            name=escape(truncate_for_display(parity["dataset"], 40)),
        )
        if parity["dataset"]
        else t("{n} pet drawings", n=parity["photos"])
    )
    sentence = t(
        "Probabilities differ from the Keras model by at most **{difference}**, on {photos}, in "
        "{runtime}.",
        difference=_difference_text(parity["difference"]),
        photos=photos,
        runtime=escape(parity["runtime"]),
    )
    if parity["labels"]:
        labels = t("{n} photos get a different class.", n=parity["labels"])
    else:
        labels = t("All predicted classes match.")
    sentences = [sentence, labels]
    if parity.get("accuracy") == []:
        sentences.append(t(NO_ACCURACY))
    elif "accuracy" in parity:
        ours, theirs = parity["accuracy"]
        sentences.append(
            t(
                "Accuracy is **{theirs:.1%}**, compared with {ours:.1%} for the Keras model, on "
                "{n:,} photos.",
                theirs=theirs,
                ours=ours,
                n=parity["counted"],
            )
        )
        if parity["dataset"]:
            sentences.append(t(KEPT_EPOCH_TEXT))
    return " ".join(sentences)


def _difference_text(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else f"{value:.0e}" if value else "0"


def offer_report(run: RunRecord) -> None:
    """Say what there is of it, and let the user download the report."""
    st.info(
        t(
            "This is an imported history, so it has no model. You can download its curves and "
            "verdict."
        )
    )
    code = language()  # read here: what is made at the click knows no session
    st.download_button(
        t("Download report"),
        data=lambda: _report_bytes(run, code),
        file_name=f"{loaders.download_stem(run)}.html",
        mime="text/html",
        icon=":material/summarize:",
        type="primary",
        on_click="ignore",
        key="download_report",
    )


def _report_bytes(run: RunRecord, code: str) -> bytes:
    with files.temporary_folder("report") as folder:
        path = folder / "report.html"
        report.write_html_report(run.folder, path, report_language.get_translator(code), code)
        return path.read_bytes()


def render_bundle_import() -> None:
    """Draw the uploader for a bundle, and the run it became."""
    st.subheader(t("Import a run"), anchor=False)
    st.caption(
        t(
            "Import a run bundle from another lab's Export page. The lab checks it before saving "
            "anything, and your existing runs don't change."
        )
    )
    file = st.file_uploader(
        t("Bundle (zip)"),
        type="zip",
        max_upload_size=uploads.register_upload_limit(),
        key="export_bundle",
        **permissions.permission_kwargs("train"),
    )
    widgets.explain_streamlit_words("files")
    if file is None:
        page_state().imported_bundle = None
        return
    imported = page_state().imported_bundle
    is_imported = imported is not None and imported[0] == file.file_id
    if not is_imported and permissions.action_button(
        t("Import"), "export_bring", "train", icon="input", type="primary"
    ):
        try:
            with st.spinner(t("Checking the bundle. Its models are tested in a separate process…")):
                bundle = bundle_import.import_bundle(file)
        except CatDogError as error:
            st.error(escape(say(error)), icon=":material/error:")
            return
        page_state().imported_bundle = (file.file_id, bundle)
        st.rerun()  # the run stands in every list now
    if imported is not None and is_imported:
        _show_imported_run(imported[1])


def _show_imported_run(bundle: ImportedBundle) -> None:
    run = bundle.run
    st.success(
        t(
            "“{name}” is imported, with {n} trained epochs.",
            name=escape(truncate_for_display(run.name)),
            n=len(run.epochs),
        ),
        icon=":material/check_circle:",
    )
    if run.can_resume and bundle.dataset is None:
        st.caption(
            t(
                "To resume this run, add its training photos, “{name}”, on the Data page. The lab "
                "recognizes them by their content.",
                name=escape(truncate_for_display(run.dataset_name)),
            )
        )
    with st.container(horizontal=True):
        for page, label, icon in (
            ("pages/4_Compare.py", t("Compare"), ":material/compare_arrows:"),
            ("pages/6_Predict.py", t("Predict"), ":material/image_search:"),
            ("pages/3_Train.py", t("Resume"), ":material/play_arrow:"),
        ):
            if page != "pages/3_Train.py" or (run.can_resume and bundle.dataset is not None):
                tab = {"tab": "runs"} if page == "pages/3_Train.py" else {}
                query = state.link_query(run=run.id, **tab)
                st.page_link(page, label=label, icon=icon, query_params=query)
