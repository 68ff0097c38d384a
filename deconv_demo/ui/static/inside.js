// Draws the grid of feature maps from props.value, and one enlarged map from props.enlarged.
// All maps lie in one picture, set once as a CSS variable; each button shows its part of it.
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
let chosen = null;

const showEnlarged = (picture, caption) => {
  const panel = element.querySelector(".inside-large");
  if (!panel) return;
  const image = make("img");
  image.src = picture;
  image.alt = caption;
  panel.replaceChildren(image, make("p", "", caption));
};

const choose = (button, channel) => {
  const before = element.querySelector(".inside-map[aria-pressed=true]");
  if (before) before.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-pressed", "true");
  chosen = channel;
  trigger("pick", { channel });
};

const draw = () => {
  const root = element.querySelector(".inside");
  if (!root) return;
  const value = props.value;
  if (!value || !value.maps) {
    root.replaceChildren();
    return;
  }
  const facts = make("p", "inside-facts", value.facts.join(" · "));
  const what = make("p", "inside-what", value.what);
  const grid = make("div", "inside-grid");
  grid.style.setProperty("--atlas", `url(${value.picture})`);
  grid.style.setProperty("--columns", value.columns);
  grid.style.setProperty("--rows", value.rows);
  const buttons = value.maps.map((map, index) => {
    const button = make("button", "inside-map");
    button.type = "button";
    button.title = map.title;
    button.setAttribute("aria-label", map.title);
    button.setAttribute("aria-pressed", "false");
    button.dataset.channel = map.channel;
    button.tabIndex = index === 0 ? 0 : -1;
    button.style.setProperty("--column", index % value.columns);
    button.style.setProperty("--row", Math.floor(index / value.columns));
    button.append(make("span", "", String(map.channel)));
    button.addEventListener("click", () => choose(button, map.channel));
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
  const legend = make("p", "inside-legend");
  legend.append(make("i", value.signed ? "signed" : "unsigned"), value.legend);
  const large = make("div", "inside-large");
  large.setAttribute("aria-live", "polite");
  large.append(make("p", "hint", value.choose));
  const columns = make("div", "inside-columns");
  const left = make("div");
  left.append(grid, legend);
  columns.append(left, large);
  root.replaceChildren(what, facts, columns);
  chosen = null;
};
draw();
watch("value", draw);
watch("enlarged", () => {
  const enlarged = props.enlarged;
  if (enlarged && chosen !== null) showEnlarged(enlarged.picture, enlarged.caption);
});
