"""The commands that look at all photos of a dataset: check and pack."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from ..base import library_output
from ..base.english_plurals import format_count, format_english
from ..base.errors import DatasetError
from ..base.files import truncate_for_display
from ..data import dataset_plan, datasets, preview
from ..data.datasets import FolderReading
from . import curate, output, removed_commands
from .options import AsJson, Folder, Order, with_reading


def _parse_out_folder(text: str) -> Path:
    """Return the folder that shards are written to. Raises CatDogError for a URL."""
    removed_commands.refuse_url(text, removed_commands.OUT_URL)
    return Path(text)


_UNUSABLE = ("unreadable", "truncated")  # findings of photos that nothing learns from
Out = Annotated[
    Path, typer.Argument(metavar="OUT", parser=_parse_out_folder, help="A new or empty folder.")
]


@with_reading
def check(folder: Folder, as_json: AsJson = False, *, reading: FolderReading) -> None:
    """Find unusable files, duplicates, data leaks and odd photos."""
    from ..data import audit

    dataset = datasets.read_folder(folder, reading=reading)
    with output.progress_bar("checking") as progress:
        findings = audit.audit_dataset(dataset, progress=progress)
    if as_json:
        rows = [{"kind": f.kind, "files": list(f.files), "message": str(f)} for f in findings]
        warnings = [
            format_english(text, values) for text, values in dataset.note.get("warnings", ())
        ]
        explanations = [str(each) for each in dataset.note.get("explanations", ())]
        ignored = {
            "files": dataset.note.get("ignored", 0),
            "endings": dataset.note.get("left_out", ""),
        }
        output.print_json(
            {
                "findings": rows,
                "warnings": warnings,
                "explanations": explanations,
                "ignored": ignored,
            }
        )
        return
    output.print_counts(dataset.counts())
    for explanation in dataset.note.get("explanations", ()):
        print(explanation)
    for message, values in (
        *preview.ignored_sentences(
            dataset.note.get("ignored", 0), dataset.note.get("left_out", "")
        ),
        *dataset.note.get("warnings", ()),
    ):
        print(format_english(message, values))
    unreadable = [
        PurePosixPath(finding.files[0]) for finding in findings if finding.kind in _UNUSABLE
    ]
    if unreadable:
        endings = dataset_plan.count_endings(unreadable)
        print(
            format_english(
                "{n:,} photos can't be read and are left out: {endings}",
                {"n": len(unreadable), "endings": endings},
            )
        )
    for finding in findings:
        print(f"{finding.kind}: {finding}")
        for file in finding.files[:20]:
            print(f"  {truncate_for_display(file, 200)}")
        if len(finding.files) > 20:
            print(f"  … and {len(finding.files) - 20} more (--json lists all)")
    if not findings and not dataset.note.get("warnings"):
        print("No problems found.")


@with_reading
def pack(
    folder: Folder,
    out: Out,
    size: Annotated[
        int, typer.Option(min=8, max=1024, help="Side of the square photos, in pixels.")
    ] = 150,
    order: Order = None,
    *,
    reading: FolderReading,
) -> None:
    """Store a dataset as TFRecord shards of decoded photos. Run it again to continue, or to verify
    and repair the shards."""
    dataset = curate.read_dataset(folder, order, reading)
    library_output.import_tensorflow()
    from ..storage import tfrecord

    try:
        with output.progress_bar("packing") as progress:
            packed = tfrecord.pack_dataset(dataset, out, size, progress)
    except KeyboardInterrupt:
        raise DatasetError(
            "Interrupted. Run the same command to continue after the finished shards."
        ) from None
    for file, error in packed.unreadable:
        print(f"Left out {truncate_for_display(file, 200)}: {error}", file=sys.stderr)
    if packed.repaired:
        print(
            f"Repaired {format_count(len(packed.repaired), 'files')}: {', '.join(packed.repaired)}"
        )
    summary = ", ".join(f"{number} {split}" for split, number in packed.counts.items())
    print(
        f"{summary} photos of {size} px in {out}: {packed.shards} shards,"
        f" {packed.bytes / 1e6:,.0f} MB"
    )
