"""A run's report as one HTML file that needs nothing else; it prints, and goes light or dark."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis import heatmap, plots
from ..analysis.photo_overlap import KEPT_EPOCH_TEXT
from ..base import files, plot_fonts, report_language
from ..base.errors import N_, CatDogError
from ..base.palette import BLACK, MUTED, TRAIN, VALIDATION
from ..base.report_language import Translator
from ..imaging import decode
from ..imaging.decode import Photo, encode_photo
from ..runs import Run
from . import report_text
from .report_text import Mistake, ReportData, format_name, format_percent

STYLE = """
:root { color-scheme: light dark; --ink: #0e1517; --soft: #4f5f5e; --line: #d7dedc;
  --paper: #fbfcfb; --card: #fff; --mark: #00695c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eceb; --soft: #9fb0ad; --line: #2c3a3b;
  --paper: #0e1517; --card: #152022; --mark: #4fd1bd; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.55;
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Noto Sans KR", "Malgun Gothic",
  "Apple SD Gothic Neo", sans-serif; overflow-wrap: anywhere; }
main { max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: clamp(1.7rem, 5vw, 2.5rem); line-height: 1.15; margin: 0 0 .35rem;
  letter-spacing: -.015em; text-wrap: balance; }
h2 { font-size: 1.3rem; margin: 3rem 0 .6rem; padding-top: .8rem;
  border-top: 1px solid var(--line); letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
p { margin: .5rem 0; max-width: 65ch; } .soft, figcaption, dt { color: var(--soft); }
.tiles { display: grid; gap: .7rem; margin: 1.6rem 0 0; padding: 0;
  grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); }
.tiles div, .verdict, figure.card { border: 1px solid var(--line); border-radius: .7rem;
  background: var(--card); }
.tiles div { padding: .6rem .85rem .7rem; } .tiles dt { font-size: .82rem; }
.tiles dd { margin: 0; font-size: 1.45rem; line-height: 1.25;
  font-variant-numeric: tabular-nums; overflow-wrap: normal; }
.verdict { padding: 1rem 1.2rem; border-left: 5px solid var(--mark); }
.verdict strong { color: var(--mark); }
.two { display: grid; gap: 1rem 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); }
figure { margin: 0; } figure.card { padding: .8rem; min-width: 0; }
figure svg { width: 100%; height: auto; display: block; } svg text { fill: currentColor; }
figcaption { font-size: .86rem; line-height: 1.4; }
.scroll { overflow-x: auto; margin: .8rem 0 1rem; }
table { border-collapse: collapse; font-size: .93rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .38rem .8rem .38rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 500; } tbody th { font-weight: 500; }
td.n, th.n { text-align: right; padding: .38rem 0 .38rem 1.4rem; }
td.n:first-child, th.n:first-child { text-align: left; padding-left: 0; }
.settings table { width: 100%; } .settings th { color: var(--soft); font-weight: 400; }
.settings tr.other td { font-weight: 650; }
.matrix td { text-align: center; min-width: 5.5rem; padding: .7rem; font-size: 1.15rem;
  border: 1px solid var(--line); } .matrix th { padding: .5rem .8rem; border: 0; }
.matrix small { display: block; font-size: .76rem; opacity: .85; }
.mistakes { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr)); }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 3px; margin-bottom: .45rem; }
.pair img { width: 100%; height: auto; display: block; border-radius: .35rem; }
footer { margin-top: 3.5rem; font-size: .86rem; color: var(--soft); }
summary { cursor: pointer; color: var(--mark); } ul { padding-left: 1.2rem; margin: .4rem 0; }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #ccc;
  --paper: #fff; --card: #fff; --mark: #00695c; } @page { size: A4; margin: 15mm; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10pt; line-height: 1.4; } main { padding: 0; max-width: none; }
  h1 { font-size: 20pt; } h2 { margin: 1.4rem 0 .4rem; padding-top: .5rem; }
  h3 { margin: .7rem 0 .3rem; } h1, h2, h3 { break-after: avoid; } p, li { orphans: 2; widows: 2; }
  .tiles { display: flex; gap: .4rem; margin-top: .9rem; } .tiles div { flex: 1 1 auto; }
  .tiles div { padding: .3rem .55rem; } .tiles dd { font-size: 1.15rem; white-space: nowrap; }
  .two { grid-template-columns: 1fr 1fr; gap: .6rem 1.2rem; } .two li { margin-bottom: .1rem; }
  figure, tr, li, p, .verdict, .tiles, .matrix { break-inside: avoid; }
  section > p { break-after: avoid; }
  .scroll { overflow: visible; } .matrix td { padding: .35rem; }
  .mistakes { grid-template-columns: repeat(3, 1fr); gap: .7rem; } .modebar { display: none; }
  .settings { display: block; columns: 2; column-gap: 1.6rem; } .settings th, .settings td {
  padding: .2rem .5rem .2rem 0; } footer { margin-top: 1.2rem; } details { display: none; } }
