// Predict → Live: the camera's picture, the class bars and the heat map, without reruns of the page.
// camera.js stands before this. All texts come translated in `data.words`.

const SMOOTHED = 1 / 3; // share of the newest answer in the smoothed one: it lasts over a few frames
const MEASURED = 2000; // milliseconds over which frames per second and their time are taken
const MOST_BARS = 5; // of many classes, the likeliest are shown
const MAP_SIDE = 112; // pixels of the enlarged map, before the browser stretches it over the picture

function element(tag, className, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

const sleep = (milliseconds, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

// A map's values 0..255, enlarged to MAP_SIDE as TensorFlow's bilinear resize does.
function enlargeMap({ rows, columns, values }) {
  const large = new Uint8Array(MAP_SIDE * MAP_SIDE);
  const steps = (count) =>
    Array.from({ length: MAP_SIDE }, (_, n) => {
      const at = Math.min(Math.max(((n + 0.5) * count) / MAP_SIDE - 0.5, 0), count - 1);
      const low = Math.floor(at);
      return [low, Math.min(low + 1, count - 1), at - low];
    });
  const across = steps(columns);
  let n = 0;
  for (const [top, bottom, down] of steps(rows)) {
    for (const [left, right, beside] of across) {
      const above = values[top * columns + left] * (1 - beside) + values[top * columns + right] * beside;
      const below = values[bottom * columns + left] * (1 - beside) + values[bottom * columns + right] * beside;
      large[n++] = above * (1 - down) + below * down;
    }
  }
  return large;
}

class LiveView {
  constructor(parent) {
    this.answers = []; // [when, milliseconds, of these in the model] of the last frames
    this.build(parent);
    this.watch = new AbortController(); // of what ends with the component
    const { signal } = this.watch;
    this.startButton.addEventListener("click", () => (this.run ? this.stop() : this.start()), { signal });
    this.freezeButton.addEventListener("click", () => this.freeze(), { signal });
    this.cameras.addEventListener("change", () => this.start(), { signal });
    this.opacity.addEventListener("input", () => this.drawMap(), { signal });
    this.smooth.addEventListener("change", () => (this.smoothed = this.levels = null), { signal });
    const back = () => !document.hidden && this.waiting && this.start();
    document.addEventListener("visibilitychange", back, { signal });
  }

  build(parent) {
    this.startButton = element("button", "live-primary", { type: "button" });
    this.freezeButton = element("button", "", { type: "button", disabled: true });
    this.cameras = element("select", "", { hidden: true });
    this.message = element("p", "live-message", { hidden: true });
    this.message.setAttribute("role", "alert");
    this.video = element("video", "", { muted: true, playsInline: true });
    this.picture = element("canvas", "", { width: 480, height: 360 });
    this.picture.setAttribute("role", "img");
    this.cameraTitle = element("figcaption");
    this.mapTitle = element("figcaption");
    this.label = element("p", "live-label");
    this.label.setAttribute("aria-hidden", "true");
    this.spoken = element("p", "live-spoken");
    this.spoken.setAttribute("aria-live", "polite");
    this.bars = element("div", "live-bars");
    this.speed = element("p", "live-speed");
    this.opacity = element("input", "", { type: "range", min: 0, max: 100, step: 5, value: 50 });
    this.smooth = element("input", "", { type: "checkbox", checked: true });
    this.withMap = element("input", "", { type: "checkbox", checked: true });
    const field = (input) => element("label", "", {}, input, (input.title_ = element("span")));
    parent.append(
      element(
        "div",
        "catdog-live",
        {},
        element("div", "live-bar", {}, this.startButton, this.freezeButton, this.cameras),
        this.message,
        element(
          "div",
          "live-panels",
          {},
          element("figure", "", {}, element("div", "live-picture", {}, this.video), this.cameraTitle),
          element("figure", "", {}, element("div", "live-picture", {}, this.picture), this.mapTitle),
          element("div", "live-answer", {}, this.label, this.spoken, this.bars, this.speed),
        ),
        element(
          "div",
          "live-bar",
          {},
          field(this.withMap),
          element("label", "", {}, (this.opacity.title_ = element("span")), this.opacity),
          field(this.smooth),
        ),
      ),
    );
  }

  // What the page says now: model, words, threshold. Called at the start and by every rerun.
  update(data, trigger) {
    const known = this.data;
    [this.data, this.trigger] = [data, trigger];
    const { words } = data;
    if (known?.model !== data.model) {
      [this.smoothed, this.levels, this.noMap, this.shown] = [null, null, "", undefined];
      this.drawBars(data.classes.map(() => 0));
      this.label.textContent = this.spoken.textContent = "";
    }
    this.colors = decodeBase64(data.colormap);
    for (const [input, name] of [
      [this.withMap, "map"],
      [this.opacity, "opacity"],
      [this.smooth, "smooth"],
    ]) {
      input.title_.textContent = words[name];
    }
    this.freezeButton.textContent = words.freeze;
    this.freezeButton.title = words.freezeHelp;
    this.cameras.setAttribute("aria-label", words.camera);
    this.video.setAttribute("aria-label", words.camera);
    this.picture.setAttribute("aria-label", words.map);
    this.cameraTitle.textContent = words.camera;
    this.mapTitle.textContent = words.map;
    this.showState();
  }

  showState() {
    const { words } = this.data;
    this.startButton.textContent = this.run ? words.stop : words.start;
    this.startButton.classList.toggle("live-primary", !this.run);
    this.freezeButton.disabled = !this.frame;
    if (!this.run) this.speed.textContent = "";
    const isEmpty = ["", words.wait].includes(this.label.textContent);
    if (isEmpty) this.label.textContent = this.video.srcObject ? words.wait : "";
  }

  say(text) {
    if (this.message.textContent !== text) this.message.textContent = text;
    this.message.hidden = !text;
  }

  async start() {
    this.stop();
    const run = (this.run = new AbortController());
    this.showState();
    this.say("");
    try {
      const chosen = this.cameras.value ? { deviceId: { exact: this.cameras.value } } : {};
      if (!(await openCamera(this.video, this.data.sentences, chosen))) return;
    } catch (error) {
      if (run.signal.aborted) return;
      this.stop();
      this.say(error instanceof CameraError ? error.message : this.data.sentences.failed);
      return;
    }
    const unwatch = watchCamera(this.video, () => {
      this.waiting = document.hidden; // starts again when somebody looks again
      this.stop(this.waiting);
    });
    run.signal.addEventListener("abort", unwatch);
    const track = this.video.srcObject.getVideoTracks()[0];
    const isMirror = track.getSettings().facingMode !== "environment";
    for (const one of [this.video, this.picture]) one.classList.toggle("live-mirror", isMirror);
    listCameras(this.cameras, this.video);
    this.showState();
    this.label.closest(".catdog-live").scrollIntoView({ block: "nearest" }); // on a phone the camera is below the fold
    this.loop(run.signal);
  }

  stop(keepsWaiting = false) {
    if (!keepsWaiting) this.waiting = false;
    this.run?.abort();
    this.run = null;
    this.answers = [];
    closeCamera(this.video);
    this.showState();
  }

  // One frame on the way at a time; the next one when the answer is there.
  async loop(signal) {
    while (!signal.aborted) {
      const begun = performance.now();
      const { data } = this;
      const withMap = this.withMap.checked && !this.noMap;
      const frame = grabFrame(this.video, ...data.size);
      if (!frame) {
        await sleep(30, signal);
        continue;
      }
      this.keepFrame();
      const answer = await this.ask(data, frame, withMap, signal);
      if (signal.aborted) return;
      if (data.model !== this.data.model) continue; // another one was chosen meanwhile
      if (answer.retry) {
        await sleep(100, signal);
        continue;
      }
      if (answer.error) {
        this.say(answer.error);
        await sleep(1000, signal);
        continue;
      }
      this.say(answer.note || this.noMap || "");
      if (answer.note) this.noMap = answer.note;
      this.draw(answer);
      const now = performance.now();
      this.answers.push([now, now - begun, answer.ms]);
      this.answers = this.answers.filter(([when]) => now - when < MEASURED);
      this.showSpeed(now);
      if (answer.wait_ms > 1) await sleep(answer.wait_ms, signal);
    }
  }

  async ask(data, body, withMap, signal) {
    const { url, headers } = data.request;
    try {
      const response = await fetch(`${url}&heat_map=${withMap ? 1 : 0}`, { method: "POST", body, headers, signal });
      const answer = await response.json();
      if (response.status === 429) return { retry: true }; // a frame of before a stop is still at work
      return response.ok ? answer : { error: answer.error || data.words.offline };
    } catch {
      return { error: data.words.offline };
    }
  }

  // The frame that is on its way, in the camera's size: to draw under its map, and to freeze.
  keepFrame() {
    const { videoWidth, videoHeight } = this.video;
    this.frame ??= document.createElement("canvas");
    if (this.frame.width !== videoWidth) this.frame.width = videoWidth;
    if (this.frame.height !== videoHeight) this.frame.height = videoHeight;
    this.frame.getContext("2d", { alpha: false }).drawImage(this.video, 0, 0);
    this.freezeButton.disabled = false;
  }

  draw(answer) {
    const isSmooth = this.smooth.checked && this.smoothed?.length === answer.probabilities.length;
    const mix = (before, now) => before + (now - before) * SMOOTHED;
    const before = this.smoothed;
    this.smoothed = answer.probabilities.map((value, n) => (isSmooth ? mix(before[n], value) : value));
    this.drawBars(this.smoothed);
    this.nameClass(this.smoothed);
    if (answer.heat_map) {
      const large = enlargeMap({ ...answer.heat_map, values: decodeBase64(answer.heat_map.values) });
      const old = isSmooth ? this.levels : null;
      this.levels = Float32Array.from(large, (value, n) => (old ? mix(old[n], value) : value));
    } else {
      this.levels = null;
    }
    this.drawMap();
  }

  nameClass(probabilities) {
    const { classes, least, words } = this.data;
    const best = probabilities.indexOf(Math.max(...probabilities));
    const isUnsure = probabilities[best] < least;
    const text = isUnsure ? words.neither : classes[best];
    if (text !== this.label.textContent) this.label.textContent = text;
    this.label.classList.toggle("live-unsure", isUnsure);
    const now = performance.now(); // a screen reader hears a class that lasts, at most one a second
    if (text !== this.heard) [this.heard, this.since] = [text, now];
    else if (text !== this.spoken.textContent && now - this.since > 1000) this.spoken.textContent = text;
  }

  drawBars(probabilities) {
    const { classes, colors } = this.data;
    let order = classes.map((_, n) => n);
    if (classes.length > MOST_BARS) {
      order = order.sort((a, b) => probabilities[b] - probabilities[a]).slice(0, MOST_BARS);
    }
    while (this.bars.childElementCount > order.length) this.bars.lastChild.remove();
    while (this.bars.childElementCount < order.length) {
      const bar = element("div", "live-bar-fill");
      const track = element("div", "live-bar-track", {}, bar);
      track.setAttribute("role", "meter");
      track.setAttribute("aria-valuemin", 0);
      track.setAttribute("aria-valuemax", 100);
      this.bars.append(element("div", "", {}, element("span"), element("span"), track));
    }
    order.forEach((n, place) => {
      const [name, percent, track] = this.bars.children[place].children;
      const value = Math.round(probabilities[n] * 100);
      if (name.textContent !== classes[n]) name.textContent = classes[n];
      percent.textContent = this.smoothed ? `${value}%` : "–";
      track.setAttribute("aria-label", classes[n]);
      track.setAttribute("aria-valuenow", value);
      track.firstChild.style.transform = `scaleX(${probabilities[n]})`;
      track.firstChild.style.background = colors[n % colors.length];
    });
  }

  // The answered frame, and the map's colors over it.
  drawMap() {
    if (!this.frame) return;
    const { width, height } = this.picture;
    const context = this.picture.getContext("2d", { alpha: false });
    context.drawImage(this.frame, 0, 0, width, height);
    if (!this.levels) return;
    this.map ??= element("canvas", "", { width: MAP_SIDE, height: MAP_SIDE });
    const inner = this.map.getContext("2d");
    const pixels = (this.pixels ??= inner.createImageData(MAP_SIDE, MAP_SIDE));
    this.levels.forEach((level, n) => {
      const color = 3 * Math.round(level);
      pixels.data[4 * n] = this.colors[color];
      pixels.data[4 * n + 1] = this.colors[color + 1];
      pixels.data[4 * n + 2] = this.colors[color + 2];
      pixels.data[4 * n + 3] = 255;
    });
    inner.putImageData(pixels, 0, 0);
    context.globalAlpha = this.opacity.value / 100;
    context.drawImage(this.map, 0, 0, width, height);
    context.globalAlpha = 1;
  }

  showSpeed(now) {
    if (now - (this.shown ?? 0) < 500) return;
    this.shown = now;
    const [first] = this.answers;
    const seconds = (now - first[0]) / 1000;
    const values = {
      fps: Math.round(seconds ? (this.answers.length - 1) / seconds : 1000 / first[1]),
      ms: Math.round(median(this.answers.map((each) => each[1]))),
      model: Math.round(median(this.answers.map((each) => each[2]))),
    };
    this.speed.textContent = this.data.words.speed.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }

  // The answered frame becomes a photo of the page, and the camera ends.
  freeze() {
    if (!this.frame) return;
    const { frame } = this;
    this.stop();
    this.trigger("frozen", frame.toDataURL("image/jpeg", 0.92).split(",")[1]);
  }

  close() {
    this.stop();
    this.watch.abort();
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const view = (parentElement.catdogLive ??= new LiveView(parentElement));
  view.update(data, setTriggerValue);
  return () => {
    view.close();
    parentElement.replaceChildren();
    delete parentElement.catdogLive;
  };
}
