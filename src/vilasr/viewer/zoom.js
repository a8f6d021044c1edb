// The lightbox: wheel zooms around the pointer, dragging pans, Esc closes (the dialog element's own doing).

const zoom = { rollout: null, index: 1, scale: 1, x: 0, y: 0, pixels: false };

function openZoom(rollout, index) {
  zoom.rollout = rollout;
  if (!byId("zoom").open) byId("zoom").showModal();
  showZoomed(index);
}

function showZoomed(index) {
  const image = zoom.rollout.images[index - 1];
  const picture = byId("zoom-image");
  zoom.index = index;
  picture.src = pictureAddress(image);
  picture.width = image.width;
  picture.height = image.height;
  picture.alt = `${imageName(image)}${image.marks.length ? `; marks: ${image.marks.join(", ")}` : ""}`;
  const marks = image.traced
    ? svg("svg", { viewBox: `0 0 ${image.width} ${image.height}`, width: image.width, height: image.height }, ...traceMarks(image))
    : "";
  byId("zoom-marks").replaceChildren(marks);
  byId("zoom-caption").replaceChildren(
    el("strong", {}, imageName(image)),
    el("span", { class: "quiet" }, `${image.width} \u00d7 ${image.height} px`));
  byId("zoom-previous").disabled = neighbour(-1) === null;
  byId("zoom-next").disabled = neighbour(1) === null;
  fitZoomed();
}

function neighbour(step) {
  const images = zoom.rollout.images;
  for (let index = zoom.index + step; index >= 1 && index <= images.length; index += step) {
    if (images[index - 1].picture !== null) return index;
  }
  return null;
}

function stepZoomed(step) {
  const index = neighbour(step);
  if (index !== null) showZoomed(index);
}

function fitZoomed() {
  const { width, height } = zoom.rollout.images[zoom.index - 1];
  const stage = byId("zoom-stage").getBoundingClientRect();
  zoom.scale = Math.min((stage.width - 48) / width, (stage.height - 48) / height, 6);
  centreZoomed();
}

function centreZoomed() {
  const { width, height } = zoom.rollout.images[zoom.index - 1];
  const stage = byId("zoom-stage").getBoundingClientRect();
  zoom.x = (stage.width - width * zoom.scale) / 2;
  zoom.y = (stage.height - height * zoom.scale) / 2;
  placeZoomed();
}

function scaleZoomed(factor, x, y) {
  const stage = byId("zoom-stage").getBoundingClientRect();
  const scale = Math.min(Math.max(zoom.scale * factor, 0.05), 60);
  const px = x ?? stage.width / 2;
  const py = y ?? stage.height / 2;
  zoom.x = px - ((px - zoom.x) * scale) / zoom.scale;
  zoom.y = py - ((py - zoom.y) * scale) / zoom.scale;
  zoom.scale = scale;
  placeZoomed();
}

function placeZoomed() {
  const transform = `translate(${zoom.x}px, ${zoom.y}px) scale(${zoom.scale})`;
  for (const id of ["zoom-image", "zoom-marks"]) byId(id).style.transform = transform;
  byId("zoom-scale").textContent = `${Math.round(zoom.scale * 100)} %`;
}

function togglePixels() {
  zoom.pixels = !zoom.pixels;
  byId("zoom-image").classList.toggle("pixelated", zoom.pixels);
  byId("zoom-pixels").setAttribute("aria-pressed", String(zoom.pixels));
}

function zoomOwnSize() {
  zoom.scale = 1;
  centreZoomed();
}

const ZOOM_KEYS = {
  ArrowLeft: () => stepZoomed(-1),
  ArrowRight: () => stepZoomed(1),
  "+": () => scaleZoomed(1.25),
  "=": () => scaleZoomed(1.25),
  "-": () => scaleZoomed(0.8),
  0: fitZoomed,
  1: zoomOwnSize,
  p: togglePixels,
};

function startZoom() {
  const dialog = byId("zoom");
  const stage = byId("zoom-stage");
  const buttons = {
    "zoom-previous": () => stepZoomed(-1), "zoom-next": () => stepZoomed(1), "zoom-out": () => scaleZoomed(0.8),
    "zoom-in": () => scaleZoomed(1.25), "zoom-fit": fitZoomed, "zoom-own": zoomOwnSize, "zoom-pixels": togglePixels,
    "zoom-close": () => dialog.close(),
  };
  for (const [id, act] of Object.entries(buttons)) byId(id).addEventListener("click", act);
  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(ZOOM_KEYS, event.key)) return;
    event.preventDefault();
    ZOOM_KEYS[event.key]();
  });
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    scaleZoomed(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  stage.addEventListener("dblclick", () => (zoom.scale === 1 ? fitZoomed() : zoomOwnSize()));
  let dragged = false;
  stage.addEventListener("pointerdown", (event) => {
    dragged = false;
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!stage.hasPointerCapture(event.pointerId) || (!event.movementX && !event.movementY)) return;
    dragged = true;
    zoom.x += event.movementX;
    zoom.y += event.movementY;
    placeZoomed();
  });
  stage.addEventListener("click", (event) => {
    const box = byId("zoom-image").getBoundingClientRect();
    const outside = event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
    if (outside && !dragged) dialog.close();
  });
  window.addEventListener("resize", () => dialog.open && fitZoomed());
}