"""


METRICS = ("accuracy", "loss")
_SVG_HEAD = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>", re.DOTALL)
_SVG_SIZE = re.compile(r' (?:width|height)="[^"]*pt"')


def render_svg_curve(
    metric: str,
    epochs: Sequence[Mapping[str, Any]],
    best: int | None,
    guess: float,
    say: Translator,
) -> str:
    """Return one metric over the epochs as an SVG element without a size, in the text's colour."""
    from matplotlib import rc_context

    figure = plots.plot_metric(metric, epochs, best, say, guess)
    plot_fonts.apply_fallback_fonts(figure)
    out = io.StringIO()
    # Texts stay texts: they take the page's font and can be searched. The salt keeps apart what
    # two pictures of one page name alike.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": metric}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = _SVG_HEAD.sub("", out.getvalue())
    head, end, rest = text.partition(">")
    return (_SVG_SIZE.sub("", head) + end + rest).replace(BLACK, "currentColor")


def render_live_curve(
    metric: str, epochs: Sequence[Mapping[str, Any]], guess: float, say: Translator
) -> str:
    """Return a script that draws one metric over the epochs; `load_plotly_script` comes before."""
    x = [row["epoch"] + 1 for row in epochs]
    title = say("Accuracy") if metric == "accuracy" else say("Loss")
    traces = [
        {
            "x": x,
            "y": [_finite_or_none(row.get(key)) for row in epochs],
            "name": escape(label),
            "mode": "lines+markers",
            "line": {"color": color, "width": 2.5},
        }
        for key, label, color in (
            (metric, say("Training"), TRAIN),
            (f"val_{metric}", say("Validation"), VALIDATION),
        )
    ]
    traces.append(
        {
            "x": [x[0], x[-1]],
            "y": [guess, guess],
            "name": escape(say("guessing")),
            "mode": "lines",
            "hoverinfo": "skip",
            "line": {"color": MUTED, "width": 1, "dash": "dot"},
        }
    )
    grid = {"gridcolor": "rgba(128,128,128,.25)", "zerolinecolor": "rgba(128,128,128,.25)"}
    layout = {
        "title": {"text": escape(title)},
        "hovermode": "x unified",
        "height": 340,
        "margin": {"l": 48, "r": 12, "t": 48, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": MUTED},
        "legend": {"orientation": "h", "y": -0.2},
        "xaxis": {"title": {"text": escape(say("Epoch"))}, **grid},
        "yaxis": {"tickformat": ".0%" if metric == "accuracy" else "", **grid},
    }
    options = {"responsive": True, "displaylogo": False}
    arguments = ", ".join(
        _to_script_json(part) for part in (f"live-{metric}", traces, layout, options)
    )
    # Once the page is laid out: before, it would take the width of what is to come beside it.
    draw = f"addEventListener('load', () => Plotly.newPlot({arguments}))"
    return f'<div id="live-{metric}"></div><script>{draw}</script>'


def load_plotly_script() -> str:
    """Return plotly's own script, of the package that is installed; it is 4 to 5 MB.

    Raises:
        CatDogError: it is not there.
    """
    spec = importlib.util.find_spec("plotly")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        path = Path(folder) / "package_data" / "plotly.min.js"
        if path.is_file():
            text = path.read_text(encoding="utf-8").replace("</script", "<\\/script")
            return f"<script>{text}</script>"
    raise CatDogError("The plotly package isn't installed. Install it with: pip install plotly")


def render_photo(photo: Photo, alt: str) -> str:
    """Return a photo as an HTML element that holds all its bytes."""
    data = base64.b64encode(encode_photo(photo, quality=82)).decode()
    height, width = photo.shape[:2]
    size = f'width="{width}" height="{height}"'
    return f'<img src="data:image/jpeg;base64,{data}" {size} alt="{escape(alt)}">'


def _to_script_json(value: Any) -> str:
    """Return a value inside a script element, which a name in it cannot end."""
    return json.dumps(value).replace("<", "\\u003c")


def _finite_or_none(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and isfinite(value)
    return round(float(value), 6) if number else None


_MAX_MATRIX_CLASSES = 20  # classes a matrix has room for
_PHOTO_SIDE = 192  # pixels of a photo of a mistake


def render_page(facts: ReportData, say: Translator, language: str, live: bool) -> str:
    """Return the whole HTML file of a report.

    Args:
        facts: what it tells.
        say: the language of its words.
        language: its code, such as "ko".
        live: with curves that answer the mouse, for which it holds 4 to 5 MB of plotly.
    """
    title = format_name(facts.run.name or facts.run.id)
    # No untrusted name may load or send anything, whatever they are called.
    policy = "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'"
    if live:
        policy += "; script-src 'unsafe-inline'"
    body = "\n".join(_render_sections(facts, say, live))
    made_by = say(
        N_("Created by CatDog Lab from the run's files. Nothing is loaded from the internet.")
    )
    return f"""<!doctype html>
<html lang="{escape(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{escape(title)}</title>
<style>{STYLE}</style>
{load_plotly_script() if live else ""}
</head>
<body><main>
<header>
<h1>{escape(title)}</h1>
{_render_paragraph(report_text.format_subtitle(facts.run), "soft")}
{_render_paragraph(" ".join(facts.run.note.split()), "soft") if facts.run.note.strip() else ""}
{_render_tiles(report_text.list_tiles(facts, say))}
</header>
{body}
<footer>{_render_paragraph(made_by)}
</footer>
</main></body>
</html>
"""


def _render_sections(facts: ReportData, say: Translator, live: bool) -> Iterable[str]:
    yield _render_section(say("Verdict"), _render_verdict(facts, say))
    yield _render_section(say("Curves"), _render_curves(facts, say, live))
    if facts.table is not None and facts.result is not None:
        yield _render_section(say("Confusion matrix"), _render_matrix(facts, say))
        if facts.mistakes:
            yield _render_section(say("Worst mistakes"), _render_mistakes(facts, say))
    else:
        yield _render_section(
            say("Predictions"), _render_paragraph(report_text.describe_problem(facts, say))
        )
    yield _render_section(say("Settings"), _render_settings(facts, say))


def _render_section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>\n{body}</section>"


def _render_paragraph(text: str, kind: str = "") -> str:
    return f"<p{f' class={kind}' if kind else ''}>{escape(text)}</p>" if text else ""


def _render_tiles(items: Sequence[tuple[str, str]]) -> str:
    inner = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in items
    )
    return f'<dl class="tiles">{inner}</dl>'


def _render_verdict(facts: ReportData, say: Translator) -> str:
    verdict = facts.verdict
    word = say(report_text.VERDICT_NAMES[verdict.kind])
    steps, remarks = report_text.list_advice(facts, say)
    lists = "".join(
        f"<div><h3>{escape(title)}</h3><ul>{_render_items(content)}</ul></div>"
        for title, content in ((say("What to try next"), steps), (say("Worth knowing"), remarks))
        if content
    )
    content = escape(say(verdict.message, **verdict.params))
    return (
        f'<div class="verdict"><strong>{escape(word)}</strong><p>{content}</p></div>'
        f'<div class="two">{lists}</div>'
    )


def _render_items(items: Sequence[str]) -> str:
    return "".join(f"<li>{escape(text)}</li>" for text in items)


def _render_curves(facts: ReportData, say: Translator, live: bool) -> str:
    run, shown = facts.run, []
    for metric, guess in zip(METRICS, (run.guess_accuracy, run.guess_loss), strict=True):
        if live:
            drawn = render_live_curve(metric, run.epochs, guess, say)
        else:
            drawn = render_svg_curve(metric, run.epochs, run.best_epoch, guess, say)
        what = say("Accuracy") if metric == "accuracy" else say("Loss")
        alt = f"{what}. {report_text.describe_last_epoch(run, say)}"
        shown.append(f'<figure class="card" role="img" aria-label="{escape(alt)}">{drawn}</figure>')
    heads = [
        *(say("Epoch"), say("Training loss"), say("Validation loss")),
        *(say("Training accuracy"), say("Validation accuracy")),
    ]
    rows = [
        [
            str(row["epoch"] + 1),
            *(_format_number(row.get(key)) for key in ("loss", "val_loss")),
            *(format_percent(row.get(key)) for key in ("accuracy", "val_accuracy")),
        ]
        for row in run.epochs
    ]
    all_numbers = escape(say("Numbers for all epochs"))
    return (
        _render_paragraph(say(report_text.CURVES_TEXT), "soft")
        + _render_paragraph(report_text.describe_last_epoch(run, say))
        + "".join(map(_render_paragraph, report_text.describe_clean_photos(run, say)))
        + _render_paragraph(say(KEPT_EPOCH_TEXT) if len(run.epochs) > 1 else "")
        + f'<div class="two">{"".join(shown)}</div>'
        + f"<details><summary>{all_numbers}</summary>"
        + _render_table(heads, rows)
        + "</details>"
    )


def _format_number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, (int, float)) and np.isfinite(value) else "–"


