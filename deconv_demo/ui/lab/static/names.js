// Four names, one operator. Gradio runs this file as the body of a function of (element, trigger,
// props, server, upload, watch), after transposed.js and drawn_arrays.js. props.value holds what the
// server computed for a run, props.texts every sentence. It requests the stepper's run when shown.

const root = element.querySelector(".names");
const SPOKEN = 100; // cells of an array whose numbers are read out
const WAYS = ["scatter", "zeros", "matrix", "shuffle", "gradient"];
const CLASSIC = ["correlation", "convolution", "transposed"];
const SOURCES = {
  scatter: ["Zeiler et al. 2010", "https://doi.org/10.1109/CVPR.2010.5539957"],
  zeros: ["Dumoulin & Visin 2016", "https://arxiv.org/abs/1603.07285"],
  matrix: ["Dumoulin & Visin 2016", "https://arxiv.org/abs/1603.07285"],
  shuffle: ["Shi et al. 2016", "https://arxiv.org/abs/1609.07009"],
  gradient: ["Long et al. 2015", "https://arxiv.org/abs/1411.4038"],
  classic: [
    "Goodfellow et al. 2016, 9.1",
    "https://www.deeplearningbook.org/contents/convnets.html",
  ],
};
const t = (key, values = {}) =>
  (props.texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
let asked = ""; // the run last asked for

const differenceOf = (value) => (value === 0 ? "0" : value.toExponential(1).replace("-", "\u2212"));

function settingsOf({ x, kernel, stride, padding, output_padding, dilation }) {
  const sizes = { inputSize: x.length, kernelSize: kernel.length };
  return { ...sizes, stride, padding, outputPadding: output_padding, dilation };
}

// ---- pieces

function picture(array, label, options) {
  const figure = createElement("figure", "names-figure");
  const canvas = createElement("canvas");
  canvas.setAttribute("role", "img");
  const numbers = array.map((row) => row.map((value) => shown(value)).join(", ")).join("; ");
  const read = array.length * array[0].length <= SPOKEN;
  canvas.setAttribute("aria-label", read ? `${label}: ${numbers}` : label);
  figure.append(canvas, createElement("figcaption", "", label));
  figure.draw = () => drawArray(canvas, array, options);
  return figure;
}

function sourceLink(name) {
  const line = createElement("p", "names-source", `${t("source")} `);
  const link = createElement("a", "", SOURCES[name][0]);
  Object.assign(link, { href: SOURCES[name][1], target: "_blank", rel: "noopener noreferrer" });
  line.append(link);
  return line;
}

function card(name, way, pictures, code) {
  const node = createElement("article", "names-card");
  node.dataset.way = name;
  node.append(createElement("h3", "", t(`${name}.title`)), createElement("p", "", t(`${name}.text`)));
  const row = createElement("div", "names-row");
  row.append(...pictures);
  if (pictures.length) node.append(row);
  if (code) node.append(createElement("pre", "", code));
  if (way) {
    const verdict = createElement("p", "names-verdict", `${t("difference")} `);
    verdict.append(createElement("b", "", differenceOf(way.difference)));
    node.append(verdict);
  }
  if (SOURCES[name]) node.append(sourceLink(name));
  return node;
}

// ---- the pictures of each way

function matrixPicture(settings, kernel) {
  const [n, k, side] = [settings.inputSize, settings.kernelSize, outputSize(settings)];
  const cells = Array.from({ length: side * side }, () => new Array(n * n).fill(-1));
  for (let index = 0; index < n * n; index += 1) {
    const cell = [Math.floor(index / n), index % n];
    for (const link of contributionsOf("input", cell, settings)) {
      const [y, z] = link.canvas.map((at) => at - settings.padding);
      if (y < 0 || z < 0 || y >= side || z >= side) continue;
      cells[y * side + z][index] = link.kernel[0] * k + link.kernel[1];
    }
  }
  const values = cells.map((row) =>
    row.map((cell) => (cell < 0 ? 0 : kernel[Math.floor(cell / k)][cell % k])),
  );
  const [width, height] = [170 / n ** 2, 330 / side ** 2];
  const label = t("matrix.figure", { rows: side * side, columns: n * n });
  return picture(values, height < 1 ? `${label}; ${t("matrix.dense")}` : label, {
    cell: [Math.max(2, Math.min(16, width)), Math.max(0.25, Math.min(12, height))],
    colourOf: (row, column) => (cells[row][column] < 0 ? null : hueOf(cells[row][column], k * k)),
  });
}

function figuresOf(name, value, settings) {
  const { kernel, stride } = value.run;
  const k = kernel.length;
  const small = (array, label, options = {}) =>
    picture(array, label, { cell: cellFor(array.length, 120, 30), ...options });
  const result = small(value.ways[name].rows, t("figure.output"), {
    cell: cellFor(value.output.length, 190, 30),
  });
  if (name === "zeros") {
    const flipped = kernel.map((row) => [...row].reverse()).reverse();
    const spread = picture(value.spread, t("zeros.figure"), {
      cell: cellFor(value.spread.length, 190, 30),
    });
    return [spread, small(flipped, t("zeros.kernel")), result];
  }
  if (name === "matrix") {
    const coloured = small(kernel, t("figure.kernel"), {
      colourOf: (row, column) => hueOf(row * k + column, k * k),
    });
    return [matrixPicture(settings, kernel), coloured, result];
  }
  if (name === "shuffle") {
    const phases = createElement("div", "names-phases");
    phases.style.setProperty("--stride", stride);
    const room = Math.max(24, 150 / stride);
    phases.append(
      ...value.phases.map((phase, index) =>
        picture(phase, `[${Math.floor(index / stride)}, ${index % stride}]`, {
          cell: cellFor(phase.length, room, 26),
          colourOf: () => hueOf(index, stride * stride),
        }),
      ),
    );
    const mixed = small(value.ways.shuffle.rows, t("shuffle.figure"), {
      cell: cellFor(value.output.length, 190, 30),
      colourOf: (row, column) => {
        const phase = [row, column].map((at) => (at + settings.padding) % stride);
        return hueOf(phase[0] * stride + phase[1], stride * stride);
      },
    });
    return [phases, mixed];
  }
  return [result];
}

function gradientCode({ inputSize, stride, padding, outputPadding, dilation }) {
  const call = `stride=${stride}, padding=${padding}, dilation=${dilation}`;
  // Where dilation lets output padding reach the stride, the convolution has more outputs.
  const cut = outputPadding >= stride ? `[..., :${inputSize}, :${inputSize}]` : "";
  return [
    "picture = torch.zeros_like(y, requires_grad=True)",
    `seen = F.conv2d(picture, k, ${call})${cut}`,
    "y, = torch.autograd.grad(seen, picture, x)",
  ].join("\n");
}

function torchCard({ run, output }, settings) {
  const small = (array, key, room) =>
    picture(array, t(key), { cell: cellFor(array.length, room, 30) });
  const call = pythonCode(run.x, run.kernel, settings).split("\n").at(-1);
  const pictures = [
    small(run.x, "figure.input", 120),
    small(run.kernel, "figure.kernel", 120),
    small(output, "figure.output", 190),
  ];
  return card("torch", null, pictures, call.replace("torch.nn.functional", "F"));
}

function classicCards({ classic }) {
  const [n, k] = [classic.x.length, classic.kernel.length];
  const same = k % 2 ? [(k - 1) / 2, n] : null; // what padding (k - 1) / 2 keeps
  return CLASSIC.map((name) => {
    const { rows } = classic[name];
    const figure = picture(rows, `${rows.length} × ${rows.length}`, {
      cell: cellFor(rows.length, 230, 36),
      frame: same,
    });
    return card(name, classic[name], [figure]);
  });
}

// ---- the whole

function draw() {
  const { value } = props;
  if (!value) return;
  const { run } = value;
  const settings = settingsOf(run);
  const intro = createElement("div", "names-intro");
  const sizes = { ...settings, output: value.output.length };
  intro.append(createElement("p", "", t("intro")), createElement("p", "names-run", t("run", sizes)));
  const ways = createElement("div", "names-cards");
  const code = gradientCode(settings);
  ways.append(
    torchCard(value, settings),
    ...WAYS.map((name) =>
      card(name, value.ways[name], figuresOf(name, value, settings), name === "gradient" && code),
    ),
  );
  const classic = createElement("div", "names-cards names-classic");
  classic.append(...classicCards(value));
  const arrays = createElement("div", "names-row");
  arrays.append(
    ...["x", "kernel"].map((name) => {
      const array = value.classic[name];
      const label = t(name === "x" ? "figure.input" : "figure.kernel");
      return picture(array, label, { cell: cellFor(array.length, 120, 30) });
    }),
  );
  root.replaceChildren(
    intro,
    ways,
    createElement("h2", "", t("classic.title")),
    createElement("p", "", t("classic.text")),
    createElement("p", "names-run", value.classic.borrowed ? t("classic.borrowed") : ""),
    arrays,
    classic,
    sourceLink("classic"),
  );
  paintAll();
}

function paintAll() {
  if (root.clientWidth) root.querySelectorAll(".names-figure").forEach((figure) => figure.draw());
}

function ask() {
  const run = window.deconvLab?.run;
  if (!run || !root.clientWidth || JSON.stringify(run) === asked) return;
  asked = JSON.stringify(run);
  trigger("ask", { run });
}

// An unopened tab has no width; it gets one when it becomes visible.
new ResizeObserver(() => (ask(), paintAll())).observe(root);
// The page changes its colours by a class of its body.
new MutationObserver(paintAll).observe(document.body, { attributeFilter: ["class"] });
document.addEventListener("deconv-lab-run", ask);
draw();
watch("value", draw);
watch("texts", draw);
