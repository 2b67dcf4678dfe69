// Records photos by class from the camera: catdog_ui/data/recording_view.py mounts it. A frame
// leaves the browser only while a button is held. The functions of assets/camera.js stand before.

const PERIOD = 120; // ms between two frames
const WIDEST = 640; // pixels of a frame's longer side
const PARALLEL = 4; // small pictures fetched at once

const make = (tag, properties = {}, ...children) => {
  const { aria = {}, ...others } = properties;
  const element = Object.assign(document.createElement(tag), others);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, value);
  element.append(...children);
  return element;
};
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable]");

class Recorder {
  constructor(root) {
    this.cards = new Map(); // by the number of the class
    this.pictures = new Map(); // object URLs by the name of the photo
    this.waiting = []; // photos whose small picture is to be fetched
    this.fetching = 0;
    this.events = new AbortController();
    this.video = make("video", { muted: true, playsInline: true });
    this.toggle = make("button", { type: "button", className: "recorder-main", onclick: () => this.switchCamera() });
    this.cameras = make("select", { hidden: true, onchange: () => this.openCamera() });
    this.alert = make("p", { className: "recorder-alert" });
    this.alert.setAttribute("role", "alert");
    this.list = make("div", { className: "recorder-classes" });
    this.add = make("button", { type: "button", onclick: () => this.edit("add", -1, "") });
    const screen = make("div", { className: "recorder-screen" }, this.video);
    const camera = make("div", { className: "recorder-camera" }, screen, this.toggle, this.cameras, this.alert);
    this.frame = make("div", { className: "recorder" }, camera, make("div", {}, this.list, this.add));
    root.append(this.frame);
    const options = { signal: this.events.signal };
    document.addEventListener("keydown", (event) => this.pressKey(event), options);
    document.addEventListener("keyup", (event) => event.key === this.active?.key && this.release(), options);
    window.addEventListener("blur", () => this.release(), options);
  }

  // Takes over what the page says now.
  update(component) {
    Object.assign(this, { data: component.data, send: component.setTriggerValue, texts: component.data.texts });
    if (this.alert.textContent === this.problem || this.data.problem) this.alert.textContent = this.data.problem;
    this.problem = this.data.problem;
    this.video.setAttribute("aria-label", this.texts.picture);
    this.cameras.setAttribute("aria-label", this.texts.camera);
    this.add.textContent = this.texts.add;
    this.add.disabled = this.data.disabled || Object.keys(this.data.classes).length >= this.data.most;
    for (const [label, card] of this.cards)
      if (!(label in this.data.classes)) {
        card.root.remove();
        this.cards.delete(label);
      }
    Object.entries(this.data.classes).forEach(([label, name], index) => {
      const card = this.cards.get(label) ?? this.makeCard(label);
      Object.assign(card, { name, key: String(index + 1) });
      card.mark.textContent = card.key;
      if (document.activeElement !== card.field) card.field.value = name;
      card.field.disabled = this.data.disabled;
      card.field.setAttribute("aria-label", fill(this.texts.name, { n: card.key }));
      card.remove.hidden = Object.keys(this.data.classes).length <= 2;
      card.remove.setAttribute("aria-label", fill(this.texts.remove, { name }));
      card.remove.title = fill(this.texts.remove, { name });
      if (!this.data.begun) card.skipped = 0;
      // While frames come in, the page knows fewer photos than this.
      if (!this.active) this.showPhotos(card, this.data.photos.filter((each) => each.startsWith(`${label}-`)));
    });
    this.draw();
  }

  makeCard(label) {
    const card = { label, photos: new Map(), skipped: 0 };
    card.mark = make("kbd", { aria: { hidden: "true" } });
    card.field = make("input", { type: "text", maxLength: 60, onchange: () => this.edit("rename", label, card.field.value) });
    card.field.addEventListener("keydown", (event) => event.key === "Enter" && card.field.blur());
    card.remove = make("button", { type: "button", textContent: "×", onclick: () => this.edit("remove", label, "") });
    card.hold = make("button", { type: "button", className: "recorder-hold", aria: { pressed: "false" } });
    card.count = make("p", { aria: { live: "polite" } });
    card.strip = make("div", { className: "recorder-photos" });
    card.root = make(
      "section",
      {},
      make("div", { className: "recorder-name" }, card.mark, card.field, card.remove),
      card.hold,
      card.count,
      card.strip,
    );
    this.list.append(card.root);
    this.listenToHold(card);
    card.strip.addEventListener("keydown", (event) => this.moveAmongPhotos(card, event));
    this.cards.set(label, card);
    return card;
  }

