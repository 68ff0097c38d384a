// The pad on which a visitor draws the path of a shake: a grid of weights, one a pixel of the blur.
// Values of props.value: side, kernel (what was read, or null) and texts.
const pad = element.querySelector(".blur-pad");
const canvas = pad.querySelector("canvas");
const context = canvas.getContext("2d");
const CELL = 7;
let side = 0;
let weights = new Float32Array(0);
let erasing = false;
let last = null;
let cursor = null;

const resize = (length) => {
  side = length;
  weights = new Float32Array(side * side);
  canvas.width = canvas.height = side * CELL;
  cursor = { x: (side - 1) / 2, y: (side - 1) / 2 };
};

const paint = () => {
  const most = weights.reduce((a, b) => Math.max(a, b), 0) || 1;
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const shade = Math.round(255 * Math.sqrt(weights[y * side + x] / most));
      if (!shade) continue;
      context.fillStyle = `rgb(${shade}, ${shade}, ${shade})`;
      context.fillRect(x * CELL, y * CELL, CELL, CELL);
    }
  }
  // The middle, from which the picture must not move.
  const middle = (side * CELL) / 2;
  context.strokeStyle = "#14b8a6";
  context.beginPath();
  context.moveTo(middle - 6, middle);
  context.lineTo(middle + 6, middle);
  context.moveTo(middle, middle - 6);
  context.lineTo(middle, middle + 6);
  context.stroke();
  if (document.activeElement === canvas) {
    context.strokeStyle = "#facc15";
    context.strokeRect(cursor.x * CELL + 0.5, cursor.y * CELL + 0.5, CELL - 1, CELL - 1);
  }
};

// Splits a weight between the four cells around a point.
const add = (x, y, weight) => {
  const left = Math.floor(x);
  const top = Math.floor(y);
  for (const [column, row] of [[left, top], [left + 1, top], [left, top + 1], [left + 1, top + 1]]) {
    if (column < 0 || row < 0 || column >= side || row >= side) continue;
    const share = (1 - Math.abs(x - column)) * (1 - Math.abs(y - row));
    weights[row * side + column] += weight * share;
  }
};

const erase = (x, y) => {
  for (let row = 0; row < side; row += 1) {
    for (let column = 0; column < side; column += 1) {
      if (Math.hypot(column - x, row - y) < 1.5) weights[row * side + column] = 0;
    }
  }
};

const mark = (x, y, weight) => (erasing ? erase(x, y) : add(x, y, weight));

const stroke = (from, to) => {
  const steps = Math.max(1, Math.ceil(4 * Math.hypot(to.x - from.x, to.y - from.y)));
  for (let step = 1; step <= steps; step += 1) {
    const share = step / steps;
    mark(from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share, 0.25);
  }
};

const place = (event) => {
  const box = canvas.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) / box.width) * side - 0.5,
    y: ((event.clientY - box.top) / box.height) * side - 0.5,
  };
};

const report = () => {
  const most = weights.reduce((a, b) => Math.max(a, b), 0);
  const rows = [];
  for (let y = 0; y < side; y += 1) {
    rows.push(Array.from(weights.slice(y * side, (y + 1) * side), (w) => Math.round((1000 * w) / (most || 1))));
  }
  trigger("draw", { weights: most ? JSON.stringify(rows) : "" });
};

canvas.addEventListener("pointerdown", (event) => {
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  canvas.setPointerCapture(event.pointerId);
  last = place(event);
  mark(last.x, last.y, 1);
  paint();
});
canvas.addEventListener("pointermove", (event) => {
  if (!last) return;
  const next = place(event);
  stroke(last, next);
  last = next;
  paint();
});
for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, () => {
    if (last) report();
    last = null;
  });
}
canvas.addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (steps[event.key]) {
    const [x, y] = steps[event.key];
    cursor.x = Math.min(Math.max(cursor.x + x, 0), side - 1);
    cursor.y = Math.min(Math.max(cursor.y + y, 0), side - 1);
  } else if (event.key === " " || event.key === "Enter") {
    mark(cursor.x, cursor.y, 1);
    report();
  } else {
    return;
  }
  event.preventDefault();
  paint();
});
for (const name of ["focus", "blur"]) canvas.addEventListener(name, paint);

const button = (name) => pad.querySelector(`[data-do="${name}"]`);
button("draw").addEventListener("click", () => setErasing(false));
button("erase").addEventListener("click", () => setErasing(true));
button("clear").addEventListener("click", () => {
  weights.fill(0);
  setErasing(false);
  paint();
  report();
});
button("read").addEventListener("click", () => {
  const kernel = props.value?.kernel;
  if (!kernel) return;
  const margin = Math.floor((side - kernel.length) / 2);
  weights.fill(0);
  kernel.forEach((row, y) => row.forEach((w, x) => (weights[(y + margin) * side + x + margin] = w)));
  setErasing(false);
  paint();
  report();
});
const setErasing = (now) => {
  erasing = now;
  button("draw").setAttribute("aria-pressed", String(!now));
  button("erase").setAttribute("aria-pressed", String(now));
};

const draw = () => {
  const value = props.value;
  if (!value || !value.texts) return;
  if (value.side !== side) resize(value.side);
  for (const name of ["draw", "erase", "clear", "read"]) button(name).textContent = value.texts[name];
  button("read").disabled = !value.kernel;
  canvas.setAttribute("aria-label", value.texts.pad);
  pad.querySelector(".blur-pad-note").textContent = value.texts.note;
  paint();
};
setErasing(false);
draw();
watch("value", draw);
