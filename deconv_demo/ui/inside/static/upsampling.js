// One transposed convolution: its kernels, its kernel copy, its overlap and the checkerboard meter.
let picked = { layer: null, source: null, target: null };
let measuredFor = null;

// The request made whenever the panel becomes visible, see parts.js.
function lookWith() {
  return {
    layer: picked.layer,
    input_channel: picked.source,
    output_channel: picked.target,
    followed: props.value ? (props.value.followed ?? null) : null,
  };
}
const lookAt = (changes) => {
  picked = { ...picked, ...changes };
  panel().setAttribute("aria-busy", "true");
  request("look", { have: null, ...lookWith() });
};

const layerChoice = (value) => {
  const row = createElement("div", "panel-choice");
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", t("layer"));
  for (const name of value.layers) {
    const node = button(name, "", () => lookAt({ layer: name, source: null, target: null }));
    node.setAttribute("aria-pressed", String(name === value.layer));
    row.append(node);
  }
  return row;
};

const kernelGrid = (value) => {
  const grid = createElement("div", "lens-kernels");
  grid.style.setProperty("--atlas", `url(${value.kernels.picture})`);
  grid.style.setProperty("--columns", value.kernels.columns);
  grid.style.setProperty("--rows", value.kernels.rows);
  const tiles = Array.from({ length: value.targets }, (_, target) => {
    const tile = button("", "lens-kernel", () => lookAt({ target }));
    tile.title = t("kernel.of", { source: value.source, target });
    tile.setAttribute("aria-label", tile.title);
    tile.setAttribute("aria-pressed", String(target === value.target));
    tile.tabIndex = target === value.target ? 0 : -1;
    tile.style.setProperty("--column", target % value.kernels.columns);
    tile.style.setProperty("--row", Math.floor(target / value.kernels.columns));
    return tile;
  });
  grid.append(...tiles);
  grid.addEventListener("keydown", (event) => {
    const here = tiles.indexOf(document.activeElement);
    const perRow = tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow }[event.key];
    if (here < 0 || !step || !tiles[here + step]) return;
    event.preventDefault();
    tiles[here].tabIndex = -1;
    tiles[here + step].tabIndex = 0;
    tiles[here + step].focus();
  });
  return grid;
};

const channelSlider = (key, value, count, choose) => {
  const label = createElement("label", "pixel-channel");
  const slider = createElement("input");
  const number = createElement("output", "", String(value));
  Object.assign(slider, { type: "range", min: 0, max: count - 1, step: 1 });
  slider.value = value;
  slider.addEventListener("input", () => (number.textContent = slider.value));
  slider.addEventListener("change", () => choose(Number(slider.value)));
  label.append(createElement("span", "", t(key)), slider, number);
  return label;
};

const table = (rows, className, cell) => {
  const node = createElement("table", className);
  const body = createElement("tbody");
  for (const row of rows) {
    const line = createElement("tr");
    line.append(...row.map(cell));
    body.append(line);
  }
  node.append(body);
  return node;
};
const stampTable = (value) =>
  table(value.stamp, "lens-stamp", ({ value: number, colour }) => {
    const cell = createElement("td", "", fixed(number, 2));
    const [red, green, blue] = colour;
    cell.style.background = `rgb(${colour.join(" ")})`;
    cell.style.color = 0.3 * red + 0.59 * green + 0.11 * blue > 140 ? "#111" : "#fff";
    return cell;
  });
const overlapTable = (overlap) => {
  const most = Math.max(...overlap.counts.flat());
  return table(overlap.counts, "lens-overlap", (count) => {
    const cell = createElement("td", "", String(count));
    cell.style.setProperty("--share", `${(count / most) * 100}%`);
    return cell;
  });
};

const METER_RANGE = 45;
const meterRow = (name, reading, twin) => {
  const row = createElement("tr", twin ? "twin" : "");
  const track = createElement("td", "lens-track");
  const place = (number) => `${(Math.min(Math.max(number + 5, 0), METER_RANGE) / METER_RANGE) * 100}%`;
  if (reading !== null) {
    const bar = createElement("i");
    bar.style.left = place(Math.min(reading, 0));
    bar.style.right = `calc(100% - ${place(Math.max(reading, 0))})`;
    track.append(bar);
  }
  const name_cell = createElement("th", "", name);
  name_cell.scope = "row";
  const shown = reading === null ? t("too_small") : `${fixed(reading, 1)} dB`;
  row.append(name_cell, track, createElement("td", "number", shown));
  return row;
};

const spectrumFigure = (source, caption, period) => {
  const box = createElement("div", "lens-spectrum");
  box.append(picture(source, caption));
  for (let row = 0; row < period; row += 1)
    for (let column = 0; column < period; column += 1) {
      if (!row && !column) continue;
      const ring = createElement("i");
      // Zero frequency is in the middle, and the spectrum wraps around at its sides.
      ring.style.left = `${(((column / period + 0.5) % 1) * 100).toFixed(2)}%`;
      ring.style.top = `${(((row / period + 0.5) % 1) * 100).toFixed(2)}%`;
      box.append(ring);
    }
  return figure(box, caption);
};