  listenToHold(card) {
    const { hold } = card;
    hold.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      hold.setPointerCapture(event.pointerId);
      this.record(card);
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"])
      hold.addEventListener(name, () => this.active?.card === card && !this.active.key && this.release());
    hold.addEventListener("contextmenu", (event) => event.preventDefault()); // of a long touch
    for (const name of ["keydown", "keyup"])
      hold.addEventListener(name, (event) => {
        if (event.key !== " " && event.key !== "Enter") return;
        event.preventDefault(); // else it clicks, too
        if (name === "keyup") this.release();
        else if (!event.repeat) this.record(card, event.key);
      });
    // A screen reader clicks without a pointer, and cannot hold: one click begins, the next ends.
    hold.addEventListener("click", (event) => {
      if (event.detail) return;
      if (this.active) this.release();
      else this.record(card, "click");
    });
  }

  pressKey(event) {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    const card = [...this.cards.values()].find((each) => each.key === event.key);
    if (card) this.record(card, event.key);
  }

  switchCamera() {
    this.alert.textContent = "";
    if (this.video.srcObject) return this.closeCamera();
    this.edit("begin", -1, ""); // so that the first hold needn't wait for it
    this.openCamera();
  }

  async openCamera() {
    this.unwatch?.();
    this.release();
    try {
      const chosen = this.cameras.value ? { deviceId: { exact: this.cameras.value } } : {};
      if (!(await openCamera(this.video, this.data.sentences, chosen))) return;
      this.unwatch = watchCamera(this.video, () => this.closeCamera());
      listCameras(this.cameras, this.video);
      const [track] = this.video.srcObject.getVideoTracks();
      this.video.classList.toggle("recorder-mirror", track.getSettings().facingMode !== "environment");
      this.frame.scrollIntoView({ block: "nearest" }); // on a phone the buttons are below the fold
    } catch (error) {
      this.closeCamera();
      if (!(error instanceof CameraError)) throw error;
      this.alert.textContent = error.message;
      this.alert.scrollIntoView({ block: "nearest" });
    }
    this.draw();
  }

  closeCamera() {
    this.unwatch?.();
    this.release();
    closeCamera(this.video);
    this.draw();
  }

  // Sends frames of one clip until the button, or the key, is released.
  async record(card, key = "") {
    if (this.active || card.hold.disabled) return;
    const active = (this.active = { card, key, clip: Date.now() });
    this.alert.textContent = "";
    this.draw();
    if (!this.data.begun) this.edit("begin", -1, ""); // saved or discarded with the camera on
    while (this.active === active && !this.data.begun && !this.data.problem) await wait(PERIOD);
    while (this.active === active && this.data.begun) {
      const began = performance.now();
      if (!(await this.sendFrame(active))) break;
      await wait(Math.max(0, PERIOD - (performance.now() - began)));
    }
    if (this.active === active) this.active = null;
    this.draw();
    if (!this.active) this.send("change", `${active.clip}`);
  }

  release() {
    this.active = null;
    if (this.data) this.draw();
  }

  async sendFrame({ card, clip }) {
    const { videoWidth, videoHeight } = this.video;
    const scale = Math.min(1, WIDEST / Math.max(videoWidth, videoHeight));
    const frame = await grabFrame(this.video, Math.round(videoWidth * scale), Math.round(videoHeight * scale));
    if (!frame) return true;
    const answer = await this.ask("POST", `/frames?class=${card.label}&clip=${clip}`, frame);
    if (!answer?.ok) return answer?.status === 429; // too fast: the next one comes later
    const { name } = await answer.json();
    if (name) this.addPhoto(card, name);
    else card.skipped += 1;
    this.draw();
    return true;
  }

