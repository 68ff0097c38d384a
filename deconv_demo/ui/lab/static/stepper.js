// The stepper: one transposed convolution with numbers, step by step. Gradio runs this file as the
// body of a function of (element, trigger, props, server, upload, watch), after transposed.js and
// stepper_boards.js. props.value holds the presets, props.texts every sentence.

const root = element.querySelector(".stepper");
const SETTINGS = ["inputSize", "kernelSize", "stride", "padding", "outputPadding", "dilation"];
const PAUSES = { slow: 1400, normal: 700, fast: 220 }; // milliseconds between two steps
const LARGEST_VALUE = 9999; // of a cell
const LONGEST = 80; // such pauses are what a run takes at most: many steps are played faster
const ICONS = {
  first: "M6 5v14M19 6l-9 6 9 6z",
  back: "M17 5l-10 7 10 7z",
  play: "M7 4l13 8-13 8z",
  pause: "M7 4h4v16H7zM14 4h4v16h-4z",
  next: "M7 5l10 7-10 7z",
  last: "M18 5v14M5 6l9 6-9 6z",
};

const state = {
  settings: {},
  base: { input: [], kernel: [] }, // arrays of the preset
  fills: { input: "count", kernel: "ones" }, // for other sizes
  edits: { input: new Map(), kernel: new Map() },
  preset: null, // null once anything was changed by hand
  reading: "paint",
  step: Infinity,
  idle: true, // nothing was stepped through since the numbers changed
  speed: "normal",
  timer: 0,
  attention: null, // {board, cell}: where pointer or keyboard is
};

// ---- texts

const boundTexts = []; // [node, key, property], set anew in another language
const t = (key, values = {}) =>
  (props.texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const bindText = (node, key, property = "textContent") => {
  boundTexts.push([node, key, property]);
  return node;
};
function applyTexts() {
  for (const [node, key, property] of boundTexts) {
    if (property === "aria-label") node.setAttribute(property, t(key));
    else node[property] = t(key);
  }
  refuseText(null);
  redraw({ all: true });
}

// ---- the numbers

const sizeOf = (board) => state.settings[board === "input" ? "inputSize" : "kernelSize"];

function valuesOf(board) {
  const n = sizeOf(board);
  const [base, fill, edits] = [state.base[board], FILLS[state.fills[board]], state.edits[board]];
  return Array.from({ length: n }, (_, row) =>
    Array.from({ length: n }, (_, column) => {
      const written = edits.get(`${row},${column}`);
      return written ?? (base.length === n ? base[row][column] : fill(row, column, n));
    }),
  );
}

const isFilled = (array, name) =>
  array.every((line, row) => line.every((v, column) => v === FILLS[name](row, column, array.length)));
const fillOf = (array) => Object.keys(FILLS).find((name) => isFilled(array, name));

const stepsOf = () =>
  (state.reading === "paint" ? state.settings.inputSize : outputSize(state.settings)) ** 2;

function usePreset(id) {
  const run = props.value.presets[id];
  Object.assign(state, { preset: id, base: { input: run.x, kernel: run.kernel } });
  state.fills = { input: fillOf(run.x) ?? "count", kernel: fillOf(run.kernel) ?? "ones" };
  state.edits = { input: new Map(), kernel: new Map() };
  state.settings = {
    inputSize: run.x.length,
    kernelSize: run.kernel.length,
    stride: run.stride,
    padding: run.padding,
    outputPadding: run.output_padding,
    dilation: run.dilation,
  };
  changed();
}

function useFill(board, fill) {
  Object.assign(state, { preset: null });
  state.base[board] = [];
  state.fills[board] = fill;
  state.edits[board] = new Map();
  changed();
}

function useSetting(name, value) {
  if (refusal({ ...state.settings, [name]: value })) return;
  state.settings = { ...state.settings, [name]: value };
  state.preset = null;
  changed();
}

function edit(board, row, column, value) {
  if (row !== null && value !== null) {
    state.edits[board].set(`${row},${column}`, value);
    state.preset = null;
    changed({ keepStep: true });
  } else redraw();
}

// Shows a text that is no number for its cell, and the value that the cell keeps; null hides it.
function refuseText(text, kept) {
  const [low, high] = [-LARGEST_VALUE, LARGEST_VALUE].map((value) => shown(value));
  const written = text?.trim().slice(0, 24);
  const key = written ? "refused" : "refused.empty";
  const said = text === null ? "" : t(key, { text: written, low, high, kept: shown(kept, 6) });
  setProps(refused, { textContent: said });
}

// Other sections of the page follow the run of the stepper.
function changed({ keepStep = false } = {}) {
  if (!keepStep) {
    stop();
    Object.assign(state, { step: Infinity, idle: true, attention: null });
    refuseText(null);
  }
  redraw({ all: true });
  const { stride, padding, outputPadding, dilation } = state.settings;
  const made = { x: valuesOf("input"), kernel: valuesOf("kernel"), stride, padding, dilation };
  window.deconvLab ??= {};
  window.deconvLab.run = { ...made, output_padding: outputPadding };
  document.dispatchEvent(new CustomEvent("deconv-lab-run"));
}

// ---- time

function stop() {
  clearTimeout(state.timer);
  state.timer = 0;
}

function goTo(step) {
  const last = stepsOf();
  Object.assign(state, { step: Math.max(0, Math.min(last, step)), idle: false, attention: null });
  if (state.step === last) stop();
  redraw();
}

const here = () => Math.min(state.step, stepsOf());

const pause = () => PAUSES[state.speed] * Math.min(1, LONGEST / stepsOf());

function play() {
  if (state.timer) {
    stop();
    redraw();
    return;
  }
  const tick = () => {
    // On a page left behind, or a hidden tab, playing stops.
    if (!root.isConnected || root.offsetParent === null) return (stop(), redraw());
    state.timer = setTimeout(tick, pause());
    goTo(here() + 1);
  };
  if (here() === stepsOf()) goTo(0);
  state.timer = setTimeout(tick, pause() / 3);
  redraw();
}

function setFocusedCell(board, cell) {
  if (state.timer) return; // playing: the eye follows the stamps
  state.attention = cell ? { board, cell } : focusedCell();
  redraw();
}

// The focused cell gets the attention back when the pointer leaves another one.
function focusedCell() {
  const node = document.activeElement?.closest(".stepper-cell");
  if (!node || !root.contains(node)) return null;
  const board = Object.keys(boards).find((name) => boards[name].root.contains(node));
  return { board, cell: [Number(node.dataset.row), Number(node.dataset.column)] };
}