const showMeter = () => {
  const place = panel().querySelector(".lens-meter");
  const value = props.value;
  if (!place || !value.layer) return;
  const meter = props.meter && props.meter.measured === value.measured ? props.meter : null;
  if (!meter) {
    place.replaceChildren(createElement("p", "panel-hint", t("measuring")));
    return;
  }
  const body = createElement("tbody");
  const { readings, stride, period } = meter;
  const heading = (text) => {
    const row = createElement("tr", "heading");
    const cell = createElement("th", "", text);
    cell.colSpan = 3;
    row.append(cell);
    return row;
  };
  body.append(
    heading(t("meter.maps", { stride })),
    meterRow(t("meter.before"), readings.before),
    meterRow(t("meter.after"), readings.after),
    meterRow(t("meter.after_twin"), readings.after_twin, true),
    heading(t("meter.pictures", { period })),
    meterRow(t(meter.scale > 1 ? "meter.given_bicubic" : "meter.given"), readings.given),
    meterRow(t("meter.restored"), readings.restored),
    meterRow(t("meter.restored_twin"), readings.restored_twin, true),
  );
  const readout = createElement("table", "lens-readings");
  readout.append(body);
  const pictures = createElement("div", "lens-pictures");
  pictures.append(
    figure(picture(meter.details[0], t("meter.restored")), t("meter.restored"), t("detail")),
    figure(picture(meter.details[1], t("meter.restored_twin")), t("meter.restored_twin"), t("detail")),
  );
  if (meter.spectra)
    pictures.append(
      spectrumFigure(meter.spectra[0], t("spectrum"), period),
      spectrumFigure(meter.spectra[1], t("spectrum.twin"), period),
    );
  const left = createElement("div");
  left.append(readout, createElement("p", "panel-fine", t("meter.neutral")));
  const right = createElement("div");
  right.append(pictures);
  const enlarged = { period, stride, times: period / stride };
  if (meter.spectra) right.append(createElement("p", "panel-fine", t("spectrum.note", enlarged)));
  const columns = createElement("div", "lens-columns");
  columns.append(left, right);
  place.replaceChildren(columns);
};

const draw = () => {
  const root = panel();
  if (!root) return;
  root.removeAttribute("aria-busy");
  if (isMissing(root)) return;
  const value = props.value;
  picked = { layer: value.layer, source: value.source, target: value.target };
  const stamp = createElement("div");
  const onward = (by) => `${value.stride} n${by ? ` ${by < 0 ? "−" : "+"} ${Math.abs(by)}` : ""}`;
  const last = value.kernel_size[0] - 1 - value.padding;
  const landing = { first: onward(-value.padding), last: onward(last) };
  stamp.append(stampTable(value));
  const maps = createElement("div", "lens-maps");
  const size = (map) => `${map.size[0]} × ${map.size[1]}`;
  const before = figure(
    picture(value.before.picture, t("before", value)), t("before", value), size(value.before));
  const after = figure(
    picture(value.after.picture, t("after", value)), t("after", value), size(value.after));
  before.append(channelSlider("source", value.source, value.sources, (source) => lookAt({ source })));
  after.append(channelSlider("target", value.target, value.targets, (target) => lookAt({ target })));
  const stampBox = figure(stamp, t("stamp"), `${value.kernel_size.join(" × ")}`);
  stampBox.append(createElement("p", "panel-fine", t("stamp.note", landing)));
  maps.append(before, stampBox, after);
  const overlaps = createElement("div", "lens-overlaps");
  value.overlap.forEach((overlap, twin) => {
    const name = t(twin ? "overlap.twin" : "overlap.layer", overlap);
    const box = figure(overlapTable(overlap), name);
    box.append(createElement("p", "lens-ratio", t("ratio", { ratio: fixed(overlap.ratio, 2) })));
    overlaps.append(box);
  });
  root.replaceChildren(
    createElement("p", "panel-what", t("what")),
    layerChoice(value),
    createElement("h4", "", t("title.maps", value)),
    maps,
    createElement("h4", "", t("title.kernels", value)),
    kernelGrid(value),
    legend(true, t("legend.negative"), t("legend.zero"), t("legend.positive")),
    createElement("h4", "", t("title.overlap")),
    createElement("p", "panel-what", t("what.overlap")),
    overlaps,
    createElement("h4", "", t("title.meter")),
    createElement("p", "panel-what", t("what.meter")),
    createElement("div", "lens-meter"),
  );
  showMeter();
  if (measuredFor !== value.measured) {
    measuredFor = value.measured;
    trigger("measure", { layer: value.layer });
  }
};
draw();
watch("value", () => {
  draw();
  settle("look");
});
watch("texts", draw);
watch("meter", showMeter);