  // Asks a route of the lab; what it refuses is shown.
  async ask(method, path, body) {
    try {
      const answer = await fetch(this.data.url + path, { method, body, headers: this.data.headers });
      if (!answer.ok && answer.status !== 429) this.alert.textContent = (await answer.json()).error;
      return answer;
    } catch {
      this.alert.textContent = this.texts.offline;
      return null;
    }
  }

  showPhotos(card, names) {
    for (const name of card.photos.keys()) if (!names.includes(name)) this.forgetPhoto(card, name);
    for (const name of names) if (!card.photos.has(name)) this.addPhoto(card, name);
  }

  addPhoto(card, name) {
    const image = make("img");
    const photo = make("button", { type: "button", tabIndex: -1, onclick: () => this.deletePhoto(card, name) }, image);
    card.photos.set(name, photo);
    card.strip.prepend(photo);
    this.waiting.push([name, image]);
    this.fetchPictures();
  }

  async fetchPictures() {
    if (this.fetching >= PARALLEL || !this.waiting.length) return;
    this.fetching += 1;
    const [name, image] = this.waiting.pop();
    const answer = await this.ask("GET", `/photos/${name}`);
    if (answer?.ok && image.isConnected) {
      this.pictures.set(name, (image.src = URL.createObjectURL(await answer.blob())));
    } else if (answer?.status === 429) {
      await wait(500);
      this.waiting.push([name, image]);
    }
    this.fetching -= 1;
    this.fetchPictures();
  }

  async deletePhoto(card, name) {
    const next = card.photos.get(name).nextElementSibling ?? card.photos.get(name).previousElementSibling;
    if (!(await this.ask("DELETE", `/photos/${name}`))?.ok) return;
    this.forgetPhoto(card, name);
    this.draw();
    (next ?? card.hold).focus();
    clearTimeout(this.telling); // several are deleted in a row
    this.telling = setTimeout(() => this.send("change", name), 500);
  }

  forgetPhoto(card, name) {
    card.photos.get(name)?.remove();
    card.photos.delete(name);
    URL.revokeObjectURL(this.pictures.get(name));
    this.pictures.delete(name);
  }

  // One photo of a class is a stop of the Tab key; arrows lead to the others.
  moveAmongPhotos(card, event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const photos = [...card.strip.children];
    const next = photos[photos.indexOf(document.activeElement) + step];
    if (event.key === "Delete") document.activeElement.click();
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  edit(op, label, name) {
    this.send("edit", { op, label: Number(label), name });
  }

  // Shows the present state: what may be pressed, what is recorded, how many there are.
  draw() {
    const isOn = Boolean(this.video.srcObject);
    this.frame.classList.toggle("recorder-on", isOn);
    this.toggle.textContent = isOn ? this.texts.off : this.texts.on;
    this.toggle.disabled = this.data.disabled;
    for (const card of this.cards.values()) {
      const isActive = this.active?.card === card;
      const names = [...card.photos.keys()];
      card.hold.disabled = this.data.disabled || !isOn;
      card.hold.classList.toggle("recorder-active", isActive);
      card.hold.setAttribute("aria-pressed", isActive);
      card.hold.setAttribute("aria-label", `${this.texts.hold}: ${card.name}`);
      card.hold.textContent = isActive ? this.texts.recording : this.texts.hold;
      const clips = new Set(names.map((name) => name.split("-")[1])).size;
      const values = { n: names.length, clips, skipped: card.skipped };
      card.count.textContent = fill(card.skipped ? this.texts.counts_skipped : this.texts.counts, values);
      card.root.setAttribute("aria-label", card.name);
      [...card.strip.children].forEach((photo, index, all) => {
        photo.firstElementChild.alt = fill(this.texts.delete, { n: all.length - index, name: card.name });
        photo.title = this.texts.delete_hint;
        photo.disabled = this.data.disabled;
        photo.tabIndex = index && photo !== document.activeElement ? -1 : 0;
      });
    }
  }

  close() {
    this.events.abort();
    this.closeCamera();
    for (const url of this.pictures.values()) URL.revokeObjectURL(url);
  }
}

export default function (component) {
  const root = component.parentElement;
  (root.catdogRecorder ??= new Recorder(root)).update(component);
  return () => {
    root.catdogRecorder.close();
    root.replaceChildren();
    delete root.catdogRecorder;
  };
}
