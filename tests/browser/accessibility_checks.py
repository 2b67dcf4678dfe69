"""What a page shows, asked in the browser: contrast of its words, names of pictures and charts."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

PAGES = ("", "Data", "Augment", "Train", "Compare", "Evaluate", "Predict", "Export", "Learn")
"""The paths of all pages; Home has none."""
LOW_CONTRAST_JS = """() => {
  const parse = (color) => {
    const v = color.match(/[\\d.]+/g).map(Number);
    return v.length < 4 ? [...v, 1] : v;
  };
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const light = (c) => {
    const v = c.slice(0, 3).map(x => x / 255).map(
      x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
  };
  const up = (e) => {
    const line = [];
    for (let n = e; n; n = n.parentElement) line.push(n);
    return line;
  };
  const found = [];
  const walk = document.createTreeWalker(
    document.querySelector('[data-testid=stApp]'), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), e = walk.currentNode.parentElement;
    const idle = '[disabled], [aria-disabled=true], svg, script, style, [aria-hidden=true]';
    if (!text || !e.offsetParent || e.closest(idle)) continue;
    const line = up(e), style = getComputedStyle(e), color = parse(style.color);
    const opacity = line.reduce((all, n) => all * parseFloat(getComputedStyle(n).opacity), 1);
    if (opacity < 0.05) continue;  // shown only while the pointer is there
    const ground = line.reverse().reduce(
      (g, n) => over(parse(getComputedStyle(n).backgroundColor), g), [255, 255, 255, 1]);
    const shown = over([...color.slice(0, 3), color[3] * opacity], ground);
    const [less, more] = [light(shown), light(ground)].sort((a, b) => a - b);
    const ratio = (more + 0.05) / (less + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const sign = !/[\\p{L}\\p{N}]/u.test(text);
    const slider = !!e.closest('[data-testid=stSlider], [data-testid=stSelectSlider]');
    if (ratio < (large || sign ? 3 : 4.5) && !slider)
      found.push({text: text.slice(0, 60), ratio: Math.round(ratio * 100) / 100});
  }
  return found;
}"""
"""Words below the contrast of WCAG AA, and signs, such as a legend's, below that of graphics.

A slider's value is drawn over its thumb only to the eye.
"""

UNNAMED_JS = """() => {
  const name = (e) => (e.getAttribute('aria-label') || '').trim();
  const missing = (where, test) => [...document.querySelectorAll(where)].filter(test)
    .map(e => e.outerHTML.slice(0, 200));
  return [
    ...missing('img', e => !(e.getAttribute('alt') || '').trim()),
    ...missing('[data-testid=stPlotlyChart]', e => !name(e)),
    ...missing('button, a[href], input:not([type=file]), select, textarea, [role=slider]', e =>
      e.offsetParent && !e.textContent.trim() && !name(e) && !e.getAttribute('aria-labelledby')
      && !(e.labels && e.labels.length) && !e.title),
  ];
}"""
"""Pictures without alternative text, charts and controls that a screen reader cannot name."""

WATCH_SHIFTS_JS = """() => {
  window.shifts = [];
  new PerformanceObserver(list => {
    for (const entry of list.getEntries())
      window.shifts.push({value: entry.value, at: entry.startTime, input: entry.hadRecentInput,
        what: entry.sources.map(s => s.node && (s.node.dataset && s.node.dataset.testid
          || s.node.className || s.node.nodeName)).join(' | ').slice(0, 120)});
  }).observe({type: 'layout-shift', buffered: false});
}"""
"""Begins to note layout shifts in `window.shifts`."""


def low_contrast_texts(page: Any) -> list[dict[str, Any]]:
    """Words on a page that are too faint, with their contrast."""
    texts: list[dict[str, Any]] = page.evaluate(LOW_CONTRAST_JS)
    return texts


def settled_low_contrast_texts(page: Any) -> list[dict[str, Any]]:
    """As `low_contrast_texts`, once nothing fades any more that a script draws anew."""
    from playwright.sync_api import TimeoutError

    with suppress(TimeoutError):
        page.wait_for_function(f"() => !({LOW_CONTRAST_JS})().length", polling=250, timeout=10_000)
    return low_contrast_texts(page)


def unnamed_elements(page: Any) -> list[str]:
    """What on a page has no name for those who do not see it."""
    elements: list[str] = page.evaluate(UNNAMED_JS)
    return elements


def layout_shift(page: Any) -> float:
    """Cumulative Layout Shift since the watch began, input left out: the largest session window.

    As web.dev defines it: shifts less than 1 s apart, at most 5 s in all, are one window.
    """
    windows: list[list[dict[str, Any]]] = []
    for entry in page.evaluate("() => window.shifts"):
        if entry["input"]:
            continue
        last = windows[-1] if windows else None
        if last and entry["at"] - last[-1]["at"] < 1000 and entry["at"] - last[0]["at"] < 5000:
            last.append(entry)
        else:
            windows.append([entry])
    return max((sum(entry["value"] for entry in window) for window in windows), default=0.0)


FAINT_FOCUS_JS = """() => {
  const parse = (color) => {
    const v = color.match(/[\\d.]+/g).map(Number);
    return v.length < 4 ? [...v, 1] : v;
  };
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const light = (c) => {
    const v = c.slice(0, 3).map(x => x / 255).map(
      x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
  };
  const found = [];
  for (const e of document.querySelectorAll(
      'a[href], button, input, select, textarea, summary, canvas, [tabindex]')) {
    if (e.tabIndex < 0 || e.disabled || !e.getClientRects().length) continue;
    e.focus({preventScroll: true});
    if (document.activeElement !== e || !e.matches(':focus-visible')) continue;
    let ring = e;
    for (let up = 0; up < 6 && ring; up += 1, ring = ring.parentElement) {
      const style = getComputedStyle(ring);
      if (style.outlineStyle === 'solid' && parseFloat(style.outlineWidth) >= 2) break;
      if (up === 5) ring = null;
    }
    let ratio = 0;
    if (ring) {
      const line = [];
      for (let n = ring.parentElement; n; n = n.parentElement) line.unshift(n);
      const ground = line.reduce(
        (g, n) => over(parse(getComputedStyle(n).backgroundColor), g), [255, 255, 255, 1]);
      const color = over(parse(getComputedStyle(ring).outlineColor), ground);
      const [less, more] = [light(color), light(ground)].sort((a, b) => a - b);
      ratio = (more + 0.05) / (less + 0.05);
    }
    if (ratio < 3) found.push(`${ratio.toFixed(2)} ${e.outerHTML.slice(0, 160)}`);
  }
  document.activeElement.blur();
  return found;
}"""
"""Controls whose outline, when they have the keyboard's focus, is missing or below 3:1."""

SMALL_TARGETS_JS = """() => {
  const found = [];
  for (const e of document.querySelectorAll(
      '[data-testid=stApp] :is(button, summary, a[data-testid=stPageLink-NavLink], label)')) {
    // Help beside a label, a table's tools and the frame of Streamlit are out of the lab's hands.
    if (e.closest('[data-testid=stTooltipIcon], [data-testid=stElementToolbar], header')) continue;
    if (e.matches('label') && !e.querySelector('input[type=checkbox], input[type=radio]')) continue;
    const box = e.getBoundingClientRect();
    if (box.width && box.height && box.left >= 0 && Math.min(box.width, box.height) < 43.5)
      found.push(`${box.width}×${box.height} ${e.outerHTML.slice(0, 160)}`);
  }
  return found;
}"""
"""Controls smaller than a finger's 44 pixels."""


def faint_focus(page: Any) -> list[str]:
    """Controls that don't show that they have the keyboard's focus."""
    page.keyboard.press("Tab")  # from here on, a focus counts as the keyboard's
    controls: list[str] = page.evaluate(FAINT_FOCUS_JS)
    return controls


def small_targets(page: Any) -> list[str]:
    """Controls too small for a finger."""
    controls: list[str] = page.evaluate(SMALL_TARGETS_JS)
    return controls


def silent_stops(page: Any) -> list[str]:
    """What the Tab key stops at without a name or a role, as a screen reader is given it."""
    session = page.context.new_cdp_session(page)
    silent = []
    for node in session.send("Accessibility.getFullAXTree")["nodes"]:
        states = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
        role, name = (node.get(key, {}).get("value", "") for key in ("role", "name"))
        # A cell is reached by arrows and read with its row and column, also an empty one.
        if node["ignored"] or not states.get("focusable") or role in ("RootWebArea", "gridcell"):
            continue
        if not name.strip() or role in ("generic", "none"):
            described = session.send(
                "DOM.describeNode", {"backendNodeId": node["backendDOMNodeId"]}
            )
            silent.append(f"{role} {described['node']['attributes']}"[:200])
    session.detach()
    return silent
