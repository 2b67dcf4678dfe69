"""TFRecord on the Data page: one click packs the photos; the code it spares; the cache."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from catdog_core.base import jobs
from catdog_core.base.files import truncate_for_display
from catdog_core.base.jobs import Job
from catdog_core.data.datasets import Dataset
from catdog_core.storage import shard_cache

from .. import gallery, job_fragment, loaders, permissions
from ..i18n import escape, pgettext, say, t
from ..startup import guard

_MIN_SIDE, _MAX_SIDE = 8, 1024
_NAMED = 5  # repaired files that are named
_LISTED = 20  # photos left out that are named
_WRITE_CODE = """\
import pathlib
import tensorflow as tf

classes = {classes}

def feature(value):
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

with tf.io.TFRecordWriter("train.tfrecord") as writer:
    for label, name in enumerate(classes):
        for path in sorted(pathlib.Path("train", name).iterdir()):
            photo = tf.io.decode_image(path.read_bytes(), 3, expand_animations=False)
            photo = tf.cast(tf.image.resize(photo, ({size}, {size}), "area"), tf.uint8)
            example = tf.train.Example(features=tf.train.Features(feature={{
                "image": feature(photo.numpy().tobytes()),
                "label": feature(label),
                "file": feature(path.name.encode()),
            }}))
            writer.write(example.SerializeToString())
"""
_READ_CODE = """\
import tensorflow as tf

wanted = {{
    "image": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "file": tf.io.FixedLenFeature([], tf.string),
}}

def parse(record):
    row = tf.io.parse_single_example(record, wanted)
    photo = tf.reshape(tf.io.decode_raw(row["image"], tf.uint8), ({size}, {size}, 3))
    return tf.cast(photo, tf.float32), row["label"]

