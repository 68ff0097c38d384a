// The view of the stepper: its nodes, built once; stepper_redraw.js updates them.

const boards = {
  input: makeBoard("input", {
    onAttend: (cell) => setFocusedCell("input", cell),
    onEdit: (row, column, value) => edit("input", row, column, value),
    onRefuse: refuseText,
  }),
  kernel: makeBoard("kernel", {
    onAttend: (cell) => setFocusedCell("kernel", cell),
    onEdit: (row, column, value) => edit("kernel", row, column, value),
    onRefuse: refuseText,
  }),
  stamp: makeBoard("stamp"),
  canvas: makeBoard("canvas", { onAttend: (cell) => setFocusedCell("canvas", cell) }),
};
const ANY = { inputSize: 1, kernelSize: 1, stride: 1, padding: 0, outputPadding: 0, dilation: 1 };
const LETTERS = { input: "x", kernel: "k", canvas: "y" };

function makeButton(className, onClick, key) {
  const button = createElement("button", className);
  button.type = "button";
  button.addEventListener("click", onClick);
  return key ? bindText(button, key) : button;
}

function makeIcon(path) {
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("viewBox", "0 0 24 24");
  icon.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  shape.setAttribute("d", path);
  icon.append(shape);
  return icon;
}

function makeGroup(className, key) {
  const group = createElement("div", className);
  group.setAttribute("role", "group");
  return bindText(group, key, "aria-label");
}

// ---- presets, readings, settings

const presetBar = makeGroup("stepper-presets", "presets");
const presetButtons = Object.keys(props.value.presets).map((id) => {
  const button = makeButton("stepper-chip", () => usePreset(id), `preset.${id}`);
  button.dataset.preset = id;
  return button;
});
presetBar.append(...presetButtons);
const note = createElement("p", "stepper-note");

const readingBar = makeGroup("stepper-switch", "readings");
const readingButtons = ["paint", "gather"].map((reading) => {
  const choose = () => {
    stop();
    Object.assign(state, { reading, step: Infinity, idle: true });
    redraw({ all: true });
  };
  const button = makeButton("", choose, `reading.${reading}`);
  button.dataset.reading = reading;
  return button;
});
readingBar.append(...readingButtons);

// The reason why a value is disabled, on the line of the note while the pointer is on it.
const reason = createElement("p", "stepper-reason");
reason.setAttribute("aria-live", "polite");
let closed = null; // [name, value] pointed at
const ask = (...asked) => {
  closed = asked.length ? asked : null;
  drawReason();
};
const explain = (name, value) => {
  const settings = { ...state.settings, [name]: value };
  const why = refusal(settings);
  if (!why) return "";
  return t(`closed.${why}`, { ...settings, name: t(name), value, painted: paintedSize(settings) });
};
const controls = SETTINGS.map((name) => {
  const group = makeGroup("stepper-control", name);
  const buttons = choices(ANY, name).map(({ value }) => {
    const button = makeButton("", () => (useSetting(name, value), ask(name, value)));
    button.textContent = value;
    button.dataset.setting = `${name}-${value}`;
    for (const come of ["pointerenter", "focus"]) {
      button.addEventListener(come, () => ask(name, value));
    }
    for (const go of ["pointerleave", "blur"]) button.addEventListener(go, () => ask());
    return button;
  });
  const row = createElement("div", "stepper-values");
  row.append(...buttons);
  group.append(bindText(createElement("span", "stepper-label"), name), row);
  return { name, group, buttons };
});

// ---- transport

const transport = makeGroup("stepper-transport", "transport");
const moves = { first: () => 0, back: () => here() - 1, next: () => here() + 1, last: stepsOf };
const [first, back, next, last] = Object.entries(moves).map(([name, target]) => {
  const move = () => (stop(), goTo(target()));
  const button = bindText(makeButton(`stepper-icon stepper-${name}`, move), name, "aria-label");
  bindText(button, name, "title").append(makeIcon(ICONS[name]));
  return button;
});
const playButton = makeButton("stepper-play", play);
const position = bindText(createElement("input", "stepper-position"), "position", "aria-label");
Object.assign(position, { type: "range", min: 0, step: 1 });
position.addEventListener("input", () => (stop(), goTo(Number(position.value))));
const counter = createElement("span", "stepper-counter");
counter.append(createElement("span", "", " "));
const speed = bindText(createElement("select", "stepper-speed"), "speed", "aria-label");
speed.append(
  ...Object.keys(PAUSES).map((name) => bindText(Object.assign(createElement("option"), { value: name }), name)),
);
speed.value = state.speed;
speed.addEventListener("change", () => (state.speed = speed.value));
transport.append(first, back, playButton, next, last, speed, position, counter);

// ---- boards and words

function makePanel(name, board, ...more) {
  const panel = createElement("section", `stepper-panel stepper-panel-${name}`);
  const head = createElement("div", "stepper-head");
  const [title, size] = [createElement("h3"), createElement("span", "stepper-size")];
  head.append(title, size);
  panel.append(head, board.root, ...more);
  return { panel, title, size };
}

function makeFill(board) {
  const select = bindText(createElement("select", "stepper-fill"), `fill.${board}`, "aria-label");
  const names = [...Object.keys(FILLS), "own"];
  select.append(
    ...names.map((name) => {
      const option = bindText(Object.assign(createElement("option"), { value: name }), `fill.${name}`);
      option.hidden = name === "own";
      return option;
    }),
  );
  select.addEventListener("change", () => useFill(board, select.value));
  return select;
}

