// Review by keyboard: one large photo, its decision, the next photo at once. catdog_ui/review.py
// mounts it. What was decided stays in this browser until the server says that it's saved.

const CLASS_KEYS = "123456789abcdefghijklmnopqrstvwyz"; // X excludes, U undoes
const AHEAD = 10; // photos that are loaded before they are asked for, and BEHIND that stay
const BEHIND = 3;
const BATCH = 50;
const MOST_UNDOS = 200;
const MOST_KEPT = 15_000; // letters; browsers send at most 64 kB of a window that is closed
const IDLE_MS = 4000; // without a decision until the page around is drawn anew

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (field, name) => values[name] ?? field);
const percent = (share) => `${Math.round(100 * share)}%`;
const newId = () => [...crypto.getRandomValues(new Uint8Array(12))].map((n) => n.toString(16).padStart(2, "0")).join("");
const shortName = (file) => file.split("/").at(-1);

function make(tag, className, parent, attributes = {}) {
  const element = document.createElement(tag);
  element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent?.append(element);
  return element;
}

// Decisions that the server hasn't confirmed, each under a key of its own, so that two windows
// never overwrite each other's. Any window sends them: the server counts each once. Where the
// browser keeps nothing, memory does.
class Outbox {
  constructor(about) {
    this.prefix = `catdog-review:${about}:`;
    this.memory = new Map();
    this.number = 0;
  }
  put(decision) {
    const entry = { ...decision, id: newId(), at: Date.now(), number: (this.number += 1) };
    this.memory.set(entry.id, entry);
    try {
      localStorage.setItem(this.prefix + entry.id, JSON.stringify(entry));
    } catch {} // full, or forbidden: kept in memory
    return entry;
  }
  remove(id) {
    this.memory.delete(id);
    try {
      localStorage.removeItem(this.prefix + id);
    } catch {}
  }
  get(id) {
    return this.memory.get(id);
  }
  list() {
    const entries = new Map(this.memory);
    try {
      for (const key of Object.keys(localStorage)) {
        if (!key.startsWith(this.prefix)) continue;
        const entry = JSON.parse(localStorage.getItem(key));
        if (entry?.id && !entries.has(entry.id)) entries.set(entry.id, entry);
      }
    } catch {}
    return [...entries.values()].sort((a, b) => a.at - b.at || a.number - b.number);
  }
}

class Review {
  constructor(root) {
    this.root = root;
    this.images = new Map(); // by file: {image, done, abort}
    this.isSending = false;
    this.listening = new AbortController();
    this.build();
    const options = { signal: this.listening.signal };
    const alive = (act) => (event) => (root.isConnected ? act(event) : this.listening.abort());
    root.addEventListener("keydown", (event) => this.press(event));
    // Before anybody has clicked anywhere the keys are meant for the photo, too.
    const onBody = (event) => document.activeElement === document.body && this.press(event);
    document.addEventListener("keydown", alive(onBody), { ...options, capture: true });
    for (const name of ["online", "focus", "pagehide"]) window.addEventListener(name, alive(() => this.flush()), options);
  }

  build() {
    const root = this.root;
    const head = make("div", "review-head", root);
    this.bar = make("div", "review-bar", head, { role: "progressbar", "aria-valuemin": "0" });
    this.barFill = make("div", "", this.bar);
    this.count = make("span", "review-count", head);
    this.saved = make("span", "review-saved", head, { role: "status" });
    this.stage = make("div", "review-stage", root, { tabindex: "0", role: "group" });
    this.about = make("p", "review-about", root);
    this.search = make("input", "review-search", root, { type: "search", autocomplete: "off" });
    this.search.addEventListener("input", () => this.drawClasses());
    this.search.addEventListener("keydown", (event) => this.pressInSearch(event));
    this.classes = make("div", "review-classes", root, { role: "group" });
    this.actions = make("div", "review-actions", root, { role: "group" });
    this.keys = make("div", "review-keys", root, { role: "region", id: `keys-${newId()}` });
    this.keys.hidden = true;
    this.spoken = make("p", "review-spoken", root, { "aria-live": "polite" });
  }