shards = tf.data.Dataset.list_files({pattern!r})
batches = (
    shards.interleave(tf.data.TFRecordDataset)
    .shuffle(2000)
    .map(parse, num_parallel_calls=tf.data.AUTOTUNE)
    .batch(20)
    .prefetch(tf.data.AUTOTUNE)
)
"""


def show_tfrecord(dataset: Dataset) -> None:
    """Draw the section; a packing that goes on redraws this part alone."""
    st.subheader(t("TFRecord made easy"), anchor=False)
    st.caption(
        t(
            "Reading thousands of small JPEG files takes time in every epoch. A TFRecord holds "
            "decoded, resized photos in a few large files. Training creates it automatically, or "
            "you can create it here and look at the result."
        )
    )
    size = st.number_input(
        t("Side length of stored photos (px)"),
        min_value=_MIN_SIDE,
        max_value=_MAX_SIDE,
        value=150,
        key="shards_size",
        width=220,
    )
    job_fragment.watch_job(_job_key(dataset, size), partial(_show_packing, dataset, size))
    _show_code(dataset, size)
    _show_cache()


def _job_key(dataset: Dataset, size: int) -> str:
    return f"pack-{dataset.fingerprint[:20]}-{size}"


def _start_packing(dataset: Dataset, size: int) -> None:
    with guard():
        jobs.start_background_job(
            _job_key(dataset, size), lambda job: loaders.pack_dataset(dataset, size, job)
        )


def _show_packing(dataset: Dataset, size: int, job: Job | None) -> None:
    running = job is not None and job.status == "running"
    is_packed = (shard_cache.packed_folder(dataset.fingerprint, size) / "index.json").is_file()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            t("Verify and repair") if is_packed else t("Create TFRecord"),
            icon=":material/inventory_2:",
            key="shards_pack",
            **permissions.permission_kwargs("run a job", disabled=running),
            on_click=_start_packing,
            args=(dataset, size),
        )
        if running and job is not None:
            st.button(
                t("Stop"),
                icon=":material/stop:",
                key="shards_stop",
                on_click=job.stop,
                **permissions.permission_kwargs(job.action),
            )
    if job is None:
        if is_packed:
            st.caption(t("This dataset is packed at {n} px.", n=size))
    elif running:
        st.progress(
            job.done / job.total if job.total else 0.0,
            t("{done:,} of {total:,} photos", done=job.done, total=job.total),
        )
    elif job.error is not None:
        st.error(escape(say(job.error)), icon=":material/error:")
    else:
        _show_result(job.result)


def _show_result(packed: loaders.PackedPhotos) -> None:
    gallery.metric_row(
        [
            (pgettext("count", "Photos"), f"{packed.photos:,}"),
            (t("Shards"), f"{packed.shards:,}"),
            (t("Size on disk"), t("{n:.1f} MB", n=packed.bytes / 1e6)),
            (t("Checksums"), t("verified") if packed.verified else t("just written")),
        ]
    )
    if packed.repaired:
        st.success(
            t(
                "Repaired {n} files: {names}. They were damaged or missing.",
                n=len(packed.repaired),
                names=_list_names(packed.repaired),
            ),
            icon=":material/build:",
        )
    elif packed.verified:
        st.success(
            t("All {n} files are intact. There was nothing to repair.", n=packed.shards),
            icon=":material/check_circle:",
        )
    if packed.left_out:
        with st.expander(t("{n} files were skipped", n=len(packed.left_out))):
            for file, error in packed.left_out[:_LISTED]:
                st.caption(f"**{escape(truncate_for_display(file))}**: {escape(say(error))}")
    st.caption(t("Saved in {folder}", folder=f"`{packed.folder}`"))


def _list_names(names: Sequence[str]) -> str:
    listed = [f"`{name}`" for name in names[:_NAMED]]
    return ", ".join([*listed, *(["…"] if len(names) > _NAMED else [])])


def _show_code(dataset: Dataset, size: int) -> None:
    with st.expander(t("The code you'd otherwise write yourself"), icon=":material/code:"):
        names = ", ".join(repr(truncate_for_display(name)) for name in dataset.classes)
        st.markdown(t("Writing: one `tf.train.Example` per photo."))
        st.code(_WRITE_CODE.format(classes=f"[{names}]", size=size), language="python")
        st.markdown(t("Reading: every training run does this."))
        folder = shard_cache.packed_folder(dataset.fingerprint, size)
        st.code(_READ_CODE.format(size=size, pattern=str(folder / "train-*.tfrecord")), "python")
        st.caption(
            t(
                "The lab's own code writes in parallel and resumes after interruptions. It keeps "
                "a checksum of every photo and file. It reads photos in any order without loading "
                "them all."
            )
        )


def _show_cache() -> None:
    entries = shard_cache.list_cache_entries()
    total = sum(entry.bytes for entry in entries)
    label = t("Packed photos and downloads use {n:.1f} MB of disk space", n=total / 1e6)
    with st.expander(label, icon=":material/hard_drive:", key="shards_cache"):
        if not entries:
            st.caption(t("Nothing is packed yet."))
            return
        st.dataframe(
            {
                t("Dataset"): [_format_entry(entry) for entry in entries],
                t("Side length"): [
                    t("{n} px", n=entry.size) if entry.size else "" for entry in entries
                ],
                "MB": [round(entry.bytes / 1e6, 1) for entry in entries],
                t("State"): [_format_state(entry) for entry in entries],
            },
            hide_index=True,
            height="content",
            key="shards_usage",
            alt=t("Cache contents"),
        )
        half = any(entry.kind != "shards" and not entry.is_complete for entry in entries)
        also = half and st.checkbox(
            t("Also delete partial downloads that could resume"), key="shards_clear_half"
        )
        if st.button(
            t("Clear"),
            icon=":material/delete_sweep:",
            key="shards_clear",
            **permissions.permission_kwargs("empty"),
        ):
            freed = shard_cache.clear_cache(include_partial=also)
            st.toast(t("Freed {n:.1f} MB.", n=freed / 1e6))
            st.rerun()
        st.caption(
            t(
                "You can create all of this again from the photos, or download it again. Files "
                "that no dataset uses are deleted automatically. Files that a run is reading "
                "stay."
            )
        )


def _format_state(entry: shard_cache.CacheEntry) -> str:
    if entry.in_use:
        return t("in use")
    return t("complete") if entry.is_complete else t("interrupted")


def _format_entry(entry: shard_cache.CacheEntry) -> str:
    if entry.kind != "shards":
        return truncate_for_display(entry.path.name)
    return ", ".join(map(truncate_for_display, entry.datasets)) or "–"
