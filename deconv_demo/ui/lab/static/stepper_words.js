// The present step as a sentence and as a sum with its numbers; and the facts of the whole run.

const inBrackets = (value) => (value < 0 ? `(${shown(value)})` : shown(value));

// Replaces the text of a node; a new node would cost more.
function setText(node, text) {
  if (node.data !== text) node.data = text;
}

function drawWords(lit, links) {
  const { settings, x, kernel } = run;
  const [step, steps] = [here(), stepsOf()];
  const about = (title, told, parts = ["", "", ""]) => {
    setText(headline.firstChild, title);
    setText(sentence.firstChild, told);
    [terms, later.firstChild, result.firstChild].forEach((node, at) => setText(node, parts[at]));
  };
  if (!lit) {
    const when = step === 0 ? "start" : "done";
    about(t(`reading.${state.reading}`), t(`${state.reading}.${when}`, { steps }));
    return;
  }
  const name = nameOf(lit.board, lit.cell);
  const title = lit.byHand ? name : `${t("counter", { step, steps })} · ${name}`;
  const counted = lit.board === "canvas" ? links : links.filter((link) => stays(link, settings));
  const cut = links.length - counted.length;
  let kind = cut ? `${lit.board}Cut` : lit.board;
  if (lit.board === "canvas" && !counted.length) kind = "none";
  const [row, column] = lit.cell;
  const value = { input: x, kernel }[lit.board]?.[row]?.[column];
  let told = t(`about.${kind}`, {
    value: value === undefined ? "" : shown(value),
    count: counted.length,
    cut,
  });
  if (lit.board === "canvas" && !stays({ canvas: lit.cell }, settings)) {
    told += ` ${t("about.cut")}`;
  }
  about(title, told, counted.length ? sumOf(counted) : undefined);
}

// A sum with its numbers, in scatter order: the terms so far, the terms to come, the result.
function sumOf(links) {
  const { settings, x, kernel } = run;
  const added = state.reading === "paint" ? here() : Infinity;
  const parts = { so: [], later: [] };
  let total = 0;
  for (const { input, kernel: cell } of links) {
    const [a, b] = [x[input[0]][input[1]], kernel[cell[0]][cell[1]]];
    total += a * b;
    const waits = input[0] * settings.inputSize + input[1] >= added;
    // No line ends within a product.
    parts[waits ? "later" : "so"].push(`${inBrackets(a)}\u00a0×\u00a0${inBrackets(b)}`);
  }
  const joint = parts.so.length && parts.later.length ? " + " : "";
  return [parts.so.join(" + ") + joint, parts.later.join(" + "), ` = ${shown(total, 6)}`];
}

function stays({ canvas }, settings) {
  const [from, to] = [settings.padding, settings.padding + outputSize(settings)];
  return canvas.every((at) => at >= from && at < to);
}

function drawFacts() {
  const { settings, x, kernel, painted, side } = run;
  const { inputSize, kernelSize, stride, padding, outputPadding, dilation } = settings;
  formula.replaceChildren(
    createElement("span", "", t("facts.formula")),
    createElement(
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
  if (!copy.textContent || !copy.dataset.used) copy.textContent = t("copy");
  copy.dataset.used = "yes";
}