  // Takes what Python sent: at the first time, and at each rerun of the page.
  update(data, trigger) {
    const isNew = this.data?.key !== data.key;
    this.data = data;
    this.trigger = trigger;
    this.awaitsTicket = false;
    if (isNew) {
      this.outbox = new Outbox(data.name);
      this.photos = data.photos.map((row) => this.toPhoto(row));
      const waiting = this.outbox.list();
      const undone = new Set(waiting.filter(({ action }) => action === "undo").map(({ to }) => to));
      for (const entry of waiting) if (!undone.has(entry.id)) this.mark(entry);
      this.index = Math.max(0, this.photos.findIndex((photo) => !photo.done));
      if (this.photos.every((photo) => photo.done)) this.index = this.photos.length;
      this.history = this.readHistory();
      this.round = data.round;
      this.drawActions();
      this.drawKeys();
    }
    this.bar.setAttribute("aria-label", data.texts.progress);
    this.stage.setAttribute("aria-label", data.texts.photo);
    this.classes.setAttribute("aria-label", data.texts.classes);
    this.actions.setAttribute("aria-label", data.texts.actions);
    this.search.setAttribute("aria-label", data.texts.search);
    this.search.placeholder = data.texts.search;
    this.search.hidden = data.classes.length <= 9;
    if (data.round > this.round) this.reorder(data.round, data.photos.filter((row) => !row[4]));
    else this.show(isNew);
    if (data.isLearning) this.refreshLater(); // to see what comes of it
    this.flush();
  }

  toPhoto([file, label, guess, certainty, done]) {
    return { file, label, guess, certainty, done: done ? "before" : "" };
  }

  get photo() {
    return this.photos[this.index];
  }

  mark({ file, action, to }) {
    const photo = this.photos.find((each) => each.file === file);
    if (!photo || action === "undo") return;
    photo.done = action;
    if (action === "relabel") photo.label = this.data.classes.findIndex((each) => each.name === to);
  }

  // ---- decisions

  decide(action, label = -1) {
    const photo = this.photo;
    if (!photo || this.data.readOnly) return;
    if (action === "relabel" && label === photo.label) action = "keep";
    if (action === "keep" && photo.label < 0) {
      if (photo.guess < 0) return;
      [action, label] = ["relabel", photo.guess]; // of a photo without a label: the guess is right
    }
    this.refusal = "";
    const to = action === "relabel" ? this.data.classes[label].name : "";
    const guess = photo.guess < 0 ? "" : this.data.classes[photo.guess].name;
    const decision = this.outbox.put({ file: photo.file, action, to, guess });
    this.history.push({ id: decision.id, file: photo.file, label: photo.label, done: photo.done });
    this.history = this.history.slice(-MOST_UNDOS);
    this.keepHistory();
    this.mark(decision);
    this.say(action === "relabel" ? fill(this.data.texts.relabeled, { name: to }) : this.data.texts[action + "Done"]);
    this.go(this.next());
    this.flush();
  }

  next() {
    let index = this.index + 1;
    while (index < this.photos.length && this.photos[index].done) index += 1;
    if (index < this.photos.length) return index;
    const open = this.photos.findIndex((photo) => !photo.done);
    return open < 0 ? this.photos.length : open;
  }

  undo() {
    const last = this.data.readOnly ? undefined : this.history.pop();
    if (!last) return this.say(this.data.texts.nothing);
    this.keepHistory();
    this.outbox.put({ file: last.file, action: "undo", to: last.id });
    const index = this.photos.findIndex((photo) => photo.file === last.file);
    this.say(this.data.texts.undone);
    if (index >= 0) {
      Object.assign(this.photos[index], { label: last.label, done: last.done });
      this.go(index);
    }
    this.flush();
  }

