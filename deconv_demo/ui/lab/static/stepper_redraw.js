// Updates everything on the stepper from `state`; called on every step and every touch.

let redrawing = false;
let run = null; // what stays as it is from step to step

// A step touches boards and words only; the rest changes with the run, the reading or the language.
function redraw({ all = false } = {}) {
  if (redrawing || !state.settings.stride) return; // cells that are taken away lose the keyboard
  redrawing = true;
  try {
    if (all) {
      run = measureRun();
      drawControls();
      drawFacts();
      fit();
      for (const board of Object.values(boards)) board.forget(); // names of cells change too
    }
    drawTransport();
    drawBoards(attended());
  } finally {
    redrawing = false;
  }
}

function measureRun() {
  const { settings } = state;
  const [x, kernel] = [valuesOf("input"), valuesOf("kernel")];
  const painted = paint(x, kernel, settings);
  const reached = painted.map((_, at) => partnersAlong("canvas", at, settings).length > 0);
  const scales = { input: largest(x), kernel: largest(kernel), canvas: largest(painted) };
  scales.stamp = scales.input * scales.kernel;
  // Taken over the whole run, so that no number changes its size while it plays.
  const lengths = { input: longestOf(x), kernel: longestOf(kernel), canvas: longestOf(painted) };
  lengths.stamp = longestOf(x.flat().map((a) => kernel.flat().map((b) => a * b)));
  const side = outputSize(settings);
  return { settings, x, kernel, painted, reached, scales, lengths, side };
}

// Setting an equal value would still make the browser check everything that depends on it.
function setProps(node, values) {
  for (const [name, value] of Object.entries(values)) {
    if (node[name] !== value) node[name] = value;
  }
}

// The highlighted cell: that under pointer or keyboard, or that of the last step.
function attended() {
  const { settings, reading } = state;
  const step = here();
  if (state.attention) return { ...state.attention, byHand: true };
  if (state.idle || step === 0) return null;
  if (reading === "paint") {
    const n = settings.inputSize;
    return { board: "input", cell: [Math.floor((step - 1) / n), (step - 1) % n] };
  }
  const side = outputSize(settings);
  const place = [Math.floor((step - 1) / side), (step - 1) % side];
  return { board: "canvas", cell: place.map((at) => at + settings.padding) };
}

function drawControls() {
  const { settings, preset, reading } = state;
  for (const button of presetButtons) {
    button.setAttribute("aria-pressed", button.dataset.preset === preset);
  }
  note.textContent = t(preset ? `note.${preset}` : "note.own");
  drawReason();
  for (const button of readingButtons) {
    button.setAttribute("aria-pressed", button.dataset.reading === reading);
  }
  for (const name of Object.keys(LETTERS)) {
    boards[name].root.setAttribute("aria-label", t(`board.${name}`));
  }
  for (const { name, buttons } of controls) {
    choices(settings, name).forEach(({ value, refusal: why }, index) => {
      const button = buttons[index];
      button.setAttribute("aria-pressed", value === settings[name]);
      button.setAttribute("aria-disabled", Boolean(why));
      button.setAttribute("aria-label", `${t(name)} ${value}`);
      button.title = why ? explain(name, value) : "";
    });
  }
  for (const [board, select] of Object.entries(fills)) {
    const array = board === "input" ? run.x : run.kernel;
    select.value = isFilled(array, state.fills[board]) ? state.fills[board] : fillOf(array) ?? "own";
  }
}

function drawReason() {
  const why = closed ? explain(...closed) : "";
  setProps(reason, { textContent: why });
  root.toggleAttribute("data-asked", Boolean(why));
}

function drawTransport() {
  const [step, steps] = [here(), stepsOf()];
  setProps(position, { max: String(steps) });
  setProps(position, { value: String(step) });
  setText(counter.firstChild.firstChild, t("counter", { step, steps }));
  const playing = Boolean(state.timer);
  const label = playing ? t("pause") : t("play");
  if (playButton.dataset.shown !== label) {
    playButton.dataset.shown = label;
    playButton.replaceChildren(makeIcon(ICONS[playing ? "pause" : "play"]), label);
  }
  for (const button of [first, back]) setProps(button, { disabled: step === 0 });
  for (const button of [next, last]) setProps(button, { disabled: step === steps });
}

const keyOf = (row, column) => 64 * row + column; // no board has 64 columns
const largest = (array) => Math.max(1e-9, ...array.flat().map(Math.abs));
const longestOf = (array) => Math.max(...array.flat().map((value) => shown(value).length));

