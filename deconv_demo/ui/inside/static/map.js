// Draws the network from props.value: a column a node in order of execution, a row a size, skip
// connections as arcs above. props.chosen.layer is the chosen layer; a click, the arrow keys and
// the slider choose another one ("pick").
const SVG = "http://www.w3.org/2000/svg";
const draw = (tag, attributes) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};
// Sizes in pixels of the page; columns grow with the available width.
const LABELS = 78;
const ROW = 58;
const ABOVE = 18;
const LANE = 12;
const NARROWEST = 33;
const BY_FINGER = 50;
const WIDEST = 84;
const PLAY = 36;
const STEP_SECONDS = 0.9;
let spriteAddress = null;
let buttons = [];
let slider = null;
let chosen = null;
let playing = null;

// A short address: otherwise each node would parse the long one again.
const shortAddress = (dataAddress) => {
  const bytes = Uint8Array.from(atob(dataAddress.split(",")[1]), (letter) => letter.charCodeAt(0));
  if (spriteAddress) URL.revokeObjectURL(spriteAddress);
  spriteAddress = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  return spriteAddress;
};

const nodeOf = (layer) => {
  const nodes = props.value ? props.value.nodes : [];
  return nodes.findIndex((node) => node.layers.includes(layer));
};

const mark = (layer) => {
  chosen = layer;
  const here = nodeOf(layer);
  buttons.forEach((button, index) => {
    button.setAttribute("aria-pressed", String(index === here));
    button.tabIndex = index === Math.max(here, 0) ? 0 : -1;
  });
  if (!slider || here < 0) return;
  slider.value = here;
  slider.setAttribute("aria-valuetext", buttons[here].title);
  const [button, scroller] = [buttons[here], element.querySelector(".network-scroll")];
  const [left, right] = [button.offsetLeft - 60, button.offsetLeft + button.offsetWidth + 60];
  if (left < scroller.scrollLeft) scroller.scrollLeft = left;
  if (right > scroller.scrollLeft + scroller.clientWidth) {
    scroller.scrollLeft = right - scroller.clientWidth;
  }
};

const pick = (index, focus) => {
  const node = props.value.nodes[index];
  if (!node) return;
  if (focus) buttons[index].focus({ preventScroll: true });
  if (nodeOf(chosen) === index && chosen === node.name) return;
  mark(node.name);
  request("pick", { layer: node.name });
};

// Walks from the chosen node, or from the first again, to the last; any other action stops it.
const stop = () => {
  clearInterval(playing);
  playing = null;
  const button = element.querySelector(".network-play");
  if (!button) return;
  button.setAttribute("aria-pressed", "false");
  button.textContent = "▶";
};
const play = (button) => {
  if (playing !== null) return stop();
  const last = buttons.length - 1;
  if (nodeOf(chosen) === last) pick(0, false);
  button.setAttribute("aria-pressed", "true");
  button.textContent = "❚❚";
  playing = setInterval(() => {
    const here = nodeOf(chosen);
    // Hidden behind another tab it would walk without a viewer.
    if (!element.isConnected || !button.offsetParent) return stop();
    if (here < last) pick(here + 1, false);
    if (here + 1 >= last) stop();
  }, STEP_SECONDS * 1000);
};

// The wire between two nodes that follow each other, and the arc of a skip connection.
const wire = (from, to, size) => {
  const gap = size / 2 + 3;
  if (from.y === to.y) return `M${from.x + gap} ${from.y}H${to.x - gap}`;
  const turn = (from.x + to.x) / 2;
  return `M${from.x + gap} ${from.y}H${turn}V${to.y}H${to.x - gap}`;
};
const arc = (from, to, size, lane) => {
  const start = from.y - size / 2 - 3;
  const end = to.y - size / 2 - 3;
  const over = Math.min(start, end) - 3 - LANE * lane;
  const bend = Math.min(26, (to.x - from.x) / 2);
  return `M${from.x} ${start}C${from.x} ${over} ${from.x + 4} ${over} ${from.x + bend} ${over}` +
    `H${to.x - bend}C${to.x - 4} ${over} ${to.x} ${over} ${to.x} ${end}`;
};
// An arc rises above those that it spans and that start or end on its own row: 1, 2, ...
const lanesOf = (wires, row) => {
  const lanes = new Map();
  const skips = wires.filter((wire) => wire.skip);
  skips.sort((one, other) => one.to - one.from - (other.to - other.from));
  for (const skip of skips) {
    const top = Math.min(row(skip.from), row(skip.to));
    const below = [...lanes].filter(
      ([other]) => other.from < skip.to && skip.from < other.to
        && Math.min(row(other.from), row(other.to)) === top,
    );
    lanes.set(skip, 1 + Math.max(0, ...below.map(([, lane]) => lane)));
  }
  return lanes;
};

