// Draws the grid of feature maps from props.value, and one enlarged map from props.enlarged.
// All maps lie in one picture, set once as a CSS variable; each button shows its part of it.
let chosen = null;
let layer = null;
let ticket = 0; // of the last question, so that an answer to an earlier one is known
let atlasAddress = null;

// A short address for the picture of all maps: else each button would parse the long one again.
const shortAddress = (dataAddress) => {
  const bytes = Uint8Array.from(atob(dataAddress.split(",")[1]), (letter) => letter.charCodeAt(0));
  if (atlasAddress) URL.revokeObjectURL(atlasAddress);
  atlasAddress = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  return atlasAddress;
};

const scaleBar = (legend, signed) => {
  const bar = createElement("div", "inside-scale");
  const ends = createElement("span", "inside-ends");
  ends.append(...["low", "middle", "high"].map((name) => createElement("span", "", legend[name])));
  bar.append(createElement("i", signed ? "signed" : "unsigned"), ends);
  return bar;
};

const numbers = (pairs) => {
  const list = createElement("dl", "inside-numbers");
  for (const [name, number] of pairs) {
    const pair = createElement("div");
    pair.append(createElement("dt", "", name), createElement("dd", "", number));
    list.append(pair);
  }
  return list;
};

const histogram = ({ heights, low, high, low_text, high_text, caption }, signed) => {
  const figure = createElement("figure", "inside-histogram");
  const bars = createElement("div", "bars");
  const zero = low < 0 && high > 0 ? (-low / (high - low)) * 100 : null;
  heights.forEach((height, index) => {
    const bar = createElement("i");
    bar.style.height = `${100 * height}%`;
    const at = ((index + 0.5) / heights.length) * 100;
    if (signed) bar.className = (zero === null ? low < 0 : at < zero) ? "below" : "above";
    bars.append(bar);
  });
  if (zero !== null) {
    const line = createElement("b");
    line.style.left = `${zero}%`;
    bars.append(line);
  }
  const ends = createElement("span", "inside-ends");
  ends.append(createElement("span", "", low_text), createElement("span", "", high_text));
  figure.append(bars, ends, createElement("figcaption", "", caption));
  return figure;
};

const showEnlarged = (enlarged) => {
  const panel = element.querySelector(".inside-large");
  if (!panel) return;
  const image = createElement("img", "inside-enlarged");
  image.src = enlarged.picture;
  image.alt = enlarged.title;
  const kernels = createElement("figure", "inside-kernels");
  const picture = createElement("img");
  picture.src = enlarged.kernels.picture;
  picture.width = enlarged.kernels.width;
  picture.alt = enlarged.kernels.caption;
  kernels.append(picture, createElement("figcaption", "", enlarged.kernels.caption));
  panel.replaceChildren(
    image,
    createElement("p", "inside-title", enlarged.title),
    scaleBar(enlarged.legend, enlarged.signed),
    numbers(enlarged.facts),
    histogram(enlarged.histogram, enlarged.signed),
    kernels,
  );
  panel.ariaBusy = "false";
};

const choose = (button, channel) => {
  const before = element.querySelector(".inside-map[aria-pressed=true]");
  if (before) before.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-pressed", "true");
  chosen = channel;
  // The small map of the grid, enlarged and coarse, until the whole map has arrived.
  const panel = element.querySelector(".inside-large");
  const coarse = createElement("div", "inside-coarse inside-enlarged");
  coarse.style.cssText = button.style.cssText;
  if (panel.querySelector("img")) panel.querySelector("img").replaceWith(coarse);
  else panel.replaceChildren(coarse);
  panel.ariaBusy = "true";
  // On a phone the large map stands above all the small ones.
  if (panel.offsetTop < button.offsetTop) panel.scrollIntoView({ block: "nearest" });
  ticket += 1;
  request("pick", { channel, ticket });
};

const layGrid = (value) => {
  const grid = createElement("div", "inside-grid");
  grid.setAttribute("role", "group");
  grid.setAttribute("aria-label", value.label);
  const readout = createElement("p", "inside-readout", value.choose);
  const buttons = value.maps.map((map, index) => {
    const button = createElement("button", "inside-map");
    button.type = "button";
    button.title = map.title;
    button.setAttribute("aria-label", map.title);
    button.setAttribute("aria-pressed", "false");
    button.dataset.channel = map.channel;
    button.tabIndex = index === 0 ? 0 : -1;
    button.style.setProperty("--column", index % value.columns);
    button.style.setProperty("--row", Math.floor(index / value.columns));
    button.append(createElement("span", "", String(map.channel)));
    button.addEventListener("click", () => choose(button, map.channel));
    for (const name of ["pointerenter", "focus"]) {
      button.addEventListener(name, () => (readout.textContent = map.title));
    }
    return button;
  });
  grid.append(...buttons);
  // One stop for the Tab key; the arrow keys walk through the grid.
  grid.addEventListener("keydown", (event) => {
    const here = buttons.indexOf(document.activeElement);
    if (here < 0) return;
    const top = buttons[0].offsetTop;
    const perRow = buttons.filter((button) => button.offsetTop === top).length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow }[event.key];
    if (!step || !buttons[here + step]) return;
    event.preventDefault();
    buttons[here].tabIndex = -1;
    buttons[here + step].tabIndex = 0;
    buttons[here + step].focus();
  });
  return [grid, readout];
};

const render = () => {
  const root = element.querySelector(".inside");
  if (!root) return;
  const value = props.value;
  if (!value || !value.maps) {
    root.replaceChildren();
    return;
  }
  const again = value.layer === layer ? chosen : null;
  [chosen, layer] = [null, value.layer];
  const [grid, readout] = layGrid(value);
  const columns = createElement("div", "inside-columns");
  columns.style.setProperty("--atlas", `url(${shortAddress(value.picture)})`);
  columns.style.setProperty("--columns", value.columns);
  columns.style.setProperty("--rows", value.rows);
  const legend = createElement("div", "inside-legend");
  legend.append(scaleBar(value.legend, value.signed), createElement("span", "", value.legend.note));
  const large = createElement("div", "inside-large");
  large.setAttribute("aria-live", "polite");
  const left = createElement("div");
  left.append(createElement("p", "inside-facts", `${value.count} · ${value.range}`), grid, readout, legend);
  columns.append(left, large);
  root.replaceChildren(columns, layTake(value));
  // Drawn anew in another order, scale or language, or for another crop: still enlarged.
  const button = again === null ? null : grid.querySelector(`[data-channel="${again}"]`);
  if (button) choose(button, again);
};

watch("value", render);
watch("ack", () => settle("pick"));
watch("enlarged", () => {
  const enlarged = props.enlarged;
  if (enlarged && enlarged.ticket === ticket && chosen !== null) showEnlarged(enlarged);
});
