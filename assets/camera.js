// The camera for a component's script: catdog_ui/camera.py puts these functions in front of it.

// Says why there is no picture: `message` is one of the translated sentences given to openCamera.
class CameraError extends Error {}

// Opens the camera and shows it in a <video>. The same call ends what an earlier one began.
// sentences: insecure, missing, denied, busy, failed. options: of the video track, such as facingMode.
async function openCamera(video, sentences, options = {}) {
  closeCamera(video);
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new CameraError(sentences.insecure);
  const claim = (video.catdogClaim = Symbol());
  let stream;
  try {
    const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 }, ...options };
    stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  } catch (error) {
    const reasons = {
      NotAllowedError: "denied",
      SecurityError: "denied",
      NotFoundError: "missing",
      OverconstrainedError: "missing",
      NotReadableError: "busy",
      AbortError: "busy",
    };
    throw new CameraError(sentences[reasons[error.name] ?? "failed"]);
  }
  // Closed, or opened again, while the browser was asking: this camera is nobody's.
  if (video.catdogClaim !== claim) {
    for (const track of stream.getTracks()) track.stop();
    return false;
  }
  video.muted = video.playsInline = true;
  video.srcObject = stream;
  try {
    await video.play();
  } catch (error) {
    if (error.name !== "AbortError") throw new CameraError(sentences.failed); // a newer load
  }
  return video.srcObject === stream;
}

// Stops the camera: its light goes out.
function closeCamera(video) {
  video.catdogClaim = undefined;
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
}

// Offers the cameras there are in a <select>, hidden where there is only one.
async function listCameras(select, video) {
  const [track] = video.srcObject.getVideoTracks();
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter((device) => device.kind === "videoinput" && device.deviceId);
  select.hidden = cameras.length < 2;
  select.replaceChildren(...cameras.map((camera) => new Option(camera.label, camera.deviceId)));
  select.value = track.getSettings().deviceId;
}

// Calls `stop` when the camera's track ends by itself, as when it is unplugged, when the page is
// hidden and when it is left. Returns a function that ends the watch.
function watchCamera(video, stop) {
  const watch = new AbortController();
  const options = { signal: watch.signal };
  for (const track of video.srcObject?.getTracks() ?? []) track.addEventListener("ended", stop, options);
  document.addEventListener("visibilitychange", () => document.hidden && stop(), options);
  window.addEventListener("pagehide", stop, options);
  return () => watch.abort();
}

// The present frame as the bytes of a JPEG, stretched to width × height pixels as the lab fits photos;
// by default as large as the camera's. Null before the first frame. `toBlob` would take longer: it
// waits until the page has nothing else to do, and a request with a blob asks another process for it.
function grabFrame(video, width = video.videoWidth, height = video.videoHeight, quality = 0.9) {
  if (video.readyState < 2 || !video.videoWidth) return null;
  const canvas = (video.catdogCanvas ??= document.createElement("canvas"));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.drawImage(video, 0, 0, width, height);
  return decodeBase64(canvas.toDataURL("image/jpeg", quality).split(",")[1]);
}

function decodeBase64(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let n = 0; n < letters.length; n++) bytes[n] = letters.charCodeAt(n);
  return bytes;
}
