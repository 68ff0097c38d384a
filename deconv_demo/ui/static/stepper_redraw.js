// Brings all that the stepper shows up to date with `state`; called on every step and every touch.

let redrawing = false;
let run = null; // what stays as it is from step to step

// A step touches boards and words only; all else changes with the run, the reading or the language.
function redraw({ all = false } = {}) {
  if (redrawing || !state.settings.stride) return; // cells that are taken away lose the keyboard
  redrawing = true;
  try {
    if (all) {
      run = measureRun();
      drawControls();
      drawFacts();
      fit();
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
  const side = outputSize(settings);
  return { settings, x, kernel, painted, reached, scales, side, texts: new Map() };
}

// Setting what is there already would still cost the browser a look at all that depends on it.
function put(node, values) {
  for (const [name, value] of Object.entries(values)) {
    if (node[name] !== value) node[name] = value;
  }
}

// What is lit: the cell that pointer or keyboard is on, or that of the last step.
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
    const own = state.edits[board].size || (state.base[board].length && !fillOf(state.base[board]));
    select.value = own ? "own" : state.fills[board];
  }
}

function drawReason() {
  const why = closed ? explain(...closed) : "";
  put(reason, { textContent: why });
  root.toggleAttribute("data-asked", Boolean(why));
}

function drawTransport() {
  const [step, steps] = [here(), stepsOf()];
  put(position, { max: String(steps) });
  put(position, { value: String(step) });
  put(counter, { textContent: t("counter", { step, steps }) });
  const playing = Boolean(state.timer);
  const label = playing ? t("pause") : t("play");
  if (playButton.dataset.shown !== label) {
    playButton.dataset.shown = label;
    playButton.replaceChildren(makeIcon(ICONS[playing ? "pause" : "play"]), label);
  }
  for (const button of [first, back]) put(button, { disabled: step === 0 });
  for (const button of [next, last]) put(button, { disabled: step === steps });
}

const keyOf = ([row, column]) => 64 * row + column; // no board has 64 columns
const largest = (array) => Math.max(1e-9, ...array.flat().map(Math.abs));

function drawBoards(lit) {
  const { settings, x, kernel, painted, reached, scales, side, texts } = run;
  const { padding, outputPadding } = settings;
  const painting = state.reading === "paint";
  const canvas = painting ? paint(x, kernel, settings, here()) : painted;
  const links = lit ? contributionsOf(lit.board, lit.cell, settings) : [];
  const partners = {};
  for (const board of ["input", "kernel", "canvas"]) {
    partners[board] = new Set(links.map((link) => keyOf(link[board])));
    // A cell without partners is where the eye is all the same.
    if (lit?.board === board) partners[board].add(keyOf(lit.cell));
  }
  const marksOf = (board, place) => {
    if (lit?.board === board && keyOf(lit.cell) === keyOf(place)) return "chosen";
    return partners[board].has(keyOf(place)) ? "lit" : "";
  };

  for (const [board, array] of [["input", x], ["kernel", kernel]]) {
    boards[board].draw(array.length, (row, column) => {
      const value = array[row][column];
      const waits = board === "input" && painting && row * array.length + column >= here();
      return {
        text: shown(value),
        tint: value / scales[board],
        marks: `${marksOf(board, [row, column])} ${waits ? "waits" : ""}`,
        label: () => `${nameOf(board, [row, column])}: ${shown(value)}`,
      };
    });
  }

  // One product on each kernel cell: the stamp of an input cell, or what an output cell collects.
  const products = new Map();
  if (lit && lit.board !== "kernel") {
    for (const { input, kernel: cell } of links) {
      products.set(keyOf(cell), x[input[0]][input[1]] * kernel[cell[0]][cell[1]]);
    }
  }
  boards.stamp.draw(kernel.length, (row, column) => {
    const value = products.get(keyOf([row, column]));
    const text = value === undefined ? "" : shown(value);
    return { text, tint: (value ?? 0) / scales.stamp, marks: text ? "" : "waits" };
  });

  boards.canvas.draw(canvas.length, (row, column) => {
    const [y, z] = [row - padding, column - padding];
    const inside = y >= 0 && z >= 0 && y < side && z < side;
    const hidden = !painting && (!inside || y * side + z >= here());
    const value = canvas[row][column];
    const extra = inside && outputPadding && Math.max(y, z) >= side - outputPadding;
    const marks = [
      marksOf("canvas", [row, column]),
      inside ? "" : "cut",
      extra ? "extra" : "",
      inside && !(reached[row] && reached[column]) ? "never" : "",
      hidden || (painting && value === 0 && here() < stepsOf()) ? "waits" : "",
    ];
    if (!texts.has(value)) texts.set(value, shown(value)); // most steps show most numbers again
    return {
      text: hidden ? "" : texts.get(value),
      tint: hidden ? 0 : value / scales.canvas,
      marks: marks.join(" "),
      label: () => {
        const name = nameOf("canvas", [row, column]);
        return hidden ? name : `${name}: ${shown(value)}`;
      },
    };
  });
  drawWords(lit, links);
  drawTitles(lit);
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
    put(title, { textContent: t(collects ? "board.products" : `board.${name}`) });
    const said = sizes[name] ? `${LETTERS[name]}: ${sizes[name]} × ${sizes[name]}` : "";
    put(size, { textContent: said });
  }
  const { padding, outputPadding } = settings;
  put(legendItems[0], { hidden: reached.length === side });
  put(legendItems[1], { hidden: outputPadding === 0 });
  put(legendItems[2], { hidden: reached.slice(padding, padding + side).every(Boolean) });
}

