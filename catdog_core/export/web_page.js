"use strict";
const settings = JSON.parse(document.getElementById("settings").textContent);
const { classes, shape, scale, runtime } = settings;
const [HEIGHT, WIDTH, CHANNELS] = shape;
const MAX_PIXELS = 16e6; // phones draw no larger canvas; a larger photo is reduced by the browser
const MAX_BARS = 6; // with more classes, the likeliest ones are shown, and all of them folded
const float = Math.fround;
const by = (id) => document.getElementById(id);
const [photo, video, problem] = [by("photo"), by("video"), by("problem")];
const canvas = document.createElement("canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });

let texts = {};
let predict; // settles with a function, or with why there is none
let probabilities = null;
let least = settings.least;
let stream = null;
let isRear = true;
let speed = null;
let turn = 0; // of the photo or camera that was chosen last

// ---- From pixels to the network's input: the same numbers as imaging.decode and analysis.predict.

/** Round halves to even numbers, as OpenCV and NumPy do. */
function roundEven(value) {
  const rounded = Math.floor(value + 0.5);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/** For each place of a result, the two samples next to it and their weights in 2048ths. */
function neighbors(from, to, clampsWeights) {
  const [left, right, near, far] = Array.from({ length: 4 }, () => new Int32Array(to));
  const inside = (number) => Math.max(0, Math.min(number, from - 1));
  for (let i = 0; i < to; i++) {
    const place = float((i + 0.5) * (from / to) - 0.5);
    const at = Math.floor(place);
    const isOutside = at < 0 || at >= from - 1;
    const part = clampsWeights && isOutside ? 0 : float(place - at);
    [left[i], right[i]] = [inside(at), inside(at + 1)];
    [near[i], far[i]] = [roundEven(float(1 - part) * 2048), roundEven(part * 2048)];
  }
  return { left, right, near, far };
}

/** OpenCV's INTER_LINEAR of 8-bit values: integers, columns before rows. */
function resizeLinear({ data: samples, width: columns, height: rows, step }, width, height) {
  const { left, right, near, far } = neighbors(columns, width, true);
  const lines = new Map(); // rows of the result's width, of which the last few are kept
  const getLine = (row) => {
    const line = lines.get(row) ?? new Int32Array(3 * width);
    if (lines.has(row)) return line;
    for (let x = 0, i = 0; x < width; x++) {
      const a = (row * columns + left[x]) * step;
      const b = (row * columns + right[x]) * step;
      for (let c = 0; c < 3; c++) {
        line[i++] = (samples[a + c] * near[x] + samples[b + c] * far[x]) >> 4;
      }
    }
    lines.set(row, line);
    if (lines.size > 3) lines.delete(lines.keys().next().value);
    return line;
  };
  const down = neighbors(rows, height, false);
  const data = new Uint8Array(3 * width * height);
  for (let y = 0, i = 0; y < height; y++) {
    const [above, below] = [getLine(down.left[y]), getLine(down.right[y])];
    const [upper, lower] = [down.near[y], down.far[y]];
    for (let x = 0; x < 3 * width; x++) {
      data[i++] = (((upper * above[x]) >> 16) + ((lower * below[x]) >> 16) + 2) >> 2;
    }
  }
  return { data, width, height, step: 3 };
}

/** For each place of a result, the samples below it and the share of each. */
function shares(from, to, isWhole) {
  const size = from / to;
  return Array.from({ length: to }, (_, index) => {
    const start = index * size;
    const end = start + size;
    const cell = Math.min(size, from - start);
    const last = Math.min(Math.floor(end), from - 1);
    const first = Math.min(Math.ceil(start), last);
    const parts = [];
    if (isWhole) {
      for (let k = 0; k < size; k++) parts.push([start + k, 1]);
      return parts;
    }
    if (first - start > 1e-3) parts.push([first - 1, float((first - start) / cell)]);
    for (let k = first; k < last; k++) parts.push([k, float(1 / cell)]);
    if (end - last > 1e-3) parts.push([last, float(Math.min(end - last, 1, cell) / cell)]);
    return parts;
  });
}

/** OpenCV's INTER_AREA: means of whole areas, summed in float32. */
function resizeArea(image, width, height) {
  const pixels = (image.width / width) * (image.height / height);
  const isWhole = image.width % width === 0 && image.height % height === 0;
  const across = shares(image.width, width, isWhole);
  const data = new Uint8Array(3 * width * height);
  const [line, sums] = [new Float32Array(3 * width), new Float32Array(3 * width)];
  shares(image.height, height, isWhole).forEach((rows, y) => {
    sums.fill(0);
    for (const [number, weight] of rows) {
      line.fill(0);
      for (let x = 0; x < width; x++) {
        for (const [column, part] of across[x]) {
          const at = (number * image.width + column) * image.step;
          for (let c = 0; c < 3; c++) line[3 * x + c] += float(image.data[at + c] * part);
        }
      }
      for (let i = 0; i < sums.length; i++) sums[i] += float(weight * line[i]);
    }
    for (let i = 0; i < sums.length; i++) {
      data[3 * width * y + i] = roundEven(isWhole ? float(sums[i] * float(1 / pixels)) : sums[i]);
    }
  });
  return { data, width, height, step: 3 };
}

/** Resize as the lab's `decode.resize_photo`. `step` is how many values a pixel has, 3 or 4. */
function resizePhoto(image) {
  const [x, y] = [image.width / WIDTH, image.height / HEIGHT];
  if (x >= 1 && y >= 1) {
    const { coarse, fine } = settings.resize;
    if (x > coarse || y > coarse) return resizeArea(image, WIDTH, HEIGHT);
    image = resizeUnlessEqual(image, WIDTH * (x > fine ? 2 : 1), HEIGHT * (y > fine ? 2 : 1));
  }
  return resizeUnlessEqual(image, WIDTH, HEIGHT);
}

function resizeUnlessEqual(image, width, height) {
  const isEqual = image.width === width && image.height === height;
  return isEqual ? image : resizeLinear(image, width, height);
}

const MEAN = [0.485, 0.456, 0.406].map(float);
const DEVIATION = [0.229, 0.224, 0.225].map(float);
const BGR_MEAN = [103.939, 116.779, 123.68].map(float);
const GREY = [0.299, 0.587, 0.114].map(float);

/** A value 0..255 as the network takes it; `channel` counts in the order of the input. */
function scaleValue(value, channel) {
  if (scale === "0..1") return value * float(1 / 255);
  if (scale === "-1..1") return float(value * float(1 / 127.5)) - 1;
  if (scale === "imagenet") {
    return float(float(value * float(1 / 255)) - MEAN[channel]) / DEVIATION[channel];
  }
  return scale === "bgr" ? value - BGR_MEAN[channel] : value;
}

/** For each channel, the network's input by a pixel's value. */
const tables = Array.from({ length: CHANNELS }, (_, channel) =>
  Float32Array.from({ length: 256 }, (_, value) => scaleValue(value, channel)),
);

/** The network's input, (height, width, channels), of pixels that have its size. */
function networkInput({ data, step }) {
  const values = new Float32Array(WIDTH * HEIGHT * CHANNELS);
  const order = scale === "bgr" ? [2, 1, 0] : [0, 1, 2];
  for (let pixel = 0, i = 0; pixel < WIDTH * HEIGHT; pixel++) {
    const at = pixel * step;
    if (CHANNELS === 1) {
      const [r, g, b] = [0, 1, 2].map((c) => float(data[at + c] * GREY[c]));
      values[i++] = tables[0][roundEven(float(float(r + g) + b))];
    } else {
      for (let c = 0; c < 3; c++) values[i++] = tables[c][data[at + order[c]]];
    }
  }
  return values;
}

/** The pixels of a bitmap or video: upright, in sRGB, transparent ones on white. */
function readPixels(source, width, height) {
  const shrink = Math.min(1, Math.sqrt(MAX_PIXELS / (width * height)));
  [canvas.width, canvas.height] = [Math.round(width * shrink), Math.round(height * shrink)];
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return { data, width: canvas.width, height: canvas.height, step: 4 };
}

// ---- The network, in WebAssembly.

/** The bytes of a part of this page, which is gzipped and in base64. */
async function unpack(id) {
  const text = atob(by(id).textContent);
  by(id).remove();
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).arrayBuffer();
}

/** A file of the runtime: of this page, or downloaded; the browser refuses one of another hash. */
async function runtimeFile(file) {
  if (by(file.id)) return unpack(file.id);
  const options = { integrity: file.integrity, credentials: "omit", referrerPolicy: "no-referrer" };
  const answer = await fetch(file.url, options).catch(() => null);
  if (!answer?.ok) throw new Error("download");
  return answer.arrayBuffer();
}

const codeUrl = (...parts) => URL.createObjectURL(new Blob(parts, { type: "text/javascript" }));

/** Load LiteRT.js and the model; return a function from pixels to probabilities. */
async function loadModel() {
  const [library, glue, wasmBinary] = await Promise.all(runtime.files.map(runtimeFile));
  await new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: codeUrl(glue), onload: resolve, onerror: reject });
    document.head.append(script);
  });
  // Pages from disk can't fetch the WebAssembly file, so this takes the place of the package that
  // the library imports for it.
  const quiet = () => {};
  self.liteRtFiles = { wasmBinary, print: quiet, printErr: quiet };
  const loader = codeUrl(
    "export const createWasmLib = async (Library) =>",
    "  new Library(await self.ModuleFactory(self.liteRtFiles));",
  );
  // Without this, the library wakes the graphics processor, which nothing here uses.
  Object.defineProperty(navigator, "gpu", { value: undefined });
  const code = new TextDecoder().decode(library);
  const linked = code.replaceAll('"@litertjs/wasm-utils"', JSON.stringify(loader));
  const { loadAndCompile, loadLiteRt, Tensor } = await import(codeUrl(linked));
  await loadLiteRt("");
  const content = new Uint8Array(await unpack("model"));
  const model = await loadAndCompile(content, { accelerator: "wasm" });
  const inputShape = [...model.getInputDetails()[0].shape];
  const run = async (pixels) => {
    const input = new Tensor(networkInput(resizePhoto(pixels)), inputShape);
    const [output] = await model.run(input);
    const values = Array.from(await output.data(), (value) => Math.max(0, Math.min(1, value)));
    input.delete();
    output.delete();
    return values.length === 1 ? [1 - values[0], values[0]] : values;
  };
  const black = new Uint8Array(3 * WIDTH * HEIGHT);
  await run({ data: black, width: WIDTH, height: HEIGHT, step: 3 }); // the first run is the slowest
  return run;
}

