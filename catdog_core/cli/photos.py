"""The commands that look at all photos of a dataset: check, label-errors, similar and pack."""

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
from ..imaging import decode
from . import curate, output, removed_commands
from .options import AsJson, Folder, Order, with_reading


def _parse_out_folder(text: str) -> Path:
    """Return the folder that shards are written to. Raises CatDogError for a URL."""
    removed_commands.refuse_url(text, removed_commands.OUT_URL)
    return Path(text)


_MOST_LISTED = 20  # photos of a kind
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
        for file in finding.files[:_MOST_LISTED]:
            print(f"  {truncate_for_display(file, 200)}")
        if len(finding.files) > _MOST_LISTED:
            print(f"  … and {len(finding.files) - _MOST_LISTED} more (--json lists all)")
    if not findings and not dataset.note.get("warnings"):
        print("No problems found.")


@with_reading
def label_errors(
    folder: Folder,
    seed: Annotated[
        int, typer.Option(min=0, help="A different seed divides the photos differently.")
    ] = 0,
    as_json: AsJson = False,
    *,
    reading: FolderReading,
) -> None:
    """Find wrong labels, photos that fit no class, and outliers. Decide with
    'decide'. 'decide DIR keep PHOTO' hides a photo."""
    dataset = datasets.open_folder(folder, reading)
    library_output.import_tensorflow()
    from ..analysis import label_errors as analysis

    with output.progress_bar("comparing photos") as progress:
        found = analysis.find_label_errors(dataset, seed, progress)
    if as_json:
        output.print_json(
            {
                "photos": len(found.ranking),
                "accuracy": found.accuracy,
                "likely_wrong": found.likely,
                "suspects": [
                    {
                        "kind": suspect.kind,
                        "file": suspect.item.file,
                        "split": suspect.item.split,
                        "label": dataset.classes[suspect.item.label],
                        "probability": suspect.probability,
                        "other": dataset.classes[suspect.guess],
                        "other_probability": suspect.guess_probability,
                        "likely_wrong": suspect.is_likely,
                    }
                    for suspect in found.suspects
                ],
                "unreadable": list(found.unreadable),
                "small_classes": list(found.small_classes),
            }
        )
        return
    for sentence in analysis.describe_label_errors(found):
        print(sentence)
    for kind in analysis.SUSPECT_KINDS:
        suspects = found.of_kind(kind)
        if suspects:
            print(f"{kind}: {format_count(len(suspects), 'photos')}")
        for suspect in suspects[:_MOST_LISTED]:
            label, other = (
                truncate_for_display(dataset.classes[number], 40)
                for number in (suspect.item.label, suspect.guess)
            )
            print(
                f"  {truncate_for_display(suspect.item.file, 200)}: {label}"
                f" {suspect.probability:.0%}, {other} {suspect.guess_probability:.0%}"
                f"{', likely wrong' if suspect.is_likely else ''}"
            )
        if len(suspects) > _MOST_LISTED:
            print(f"  … and {len(suspects) - _MOST_LISTED} more (--json lists all)")


@with_reading
def similar(
    photo: Annotated[
        Path, typer.Argument(metavar="PHOTO", help="A photo file, or a name as 'check' prints it.")
    ],
    folder: Folder,
    count: Annotated[
        int, typer.Option("--count", min=1, max=1000, help="How many photos to list.")
    ] = 12,
    as_json: AsJson = False,
    *,
    reading: FolderReading,
) -> None:
    """List the photos most like one photo, with label and split."""
    dataset = datasets.open_folder(folder, reading)
    name = curate.resolve_photo_name(dataset, folder, photo)
    item = next((item for item in dataset.items() if item.file == name), None)
    if item is None and not photo.is_file():
        raise DatasetError(
            "There's no photo '{file}' in the dataset. Choose one of its files.",
            file=truncate_for_display(str(photo), 120),
        )
    data = b"" if item else decode.read_photo_bytes(photo)
    library_output.import_tensorflow()
    from ..analysis import similar_photos

    with output.progress_bar("comparing photos") as progress:
        known = similar_photos.load_photo_features(dataset, progress)
    found = similar_photos.find_similar(known, item.file if item else data, count)
    if as_json:
        output.print_json(
            {
                "photo": item.file if item else str(photo),
                "similar": [
                    {
                        "file": each.item.file,
                        "label": dataset.classes[each.item.label],
                        "split": each.item.split,
                        "similarity": each.similarity,
                        "same_picture": each.is_copy,
                    }
                    for each in found
                ],
            }
        )
        return
    for each in found:
        label = truncate_for_display(dataset.classes[each.item.label], 40)
        same = ", same photo" if each.is_copy else ""
        print(
            f"{each.similarity:.3f} {truncate_for_display(each.item.file, 200)}:"
            f" {label}, {each.item.split}{same}"
        )
    for sentence in similar_photos.describe_similar(
        found, dataset.classes, item.split if item else ""
    ):
        print(sentence)


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