const render = () => {
  const root = element.querySelector(".network");
  if (!root) return;
  const value = props.value;
  stop();
  buttons = [];
  slider = null;
  if (!value || !value.nodes) {
    root.replaceChildren();
    return;
  }
  const count = value.nodes.length + 2;
  const room = (root.clientWidth || 1100) - LABELS - 4;
  // If not all columns fit, they scroll, and may as well be large enough for a finger.
  const pitch = room / count < NARROWEST ? BY_FINGER : Math.min(WIDEST, room / count);
  const size = Math.min(44, Math.round(pitch * 0.8));
  const width = Math.round(LABELS + pitch * count);
  const row = (index) => {
    if (index === 0) return value.ends[0].row;
    return index === count - 1 ? value.ends[1].row : value.nodes[index - 1].row;
  };
  const lanes = lanesOf(value.wires, row);
  const above = ABOVE + LANE * Math.max(0, ...[...lanes].map(([skip, lane]) =>
    (Math.min(row(skip.from), row(skip.to)) === 0 ? lane : 0)));
  const height = above + ROW * value.rows.length;
  const places = Array.from({ length: count }, (_, index) => ({
    x: LABELS + pitch * (index + 0.5),
    y: above + ROW * row(index) + size / 2 + 2,
  }));

  const svg = draw("svg", { width, height, "aria-hidden": "true" });
  value.rows.forEach((label, index) => {
    const y = above + ROW * index + size / 2 + 2;
    svg.append(draw("line", { class: "level", x1: LABELS, x2: width, y1: y, y2: y }));
    const text = draw("text", { class: "level", x: 0, y: y + 4 });
    text.textContent = label;
    svg.append(text);
  });
  for (const edge of value.wires) {
    const { from, to, skip, join } = edge;
    const [start, end] = [places[from], places[to]];
    if (!skip) {
      svg.append(draw("path", { class: "wire", d: wire(start, end, size) }));
      continue;
    }
    svg.append(draw("path", { class: "skip", d: arc(start, end, size, lanes.get(edge)) }));
    const at = { cx: end.x, cy: end.y - size / 2 - 8 };
    svg.append(draw("circle", { class: "join", r: 6.5, ...at }));
    const sign = draw("text", { class: "join", x: at.cx, y: at.cy + 4 });
    sign.textContent = { add: "+", concat: "‖", multiply: "×", subtract: "−" }[join] ?? "";
    svg.append(sign);
  }

  const canvas = createElement("div", "network-canvas");
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.style.setProperty("--sprite", `url(${shortAddress(value.sprite)})`);
  canvas.style.setProperty("--tiles", count);
  canvas.style.setProperty("--size", `${size}px`);
  canvas.append(svg);
  const put = (node, index) => {
    node.style.left = `${places[index].x - size / 2}px`;
    node.style.top = `${places[index].y - size / 2}px`;
    node.style.setProperty("--tile", index);
    canvas.append(node);
  };
  value.ends.forEach((end, index) => {
    const picture = createElement("span", "network-end");
    picture.setAttribute("role", "img");
    picture.title = end.title;
    picture.setAttribute("aria-label", end.title);
    put(picture, index === 0 ? 0 : count - 1);
  });
  buttons = value.nodes.map((node, index) => {
    const button = createElement("button", "network-node");
    button.type = "button";
    button.dataset.layer = node.name;
    button.dataset.kind = node.kind;
    button.title = node.title;
    button.setAttribute("aria-label", node.title);
    button.append(createElement("span", "channels", String(node.channels)));
    button.addEventListener("click", () => {
      stop();
      pick(index, true);
    });
    put(button, index + 1);
    return button;
  });
  canvas.setAttribute("role", "group");
  canvas.setAttribute("aria-label", value.label);
  canvas.addEventListener("keydown", (event) => {
    const here = buttons.indexOf(document.activeElement);
    const last = buttons.length - 1;
    const to = {
      ArrowRight: here + 1,
      ArrowDown: here + 1,
      ArrowLeft: here - 1,
      ArrowUp: here - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (here < 0 || to === undefined) return;
    event.preventDefault();
    stop();
    pick(Math.min(Math.max(to, 0), last), true);
  });
  const scroller = createElement("div", "network-scroll");
  scroller.append(canvas);

  slider = createElement("input", "network-slider");
  slider.type = "range";
  slider.min = 0;
  slider.max = buttons.length - 1;
  slider.setAttribute("aria-label", value.slider);
  slider.addEventListener("input", () => {
    stop();
    pick(Number(slider.value), false);
  });
  if (width <= root.clientWidth) {
    // The thumb, 20 pixels wide, stands below the node it chooses.
    slider.style.marginLeft = `${places[1].x - 10 - PLAY}px`;
    slider.style.flex = `0 0 ${places[count - 2].x - places[1].x + 20}px`;
  }
  const starter = createElement("button", "network-play", "▶");
  starter.type = "button";
  starter.title = value.play;
  starter.setAttribute("aria-label", value.play);
  starter.setAttribute("aria-pressed", "false");
  starter.style.flexBasis = `${PLAY}px`;
  starter.addEventListener("click", () => play(starter));
  const walk = createElement("div", "network-walk");
  walk.append(starter, slider);
  const legend = createElement("p", "network-legend");
  for (const [kind, label] of value.legend) {
    const item = createElement("span");
    const swatch = createElement("i");
    swatch.dataset.kind = kind;
    item.append(swatch, label);
    legend.append(item);
  }
  if (value.wires.some((one) => one.skip)) {
    const item = createElement("span");
    item.append(createElement("i", "skip"), value.skip);
    legend.append(item);
  }
  root.replaceChildren(scroller, walk, legend);
  mark(chosen ?? props.chosen?.layer);
};

render();
watch("value", render);
watch("chosen", () => mark(props.chosen.layer));
watch("ack", () => settle("pick"));
// A tab that is not open has no width; and a window may change its own.
let drawnWidth = 0;
new ResizeObserver(() => {
  const width = element.querySelector(".network")?.clientWidth ?? 0;
  if (!width || width === drawnWidth) return;
  drawnWidth = width;
  render();
}).observe(element);