function drawBoards(lit) {
  const { settings, x, kernel, scales, lengths } = run;
  const painting = state.reading === "paint";
  const links = lit ? contributionsOf(lit.board, lit.cell, settings) : [];
  const partners = {};
  for (const board of ["input", "kernel", "canvas"]) {
    partners[board] = new Set(links.map((link) => keyOf(...link[board])));
  }
  const chosen = lit ? keyOf(...lit.cell) : -1;
  const markOf = (board, row, column) => {
    const key = keyOf(row, column);
    // A cell without partners is highlighted all the same.
    if (lit?.board === board && chosen === key) return MARKS.chosen;
    return partners[board].has(key) ? MARKS.lit : 0;
  };
  const drawBoard = (board, side, drawing) =>
    boards[board].draw({ side, scale: scales[board], longest: lengths[board], ...drawing });

  const ready = here();
  for (const [board, array] of [["input", x], ["kernel", kernel]]) {
    const side = array.length;
    drawBoard(board, side, {
      valueOf: (row, column) => array[row][column],
      marksOf: (row, column) => {
        const waits = painting && board === "input" && row * side + column >= ready;
        return markOf(board, row, column) | (waits ? MARKS.waits : 0);
      },
      labelOf: (row, column) =>
        `${nameOf(board, [row, column])}: ${shown(array[row][column])}`,
    });
  }

  // One product on each kernel cell: the copy for an input cell, or the terms of an output cell.
  const products = new Map();
  if (lit && lit.board !== "kernel") {
    for (const { input, kernel: cell } of links) {
      products.set(keyOf(...cell), x[input[0]][input[1]] * kernel[cell[0]][cell[1]]);
    }
  }
  drawBoard("stamp", kernel.length, {
    valueOf: (row, column) => products.get(keyOf(row, column)) ?? null,
    marksOf: (row, column) => (products.has(keyOf(row, column)) ? 0 : MARKS.waits),
  });
  drawCanvas(drawBoard, markOf);
  drawWords(lit, links);
  drawTitles(lit);
}

function drawCanvas(drawBoard, markOf) {
  const { settings, x, kernel, painted, reached, side } = run;
  const { padding, outputPadding } = settings;
  const painting = state.reading === "paint";
  const [ready, finished] = [here(), here() === stepsOf()];
  const canvas = painting ? paint(x, kernel, settings, ready) : painted;
  const isInside = (y, z) => y >= 0 && z >= 0 && y < side && z < side;
  const valueOf = (row, column) => {
    const [y, z] = [row - padding, column - padding];
    const collected = painting || (isInside(y, z) && y * side + z < ready);
    return collected ? canvas[row][column] : null;
  };
  drawBoard("canvas", canvas.length, {
    valueOf,
    marksOf: (row, column) => {
      const [y, z] = [row - padding, column - padding];
      const value = valueOf(row, column);
      let marks = markOf("canvas", row, column);
      if (value === null || (value === 0 && painting && !finished)) marks |= MARKS.waits;
      if (!isInside(y, z)) return marks | MARKS.cut;
      if (outputPadding && Math.max(y, z) >= side - outputPadding) marks |= MARKS.extra;
      if (!(reached[row] && reached[column])) marks |= MARKS.never;
      return marks;
    },
    labelOf: (row, column) => {
      const [name, value] = [nameOf("canvas", [row, column]), valueOf(row, column)];
      return value === null ? name : `${name}: ${shown(value)}`;
    },
  });
}

function nameOf(board, [row, column]) {
  if (board !== "canvas") return `${t(`board.${board}`)} ${LETTERS[board]}[${row}, ${column}]`;
  const { settings } = state;
  const [y, z] = [row - settings.padding, column - settings.padding];
  const side = outputSize(settings);
  const inside = y >= 0 && z >= 0 && y < side && z < side;
  return inside ? `${t("board.canvas")} y[${y}, ${z}]` : t("board.cut");
}

function drawTitles(lit) {
  const { settings, side, reached } = run;
  const sizes = { input: settings.inputSize, kernel: settings.kernelSize, canvas: side };
  for (const [name, { title, size }] of Object.entries(panels)) {
    const collects = name === "stamp" && (lit ? lit.board === "canvas" : state.reading === "gather");
    setProps(title, { textContent: t(collects ? "board.products" : `board.${name}`) });
    const said = sizes[name] ? `${LETTERS[name]}: ${sizes[name]} × ${sizes[name]}` : "";
    setProps(size, { textContent: said });
  }
  const { padding, outputPadding } = settings;
  setProps(legendItems[0], { hidden: reached.length === side });
  setProps(legendItems[1], { hidden: outputPadding === 0 });
  setProps(legendItems[2], { hidden: reached.slice(padding, padding + side).every(Boolean) });
  setProps(tooSmall, { hidden: boards.canvas.root.dataset.dense !== "true" });
}

usePreset(Object.keys(props.value.presets)[0]);
applyTexts();
watch("texts", () => {
  delete copy.dataset.used;
  applyTexts();
});