// ---- What the page shows.

const percent = (value) => `${(100 * value).toFixed(1)}%`;
const text = (key, fields = {}) => texts[key].replace(/\{(\w+)\}/g, (_, name) => fields[name]);

function classRow(label) {
  const row = document.createElement("li");
  const [name, value, bar] = ["b", "span", "i"].map((tag) => document.createElement(tag));
  row.append(name, value, bar);
  name.textContent = classes[label];
  value.textContent = "–";
  row.dataset.label = label;
  if (probabilities) {
    value.textContent = percent(probabilities[label]);
    row.dataset.probability = probabilities[label];
    bar.style.setProperty("--share", probabilities[label]);
    row.classList.toggle("best", probabilities[label] === Math.max(...probabilities));
  }
  return row;
}

function show() {
  const order = classes.map((_, label) => label);
  const ranked = [...order];
  if (probabilities) ranked.sort((a, b) => probabilities[b] - probabilities[a]);
  const isFolded = classes.length > MAX_BARS;
  by("bars").replaceChildren(...(isFolded ? ranked.slice(0, MAX_BARS - 1) : order).map(classRow));
  by("more").hidden = !isFolded;
  if (by("more").open) by("all").replaceChildren(...order.map(classRow));
  const isUnsure = probabilities !== null && probabilities[ranked[0]] < least;
  const answer = probabilities ? (isUnsure ? text("unsure") : classes[ranked[0]]) : "";
  if (by("answer").textContent !== answer) by("answer").textContent = answer;
  by("answer").classList.toggle("unsure", isUnsure);
  document.querySelector("#limit output").value = `${Math.round(100 * least)}%`;
  const waits = !photo.hidden && !predict.isReady && problem.hidden;
  const words = speed ? (speed.frames ? "frames" : "milliseconds") : waits ? "loading" : null;
  by("speed").textContent = words ? text(words, speed ?? {}) : "";
}