  // A reload can be undone across: what this window decided is kept as long as the window.
  readHistory() {
    try {
      return JSON.parse(sessionStorage.getItem(this.outbox.prefix + "history")) ?? [];
    } catch {
      return [];
    }
  }

  keepHistory() {
    try {
      sessionStorage.setItem(this.outbox.prefix + "history", JSON.stringify(this.history));
    } catch {}
  }

  // ---- saving

  async flush() {
    const waiting = this.outbox.list();
    this.showSaved(waiting.length);
    if (!waiting.length || this.isSending || this.awaitsTicket || this.data.readOnly) return;
    const batch = waiting.slice(0, BATCH);
    this.isSending = true;
    const again = await this.send(batch).catch(() => true);
    this.isSending = false;
    clearTimeout(this.retry);
    if (again) this.retry = setTimeout(() => this.flush(), (this.pause = Math.min(2 * (this.pause || 500), 10_000)));
    else this.pause = 0;
    const left = this.outbox.list().length;
    this.showSaved(left, again);
    if (!left) this.refreshLater();
    if (left && !again && !this.failed) this.flush();
  }

  // Has the page around drawn anew once nobody has decided anything for a while.
  refreshLater() {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.root.isConnected && this.trigger("changed", Date.now()), IDLE_MS);
  }

  // Returns whether to try again in a while.
  async send(batch) {
    const rows = batch.map(({ id, file, action, to, guess }) => ({ id, file, action, to, guess }));
    const body = JSON.stringify({ ...this.data.about, round: this.round, decisions: rows });
    const response = await fetch(`${this.data.sendUrl}?lang=${this.data.lang}`, {
      method: "POST",
      keepalive: body.length < MOST_KEPT, // also of a window that is being closed
      headers: { ...this.data.headers, "Content-Type": "application/json" },
      body,
    });
    if (response.status === 401) {
      this.renewTicket();
      return true;
    }
    if (response.status === 429 || response.status >= 500) return true;
    const answer = await response.json();
    this.failed = response.ok ? "" : answer.error;
    if (!response.ok) return false;
    for (const id of answer.applied) this.outbox.remove(id);
    for (const [id, reason] of Object.entries(answer.refused)) this.takeBack(id, reason);
    if (answer.photos) this.reorder(answer.round, answer.photos);
    return false;
  }

  // The server knows this page no more, as after its restart: a rerun brings a new ticket.
  renewTicket() {
    if (this.awaitsTicket) return;
    this.awaitsTicket = true;
    this.trigger("renew", Date.now());
    setTimeout(() => {
      this.awaitsTicket = false;
      this.flush();
    }, 3000);
  }

  takeBack(id, reason) {
    const { file } = this.outbox.get(id) ?? {};
    this.outbox.remove(id);
    const past = this.history.findIndex((each) => each.id === id);
    if (past >= 0) {
      const photo = this.photos.find((each) => each.file === file);
      if (photo) Object.assign(photo, { label: this.history[past].label, done: this.history[past].done });
      this.history.splice(past, 1);
      this.keepHistory();
    }
    this.refusal = `${shortName(file ?? "")}: ${reason}`;
    this.show();
  }

  showSaved(count, isLate = false) {
    const { texts } = this.data;
    const problem = this.failed || this.refusal;
    const waits = count ? fill(isLate ? texts.late : texts.saving, { n: count }) : texts.saved;
    this.saved.textContent = this.data.readOnly || [problem, waits].filter(Boolean).join(" ");
    this.saved.dataset.state = problem ? "failed" : count ? "waiting" : "saved";
  }

  // New guesses: photos that nobody has decided about come in the order they say.
  reorder(round, rows) {
    this.round = round;
    const current = this.photo;
    const done = this.photos.filter((photo) => photo.done || photo === current);
    const fresh = rows.find(([file]) => file === current?.file);
    if (fresh && !current.done) [, , current.guess, current.certainty] = fresh;
    const known = new Set(done.map((photo) => photo.file));
    const more = rows.map((row) => this.toPhoto(row)).filter((photo) => !known.has(photo.file));
    this.photos = [...done, ...more];
    this.index = current ? this.photos.indexOf(current) : this.photos.findIndex((photo) => !photo.done);
    if (this.index < 0) this.index = this.photos.length;
    this.show();
  }

  // ---- photos

  load(index) {
    const photo = this.photos[index];
    if (!photo) return undefined;
    let entry = this.images.get(photo.file);
    if (!entry) {
      const abort = new AbortController();
      const image = new Image();
      entry = { image, abort, state: "loading", reason: "" };
      this.images.set(photo.file, entry);
      entry.done = this.fetchPhoto(photo.file, entry);
    }
    return entry;
  }

  async fetchPhoto(file, entry) {
    const query = new URLSearchParams({ ...this.data.about, file, lang: this.data.lang });
    for (let attempt = 0; ; attempt += 1) {
      try {
        const options = { headers: this.data.headers, signal: entry.abort.signal };
        const response = await fetch(`${this.data.photoUrl}?${query}`, options);
        if (response.ok) {
          entry.image.src = URL.createObjectURL(await response.blob());
          await entry.image.decode();
          entry.state = "ready";
          return;
        }
        if (response.status === 401) this.renewTicket();
        else if (response.status !== 429 && response.status < 500) {
          entry.reason = (await response.json()).error;
          entry.state = "failed";
          return;
        }
      } catch (error) {
        if (error.name === "AbortError") return;
      }
      await new Promise((go) => setTimeout(go, Math.min(250 * 2 ** attempt, 5000)));
      if (entry.abort.signal.aborted) return;
    }
  }

  // Loads the photos ahead and lets go of those far away.
  loadAround() {
    const near = new Set();
    for (let index = this.index; index <= this.index + AHEAD; index += 1) {
      if (this.load(index)) near.add(this.photos[index].file);
    }
    for (let index = this.index - BEHIND; index < this.index; index += 1) {
      if (this.photos[index]) near.add(this.photos[index].file);
    }
    for (const [file, entry] of this.images) {
      if (near.has(file)) continue;
      entry.abort.abort();
      URL.revokeObjectURL(entry.image.src);
      this.images.delete(file);
    }
  }

  go(index) {
    this.index = Math.max(0, Math.min(index, this.photos.length));
    this.search.value = "";
    this.show();
    this.stage.scrollIntoView({ block: "nearest" }); // keys act on what is seen
  }

  show(focus = false) {
    const { texts, classes } = this.data;
    const { photo } = this;
    const done = this.photos.filter((each) => each.done).length;
    this.bar.setAttribute("aria-valuemax", this.photos.length);
    this.bar.setAttribute("aria-valuenow", done);
    this.barFill.style.width = `${(100 * done) / Math.max(1, this.photos.length)}%`;
    this.count.textContent = fill(texts.count, { n: done, total: this.photos.length });
    this.root.dataset.state = photo ? "open" : "finished";
    this.loadAround();
    if (photo) {
      const name = (label) => classes[label]?.name;
      const label = photo.label < 0 ? texts.unlabeled : fill(texts.label, { name: name(photo.label) });
      const certainty = percent(photo.certainty);
      const guess = photo.guess < 0 ? "" : fill(photo.certainty ? texts.guess : texts.group, { name: name(photo.guess), certainty });
      const state = photo.done && texts[photo.done + "State"];
      this.about.textContent = [shortName(photo.file), label, guess, state].filter(Boolean).join(" · ");
      const entry = this.load(this.index);
      entry.image.alt = `${label}: ${shortName(photo.file)}`;
      this.fillStage(entry, photo);
      entry.done.then(() => this.photo === photo && this.fillStage(entry, photo));
    } else {
      this.about.textContent = "";
      const text = make("p", "review-message", null);
      text.textContent = this.photos.length ? texts.finished : texts.empty;
      this.stage.replaceChildren(text);
      if (this.photos.length) {
        const button = make("button", "review-button is-primary", this.stage, { type: "button" });
        button.textContent = texts.finish;
        button.addEventListener("click", () => this.finish());
      }
    }
    this.drawClasses();
    for (const [name, button] of Object.entries(this.buttons ?? {})) {
      const isOff = {
        previous: this.index <= 0,
        next: !photo,
        undo: !this.history.length || Boolean(this.data.readOnly),
        keep: !photo || Boolean(this.data.readOnly) || Math.max(photo.label, photo.guess) < 0,
      };
      button.disabled = isOff[name] ?? (name !== "help" && (!photo || Boolean(this.data.readOnly)));
    }
    if (focus && photo) this.comeIntoView();
  }

  // Takes the focus of a click, but of no text field and nobody who moves by keyboard, and shows
  // photo and buttons. What is drawn above them later moves them again, until somebody else does.
  comeIntoView() {
    const now = document.activeElement;
    if (now === document.body || now.matches("button:not(:focus-visible), a:not(:focus-visible)")) this.stage.focus({ preventScroll: true });
    const scroll = () => this.root.scrollIntoView({ block: "nearest" });
    scroll();
    this.watch?.disconnect();
    const watch = (this.watch = new ResizeObserver(scroll));
    watch.observe(this.root.closest("[data-testid=stMainBlockContainer]") ?? this.root);
    const end = () => watch.disconnect();
    setTimeout(end, 8000);
    for (const act of ["wheel", "touchstart", "keydown", "pointerdown"]) window.addEventListener(act, end, { once: true, capture: true });
  }

  fillStage(entry, photo) {
    if (entry.state === "ready") {
      if (this.stage.firstChild !== entry.image) this.stage.replaceChildren(entry.image);
    } else {
      const text = make("p", "review-message", null);
      text.textContent = entry.state === "failed" ? entry.reason : this.data.texts.loading;
      this.stage.replaceChildren(text);
    }
    this.stage.dataset.file = entry.state === "loading" ? "" : photo.file;
  }

  async finish() {
    await this.flush();
    this.trigger("finished", Date.now());
  }

  // ---- keys and buttons

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest?.("input, textarea, select")) return;
    const code = { Slash: "/", Space: " " }[event.code] ?? event.code.replace(/^(Key|Digit|Numpad)/, "").toLowerCase();
    // Letters of other alphabets are taken by where they lie on the keyboard.
    const key = event.key === "?" || /^[ -~]$/.test(event.key) ? event.key.toLowerCase() : event.key.length === 1 ? code : event.key;
    const onControl = event.target.closest?.("button, a, summary");
    if (onControl && (key === " " || key === "Enter")) return;
    const act = {
      " ": () => this.decide("keep"),
      x: () => this.decide("exclude"),
      u: () => this.undo(),
      ArrowLeft: () => this.go(this.index - 1),
      ArrowRight: () => this.go(this.index + 1),
      "?": () => this.toggleKeys(),
      "/": () => !this.search.hidden && this.search.focus(),
      Escape: () => this.toggleKeys(false),
    }[key];
    const label = CLASS_KEYS.indexOf(key);
    if (!act && (key.length !== 1 || label < 0 || label >= this.data.classes.length)) return;
    event.preventDefault();
    event.stopPropagation(); // or Streamlit takes R and C for its own
    if (act) act();
    else this.decide("relabel", label);
  }

  pressInSearch(event) {
    if (event.key === "Enter" && this.search.value) {
      this.classes.querySelector("button")?.click();
      this.stage.focus({ preventScroll: true });
      event.preventDefault();
    } else if (event.key === "Escape") {
      this.search.value = "";
      this.drawClasses();
      this.stage.focus({ preventScroll: true });
    }
    event.stopPropagation();
  }

  button(parent, key, text, act) {
    const button = make("button", "review-button", parent, { type: "button" });
    const words = make("span", "", button);
    words.textContent = text;
    if (key) {
      const hint = make("kbd", "", null, { "aria-hidden": "true" });
      hint.textContent = key;
      button.prepend(hint);
    }
    button.addEventListener("click", (event) => {
      act();
      // After a tap or a click the keys are the photo's again; after Enter on the button, they stay.
      if (event.detail) this.stage.focus({ preventScroll: true });
    });
    return button;
  }

  drawActions() {
    const { texts } = this.data;
    this.actions.replaceChildren();
    this.buttons = {
      previous: this.button(this.actions, "←", texts.previous, () => this.go(this.index - 1)),
      keep: this.button(this.actions, texts.space, texts.keep, () => this.decide("keep")),
      exclude: this.button(this.actions, "X", texts.exclude, () => this.decide("exclude")),
      undo: this.button(this.actions, "U", texts.undo, () => this.undo()),
      next: this.button(this.actions, "→", texts.next, () => this.go(this.index + 1)),
      help: this.button(this.actions, "?", texts.keys, () => this.toggleKeys()),
    };
    this.buttons.help.setAttribute("aria-expanded", "false");
    this.buttons.help.setAttribute("aria-controls", this.keys.id);
  }

  // Draws a button for each class that the search leaves, at most as many as there are keys.
  drawClasses() {
    const { classes, texts, readOnly } = this.data;
    const wanted = this.search.value.trim().toLocaleLowerCase();
    const { photo } = this;
    const rows = classes.map((each, label) => ({ ...each, label })).filter((each) => each.name.toLocaleLowerCase().includes(wanted));
    const near = (row) => photo && (row.label === photo.guess || row.label === photo.label);
    const shown = [...rows.filter((row, n) => n < CLASS_KEYS.length || near(row))];
    const key = JSON.stringify([this.data.key, this.data.lang, shown.map((row) => row.label)]);
    if (this.classes.dataset.key !== key) {
      this.classes.dataset.key = key;
      this.classes.replaceChildren();
      for (const row of shown) {
        const button = this.button(this.classes, CLASS_KEYS[row.label] ?? "", row.name, () => this.decide("relabel", row.label));
        button.dataset.label = row.label;
        button.style.setProperty("--class-color", row.color);
        make("small", "", button);
      }
    }
    for (const button of this.classes.children) {
      const label = Number(button.dataset.label);
      const isLabel = photo?.label === label;
      const isGuess = photo?.guess === label;
      button.setAttribute("aria-pressed", String(isLabel));
      button.disabled = !photo || Boolean(readOnly);
      const certainty = photo?.certainty ? percent(photo.certainty) : "";
      button.lastChild.textContent = isGuess ? fill(texts.guessHint, { certainty }).trim() : "";
    }
  }

  drawKeys() {
    const { texts, classes } = this.data;
    const last = CLASS_KEYS[Math.min(classes.length, CLASS_KEYS.length) - 1];
    const rows = [
      [`1 – ${last}`, texts.keyClass],
      [texts.space, texts.keyKeep],
      ["X", texts.keyExclude],
      ["U", texts.keyUndo],
      ["← →", texts.keyMove],
      ...(classes.length > 9 ? [["/", texts.search]] : []),
      ["?", texts.keyHelp],
    ];
    this.keys.setAttribute("aria-label", texts.keys);
    const table = make("dl", "", null);
    for (const [key, text] of rows) {
      make("dt", "", table).textContent = key;
      make("dd", "", table).textContent = text;
    }
    this.keys.replaceChildren(table);
  }

  toggleKeys(isOpen = this.keys.hidden) {
    this.keys.hidden = !isOpen;
    this.buttons.help.setAttribute("aria-expanded", String(isOpen));
  }

  say(text) {
    this.spoken.textContent = text ?? "";
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  let root = parentElement.querySelector(".catdog-review");
  if (!root) {
    root = make("section", "catdog-review", parentElement);
    root.review = new Review(root);
  }
  root.review.update(data, setTriggerValue);
}