const fills = { input: makeFill("input"), kernel: makeFill("kernel") };
const panels = {
  input: makePanel("input", boards.input, fills.input),
  kernel: makePanel("kernel", boards.kernel, fills.kernel),
  stamp: makePanel("stamp", boards.stamp),
  canvas: makePanel("canvas", boards.canvas),
};
const legend = createElement("p", "stepper-legend");
const legendItems = ["cut", "extra", "never"].map((mark) => {
  const item = createElement("span", "stepper-key");
  item.append(createElement("i", `stepper-cell ${mark}`), bindText(createElement("span"), `legend.${mark}`));
  return item;
});
const tooSmall = bindText(createElement("span", "stepper-key"), "legend.small");
legend.append(...legendItems, tooSmall);
panels.canvas.panel.append(legend);

// A text that is no number for its cell: shown below the boards, and announced.
const refused = createElement("p", "stepper-refused");
refused.setAttribute("role", "status");

const words = createElement("section", "stepper-words");
words.setAttribute("aria-live", "polite");
const [headline, sentence, sum] = [createElement("h3"), createElement("p"), createElement("p", "stepper-sum")];
const [terms, later, result] = [new Text(), createElement("span", "stepper-later"), createElement("b")];
sum.append(terms, later, result);
for (const node of [headline, sentence, later, result]) node.append("");
const spoken = createElement("div");
spoken.append(headline, sentence, sum);
words.append(spoken);

// ---- facts

const facts = createElement("section", "stepper-facts");
const [formula, sums, code] = [createElement("p", "stepper-formula"), createElement("p"), createElement("pre")];
const copy = makeButton("stepper-copy", copyCode);
const codeBox = createElement("div", "stepper-code");
code.tabIndex = 0;
bindText(code, "code", "aria-label");
codeBox.append(code, copy);
facts.append(
  bindText(createElement("h3"), "facts.size"),
  formula,
  bindText(createElement("h3"), "facts.sums"),
  sums,
  bindText(createElement("h3"), "facts.code"),
  codeBox,
  bindText(createElement("h3"), "facts.sources"),
  makeSources(),
);

function makeSources() {
  const line = createElement("p");
  const sources = {
    "Dumoulin & Visin 2016": "https://arxiv.org/abs/1603.07285",
    "Odena et al. 2016": "https://distill.pub/2016/deconv-checkerboard/",
  };
  for (const [name, href] of Object.entries(sources)) {
    const link = Object.assign(createElement("a", "", name), { href, target: "_blank", rel: "noopener noreferrer" });
    line.append(line.childNodes.length ? " · " : "", link);
  }
  return line;
}

async function copyCode() {
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    // No clipboard without HTTPS; a selection can be copied everywhere.
    getSelection().selectAllChildren(code);
    document.execCommand("copy");
  }
  copy.textContent = t("copied");
  setTimeout(() => (copy.textContent = t("copy")), 1500);
}

// ---- the whole

const bar = createElement("div", "stepper-bar");
bar.append(readingBar, transport);
const settingsBox = createElement("div", "stepper-settings");
settingsBox.append(...controls.map(({ group }) => group));
settingsBox.append(reason);
const product = createElement("div", "stepper-product");
const [times, equals] = ["×", "="].map((sign) => createElement("span", "stepper-sign", sign));
product.append(panels.input.panel, times, panels.kernel.panel, equals, panels.stamp.panel);
const left = createElement("div", "stepper-left");
left.append(product, refused, words);
const stage = createElement("div", "stepper-stage");
stage.append(left, panels.canvas.panel);
root.append(presetBar, note, settingsBox, bar, stage, facts);

root.addEventListener("keydown", (event) => {
  const own = event.target.closest("button, select, pre");
  if (event.key !== " " || own) return;
  event.preventDefault();
  play();
});
root.addEventListener("keyup", (event) => {
  if (event.key === " " && event.target.closest(".stepper-cell")) event.preventDefault();
});

const SIGNS = 84; // CSS pixels that the signs between the boards take
const LEAST = 76; // CSS pixels of a panel with a list below its board
const COMFORTABLE = 22; // CSS pixels of a cell, below which the input gets a row of its own

function fit() {
  const width = product.clientWidth;
  if (!width || !state.settings.stride) return; // an unopened tab; the observer calls again
  const { inputSize, kernelSize } = state.settings;
  const side = (width - SIGNS) / (inputSize + 2 * kernelSize);
  const listed = Math.max(LEAST, side * inputSize) + Math.max(LEAST, side * kernelSize);
  const tight = side < COMFORTABLE || listed + side * kernelSize + SIGNS > width + 1;
  const wrapped = tight && width < 520;
  product.dataset.wrapped = wrapped;
  const half = (width - SIGNS / 2) / 2;
  boards.input.fit(wrapped ? width : side * inputSize + 2);
  for (const name of ["kernel", "stamp"]) boards[name].fit(wrapped ? half : side * kernelSize + 2);
  boards.canvas.fit(panels.canvas.panel.clientWidth);
}
new ResizeObserver(() => (fit(), redraw())).observe(root);
// On a projector everything is larger.
new MutationObserver(() => {
  for (const board of Object.values(boards)) board.measure();
  redraw();
}).observe(document.documentElement, { attributeFilter: ["class"] });
