// The before/after comparison. Gradio runs this file once per component as the body of a function
// of (element, trigger, props, server, upload, watch), with compare_geometry.js before it; the nodes
// come from the template in compare.py. Lengths named *Px are device pixels, all others CSS pixels.

const PAN_STEP = 48; // CSS pixels an arrow key moves the view
const NARROW = 560; // CSS pixels of width below which a pair is stacked

const root = element.querySelector(".compare");
const find = (selector) => root.querySelector(selector);
const stage = find(".compare-stage");
const divider = find(".compare-divider");
const handle = find(".compare-handle");
const range = find("input");
const pairButton = find(".compare-pair");
const zoomButtons = [...root.querySelectorAll(".compare-zoom button")];
const sides = ["before", "after"].map((name) => {
  const side = find(`[data-side=${name}]`);
  return {
    name,
    clip: side.querySelector(".compare-clip"),
    caption: side.querySelector(".compare-caption"),
    image: null,
  };
});

let shown = null; // the value on the screen, null while there is none
let newest = 0; // counts values, so that a slow one never replaces a later one
let hinted = false;
let position = 50; // percent of the visible part of the picture
let zoom = "fit"; // or device pixels per picture pixel
let paired = false;
let center = [0.5, 0.5]; // the point of the picture in the middle of the view, as fractions
let view = null; // what the last layout measured
let drag = null;
let frame = 0;

// ---- drawing

function layout() {
  frame = 0;
  const box = stage.getBoundingClientRect();
  if (!shown || box.width === 0) return; // an unopened tab; the observer calls again
  const stacked = paired && root.clientWidth < NARROW;
  view = measureView({
    size: [shown.width, shown.height],
    width: box.width,
    ratio: window.devicePixelRatio,
    columns: paired && !stacked ? 2 : 1,
    rows: stacked ? 2 : 1,
    zoom,
    center,
  });
  const { center: reached, ratio, picturePx, panePx, offsetPx } = view;
  center = reached;

  root.dataset.layout = paired ? (stacked ? "stacked" : "pair") : "wipe";
  root.dataset.narrow = root.clientWidth < NARROW;
  stage.style.setProperty("--pane-height", `${panePx[1] / ratio}px`);
  stage.style.setProperty("--gap", `${GAP}px`);
  // Ground is drawn round a picture much smaller than its pane, not as a sliver beside a large one.
  const framed = [0, 1].some((axis) => picturePx[axis] < 0.85 * panePx[axis]);
  stage.dataset.framed = framed;
  stage.style.setProperty("--inset", `${framed ? 0 : view.left}px`); // captions lie on the picture
  const pannable = view.pannable.includes(true);
  stage.dataset.pannable = pannable;
  if (pannable) stage.tabIndex = 0;
  else stage.removeAttribute("tabindex");
  for (const { image } of sides) {
    if (!image) continue;
    Object.assign(image.style, {
      left: `${offsetPx[0] / ratio}px`,
      top: `${offsetPx[1] / ratio}px`,
      width: `${picturePx[0] / ratio}px`,
      height: `${picturePx[1] / ratio}px`,
      imageRendering: view.scale >= 2 || Number.isInteger(view.scale) ? "pixelated" : "auto",
    });
  }
  for (const button of zoomButtons) {
    button.setAttribute("aria-pressed", button.dataset.zoom === String(zoom));
  }
  pairButton.setAttribute("aria-pressed", paired);
  range.disabled = paired;
  range.value = position;
  range.style.setProperty("--filled", `${position}%`);
  range.setAttribute("aria-valuetext", `${Math.round(position)} %`);
  find(".compare-number").textContent = `${Math.round(position)} %`;
  placeDivider(box);
}

function placeDivider(box) {
  const wanted = view.left + ((view.right - view.left) * position) / 100;
  // On a whole device pixel of the screen, wherever the column begins: no column is blended.
  const x = Math.round((box.left + wanted) * view.ratio) / view.ratio - box.left;
  const [before, after] = sides;
  before.clip.style.clipPath = paired ? "" : `inset(0 calc(100% - ${x}px) 0 0)`;
  after.clip.style.clipPath = paired ? "" : `inset(0 0 0 ${x}px)`;
  divider.style.left = `${x}px`;
  divider.style.setProperty("--above", `${Math.max(0, view.offsetPx[1]) / view.ratio}px`);
  const reach = handle.offsetWidth / 2 + 4;
  const held = Math.max(reach, Math.min(box.width - reach, x)); // the handle stays in the stage
  handle.style.setProperty("--shift", `${held - x}px`);
  const covered = [
    x < before.caption.offsetLeft + before.caption.offsetWidth + 6 || x - view.left < 1,
    x > after.caption.offsetLeft - 6 || view.right - x < 1,
  ];
  sides.forEach(({ caption }, index) => {
    caption.dataset.covered = !paired && covered[index];
  });
  view.divider = x;
}

function redraw() {
  frame ||= requestAnimationFrame(layout);
}

function moveDivider(percent) {
  position = Math.max(0, Math.min(100, percent));
  redraw();
}

function panTo(offsetPx) {
  center = [0, 1].map((axis) => (view.panePx[axis] / 2 - offsetPx[axis]) / view.picturePx[axis]);
  redraw();
}

// ---- pointer, touch and keyboard

const stageX = (event) => event.clientX - stage.getBoundingClientRect().left;

function follow(event) {
  if (drag.kind === "divider") {
    const width = Math.max(1, view.right - view.left);
    moveDivider((100 * (stageX(event) + drag.grip - view.left)) / width);
  } else {
    const moved = [event.clientX - drag.x, event.clientY - drag.y];
    panTo(drag.offsetPx.map((offset, axis) => offset + moved[axis] * view.ratio));
  }
}

