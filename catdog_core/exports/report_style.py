"""How a report looks, on a screen in light and dark, narrow and wide, and on paper. Light."""

from __future__ import annotations

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