function showProblem(key) {
  problem.hidden = !key;
  problem.dataset.key = key ?? "";
  problem.textContent = key ? text(key) : "";
}

function showStage(element) {
  for (const each of [by("hint"), photo, video]) each.hidden = each !== element;
  by("stage").classList.toggle("empty", element === by("hint"));
}

function speak(language) {
  texts = settings.texts[language];
  document.documentElement.lang = language;
  for (const each of document.querySelectorAll("[data-text]")) {
    each.textContent = text(each.dataset.text);
  }
  for (const each of document.querySelectorAll(".languages button")) {
    each.setAttribute("aria-pressed", each.lang === language);
  }
  by("about").textContent = text("about", { n: classes.length });
  by("more").firstElementChild.textContent = text("allClasses", { n: classes.length });
  by("sees").textContent = text("sees", { width: WIDTH, height: HEIGHT });
  by("made").textContent = text("made", { version: runtime.version });
  by("camera").textContent = text(stream ? "cameraOff" : "cameraOn");
  by("hint").textContent = predict.isReady ? text("drop") : problem.hidden ? text("loading") : "";
  photo.alt = text("photo");
  video.setAttribute("aria-label", text("video"));
  if (!problem.hidden) showProblem(problem.dataset.key);
  show();
}

/** Return the function that predicts, null where there is none, which the page says. */
async function getPredict() {
  return predict.catch((error) => {
    console.error(error);
    showProblem(error.message === "download" ? "noRuntime" : "noModel");
    by("hint").textContent = "";
    return null;
  });
}

