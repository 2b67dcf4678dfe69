// Names what the Tab key stops at and Streamlit leaves unnamed: the page, tables, code, chosen tags.
(() => {
  const names = () => window.catdogNames;
  const set = (element, name, value) => {
    if (!element.getAttribute(name)) element.setAttribute(name, value);
  };
  const nameAll = () => {
    for (const main of document.querySelectorAll("main")) set(main, "aria-label", names().main);
    for (const code of document.querySelectorAll("[data-testid=stCode][tabindex]")) {
      set(code, "role", "region");
      set(code, "aria-label", names().code);
    }
    for (const tag of document.querySelectorAll("span[data-tag][tabindex]")) set(tag, "role", "button");
    for (const canvas of document.querySelectorAll("canvas[data-testid=data-grid-canvas]")) {
      const frame = canvas.closest("[aria-label]");
      set(canvas, "aria-label", (frame && frame.getAttribute("aria-label")) || names().canvas);
    }
  };
  window.catdogNaming?.disconnect();
  let waiting = false;
  window.catdogNaming = new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      nameAll();
    });
  });
  window.catdogNaming.observe(document.body, { childList: true, subtree: true });
  nameAll();
})();