def _render_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col" class="n">{escape(text)}</th>' for text in heads)
    body = "".join(
        "<tr>" + "".join(f'<td class="n">{escape(cell)}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def _render_matrix(facts: ReportData, say: Translator) -> str:
    result, run = facts.result, facts.run
    assert result is not None
    assert facts.table is not None
    names = [format_name(text) for text in facts.table.classes]
    if len(names) > _MAX_MATRIX_CLASSES:
        matrix = f"<ul>{_render_items(report_text.describe_confusions(result, names, say))}</ul>"
    else:
        matrix = _render_matrix_table(facts, names, say)
    figures = [
        [names[n], *(format_percent(float(column[n])) for column in columns)]
        for columns in [(result.precision, result.recall, result.f1)]
        for n in range(len(names))
    ]
    heads = [say("Class"), say("Precision"), say("Recall"), "F1"]
    epoch = (run.best_epoch or 0) + 1
    note = say(
        N_(
            "These results are from the model of epoch {n}, evaluated on the validation photos "
            "without augmentation."
        ),
        n=epoch,
    )
    return (
        _render_paragraph(note, "soft")
        + _render_paragraph(report_text.describe_interval(result, facts.overlap, say))
        + _render_paragraph(report_text.describe_overlap(facts, say))
        + _render_paragraph(report_text.describe_match(facts, say))
        + (
            _render_paragraph(say(report_text.MATRIX_TEXT), "soft")
            if len(names) <= _MAX_MATRIX_CLASSES
            else ""
        )
        + matrix
        + _render_paragraph(say(report_text.FIGURES_TEXT), "soft")
        + _render_table(heads, figures)
    )


def _render_matrix_table(facts: ReportData, names: Sequence[str], say: Translator) -> str:
    """Return the matrix as a table, a cell the more coloured the larger its part of the row."""
    result = facts.result
    assert result is not None
    called = [escape(say("predicted: {name}", name=text)) for text in names]
    head = "".join(f'<th scope="col">{text}</th>' for text in called)
    rows = []
    for truth, text in enumerate(names):
        cells = "".join(
            _render_matrix_cell(int(count), int(result.support[truth]), truth == guess)
            for guess, count in enumerate(result.confusion[truth])
        )
        true = escape(say("actual: {name}", name=text))
        rows.append(f'<tr><th scope="row">{true}</th>{cells}</tr>')
    return (
        '<div class="scroll"><table class="matrix"><thead><tr><td style="border:0"></td>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _render_matrix_cell(count: int, support: int, is_right: bool) -> str:
    """Return a cell, the more coloured the larger its part of the row."""
    part = count / support if support else 0.0
    color = "0, 158, 115" if is_right else "213, 94, 0"
    shade = f"background: rgba({color}, {0.08 + 0.42 * part:.2f})" if count else ""
    return f'<td style="{shade}">{count:,}<small>{part:.1%}</small></td>'


def _render_mistakes(facts: ReportData, say: Translator) -> str:
    assert facts.table is not None
    classes = [format_name(text) for text in facts.table.classes]
    cards = "".join(_render_mistake(mistake, classes, say) for mistake in facts.mistakes)
    note = _render_paragraph(say(report_text.MISTAKES_TEXT), "soft")
    return f'{note}<div class="mistakes">{cards}</div>'


def _render_mistake(mistake: Mistake, classes: Sequence[str], say: Translator) -> str:
    truth, guess = classes[mistake.truth], classes[mistake.guess]
    prediction = say("predicted: {name}, {share:.1%}", name=guess, share=mistake.share)
    true = say("actual: {name}", name=truth)
    photo = decode.make_thumbnail(mistake.photo, _PHOTO_SIDE)
    shown = render_photo(photo, f"{true}, {prediction}")
    if mistake.heat is not None:
        over = decode.make_thumbnail(
            heatmap.overlay_heatmap(mistake.photo, mistake.heat), _PHOTO_SIDE
        )
        shown += render_photo(over, say("Evidence for {name}", name=guess))
    file = escape(format_name(mistake.file))
    return (
        f'<figure><div class="pair">{shown}</div><figcaption><b>{escape(true)}</b>,'
        f" {escape(prediction)}<br>{file}</figcaption></figure>"
    )


def _render_settings(facts: ReportData, say: Translator) -> str:
    run = facts.run
    parts = [(say("Photos"), report_text.list_dataset_properties(facts, say))]
    if not isinstance(run, Run):
        note = _render_paragraph(
            say(N_("This is an imported history, so its training settings are unknown."))
        )
    else:
        note = _render_paragraph(
            say(N_("Bold settings differ from this network's default.")), "soft"
        )
        changes = report_text.list_augmentation(run, say)
        parts += [(say("Training"), report_text.list_settings(run, say))]
        parts += [(say("Augmentation"), changes)] if changes else []
    tables = "".join(_render_settings_table(*part) for part in parts)
    return note + f'<div class="two settings">{tables}</div>'


def _render_settings_table(title: str, rows: Sequence[tuple[str, str, bool]]) -> str:
    inner = "".join(
        f'<tr{" class=other" if other else ""}><th scope="row">{escape(label)}</th>'
        f"<td>{escape(value)}</td></tr>"
        for label, value, other in rows
    )
    return f"<div><h3>{escape(title)}</h3><table><tbody>{inner}</tbody></table></div>"


def write_html_report(
    source: Path, out: Path, say: Translator | None = None, language: str = ""
) -> None:
    """Write the report as one HTML file without a script.

    Args:
        source: a run folder.
        out: the file to write or replace.
        say: puts messages into the reader's language; by default that of the environment.
        language: the code of that language.

    Raises:
        RunError: it is no run, damaged, or has no whole epoch.
        CatDogError: the file cannot be written.
    """
    _write_page(source, out, say, language, live=False)


def write_live_report(
    source: Path, out: Path, say: Translator | None = None, language: str = ""
) -> None:
    """Write the report with interactive curves, as `write_html_report`; it holds all of plotly."""
    _write_page(source, out, say, language, live=True)


def _write_page(source: Path, out: Path, say: Translator | None, language: str, live: bool) -> None:
    facts = report_text.gather_report_data(source)
    language = language or os.environ.get(report_language.LANGUAGE_VARIABLE, "en")[:2]
    text = render_page(facts, say or report_language.get_current_translator(), language, live)
    files.write_bytes(out, text.encode("utf-8", "backslashreplace"))