async function predictPhoto(file) {
  if (!file) return;
  const mine = ++turn;
  stopCamera();
  showProblem(null);
  const options = { imageOrientation: "from-image" };
  const bitmap = await createImageBitmap(file, options).catch(() => null);
  if (mine !== turn) return;
  if (!bitmap) return showProblem("noPhoto");
  URL.revokeObjectURL(photo.src);
  photo.src = URL.createObjectURL(file);
  showStage(photo);
  [probabilities, speed] = [null, null];
  show();
  const run = await getPredict();
  if (!run || mine !== turn) return show();
  const start = performance.now();
  const found = await run(readPixels(bitmap, bitmap.width, bitmap.height));
  bitmap.close();
  if (mine !== turn) return;
  [probabilities, speed] = [found, { ms: Math.round(performance.now() - start) }];
  show();
}

async function startCamera() {
  showProblem(null);
  if (!navigator.mediaDevices) return showProblem("noCameraHere");
  const mine = ++turn;
  const run = await getPredict();
  const facingMode = isRear ? "environment" : "user";
  const wanted = { facingMode, width: { ideal: 640 }, height: { ideal: 480 } };
  if (!run || mine !== turn) return;
  const started = await navigator.mediaDevices.getUserMedia({ video: wanted }).catch(() => null);
  if (!started) return showProblem("noCamera");
  stopCamera();
  stream = started;
  stream.getVideoTracks()[0].onended = stopCamera; // it was unplugged
  video.srcObject = stream;
  await video.play();
  showStage(video);
  by("answer").setAttribute("aria-live", "off"); // a screen reader would never end
  by("camera").textContent = text("cameraOff");
  const devices = await navigator.mediaDevices.enumerateDevices();
  by("other-camera").hidden = devices.filter((device) => device.kind === "videoinput").length < 2;
  const ends = [];
  while (stream === started) {
    await new Promise(requestAnimationFrame); // which waits while the page is hidden
    if (stream !== started) break;
    const start = performance.now();
    const found = await run(readPixels(video, video.videoWidth, video.videoHeight));
    if (stream !== started) break;
    const end = performance.now();
    ends.push(end);
    if (ends.length > 20) ends.shift();
    const frames = (1000 * (ends.length - 1)) / (end - ends[0] || 1);
    [probabilities, speed] = [found, { ms: Math.round(end - start), frames: frames.toFixed(1) }];
    show();
  }
}

function stopCamera() {
  if (!stream) return;
  stream.getTracks().forEach((track) => track.stop());
  stream = video.srcObject = probabilities = speed = null;
  by("answer").setAttribute("aria-live", "polite");
  by("camera").textContent = text("cameraOn");
  by("other-camera").hidden = true;
  showStage(by("hint"));
  show();
}

function start() {
  document.title = by("name").textContent = settings.name;
  by("least").value = 100 * least;
  predict = loadModel();
  predict.then(() => {
    predict.isReady = true;
    by("hint").textContent = text("drop");
  }, () => getPredict());
  for (const [language, name] of Object.entries(settings.languages)) {
    const button = document.createElement("button");
    Object.assign(button, { lang: language, textContent: name, onclick: () => speak(language) });
    document.querySelector(".languages").append(button);
  }
  const wanted = navigator.languages.map((each) => each.slice(0, 2));
  speak(wanted.find((each) => each in settings.texts) ?? "en");

  by("file").onchange = ({ target }) => {
    predictPhoto(target.files[0]);
    target.value = ""; // so that the same photo can be chosen again
  };
  by("camera").onclick = () => (stream ? stopCamera() : startCamera());
  by("other-camera").onclick = () => ((isRear = !isRear), startCamera());
  by("more").ontoggle = show;
  by("least").oninput = ({ target }) => ((least = target.value / 100), show());
  const over = (isOver) => (event) => {
    event.preventDefault();
    by("stage").classList.toggle("over", isOver);
    if (event.type === "drop") predictPhoto(event.dataTransfer.files[0]);
  };
  document.ondragover = over(true);
  document.ondragleave = document.ondrop = over(false);
}

start();
