"""The commands that look at all photos of a dataset: check and pack."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import datasets, quiet
from ..cluster.tasks import Hands
from ..errors import DatasetError
from ..files import shown
from ..sources import places
from ..sources.places import Remote
from . import cli_decide, cli_say
from .cli_flags import AsJson, Folder, Order

AtOnce = Annotated[
    int, typer.Option(min=0, help="Parts of a place elsewhere under way at once; 0: two.")
]
Out = Annotated[
    Path,  # or Remote: Typer knows no unions
    typer.Argument(
        metavar="OUT|URL",
        parser=places.of,
        help="A new or empty folder, also elsewhere, such as s3://bucket/shards.",
    ),
]


def check(folder: Folder, as_json: AsJson = False, at_once: AtOnce = 0) -> None:
    """Report the health of a dataset: unusable files, copies, leaks, imbalance, odd photos. Photos
    elsewhere are remembered as a dataset, so that none is read twice."""
    from .. import health
    from ..curation.survey import Survey

    with cli_say.bar("reading") as progress:
        survey = Survey(Hands(at_once), progress)
        dataset = datasets.read_folder(folder, read=survey.read)
    survey.keep(datasets.root() / dataset.id)
    with cli_say.bar("checking") as progress:
        findings = health.check(dataset, progress=progress)
    if as_json:
        told = [
            {"kind": f.kind, "files": list(f.files), "message": f.message.format(**f.params)}
            for f in findings
        ]
        warnings = [text.format(**values) for text, values in dataset.note.get("warnings", ())]
        cli_say.print_json({"findings": told, "warnings": warnings})
        return
    cli_say.print_counts(dataset.counts())
    for message, values in dataset.note.get("warnings", ()):
        print(message.format(**values))
    for finding in findings:
        print(f"{finding.kind}: {finding.message.format(**finding.params)}")
        for file in finding.files[:20]:
            print(f"  {shown(file, 200)}")
        if len(finding.files) > 20:
            print(f"  … and {len(finding.files) - 20} more (--json lists all)")
    if not findings and not dataset.note.get("warnings"):
        print("No problems found.")


def pack(
    folder: Folder,
    out: Out,
    size: Annotated[int, typer.Option(min=8, max=1024, help="Side of the squares, pixels.")] = 150,
    order: Order = None,
    at_once: AtOnce = 0,
) -> None:
    """Store a dataset as TFRecord shards of decoded photos. If it breaks off, the same command
    goes on from the shards that are whole; on a folder packed before it verifies and mends."""
    from ..sources import contents

    hands = Hands(at_once)
    with cli_say.bar("reading") as progress:
        dataset = cli_decide.read(folder, order, contents.reader(hands, progress))
    quiet.import_tensorflow()
    from .. import records
    from ..packing import elsewhere

    write = elsewhere.pack if isinstance(out, Remote) else records.pack
    try:
        with cli_say.bar("packing") as progress:
            packed = write(dataset, out, size, progress=progress, hands=hands)
    except KeyboardInterrupt:
        raise DatasetError(
            "Interrupted. The same command goes on from the shards that are whole."
        ) from None
    for file, error in packed.unreadable:
        print(f"Left out {shown(file, 200)}: {error}", file=sys.stderr)
    told = ", ".join(f"{number} {split}" for split, number in packed.counts.items())
    print(
        f"{told} photos of {size} px in {out}: {packed.shards} shards, {packed.bytes / 1e6:,.0f} MB"
    )
