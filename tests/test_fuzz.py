"""Seeded mutations of photos, archives and models: nothing crashes, hangs, floods or gets out.

A small part runs by default, a tenth by `pytest -m long`, all of it by `pytest -m soak`, which
writes its report to docs/fuzz_report.md when `CATDOG_FUZZ_REPORT` names that file.
"""

import os
import platform
import time
from pathlib import Path

import pytest
from fuzz import loop, mutations, seeds

WHOLE = {"photos": 20_000, "archives": 2_000, "models": 300}
SECONDS, MEGABYTES = {"photos": 3, "archives": 3, "models": 10}, 300


def replay(kind, first, count, tmp_path):
    result = loop.run_cases(kind, first, count, tmp_path / kind)
    assert result.hits == []
    assert result.cases == count == result.accepted + result.refused
    assert result.slowest[0] < SECONDS[kind]
    assert result.largest[0] < MEGABYTES
    return result


@pytest.mark.parametrize(("kind", "count"), [("photos", 400), ("archives", 80)])
def test_a_part_of_the_mutations(tmp_path, kind, count):
    result = replay(kind, 0, count, tmp_path)
    assert result.accepted and result.refused


@pytest.mark.long
@pytest.mark.parametrize("kind", WHOLE)
def test_a_tenth_of_the_mutations(tmp_path, kind):
    replay(kind, 0, WHOLE[kind] // 10, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_all_of_the_mutations(tmp_path):
    start = time.monotonic()
    results = [loop.run_cases(kind, 0, count, tmp_path / kind) for kind, count in WHOLE.items()]
    if report_path := os.environ.get("CATDOG_FUZZ_REPORT"):
        table = "".join(line(one) for one in results)
        minutes = (time.monotonic() - start) / 60
        report(Path(report_path), table, minutes)
    for one in results:
        assert one.hits == []
        assert one.slowest[0] < SECONDS[one.kind] and one.largest[0] < MEGABYTES


def line(one):
    return (
        f"| {one.kind} | {one.cases:,} | {one.accepted:,} | {one.refused:,} | {len(one.hits)} |"
        f" {one.slowest[0]:.2f} ({one.slowest[2]}, case {one.slowest[1]}) |"
        f" {one.largest[0]:.0f} ({one.largest[2]}, case {one.largest[1]}) |\n"
    )


def report(report_path, table, minutes):
    """Replace the table between the two marks of the report."""
    text = report_path.read_text(encoding="utf-8")
    head, rest = text.split("<!-- soak -->\n")[0], text.split("<!-- end of soak -->")[1]
    summary = (
        f"Seed {loop.SEED}, {minutes:.0f} minutes, {os.cpu_count()} cores shared with other work,"
        f" Python {platform.python_version()}, {platform.system()}.\n\n"
        "| files | cases | taken | refused | hits | slowest, s of CPU | most memory, MB |\n"
        "|---|---:|---:|---:|---:|---|---|\n" + table
    )
    body = f"{head}<!-- soak -->\n{summary}<!-- end of soak -->{rest}"
    report_path.write_text(body, encoding="utf-8")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_seed_gives_the_same_files():
    photos, archives = seeds.seed_photos(), seeds.seed_archives()
    for number in range(20):
        assert mutations.mutate_photo(photos, 1, number) == mutations.mutate_photo(
            photos, 1, number
        )
        assert mutations.mutate_archive(archives, 1, number) == mutations.mutate_archive(
            archives, 1, number
        )
    assert mutations.mutate_photo(photos, 1, 3) != mutations.mutate_photo(photos, 2, 3)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.abort()", "status -6"),
        ("raise KeyError('x')", "KeyError"),
        ("raise allowed[0]('two\\nlines')", "no clear sentence"),
        ("open('../sentinel/note.txt', 'w').write('x')", "was changed"),
        ("open('../outside', 'w').write('x')", "written outside"),
    ],
)
def test_the_loop_sees_what_it_is_there_to_see(tmp_path, monkeypatch, code, words):
    monkeypatch.setenv("CATDOG_FUZZ_SELFTEST", code)
    result = loop.run_cases("selftest", 0, 3, tmp_path / "home")
    assert any(words in hit[2] for hit in result.hits), result.hits
