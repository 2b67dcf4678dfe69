"""A run's report as one HTML page that needs nothing else; it prints, and goes light or dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from .. import images
from ..errors import N_
from ..insight import heat
from . import report_charts, report_words
from .report_data import Facts, Mistake
from .report_style import STYLE
from .report_words import name, percent
from .tongue import Say

_MOST = 20  # classes a matrix has room for
_SIDE = 192  # pixels of a photo of a mistake


def page(facts: Facts, say: Say, language: str, live: bool) -> str:
    """The whole file.

    Args:
        facts: what it tells.
        say: the language of its words.
        language: its code, such as "ko".
        live: with curves that answer the mouse, for which it holds 4 to 5 MB of plotly.
    """
    title = name(facts.run.name or facts.run.id)
    # No file of a stranger's names may load or send anything, whatever they are called.
    policy = "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'"
    if live:
        policy += "; script-src 'unsafe-inline'"
    body = "\n".join(_sections(facts, say, live))
    return f"""<!doctype html>
<html lang="{escape(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{escape(title)}</title>
<style>{STYLE}</style>
{report_charts.library() if live else ""}
</head>
<body><main>
<header>
<h1>{escape(title)}</h1>
{_p(report_words.under_the_title(facts.run), "soft")}
{_p(" ".join(facts.run.note.split()), "soft") if facts.run.note.strip() else ""}
{_tiles(report_words.tiles(facts, say))}
</header>
{body}
<footer>{_p(say(N_("Made by CatDog Lab from the files of the run; nothing is loaded from a net.")))}
</footer>
</main></body>
</html>
"""


def _sections(facts: Facts, say: Say, live: bool) -> Iterable[str]:
    yield _section(say("The verdict"), _verdict(facts, say))
    yield _section(say("Curves"), _curves(facts, say, live))
    if facts.table is not None and facts.result is not None:
        yield _section(say("Confusion matrix"), _matrix(facts, say))
        if facts.mistakes:
            yield _section(say("Worst mistakes"), _mistakes(facts, say))
    else:
        yield _section(say("Answers"), _p(report_words.problem(facts, say)))
    yield _section(say("Settings"), _settings(facts, say))


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>\n{body}</section>"


def _p(text: str, kind: str = "") -> str:
    return f"<p{f' class={kind}' if kind else ''}>{escape(text)}</p>"


def _tiles(items: Sequence[tuple[str, str]]) -> str:
    inner = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in items
    )
    return f'<dl class="tiles">{inner}</dl>'


def _verdict(facts: Facts, say: Say) -> str:
    verdict = facts.verdict
    word = say(report_words.KINDS[verdict.kind])
    steps, remarks = report_words.steps(facts, say)
    lists = "".join(
        f"<div><h3>{escape(title)}</h3><ul>{_items(said)}</ul></div>"
        for title, said in ((say("What to try next"), steps), (say("Worth knowing"), remarks))
        if said
    )
    said = escape(say(verdict.message, **verdict.params))
    return (
        f'<div class="verdict"><strong>{escape(word)}</strong><p>{said}</p></div>'
        f'<div class="two">{lists}</div>'
    )


def _items(said: Sequence[str]) -> str:
    return "".join(f"<li>{escape(text)}</li>" for text in said)


def _curves(facts: Facts, say: Say, live: bool) -> str:
    run, shown = facts.run, []
    for metric in report_charts.METRICS:
        if live:
            drawn = report_charts.live(metric, run.epochs, say)
        else:
            drawn = report_charts.curve(metric, run.epochs, run.best_epoch, say)
        what = say("Accuracy") if metric == "accuracy" else say("Loss")
        alt = f"{what}. {report_words.last_epoch(run, say)}"
        shown.append(f'<figure class="card" role="img" aria-label="{escape(alt)}">{drawn}</figure>')
    heads = [
        *(say("Epoch"), say("Training loss"), say("Validation loss")),
        *(say("Training accuracy"), say("Validation accuracy")),
    ]
    rows = [
        [
            str(row["epoch"] + 1),
            *(_number(row.get(key)) for key in ("loss", "val_loss")),
            *(percent(row.get(key)) for key in ("accuracy", "val_accuracy")),
        ]
        for row in run.epochs
    ]
    all_numbers = escape(say("The numbers of all epochs"))
    return (
        _p(say(report_words.CURVES), "soft")
        + _p(report_words.last_epoch(run, say))
        + f'<div class="two">{"".join(shown)}</div>'
        + f"<details><summary>{all_numbers}</summary>"
        + _table(heads, rows)
        + "</details>"
    )


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, (int, float)) and np.isfinite(value) else "–"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col" class="n">{escape(text)}</th>' for text in heads)
    body = "".join(
        "<tr>" + "".join(f'<td class="n">{escape(cell)}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def _matrix(facts: Facts, say: Say) -> str:
    result, run = facts.result, facts.run
    assert result is not None
    assert facts.table is not None
    names = [name(text) for text in facts.table.classes]
    if len(names) > _MOST:
        matrix = f"<ul>{_items(report_words.confusions(result, names, say))}</ul>"
    else:
        matrix = _cells(facts, names, say)
    figures = [
        [names[n], *(percent(float(column[n])) for column in columns)]
        for columns in [(result.precision, result.recall, result.f1)]
        for n in range(len(names))
    ]
    heads = [say("Class"), say("Precision"), say("Recall"), "F1"]
    epoch = (run.best_epoch or 0) + 1
    asked = say(
        N_("The model of epoch {n} was asked about the validation photos, none of them augmented."),
        n=epoch,
    )
    return (
        _p(asked, "soft")
        + _p(report_words.interval(result, say))
        + (_p(say(report_words.MATRIX), "soft") if len(names) <= _MOST else "")
        + matrix
        + _p(say(report_words.FIGURES), "soft")
        + _table(heads, figures)
    )


def _cells(facts: Facts, names: Sequence[str], say: Say) -> str:
    """The matrix as a table whose cells are the more coloured, the larger a part of the row."""
    result = facts.result
    assert result is not None
    called = [escape(say("called {name}", name=text)) for text in names]
    head = "".join(f'<th scope="col">{text}</th>' for text in called)
    rows = []
    for truth, text in enumerate(names):
        cells = "".join(
            _cell(int(count), int(result.support[truth]), truth == guess)
            for guess, count in enumerate(result.confusion[truth])
        )
        true = escape(say("is {name}", name=text))
        rows.append(f'<tr><th scope="row">{true}</th>{cells}</tr>')
    return (
        '<div class="scroll"><table class="matrix"><thead><tr><td style="border:0"></td>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(count: int, support: int, is_right: bool) -> str:
    """A cell, the more coloured the larger its part of the row."""
    part = count / support if support else 0.0
    color = "0, 158, 115" if is_right else "213, 94, 0"
    shade = f"background: rgba({color}, {0.08 + 0.42 * part:.2f})" if count else ""
    return f'<td style="{shade}">{count:,}<small>{part:.1%}</small></td>'


def _mistakes(facts: Facts, say: Say) -> str:
    assert facts.table is not None
    classes = [name(text) for text in facts.table.classes]
    cards = "".join(_mistake(mistake, classes, say) for mistake in facts.mistakes)
    told = _p(say(report_words.MISTAKES), "soft")
    return f'{told}<div class="mistakes">{cards}</div>'


def _mistake(mistake: Mistake, classes: Sequence[str], say: Say) -> str:
    truth, guess = classes[mistake.truth], classes[mistake.guess]
    said = say("called {name}, {share:.1%}", name=guess, share=mistake.share)
    true = say("is {name}", name=truth)
    photo = images.thumbnail(mistake.photo, _SIDE)
    shown = report_charts.picture(photo, f"{true}, {said}")
    if mistake.heat is not None:
        over = images.thumbnail(heat.overlay(mistake.photo, mistake.heat), _SIDE)
        shown += report_charts.picture(over, say("What spoke for {name}", name=guess))
    file = escape(name(mistake.file))
    return (
        f'<figure><div class="pair">{shown}</div><figcaption><b>{escape(true)}</b>,'
        f" {escape(said)}<br>{file}</figcaption></figure>"
    )


def _settings(facts: Facts, say: Say) -> str:
    run = facts.run
    parts = [(say("Photos"), report_words.data(run, say))]
    if run.is_history:
        told = _p(say(N_("A history from a file: the settings of this training are not known.")))
    else:
        told = _p(say(N_("Bold: other than this network's usual setting.")), "soft")
        changes = report_words.augmentation(run, say)
        parts += [(say("Training"), report_words.settings(run, say))]
        parts += [(say("Augmentation"), changes)] if changes else []
    return told + f'<div class="two settings">{"".join(_pairs(*part) for part in parts)}</div>'


def _pairs(title: str, rows: Sequence[tuple[str, str, bool]]) -> str:
    inner = "".join(
        f'<tr{" class=other" if other else ""}><th scope="row">{escape(label)}</th>'
        f"<td>{escape(value)}</td></tr>"
        for label, value, other in rows
    )
    return f"<div><h3>{escape(title)}</h3><table><tbody>{inner}</tbody></table></div>"