function endHint() {
  delete root.dataset.hint;
}

stage.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.isPrimary || !view || !shown) return;
  const onDivider = !paired && divider.contains(event.target);
  const pannable = view.pannable.includes(true);
  if (paired && !pannable) return;
  endHint();
  const [, top] = view.offsetPx;
  drag = {
    kind: paired || (pannable && !onDivider) ? "pan" : "divider",
    x: event.clientX,
    y: event.clientY,
    // Taking the divider beside its line must not make it jump.
    grip: onDivider ? view.divider - stageX(event) : 0,
    offsetPx: [...view.offsetPx],
    // A finger that sets down may be about to scroll the page: wait for a sideways move or a tap.
    moving: event.pointerType !== "touch",
    room: { down: top < 0, up: top > view.panePx[1] - view.picturePx[1] },
  };
  stage.setPointerCapture(event.pointerId);
  stage.dataset.drag = drag.kind;
  if (drag.moving && drag.kind === "divider") follow(event);
});

stage.addEventListener("pointermove", (event) => {
  if (!drag || !event.isPrimary) return;
  drag.moving ||= drag.vertical || Math.abs(event.clientX - drag.x) > 3;
  if (drag.moving) follow(event);
});

stage.addEventListener("pointerup", (event) => {
  if (!drag || !event.isPrimary) return;
  if (drag.kind === "divider") {
    if (!drag.moving) follow(event);
    range.focus({ preventScroll: true }); // the arrow keys go on from where the pointer left it
  }
});

function release(event) {
  if (!event.isPrimary) return;
  drag = null;
  delete stage.dataset.drag;
}
for (const name of ["pointercancel", "lostpointercapture"]) stage.addEventListener(name, release);

// A vertical swipe scrolls the page (touch-action: pan-y), except over an enlarged picture that has
// more to show in that direction; at its edge the next swipe scrolls the page again.
stage.addEventListener(
  "touchmove",
  (event) => {
    if (drag?.kind !== "pan" || event.touches.length > 1) return;
    const down = event.touches[0].clientY - drag.y;
    if (down !== 0) drag.vertical ??= down > 0 ? drag.room.down : drag.room.up;
    if (drag.vertical && event.cancelable) event.preventDefault();
  },
  { passive: false },
);

stage.addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const step = steps[event.key];
  if (!step || !view?.pannable.includes(true)) return;
  event.preventDefault();
  panTo(view.offsetPx.map((offset, axis) => offset + step[axis] * PAN_STEP * view.ratio));
});

range.addEventListener("input", () => {
  endHint();
  moveDivider(Number(range.value));
});
for (const button of zoomButtons) {
  button.addEventListener("click", () => {
    zoom = button.dataset.zoom === "fit" ? "fit" : Number(button.dataset.zoom);
    redraw();
  });
}
pairButton.addEventListener("click", () => {
  paired = !paired;
  redraw();
});
handle.addEventListener("animationend", endHint);

// ---- the value

function setTexts(texts) {
  find(".compare-placeholder").textContent = texts.placeholder;
  find(".compare-label").textContent = texts.position;
  find(".compare-zoom").setAttribute("aria-label", texts.zoom);
  find("[data-zoom=fit]").textContent = texts.fit;
  find("[data-zoom='1']").textContent = texts.actual;
  pairButton.textContent = texts.pair;
  stage.setAttribute("aria-label", `${texts.before} | ${texts.after}`);
  for (const side of sides) {
    side.caption.textContent = texts[side.name];
    side.image?.setAttribute("alt", texts[`alt_${side.name}`]);
  }
}

function setState(state) {
  root.dataset.state = state;
  root.setAttribute("aria-busy", state === "loading");
}

function empty() {
  shown = view = drag = null;
  for (const side of sides) {
    side.image = null;
    side.clip.replaceChildren();
  }
  setState("empty");
}

function load(url) {
  const image = new Image();
  image.decoding = "sync"; // decoded before it is shown, painted with the frame that shows it
  image.draggable = false;
  image.src = url;
  return image;
}

async function show(value) {
  const turn = ++newest;
  if (value?.texts && !sides[0].image) setTexts(value.texts);
  if (!value?.before_url) return empty();
  const known = ["before_url", "after_url", "width", "height"].every(
    (key) => shown?.[key] === value[key],
  );
  if (!(known && sides[0].image)) {
    if (!sides[0].image) start(value); // keeps the place, so that nothing below jumps
    else root.setAttribute("aria-busy", true);
    const images = [load(value.before_url), load(value.after_url)];
    // A picture that fails is put up all the same: the browser then shows its description.
    await Promise.allSettled(images.map((image) => image.decode()));
    if (turn !== newest) return;
    if (shown.width !== value.width || shown.height !== value.height) start(value);
    sides.forEach((side, index) => {
      side.image = images[index];
      side.clip.replaceChildren(images[index]);
    });
    if (!hinted) root.dataset.hint = hinted = true;
  }
  shown = value;
  setTexts(value.texts);
  setState("ready");
  layout();
}

function start(value) {
  shown = value;
  zoom = "fit";
  center = [0.5, 0.5];
  position = value.position;
  setState("loading");
  layout();
}

// A copy: Gradio changes the object that it passes with the next value.
const current = () => (props.value ? JSON.parse(JSON.stringify(props.value)) : null);

new ResizeObserver(redraw).observe(root);
const onResize = () => {
  if (root.isConnected) redraw();
  else window.removeEventListener("resize", onResize);
};
window.addEventListener("resize", onResize); // also the zoom of the browser and another screen
watch("value", () => show(current()));
show(current());
