// Functions that the panels of the Look inside tab share; comes before the script of each of them.
// t: the sentence of a key in the language of the page, with its placeholders filled in.
const t = (key, values = {}) =>
  (props.texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
const panel = () => element.querySelector(".inside-panel");
// A typographic minus, and none before a number shown as zero.
const fixed = (number, digits) => {
  const size = Math.abs(number).toFixed(digits);
  return number < 0 && Number(size) ? `−${size}` : size;
};
const withSign = (number, digits) =>
  (number > 0 && Number(number.toFixed(digits)) ? "+" : "") + fixed(number, digits);
const decibels = (number) => (number === null ? "∞ dB" : `${fixed(number, 2)} dB`);

const button = (label, className, act) => {
  const node = createElement("button", className, label);
  node.type = "button";
  node.addEventListener("click", act);
  return node;
};
const picture = (source, alt, className) => {
  const node = createElement("img", className);
  node.src = source;
  node.alt = alt;
  node.draggable = false;
  return node;
};
const figure = (content, caption, note) => {
  const node = createElement("figure");
  const below = createElement("figcaption", "", caption);
  if (note !== undefined) below.append(createElement("small", "", note));
  node.append(below, content);
  return node;
};
const legend = (signed, left, middle, right) => {
  const node = createElement("p", "panel-legend");
  node.append(createElement("span", "", left), createElement("i", signed ? "signed" : "unsigned"));
  if (middle) node.append(createElement("span", "", middle));
  node.append(createElement("span", "", right));
  return node;
};

// Row and column under the pointer in a picture of height rows and width columns.
const placeOn = (node, event, height, width) => {
  const box = node.getBoundingClientRect();
  const along = (at, start, length, count) =>
    Math.min(Math.max(Math.floor(((at - start) / length) * count), 0), count - 1);
  return {
    row: along(event.clientY, box.top, box.height, height),
    column: along(event.clientX, box.left, box.width, width),
  };
};
// A picture on which a pixel is chosen by click, tap or the arrow keys.
const clickable = (image, label, height, width, start, choose) => {
  const node = createElement("div", "panel-target");
  node.tabIndex = 0;
  node.setAttribute("role", "button");
  node.setAttribute("aria-label", label);
  const cross = createElement("i", "panel-cross");
  let at = start;
  const mark = () => {
    cross.hidden = !at;
    if (!at) return;
    cross.style.left = `${((at.column + 0.5) / width) * 100}%`;
    cross.style.top = `${((at.row + 0.5) / height) * 100}%`;
  };
  mark();
  node.append(image, cross);
  const move = (place) => {
    at = place;
    mark();
    choose(at);
  };
  node.addEventListener("click", (event) => move(placeOn(image, event, height, width)));
  node.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const pace = event.shiftKey ? 8 : 1;
    const from = at || { row: height >> 1, column: width >> 1 };
    move({
      row: Math.min(Math.max(from.row + step[0] * pace, 0), height - 1),
      column: Math.min(Math.max(from.column + step[1] * pace, 0), width - 1),
    });
  });
  return node;
};
// A frame drawn over a picture of height rows and width columns; ranges end before their end.
const frame = (rows, columns, height, width) => {
  const node = createElement("i", "panel-frame");
  const share = (value, whole) => `${(Math.min(Math.max(value, 0), whole) / whole) * 100}%`;
  node.style.left = share(columns[0], width);
  node.style.top = share(rows[0], height);
  node.style.right = share(width - columns[1], width);
  node.style.bottom = share(height - rows[1], height);
  return node;
};

// A message instead of the panel: that there is nothing to draw, or an error.
const isMissing = (root) => {
  const value = props.value;
  if (value && !value.problem && !value.none) return false;
  const sentence = !value
    ? t("waiting")
    : value.problem
      ? value.problem[props.texts.language]
      : t("none");
  root.replaceChildren(createElement("p", value && value.problem ? "panel-problem" : "panel-hint", sentence));
  return true;
};
// Content is requested when the panel becomes visible, not before, and each time it does, because
// the picture may have changed since.
let outOfDate = true;
const lookWhenSeen = () => {
  const seen = element.getClientRects().length > 0;
  if (!seen) {
    outOfDate = true;
    if (typeof leave === "function") leave();
  }
  if (!seen || !outOfDate) return;
  outOfDate = false;
  const more = typeof lookWith === "function" ? lookWith() : {};
  turn += 1;
  trigger("look", { have: props.value ? (props.value.state ?? null) : null, turn, ...more });
};
new ResizeObserver(lookWhenSeen).observe(element);
watch("value", () => {
  // After an error no pending request will be answered.
  if (props.value && props.value.problem) for (const kind of Object.keys(inFlight)) inFlight[kind] = { since: 0, next: null };
});
watch("stale", () => {
  outOfDate = true;
  lookWhenSeen();
});