// ---- what is going on, as a sentence and as a sum with its numbers

const inBrackets = (value) => (value < 0 ? `(${shown(value)})` : shown(value));

function drawWords(lit, links) {
  const { settings, x, kernel } = run;
  const [step, steps] = [here(), stepsOf()];
  sum.replaceChildren();
  if (!lit) {
    headline.textContent = t(`reading.${state.reading}`);
    const when = step === 0 ? "start" : "done";
    sentence.textContent = t(`${state.reading}.${when}`, { steps });
    return;
  }
  const valueOf = ({ input, kernel: cell }) => [
    x[input[0]][input[1]],
    kernel[cell[0]][cell[1]],
  ];
  headline.textContent = lit.byHand
    ? nameOf(lit.board, lit.cell)
    : `${t("counter", { step, steps })} · ${nameOf(lit.board, lit.cell)}`;
  const counted = lit.board === "canvas" ? links : links.filter((link) => stays(link, settings));
  const cut = links.length - counted.length;
  let kind = cut ? `${lit.board}Cut` : lit.board;
  if (lit.board === "canvas" && !counted.length) kind = "none";
  const [row, column] = lit.cell;
  const value = { input: x, kernel }[lit.board]?.[row]?.[column];
  sentence.textContent = t(`about.${kind}`, {
    value: value === undefined ? "" : shown(value),
    count: counted.length,
    cut,
  });
  if (lit.board === "canvas" && !stays({ canvas: lit.cell }, settings)) {
    sentence.textContent += ` ${t("about.cut")}`;
  }
  if (!counted.length) return;
  const n = settings.inputSize;
  const painting = state.reading === "paint";
  let result = 0;
  counted.forEach((link, index) => {
    const [a, b] = valueOf(link);
    result += a * b;
    const term = make("span", "stepper-term", `${inBrackets(a)} × ${inBrackets(b)}`);
    if (painting && link.input[0] * n + link.input[1] >= step) term.classList.add("later");
    sum.append(index ? " + " : "", term);
  });
  sum.append(" = ", make("b", "", shown(result, 6)));
}

function stays({ canvas }, settings) {
  const [from, to] = [settings.padding, settings.padding + outputSize(settings)];
  return canvas.every((at) => at >= from && at < to);
}

function drawFacts() {
  const { settings, x, kernel, painted, side } = run;
  const { inputSize, kernelSize, stride, padding, outputPadding, dilation } = settings;
  formula.replaceChildren(
    make("span", "", t("facts.formula")),
    make(
      "b",
      "",
      `(${inputSize} − 1) × ${stride} − 2 × ${padding} + ${dilation} × (${kernelSize} − 1)` +
        ` + ${outputPadding} + 1 = ${side}`,
    ),
  );
  const [kept, all] = [total(cropped(painted, settings)), total(painted)];
  sums.textContent = t("facts.sum", {
    input: shown(total(x), 6),
    kernel: shown(total(kernel), 6),
    painted: shown(all, 6),
    kept: shown(kept, 6),
    cut: shown(all - kept, 6),
  });
  code.textContent = pythonCode(x, kernel, settings);
  if (!copy.textContent || !copy.dataset.told) copy.textContent = t("copy");
  copy.dataset.told = "yes";
}

usePreset(Object.keys(props.value.presets)[0]);
retell();
watch("texts", () => {
  delete copy.dataset.told;
  retell();
});
